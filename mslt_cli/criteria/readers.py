"""Where each kind of criterion finds its facts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mslt_cli.criteria import OWN_VECTORS, Criterion
from mslt_cli.criteria.evidence import Aim, Evidence, Floats, Measured
from mslt_cli.criteria.measurements import embedding_set, table_of, vocabulary_set
from mslt_cli.criteria.own_vectors import OwnVectors
from mslt_cli.criteria.pretraining import pretraining_size, size_of, size_unit
from mslt_cli.criteria.typology import cosines, diversity
from mslt_cli.criteria.writing import distinct_scripts
from mslt_cli.errors import MissingFactsError, UsageError
from mslt_cli.languages.pools import Member, Pool
from mslt_cli.search.covers import Coverage, Nearest, TargetCoverage
from mslt_cli.search.objective import Lot, Mixed, Objective, PairSum
from mslt_cli.store import languages as facts
from mslt_cli.store.db import Store
from mslt_cli.store.language_vectors import read_vectors, vector_set_info, without_vector
from mslt_cli.store.measured import read_embeddings, read_vocabularies

DEFAULT_SIZES = "xlm-r"
"""Whose pretraining data `size` means if no model is named."""


class Source:
    """Where a criterion's facts are; one subclass for each thing that a criterion can read."""

    reason = ""
    """What a language has that lacks the facts: "no known script"."""

    def __init__(self, store: Store, row: Criterion, which: Measured) -> None:
        self.store, self.row, self.which = store, row, which
        self.open()

    @staticmethod
    def of(store: Store, row: Criterion, which: Measured, own: OwnVectors | None) -> Source:
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


class _Nothing(Source):
    def evidence(self, pool: Pool, aim: Aim) -> Evidence:
        self.no_targets(aim)
        return Evidence(self.row, Lot(len(pool), 1, 0), self.row.unit, "seed")


class _Scripts(Source):
    reason = "no known script"

    def lacking(self, members: Sequence[Member]) -> list[int]:
        return [i for i, member in enumerate(members) if not member.language.script]

    def evidence(self, pool: Pool, aim: Aim) -> Evidence:
        self.no_targets(aim)
        scripts = [m.language.script or "" for m in pool.members]
        return Evidence(self.row, distinct_scripts(scripts), self.row.unit, "data/langs")


class _Sizes(Source):
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


class _Vectors(Source):
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


class _Own(Source):
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


class _Embeddings(Source):
    def open(self) -> None:
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


class _Vocabularies(Source):
    def open(self) -> None:
        self.set = vocabulary_set(self.store, self.which)
        self.rows = read_vocabularies(self.store, self.set.model, self.set.task, self.set.split, self.set.limit)
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


_SOURCES: dict[str, type[Source]] = {
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
    if aim.cover == 1 and aim.smallest:
        raise UsageError("--maximize min is about the distances of sources, and --objective cover has none.")
    if aim.cover == 1:
        return toward, "mean cosine of each target with its nearest source"
    if aim.smallest:
        raise UsageError("--maximize min and --lambda do not go together: the mix is of the mean distance.")
    near, far = f"{aim.cover:g}", f"{1 - aim.cover:g}"
    return Mixed(pairs, toward, aim.cover), f"{near} × nearness to the targets + {far} × mean distance"


def _require_one(fingerprints: Sequence[str], what: str, again: str) -> None:
    if len(set(fingerprints)) > 1:
        raise MissingFactsError(
            f"The stored {what} are of two versions of the model, and cannot be compared. Run `{again}`."
        )


def _range(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
