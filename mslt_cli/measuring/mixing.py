"""`probe`: how far models mix languages, in numbers: metrics × layers × pairs, each with its interval."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mslt_cli import __version__
from mslt_cli.errors import UnknownNameError, UsageError
from mslt_cli.measuring.probed import Layers, Probed, sentence_vectors
from mslt_cli.probing.cka import pairwise_cka
from mslt_cli.probing.neutrality import centroid_distance, language_identification, retrieval
from mslt_cli.probing.pairs import Overall, Pairs
from mslt_cli.probing.sentences import Sentences
from mslt_cli.progress import QUIET, Progress
from mslt_cli.store.probes import StoredProbe

LEAST_RESAMPLES = 100
"""Of a bootstrap: the ends of a 95 % interval are its second and third from the end, at that."""


@dataclass(frozen=True)
class ProbeMetric:
    """One row of PROBE_METRICS."""

    name: str
    higher_is_mixed: bool
    summary: str
    compute: Callable[..., Pairs | Overall]


PROBE_METRICS: dict[str, ProbeMetric] = {
    row.name: row
    for row in (
        ProbeMetric("cka", True, "linear CKA, higher = more mixed", pairwise_cka),
        ProbeMetric("retrieval", True, "translations found as nearest neighbours, higher = more mixed", retrieval),
        ProbeMetric(
            "langid", False, "languages told apart by a linear classifier, lower = more mixed", language_identification
        ),
        ProbeMetric(
            "centroid", False, "distance of means for the spread around them, lower = more mixed", centroid_distance
        ),
    )
}


@dataclass(frozen=True)
class Measure:
    """One value of one model."""

    label: str
    model: str
    run_id: str | None
    weights_sha256: str
    layer: int
    metric: str
    a: str
    """ISO 639-3; empty = all languages together: the mean over pairs, or the metric has no pairs."""
    b: str
    value: float
    low: float
    high: float
    n: int
    """Sentences."""


@dataclass(frozen=True)
class Difference:
    """A model less one that was given before it, under one metric, each in its last layer that was looked at."""

    metric: str
    label: str
    less: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Probe:
    """What a probe found."""

    sentences: Sentences
    probed: tuple[Probed, ...]
    how: str
    """How: "mean", or "words" without special tokens; then any text put before sentences; debiased; csls."""
    resamples: int
    measures: tuple[Measure, ...]
    differences: tuple[Difference, ...]
    """Of each model to each before it, paired over sentences."""
    vectors: tuple[dict[str, NDArray[np.float32]], ...]
    """Of each model's last layer that was looked at, by language: shape (n, d)."""

    def last_layer(self, label: str) -> int:
        """The last layer that was looked at of the model of that label."""
        return max(m.layer for m in self.measures if m.label == label)


