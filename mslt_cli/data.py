"""Where the tables that we ship are: facts in data/, results in db/."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def data_path(*parts: str) -> Path:
    """Return a path in the `data` folder: inside the installed package, or at the root of a checkout."""
    return _shipped("data").joinpath(*parts)


def results_path(*parts: str) -> Path:
    """Return a path in the `db` folder, likewise."""
    return _shipped("db").joinpath(*parts)


def _shipped(folder: str) -> Path:
    installed = PACKAGE / folder
    return installed if installed.is_dir() else PACKAGE.parent / folder
