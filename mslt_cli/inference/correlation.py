"""Rank correlations of criteria with scores of combinations, and how often relabelled languages give as strong ones."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, permutations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
EXACT_LANGUAGES = 8
"""Up to so many languages all relabellings are tried: 40,320."""
SAMPLED = 9_999
LOOKED_UP = 20_000_000
"""Most combinations, over all sampled relabellings, that are looked up; at least a tenth of SAMPLED is drawn."""
AT_ONCE = 2_000_000
"""Most numbers of a temporary array."""


class RankCorrelation(NamedTuple):
    """How a criterion orders combinations, against their scores."""

    spearman: float
    """ρ, −1..1; nan where one side is all alike."""
    kendall: float
    """τ-b, −1..1; nan likewise."""
    p: float
    """Two-sided: share of the relabellings of the languages under which |ρ| is as large; nan likewise."""
    relabellings: int
    exact: bool
    """Whether these are all that there are."""


def average_ranks(values: Sequence[float] | Floats) -> Floats:
    """Ranks from 1, lowest first, shape (n,); equal values share the mean of theirs."""
    _, inverse, counts = np.unique(np.asarray(values, np.float64), return_inverse=True, return_counts=True)
    ranks: Floats = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return ranks


def spearman(x: Sequence[float] | Floats, y: Sequence[float] | Floats) -> float:
    """Spearman's ρ: do two sets of values, shape (n,) each, order things alike? nan where one is all alike."""
    return float(_correlate(average_ranks(x)[None, :], average_ranks(y))[0])


def kendall(x: Sequence[float] | Floats, y: Sequence[float] | Floats) -> float:
    """Kendall's τ-b: how much more often do two sets of n values order a pair alike than the other way round?

    Source:
        Kendall 1945.
    """
    a, b = np.asarray(x, np.float64), np.asarray(y, np.float64)
    alike = untied_a = untied_b = 0
    for i in range(1, len(a)):  # a row at a time: n² signs at once would be gigabytes for large grids
        of_a, of_b = np.sign(a[i] - a[:i]), np.sign(b[i] - b[:i])
        alike += int(of_a @ of_b)
        untied_a += int(np.count_nonzero(of_a))
        untied_b += int(np.count_nonzero(of_b))
    return alike / math.sqrt(untied_a * untied_b) if untied_a and untied_b else math.nan


def correlate_with_scores(
    criteria: Sequence[Mapping[tuple[str, ...], float]],
    scores: Mapping[tuple[str, ...], float],
    *,
    fixed: Sequence[str] = (),
    seed: int = 0,
) -> list[RankCorrelation]:
    """How each criterion orders the combinations that were trained, and how often chance orders them as well.

    Combinations share languages, so they are not independent. If a criterion knew nothing of the languages, any
    relabelling of them would be as likely: that is what p compares with.

    Args:
        criteria: of each its values, all for the same combinations: those of k languages of a pool that hold the
            fixed ones.
        scores: of those that were trained.
        fixed: languages that are in every combination; they keep their labels.
        seed: of the relabellings, where there are too many to try all.

    Source:
        Mantel 1967; Hubert and Schultz 1976, quadratic assignment as a general data analysis strategy.
    """
    if not criteria:
        return []
    combinations = [*criteria[0]]
    trained = [combination for combination in scores if combination in criteria[0]]
    y = [scores[combination] for combination in trained]
    observed = [spearman([values[one] for one in trained], y) for values in criteria]
    languages = sorted({language for combination in combinations for language in combination} - set(fixed))
    place = {language: i for i, language in enumerate([*languages, *fixed])}
    keys = _keys(combinations, place)
    order, ranks = np.argsort(keys), average_ranks(y)
    codes = [np.unique([values[one] for one in combinations], return_inverse=True)[1][order] for values in criteria]
    members = np.array([[place[language] for language in combination] for combination in trained])  # (m, k)
    exact = len(languages) <= EXACT_LANGUAGES
    as_strong, tried = [0] * len(criteria), 0
    for relabelled in _relabellings(len(languages), len(fixed), len(trained), exact, seed):
        found = np.searchsorted(keys, _key(relabelled[:, members], len(place)), sorter=order)
        for i, own in enumerate(codes):
            rho = _correlate(_ranks_of_codes(own[found], int(own.max()) + 1), ranks)
            as_strong[i] += int((np.abs(rho) >= abs(observed[i]) - 1e-12).sum())
        tried += len(relabelled)
    correlations = []
    for values, value, count in zip(criteria, observed, as_strong, strict=True):
        p = count / tried if exact else (count + 1) / (tried + 1)
        tau = kendall([values[one] for one in trained], y)
        correlations.append(RankCorrelation(value, tau, math.nan if math.isnan(value) else p, tried, exact))
    return correlations


def _relabellings(free: int, fixed: int, combinations: int, exact: bool, seed: int) -> Iterator[Ints]:
    """New places of all languages, in pieces: shape (some, free + fixed)."""
    at_once = max(1, AT_ONCE // combinations)
    kept = np.arange(free, free + fixed)
    everything = permutations(range(free))
    rng = np.random.default_rng(seed)
    left = math.factorial(free) if exact else min(SAMPLED, max(SAMPLED // 10, LOOKED_UP // combinations))
    while left:
        n = min(at_once, left)
        if exact:
            drawn = np.array([*islice(everything, n)], np.int64).reshape(n, free)
        else:
            drawn = rng.permuted(np.tile(np.arange(free), (n, 1)), axis=1)
        yield np.concatenate([drawn, np.tile(kept, (n, 1))], axis=1)
        left -= n


def _keys(combinations: Iterable[tuple[str, ...]], place: Mapping[str, int]) -> Ints:
    """A number for each combination, whatever the order of its languages."""
    return _key(np.array([[place[language] for language in one] for one in combinations]), len(place))


def _key(members: Ints, n: int) -> Ints:
    """The same for arrays of places out of n, shape (…, k)."""
    key: Ints = np.sort(members, axis=-1) @ (n ** np.arange(members.shape[-1], dtype=np.int64))
    return key


def _ranks_of_codes(codes: Ints, n: int) -> Floats:
    """Average ranks within each row of codes 0..n − 1, shape (rows, m)."""
    rows = np.arange(len(codes))[:, None]
    counts = np.bincount((rows * n + codes).ravel(), minlength=len(codes) * n).reshape(len(codes), n)
    ranks: Floats = (np.cumsum(counts, axis=1) - (counts - 1) / 2)[rows, codes]
    return ranks


def _correlate(x: Floats, y: Floats) -> Floats:
    """Pearson's correlation of each row of x, shape (rows, m), with y, shape (m,); nan where one is all alike."""
    a, b = x - x.mean(axis=1, keepdims=True), y - y.mean()
    scale = np.sqrt((a * a).sum(axis=1) * float(b @ b))
    correlation: Floats = np.divide(a @ b, scale, out=np.full(len(a), math.nan), where=scale > 0)
    return correlation
