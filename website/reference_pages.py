"""Writes the pages of docs/reference/ that are made of the code: `make docs`. None of them is in git."""

from pathlib import Path

import typer
from typer.cli import get_docs_for_click

from mslt_cli.cli import app

FOLDER = Path(__file__).parent.parent / "docs" / "reference"


def commands_page() -> str:
    """Every option of every command, as `--help` has it."""
    group = typer.main.get_command(app)
    return get_docs_for_click(obj=group, ctx=typer.Context(group), name="mslt", title="The commands")


PAGES = {"commands.md": commands_page}
"""File in docs/reference/ → what makes its text."""


def write_pages(folder: Path) -> None:
    """Writes all pages into a folder, as UTF-8."""
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write_pages(FOLDER)
