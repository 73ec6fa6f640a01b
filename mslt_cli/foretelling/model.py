"""The model of scores: what finished runs say of every combination, with its uncertainty. Its formula: `fitting.py`."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from mslt_cli.foretelling.fitting import COMMON, FittedParts, contrasts, fit_parts
from mslt_cli.foretelling.observations import LEAST_COMBINATIONS, Floats, Observations, TooFewRunsError
from mslt_cli.foretelling.signal import Signal, find_signal
from mslt_cli.foretelling.terms import inherit
from mslt_cli.inference.correlation import spearman
from mslt_cli.inference.distributions import NORMAL

REFITTED = 25
"""Up to so many combinations, the model is fitted anew without each."""
LEFT_OUT = 2_000
"""Most combinations times languages."""


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

    @classmethod
    def of(cls, combinations: Floats, predicted: Floats, sd: Floats, measured: Floats) -> "LeftOut":
        """All of it by its first four parts."""
        error = predicted - measured
        rho = spearman(predicted, measured) if len(error) > 2 else math.nan
        held = float((np.abs(error) <= NORMAL[90] * sd).mean())
        return cls(combinations, predicted, sd, measured, rho, 100 * float(np.sqrt((error**2).mean())), held)


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
    weights = np.full(targets, 1 / targets) if weights is None else np.asarray(weights, np.float64)
    return ScoreModel(observations, weights, fit_parts(observations))


@dataclass(frozen=True)
class ScoreModel:
    """The fitted model; see `fit`."""

    observations: Observations
    weights: Floats
    parts: FittedParts

    @cached_property
    def _uneven(self) -> Floats:
        """By how much the weights of the targets are not equal, shape (T,)."""
        uneven: Floats = self.weights - 1 / len(self.weights)
        return uneven

    @cached_property
    def _of_targets(self) -> Floats:
        """The effects of each target beside the mean over them, shape (F, T)."""
        last = np.zeros((2, len(self.weights)))  # of blending
        if self.parts.of_targets is None:
            return np.zeros((len(self.parts.of_mean.mean), 1))
        return np.vstack([self.parts.of_targets.mean @ contrasts(len(self.weights)).T, last])

    @cached_property
    def _of_mean(self) -> Floats:
        """The effects on the plain mean over the targets, shape (F,)."""
        mean = self.parts.of_mean.mean[:, 0].copy()
        mean[-2:] += COMMON, self.parts.inheritance
        return mean

    def _covariance(self, others: float) -> Floats:
        """Of the effects, with so much of what targets differ in; shape (F, F)."""
        covariance = self.parts.of_mean.covariance.copy()
        if self.parts.of_targets is not None:
            covariance[:-2, :-2] += others * self.parts.of_targets.covariance
        return covariance

    @cached_property
    def _weighted(self) -> tuple[Floats, Floats]:
        """Mean and covariance of the effects on the mean over the targets, by their weights."""
        return self._of_mean + self._of_targets @ self._uneven, self._covariance(float(self._uneven @ self._uneven))

    @cached_property
    def _uneven_blending(self) -> Floats:
        """What the weights of the targets add to the blending of pairs, shape (L, L)."""
        blending: Floats = self.parts.inheritance * np.tensordot(self._uneven, self.parts.terms.differences, 1)
        return blending

    def predict(self, shares: Floats) -> Foretold:
        """The true scores of shares of shape (N, L), without the noise of runs and draws."""
        targets, terms = len(self.weights), self.parts.terms
        features = terms.features(shares)
        inherited = np.column_stack([inherit(shares, one) for one in terms.differences]) - features[:, -1:]
        by_target = (features @ self._of_mean)[:, None] + features @ self._of_targets
        by_target += self.parts.inheritance * inherited
        sd = np.sqrt(_quadratic(features, self._covariance(1 - 1 / targets)))
        return Foretold(*self._foretell_mean(features, shares), by_target, np.tile(sd[:, None], targets))

    def _foretell_mean(self, features: Floats, shares: Floats) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the mean score, shape (N,) each."""
        mean, covariance = self._weighted
        return features @ mean + inherit(shares, self._uneven_blending), np.sqrt(_quadratic(features, covariance))

    def noise(self, shares: Floats) -> Floats:
        """The standard deviation of the mean score of a future run about the true one, shape (N,); 0..1."""
        squared = (shares**2).sum(axis=1)
        variance = self._own_noise + self._sum_variances("draw") + self._sum_variances("sample") * squared
        noise: Floats = np.sqrt(variance)
        return noise

    @property
    def _own_noise(self) -> float:
        """The variance of the mean score that is a run's own."""
        of_targets = self.parts.of_targets.variances["rest"] if self.parts.of_targets else 0.0
        return self.parts.of_mean.variances["run"] + float(self._uneven @ self._uneven) * of_targets

    def _sum_variances(self, name: str) -> float:
        """Of the mean score, by draws or by their samples; 0 where no runs share any."""
        of_targets = self.parts.of_targets.variances.get(f"{name}_by_target", 0.0) if self.parts.of_targets else 0.0
        return self.parts.of_mean.variances.get(name, 0.0) + float(self._uneven @ self._uneven) * of_targets

    def draw(self, shares: Floats, draws: int, seed: int) -> Floats:
        """What shares truly score, drawn jointly from the posterior; shape (draws, N)."""
        mean, covariance = self._weighted
        values, vectors = np.linalg.eigh(covariance)
        z = np.random.default_rng(seed).standard_normal((draws, len(mean)))
        root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T  # symmetric: no sign or turn of a vector matters
        effects = mean + z @ root
        drawn: Floats = effects @ self.parts.terms.features(shares).T + inherit(shares, self._uneven_blending)
        return drawn

    @cached_property
    def effects(self) -> Effects:
        """Of the languages and of their pairs, on the mean over the targets by their weights."""
        n = len(self.observations.languages)
        mean, covariance = self._weighted
        about, own = np.eye(n) - 1 / n, slice(1, n + 1)
        terms = self.parts.terms.of_pairs()
        pairs = terms @ mean + self._uneven_blending
        pairs_sd = np.sqrt(_quadratic(terms.reshape(n * n, -1), covariance)).reshape(n, n)
        np.fill_diagonal(pairs, 0)
        np.fill_diagonal(pairs_sd, 0)
        sd = np.sqrt(_quadratic(about, covariance[own, own]))
        return Effects(float(mean[0] + mean[own].mean()), about @ mean[own], sd, pairs, pairs_sd)

    @cached_property
    def components(self) -> dict[str, float]:
        """The fitted standard deviations, in points, and `inheritance`, which is β and has no unit."""
        parts = self.parts
        squares = parts.of_mean.variances | (parts.of_targets.variances if parts.of_targets else {})
        return {name: 100 * square**0.5 for name, square in squares.items()} | {"inheritance": float(self._of_mean[-1])}

    @cached_property
    def signal(self) -> Signal:
        """How much of the differences between the trained combinations is not noise."""
        return find_signal(self.observations, self.weights)

    @cached_property
    def left_out(self) -> LeftOut:
        """Each combination, foretold from the runs of all others.

        Of more than REFITTED combinations the standard deviations are those of the whole fit, and of so many that it
        would take long (LEFT_OUT) some are left out, evenly spaced.
        """
        observations, scores = self.observations, self.observations.scores @ self.weights
        like = self.parts if len(observations.combinations) > REFITTED else None
        n = len(observations.combinations)
        most = min(n, max(REFITTED, LEFT_OUT // len(observations.languages)))
        chosen, rows = np.linspace(0, n - 1, most).round().astype(int), []
        for i in chosen:
            own = observations.combination_of == i
            others, here = observations.chosen(~own), observations.chosen(own)
            model = ScoreModel(others, self.weights, fit_parts(others, like))
            features = model.parts.terms.features(here.shares, here.draws).mean(axis=0, keepdims=True)
            mean, sd = model._foretell_mean(features, here.shares[:1])
            noise = (self._own_noise / int(own.sum())) ** 0.5
            rows.append((float(mean[0]), math.hypot(float(sd[0]), noise), float(scores[own].mean())))
        predicted, sd, measured = np.array(rows).T
        return LeftOut.of(observations.combinations[chosen], predicted, sd, measured)


def _quadratic(rows: Floats, covariance: Floats) -> Floats:
    """The variance of each row times effects, shape (N,)."""
    variance: Floats = np.maximum(((rows @ covariance) * rows).sum(axis=1), 0)
    return variance
