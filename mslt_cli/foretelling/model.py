"""The model of scores: what finished runs say of every combination, with its uncertainty.

score of shares x on target t = level of t + draw + Σ x_l (a_l + b_lt) + Σ_{l<m} x_l x_m c_lm + noise of the run + rest
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from mslt_cli.foretelling.components import Component, Posterior, integrate
from mslt_cli.foretelling.observations import LEAST_COMBINATIONS, Floats, Ints, Observations, TooFewRunsError
from mslt_cli.foretelling.signal import Signal, find_signal
from mslt_cli.inference.correlation import spearman

LEVEL_SD = 3.0
"""Of the level of scores, which are 0..1: as good as unknown."""
BLENDING_SD = 0.3
"""Of what all pairs have in common of their blending."""
ALL_PAIRS = 300
"""Up to so many pairs each has an effect of its own; else those that were trained together."""
NORMAL_90 = 1.6449


class Foretold(NamedTuple):
    """Of N share vectors; 0..1."""

    mean: Floats
    """Shape (N,): the true mean score over the targets, by their weights."""
    sd: Floats
    """Shape (N,): without the noise of any run."""
    by_target: Floats
    """Shape (N, T)."""
    by_target_sd: Floats
    """Shape (N, T)."""


class Effects(NamedTuple):
    """The mean score of shares x is level + x · mean + Σ_{l<m} pairs_lm x_l x_m; 0..1."""

    level: float
    mean: Floats
    """Shape (L,): of each language at a full share, relative to their mean."""
    sd: Floats
    """Shape (L,)."""
    pairs: Floats
    """Shape (L, L), symmetric, zero diagonal: blending."""
    pairs_sd: Floats
    """Shape (L, L)."""


class LeftOut(NamedTuple):
    """C combinations, each foretold from the runs of all others."""

    combinations: Floats
    """Their shares, shape (C, L)."""
    predicted: Floats
    """Shape (C,), 0..1."""
    sd: Floats
    """Shape (C,): of the mean of as many runs as were measured, with their noise."""
    measured: Floats
    """Shape (C,)."""
    rho: float
    """Spearman's, of predicted and measured; nan of fewer than three."""
    rmse: float
    """Points."""
    coverage: float
    """Share of the 90 % intervals that hold the measured mean."""


def fit(observations: Observations, *, weights: Floats | None = None) -> "ScoreModel":
    """Fit the model to the runs of one grid.

    Args:
        observations: of R runs of at least three different combinations.
        weights: of the targets, shape (T,), sum 1; default: equal.

    Raises:
        TooFewRunsError: fewer combinations were trained.
    """
    found = len(observations.combinations)
    if found < LEAST_COMBINATIONS:
        raise TooFewRunsError(
            f"Foretelling scores needs runs of at least {LEAST_COMBINATIONS} different combinations, and there "
            f"{'is' if found == 1 else 'are'} {found}. Train more, as the single languages."
        )
    targets = len(observations.targets)
    return ScoreModel(observations, np.full(targets, 1 / targets) if weights is None else np.asarray(weights, float))


