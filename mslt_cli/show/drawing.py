"""What figures share: colours and shapes, fonts for all scripts, and files that are the same for the same numbers."""

import importlib.util
import io
import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from mslt_cli.errors import MissingPackageError, UsageError

COLOURS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D1F", "#7F7F7F", "#5E3C99",
    "#A6761D", "#1B7837", "#B2182B",
)  # fmt: skip
"""Okabe and Ito's, which the colour-blind tell apart, and darker ones after them."""
MARKERS = ("o", "^", "s", "D", "v", "P", "X", "*", "<", ">", "p", "h", "8")
"""Each series has a shape of its own as well: in grey, shapes are what is left."""
GREY, DARK = "#777777", "#444444"
"""Of lines and of words that are no series."""
SUFFIXES = (".png", ".svg", ".pdf")
DPI = {"png": 200, "pdf": 200, "svg": 90}
"""Dots an inch; of a .svg and a .pdf where points are so many that they are a picture."""
ACROSS = 2
"""Fields side by side: more would be too small to read on a phone."""
LETTER = 0.07
"""Inches that a letter of a label takes, about."""
OFFSETS = tuple((x, y) for x, y in ((1, 0), (-1, 0), (1, -1), (-1, -1), (1, 1), (-1, 1), (0, -1), (0, 1)))
"""Where a label may stand from its point, the best first: right, left, below, above."""
SHARES = tuple(i / 20 for i in range(21))
"""Where on a line it is looked whether a label hides it."""


SEEN_BY_NOBODY = {
    rb"<!--.*?-->\s*": b"",
    rb"\s*<metadata>.*?</metadata>": b"",
    rb' transform="rotate\(-0 [^"]*\)"': b"",
    rb'<g id="text_\d+">\s*(<text[^>]*>[^<]*</text>)\s*</g>': rb"\1",
    rb"\n\s+": b"\n",
}
"""What `_shorten` takes out of an SVG file, and what is left of it."""


