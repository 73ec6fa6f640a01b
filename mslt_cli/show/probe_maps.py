"""The maps of a probe, made once and shown as a figure, as a page, or both."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mslt_cli.measuring.mixing import Probe
from mslt_cli.probing.maps import CALLED, Projection, project
from mslt_cli.progress import Progress
from mslt_cli.show.mixing_tables import text_rows
from mslt_cli.show.probe_figure import save_figure
from mslt_cli.show.probe_page import save_page


def save_maps(
    found: Probe,
    *,
    figure: Path | None,
    page: Path | None,
    names: Mapping[str, str],
    how: Projection,
    perplexity: float,
    seed: int,
    progress: Progress,
) -> None:
    """Map the sentences of every model, all with the same settings, and write what was asked for.

    Args:
        found: by `probe`.
        figure: .png, .svg or .pdf; None = no figure.
        page: of HTML; None = no page.
        names: of languages, by ISO 639-3 code.
        how: of the projection.
        perplexity: of t-SNE.
        seed: of t-SNE.
        progress: hears of it, and of the files.

    Raises:
        DataError: there are too few sentences for the perplexity.
        MissingPackageError: scikit-learn or matplotlib is not installed.
        MsltError: a file cannot be written.
    """
    sentences = found.sentences
    codes = [sentences.corpus.code(language) for language in sentences.languages]
    called = {code: names.get(iso, code) for code, iso in zip(codes, sentences.languages, strict=True)}
    panels = []
    with progress.step(f"map by {CALLED[how]}", len(found.probed), "models") as step:
        for model, vectors in zip(found.probed, found.vectors, strict=True):
            panels.append((model.label, project(list(vectors.values()), how, perplexity=perplexity, seed=seed)))
            step.advance()
    layers = sorted({found.last_layer(model.label) for model in found.probed})
    about = f"{sentences.corpus.name} {sentences.split}, {len(sentences.ids):,} sentences in {len(codes)} languages; "
    about += f"layer {' and '.join(map(str, layers))}; {CALLED[how]}"
    if figure is not None:
        metric, values = _pair_values(found)
        for note in save_figure(figure, panels, codes, values, names=called, metric=metric, about=about):
            progress.note(note)
        progress.note(f"figure: {figure}")
    if page is not None:
        texts = [sentences.text(language) for language in sentences.languages]
        save_page(page, panels, [called[code] for code in codes], texts, text_rows(found), about=about)
        progress.note(f"page: {page}")


def _pair_values(found: Probe) -> tuple[str, list[dict[tuple[str, str], float]]]:
    """The first metric that has pairs, and of each model its value for each pair, in the layer that is mapped."""
    code = found.sentences.corpus.code
    metric = next((m.metric for m in found.measures if m.a), "")
    values: list[dict[tuple[str, str], float]] = []
    for model in found.probed:
        here = (model.label, found.last_layer(model.label), metric)
        of_pairs = [m for m in found.measures if m.a and (m.label, m.layer, m.metric) == here]
        values.append({(code(m.a), code(m.b)): m.value for m in of_pairs})
    return "CKA" if metric == "cka" else metric, values
