"""The maps of a probe as one page that needs nothing else: hover over a point to read its sentence."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mslt_cli.files import write_whole
from mslt_cli.show.probe_figure import colour

TEMPLATE = Path(__file__).with_suffix(".html")


def save_page(
    path: Path,
    panels: Sequence[tuple[str, Sequence[Any]]],
    languages: Sequence[str],
    texts: Sequence[Sequence[str]],
    rows: Sequence[Mapping[str, str]],
    *,
    about: str,
) -> None:
    """Write the page: maps, sentences and numbers in one file; it loads nothing.

    Args:
        path: of the page.
        panels: of each model its label and, by language, points of shape (n, 2).
        languages: names.
        texts: by language, the n sentences.
        rows: of the table below the maps; all with the same keys.
        about: what is shown.

    Raises:
        MsltError: it cannot be written.
    """
    data = {
        "languages": list(languages),
        "colours": [colour(i) for i in range(len(languages))],
        "panels": [
            {"label": label, "points": [[[round(float(x), 3) for x in p] for p in some] for some in points]}
            for label, points in panels
        ],
        "texts": [list(some) for some in texts],
    }
    # "<" would let a sentence end the element that holds it.
    held = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    head = "".join(f"<th>{html.escape(name)}</th>" for name in (rows[0] if rows else ()))
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(str(value))}</td>" for value in row.values()) + "</tr>" for row in rows
    )
    filled = {"about": html.escape(about), "head": head, "body": body, "data": held}
    text = re.sub(r"%(\w+)%", lambda match: filled[match[1]], TEMPLATE.read_text(encoding="utf-8"))
    write_whole(path, text.encode())
