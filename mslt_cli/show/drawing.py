"""What figures share: colours and shapes, fonts for all scripts, and files that are the same for the same numbers."""

import importlib.util
import io
import warnings
from collections.abc import Callable, Iterable
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
GREY = "#777777"
"""Of what is not a series."""
SUFFIXES = (".png", ".svg", ".pdf")


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
        pyplot.rcParams["font.family"] = fonts  # of the texts that are made while it is drawn
        for text in texts:
            text.set_fontfamily(fonts)
        figure.savefig(out, format=form, dpi=160, metadata=metadata)
        pyplot.close(figure)
    note = f"no font of this machine has {' '.join(missing)}, and the figure shows boxes. Install Noto fonts."
    return out.getvalue(), [note] if missing else []


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
