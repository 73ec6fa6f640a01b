"""Where the tables that we ship are."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def data_path(*parts: str) -> Path:
    """Return a path in the `data` folder: inside the installed package, or at the root of a checkout."""
    installed = PACKAGE / "data"
    return (installed if installed.is_dir() else PACKAGE.parent / "data").joinpath(*parts)
