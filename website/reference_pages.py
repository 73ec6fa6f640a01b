"""Writes the pages of docs/reference/ that are made of the code: `make docs`. None of them is in git."""

import re
from pathlib import Path

import typer
from typer.cli import get_docs_for_click

from mslt_cli.cli import app
from website.json_page import json_page
from website.store_page import tables_page

EXAMPLES = re.compile(r"(?:^  mslt .+\n\n)+", re.M)
FOLDER = Path(__file__).parent.parent / "docs" / "reference"


def commands_page() -> str:
    """Every option of every command, as `--help` has it; a `<s>` in it is text, not HTML."""
    group = typer.main.get_command(app)
    text = get_docs_for_click(obj=group, ctx=typer.Context(group), name="mslt", title="The commands")
    text = EXAMPLES.sub(lambda found: "```bash\n" + re.sub(r"^  |\n(?=\n)", "", found[0], flags=re.M) + "```\n\n", text)
    parts = re.split(r"(```.*?```|`[^`\n]*`)", text, flags=re.S)  # every second one is code
    return "".join(part if i % 2 else part.replace("<", "&lt;") for i, part in enumerate(parts))


def python_page() -> str:
    """The public functions and records, out of their docstrings."""
    from website.python_page import python_page  # griffe is in the extra [docs] alone

    return python_page()


PAGES = {"commands.md": commands_page, "json.md": json_page, "tables.md": tables_page, "python.md": python_page}
"""File in docs/reference/ → what makes its text."""

if __name__ == "__main__":
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")
