"""Archives and files that unpack to more than the memory holds are refused before they fill it."""

import gzip
import io
import random
import tarfile
import tracemalloc
import zipfile

import polars as pl
import pytest

from mslt_cli.data import archives, formats
from mslt_cli.data.archives import DataFile, files_in
from mslt_cli.errors import DataError

BIG = 24 << 20
MOST = 2 << 20
"""What may be unpacked of a small file, in these tests."""


def gzipped(path):
    path.write_bytes(gzip.compress(bytes(BIG)))


def zipped(method):
    def make(path):
        with zipfile.ZipFile(path, "w", method) as archive:
            archive.writestr("a.csv", bytes(BIG))

    return make


def tarred(path):
    member = tarfile.TarInfo("a.csv")
    member.size = BIG
    with tarfile.open(path, "w:bz2") as archive:
        archive.addfile(member, io.BytesIO(bytes(BIG)))


def tarred_with_a_long_name(path):
    """The name of a member, which is read before anything is known of it, has 24 MiB."""
    member = tarfile.TarInfo("n")
    member.size, member.type = BIG, tarfile.GNUTYPE_LONGNAME
    path.write_bytes(gzip.compress(member.tobuf() + bytes(BIG + 1024)))


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("a.csv.gz", gzipped),
        ("a.zip", zipped(zipfile.ZIP_DEFLATED)),
        ("a.zip", zipped(zipfile.ZIP_BZIP2)),
        ("a.tar.bz2", tarred),
        ("a.tar.gz", tarred_with_a_long_name),
    ],
)
def test_what_would_fill_the_memory_is_refused(tmp_path, monkeypatch, name, make):
    monkeypatch.setattr(archives, "SMALL_BYTES", MOST)
    make(tmp_path / name)
    tracemalloc.start()
    with pytest.raises(DataError, match="200 times as large unpacked|damaged|truncated|claims 25,165,824 bytes"):
        [file.read() for file in files_in(tmp_path)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 << 20


def test_what_is_as_large_as_texts_are_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "SMALL_BYTES", 10)
    text = "\n".join(map(str, range(30_000))).encode()  # a fifth of it, packed
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("a.csv")
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text))
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(text))
    with zipfile.ZipFile(tmp_path / "c.zip", "w", zipfile.ZIP_BZIP2) as zipped:
        zipped.writestr("a.csv", text)
    assert [file.read() for file in files_in(tmp_path)] == [text] * 3


def test_a_tar_archive_that_is_cut_is_said_to_be(tmp_path):
    member = tarfile.TarInfo("a.csv")
    member.size = 100_000
    with tarfile.open(tmp_path / "a.tar.bz2", "w:bz2") as archive:
        archive.addfile(member, io.BytesIO(random.Random(0).randbytes(member.size)))
    whole = (tmp_path / "a.tar.bz2").read_bytes()
    (tmp_path / "a.tar.bz2").write_bytes(whole[:50_000])
    with pytest.raises(DataError, match="a.tar.bz2"):
        list(files_in(tmp_path))


def test_rows_of_a_parquet_file_are_counted_before_they_are_read(tmp_path, monkeypatch):
    pl.DataFrame({"text": ["a"] * 9, "label": [1] * 9}).write_parquet(tmp_path / "a.parquet")
    assert formats.read_parquet(DataFile(tmp_path / "a.parquet")).height == 9
    monkeypatch.setattr(formats, "LARGEST_CELLS", 17)
    with pytest.raises(DataError, match="has 9 rows in 2 columns; 17 values are read at most"):
        formats.read_parquet(DataFile(tmp_path / "a.parquet"))