@dataclass(frozen=True)
class ScoreModel:
    """The fitted model; see `fit`. Effects are a level, one of each language, and one of each pair of `_pairs`."""

    observations: Observations
    weights: Floats

    @cached_property
    def _pairs(self) -> Ints:
        """Those that have an effect of their own, shape (P, 2): all, or, of many languages, those trained together."""
        n = len(self.observations.languages)
        pairs = np.argwhere(np.triu(np.ones((n, n), bool), 1))
        if len(pairs) <= ALL_PAIRS:
            return pairs
        together = self.observations.combinations.T @ self.observations.combinations
        return pairs[together[pairs[:, 0], pairs[:, 1]] > 0]

    def _features(self, shares: Floats) -> Floats:
        """Shape (N, 1 + L + P)."""
        left, right = self._pairs.T
        return np.column_stack([np.ones(len(shares)), shares, shares[:, left] * shares[:, right]])

    @cached_property
    def _kinship(self) -> Floats:
        """Prior correlation of the languages' effects, shape (L, L)."""
        similarity, own = self.observations.similarity, np.eye(len(self.observations.languages))
        return own if similarity is None else (own + similarity) / 2

    @cached_property
    def _same_draw(self) -> Floats:
        draws = self.observations.draws
        return np.array([[a == b for b in draws] for a in draws], np.float64)

    @cached_property
    def _of_mean(self) -> Posterior:
        """Of the mean over the targets."""
        features, runs = self._features(self.observations.shares), len(self.observations.draws)
        languages, of_pairs, fixed = self._blocks(features.shape[1])
        return integrate(
            self.observations.scores.mean(axis=1)[:, None],
            features,
            fixed,
            [Component(languages, 0.04, 0.8), Component(of_pairs, 0.03, 0.8)],
            [Component(self._same_draw, 0.008, 0.8), Component(np.eye(runs), 0.015, 0.6)],
        )

    def _blocks(self, size: int) -> tuple[Floats, Floats, Floats]:
        """Covariances of the effects: of the languages, of the pairs, and of the level and what all pairs share."""
        n = len(self.observations.languages)
        languages, of_pairs, fixed = np.zeros((3, size, size))
        languages[1 : n + 1, 1 : n + 1] = self._kinship
        of_pairs[n + 1 :, n + 1 :] = np.eye(size - n - 1)
        fixed[n + 1 :, n + 1 :] = BLENDING_SD**2
        fixed[0, 0] = LEVEL_SD**2
        return languages, of_pairs, fixed

    @cached_property
    def _of_targets(self) -> Posterior | None:
        """Of what each target differs in from the mean of all; None of one target."""
        targets, n = len(self.observations.targets), len(self.observations.languages)
        if targets == 1:
            return None
        features = self._features(self.observations.shares)[:, : n + 1]
        languages, _, fixed = self._blocks(n + 1)
        return integrate(
            self.observations.scores @ contrasts(targets),
            features,
            fixed,
            [Component(languages, 0.05, 0.8)],
            [Component(self._same_draw, 0.008, 0.8), Component(np.eye(len(features)), 0.03, 0.6)],
        )

    @cached_property
    def _target_effects(self) -> Floats:
        """Of level and languages, for each target beside the mean of all; shape (1 + L, T)."""
        targets = len(self.observations.targets)
        if self._of_targets is None:
            return np.zeros((1 + len(self.observations.languages), 1))
        effects: Floats = self._of_targets.mean @ contrasts(targets).T
        return effects

    @cached_property
    def _weighted(self) -> tuple[Floats, Floats]:
        """Mean and covariance of the effects on the mean over the targets, by their weights."""
        mean, covariance = self._of_mean.mean[:, 0].copy(), self._of_mean.covariance.copy()
        if self._of_targets is not None:
            uneven = self.weights - 1 / len(self.weights)
            some = slice(0, len(self._target_effects))
            mean[some] += self._target_effects @ uneven
            covariance[some, some] += float(uneven @ uneven) * self._of_targets.covariance
        return mean, covariance

    def predict(self, shares: Floats) -> Foretold:
        """The true scores of shares of shape (N, L), without the noise of runs and draws."""
        features, (mean, covariance) = self._features(shares), self._weighted
        of_languages = features[:, : len(self._target_effects)]
        by_target = (features @ self._of_mean.mean) + of_languages @ self._target_effects
        variance = _quadratic(features, self._of_mean.covariance)
        if self._of_targets is not None:
            variance = variance + (1 - 1 / len(self.weights)) * _quadratic(of_languages, self._of_targets.covariance)
        sd = np.sqrt(_quadratic(features, covariance))
        return Foretold(features @ mean, sd, by_target, np.sqrt(variance)[:, None] + np.zeros_like(by_target))

    def draw(self, shares: Floats, draws: int, seed: int) -> Floats:
        """What shares truly score, drawn jointly from the posterior; shape (draws, N)."""
        mean, covariance = self._weighted
        values, vectors = np.linalg.eigh(covariance)
        z = np.random.default_rng(seed).standard_normal((draws, len(mean)))
        effects = mean + (z * np.sqrt(np.maximum(values, 0))) @ vectors.T
        drawn: Floats = effects @ self._features(shares).T
        return drawn

    @cached_property
    def effects(self) -> Effects:
        """Of the languages and of their pairs, on the mean over the targets by their weights."""
        n = len(self.observations.languages)
        mean, covariance = self._weighted
        about = np.eye(n) - 1 / n
        languages = slice(1, n + 1)
        pairs, pairs_sd = np.zeros((2, n, n))
        left, right = self._pairs.T
        pairs[left, right] = pairs[right, left] = mean[n + 1 :]
        pairs_sd[left, right] = pairs_sd[right, left] = np.sqrt(np.diag(covariance)[n + 1 :])
        sd = np.sqrt(_quadratic(about, covariance[languages, languages]))
        return Effects(float(mean[0] + mean[languages].mean()), about @ mean[languages], sd, pairs, pairs_sd)

    @cached_property
    def components(self) -> dict[str, float]:
        """The fitted standard deviations, in points."""
        sds = dict(zip(("language", "blending", "draw", "run"), _mean_sds(self._of_mean), strict=True))
        if self._of_targets is not None:
            sds |= dict(zip(("affinity", "draw_by_target", "rest"), _mean_sds(self._of_targets), strict=True))
        return sds

    @cached_property
    def signal(self) -> Signal:
        """How much of the differences between the trained combinations is not noise."""
        return find_signal(self.observations, self.weights)

    def left_out(self) -> LeftOut:
        """Foretell each combination from the runs of all others."""
        observations, uneven = self.observations, self.weights - 1 / len(self.weights)
        rows = []
        for i in range(len(observations.combinations)):
            own = observations.combination_of == i
            mean, variance = self._of_mean.left_out(own)
            if self._of_targets is not None:
                of_targets, more = self._of_targets.left_out(own)
                mean = mean + uneven @ contrasts(len(self.weights)) @ of_targets
                variance += float(uneven @ uneven) * more
            rows.append((float(mean[0]), variance**0.5, float((observations.scores[own] @ self.weights).mean())))
        predicted, sd, measured = np.array(rows).T
        rho = spearman(predicted, measured) if len(rows) > 2 else float("nan")
        error = predicted - measured
        held = float((np.abs(error) <= NORMAL_90 * sd).mean())
        rmse = 100 * float(np.sqrt((error**2).mean()))
        return LeftOut(observations.combinations, predicted, sd, measured, rho, rmse, held)


def contrasts(targets: int) -> Floats:
    """Orthonormal columns that sum to 0, shape (T, T − 1)."""
    centred = np.eye(targets) - 1 / targets
    vectors: Floats = np.linalg.eigh(centred)[1][:, 1:]
    return vectors


def _quadratic(rows: Floats, covariance: Floats) -> Floats:
    """The variance of each row times effects, shape (N,)."""
    variance: Floats = np.maximum(((rows @ covariance) * rows).sum(axis=1), 0)
    return variance


def _mean_sds(posterior: Posterior) -> list[float]:
    return [float(sd) for sd in 100 * posterior.weights @ posterior.sds]
