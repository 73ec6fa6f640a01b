"""Where the tables that we ship are: facts in data/, results in db/."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
IN_WHEEL = "shipped"
"""The folder of an installed package that holds both; a checkout has them at its root."""


def data_path(*parts: str) -> Path:
    """Return a path in the `data` folder: inside the installed package, or at the root of a checkout."""
    return _shipped("data").joinpath(*parts)


def results_path(*parts: str) -> Path:
    """Return a path in the `db` folder, likewise."""
    return _shipped("db").joinpath(*parts)


def _shipped(folder: str) -> Path:
    installed = PACKAGE / IN_WHEEL
    return (installed if installed.is_dir() else PACKAGE.parent) / folder
