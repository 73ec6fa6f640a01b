"""A linear Gaussian model with unknown variances: their posterior, and that of its effects.

data = features @ effects + noise; the covariance of the effects is a sum of known matrices times unknown variances, and
the noise of each row is its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
POINTS = 40
"""At which the variances are integrated over."""
STEPS = 60
"""Of Fisher scoring, at most."""
NEAR = 0.02
"""Steps of the logarithms that are smaller end it."""
LEAST_LOG = -9.0
"""Of a standard deviation, a hundredth of a point: data that effects explain wholly have a covariance, too."""


class Component(NamedTuple):
    """A variance of the model; its standard deviation has a logarithm that is normal before any run is seen."""

    name: str
    matrix: Floats
    """Covariance of the effects at a standard deviation of 1, shape (F, F)."""
    median: float
    log_sd: float


def span(columns: Floats) -> Floats:
    """Orthonormal columns that span the same space, shape (R, p)."""
    lengths = np.linalg.norm(columns, axis=0)
    if len(columns) <= 1.5 * len(lengths):
        return np.eye(len(columns))  # next to nothing would be saved
    left, values, _ = np.linalg.svd(columns[:, lengths > 0] / lengths[lengths > 0], full_matrices=False)
    basis: Floats = left[:, values > 1e-9 * values[0]]
    return basis


@dataclass(frozen=True)
class LinearModel:
    """What is known before the data are: columns, shape (R, columns), that are independent and have one covariance."""

    basis: Floats
    """Orthonormal columns whose span holds the features, shape (R, p).

    What the data have outside of this span is plain noise, and counts by its sum of squares alone.
    """
    features: Floats
    """Shape (R, F)."""
    fixed: Floats
    """The part of the covariance of the effects that is known, shape (F, F)."""
    effects: Sequence[Component]
    """The parts of it with an unknown variance."""
    noise: Component
    """Its matrix is not used."""

    @property
    def components(self) -> list[Component]:
        """All, in the order of their standard deviations."""
        return [*self.effects, self.noise]

    @cached_property
    def seen(self) -> Floats:
        """The features in the basis, shape (p, F)."""
        seen: Floats = self.basis.T @ self.features
        return seen

    @cached_property
    def parts(self) -> Floats:
        """Covariances in the basis for standard deviations of 1, the noise the last, shape (components, p, p)."""
        return np.stack([self.seen @ one.matrix @ self.seen.T for one in self.effects] + [np.eye(len(self.seen))])

    @cached_property
    def known(self) -> Floats:
        """The fixed part in the basis, shape (p, p)."""
        known: Floats = self.seen @ self.fixed @ self.seen.T
        return known

    @cached_property
    def before(self) -> tuple[Floats, Floats]:
        """Of the logarithms of the standard deviations, before the data are known: mean and standard deviation."""
        spreads = np.array([one.log_sd for one in self.components])
        return np.log([one.median for one in self.components]), spreads

    def outside(self, data: Floats) -> tuple[float, int]:
        """The sum of squares of data outside of the basis, and how many squares these are."""
        left = float((data**2).sum() - ((self.basis.T @ data) ** 2).sum())
        return max(0.0, left), (len(data) - self.basis.shape[1]) * data.shape[1]

    def log_posterior(self, data: Floats, logs: Floats) -> tuple[Floats, Floats]:
        """Of logarithms of the standard deviations, shape (n, components).

        Returns:
            Logarithms of the density, shape (n,), and inverse covariances in the basis, shape (n, p, p).
        """
        (centre, spread), (squares, spare) = self.before, self.outside(data)
        half = np.linalg.inv(np.linalg.cholesky(self.known + np.tensordot(np.exp(2 * logs), self.parts, 1)))
        value = -0.5 * ((half @ (self.basis.T @ data)) ** 2).sum(axis=(1, 2))
        value += data.shape[1] * np.log(np.diagonal(half, axis1=1, axis2=2)).sum(axis=1)
        value -= 0.5 * squares * np.exp(-2 * logs[:, -1]) + spare * logs[:, -1]
        value -= 0.5 * (((logs - centre) / spread) ** 2).sum(axis=1)
        return value, half.transpose(0, 2, 1) @ half

    def find_mode(self, data: Floats, start: Floats | None = None) -> tuple[Floats, Floats]:
        """The most probable logarithms of the standard deviations, and the information about them.

        Source:
            Fisher scoring: Searle, Casella and McCulloch 1992, Variance components, ch. 8.
        """
        (centre, spread), (outside, spare), columns = self.before, self.outside(data), data.shape[1]
        logs, inside = centre if start is None else start, self.basis.T @ data
        (value,), (inverse,) = self.log_posterior(data, logs[None])
        for _ in range(STEPS):
            scale, solved = 2 * np.exp(2 * logs), inverse @ inside
            products = inverse @ self.parts
            squares = (solved * (self.parts @ solved)).sum(axis=(1, 2))
            slope = 0.5 * scale * (squares - columns * np.trace(products, axis1=1, axis2=2))
            flat, turned = (one.reshape(len(scale), -1) for one in (products, products.transpose(0, 2, 1)))
            information = 0.5 * columns * np.outer(scale, scale) * (flat @ turned.T) + np.diag(1 / spread**2)
            slope[-1] += outside * np.exp(-2 * logs[-1]) - spare
            information[-1, -1] += 2 * spare
            step = np.linalg.solve(information, slope - (logs - centre) / spread**2)
            step *= min(1.0, 1.5 / float(np.abs(step).max()))
            step = np.maximum(logs + step, LEAST_LOG) - logs
            (better,), (inverse,) = self.log_posterior(data, (logs + step)[None])
            while better < value and np.abs(step).max() > NEAR / 10:
                step = step / 2
                (better,), (inverse,) = self.log_posterior(data, (logs + step)[None])
            logs, value = logs + step, better
            if np.abs(step).max() < NEAR:
                break
        return logs, information

    def condition(self, data: Floats, logs: Floats) -> "Posterior":
        """The posterior of the effects where the standard deviations are known."""
        sds = np.exp(logs)
        covariance = self.seen @ self.prior(sds) @ self.seen.T + sds[-1] ** 2 * np.eye(len(self.seen))
        return Posterior(self, data, sds[None], np.ones(1), np.linalg.inv(covariance)[None])

    def integrate(self, data: Floats, mode: Floats, information: Floats) -> "Posterior":
        """The posterior of the effects, over points drawn from the normal at the mode.

        Source:
            Importance sampling: Geweke 1989.
        """
        half = np.random.default_rng(0).standard_normal((POINTS // 2, len(mode)))
        z = np.concatenate([half, -half])
        points = np.maximum(mode + z @ np.linalg.cholesky(np.linalg.inv(information)).T, LEAST_LOG)
        values, inverses = self.log_posterior(data, points)
        logs = values + 0.5 * (z**2).sum(axis=1)
        weights = np.exp(logs - logs.max())
        return Posterior(self, data, np.exp(points), weights / weights.sum(), inverses)

    def prior(self, sds: Floats) -> Floats:
        """Covariance of the effects, shape (F, F)."""
        return sum((sd**2 * one.matrix for sd, one in zip(sds[:-1], self.effects, strict=True)), self.fixed)


@dataclass(frozen=True)
class Posterior:
    """Of the effects, with what is not known of the variances: these are points with weights."""

    model: LinearModel
    data: Floats
    """Shape (R, columns)."""
    sds: Floats
    """Shape (points, components)."""
    weights: Floats
    """Shape (points,); they sum to 1."""
    inverses: Floats
    """Of the covariance of the data in the basis, shape (points, p, p)."""

    @cached_property
    def _moments(self) -> tuple[Floats, Floats]:
        """Mean and covariance of the effects: those at the points, and what their means differ in."""
        inside, seen, columns = self.model.basis.T @ self.data, self.model.seen, self.data.shape[1]
        covariance = np.zeros_like(self.model.fixed)
        means = np.zeros((len(self.weights), seen.shape[1], columns))
        for point, (sds, weight, inverse) in enumerate(zip(self.sds, self.weights, self.inverses, strict=True)):
            prior = self.model.prior(sds)
            gain = (prior @ seen.T) @ inverse
            means[point] = gain @ inside
            covariance += weight * (prior - gain @ (seen @ prior))
        mean = np.tensordot(self.weights, means, 1)
        apart = ((means - mean) * np.sqrt(self.weights / columns)[:, None, None]).transpose(1, 0, 2)
        apart = apart.reshape(len(mean), -1)
        return mean, covariance + apart @ apart.T

    @property
    def mean(self) -> Floats:
        """Of the effects, shape (F, columns)."""
        return self._moments[0]

    @property
    def covariance(self) -> Floats:
        """Of the effects in one column, shape (F, F)."""
        return self._moments[1]

    @cached_property
    def variances(self) -> dict[str, float]:
        """The components' variances, on average, by name."""
        means = self.weights @ self.sds**2
        return {one.name: float(mean) for one, mean in zip(self.model.components, means, strict=True)}

    def inform(self, columns: Floats) -> tuple[float, float]:
        """What the data say of one coefficient of further columns, shape (R, columns): information, and times data."""
        inside, other = self.model.basis.T @ columns, self.model.basis.T @ self.data
        noise = self.sds[:, -1] ** 2
        solved = self.inverses @ inside
        information = (solved * inside).sum(axis=(1, 2)) + ((columns**2).sum() - (inside**2).sum()) / noise
        outside = ((columns * self.data).sum() - (inside * other).sum()) / noise
        return float(self.weights @ information), float(self.weights @ ((solved * other).sum(axis=(1, 2)) + outside))
