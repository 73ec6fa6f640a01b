"""Start-up is part of the product: a command imports what it runs and nothing else."""

import os
import subprocess
import sys

import numpy as np
import pytest

from mslt_cli.store.db import open_store
from mslt_cli.store.measured import Vocabulary, save_vocabulary
from mslt_cli.store.results import fill_results

HEAVY = {
    "torch", "transformers", "peft", "datasets", "sklearn", "pandas", "polars", "matplotlib", "scipy",
    "huggingface_hub", "httpx2", "tokenizers", "safetensors", "babel",
    "sqlite_utils", "lang2vec", "pkg_resources", "setuptools", "requests", "urllib3", "importlib.metadata",
}  # fmt: skip


def imported(*words, store, **environment):
    """Names of the modules that a command has in memory when it ends."""
    code = f"""
import sys
sys.argv = ["mslt", *{list(words)!r}]
from mslt_cli.cli import app
try:
    app()
except SystemExit as end:
    assert not end.code, end.code
print(*sorted(sys.modules), sep="\\n", file=sys.stderr)
"""
    environment = os.environ | {"MSLT_STORE": str(store)} | environment
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    return set(done.stderr.splitlines())


@pytest.mark.parametrize(
    "words",
    [
        ["select"],
        ["select", "--json", "--explain"],
        ["select", "--by", "l2v-syn,l2v-fam,l2v-geo,size,scripts,random", "--combine", "borda", "--format", "md"],
        ["select", "--pool", "xlm-r", "-k", "3", "--distinct-scripts", "--format", "csv"],
    ],
    ids=" ".join,
)
def test_select_on_a_filled_store_imports_nothing_heavy(filled_store, words):
    assert not imported(*words, store=filled_store) & HEAVY


def test_ranking_by_what_models_measured_imports_no_model(own_store):
    with open_store(own_store, write=True) as store:
        for iso in ("eng", "deu", "zho"):
            bits = np.packbits(np.eye(8, dtype=bool)[ord(iso[0]) % 8])
            save_vocabulary(
                store, Vocabulary("m", "cldr", "train", iso, "t", "d", 0, 1, 1, 1, 1, 1, 0, 1, bits, "0", "now")
            )
    words = ["select", "--pool", "en,de", "-k", "1", "--by", "vocab,l2v-syntax", "--target", "zh"]
    assert not imported(*words, store=own_store) & HEAVY


def test_listing_the_tasks_imports_no_data_frame(filled_store, tmp_path):
    assert not imported("fetch", "tasks", store=filled_store, HF_HOME=str(tmp_path)) & HEAVY


@pytest.mark.parametrize("words", [["--version"], ["select", "--help"]], ids=" ".join)
def test_what_ranks_nothing_does_not_import_numpy(tmp_path, words):
    assert not imported(*words, store=tmp_path / "none.db") & (HEAVY | {"numpy", "sqlite3"})
    assert not (tmp_path / "none.db").exists()


def test_only_the_table_loads_rich_tables(filled_store):
    assert "rich.table" not in imported("select", "--json", store=filled_store)


def test_the_package_alone_imports_none_of_its_parts():
    code = "import sys, mslt_cli; print(*(name for name in sys.modules if name.startswith('mslt_cli.')))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == ""


@pytest.mark.parametrize(
    "words", [["report", "table1"], ["report", "all", "--format", "json"], ["report", "runs"]], ids=" ".join
)
def test_reports_import_no_model_and_draw_nothing_unasked(own_store, words):
    fill_results(own_store)
    assert not imported(*words, store=own_store) & HEAVY
