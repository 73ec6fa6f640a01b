"""`probe`: how far models mix languages, in numbers: metrics × layers × pairs, each with its interval."""

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain, combinations

import numpy as np
from numpy.typing import NDArray

from mslt_cli import __version__
from mslt_cli.errors import UnknownNameError, UsageError
from mslt_cli.measuring.sentence_vectors import Embedder, Sentences, make_embedder, sentence_vectors
from mslt_cli.models.find import Model
from mslt_cli.probing.cka import pairwise_cka, shuffled_cka
from mslt_cli.probing.embeddings import EmbeddingOptions, Layers
from mslt_cli.probing.neutrality import centroid_distance, language_identification, retrieval
from mslt_cli.probing.pairs import BootstrapValue, Embeddings, Measured, ProbeOptions
from mslt_cli.progress import QUIET, Progress
from mslt_cli.runs.directory import Run
from mslt_cli.store.measured import StoredProbe

LEAST_RESAMPLES = 100
"""Of these, the ends of a 95 % interval are the second and third from the end."""


@dataclass(frozen=True)
class ProbeMetric:
    """One row of PROBE_METRICS."""

    compute: Callable[[Embeddings, Sequence[str], ProbeOptions], Measured]
    """Takes embeddings by language, and the languages' names for errors."""
    higher_is_mixed: bool | None
    """None: it measures no mixing, and is what another metric has to be seen beside."""
    what: str
    form: Callable[[ProbeOptions], str] = lambda _: ""
    """Which of several estimators of it: "debiased". It tells stored values of one name apart."""

    @property
    def summary(self) -> str:
        """What it measures, and in which direction."""
        directions = {True: ", higher = more mixed", False: ", lower = more mixed", None: ""}
        return self.what + directions[self.higher_is_mixed]


SHUFFLED = "cka-shuffled"
PROBE_METRICS = {
    "cka": ProbeMetric(pairwise_cka, True, "linear CKA", lambda given: "debiased" if given.debiased else "biased"),
    SHUFFLED: ProbeMetric(shuffled_cka, None, "biased CKA of shuffled sentences", lambda _: "biased"),
    "retrieval": ProbeMetric(
        retrieval, True, "translations found as nearest neighbours", lambda given: "csls" if given.csls else ""
    ),
    "langid": ProbeMetric(language_identification, False, "languages told apart by a linear classifier"),
    "centroid": ProbeMetric(
        centroid_distance, False, "distance of means for the spread around them", lambda _: "unbiased"
    ),
}


@dataclass(frozen=True)
class Measure:
    """One value of one model, with its 95 % interval; its ends are nan where there is none."""

    label: str
    model: str
    run_id: str | None
    weights_sha256: str
    layer: int
    metric: str
    how: str
    """See `Probe.how`, then the metric's form if it has several, by comma: "mean, debiased"."""
    a: str
    """ISO 639-3; empty = all languages together: the mean over pairs, or the value of a metric without pairs."""
    b: str
    value: float
    low: float
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
    """95 % interval, as of `Measure`."""
    high: float


