"""Fits the model of scores: the mean over the targets, and what each differs in from it, which are independent.

f_t(x) = level_t + Σ x_l g_lt + Σ_{l<m} x_l x_m (β |g_lt − g_mt| + c + c_lm + c_lmt), g_lt = a_l + b_lt

Beside these a draw (seed) has an effect, and so has the sample of each language in it. If β is 2, two equal parts score
what the better of the two alone scores, on each target; if it is 0, what they score on average. |g_lt − g_mt| is
replaced by what is expected of it, which is found in a few rounds.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from mslt_cli.foretelling.components import Component, LinearModel, Posterior, span
from mslt_cli.foretelling.observations import Floats, Observations
from mslt_cli.foretelling.terms import Terms, expected_size, inherit

LEVEL_SD = 3.0
"""Of the level of scores, which are 0..1: as good as unknown."""
COMMON, COMMON_SD = 0.05, 0.1
"""Of c, what all pairs have in common, before any run is seen: three equal parts gain a third of it."""
INHERITANCE, INHERITANCE_SD = 1.0, 0.7
"""Of β before any run is seen."""
APART = 0.5
"""By how much (a standard deviation) β of the mean over the targets is another than that of their differences."""
ITEM_NOISE, REST = 0.7, 0.03
"""Standard deviation of what is left in a score: so much of what test items make, or this where that is not known.

Runs answer the same items, so that their differences vary less than the items alone would make them.
"""
RUN = 0.012
"""Standard deviation of what a run does to all targets."""
ROUNDS, FEW_ROUNDS = 5, 2


class FittedParts(NamedTuple):
    """Posteriors of the effects of `terms`."""

    terms: Terms
    of_mean: Posterior
    """Of the mean over the targets; COMMON and `inheritance` are to be added to the last two effects."""
    of_targets: Posterior | None
    """Of what targets differ in from it, in the columns of `contrasts`, without the last two terms; None of one."""
    inheritance: float
    """β of the differences of targets."""
    modes: tuple[Floats | None, Floats | None]
    """The most probable logarithms of the standard deviations: of targets, and of their mean."""


def contrasts(targets: int) -> Floats:
    """Orthonormal columns that sum to 0, shape (T, T − 1): Helmert's, each target against the mean of those before."""
    before = np.arange(1, targets)
    columns = np.triu(np.ones((targets, targets - 1)))
    columns[before, before - 1] = -before
    orthonormal: Floats = columns / np.sqrt(before * (before + 1))
    return orthonormal


def fit_parts(observations: Observations, like: FittedParts | None = None) -> FittedParts:
    """Fit to at least three combinations, without asking whether they are enough.

    Args:
        observations: the runs.
        like: the fit to these runs and a few more; its standard deviations are taken over, which is fast.
    """
    x, scores = observations.shares, observations.scores
    n, targets = len(observations.languages), len(observations.targets)
    across = contrasts(targets)
    terms = like.terms if like else Terms.of(observations)
    beta, of_beta = (like.inheritance if like else INHERITANCE), INHERITANCE_SD**2
    modes = like.modes if like else (None, None)
    linear = terms.features(x, observations.draws)[:, :-2]
    basis, of_targets = span(linear), None
    target_model = _model_targets(observations, terms, basis, linear)
    for left in reversed(range(FEW_ROUNDS if like else ROUNDS)):
        inherited = np.column_stack([inherit(x, one) for one in terms.differences])  # (R, T)
        if targets > 1:
            columns = inherited @ across
            data = scores @ across - beta * columns
            mode, of_targets = _estimate(target_model, data, modes[0], fixed=like is not None, last=not left)
            precision, seen = of_targets.inform(columns)
            of_beta = 1 / (1 / INHERITANCE_SD**2 + precision)
            beta = max(0.0, of_beta * (INHERITANCE / INHERITANCE_SD**2 + precision * beta + seen))
            modes = mode, modes[1]
        features = terms.features(x, observations.draws)
        mean_model = _model_mean(observations, terms, basis, features, of_beta + APART**2 * (targets > 1))
        data = scores.mean(axis=1)[:, None] - features[:, -2:] @ [[COMMON], [beta]]
        mode, of_mean = _estimate(mean_model, data, modes[1], fixed=like is not None, last=not left)
        modes = modes[0], mode
        if left:
            terms = replace(terms, differences=_expect_differences(of_mean, of_targets, n, targets))
    return FittedParts(terms, of_mean, of_targets, beta, modes)


