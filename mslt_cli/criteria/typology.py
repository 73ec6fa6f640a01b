"""Distances between language vectors."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mslt_cli.criteria import Criterion
from mslt_cli.criteria.evidence import Evidence, Question, Reader
from mslt_cli.errors import UsageError
from mslt_cli.languages.pools import Member
from mslt_cli.search.covers import Nearest
from mslt_cli.search.objective import Mixed, Objective, PairSum
from mslt_cli.store.language_vectors import imputed, read_vectors, vector_set_info, without_vector


def diversity(vectors: NDArray[Any], *, smallest: bool = False) -> PairSum:
    """Diversity of a combination: `Σ_{i<j∈C} (1 − cos(v_i, v_j))`, or the smallest of these distances.

    Languages with equal vectors become one class, so that what costs time is the number of different
    vectors. For 0/1 features the products are whole numbers, and equal distances come out equal.

    Args:
        vectors: one row a language, shape (n, d); no row may be zero.
        smallest: value a combination by its smallest pair distance instead of the sum.

    Returns:
        The objective over the n languages; a distance is in 0..2 (0..1 for vectors without negative
        entries), 0 = same direction. Higher = more diverse.

    Source:
        Lim et al. 2024, §5.3.3.
    """
    if vectors.dtype != np.uint8:
        vectors = vectors.astype(np.float64, copy=False)
    distinct, kind = _distinct_rows(vectors)
    if distinct.dtype == np.uint8:  # counts below 2^24 are exact in single precision, and twice as fast
        single = distinct.astype(np.float32)
        cosine = (single @ single.T).astype(np.float64)
        norms = np.sqrt(np.diag(cosine))
        unit = distinct / norms[:, None]
    else:
        unit = distinct / np.linalg.norm(distinct, axis=1)[:, None]
        cosine = unit @ unit.T
        norms = np.ones(len(distinct))
    cosine /= norms[:, None]
    cosine /= norms[None, :]
    distance = np.subtract(1.0, cosine, out=cosine)
    np.maximum(distance, 0.0, out=distance)
    np.fill_diagonal(distance, 0.0)
    return PairSum(distance, kind, unit, smallest)


def cosines(vectors: NDArray[Any], others: NDArray[Any]) -> NDArray[np.float64]:
    """Cosine of each of n vectors with each of T others, shape (n, d) and (T, d) → (n, T); no row may be zero."""
    ours, theirs = vectors.astype(np.float64), others.astype(np.float64)
    lengths = np.linalg.norm(ours, axis=1)[:, None] * np.linalg.norm(theirs, axis=1)[None, :]
    cosine: NDArray[np.float64] = np.clip(ours @ theirs.T / lengths, -1.0, 1.0)
    return cosine


def _distinct_rows(vectors: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The different rows, shape (c, d), and for each row which of them it is, shape (n,)."""
    packed = np.packbits(vectors, axis=1) if vectors.dtype == np.uint8 else np.ascontiguousarray(vectors)
    rows = packed.view(np.dtype((np.void, packed.dtype.itemsize * packed.shape[1]))).ravel()
    _, first, kind = np.unique(rows, return_index=True, return_inverse=True)
    return vectors[first], kind.ravel().astype(np.int64)


def vector_evidence(
    criterion: Criterion, question: Question, sources: NDArray[Any], targets: NDArray[Any], provenance: str
) -> Evidence:
    """What the directions of vectors say, of n sources (n, d) and T targets (T, d), T may be 0; see below."""
    similarity = cosines(sources, targets) if len(targets) else None
    pairs = diversity(sources, smallest=question.aim.smallest)
    return distance_evidence(criterion, question, pairs, similarity, provenance)


def distance_evidence(
    criterion: Criterion, question: Question, pairs: PairSum, similarity: NDArray[np.float64] | None, provenance: str
) -> Evidence:
    """What distances between sources say, their similarity to targets, shape (n, T), or a mix of both, by the aim.

    Raises:
        UsageError: the aim asks for two things that do not go together.
    """
    aim, toward = question.aim, None
    if similarity is not None:
        toward = Nearest(np.where(question.one_language, min(0.0, similarity.min()), similarity))
    objective: Objective = pairs
    unit = "smallest 1 − cosine" if aim.smallest and criterion.unit.startswith("sum of 1") else criterion.unit
    if toward is not None and aim.cover == 1:
        if aim.smallest:
            raise UsageError("--maximize min is about the distances of sources, and --objective cover has none.")
        objective, unit = toward, "mean cosine of each target with its nearest source"
    elif toward is not None and aim.cover:
        if aim.smallest:
            raise UsageError("--maximize min and --lambda do not go together: the mix is of the mean distance.")
        objective = Mixed(pairs, toward, aim.cover)
        unit = f"{aim.cover:g} × nearness to the targets + {1 - aim.cover:g} × mean distance"
    return Evidence(criterion, objective, unit, provenance, toward=toward)


class TypologyReader(Reader):
    """Reads one of the store's sets of language vectors."""

    def __post_init__(self) -> None:
        self.lack = f"no known {self.criterion.name} vector in URIEL"

    def lacking(self, members: Sequence[Member]) -> list[int]:
        codes = [member.language.iso639_3 for member in members]
        missing = set(without_vector(self.store, self.criterion.vector_set, codes))
        return [i for i, code in enumerate(codes) if code in missing]

    def mostly_imputed(self, members: Sequence[Member], least: float) -> list[int]:
        codes = [member.language.iso639_3 for member in members]
        low = set(imputed(self.store, self.criterion.vector_set, codes, least))
        return [i for i, code in enumerate(codes) if code in low]

    def evidence(self, question: Question) -> Evidence:
        info = vector_set_info(self.store, self.criterion.vector_set)
        sources = read_vectors(self.store, info.name, question.pool.codes)
        targets = read_vectors(self.store, info.name, [target.language.iso639_3 for target in question.aim.targets])
        provenance = f"{info.name} ({info.provider} {info.provider_version})"
        evidence = vector_evidence(self.criterion, question, sources.matrix, targets.matrix, provenance)
        return evidence._replace(measured_share=sources.measured_share, measured_targets=targets.measured_share)
