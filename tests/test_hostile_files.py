"""Task files, data, paths and stores that are broken or hostile: each command ends with a sentence, and soon."""

import gzip
import os
import signal
import sqlite3
from contextlib import closing

import polars as pl
import pytest
from in_process import run_command

from mslt_cli.data import archives, formats
from mslt_cli.store.results import fill_results

TASK = """name = "mine"
kind = "sequence-classification"
languages = ["en"]
splits = ["train"]
labels = ["a", "b"]
path = "{lang}.FORM"
"""
LONG = "x" * 300


@pytest.fixture(autouse=True)
def soon():
    def give_up(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(30)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def refuse(tmp_path, *words):
    """The sentence with which a command refuses; a traceback would be raised here."""
    done = run_command(*words, HF_HOME=str(tmp_path / "cache"))
    assert done.returncode in (1, 2)
    assert done.stdout == ""
    last = done.stderr.splitlines()[-1]
    assert last.startswith("mslt: ")
    return last


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("x = " + "9" * 5_000, "a value that no program can hold"),
        ("sizes = {train = 0x" + "f" * 5_000 + "}", "more than 64 bits"),
        ("x = " + "[" * 100_000, "nested too deeply"),
        ("x = 2024-13-45", "not TOML"),
        ("x = \udcff", "not UTF-8"),
    ],
)
def test_a_task_file_that_is_hostile_is_refused(filled_store, tmp_path, more, says):
    (tmp_path / "task.toml").write_text(TASK + more, errors="surrogateescape")
    assert says in refuse(tmp_path, "fetch", "data", "--task", tmp_path / "task.toml", "--store", filled_store)


@pytest.mark.parametrize(("path", "says"), [("a\\u0000b", "zero byte"), (LONG, "too long"), ("a/" * 4_000, "too long")])
def test_a_task_file_cannot_name_a_path_that_there_is_not(filled_store, tmp_path, path, says):
    (tmp_path / "task.toml").write_text(TASK.replace("{lang}", path + "/{lang}"))
    assert says in refuse(tmp_path, "fetch", "data", "--task", tmp_path / "task.toml", "--store", filled_store)


@pytest.mark.parametrize(
    ("form", "data", "says"),
    [
        ("jsonl", b'{"text": "x", "label": ' + b"9" * 5_000 + b"}", "more than 4,300 digits"),
        ("json", b'[{"text": "x", "label": ' + b"9" * 5_000 + b"}]", "more than 4,300 digits"),
        ("jsonl", b'{"text": ' + b"[" * 100_000, "nested too deeply"),
        ("jsonl", b'{"text": ' + b"[" * 200 + b"]" * 200 + b"}", "nested too deeply"),
        ("jsonl", b'{"text": "\\ud800", "label": "a"}', "half a character"),
        ("jsonl.gz", gzip.compress(bytes(1 << 20)), "200 times as large"),
        ("parquet", None, "values are read at most"),
    ],
)
def test_data_that_are_hostile_are_refused(filled_store, tmp_path, monkeypatch, form, data, says):
    monkeypatch.setattr(archives, "SMALL_BYTES", 1 << 16)
    monkeypatch.setattr(formats, "LARGEST_CELLS", 10)
    (tmp_path / "task.toml").write_text(TASK.replace("FORM", form))
    if data is None:
        pl.DataFrame({"text": ["a"] * 6, "label": ["a"] * 6}).write_parquet(tmp_path / "en.parquet")
    else:
        (tmp_path / f"en.{form}").write_bytes(data)
    assert says in refuse(tmp_path, "fetch", "data", "--task", tmp_path / "task.toml", "--store", filled_store)


@pytest.mark.parametrize(
    "words",
    [
        ["select", "--pool", "en,de,fr", "-k", "2", "--store", "PATH"],
        ["select", "--pool", "en,de,fr", "-k", "2", "--vectors", "PATH"],
        ["select", "--pool", "@PATH", "-k", "2"],
        ["report", "runs", "--store", "PATH"],
        ["fetch", "langs", "--store", "PATH"],
        ["fetch", "vectors", "PATH", "--name", "mine"],
        ["fetch", "data", "--task", "PATH.toml"],
        ["fetch", "data", "--task", "xnli", "--from", "PATH"],
        ["fetch", "runs", "PATH"],
        ["eval", "PATH"],
        ["report", "table1", "--out", "PATH.csv"],
    ],
    ids=lambda words: " ".join(words[:-1]),
)
@pytest.mark.parametrize("kind", ["pipe", "long"])
def test_a_path_that_holds_no_file_is_refused(own_store, tmp_path, monkeypatch, words, kind):
    monkeypatch.chdir(tmp_path)
    path = LONG if kind == "long" else "pipe"
    for name in ("pipe", "pipe.toml"):
        os.mkfifo(name)
    if kind == "pipe" and "--out" in words:
        pytest.skip("whoever writes into a pipe means it")
    given = [word.replace("PATH", path) for word in words]
    refuse(tmp_path, *given, *(() if "--store" in given else ("--store", own_store)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("UPDATE languages SET name = CAST(x'ff41' AS TEXT)", ["select", "--pool", "en,de,fr", "-k", "2"]),
        ("UPDATE vectors SET encoded = '{'", ["select", "--pool", "en,de,fr", "-k", "2", "--by", "l2v-family"]),
        (
            "UPDATE vectors SET encoded = 'DEEP' WHERE iso639_3 = 'deu'",
            ["select", "--pool", "en,de,fr", "-k", "2", "--by", "l2v-family"],
        ),
        ("UPDATE vectors SET encoded = x'00'", ["select", "--pool", "en,de,fr", "-k", "2", "--by", "l2v-syntax"]),
        ("UPDATE vectors SET encoded = 'abc'", ["select", "--pool", "en,de,fr", "-k", "2", "--by", "l2v-syntax"]),
        ("UPDATE published SET source = CAST(x'ff41' AS TEXT)", ["report", "table1"]),
        ("UPDATE runs SET name = CAST(x'ff41' AS TEXT)", ["report", "runs", "--source", "shipped"]),
        ("UPDATE runs SET identity = 'DEEP'", ["report", "runs", "--source", "shipped"]),
        ("UPDATE runs SET identity = '{'", ["report", "runs", "--source", "shipped"]),
    ],
)
def test_a_store_that_holds_what_mslt_never_wrote_is_refused(own_store, tmp_path, change, words):
    fill_results(own_store)
    with closing(sqlite3.connect(own_store)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = 1")
        connection.execute(change.replace("DEEP", "[" * 100_000))
        connection.commit()
    assert str(own_store) in refuse(tmp_path, *words, "--store", own_store)
