"""The maps of a probe as one page that needs nothing else: hover over a point to read its sentence."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from mslt_cli.measuring.sentence_maps import SentenceMaps
from mslt_cli.show.drawing import colour
from mslt_cli.show.report_page import write_page

TEMPLATE = Path(__file__).with_suffix(".html")


def save_page(path: Path, maps: SentenceMaps, rows: Sequence[Mapping[str, str]]) -> None:
    """Write the page: maps, sentences and numbers in one file; it loads nothing.

    Args:
        path: of the page.
        maps: with their sentences.
        rows: of the table below the maps; all with the same keys.

    Raises:
        MsltError: it cannot be written.
    """
    data = {
        "languages": maps.names,
        "colours": [colour(i) for i in range(len(maps.names))],
        "panels": [
            {"label": model.label, "points": [points.round(3).tolist() for points in model.points]}
            for model in maps.models
        ],
        "texts": maps.texts,
    }
    # "<" would let a sentence end the element that holds it.
    held = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    head = "".join(f"<th>{html.escape(name)}</th>" for name in (rows[0] if rows else ()))
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(value)}</td>" for value in row.values()) + "</tr>" for row in rows
    )
    values = {"about": html.escape(maps.about), "head": head, "body": body, "data": held}
    write_page(path, TEMPLATE, values)