def look(i: int) -> dict[str, Any]:
    """The colour and the shape of series number i, as matplotlib takes them; no two of 169 look the same."""
    return {"color": COLOURS[(i + i // len(MARKERS)) % len(COLOURS)], "marker": MARKERS[i % len(MARKERS)]}


def plain(text: str) -> str:
    """Text as it is: matplotlib would read mathematics between dollars."""
    return text.replace("$", r"\$")


def handles_of(fields: Iterable[Any]) -> dict[str, Any]:
    """What the legend of several fields has to show, each label once."""
    handles: dict[str, Any] = {}
    for axes in fields:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    return handles


def make_fields(n: int, width: float, height: float, *, side: float = 0.0, **given: Any) -> tuple[Any, list[Any]]:
    """A figure with n fields, at most ACROSS side by side; with axes of theirs alone.

    Args:
        width, height: of a field that stands alone, in inches; of several each takes three fifths of the width.
        side: what stands left of the fields, in inches.
        given: as `pyplot.subplots` has it.
    """
    from matplotlib import pyplot

    across = min(n, ACROSS)
    down = -(-n // across)
    size = (side + width * (1 if across == 1 else 0.6 * across), down * height)
    figure, grid = pyplot.subplots(down, across, figsize=size, squeeze=False, layout="constrained", **given)
    for axes in grid.flat[n:]:
        axes.set_visible(False)
    return figure, list(grid.flat[:n])


def add_legend(figure: Any, fields: Iterable[Any]) -> None:
    """Name what the fields show, below them, in as many columns as the figure is wide."""
    handles = handles_of(fields)
    handles.pop("", None)
    if handles:
        widths, room = [LETTER * len(label) + 0.5 for label in handles], figure.get_figwidth()
        across = len(handles) if sum(widths) <= room else max(1, int(room / max(widths)))
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=across, frameon=False)


def place_labels(
    axes: Any,
    labels: Sequence[tuple[str, float, float]],
    points: Sequence[tuple[float, float]],
    lines: Sequence[tuple[float, float]],
) -> None:
    """Write labels beside their points (text, x, y) where they hide no point, no label and, if possible, no line.

    Those that have no such place are left out. The layout of the figure has to be final but for them; the same labels
    get the same places.

    Args:
        points: x and y of all that must not be hidden.
        lines: x and y of points on lines, of which as few as possible should be hidden.
    """
    figure = axes.figure
    figure.draw_without_rendering()
    renderer, scale = figure.canvas.get_renderer(), figure.dpi / 72
    spots, traces = (axes.transData.transform([*xy]) if len(xy) else [] for xy in (points, lines))
    field = axes.get_window_extent(renderer)
    taken: list[Any] = []
    for text, x, y in labels:
        label = axes.annotate(
            plain(text), (x, y), (0, 0), textcoords="offset points", fontsize=7, color=DARK, va="center"
        )
        label.set_in_layout(False)
        free = {}
        for right, up in OFFSETS:
            label.set(position=(6 * right, 8 * up), ha={1: "left", -1: "right", 0: "center"}[right])
            box = label.get_window_extent(renderer).padded(scale)
            inside = field.x0 <= box.x0 and box.x1 <= field.x1 and field.y0 <= box.y0 and box.y1 <= field.y1
            if inside and not any(box.contains(*spot) for spot in spots) and not box.count_overlaps(taken):
                free[right, up] = sum(box.contains(*trace) for trace in traces)
        if not free:
            label.remove()
            continue
        right, up = min(free, key=free.__getitem__)  # the first of equals
        label.set(position=(6 * right, 8 * up), ha={1: "left", -1: "right", 0: "center"}[right])
        taken.append(label.get_window_extent(renderer).padded(scale))


def require_figure(path: Path) -> None:
    """Raises: UsageError: the path has no ending of a figure. MissingPackageError: matplotlib is not installed."""
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"--out {path} ends in {path.suffix or 'nothing'}; it can end in {', '.join(SUFFIXES)}.")
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingPackageError("A figure", "matplotlib", "probe")


def draw(make: Callable[[], Any], suffix: str, *, salt: str, style: Any) -> tuple[bytes, list[str]]:
    """Draw a figure as the bytes of a .png, .svg or .pdf file, with what the user should know: letters without a font.

    The same numbers make the same bytes. `make` makes it by pyplot, in a style (settings of matplotlib beside fonts);
    the salt sets the names within an SVG file apart from those of others.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.text import Text

    style = {"svg.fonttype": "none", "pdf.fonttype": 42, "svg.hashsalt": salt, **style}
    form = suffix.lower().removeprefix(".")
    metadata: Any = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(form)
    out = io.BytesIO()
    with matplotlib.rc_context(style), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of letters that no font here has: we say so ourselves
        figure = make()
        texts = figure.findobj(Text)
        fonts, missing = fonts_for("".join(text.get_text() for text in texts))
        family = fonts
        if form == "svg":  # whoever shows it has fonts of their own
            missing, family = [], ["sans-serif"]
            pyplot.rcParams["font.sans-serif"] = fonts
        pyplot.rcParams["font.family"] = family  # of the texts that are made while it is drawn
        for text in texts:
            text.set_fontfamily(family)
            text.set_text(text.get_text().translate(dict.fromkeys(map(ord, missing), "?")))
        figure.savefig(out, format=form, dpi=DPI[form], metadata=metadata)
        pyplot.close(figure)
    data = _shorten(out.getvalue()) if form == "svg" else out.getvalue()
    note = f"no font of this machine has {' '.join(missing)}, and the figure shows ? there. Install Noto fonts."
    return data, [note] if missing else []


def _shorten(svg: bytes) -> bytes:
    """The same picture without what nobody sees: comments, groups of one text, indents, thousandths of a point."""
    for pattern, kept in SEEN_BY_NOBODY.items():
        svg = re.sub(pattern, kept, svg, flags=re.DOTALL)
    return re.sub(rb' (?:d|x|y|points)="[^"]*"', lambda found: re.sub(rb"(\.\d\d)\d+", rb"\1", found[0]), svg)


def fonts_for(text: str) -> tuple[list[str], list[str]]:
    """Fonts that have all letters of a text between them, matplotlib's own first; and the letters that none has."""
    from matplotlib import font_manager

    fonts = ["DejaVu Sans"]
    missing = set(text) - {"\n"} - _letters(font_manager.findfont("DejaVu Sans"))
    for font in sorted(font_manager.fontManager.ttflist, key=lambda font: font.name) if missing else ():
        if font.style != "normal" or font.name in fonts or font.name.replace(" ", "").startswith("LastResort"):
            continue  # the last resort has a box for every letter there is
        if covered := missing & _letters(font.fname):
            fonts.append(font.name)
            missing -= covered
    return fonts, sorted(missing)


def _letters(path: str) -> set[str]:
    from matplotlib.ft2font import FT2Font

    try:
        return set(map(chr, FT2Font(path).get_charmap()))
    except (OSError, RuntimeError):  # a font that cannot be read has no letters
        return set()
