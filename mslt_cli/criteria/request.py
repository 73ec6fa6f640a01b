"""What the user names: a pool, languages that must or must not be in, targets, criteria."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mslt_cli.criteria import DEFAULT, OWN_VECTORS, Criterion, criterion
from mslt_cli.criteria.evidence import Aim
from mslt_cli.errors import UnknownNameError, UsageError
from mslt_cli.languages.pools import Member, Pool, expand_files, split_names
from mslt_cli.store import languages as facts
from mslt_cli.store.db import Store
from mslt_cli.tasks import TASKS


def names_in(given: str | Sequence[str]) -> list[str]:
    """Names out of lists by comma."""
    return [name for text in ([given] if isinstance(given, str) else given) for name in split_names(text)]


def members_of(store: Store, pool: str | Sequence[str], read_stdin: Callable[[], str]) -> list[Member]:
    """The languages that a pool names: spellings, named pools, `@file`, `-`.

    Raises:
        UnknownNameError: there is no such language or pool.
        UsageError: there is no name.
    """
    names = expand_files(names_in(pool), read_stdin)
    if not names:
        raise UsageError("The pool is empty. Give languages by comma (--pool ar,de,en), a pool's name, @file or -.")
    pools = {*facts.pool_names(store), *facts.model_names(store), "all"}
    members: list[Member] = []
    for name in names:
        if name.casefold() in pools:
            codes = set(_codes_of(store, name.casefold()))
            members += [
                Member(language.iso639_1 or language.iso639_3, language, named=True)
                for language in facts.all_languages(store)
                if language.iso639_3 in codes
            ]
        elif name.startswith("task:"):
            members += _task_members(store, name.removeprefix("task:"), sorted(pools))
        elif name.casefold() in TASKS:
            raise UnknownNameError("pool or language", name, [f"task:{name.casefold()}"])
        else:
            members.append(Member(name, facts.resolver(store).resolve(name)))
    return members


def _task_members(store: Store, name: str, pools: Sequence[str]) -> list[Member]:
    """The sources of a user's own task, or all its languages."""
    if not name.endswith(".toml"):
        raise UnknownNameError("pool", f"task:{name}", pools)
    from mslt_cli.tasks import find_task

    task = find_task(name)
    known = {language.iso639_3: language for language in facts.all_languages(store)}
    return [Member(task.code(iso), known[iso], named=True) for iso in task.sources or task.languages]


def _codes_of(store: Store, pool: str) -> Sequence[str]:
    if pool == "all":
        return facts.all_codes(store)
    if pool in facts.model_names(store):
        return facts.models_languages(store, pool)
    return facts.pool(store, pool)


def without(store: Store, pool: Pool, exclude: str | Sequence[str], notes: list[str]) -> Pool:
    """The pool less the languages of --exclude."""
    gone: list[int] = []
    for name in names_in(exclude):
        code = facts.resolver(store).resolve(name).iso639_3
        if code in pool.codes:
            gone.append(pool.codes.index(code))
        else:
            notes.append(f"{name!r} of --exclude is not in the pool anyway.")
    return pool.without(gone)


def aim_of(
    store: Store, target: str | Sequence[str], objective: str | None, share: float | None, smallest: bool
) -> Aim:
    """The targets, and how much of the value is nearness to them."""
    if objective not in (None, "diverse", "cover"):
        raise UsageError(f"--objective is {objective!r}; it can be diverse or cover.")
    if share is not None and objective is not None:
        raise UsageError("--lambda mixes the objectives diverse (0) and cover (1): leave --objective out.")
    if share is not None and not 0 <= share <= 1:
        raise UsageError(f"--lambda is {share:g}; it has to be between 0 (diverse) and 1 (cover).")
    cover = share if share is not None else float(objective == "cover")
    targets: dict[str, Member] = {}
    for name in names_in(target):
        member = Member(name, facts.resolver(store).resolve(name))
        targets.setdefault(member.language.iso639_3, member)
    if not targets and (share is not None or objective == "cover"):
        raise UsageError("Covering needs targets: --target id,ko.")
    return Aim(tuple(targets.values()), cover, smallest)


def without_targets(pool: Pool, aim: Aim, notes: list[str]) -> Pool:
    """A target is a language that nothing is trained on."""
    codes = {target.language.iso639_3 for target in aim.targets}
    both = [i for i, code in enumerate(pool.codes) if code in codes]
    asked = [pool.labels[i] for i in both if not pool.members[i].named]
    if asked:
        raise UsageError(f"{', '.join(asked)} cannot be source and target at once. Name it in --pool or in --target.")
    if both:
        notes.append(f"left the targets {', '.join(pool.labels[i] for i in both)} out of the pool.")
    return pool.without(both)


def positions(store: Store, pool: Pool, include: str | Sequence[str]) -> tuple[int, ...]:
    """Where the languages of --include stand in the pool."""
    codes = {code: i for i, code in enumerate(pool.codes)}
    fixed: list[int] = []
    for name in names_in(include):
        language = facts.resolver(store).resolve(name)
        if language.iso639_3 not in codes:
            raise UsageError(f"{name!r} of --include ({language.name}) is not in the pool. Add it to --pool.")
        if codes[language.iso639_3] in fixed:
            raise UsageError(f"--include names {language.name} ({language.iso639_3}) twice. Give it once.")
        fixed.append(codes[language.iso639_3])
    return tuple(sorted(fixed))


def criteria_of(by: Sequence[str], own_vectors: bool) -> list[Criterion]:
    """The criteria that are named; the default if none is."""
    names = [name for text in by for name in split_names(text)] or [OWN_VECTORS.name if own_vectors else DEFAULT]
    rows: list[Criterion] = []
    for name in names:
        if name == OWN_VECTORS.name:
            if not own_vectors:
                raise UsageError("--by vectors needs --vectors FILE.")
            row = OWN_VECTORS
        else:
            row = criterion(name)
        if row in rows:
            raise UsageError(f"--by names {row.name} twice. Give it once.")
        rows.append(row)
    return rows
