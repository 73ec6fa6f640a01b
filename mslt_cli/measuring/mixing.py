"""`probe`: how far models mix languages, in numbers: metrics × layers × pairs, each with its interval."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import combinations
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mslt_cli import __version__
from mslt_cli.errors import UnknownNameError, UsageError
from mslt_cli.measuring.parallel_sentences import Sentences
from mslt_cli.measuring.sentence_vectors import Embedder, make_embedder, sentence_vectors
from mslt_cli.models.find import Model
from mslt_cli.probing.cka import pairwise_cka
from mslt_cli.probing.embeddings import EmbeddingOptions, Layers
from mslt_cli.probing.neutrality import centroid_distance, language_identification, retrieval
from mslt_cli.probing.pairs import Overall, Pairs
from mslt_cli.progress import QUIET, Progress
from mslt_cli.runs.directory import Run
from mslt_cli.store.probes import StoredProbe

LEAST_RESAMPLES = 100
"""Of these, the ends of a 95 % interval are the second and third from the end."""


@dataclass(frozen=True)
class ProbeOptions:
    """How the mixing of languages is measured."""

    debiased: bool = False
    """CKA without its bias for few sentences."""
    csls: bool = False
    """Retrieval without hubs."""
    resamples: int = 200
    """Bootstrap resamples of the sentences, for the intervals; 0 = no intervals."""
    seed: int = 0
    """Seed of all that is drawn at random."""

    def check(self) -> None:
        """Raises: UsageError: there are too few resamples for an interval."""
        if 0 < self.resamples < LEAST_RESAMPLES:
            raise UsageError(
                f"{self.resamples} resamples make no interval: {LEAST_RESAMPLES} or more do, or 0 for none."
            )


@dataclass(frozen=True)
class ProbeMetric:
    """One row of PROBE_METRICS."""

    name: str
    higher_is_mixed: bool
    summary: str
    compute: Callable[..., Pairs | Overall]
    """Takes embeddings by language, names of languages, resamples and seed."""
    option: Literal["debiased", "csls"] | None = None
    """A further option that it takes."""

    def measure(
        self, vectors: Sequence[NDArray[np.float32]], names: Sequence[str], options: ProbeOptions
    ) -> Pairs | Overall:
        """Compute the metric on the sentences of several languages, shape (n, d) each."""
        own = {self.option: getattr(options, self.option)} if self.option else {}
        return self.compute(vectors, names, resamples=options.resamples, seed=options.seed, **own)


PROBE_METRICS: dict[str, ProbeMetric] = {
    row.name: row
    for row in (
        ProbeMetric("cka", True, "linear CKA, higher = more mixed", pairwise_cka, "debiased"),
        ProbeMetric(
            "retrieval", True, "translations found as nearest neighbours, higher = more mixed", retrieval, "csls"
        ),
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
    """ISO 639-3; empty = all languages together: the mean over pairs, or the value of a metric without pairs."""
    b: str
    value: float
    low: float
    """95 % interval; nan = there is none."""
    high: float
    n: int
    """Sentences."""


@dataclass(frozen=True)
class ModelDifference:
    """One model less another that was given before it, under one metric, each in its last layer that was probed."""

    metric: str
    label: str
    less: str
    """The label of the other model."""
    value: float
    low: float
    """95 % interval; nan = there is none."""
    high: float


@dataclass(frozen=True)
class Probe:
    """The results of a probe."""

    sentences: Sentences
    probed: tuple[Embedder, ...]
    """The models, each with a label of its own."""
    how: str
    """The pooling ("mean", or "words" without special tokens), then the prefix, "debiased" and "csls" where they are
    so, by comma."""
    resamples: int
    measures: tuple[Measure, ...]
    differences: tuple[ModelDifference, ...]
    """Of each model to each before it, paired over sentences."""
    vectors: tuple[dict[str, NDArray[np.float32]], ...]
    """Of each model's last layer that was probed, by language: shape (n, d)."""

    def last_layer(self, label: str) -> int:
        """The last layer that was probed of the model of that label."""
        return max(m.layer for m in self.measures if m.label == label)


