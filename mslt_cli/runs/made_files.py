"""Files that are made of run.json and that people may edit: they are written anew only where nobody has."""

import hashlib
from pathlib import Path

from mslt_cli.files import write_whole
from mslt_cli.progress import Progress

LAST_LINE = "written by mslt, sha256 of all above: {}"
"""Tells a file that nobody has edited from one that must not be written over."""
COMMENTS = {".md": "<!-- {} -->\n", ".yaml": "# {}\n"}
"""How a comment looks, by the file's ending."""


def write_unless_edited(path: Path, text: str, progress: Progress) -> None:
    """Write a file, with a last line that tells our own; one that somebody edited stays as it is, and that is said.

    Raises: MsltError: it cannot be written.
    """
    before = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    start = COMMENTS[path.suffix].partition("{")[0] + LAST_LINE.partition("{")[0]
    if before and before != _signed(before.rpartition(start)[0], path.suffix):
        progress.note(f"{path} was edited and stays as it is: it may lack the newest scores of the run")
        return
    write_whole(path, _signed(text, path.suffix).encode())


def _signed(text: str, suffix: str) -> str:
    return text + COMMENTS[suffix].format(LAST_LINE.format(hashlib.sha256(text.encode()).hexdigest()))
