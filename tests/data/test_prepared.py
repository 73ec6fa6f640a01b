"""The cache of prepared data: whole or not there, and known by its content."""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from mslt_cli.data.prepared import Record, load, read_record, records, save, task_folder
from mslt_cli.errors import DataError, FetchError
from mslt_cli.tasks import find_task

XNLI = find_task("xnli")
FRAME = pl.DataFrame({"id": ["0"], "text": ["p"], "text_pair": ["h"], "label": pl.Series([2], dtype=pl.Int32)})
OTHER = FRAME.with_columns(text=pl.lit("q"))


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    return tmp_path


def facts(language="deu", split="test", **more):
    origin = {"kind": "hub", "repository": "facebook/xnli", "revision": "c" * 40, "files": []}
    fields = {"task": "xnli", "code": "de", "rows": 1, "raw_rows": 1, "origin": origin}
    return Record(language=language, split=split, **fields | more)


def test_rows_and_their_record_come_back_as_they_were(home):
    record = save(XNLI, FRAME, facts(repaired={"x": 3}, expected_rows=5_010))
    assert read_record(XNLI, "deu", "test") == record
    assert load(XNLI, record).equals(FRAME)
    assert record.file == f"test-{record.content_sha256[:12]}.parquet"
    assert (task_folder(XNLI) / "deu" / record.file).stat().st_size == record.size_bytes
    assert task_folder(XNLI) == home / "mslt" / "data" / "xnli"
    assert read_record(XNLI, "deu", "train") is None


def test_the_same_rows_have_the_same_checksum_and_others_another():
    one, same, other = (save(XNLI, frame, facts()) for frame in (FRAME, FRAME, OTHER))
    assert one.content_sha256 == same.content_sha256 != other.content_sha256
    assert one.file == same.file != other.file


def test_all_records_of_a_task_are_listed_and_those_of_another_are_not():
    for language, split in (("fra", "test"), ("deu", "train"), ("deu", "test")):
        save(XNLI, FRAME, facts(language, split))
    assert [(r.language, r.split) for r in records(XNLI)] == [("deu", "test"), ("deu", "train"), ("fra", "test")]
    assert list(records(find_task("pawsx"))) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 0})),
        lambda path: path.write_text(json.dumps(json.loads(path.read_text()) | {"of_a_later_version": 1})),
        lambda path: path.write_text(path.read_text()[:40]),
        lambda path: path.write_text("[]"),
        lambda path: path.write_bytes(b"\xff\xfe"),
        lambda path: [p.unlink() for p in path.parent.glob("*.parquet")],
        lambda path: [p.write_bytes(p.read_bytes()[:-9]) for p in path.parent.glob("*.parquet")],
    ],
)
def test_what_is_damaged_or_of_another_version_is_as_good_as_none(spoil):
    record = save(XNLI, FRAME, facts())
    spoil(task_folder(XNLI) / "deu" / "test.json")
    assert read_record(XNLI, "deu", "test") is None
    assert list(records(XNLI)) == []
    assert save(XNLI, FRAME, facts()) == record
    assert read_record(XNLI, "deu", "test") == record


def test_a_file_that_changed_in_the_cache_is_noticed_and_the_command_to_run_named(tmp_path):
    record = save(XNLI, FRAME, facts())
    path = task_folder(XNLI) / "deu" / record.file
    path.write_bytes(path.read_bytes()[:-9] + b"x" + path.read_bytes()[-8:])
    with pytest.raises(DataError, match="is damaged: .* Run `mslt fetch data --task xnli --langs de --force`"):
        load(XNLI, record)
    path.unlink()
    with pytest.raises(DataError, match="cannot be read: No such file"):
        load(XNLI, record)
    pawsx = find_task("pawsx").without_repairs(("untranslated",))
    record = save(pawsx, FRAME, facts(origin={"kind": "folder", "path": "/my/data", "files": []}))
    (task_folder(pawsx) / "deu" / record.file).unlink()
    with pytest.raises(DataError, match="--task pawsx --no-repair untranslated --langs de --from /my/data --force"):
        load(pawsx, record)


KILLED = """
import os, signal, polars as pl
from mslt_cli.data.prepared import Record, save
from mslt_cli.tasks import find_task
replace, left = os.replace, {left}
def dying(source, target):
    global left
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    replace(source, target)
os.replace = dying
save(find_task("xnli"), pl.read_json({path!r}), {facts!r})
"""


@pytest.mark.parametrize("left", [0, 1])
def test_killed_before_the_rows_or_between_them_and_the_record_the_old_ones_hold(home, left):
    old = save(XNLI, FRAME, facts())
    OTHER.write_json(home / "other.json")
    program = KILLED.format(left=left, path=str(home / "other.json"), facts=facts())
    killed = subprocess.run([sys.executable, "-c", program], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert read_record(XNLI, "deu", "test") == old
    assert load(XNLI, old).equals(FRAME)
    assert [r.content_sha256 for r in records(XNLI)] == [old.content_sha256]
    new = save(XNLI, OTHER, facts())
    assert load(XNLI, read_record(XNLI, "deu", "test")).equals(OTHER)
    assert new.content_sha256 != old.content_sha256


def test_a_cache_that_cannot_be_written_is_a_sentence_and_leaves_nothing(home, monkeypatch):
    (home / "mslt").write_text("a file")
    with pytest.raises(FetchError, match="cannot be used: something on the way to it is a file"):
        save(XNLI, FRAME, facts())
    assert read_record(XNLI, "deu", "test") is None
    (home / "mslt").unlink()
    old = save(XNLI, FRAME, facts())

    def no_space(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(
        FetchError, match="the disk is full. Free some space, or set HF_HOME to a folder on another disk"
    ):
        save(XNLI, OTHER, facts())
    assert read_record(XNLI, "deu", "test") == old
    assert sorted(p.name for p in (task_folder(XNLI) / "deu").iterdir()) == [old.file, "test.json"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
def test_a_full_disk_and_a_read_only_one(home, monkeypatch):
    big = pl.DataFrame({"id": [os.urandom(200_000).hex()]})
    for options, says, frame in (("size=64k", "the disk is full", big), ("ro", "its disk is read-only", FRAME)):
        disk = home / options
        disk.mkdir()
        if subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", disk], capture_output=True, check=False
        ).returncode:
            pytest.skip("this machine mounts nothing")
        try:
            monkeypatch.setenv("HF_HOME", str(disk))
            with pytest.raises(FetchError, match=says):
                save(XNLI, frame, facts())
            assert [p for p in Path(disk).rglob("*") if p.is_file()] == []
        finally:
            subprocess.run(["umount", disk], check=True)
