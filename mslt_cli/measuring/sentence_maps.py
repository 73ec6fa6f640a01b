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
    """Of the languages, as the corpus has them; names and texts (the n sentences of each) have this order."""
    names: tuple[str, ...]
    models: tuple[ModelMap, ...]
    metric: str
    """What the values of pairs are: "CKA"."""
    texts: tuple[tuple[str, ...], ...] = ()


def map_sentences(
    probe: Probe, names: Mapping[str, str], how: str, *, perplexity: float, seed: int, progress: Progress = QUIET
) -> SentenceMaps:
    """Map the sentences of every model, in the last layer that was probed (see `project`, also for errors).

    `names` are those of languages by ISO 639-3 code.
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
    data = f"{sentences.corpus.name} {sentences.split}, {len(sentences.ids):,} sentences"
    return SentenceMaps(
        about=f"{data} in {len(sentences.languages)} languages; layer {layers}; {PROJECTIONS[how]}",
        codes=tuple(sentences.codes),
        names=tuple(names.get(language, code(language)) for language in sentences.languages),
        models=tuple(models),
        metric="CKA" if metric == "cka" else metric,
        texts=tuple(tuple(sentences.text(language)) for language in sentences.languages),
    )
