"""Files as people have them → rows: parquet, JSON, CSV, TSV and CoNLL(-U), plain or gzipped, loose or in an archive."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from mslt_cli.errors import DataError
from mslt_cli.tasks.base import Table

if TYPE_CHECKING:
    import polars as pl

READABLE = (".parquet", ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".conllu", ".conll", ".txt", "")
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
WIKIANN_PARTS = ("train", "dev", "test", "extra")
"""Names without a suffix that count as data files (WikiANN's own archives)."""
LARGEST_MEMBER_BYTES = 4 << 30


@dataclass(frozen=True)
class Source:
    """A data file: on disk, or a member of an archive."""

    path: Path
    """The file on disk."""
    member: str = ""
    """Path inside the archive."""

    @property
    def name(self) -> str:
        """The path as users would point to it."""
        return f"{self.path}!{self.member}" if self.member else str(self.path)

    @property
    def inner(self) -> str:
        """The path that names language and split, with forward slashes."""
        return f"{self.path.as_posix()}/{self.member}" if self.member else self.path.as_posix()

    @property
    def suffix(self) -> str:
        """The kind of file: ".tsv" of x.tsv and x.tsv.gz."""
        name = PurePosixPath(self.inner).name
        stem = name.removesuffix(".gz")
        suffix = PurePosixPath(stem).suffix.lower()
        return suffix if suffix in READABLE else ("" if stem in WIKIANN_PARTS else suffix or ".")

    def read(self) -> bytes:
        """The bytes, unpacked.

        Raises:
            DataError: the file or archive is truncated or not what its name says.
        """
        try:
            data = self._member() if self.member else self.path.read_bytes()
            return gzip.decompress(data) if self.inner.endswith(".gz") else data
        except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile, tarfile.TarError) as error:
            raise DataError(
                f"{self.name} cannot be unpacked ({error}): it is truncated or not what its name says. Get it again."
            ) from error
        except OSError as error:
            raise DataError(f"{self.name} cannot be read: {error.strerror or error}.") from error

    def _member(self) -> bytes:
        # Members are read into memory, never unpacked into a folder: a path in an archive cannot write anywhere.
        if self.path.name.lower().endswith(".zip"):
            with zipfile.ZipFile(self.path) as archive:
                return archive.read(self.member)
        with tarfile.open(self.path) as archive:
            opened = archive.extractfile(self.member)
            return opened.read() if opened else b""


def sources_in(path: Path) -> list[Source]:
    """All data files at a path, sorted: the file itself, those in a folder, and those in its archives.

    Raises:
        DataError: there is nothing at the path, or an archive is damaged.
    """
    if not path.exists():
        raise DataError(f"--from {path} does not exist.")
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file() and not _hidden(p, path))
    found: list[Source] = []
    for file in files:
        if file.name.lower().endswith(ARCHIVES):
            found += [Source(file, member) for member in sorted(_members(file))]
        else:
            found.append(Source(file))
    return [source for source in found if source.suffix in READABLE]


def _hidden(path: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(root).parts)


def _members(path: Path) -> list[str]:
    try:
        if path.name.lower().endswith(".zip"):
            with zipfile.ZipFile(path) as archive:
                infos = [(info.filename, info.file_size) for info in archive.infolist() if not info.is_dir()]
        else:
            with tarfile.open(path) as archive:
                infos = [(member.name, member.size) for member in archive if member.isfile()]
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, tarfile.TarError) as error:
        raise DataError(
            f"{path} cannot be unpacked ({error}): it is truncated or not what its name says. Get it again."
        ) from error
    for name, size in infos:
        if size > LARGEST_MEMBER_BYTES:
            raise DataError(f"{path} holds {name} of {size / 1e9:.0f} GB unpacked; that is too much to be read.")
    return [name for name, _ in infos if not PurePosixPath(name).name.startswith((".", "__"))]


def read_rows(source: Source, table: Table = Table(), *, tagged: bool = False) -> pl.DataFrame:  # noqa: B008
    """Read one file; text columns stay text.

    Args:
        source: the file.
        table: how tab-separated files are written.
        tagged: whether tab-separated and text files hold a token and its tag a line (token classification).

    Returns:
        One row an example, columns as the file names them. CoNLL-U gives `sent_id`, `text`, `tokens`, `upos`; a token
        and its tag a line give `tokens`, `tags`.

    Raises:
        DataError: the file is truncated, mislabelled or not UTF-8; names the file, and the line where there is one.
    """
    import polars as pl

    suffix = source.suffix
    if suffix == ".parquet":
        data = source.read()
        if data[:4] != b"PAR1" or data[-4:] != b"PAR1":
            what = "truncated" if data[:4] == b"PAR1" else "not a parquet file, whatever its name says"
            raise DataError(f"{source.name} is {what}. Get it again.")
        try:
            return pl.read_parquet(io.BytesIO(data))
        except (pl.exceptions.PolarsError, OSError) as error:
            raise DataError(f"{source.name} is a damaged parquet file ({_short(error)}). Get it again.") from error
    text = _text(source)
    if suffix in (".jsonl", ".ndjson", ".json"):
        return _json(source, text)
    if suffix == ".conllu":
        return _conllu(source, text)
    if tagged and suffix != ".csv" and not _has_header(text):
        return _token_a_line(source, text)
    return _delimited(source, text, "," if suffix == ".csv" else "\t", table)


