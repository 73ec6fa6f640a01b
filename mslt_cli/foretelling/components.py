"""A linear Gaussian model with unknown variances: their posterior, and that of its effects."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
POINTS = 40
"""At which the variances are integrated over."""
STEPS = 40
"""Of Fisher scoring, at most."""


class Component(NamedTuple):
    """A variance of the model."""

    matrix: Floats
    """Covariance for a standard deviation of 1: of the effects, shape (F, F), or of the noise, shape (R, R)."""
    median: float
    """Of its standard deviation, before any run is seen; its logarithm is normal."""
    log_sd: float


@dataclass(frozen=True)
class Posterior:
    """Points of the standard deviations with their weights, and for each what conditioning on the data needs."""

    data: Floats
    """Shape (R, columns)."""
    features: Floats
    """Shape (R, F)."""
    sds: Floats
    """Shape (points, components)."""
    weights: Floats
    """Shape (points,); they sum to 1."""
    priors: Floats
    """Covariance of the effects, shape (points, F, F)."""
    inverses: Floats
    """Of the covariance of the data, shape (points, R, R)."""

    @cached_property
    def _at_points(self) -> tuple[Floats, Floats]:
        """Mean and covariance of the effects, shapes (points, F, columns) and (points, F, F)."""
        gain: Floats = self.priors @ self.features.T @ self.inverses  # (points, F, R)
        means: Floats = gain @ self.data
        covariances: Floats = self.priors - gain @ self.features @ self.priors
        return means, covariances

    @cached_property
    def mean(self) -> Floats:
        """Of the effects, shape (F, columns)."""
        mean: Floats = np.tensordot(self.weights, self._at_points[0], 1)
        return mean

    @cached_property
    def covariance(self) -> Floats:
        """Of the effects in one column, shape (F, F), with what is not known of the variances."""
        means, covariances = self._at_points
        apart = means - self.mean
        between = np.einsum("p,pfc,pgc->fg", self.weights, apart, apart, optimize=True) / self.data.shape[1]
        covariance: Floats = np.tensordot(self.weights, covariances, 1) + between
        return covariance

    def left_out(self, rows: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """What the other rows foretell of the mean of some: mean (columns,) and variance, with their noise.

        The points are weighed anew by what they owe to these rows.
        """
        means, variances, logs = [], [], []
        for inverse in self.inverses:
            own = np.linalg.inv(inverse[np.ix_(rows, rows)])  # their covariance given the others
            errors = own @ (inverse[rows] @ self.data)  # (some, columns): measured less foretold
            means.append((self.data[rows] - errors).mean(axis=0))
            variances.append(float(own.mean()))
            fit = float((errors * np.linalg.solve(own, errors)).sum())
            logs.append(0.5 * fit + 0.5 * self.data.shape[1] * float(np.linalg.slogdet(own)[1]))
        factors = np.array(logs)
        weights = self.weights * np.exp(factors - factors.max())
        weights /= weights.sum()
        mean = weights @ np.array(means)
        return mean, float(weights @ (np.array(variances) + ((np.array(means) - mean) ** 2).mean(axis=1)))


def integrate(
    data: Floats, features: Floats, fixed: Floats, effects: Sequence[Component], noises: Sequence[Component]
) -> Posterior:
    """The posterior of the standard deviations, whose logarithms are nearly normal around their mode.

    Args:
        data: columns that are independent and alike in their covariance, shape (R, columns).
        features: of each row, shape (R, F): data = features @ effects + noise.
        fixed: the part of the covariance of the effects that is known, shape (F, F).
        effects: the parts of it with an unknown variance.
        noises: of the data beside the effects.

    Source:
        Fisher scoring for variance components: Searle, Casella and McCulloch 1992, Variance components, ch. 8. The
        points are drawn from the normal at the mode and weighed by importance: Geweke 1989.
    """
    components = [*effects, *noises]
    centre, spread = np.log([one.median for one in components]), np.array([one.log_sd for one in components])
    stacked = np.stack([*(features @ one.matrix @ features.T for one in effects), *(one.matrix for one in noises)])
    known, columns = features @ fixed @ features.T, data.shape[1]

    def at(logs: Floats) -> tuple[float, Floats]:
        """The logarithm of the posterior density, and the inverse of the covariance of the data."""
        root = np.linalg.cholesky(known + np.tensordot(np.exp(2 * logs), stacked, 1))
        half = np.linalg.inv(root)
        value = -0.5 * float(((half @ data) ** 2).sum()) - columns * float(np.log(np.diag(root)).sum())
        return value - 0.5 * float((((logs - centre) / spread) ** 2).sum()), half.T @ half

    logs = centre
    value, inverse = at(logs)
    for _ in range(STEPS):
        scale, solved = 2 * np.exp(2 * logs), inverse @ data
        products = inverse @ stacked  # (components, R, R)
        squares = np.einsum("rc,krc->k", solved, stacked @ solved)
        slope = 0.5 * scale * (squares - columns * np.trace(products, axis1=1, axis2=2)) - (logs - centre) / spread**2
        flat = products.reshape(len(components), -1)
        traces = flat @ products.transpose(0, 2, 1).reshape(len(components), -1).T
        information = 0.5 * columns * np.outer(scale, scale) * traces + np.diag(1 / spread**2)
        step = np.linalg.solve(information, slope)
        step *= min(1.0, 1.5 / float(np.abs(step).max()))
        better, inverse = at(logs + step)
        while better < value and np.abs(step).max() > 1e-4:
            step = step / 2
            better, inverse = at(logs + step)
        logs, value = logs + step, better
        if np.abs(step).max() < 1e-2:
            break
    half = np.random.default_rng(0).standard_normal((POINTS // 2, len(components)))
    z = np.concatenate([half, -half])
    points = logs + z @ np.linalg.cholesky(np.linalg.inv(information)).T
    found = [at(point) for point in points]
    log_weights = np.array([value for value, _ in found]) + 0.5 * (z**2).sum(axis=1)
    weights = np.exp(log_weights - log_weights.max())
    sds = np.exp(points)
    priors = fixed + np.tensordot(sds[:, : len(effects)] ** 2, np.stack([one.matrix for one in effects]), 1)
    return Posterior(data, features, sds, weights / weights.sum(), priors, np.stack([one for _, one in found]))
