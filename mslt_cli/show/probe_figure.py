"""The figure of a probe: a map of sentences for each model, side by side, with what the numbers say in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mslt_cli.files import write_whole
from mslt_cli.measuring.sentence_maps import SentenceMaps
from mslt_cli.show.drawing import colour, draw, marker, plain, require_figure

LEGEND_ENTRY = 1.35
"""Inches that a language's name takes in the legend."""
LISTED_PAIRS = 6
"""So many pairs are written out in a panel; of more there is a matrix below it."""


def save_figure(path: Path, maps: SentenceMaps) -> list[str]:
    """Draw a panel for each model.

    Args:
        path: .png, .svg or .pdf.
        maps: of at least one model.

    Returns:
        What the user should know: letters that no font of this machine has.

    Raises:
        MissingPackageError: matplotlib is not installed.
        UsageError: the path has another ending.
        MsltError: it cannot be written.
    """
    require_figure(path)
    text = "".join([maps.about, *maps.names, *(model.label for model in maps.models)])
    data, notes = draw(lambda: _panels(maps), path.suffix, text=text, salt=maps.about, style={"font.size": 9})
    write_whole(path, data)
    return notes


def _panels(maps: SentenceMaps) -> Any:
    from matplotlib import pyplot

    k = len(maps.codes)
    matrices = k * (k - 1) // 2 > LISTED_PAIRS and any(model.pairs for model in maps.models)
    rows, columns = (2 if matrices else 1), len(maps.models)
    size = (4.2 * columns, 4.6 + 3.6 * (rows - 1))
    figure, grid = pyplot.subplots(rows, columns, figsize=size, squeeze=False, constrained_layout=True)
    for column, model in enumerate(maps.models):
        axes = grid[0][column]
        for i, (name, points) in enumerate(zip(maps.names, model.points, strict=True)):
            look: Any = {"marker": marker(i), "color": colour(i), "alpha": 0.55, "linewidths": 0}
            axes.scatter(points[:, 0], points[:, 1], s=9, label=name, rasterized=True, **look)
        axes.set_title(plain(model.label))
        axes.set_xticks([])
        axes.set_yticks([])
        if matrices:
            _draw_matrix(grid[1][column], maps.codes, model.pairs, maps.metric)
        elif model.pairs:
            values = "\n".join(f"{a}–{b}  {value:.3f}" for (a, b), value in model.pairs.items())
            box = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 2}
            axes.text(0.02, 0.98, f"{maps.metric}\n{values}", transform=axes.transAxes, va="top", fontsize=8, bbox=box)
    handles, labels = grid[0][0].get_legend_handles_labels()
    across = min(k, max(1, int(figure.get_figwidth() / LEGEND_ENTRY)))
    legend = figure.legend(handles, labels, loc="outside lower center", ncols=across, frameon=False, markerscale=2)
    for handle in filter(None, legend.legend_handles):
        handle.set_alpha(1)
    figure.suptitle(maps.about, fontsize=9, color="#444444")
    return figure


def _draw_matrix(axes: Any, codes: Sequence[str], pairs: Mapping[tuple[str, str], float], metric: str) -> None:
    """Draw the values of all pairs as shades of grey with numbers in them."""
    import numpy as np

    k = len(codes)
    values = np.full((k, k), np.nan)
    for (a, b), value in pairs.items():
        i, j = codes.index(a), codes.index(b)
        values[i, j] = values[j, i] = value
    low, high = np.nanmin(values), np.nanmax(values)
    axes.imshow(values, cmap="Greys", vmin=low - 0.3 * (high - low + 1e-9), vmax=high)
    axes.set_xticks(range(k), codes, fontsize=7)
    axes.set_yticks(range(k), codes, fontsize=7)
    axes.set_title(metric, fontsize=8)
    for i in range(k):
        for j in range(k):
            if i != j:
                dark = values[i, j] > low + 0.55 * (high - low)
                text = f"{values[i, j]:.2f}".lstrip("0")
                axes.text(j, i, text, ha="center", va="center", fontsize=5.5, color="white" if dark else "black")
