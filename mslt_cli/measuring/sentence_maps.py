"""Maps of the sentences that a probe embedded, one for each model, for figures and pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from mslt_cli.measuring.mixing import Probe
from mslt_cli.probing.maps import CALLED, PERPLEXITY, Projection, project
from mslt_cli.progress import QUIET, Progress


@dataclass(frozen=True)
class ModelMap:
    """The sentences of one model in two dimensions."""

    label: str
    points: tuple[NDArray[Any], ...]
    """By language, shape (n, 2)."""
    pairs: Mapping[tuple[str, str], float]
    """The value of each pair of languages, by their codes; empty if the metric has no pairs."""


@dataclass(frozen=True)
class SentenceMaps:
    """The maps of all models, made with the same settings."""

    about: str
    """Corpus, sentences, layer and projection."""
    codes: tuple[str, ...]
    """Of the languages, as the corpus has them."""
    names: tuple[str, ...]
    """Of the languages, in that order."""
    models: tuple[ModelMap, ...]
    metric: str
    """What the values of pairs are: "CKA"."""
    texts: tuple[tuple[str, ...], ...] = ()
    """By language, the n sentences."""


def map_sentences(
    probe: Probe,
    names: Mapping[str, str],
    how: Projection = "tsne",
    *,
    perplexity: float = PERPLEXITY,
    seed: int = 0,
    progress: Progress = QUIET,
) -> SentenceMaps:
    """Map the sentences of every model, in the last layer that was looked at.

    Args:
        probe: what `probe` measured.
        names: of languages, by ISO 639-3 code.
        how: the projection.
        perplexity: of t-SNE.
        seed: of t-SNE.
        progress: hears of it.

    Raises:
        DataError: there are too few sentences for the perplexity.
        MissingPackageError: scikit-learn is not installed.
    """
    sentences = probe.sentences
    codes = tuple(sentences.corpus.code(language) for language in sentences.languages)
    metric = next((measure.metric for measure in probe.measures if measure.a), "")
    models = []
    with progress.step(f"map by {CALLED[how]}", len(probe.probed), "models") as step:
        for model, vectors in zip(probe.probed, probe.vectors, strict=True):
            points = project(list(vectors.values()), how, perplexity=perplexity, seed=seed)
            models.append(ModelMap(model.label, tuple(points), _values_of_pairs(probe, model.label, metric)))
            step.advance()
    layers = sorted({probe.last_layer(model.label) for model in probe.probed})
    about = f"{sentences.corpus.name} {sentences.split}, {len(sentences.ids):,} sentences in {len(codes)} languages; "
    return SentenceMaps(
        about=f"{about}layer {' and '.join(map(str, layers))}; {CALLED[how]}",
        codes=codes,
        names=tuple(names.get(language, code) for language, code in zip(sentences.languages, codes, strict=True)),
        models=tuple(models),
        metric="CKA" if metric == "cka" else metric,
        texts=tuple(tuple(sentences.text(language)) for language in sentences.languages),
    )


def _values_of_pairs(probe: Probe, label: str, metric: str) -> dict[tuple[str, str], float]:
    code = probe.sentences.corpus.code
    here = (label, probe.last_layer(label), metric)
    return {
        (code(measure.a), code(measure.b)): measure.value
        for measure in probe.measures
        if measure.a and (measure.label, measure.layer, measure.metric) == here
    }