def probe(
    models: Sequence[Model | Run],
    sentences: Sentences,
    *,
    layers: Layers = "last",
    metrics: Sequence[str] = ("cka",),
    options: ProbeOptions = ProbeOptions(),
    embedding: EmbeddingOptions = EmbeddingOptions(),
    progress: Progress = QUIET,
) -> Probe:
    """Measure how far models mix the languages of aligned sentences.

    Args:
        models: as `fetch_model` gives them, or finished runs that kept their weights. They may differ in width: only
            values are compared across models.
        sentences: see `aligned_sentences`.
        layers: numbers, "last" or "all".
        metrics: rows of PROBE_METRICS.
        options: how the mixing is measured.
        embedding: how sentences are embedded.
        progress: shows what is done.

    Raises:
        UnknownNameError, UsageError: a metric does not exist, or there is no model.
        RunError: a run's weights were not kept.
        ModelError: a model cannot be loaded, has no such layer, or gives no finite numbers.
        DataError: all embeddings of a language are the same.
    """
    if not models:
        raise UsageError("There is no model to probe.")
    options.check()
    for name in metrics:
        if name not in PROBE_METRICS:
            raise UnknownNameError("metric of a probe", name, list(PROBE_METRICS))
    embedders = _with_own_labels([make_embedder(model, progress=progress) for model in models])
    measures: list[Measure] = []
    last_vectors: list[dict[str, NDArray[np.float32]]] = []
    overall: dict[str, list[Overall]] = {name: [] for name in metrics}
    for embedder in embedders:
        vectors = sentence_vectors(embedder, sentences, layers, embedding, progress=progress)
        numbers = sorted(next(iter(vectors.values())))
        with progress.step(f"measure {embedder.label}", len(numbers) * len(metrics), "values") as step:
            for layer in numbers:
                of_layer = [vectors[language][layer] for language in sentences.languages]
                for name in metrics:
                    measured = PROBE_METRICS[name].measure(of_layer, sentences.codes, options)
                    measures += _measures(embedder, sentences, layer, name, measured)
                    if layer == numbers[-1]:
                        overall[name].append(measured.mean if isinstance(measured, Pairs) else measured)
                    step.advance()
        last_vectors.append({language: vectors[language][numbers[-1]] for language in sentences.languages})
    differences = []
    for name, values in overall.items():
        for i, j in combinations(range(len(embedders)), 2):
            apart = Overall(values[j].value - values[i].value, values[j].draws - values[i].draws)
            labels = embedders[j].label, embedders[i].label
            differences.append(ModelDifference(name, *labels, apart.value, *apart.interval))
    how = [embedding.pooling, f"prefix {embedding.prefix!r}" if embedding.prefix else ""]
    how += ["debiased" if options.debiased else "", "csls" if options.csls else ""]
    return Probe(
        sentences=sentences,
        probed=tuple(embedders),
        how=", ".join(filter(None, how)),
        resamples=options.resamples,
        measures=tuple(measures),
        differences=tuple(differences),
        vectors=tuple(last_vectors),
    )


def _with_own_labels(embedders: Sequence[Embedder]) -> list[Embedder]:
    """The same with labels that differ: runs of one combination may differ in budget or task."""
    labels = [embedder.label for embedder in embedders]
    out: list[Embedder] = []
    for i, embedder in enumerate(embedders):
        label = embedder.label
        if labels.count(label) > 1:
            label += f" {embedder.run_id[:6]}" if embedder.run_id else ""
            label += f" #{i + 1}" if any(label == other.label for other in out) else ""
        out.append(replace(embedder, label=label))
    return out


def _measures(
    embedder: Embedder, sentences: Sentences, layer: int, metric: str, measured: Pairs | Overall
) -> list[Measure]:
    values = {("", ""): measured.mean if isinstance(measured, Pairs) else measured}
    if isinstance(measured, Pairs):
        names = sentences.languages
        values |= {(names[a], names[b]): measured.of(a, b) for a, b in measured.pairs}
    return [
        Measure(
            label=embedder.label,
            model=embedder.model,
            run_id=embedder.run_id,
            weights_sha256=embedder.weights_sha256,
            layer=layer,
            metric=metric,
            a=a,
            b=b,
            value=value.value,
            low=value.interval[0],
            high=value.interval[1],
            n=len(sentences.ids),
        )
        for (a, b), value in values.items()
    ]


def stored_probes(probe: Probe) -> list[StoredProbe]:
    """What a probe measured, as the store keeps it."""
    sentences = probe.sentences
    languages = sorted(sentences.languages)
    data = "\n".join(f"{language} {sentences.records[language].content_sha256}" for language in languages)
    of_all: dict[str, Any] = {
        "corpus": sentences.corpus.variant,
        "split": sentences.split,
        "languages": tuple(languages),
        "pooling": probe.how,
        "data_sha256": hashlib.sha256(data.encode()).hexdigest(),
        "mslt_version": __version__,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    rows = []
    for measure in probe.measures:
        a, b = sorted((measure.a, measure.b))
        low, high = (None if math.isnan(end) else end for end in (measure.low, measure.high))
        own = vars(measure) | {"run_id": measure.run_id or "", "a": a, "b": b, "low": low, "high": high}
        rows.append(StoredProbe(**own, **of_all))
    return rows
