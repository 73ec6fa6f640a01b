"""What the user names: a pool, languages that must or must not be in, targets, quotas, criteria, measurements."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from mslt_cli.criteria import (
    DEFAULT,
    OF_DISTANCES,
    OF_EMBEDDINGS,
    OF_RUNS,
    OF_TARGETS,
    OF_VOCABULARIES,
    OWN_VECTORS,
    URIEL_PLUS,
    Criterion,
    find_criterion,
)
from mslt_cli.errors import MissingFactsError, UnknownNameError, UsageError
from mslt_cli.languages.pools import Member, Pool, languages_in, names_in
from mslt_cli.languages.resolver import NEAR, Language, Resolver, fold
from mslt_cli.languages.subtags import macrolanguage, standard
from mslt_cli.store import languages as facts
from mslt_cli.store.db import Store
from mslt_cli.tasks import TASKS, find_task

MOST_NAMED = 5
"""Languages that a message names before it says how many more there are."""


class Aim(NamedTuple):
    """What a combination should do: be diverse, be near to the targets, or both."""

    targets: tuple[Member, ...] = ()
    cover: float = 0.0
    """Share of nearness to the targets in the value, 0..1: 0 = diverse (the paper's), 1 = cover."""
    smallest: bool = False
    """Whether diversity is the smallest pair distance instead of their sum."""
    mean: bool = False
    """Whether all sources count for a target, and not the best one; of `transfer` alone."""
    diverse: bool = False
    """Whether the user asked for diversity, and did not leave the objective open."""


class Measured(NamedTuple):
    """Which measurements of which model criteria read (of text, of sentences, `size`); None = what is stored."""

    model: str | None = None
    """Default of `size`: xlm-r."""
    task: str | None = None
    """Whose text `vocab` and the overlaps are about."""
    corpus: str | None = None
    """Whose sentences `embedding` and `nn-rank` are about."""
    split: str | None = None
    """Of the task or corpus. Default: train, or what is stored."""
    limit: int | None = None
    """Rows a language that were read. Default: all."""
    layer: int | None = None
    """Of the embeddings. Default: the last."""
    prefix: str = ""
    """Of the sentences that were embedded."""
    special_tokens: bool = True
    """Whether they count in the embeddings."""
    source: str | None = None
    """Whose runs of the model and task foretell scores: "runs" or "shipped". Default: own ones, where there are any."""
    examples: int | None = None
    """Budget of these runs. Default: the one that all have."""
    where: Mapping[str, str] = {}
    """Settings that they have: {"learning_rate": "1e-4"}."""
    matrix: Path | None = None
    """A file of single-source scores that takes the place of runs."""


class Candidates:
    """The pool on its way from what the user named to what can be ranked, and notes on what was left out."""

    def __init__(self, members: Sequence[Member]) -> None:
        self.pool = Pool.of(members)
        self.notes: list[str] = []

    def exclude(self, names: Sequence[str], resolver: Resolver) -> None:
        """Leave out the languages of --exclude."""
        positions = {code: i for i, code in enumerate(self.pool.codes)}
        languages = resolver.resolve_all(names)
        given = [(name, positions.get(row.iso639_3)) for name, row in zip(names, languages, strict=True)]
        self.notes += [f"{name!r} of --exclude is not in the pool anyway." for name, i in given if i is None]
        self.pool = self.pool.without([i for _, i in given if i is not None])

    def leave_out_targets(self, aim: Aim) -> None:
        """Leave out the targets, on which nothing is trained; UsageError: the user named one as a source as well.

        A target under another code (arb for ar) is left out of named pools alone; see `note_readings`.
        """
        codes = {target.language.iso639_3 for target in aim.targets}
        languages = {standard(code) for code in codes}
        members = self.pool.members
        if named := [m.label for m in members if not m.named and m.language.iso639_3 in codes]:
            raise UsageError(
                f"{', '.join(named)} cannot be source and target at once. Name it in --pool or in --target."
            )
        both = [i for i, m in enumerate(members) if m.named and standard(m.language.iso639_3) in languages]
        if both:
            self.notes.append(f"left the targets {', '.join(self.pool.labels[i] for i in both)} out of the pool.")
        self.pool = self.pool.without(both)

    def note_readings(self, aim: Aim) -> None:
        """Say which spellings are old codes or mean something else elsewhere, and what is one language twice."""
        sources = self.pool.members
        asked = [member for member in sources if not member.named]
        self.notes += [member.language.note for member in (*asked, *aim.targets) if member.language.note]
        seen: dict[str, Member] = {}
        for member in asked:
            if (first := seen.setdefault(standard(member.language.iso639_3), member)) is not member:
                self.notes.append(
                    f"{first.label} and {member.label} are codes of one language: it is in the pool twice."
                )
        for target in aim.targets:
            code = target.language.iso639_3
            codes = {member.label: member.language.iso639_3 for member in sources}
            twice = [label for label, other in codes.items() if standard(other) == standard(code)]
            if twice:
                self.notes.append(
                    f"the source {listed(twice)} and the target {target.label} are codes of one language: it does not "
                    "count as near to that target, which is no unseen language."
                )
            parts = [label for label, other in codes.items() if macrolanguage(other) == code and label not in twice]
            wholes = [label for label, other in codes.items() if macrolanguage(code) == other and label not in twice]
            if whole := target.label if parts else "".join(wholes):
                self.notes.append(
                    f"{whole} is the macrolanguage of {listed(parts or [target.label])}: "
                    f"data that are labelled {whole} may hold either."
                )

    def leave_out(self, lacking: Sequence[int], lack: str) -> None:
        """Leave out languages of named pools; MissingFactsError: the user asked for one of them in particular."""
        members = [self.pool.members[i] for i in lacking]
        asked = [f"{m.language.name} ({m.label})" for m in members if not m.named]
        if asked:
            more = f" and {len(asked) - MOST_NAMED} more" if len(asked) > MOST_NAMED else ""
            has, them = ("has", "it") if len(asked) == 1 else ("have", "them")
            raise MissingFactsError(f"{', '.join(asked[:MOST_NAMED])}{more} {has} {lack}. Drop {them} from the pool.")
        self.drop(lacking, lack)

    def drop(self, positions: Sequence[int], why: str) -> None:
        """Leave out languages with a note, whether or not the user asked for them."""
        if positions:
            named = listed([self.pool.labels[i] for i in positions])
            self.notes.append(f"left out {len(positions)} of {len(self.pool)} languages with {why}: {named}")
        self.pool = self.pool.without(positions)


def listed(labels: Sequence[str]) -> str:
    """The first of some labels, by comma."""
    return ", ".join([*labels[:MOST_NAMED], *(["..."] if len(labels) > MOST_NAMED else [])])


def members_of(store: Store, pool: str | Sequence[str]) -> list[Member]:
    """The languages that a pool names: spellings, named pools, `@file`, `-`; an error names what there is not."""
    names = languages_in(pool)
    if not names:
        raise UsageError("The pool is empty. Give languages by comma (--pool ar,de,en), a pool's name, @file or -.")
    pools, resolver = facts.pool_names(store), facts.resolver(store)
    members: list[Member] = []
    unknown: list[UnknownNameError] = []
    for name in names:
        if name.startswith("task:"):
            members += _task_members(name.removeprefix("task:"), pools, resolver)
        elif name.casefold() in pools:
            languages = facts.pool(store, name.casefold())
            members += [Member(row.iso639_1 or row.iso639_3, row, named=True) for row in languages]
        elif name.casefold() in TASKS and not resolver.find(fold(name)):  # pud is a language as well
            raise UnknownNameError("pool or language", name, [f"task:{name.casefold()}"])
        else:
            try:
                members.append(Member(name, resolver.resolve(name)))
            except UnknownNameError as error:
                near = get_close_matches(name.casefold(), pools, n=1, cutoff=NEAR)
                unknown.append(UnknownNameError("pool or language", name, near) if near else error)
    if unknown:
        raise UnknownNameError.of(unknown)
    return members


def _task_members(name: str, pools: Sequence[str], resolver: Resolver) -> list[Member]:
    """All languages of a task, by its own codes where they mean the same elsewhere.

    A language without an ISO code of its own is under the task's, of which neither facts nor vectors are known.
    """
    try:
        task = find_task(name)
    except UnknownNameError as error:
        raise UnknownNameError("pool", f"task:{name}", pools) from error
    languages = {iso: resolver.resolve(iso) for iso in task.languages}
    languages |= {iso: Language(task.code(iso), None, name, None, None) for iso, name in task.without_iso.items()}
    meant = {iso: resolver.find(fold(task.code(iso))) for iso in languages}
    labels = {
        iso: task.code(iso) if meant[iso] == row else row.iso639_1 or row.iso639_3 for iso, row in languages.items()
    }
    return [Member(labels[iso], row, named=True) for iso, row in languages.items()]


def read_aim(
    target: Sequence[str], resolver: Resolver, *, objective: str | None, share: float | None, smallest: bool
) -> Aim:
    """The targets, and how much of the value is nearness to them; UsageError: options that do not go together."""
    if objective not in (None, "diverse", "cover", "mean"):
        raise UsageError(f"--objective is {objective!r}; it can be diverse, cover or mean.")
    if share is not None and objective is not None:
        raise UsageError("--lambda mixes the objectives diverse (0) and cover (1): leave --objective out.")
    if share is not None and not 0 <= share <= 1:
        raise UsageError(f"--lambda is {share:g}; it has to be between 0 (diverse) and 1 (cover).")
    cover = share if share is not None else float(objective == "cover")
    targets: dict[str, Member] = {}
    for name, language in zip(target, resolver.resolve_all(target), strict=True):
        targets.setdefault(language.iso639_3, Member(name, language))
    if not targets and (share is not None or objective == "cover"):
        raise UsageError("Covering needs targets: --target id,ko.")
    return Aim(tuple(targets.values()), cover, smallest, objective == "mean", objective == "diverse")


def find_positions(pool: Pool, include: Sequence[str], resolver: Resolver) -> tuple[int, ...]:
    """Where the languages of --include stand in the pool; UsageError: one is not in it, or is named twice."""
    fixed: list[int] = []
    for name, language in zip(include, resolver.resolve_all(include), strict=True):
        if language.iso639_3 not in pool.codes:
            raise UsageError(f"{name!r} of --include ({language.name}) is not in the pool. Add it to --pool.")
        if (position := pool.codes.index(language.iso639_3)) in fixed:
            raise UsageError(f"--include names {language.name} ({language.iso639_3}) twice. Give it once.")
        fixed.append(position)
    return tuple(sorted(fixed))


def read_criteria(by: Sequence[str], own_vectors: bool, kept: Sequence[str] = ()) -> list[Criterion]:
    """The criteria that are named, else the default; `kept` are the names of the sets of vectors in the store.

    Raises:
        UnknownNameError, UsageError, MissingFactsError: there is none of a name; one is named twice, or `vectors`
            without a file; or the vectors of URIEL+ were not fetched.
    """
    criteria: list[Criterion] = []
    for name in names_in(by) or [OWN_VECTORS.name if own_vectors else DEFAULT]:
        if name == OWN_VECTORS.name or name in kept:
            criterion = OWN_VECTORS._replace(name=name)
        elif name.startswith(URIEL_PLUS) and not any(other.startswith(URIEL_PLUS) for other in kept):
            raise MissingFactsError(f"{name} is not in the store. Run `mslt fetch vectors --uriel-plus` first.")
        else:
            criterion = find_criterion(name, kept)
        if criterion == OWN_VECTORS and not own_vectors:
            raise UsageError("--by vectors needs --vectors FILE.")
        if criterion in criteria:
            raise UsageError(f"--by names {criterion.name} twice. Give it once.")
        criteria.append(criterion)
    return criteria


def notes_on_unread(criteria: Sequence[Criterion], aim: Aim, measured: Measured) -> list[str]:
    """Notes on what was asked for and none of the criteria reads."""
    kinds = {row.kind for row in criteria}
    of_models = {*OF_VOCABULARIES, *OF_EMBEDDINGS}
    of_data: list[tuple[str, object]] = [("--task", measured.task)] if not kinds & {*of_models, *OF_RUNS} else []
    if not kinds & of_models:
        of_data += [("--split", measured.split), ("--limit", measured.limit)]
    if not kinds & {*OF_EMBEDDINGS}:
        of_data += [("--corpus", measured.corpus), ("--layer", measured.layer), ("--prefix", measured.prefix or None)]
    of_runs: list[tuple[str, object]] = [("--source", measured.source), ("--examples", measured.examples)]
    of_runs += [("--where", measured.where or None), ("--matrix", measured.matrix)]
    unread = [(option, "what models measured") for option, given in of_data if given is not None]
    if not kinds & {*OF_RUNS}:
        unread += [(option, "scores") for option, given in of_runs if given is not None]
    notes = [f"{option} has no effect: none of these criteria reads {what}." for option, what in unread]
    if (aim.mean and "transfer" not in kinds) or (aim.cover and kinds == {"foretold"}):
        notes.append("--objective has no effect: none of these criteria reads it.")
    if aim.diverse and kinds <= {*OF_TARGETS, *OF_RUNS}:
        notes.append("--objective diverse has no effect: none of these criteria says how different sources are.")
    if aim.smallest and not kinds & {*OF_DISTANCES}:
        notes.append("--maximize min has no effect: none of these criteria reads distances.")
    if aim.targets and not kinds & {"typology", "own_vectors", *of_models, *OF_RUNS}:
        notes.append("the targets are left out of the pool and no more: no criterion here says how near they are.")
    return notes
