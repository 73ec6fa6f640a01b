"""Fixtures that several test modules share."""

import shutil
from pathlib import Path

import pytest

from mslt_cli.store.fill import fill_languages


@pytest.fixture(scope="session")
def filled_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Path of a store with all languages and vectors, for tests that only read it."""
    path = tmp_path_factory.mktemp("filled") / "store.db"
    fill_languages(path)
    return path


@pytest.fixture
def own_store(filled_store: Path, tmp_path: Path) -> Path:
    """Path of a copy of the filled store, for a test that writes."""
    return Path(shutil.copy(filled_store, tmp_path / "store.db"))