def probe(
    models: Sequence[Probed],
    sentences: Sentences,
    *,
    layers: Layers = "last",
    metrics: Sequence[str] = ("cka",),
    debiased: bool = False,
    csls: bool = False,
    prefix: str = "",
    special_tokens: bool = True,
    resamples: int = 200,
    seed: int = 0,
    device: str | None = None,
    progress: Progress = QUIET,
) -> Probe:
    """Measure how far models mix the languages of aligned sentences.

    Args:
        models: see `probed_model`, `probed_run`. They may differ in width: only values are compared across models.
        sentences: see `aligned_sentences`.
        layers: numbers, "last" or "all".
        metrics: rows of PROBE_METRICS.
        debiased: of CKA.
        csls: of retrieval.
        prefix, special_tokens, device: see `sentence_vectors`.
        resamples: of the bootstraps over sentences; 0 = no intervals.
        seed: of whatever is drawn.
        progress: hears of it.

    Raises:
        UnknownNameError, UsageError: a metric does not exist, or there is no model.
        ModelError: a model cannot be loaded, has no such layer, or gives no finite numbers.
        DataError: all embeddings of a language are the same.
    """
    if not models:
        raise UsageError("There is no model to probe.")
    if 0 < resamples < LEAST_RESAMPLES:
        raise UsageError(f"{resamples} resamples make no interval: {LEAST_RESAMPLES} or more do, or 0 for none.")
    for name in metrics:
        if name not in PROBE_METRICS:
            raise UnknownNameError("metric of a probe", name, list(PROBE_METRICS))
    models = _told_apart(models)
    measures: list[Measure] = []
    vectors: list[dict[str, NDArray[np.float32]]] = []
    overall: dict[str, list[Overall]] = {name: [] for name in metrics}
    options: dict[str, dict[str, Any]] = {"cka": {"debiased": debiased}, "retrieval": {"csls": csls}}
    for model in models:
        found = sentence_vectors(
            model, sentences, layers, prefix=prefix, special_tokens=special_tokens, device=device, progress=progress
        )
        numbers = sorted(next(iter(found.values())))
        with progress.step(f"measure {model.label}", len(numbers) * len(metrics), "values") as step:
            for layer in numbers:
                given = [found[language][layer] for language in sentences.languages]
                for name in metrics:
                    made = PROBE_METRICS[name].compute(
                        *(given, [sentences.corpus.code(language) for language in sentences.languages]),
                        resamples=resamples,
                        seed=seed,
                        **options.get(name, {}),
                    )
                    measures += _measures(model, sentences, layer, name, made)
                    if layer == numbers[-1]:
                        overall[name].append(made.mean if isinstance(made, Pairs) else made)
                    step.advance()
        vectors.append({language: found[language][numbers[-1]] for language in sentences.languages})
    differences = [
        _difference(name, models[j], models[i], values[j], values[i])
        for name, values in overall.items()
        for i, j in combinations(range(len(models)), 2)
    ]
    how = ["mean" if special_tokens else "words", *([f"prefix {prefix!r}"] if prefix else [])]
    how += [*(["debiased"] if debiased else []), *(["csls"] if csls else [])]
    return Probe(
        sentences, tuple(models), ", ".join(how), resamples, tuple(measures), tuple(differences), tuple(vectors)
    )


def _told_apart(models: Sequence[Probed]) -> list[Probed]:
    """The models with labels of their own: runs of one combination may differ in budget or task."""
    labels = [model.label for model in models]
    out: list[Probed] = []
    for i, model in enumerate(models):
        label = model.label
        if labels.count(label) > 1:
            label += f" {model.run_id[:6]}" if model.run_id else ""
            label += f" #{i + 1}" if label in (known.label for known in out) else ""
        out.append(replace(model, label=label))
    return out


def _measures(model: Probed, sentences: Sentences, layer: int, metric: str, found: Pairs | Overall) -> list[Measure]:
    def one(a: str, b: str, value: Overall) -> Measure:
        about = (model.label, model.model, model.run_id, model.weights, layer, metric, a, b)
        return Measure(*about, value.value, *value.interval, len(sentences.ids))

    if isinstance(found, Overall):
        return [one("", "", found)]
    names = sentences.languages
    return [one("", "", found.mean), *(one(names[a], names[b], found.of(a, b)) for a, b in found.pairs)]


def _difference(metric: str, one: Probed, other: Probed, a: Overall, b: Overall) -> Difference:
    apart = Overall(a.value - b.value, a.draws - b.draws)
    return Difference(metric, one.label, other.label, apart.value, *apart.interval)


def stored_probes(probe: Probe) -> list[StoredProbe]:
    """What a probe measured, as the store keeps it."""
    sentences = probe.sentences
    languages = sorted(sentences.languages)
    data = "\n".join(f"{language} {sentences.records[language].content_sha256}" for language in languages)
    data_sha256 = hashlib.sha256(data.encode()).hexdigest()
    measured_at = datetime.now(UTC).isoformat(timespec="seconds")
    return [
        StoredProbe(
            weights_sha256=measure.weights_sha256,
            label=measure.label,
            model=measure.model,
            run_id=measure.run_id or "",
            corpus=sentences.corpus.variant,
            split=sentences.split,
            languages=tuple(languages),
            pooling=probe.how,
            layer=measure.layer,
            metric=measure.metric,
            a=min(measure.a, measure.b),
            b=max(measure.a, measure.b),
            value=measure.value,
            low=None if math.isnan(measure.low) else measure.low,
            high=None if math.isnan(measure.high) else measure.high,
            n=measure.n,
            data_sha256=data_sha256,
            mslt_version=__version__,
            measured_at=measured_at,
        )
        for measure in probe.measures
    ]