@dataclass(frozen=True)
class Probe:
    """The results of a probe."""

    sentences: Sentences
    how: str
    """The pooling ("mean", or "words" without special tokens), then the prefix if there is one, by comma."""
    resamples: int
    measures: tuple[Measure, ...]
    differences: tuple[ModelDifference, ...]
    """Of each model to each before it, paired over sentences."""
    vectors: Mapping[str, Mapping[str, NDArray[np.float32]]]
    """By the model's label and the language, of the last layer that was probed: shape (n, d)."""

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
        sentences: as `aligned_sentences` gives them.
        metrics: names of PROBE_METRICS. Biased CKA has its value on shuffled sentences beside it.

    Raises:
        UnknownNameError: a metric does not exist.
        UsageError: there is no model, or there are too few resamples for an interval.
        RunError: a run's weights were not kept.
        ModelError: a model cannot be loaded, has no such layer, or gives no finite numbers.
        DataError: all embeddings of a language are the same.
    """
    if not models:
        raise UsageError("There is no model to probe.")
    if 0 < options.resamples < LEAST_RESAMPLES:
        raise UsageError(
            f"{options.resamples} resamples make no interval: {LEAST_RESAMPLES} or more do, or 0 for none."
        )
    if unknown := [name for name in metrics if name not in PROBE_METRICS]:
        raise UnknownNameError("metric of a probe", unknown[0], PROBE_METRICS)
    pairs = [(name, SHUFFLED) if name == "cka" and not options.debiased else (name,) for name in metrics]
    metrics = tuple(dict.fromkeys(chain.from_iterable(pairs)))
    pooled = ", ".join([embedding.pooling, *([f"prefix {embedding.prefix!r}"] if embedding.prefix else [])])
    measures: list[Measure] = []
    last_vectors: dict[str, Mapping[str, NDArray[np.float32]]] = {}
    overall: dict[str, dict[str, BootstrapValue]] = {name: {} for name in metrics}  # by metric and label
    for embedder in _label_apart([make_embedder(model, progress=progress) for model in models]):
        who = embedder.label, embedder.model, embedder.run_id, embedder.weights_sha256
        vectors = sentence_vectors(embedder, sentences, layers, embedding, progress=progress)
        with progress.step(f"measure {embedder.label}", len(vectors) * len(metrics), "values") as step:
            for layer in sorted(vectors):
                for name in metrics:
                    metric = PROBE_METRICS[name]
                    measured = metric.compute([*vectors[layer].values()], sentences.codes, options)
                    how = ", ".join(filter(None, [pooled, metric.form(options)]))
                    for pair, estimate in measured.items():
                        a, b = (sentences.languages[place] for place in pair) if pair else ("", "")
                        value, (low, high), n = estimate.value, estimate.interval, len(sentences.ids)
                        measures.append(Measure(*who, layer, name, how, a, b, value, low, high, n))
                    overall[name][embedder.label] = measured[()]  # the last layer's stays
                    step.advance()
        last_vectors[embedder.label] = vectors[max(vectors)]
    differences = []
    mixing = {name: given for name, given in overall.items() if PROBE_METRICS[name].higher_is_mixed is not None}
    for name, by_label in mixing.items():
        for (less, one), (label, other) in combinations(by_label.items(), 2):
            apart = other.minus(one)
            differences.append(ModelDifference(name, label, less, apart.value, *apart.interval))
    return Probe(sentences, pooled, options.resamples, tuple(measures), tuple(differences), last_vectors)


def _label_apart(embedders: Sequence[Embedder]) -> list[Embedder]:
    """The same with labels that differ: runs of one combination may differ in budget or task."""
    counts = Counter(embedder.label for embedder in embedders)
    apart: dict[str, Embedder] = {}
    for number, embedder in enumerate(embedders, start=1):
        label = embedder.label
        label += f" {embedder.run_id[:6]}" if counts[label] > 1 and embedder.run_id else ""
        label += f" #{number}" if label in apart else ""
        apart[label] = replace(embedder, label=label)
    return list(apart.values())


def stored_probes(probe: Probe) -> list[StoredProbe]:
    """What a probe measured, as the store keeps it."""
    sentences = probe.sentences
    languages = tuple(sorted(sentences.languages))
    data = "\n".join(f"{language} {sentences.records[language].content_sha256}" for language in languages)
    measured_at = datetime.now(UTC).isoformat(timespec="seconds")
    rows = []
    for measure in probe.measures:
        a, b = sorted((measure.a, measure.b))
        low, high = (None if math.isnan(end) else end for end in (measure.low, measure.high))
        values = {name: value for name, value in vars(measure).items() if name != "how"}
        row = StoredProbe(
            **values | {"run_id": measure.run_id or "", "a": a, "b": b, "low": low, "high": high},
            corpus=sentences.corpus.variant,
            split=sentences.split,
            languages=languages,
            pooling=measure.how,
            data_sha256=hashlib.sha256(data.encode()).hexdigest(),
            mslt_version=__version__,
            measured_at=measured_at,
        )
        rows.append(row)
    return rows
