"""What the store knows of a pool under each criterion: facts → an objective that a search can rank by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mslt_cli.criteria import OWN_VECTORS, Criterion
from mslt_cli.criteria.pretraining import pretraining_size, size_of, size_unit
from mslt_cli.criteria.typology import cosines, diversity
from mslt_cli.criteria.writing import distinct_scripts, writing_system
from mslt_cli.errors import MissingFactsError, UnknownNameError, UsageError
from mslt_cli.languages.pools import Member, Pool
from mslt_cli.search.constraints import Caps, Wanted
from mslt_cli.search.covers import Coverage, Nearest, TargetCoverage
from mslt_cli.search.objective import Lot, Mixed, Objective, PairSum
from mslt_cli.store import languages as facts
from mslt_cli.store.db import Store
from mslt_cli.store.vectors import read_vectors, vector_set_info, without_vector

if TYPE_CHECKING:
    from mslt_cli.own_vectors import OwnVectors
    from mslt_cli.store.measured import EmbeddingSet, Vocabulary, VocabularySet

Floats = NDArray[np.float64]

DEFAULT_SIZES = "xlm-r"
"""Whose pretraining data `size` means if no model is named."""
FIRST_SPLIT = "train"


@dataclass(frozen=True)
class Aim:
    """What a combination should do: be diverse, be near to the targets, or both."""

    targets: tuple[Member, ...] = ()
    cover: float = 0.0
    """Share of nearness to the targets in the value, 0..1: 0 = diverse (the paper's), 1 = cover."""
    smallest: bool = False
    """Whether diversity is the smallest pair distance instead of their sum."""


@dataclass(frozen=True)
class Measured:
    """Which measurements of which model the criteria `vocab`, `embedding` and `size` read."""

    model: str | None = None
    task: str | None = None
    corpus: str | None = None
    layer: int | None = None


@dataclass(frozen=True)
class Evidence:
    """What one criterion knows about the pool."""

    criterion: Criterion
    objective: Objective
    unit: str
    provenance: str
    """Where its facts are from, with versions."""
    measured: Floats | None = None
    """Share of each language's vector that was observed, 0..1, shape (n,); None if it reads no vectors."""
    toward: Nearest | TargetCoverage | None = None
    """How the pool's languages stand to the targets, if there are any and the criterion can tell."""


def gather(
    store: Store,
    pool: Pool,
    rows: Sequence[Criterion],
    aim: Aim,
    which: Measured,
    own: OwnVectors | None,
    notes: list[str],
) -> tuple[Pool, list[Evidence]]:
    """Read what the criteria need; languages of named pools that lack it are left out, others are an error.

    Raises:
        MissingFactsError: a language that the user named, or a target, lacks what a criterion reads.
        UnknownNameError: there is no such model.
        UsageError: a criterion cannot do what the aim asks, or nothing is left of the pool.
    """
    sources = [_Source.of(store, row, which, own) for row in rows]
    for source in sources:
        pool = drop(pool, source.lacking(pool.members), source.reason, notes)
        if gone := source.lacking(aim.targets):
            names = ", ".join(f"{aim.targets[i].language.name} ({aim.targets[i].label})" for i in gone)
            has = "has" if len(gone) == 1 else "have"
            raise MissingFactsError(f"{names} of --target {has} {source.reason}. Choose other targets.")
    if not len(pool):
        raise UsageError("No language is left in the pool.")
    return pool, [source.evidence(pool, aim) for source in sources]


def finished(evidence: Evidence, wanted: Wanted, seed: int) -> Evidence:
    """A lot is drawn once the pool and k are settled."""
    if not isinstance(evidence.objective, Lot):
        return evidence
    return replace(evidence, objective=Lot(wanted.n, wanted.k, seed, wanted.fixed), provenance=f"seed {seed}")


def drop(pool: Pool, lacking: list[int], reason: str, notes: list[str]) -> Pool:
    """The pool less the languages that lack something: a note for those of named pools, an error for others."""
    asked = [pool.members[i] for i in lacking if not pool.members[i].named]
    if asked:
        who = ", ".join(f"{m.language.name} ({m.label})" for m in asked[:5])
        more = f" and {len(asked) - 5} more" if len(asked) > 5 else ""
        has = "has" if len(asked) == 1 else "have"
        raise MissingFactsError(
            f"{who}{more} {has} {reason}. Drop {'it' if len(asked) == 1 else 'them'} from the pool."
        )
    if lacking:
        some = ", ".join(pool.labels[i] for i in lacking[:5]) + (", ..." if len(lacking) > 5 else "")
        notes.append(f"left out {len(lacking)} of {len(pool)} languages with {reason}: {some}")
    return pool.without(lacking)


# -- quotas ----------------------------------------------------------------------------------------


def with_known_quotas(pool: Pool, max_per_family: int | None, distinct: bool, notes: list[str]) -> Pool:
    """The pool less what a quota cannot be applied to."""
    if max_per_family is not None:
        if max_per_family < 1:
            raise UsageError(f"--max-per-family is {max_per_family}; it has to be at least 1.")
        lacking = [i for i, m in enumerate(pool.members) if not m.language.family]
        pool = drop(pool, lacking, "no known family", notes)
    if distinct:
        lacking = [i for i, m in enumerate(pool.members) if not m.language.script]
        pool = drop(pool, lacking, "no known script", notes)
    return pool


def quotas(pool: Pool, max_per_family: int | None, distinct: bool) -> tuple[Caps, ...]:
    """The quotas as caps on labels."""
    caps: list[Caps] = []
    if max_per_family is not None:
        families = [m.language.family or "" for m in pool.members]
        caps.append(Caps(np.unique(families, return_inverse=True)[1], max_per_family))
    if distinct:
        systems = [writing_system(m.language.script or "") for m in pool.members]
        caps.append(Caps(np.unique(systems, return_inverse=True)[1], 1))
    return tuple(caps)


# -- where each kind of criterion finds its facts ----------------------------------------------------


class _Source:
    """Where a criterion's facts are; one subclass for each thing that a criterion can read."""

    reason = ""
    """What a language has that lacks the facts: "no known script"."""

    def __init__(self, store: Store, row: Criterion, which: Measured) -> None:
        self.store, self.row, self.which = store, row, which
        self.open()

    @staticmethod
    def of(store: Store, row: Criterion, which: Measured, own: OwnVectors | None) -> _Source:
        """The source of a criterion."""
        return _Own(store, row, which, own) if row is OWN_VECTORS and own else _SOURCES[row.reads](store, row, which)

    def open(self) -> None:
        """Find out which facts are meant."""

    def lacking(self, members: Sequence[Member]) -> list[int]:
        """Positions of those that lack what is read."""
        return []

    def evidence(self, pool: Pool, aim: Aim) -> Evidence:
        """What is known of the pool."""
        raise AssertionError

    def no_targets(self, aim: Aim) -> None:
        """Refuse to rank by nearness to the targets."""
        if aim.cover:
            raise UsageError(
                f"{self.row.name} does not say how near languages are, so --objective cover cannot rank by it. "
                "Use l2v-syntax, another l2v criterion, embedding or vocab."
            )


class _Nothing(_Source):
    def evidence(self, pool: Pool, aim: Aim) -> Evidence:
        self.no_targets(aim)
        return Evidence(self.row, Lot(len(pool), 1, 0), self.row.unit, "seed")


class _Scripts(_Source):
    reason = "no known script"

    def lacking(self, members: Sequence[Member]) -> list[int]:
        return [i for i, member in enumerate(members) if not member.language.script]

    def evidence(self, pool: Pool, aim: Aim) -> Evidence:
        self.no_targets(aim)
        scripts = [m.language.script or "" for m in pool.members]
        return Evidence(self.row, distinct_scripts(scripts), self.row.unit, "data/langs")


class _Sizes(_Source):
    def open(self) -> None:
        self.model = table_of(self.store, self.which.model or DEFAULT_SIZES)
        self.table = facts.pretraining_sizes(self.store, self.model)
        self.reason = f"no size in the pretraining table of {self.model}"

    def _size(self, member: Member) -> float | None:
        return size_of(self.table, member.language.iso639_3, member.language.script_asked)

    def lacking(self, members: Sequence[Member]) -> list[int]:
        return [i for i, member in enumerate(members) if self._size(member) is None]

    def evidence(self, pool: Pool, aim: Aim) -> Evidence:
        self.no_targets(aim)
        amounts = [self._size(member) or 0.0 for member in pool.members]
        return Evidence(
            self.row, pretraining_size(amounts), size_unit(self.table), f"pretraining table of {self.model}"
        )


class _Vectors(_Source):
    def open(self) -> None:
        self.reason = f"no known {self.row.name} vector in URIEL"

    def lacking(self, members: Sequence[Member]) -> list[int]:
        codes = [member.language.iso639_3 for member in members]
        missing = set(without_vector(self.store, self.row.vector_set, codes))
        return [i for i, code in enumerate(codes) if code in missing]

    def evidence(self, pool: Pool, aim: Aim) -> Evidence:
        info = vector_set_info(self.store, self.row.vector_set)
        found = read_vectors(self.store, self.row.vector_set, pool.codes)
        toward = None
        if aim.targets:
            codes = [target.language.iso639_3 for target in aim.targets]
            toward = Nearest(cosines(found.matrix, read_vectors(self.store, self.row.vector_set, codes).matrix))
        objective, unit = aimed(diversity(found.matrix, smallest=aim.smallest), toward, aim, self.row.unit)
        provenance = f"{info.name} ({info.provider} {info.provider_version})"
        return Evidence(self.row, objective, unit, provenance, found.measured_share, toward)


class _Own(_Source):
    reason = "no row in the --vectors file"

    def __init__(self, store: Store, row: Criterion, which: Measured, own: OwnVectors) -> None:
        super().__init__(store, row, which)
        self.own = own

    def lacking(self, members: Sequence[Member]) -> list[int]:
        return [i for i, member in enumerate(members) if member.language.iso639_3 not in self.own.row_of]

    def evidence(self, pool: Pool, aim: Aim) -> Evidence:
        toward = None
        if aim.targets:
            toward = Nearest(self.own.similarity(pool.members, aim.targets))
        objective, unit = aimed(self.own.objective(pool, aim.smallest), toward, aim, self.row.unit)
        return Evidence(self.row, objective, unit, str(self.own.path), toward=toward)


class _Embeddings(_Source):
    def open(self) -> None:
        from mslt_cli.store.measured import read_embeddings

        self.set = embedding_set(self.store, self.which)
        self.layer = self.set.last_layer if self.which.layer is None else self.which.layer
        if not 0 <= self.layer <= self.set.last_layer:
            raise UsageError(
                f"--layer is {self.layer}; {self.set.model} has layers 0 (the embeddings) to {self.set.last_layer}."
            )
        self.rows = read_embeddings(self.store, self.set, self.layer)
        fetch = f"mslt fetch embeddings --model {self.set.model} --corpus {self.set.corpus}"
        self.reason = f"no embedding of {self.set.model} on {self.set.corpus} (`{fetch} --langs …` measures it)"

    def lacking(self, members: Sequence[Member]) -> list[int]:
        return [i for i, member in enumerate(members) if member.language.iso639_3 not in self.rows]

    def _matrix(self, members: Sequence[Member]) -> Floats:
        return np.array([self.rows[member.language.iso639_3].vector for member in members], dtype=np.float64)

    def evidence(self, pool: Pool, aim: Aim) -> Evidence:
        used = [self.rows[code] for code in pool.codes]
        _require_one(
            [row.weights_sha256 for row in used],
            "embeddings",
            f"mslt fetch embeddings --model {self.set.model} --force",
        )
        matrix = self._matrix(pool.members)
        toward = Nearest(cosines(matrix, self._matrix(aim.targets))) if aim.targets else None
        objective, unit = aimed(diversity(matrix, smallest=aim.smallest), toward, aim, self.row.unit)
        provenance = (
            f"layer {self.layer} of {self.set.model} on {self.set.corpus} {self.set.split}"
            f" ({_range([row.sentences for row in used])} sentences a language, weights {used[0].weights_sha256[:8]})"
        )
        return Evidence(self.row, objective, unit, provenance, toward=toward)


class _Vocabularies(_Source):
    def open(self) -> None:
        from mslt_cli.store.measured import read_vocabularies

        self.set = vocabulary_set(self.store, self.which)
        self.rows: Mapping[str, Vocabulary] = read_vocabularies(
            self.store, self.set.model, self.set.task, self.set.split
        )
        fetch = f"mslt fetch vocab --model {self.set.model} --task {self.set.task}"
        self.reason = f"no vocabulary of {self.set.model} on {self.set.task} (`{fetch} --langs …` measures it)"

    def lacking(self, members: Sequence[Member]) -> list[int]:
        return [i for i, member in enumerate(members) if member.language.iso639_3 not in self.rows]

    def _ids(self, members: Sequence[Member]) -> list[NDArray[np.int64]]:
        return [np.flatnonzero(np.unpackbits(self.rows[m.language.iso639_3].token_bits)) for m in members]

    def evidence(self, pool: Pool, aim: Aim) -> Evidence:
        if 0 < aim.cover < 1:
            raise UsageError("--lambda mixes distances with nearness, and vocab has no distances. Leave it out.")
        used = [self.rows[code] for code in pool.codes]
        again = f"mslt fetch vocab --model {self.set.model} --task {self.set.task} --force"
        _require_one([row.tokenizer_sha256 for row in used], "vocabularies", again)
        ids = self._ids(pool.members)
        toward = TargetCoverage(ids, self._ids(aim.targets)) if aim.targets else None
        objective: Objective = Coverage(ids)
        unit = self.row.unit
        if aim.cover and toward is not None:
            objective, unit = toward, "mean share of the targets' token ids"
        provenance = (
            f"vocabulary of {self.set.model} on {self.set.task} {self.set.split}"
            f" ({_range([row.examples for row in used])} rows a language, tokenizer {used[0].tokenizer_sha256[:8]})"
        )
        return Evidence(self.row, objective, unit, provenance, toward=toward)


_SOURCES: dict[str, type[_Source]] = {
    "nothing": _Nothing,
    "scripts": _Scripts,
    "sizes": _Sizes,
    "vectors": _Vectors,
    "vocabulary": _Vocabularies,
    "embeddings": _Embeddings,
}


def aimed(pairs: PairSum, toward: Nearest | None, aim: Aim, unit: str) -> tuple[Objective, str]:
    """The objective over distances, over nearness to the targets, or over both; and its unit."""
    if toward is None or not aim.cover:
        return pairs, "smallest 1 − cosine" if aim.smallest and unit.startswith("sum of 1") else unit
    if aim.cover == 1:
        return toward, "mean cosine of each target with its nearest source"
    if aim.smallest:
        raise UsageError("--maximize min and --lambda do not go together: the mix is of the mean distance.")
    near, far = f"{aim.cover:g}", f"{1 - aim.cover:g}"
    return Mixed(pairs, toward, aim.cover), f"{near} × nearness to the targets + {far} × mean distance"


# -- which model, which measurement ------------------------------------------------------------------


def table_of(store: Store, model: str) -> str:
    """The pretraining table of a model: `xlm-r` for xlm-r-base.

    Raises:
        UnknownNameError: there is no such model.
        MissingFactsError: its pretraining data is not known.
    """
    from mslt_cli.models import MODELS

    known = facts.model_names(store)
    name = model.strip().casefold()
    if name in known:
        return name
    if name not in MODELS:
        raise UnknownNameError("model", model, known)
    table = MODELS[name].pretraining
    if table is None:
        raise MissingFactsError(f"What {name} was trained on is not in our tables; they have {', '.join(known)}.")
    return table


def vocabulary_set(store: Store, which: Measured) -> VocabularySet:
    """The one stored vocabulary that is meant.

    Raises:
        MissingFactsError: none is stored for that model and task; says which command measures it.
        UsageError: several are, and it is not said which.
    """
    from mslt_cli.store.measured import vocabulary_sets

    task = task_name(which.task)
    found = [item for item in vocabulary_sets(store) if which.model in (None, item.model) and task in (None, item.task)]
    if not found:
        raise MissingFactsError(
            f"No vocabulary{_of(which.model, task)} is stored. Run `mslt fetch vocab "
            f"--model {which.model or 'e5-small'} --task {which.task or 'cldr'}` first."
        )
    found = [item for item in found if item.split == FIRST_SPLIT] or found
    if len(found) > 1:
        names = ", ".join(f"{item.model} on {item.task}" for item in found)
        raise UsageError(f"Several vocabularies are stored: {names}. Say which with --model and --task.")
    return found[0]


def embedding_set(store: Store, which: Measured) -> EmbeddingSet:
    """The one stored set of embeddings that is meant.

    Raises:
        MissingFactsError: none is stored for that model and corpus; says which command measures it.
        UsageError: several are, and it is not said which.
    """
    from mslt_cli.store.measured import embedding_sets

    corpus = task_name(which.corpus)
    every = [item for item in embedding_sets(store) if which.model in (None, item.model)]
    found = [item for item in every if corpus in (None, item.corpus)]
    if not found:
        raise MissingFactsError(
            f"No embeddings{_of(which.model, corpus)} are stored. Run `mslt fetch embeddings --model "
            f"{which.model or 'e5-small'} --corpus {which.corpus or 'pud'}` first."
        )
    # --task names the corpus too, where there is one of that name.
    if corpus is None and which.task is not None:
        found = [item for item in found if item.corpus == task_name(which.task)] or found
    if len(found) > 1:
        names = ", ".join(
            f"{item.model} on {item.corpus} {item.split}" + (f" with prefix {item.prefix!r}" if item.prefix else "")
            for item in found
        )
        raise UsageError(f"Several sets of embeddings are stored: {names}. Say which with --model and --corpus.")
    return found[0]


def task_name(given: str | None) -> str | None:
    """The name under which a task's measurements are stored; a user's own task is read for it."""
    if given is None or not given.endswith(".toml"):
        return given
    from mslt_cli.tasks import find_task

    return find_task(given).name


def _of(model: str | None, task: str | None) -> str:
    return (f" of {model}" if model else "") + (f" on {task}" if task else "")


def _require_one(fingerprints: Sequence[str], what: str, again: str) -> None:
    if len(set(fingerprints)) > 1:
        raise MissingFactsError(
            f"The stored {what} are of two versions of the model, and cannot be compared. Run `{again}`."
        )


def _range(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