def _estimate(
    model: LinearModel, data: Floats, mode: Floats | None, *, fixed: bool, last: bool
) -> tuple[Floats, Posterior]:
    """The most probable standard deviations, and the posterior there; in the last round over all of them."""
    if mode is not None and fixed:
        return mode, model.condition(data, mode)
    mode, information = model.find_mode(data, mode)
    return mode, model.integrate(data, mode, information) if last else model.condition(data, mode)


def _expect_differences(of_mean: Posterior, of_targets: Posterior | None, languages: int, targets: int) -> Floats:
    """E |g_lt − g_mt|, shape (T, L, L)."""
    own = slice(1, 1 + languages)
    level, covariance = of_mean.mean[own], of_mean.covariance[own, own]
    if of_targets is not None:
        level = level + of_targets.mean[own] @ contrasts(targets).T  # (L, T)
        covariance = covariance + (1 - 1 / targets) * of_targets.covariance[own, own]
    variance = np.diag(covariance)[:, None] + np.diag(covariance) - 2 * covariance
    size = expected_size((level[:, None] - level[None]).transpose(2, 0, 1), variance)
    size[:, np.arange(languages), np.arange(languages)] = 0
    return size


def _model_mean(
    observations: Observations, terms: Terms, basis: Floats, features: Floats, of_beta: float
) -> LinearModel:
    """The mean over the targets."""
    fixed = np.diag([LEVEL_SD**2, *[0.0] * sum(terms.sizes), COMMON_SD**2, of_beta])
    of_terms = {"language": (0.04, 0.7), "blending": (0.03, 0.8), "draw": (0.005, 0.8), "sample": (0.02, 0.7)}
    effects = _components(terms, fixed, of_terms, "kinship", observations.similarity)
    run = float(np.hypot(RUN, _expect_rest(observations) / len(observations.targets) ** 0.5))
    return LinearModel(basis, features, fixed, effects, Component("run", fixed, run, 0.5))


def _model_targets(observations: Observations, terms: Terms, basis: Floats, features: Floats) -> LinearModel:
    """What targets differ in from the mean over them."""
    fixed = np.diag([LEVEL_SD**2, *[0.0] * sum(terms.sizes)])
    of_terms = {"affinity": (0.05, 0.7), "pair_affinity": (0.05, 0.8)}
    of_terms |= {"draw_by_target": (0.008, 0.8), "sample_by_target": (0.01, 0.8)}
    effects = _components(terms, fixed, of_terms, "kin_affinity", observations.similarity)
    return LinearModel(basis, features, fixed, effects, Component("rest", fixed, _expect_rest(observations), 0.5))


def _components(
    terms: Terms, fixed: Floats, of_terms: dict[str, tuple[float, float]], kin: str, similarity: Floats | None
) -> list[Component]:
    """Those of languages, pairs, draws and samples, of which there may be none; and of the kinship of languages."""
    effects, start = [], 1
    for (name, prior), size in zip(of_terms.items(), terms.sizes, strict=True):
        if size:
            effects.append(Component(name, _block(fixed, start, np.eye(size)), *prior))
        start += size
    if similarity is not None:
        effects.append(Component(kin, _block(fixed, 1, similarity), 0.03, 0.8))
    return effects


def _block(like: Floats, start: int, matrix: Floats) -> Floats:
    """Zeros of the shape of another matrix, with one in a place on the diagonal."""
    whole = np.zeros_like(like)
    whole[start : start + len(matrix), start : start + len(matrix)] = matrix
    return whole


def _expect_rest(observations: Observations) -> float:
    """The standard deviation of what is left in a score, before any run is seen."""
    return REST if observations.items is None else ITEM_NOISE * float(np.sqrt(observations.items.mean()))
