"""Pages that need nothing else: one file with its style, script and pictures, which may load nothing."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from mslt_cli.files import write_whole
from mslt_cli.harmless import UNSAFE, clean

FOLDER = Path(__file__).parent


def write_page(path: Path, name: str, values: Mapping[str, str]) -> None:
    """Write the page NAME.html beside this file, with a value for each %name% in it; the values are HTML.

    Its style is pages.css and NAME.css, its script NAME.js. Its policy lets a browser load nothing, and run this script
    alone, whatever the values hold.
    """
    style, script = (FOLDER / "pages.css").read_text(encoding="utf-8"), _text_of(f"{name}.js")
    style += _text_of(f"{name}.css")
    policy = {"default-src": "'none'", "img-src": "data:", "base-uri": "'none'", "form-action": "'none'"}
    policy |= {"script-src": _digest(script), "style-src": _digest(style)}
    held = {**values, "policy": "; ".join(f"{what} {whence}" for what, whence in policy.items())}
    held |= {"style": style, "script": script}
    page = re.sub(r"%(\w+)%", lambda match: held[match[1]], _text_of(f"{name}.html"))
    write_whole(path, clean(page).encode())


def _text_of(name: str) -> str:
    path = FOLDER / name
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _digest(text: str) -> str:
    """What a policy allows: an element with this text, by its SHA-256."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def as_json(value: Any) -> str:
    """JSON for an element of a page, which no text in it can end, and which `clean` leaves as it is."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def picture(svg: bytes, alt: str) -> str:
    """An SVG file as a picture, so that nothing in it is the page's own markup.

    It is made smaller first: lengths are rounded to 0.01 units, each style is said once, and names that nothing in it
    refers to are left out.
    """
    text = re.sub(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|<metadata>.*?</metadata>", "", svg.decode(), flags=re.DOTALL)
    text = re.sub(r"\s*\n\s*", " ", text).replace("> <", "><").replace("xlink:href=", "href=").strip()
    used = set(re.findall(r"#([\w-]+)", text))
    text = re.sub(r' id="([^"]*)"', lambda name: name[0] if name[1] in used else "", text)
    styles: dict[str, str] = {}
    text = re.sub(r"<[^>]*>", lambda tag: _shorten(tag[0], styles), text)
    rules = "".join(f".{name}{{{style}}}" for style, name in styles.items())
    text = text.replace("</style>", f"{rules}</style>", 1)
    for letter, written in (("%", "%25"), ("#", "%23"), ("'", "%27"), ("&", "&amp;")):
        text = text.replace(letter, written)
    return f"<img alt=\"{escape(alt)}\" src='data:image/svg+xml,{text}'>"


def _shorten(tag: str, styles: dict[str, str]) -> str:
    """A tag of an SVG file with shorter numbers, and a class in the place of its style."""
    tag = re.sub(r"\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), tag)
    return re.sub(r'style="([^"]*)"', lambda style: f'class="{styles.setdefault(style[1], f"c{len(styles)}")}"', tag)
