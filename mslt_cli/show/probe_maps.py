"""The maps of a probe: a figure with a panel for each model, and a page where one reads the sentences."""

from collections.abc import Mapping, Sequence
from html import escape
from itertools import permutations
from pathlib import Path
from typing import Any

from mslt_cli.measuring.sentence_maps import SentenceMaps
from mslt_cli.show.drawing import draw, look, plain
from mslt_cli.show.pages import as_json, write_page

LEGEND_ENTRY = 1.35
"""Inches that a language's name takes in the legend."""
LISTED_PAIRS = 6
"""So many pairs are written out below a panel; of more there is a matrix."""
ACROSS_PAIRS = 3
"""Pairs in a line."""


def save_page(path: Path, maps: SentenceMaps, rows: Sequence[Mapping[str, str]]) -> None:
    """Write a page that loads nothing: maps with their sentences to point at, and a table of these rows below them."""
    data = {
        "languages": maps.names,
        "colours": [look(i)["color"] for i in range(len(maps.names))],
        "panels": [
            {"label": m.label, "points": [points.round(3).tolist() for points in m.points]} for m in maps.models
        ],
        "texts": maps.texts,
    }
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in (rows[0] if rows else ()))
    body = "".join("<tr>" + "".join(f"<td>{escape(value)}</td>" for value in row.values()) + "</tr>" for row in rows)
    write_page(path, "probe_maps", {"about": escape(maps.about), "head": head, "body": body, "data": as_json(data)})


def draw_maps(maps: SentenceMaps, suffix: str) -> tuple[bytes, list[str]]:
    """Draw a panel for each model as the bytes of a .png, .svg or .pdf file; see `draw`."""
    return draw(lambda: _panels(maps), suffix, salt=maps.about, style={"font.size": 9})


def _panels(maps: SentenceMaps) -> Any:
    from matplotlib import pyplot

    k = len(maps.codes)
    matrices = k * (k - 1) // 2 > LISTED_PAIRS and any(model.pairs for model in maps.models)
    rows, columns = (2 if matrices else 1), len(maps.models)
    size = (4.2 * columns, 1.0 + 3.6 * rows)
    figure, grid = pyplot.subplots(rows, columns, figsize=size, squeeze=False, constrained_layout=True)
    for column, model in enumerate(maps.models):
        axes = grid[0][column]
        for i, (name, points) in enumerate(zip(maps.names, model.points, strict=True)):
            style: Any = {"alpha": 0.55, "linewidths": 0, **look(i)}
            axes.scatter(points[:, 0], points[:, 1], s=9, label=name, rasterized=True, **style)
        axes.set_title(plain(model.label))
        axes.set(xticks=[], yticks=[])
        if matrices:
            _draw_matrix(grid[1][column], maps.codes, model.pairs, maps.metric)
        elif model.pairs:
            values = [f"{a}–{b} {value:.3f}" for (a, b), value in model.pairs.items()]
            lines = [", ".join(values[i : i + ACROSS_PAIRS]) for i in range(0, len(values), ACROSS_PAIRS)]
            axes.set_xlabel(f"{maps.metric}: " + ",\n".join(lines), fontsize=8)
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
    for i, j in permutations(range(k), 2):
        color = "white" if values[i, j] > low + 0.55 * (high - low) else "black"
        text = f"{values[i, j]:.2f}".lstrip("0")
        axes.text(j, i, text, ha="center", va="center", fontsize=5.5, color=color)
