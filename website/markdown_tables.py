"""Tables in Markdown."""

import re


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table. Line breaks in cells become blanks; `|` and `<` are shown as they are."""
    lines = [header, ["---"] * len(header), *rows]
    cells = [[re.sub(r"\s+", " ", cell).replace("|", r"\|").replace("<", "&lt;") for cell in line] for line in lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)
