import json
import subprocess
import sys

import pytest
from in_process import run_command

from mslt_cli.store.db import open_store
from mslt_cli.store.fill import COUNTED


@pytest.fixture
def mslt(tmp_path):
    """Runs a command with a cache of its own."""
    return lambda *words, **settings: run_command(*words, HF_HOME=str(tmp_path / "hf"), **settings)


def test_fetch_langs_fills_the_store_and_says_what_it_did(mslt, own_store):
    again = mslt("fetch", "langs", "--store", own_store)
    assert again.stdout.startswith(f"{own_store}: nothing to do")
    forced = mslt("fetch", "langs", "--store", own_store, "--force")
    assert forced.stdout.startswith(f"{own_store}: read data/langs and lang2vec in ")
    assert "7,970 languages, 39,174 vectors in 5 sets" in forced.stdout  # 4 × 7,970 and 7,294 of known family
    assert again.stdout.splitlines()[1] == forced.stdout.splitlines()[1]


def test_programs_get_the_same_as_json(mslt, filled_store):
    done = mslt("fetch", "langs", "--store", filled_store, "--json")
    found = json.loads(done.stdout)
    assert (found["store"], found["filled"]) == (str(filled_store), [])
    assert (found["counts"]["languages"], found["counts"]["vectors"]) == (7970, 39174)
    lines = mslt("fetch", "langs", "--store", filled_store, "--format", "lines")
    assert lines.stdout == f"{filled_store}\n"


def test_the_environment_names_the_store(mslt, filled_store):
    done = mslt("fetch", "langs", "--json", MSLT_STORE=str(filled_store))
    assert json.loads(done.stdout)["store"] == str(filled_store)


def test_what_is_no_store_is_kept_and_said_in_a_sentence(mslt, tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("hello")
    for path in (tmp_path, text):
        done = mslt("fetch", "langs", "--store", path)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("mslt: The store")
        assert len(done.stderr.splitlines()) == 1
    assert text.read_text() == "hello"


def test_several_processes_may_fill_one_store_at_once(tmp_path, filled_store):
    path = tmp_path / "store.db"
    command = [sys.executable, "-m", "mslt_cli", "select", "--store", str(path), "--format", "lines", "--top", "1"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    ended = [(*process.communicate(), process.returncode) for process in running]
    assert [(out, code) for out, _, code in ended] == [("ar,de,zh\n", 0)] * 2
    assert sum("filled" in err for _, err, _ in ended) == 1
    with open_store(path) as store, open_store(filled_store) as other:
        for table in COUNTED:
            assert store.query(f"SELECT * FROM {table}") == other.query(f"SELECT * FROM {table}")
