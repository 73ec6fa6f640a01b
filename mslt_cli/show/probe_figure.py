"""The figure of a probe: a map of sentences for each model, side by side, with what the numbers say in it."""

from __future__ import annotations

import importlib.util
import io
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mslt_cli.errors import MissingPackageError, UsageError
from mslt_cli.files import write_whole

COLOURS = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D1F", "#7F7F7F", "#5E3C99"),
    *("#A6761D", "#1B7837", "#B2182B"),
)
"""Okabe and Ito's, which the colour-blind tell apart, and darker ones after them."""
MARKERS = ("o", "^", "s", "D", "v", "P", "X", "*", "<", ">", "p", "h", "8")
"""Each language has a shape of its own as well: in grey, shapes are what is left."""


def colour(i: int) -> str:
    """Of language number i; together with its marker no two of 169 look the same."""
    return COLOURS[(i + i // len(MARKERS)) % len(COLOURS)]


def marker(i: int) -> str:
    """Of language number i."""
    return MARKERS[i % len(MARKERS)]


SUFFIXES = (".png", ".svg", ".pdf")
LEGEND_ENTRY = 1.35
"""Inches that a language's name takes in the legend."""
LISTED_PAIRS = 6
"""So many pairs are written out in a panel; of more there is a matrix below it."""


def save_figure(
    path: Path,
    panels: Sequence[tuple[str, Sequence[Any]]],
    languages: Sequence[str],
    pairs: Sequence[Mapping[tuple[str, str], float]],
    *,
    names: Mapping[str, str],
    metric: str,
    about: str,
) -> list[str]:
    """Draw a panel for each model.

    Args:
        path: .png, .svg or .pdf.
        panels: of each model its label and, by language, points of shape (n, 2).
        languages: codes, in that order.
        pairs: of each model, a value for each pair of codes; may be empty.
        names: of the languages.
        metric: what the values are: "CKA".
        about: what is shown: corpus, sentences, layer, projection.

    Returns:
        What the user should know: letters that no font of this machine has.

    Raises:
        MissingPackageError: matplotlib is not installed.
        UsageError: the path has another ending.
        MsltError: it cannot be written.
    """
    require_figure(path)
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    many = len(languages) * (len(languages) - 1) // 2 > LISTED_PAIRS and any(pairs)
    rows, columns = (2 if many else 1), len(panels)
    fonts, unknown = fonts_for("".join([about, *names.values(), *(label for label, _ in panels)]))
    style: Any = {"font.family": fonts, "svg.fonttype": "none", "pdf.fonttype": 42, "font.size": 9}
    style |= {"svg.hashsalt": about}
    with matplotlib.rc_context(style), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of letters that no font here has: we say so ourselves
        figure, grid = pyplot.subplots(
            rows, columns, figsize=(4.2 * columns, 4.6 + 3.6 * (rows - 1)), squeeze=False, constrained_layout=True
        )
        for column, (label, points) in enumerate(panels):
            axes = grid[0][column]
            for i, (language, some) in enumerate(zip(languages, points, strict=True)):
                axes.scatter(
                    *(some[:, 0], some[:, 1]),
                    s=9,
                    marker=marker(i),
                    color=colour(i),
                    alpha=0.55,
                    linewidths=0,
                    label=names[language],
                    rasterized=True,
                )
            axes.set_title(plain(label))
            axes.set_xticks([])
            axes.set_yticks([])
            if pairs[column] and not many:
                said = "\n".join(f"{a}–{b}  {value:.3f}" for (a, b), value in pairs[column].items())
                axes.text(
                    *(0.02, 0.98, f"{metric}\n{said}"),
                    transform=axes.transAxes,
                    va="top",
                    fontsize=8,
                    bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 2},
                )
            if many:
                _matrix(grid[1][column], languages, pairs[column], metric)
        handles, labels = grid[0][0].get_legend_handles_labels()
        legend = figure.legend(
            handles,
            labels,
            loc="outside lower center",
            ncols=min(len(languages), max(1, int(figure.get_figwidth() / LEGEND_ENTRY))),
            frameon=False,
            markerscale=2,
        )
        for handle in filter(None, legend.legend_handles):
            handle.set_alpha(1)
        figure.suptitle(about, fontsize=9, color="#444444")
        # No date in the file: the same numbers make the same file.
        metadata: Any = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix.lower())
        out = io.BytesIO()
        figure.savefig(out, format=path.suffix.lower().removeprefix("."), dpi=160, metadata=metadata)
        pyplot.close(figure)
    write_whole(path, out.getvalue())
    if not unknown:
        return []
    return [f"no font of this machine has {' '.join(unknown)}, and the figure shows boxes. Install Noto fonts."]


def fonts_for(text: str) -> tuple[list[str], list[str]]:
    """Fonts that have all letters of a text between them, matplotlib's own first; and the letters that none has."""
    from matplotlib import font_manager

    fonts = ["DejaVu Sans"]
    missing = set(text) - {"\n"} - _letters(font_manager.findfont("DejaVu Sans"))
    for font in sorted(font_manager.fontManager.ttflist, key=lambda font: font.name) if missing else ():
        if font.style != "normal" or font.name in fonts or font.name.replace(" ", "").startswith("LastResort"):
            continue  # the last resort has a box for every letter there is
        if found := missing & _letters(font.fname):
            fonts.append(font.name)
            missing -= found
    return fonts, sorted(missing)


def _letters(path: str) -> set[str]:
    from matplotlib.ft2font import FT2Font

    try:
        return set(map(chr, FT2Font(path).get_charmap()))
    except (OSError, RuntimeError):  # a font that cannot be read has no letters
        return set()


def require_figure(path: Path) -> None:
    """Raises: UsageError: the path has no ending of a figure. MissingPackageError: matplotlib is not installed."""
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"--out {path} ends in {path.suffix or 'nothing'}; it can end in {', '.join(SUFFIXES)}.")
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingPackageError("A figure", "matplotlib", "probe")


def _matrix(axes: Any, languages: Sequence[str], pairs: Mapping[tuple[str, str], float], metric: str) -> None:
    import numpy as np

    k = len(languages)
    values = np.full((k, k), np.nan)
    for (a, b), value in pairs.items():
        i, j = languages.index(a), languages.index(b)
        values[i, j] = values[j, i] = value
    low, high = np.nanmin(values), np.nanmax(values)
    axes.imshow(values, cmap="Greys", vmin=low - 0.3 * (high - low + 1e-9), vmax=high)
    axes.set_xticks(range(k), languages, fontsize=7)
    axes.set_yticks(range(k), languages, fontsize=7)
    axes.set_title(metric, fontsize=8)
    for i in range(k):
        for j in range(k):
            if i != j:
                dark = values[i, j] > low + 0.55 * (high - low)
                text = f"{values[i, j]:.2f}".lstrip("0")
                axes.text(j, i, text, ha="center", va="center", fontsize=5.5, color="white" if dark else "black")


def plain(text: str) -> str:
    """Text as it is: matplotlib would read mathematics between dollars."""
    return text.replace("$", r"\$")