def _short(error: Exception) -> str:
    return str(error).split("\n")[0][:120]


def _text(source: Source) -> str:
    data = source.read()
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError(f"{source.name} is UTF-16. Convert it: iconv -f utf-16 -t utf-8.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"Line {line} of {source.name} is not UTF-8 text (byte 0x{data[error.start]:02x}). "
            "Convert the file: iconv -f latin1 -t utf-8, or whatever it is in."
        ) from error


def _json(source: Source, text: str) -> pl.DataFrame:
    rows: list[dict[str, Any]] = []
    if text.lstrip().startswith("["):
        try:
            rows = json.loads(text)
        except json.JSONDecodeError as error:
            raise DataError(f"Line {error.lineno} of {source.name} is not JSON ({error.msg}).") from error
    else:
        for number, line in enumerate(text.split("\n"), start=1):
            if line.strip():
                try:
                    rows.append(json.loads(line))
                except json.JSONDecodeError as error:
                    raise DataError(f"Line {number} of {source.name} is not JSON ({error.msg}).") from error
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise DataError(f"Row {number} of {source.name} is not a JSON object with named fields.")
    return _frame(source, rows)


def _frame(source: Source, rows: list[dict[str, Any]]) -> pl.DataFrame:
    import polars as pl

    try:
        return pl.DataFrame(rows, infer_schema_length=None, strict=True)
    except (pl.exceptions.PolarsError, TypeError) as error:
        raise DataError(f"{source.name} mixes kinds of values in one field ({_short(error)}).") from error


def _conllu(source: Source, text: str) -> pl.DataFrame:
    """Sentences of CoNLL-U: syntactic words without ranges and empty nodes, and without withheld words (`_`)."""
    rows: list[dict[str, Any]] = []
    comments: dict[str, str] = {}
    tokens: list[str] = []
    tags: list[str] = []
    for number, line in enumerate([*text.split("\n"), ""], start=1):
        line = line.rstrip("\r")
        if not line.strip():
            if tokens or comments.get("text"):
                sent_id = comments.get("sent_id")
                rows.append({"sent_id": sent_id, "text": comments.get("text"), "tokens": tokens, "upos": tags})
            comments, tokens, tags = {}, [], []
        elif line.startswith("#"):
            key, equals, value = line[1:].partition("=")
            if equals:
                comments[key.strip()] = value.strip()
        else:
            cells = line.split("\t")
            if len(cells) != 10:
                raise DataError(f"Line {number} of {source.name} has {len(cells)} fields; CoNLL-U has 10.")
            if cells[0].isdigit() and cells[1] != "_" and cells[3] != "_":
                tokens.append(cells[1])
                tags.append(cells[3])
    return _typed(rows, {"sent_id": str, "text": str, "tokens": list, "upos": list})


def _token_a_line(source: Source, text: str) -> pl.DataFrame:
    """Sentences of a token, a tab and its tag a line, with an empty line between them; no tag counts as O."""
    rows: list[dict[str, Any]] = []
    tokens: list[str] = []
    tags: list[str] = []
    for number, line in enumerate([*text.split("\n"), ""], start=1):
        line = line.rstrip("\r")
        if not line.strip():
            if tokens:
                rows.append({"tokens": tokens, "tags": tags})
            tokens, tags = [], []
            continue
        cells = line.split("\t")
        if len(cells) == 1 and len(line.split(" ")) > 1:
            cells = [line.split(" ")[0], line.split(" ")[-1]]  # CoNLL-2003's spaces
        if not cells[0]:
            raise DataError(f"Line {number} of {source.name} has a tag and no token.")
        tokens.append(cells[0])
        tags.append(cells[-1].strip() if len(cells) > 1 and cells[-1].strip() else "O")
    return _typed(rows, {"tokens": list, "tags": list})


def _typed(rows: list[dict[str, Any]], columns: dict[str, type]) -> pl.DataFrame:
    import polars as pl

    kinds = {name: pl.String() if kind is str else pl.List(pl.String()) for name, kind in columns.items()}
    return pl.DataFrame(rows, schema=kinds)


def _has_header(text: str) -> bool:
    first = text.split("\n", 1)[0].split("\t")
    return any(cell in ("tokens", "words") for cell in first)


def _delimited(source: Source, text: str, separator: str, table: Table) -> pl.DataFrame:
    quoted = separator == "," or table.quoting
    rows = [(number, row) for number, row in _split(source, text, separator, quoted) if any(row)]
    header: list[str] = list(table.columns) if separator == "\t" else []
    if (separator == "," or table.header) and rows:
        first = rows.pop(0)[1]
        header = header or [cell.strip() for cell in first]
    for number, row in rows:
        if len(row) != len(header):
            raise DataError(
                f"Line {number} of {source.name} has {len(row)} fields where {len(header)} are expected "
                f"({', '.join(header)})."
            )
    columns = {name: [row[i] for _, row in rows] for i, name in enumerate(header)}
    import polars as pl

    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String()))


def _split(source: Source, text: str, separator: str, quoted: bool) -> Iterator[tuple[int, list[str]]]:
    if not quoted:
        for number, line in enumerate(text.split("\n"), start=1):
            yield number, line.rstrip("\r").split(separator)
        return
    csv.field_size_limit(1 << 30)
    reader = csv.reader(io.StringIO(text), delimiter=separator, strict=True)
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise DataError(f"Line {reader.line_num} of {source.name} cannot be read ({error}).") from error
