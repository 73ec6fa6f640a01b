"""Maps of the sentences that a probe embedded, one for each model, for figures and pages."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from mslt_cli.measuring.mixing import Probe
from mslt_cli.probing.maps import PROJECTIONS, project
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
    """Of the languages, as the corpus has them; names and texts have this order."""
    names: tuple[str, ...]
    models: tuple[ModelMap, ...]
    metric: str
    """What the values of pairs are: "CKA"."""
    texts: tuple[tuple[str, ...], ...] = ()
    """By language, the n sentences."""


def map_sentences(
    probe: Probe, names: Mapping[str, str], how: str, *, perplexity: float, seed: int, progress: Progress = QUIET
) -> SentenceMaps:
    """Map the sentences of every model, in the last layer that was probed (see `project`).

    `names` are those of languages by ISO 639-3 code.

    Raises:
        DataError: there are too few sentences for the perplexity.
        MissingPackageError: scikit-learn is not installed.
    """
    sentences = probe.sentences
    code = sentences.corpus.code
    metric = next((measure.metric for measure in probe.measures if measure.a), "")
    models = []
    with progress.step(f"map by {PROJECTIONS[how]}", len(probe.vectors), "models") as step:
        for label, vectors in probe.vectors.items():
            here = (label, probe.last_layer(label), metric)
            pairs = {
                (code(measure.a), code(measure.b)): measure.value
                for measure in probe.measures
                if measure.a and (measure.label, measure.layer, measure.metric) == here
            }
            points = project(list(vectors.values()), how, perplexity=perplexity, seed=seed)
            models.append(ModelMap(label, tuple(points), pairs))
            step.advance()
    layers = " and ".join(map(str, sorted({probe.last_layer(label) for label in probe.vectors})))
    n, k = len(sentences.ids), len(sentences.languages)
    return SentenceMaps(
        about=f"{sentences.corpus.name} {sentences.split}, {n:,} sentences in {k} languages; layer {layers}; "
        + PROJECTIONS[how],
        codes=tuple(sentences.codes),
        names=tuple(names.get(language, code(language)) for language in sentences.languages),
        models=tuple(models),
        metric="CKA" if metric == "cka" else metric,
        texts=tuple(tuple(sentences.text(language)) for language in sentences.languages),
    )
