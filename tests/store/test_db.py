import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from mslt_cli.errors import StoreError
from mslt_cli.languages.facts import read_facts
from mslt_cli.store.db import SCHEMA_VERSION, open_store, store_path

NOBODY = 65534


def test_the_path_is_as_given_else_from_the_environment_else_in_the_users_data(monkeypatch):
    monkeypatch.setenv("MSLT_STORE", "/somewhere/s.db")
    assert store_path(Path("mine.db")) == Path("mine.db")
    assert store_path() == Path("/somewhere/s.db")
    monkeypatch.delenv("MSLT_STORE")
    assert store_path().parts[-2:] == ("mslt", "store.db")


@pytest.mark.parametrize("name", ["store.db", "with blank & %41?#.db"])
def test_a_new_store_is_made_with_its_folder_and_schema(tmp_path, name):
    path = tmp_path / "new" / "folder" / name
    with open_store(path, write=True) as store:
        assert store.schema_version == SCHEMA_VERSION
        assert store.query("PRAGMA journal_mode") == [("wal",)]
        assert store.query("PRAGMA foreign_keys") == [(1,)]
    with open_store(path) as store:
        assert store.query("SELECT count(*) FROM languages") == [(0,)]
    assert path.is_file()


@pytest.mark.parametrize("content", [None, b""], ids=["no file", "no bytes"])
def test_a_missing_store_is_not_made_by_reading(tmp_path, content):
    path = tmp_path / "store.db"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StoreError, match="There is no store .* Run `mslt fetch`"):
        open_store(path)
    assert path.exists() == (content is not None)


@pytest.mark.parametrize("write", [False, True])
def test_a_folder_is_no_store(tmp_path, write):
    with pytest.raises(StoreError, match="is a folder"):
        open_store(tmp_path, write=write)


@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize("content", [b"x", b"languages,and,more\n" * 1000])
def test_a_file_of_another_kind_is_refused_and_kept(tmp_path, content, write):
    path = tmp_path / "store.db"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="is not an SQLite database"):
        open_store(path, write=write)
    assert path.read_bytes() == content


@pytest.mark.parametrize("write", [False, True])
def test_another_programs_database_is_refused_and_kept(tmp_path, write):
    path = tmp_path / "store.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE photos (name)")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="another program's"):
        open_store(path, write=write)
    assert path.read_bytes() == before


@pytest.mark.parametrize("write", [False, True])
def test_a_store_of_a_newer_mslt_is_refused(own_store, write):
    with sqlite3.connect(own_store) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    said = rf"written by a newer mslt \(schema {SCHEMA_VERSION + 1}, here {SCHEMA_VERSION}\)\. Upgrade mslt"
    with pytest.raises(StoreError, match=said):
        open_store(own_store, write=write)


@pytest.mark.parametrize("write", [False, True])
def test_a_store_of_an_older_mslt_is_refused_with_what_makes_it_anew(own_store, write):
    with sqlite3.connect(own_store) as connection:
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    before = own_store.read_bytes()
    said = "written by an older mslt .* Move it away; `mslt fetch langs` makes a new one, and `mslt fetch runs DIR`"
    with pytest.raises(StoreError, match=said):
        open_store(own_store, write=write)
    assert own_store.read_bytes() == before


def test_a_truncated_store_is_reported_as_damaged(own_store):
    with own_store.open("r+b") as file:
        file.truncate(200_000)
    with pytest.raises(StoreError, match="is damaged"), open_store(own_store) as store:
        store.query("SELECT sum(length(encoded)) FROM vectors")


@pytest.mark.parametrize("write", [False, True])
def test_a_file_where_a_folder_should_be_is_reported(tmp_path, write):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="There is no store|Cannot make the folder"):
        open_store(tmp_path / "file" / "store.db", write=write)


def test_a_store_that_is_not_filled_says_so(tmp_path):
    path = tmp_path / "store.db"
    with sqlite3.connect(path) as connection:  # as a process leaves it that is killed before it made a table
        connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    with pytest.raises(StoreError, match="is not filled yet"), open_store(path) as store:
        store.query("SELECT * FROM languages")


def test_a_full_disk_is_reported_and_nothing_is_changed(own_store):
    with open_store(own_store, write=True) as store:
        pages = store.query("PRAGMA page_count")[0][0]
        store.query(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreError, match="does not fit on the disk"), store.transaction() as connection:
            connection.execute("DELETE FROM pools")
            connection.execute("CREATE TABLE big AS SELECT zeroblob(1000000)")
        assert store.query("SELECT count(*) FROM pools") == [(len(read_facts().pools),)]


def test_a_failed_transaction_leaves_the_old_state(own_store):
    with open_store(own_store, write=True) as store:
        with pytest.raises(KeyboardInterrupt), store.transaction() as connection:
            connection.execute("DELETE FROM pools")
            raise KeyboardInterrupt
        assert store.query("SELECT count(*) FROM pools") == [(len(read_facts().pools),)]


def test_reading_goes_on_while_another_process_writes(own_store):
    with open_store(own_store, write=True) as writer, writer.transaction() as connection:
        connection.execute("DELETE FROM pools")
        with open_store(own_store) as reader:
            assert reader.query("SELECT count(*) FROM pools") == [(len(read_facts().pools),)]


def test_a_writer_that_never_ends_is_reported(own_store, monkeypatch):
    monkeypatch.setattr("mslt_cli.store.db.BUSY_S", 0.05)
    with (
        open_store(own_store, write=True) as first,
        open_store(own_store, write=True) as second,
        first.transaction(),
        pytest.raises(StoreError, match="being written by another process"),
        second.transaction(),
    ):
        pass


def test_a_store_in_a_read_only_place_can_be_read_and_not_written(filled_store):
    # Root may write anywhere, so root asks somebody else.
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        path = Path(shutil.copy(filled_store, folder / "store.db"))
        path.chmod(0o444)
        folder.chmod(0o555)
        code = f"""
import os, pathlib, sys
from mslt_cli.store import language_vectors as vectors
from mslt_cli.store import db, fill
if os.getuid() == 0:
    os.setuid({NOBODY})
path = pathlib.Path({str(path)!r})
assert fill.ensure_filled(path) is None
with db.open_store(path) as store:
    assert len(vectors.read_vectors(store, "geo", ["deu", "eng"]).codes) == 2
try:
    with db.open_store(path, write=True) as store, store.transaction() as connection:
        connection.execute("DELETE FROM pools")
except db.StoreError as error:
    assert "may not be written" in str(error) or "cannot be opened" in str(error), error
else:
    raise AssertionError("it was written")
"""
        subprocess.run([sys.executable, "-c", code], check=True)
        assert os.listdir(folder) == ["store.db"]
        folder.chmod(0o755)


def test_reading_a_filled_store_needs_no_heavy_library(filled_store):
    code = f"""
import pathlib, sys
from mslt_cli.store import language_vectors as vectors
from mslt_cli.store import fill, languages
from mslt_cli.store.db import open_store
path = pathlib.Path({str(filled_store)!r})
assert fill.ensure_filled(path) is None
with open_store(path) as store:
    vectors.read_vectors(store, "fam", [languages.resolver(store).resolve("de").iso639_3])
heavy = {{"sqlite_utils", "pandas", "polars", "platformdirs", "importlib.metadata", "torch"}}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
