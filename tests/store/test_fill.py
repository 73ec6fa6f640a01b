import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from importlib import import_module

import pytest

from mslt_cli.errors import StoreError
from mslt_cli.languages import facts
from mslt_cli.languages.facts import facts_sha256
from mslt_cli.store import fill, languages
from mslt_cli.store.db import open_store

pytestmark = pytest.mark.usefixtures("lang2vec_read_once")
COUNTS = {
    "languages": 7970,
    "spellings": 16831,
    "pretraining_sizes": 402,
    "pools": len(facts.read_facts().pools),
    "vector_sets": 5,
    "vectors": 4 * 7970 + 7294,
}


def snapshot(path):
    with open_store(path) as store:
        return "\n".join(store.connection.iterdump())


def test_a_fill_reports_what_it_did(tmp_path):
    report = fill.fill_languages(tmp_path / "store.db")
    assert report.filled == ("data/langs", "lang2vec")
    assert report.versions["lang2vec"] == "1.1.2"
    assert report.counts == COUNTS
    assert report.size_bytes == (tmp_path / "store.db").stat().st_size > 1_000_000
    assert report.wall_s > 0


def test_a_second_fill_reads_nothing_and_a_forced_one_everything(own_store):
    assert fill.fill_languages(own_store).filled == ()
    assert fill.ensure_filled(own_store) is None
    report = fill.fill_languages(own_store, force=True)
    assert report.filled == ("data/langs", "lang2vec")
    assert report.counts == COUNTS


def test_each_source_is_recorded_with_its_version_and_hash(filled_store):
    with open_store(filled_store) as store:
        rows = store.query("SELECT source, sha256, rows, filled_at FROM fills ORDER BY source")
        assert [(source, count) for source, _, count, _ in rows] == [
            ("data/langs", 7970 + 1130 + 402 + COUNTS["pools"]),
            ("lang2vec", 4 * 7970 + 7294),
        ]
        assert rows[0][1] == facts_sha256()
        assert rows[0][3].endswith("+00:00")


def test_changed_facts_are_read_again_without_lang2vec(own_store, tmp_path, monkeypatch):
    for table in facts.TABLES:
        (tmp_path / table).write_bytes(facts.data_path("langs", table).read_bytes())
    with (tmp_path / "pools.csv").open("a") as file:
        file.write("mine,deu,me\n")
    monkeypatch.setattr(facts, "data_path", lambda *parts: tmp_path / parts[-1])
    monkeypatch.setattr("mslt_cli.languages.uriel.read_uriel", lambda: pytest.fail("lang2vec was read"))
    with open_store(own_store) as store:
        assert not fill.has_fill(store, fill.FACTS, facts.facts_sha256())
    report = fill.ensure_filled(own_store)
    assert report is not None
    assert report.filled == ("data/langs",)
    assert report.counts == COUNTS | {"pools": COUNTS["pools"] + 1}
    with open_store(own_store) as store:
        assert fill.has_fill(store, fill.FACTS, facts.facts_sha256())
        assert [language.name for language in languages.pool(store, "mine")] == ["German"]


@pytest.mark.parametrize("reads", ["mslt_cli.languages.uriel.read_uriel", "mslt_cli.store.fill.read_facts"])
def test_others_may_write_while_sources_are_read(own_store, monkeypatch, reads):
    module, _, name = reads.rpartition(".")
    read = getattr(import_module(module), name)
    written = []

    def write_and_read():
        with closing(sqlite3.connect(own_store, timeout=0, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            written.append(other.execute("DELETE FROM pools WHERE pool = 'none'").rowcount)
            other.execute("COMMIT")
        return read()

    monkeypatch.setattr(reads, write_and_read)
    assert fill.fill_languages(own_store, force=True).counts == COUNTS
    assert written == [0]


KILLED = """
import pathlib, sys, time
from mslt_cli.store import fill
def stop(connection, rows):
    print(connection.execute("SELECT count(*) FROM pools").fetchone()[0], flush=True)
    time.sleep(60)
fill._read_vectors, fill._write_vectors = object, stop  # what is read is never written
fill.fill_languages(pathlib.Path(sys.argv[1]), force=True)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_fill_that_is_ended_half_way_leaves_the_old_state(own_store, how):
    with sqlite3.connect(own_store) as connection:  # what a fill would replace
        connection.execute("DELETE FROM pools WHERE pool <> 'paper'")
    connection.close()
    before = snapshot(own_store)
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, own_store], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout.readline() == b"%d\n" % COUNTS["pools"]  # inside the transaction the new facts are there
    process.send_signal(how)
    process.communicate(timeout=30)
    assert process.returncode != 0
    assert snapshot(own_store) == before
    assert fill.fill_languages(own_store, force=True).counts == COUNTS


def test_a_fill_that_is_killed_on_a_new_store_can_be_done_again(tmp_path):
    path = tmp_path / "store.db"
    process = subprocess.Popen([sys.executable, "-c", KILLED, path], stdout=subprocess.PIPE)
    process.stdout.readline()
    process.kill()
    process.communicate(timeout=30)
    with open_store(path) as store:
        assert not fill.is_filled(store)
    report = fill.ensure_filled(path)
    assert report is not None
    assert report.counts == COUNTS


def test_a_full_disk_leaves_the_old_state(own_store, monkeypatch):
    before = snapshot(own_store)
    record = fill.record_fill

    def record_on_a_full_disk(connection, *row):
        connection.execute("PRAGMA max_page_count = 1")  # SQLite takes it as "no larger than now"
        connection.execute("CREATE TABLE big AS SELECT zeroblob(20000000)")
        record(connection, *row)

    monkeypatch.setattr(fill, "record_fill", record_on_a_full_disk)
    with pytest.raises(StoreError, match="does not fit on the disk"):
        fill.fill_languages(own_store, force=True)
    assert snapshot(own_store) == before
