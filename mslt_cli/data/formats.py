"""Files as people have them → rows: parquet, JSON, CSV, TSV and CoNLL(-U), plain or gzipped, loose or in archives."""

from __future__ import annotations

import csv
import gzip
import io
import json
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from mslt_cli.errors import DataError
from mslt_cli.tasks.task import Table, is_archive

if TYPE_CHECKING:
    import polars as pl

READABLE = (".parquet", ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".conllu", ".conll", ".txt")
WIKIANN_PARTS = ("train", "dev", "test", "extra")
"""Names without a suffix that count as data files (WikiANN's own archives)."""
LARGEST_FILE_BYTES = 4 << 30
"""Unpacked; more than that is no data set of ours."""
DEEPEST = 2
"""Archives in archives in archives are passed over."""
MAGIC = {b"PAR1": "a parquet file", b"\x1f\x8b": "gzipped", b"PK\x03\x04": "a zip archive"}
"""How files begin that people give another name."""
PLAIN = Table()
DAMAGED = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, zipfile.BadZipFile, tarfile.TarError)


@dataclass(frozen=True)
class Source:
    """A data file: on disk, or in an archive, or in an archive in an archive (WikiANN has one a language in a zip)."""

    path: Path
    """The file on disk."""
    members: tuple[str, ...] = ()
    """Path inside the archive, and so on."""

    @property
    def name(self) -> str:
        """The path as users would point to it."""
        return "!".join([str(self.path), *self.members])

    @property
    def inner(self) -> str:
        """The path that names language and split, with forward slashes."""
        return "/".join([self.path.as_posix(), *(str(PurePosixPath(member)) for member in self.members)])

    @property
    def stem(self) -> str:
        """The file's name without its suffixes, in lower case."""
        return PurePosixPath(self.inner).name.lower().removesuffix(".gz").removesuffix(self.suffix)

    @property
    def suffix(self) -> str:
        """The kind of file: ".tsv" of x.tsv and X.TSV.gz; empty for files that are called `train` and no more."""
        return PurePosixPath(PurePosixPath(self.inner).name.lower().removesuffix(".gz")).suffix

    @property
    def readable(self) -> bool:
        """Whether it is a kind of file that `read_rows` reads, by its name."""
        return self.suffix in READABLE or (not self.suffix and self.stem in WIKIANN_PARTS)

    def read(self) -> bytes:
        """The bytes, unpacked.

        Raises:
            DataError: the file or archive is truncated or not what its name says.
        """
        # Members are read into memory, never unpacked into a folder: a path in an archive cannot write anywhere.
        with _unpacking(self.name):
            data, outer = b"", self.path.name
            for i, member in enumerate(self.members):
                data, outer = _member(io.BytesIO(data) if i else self.path, outer, member), member
            if not self.members:
                data = self.path.read_bytes()
            if self.inner.lower().endswith(".gz") and not is_archive(self.inner):
                data = gzip.GzipFile(fileobj=io.BytesIO(data)).read(LARGEST_FILE_BYTES + 1)
        if len(data) > LARGEST_FILE_BYTES:
            raise DataError(f"{self.name} has more than {LARGEST_FILE_BYTES >> 30} GiB; that is too much to be read.")
        return data


def sources_in(path: Path) -> list[Source]:
    """All data files at a path, sorted: the file itself, those in a folder, and those in archives.

    Raises:
        DataError: there is nothing at the path, or an archive is damaged.
    """
    if not path.exists():
        raise DataError(f"{path} does not exist.")
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file() and not _hidden(p, path))
    found: list[Source] = []
    for file in files:
        found += _inside(Source(file)) if is_archive(file.name) else [Source(file)]
    return [source for source in found if source.readable]


def read_rows(source: Source, table: Table = PLAIN, *, tagged: Collection[str] = ()) -> pl.DataFrame:
    """Read one file; text columns stay text.

    Args:
        source: the file.
        table: how tab-separated files are written.
        tagged: for token classification, what the columns of tokens and of labels may be called: a text file whose
            first line does not name them holds a token and its tag a line.

    Returns:
        One row an example, columns as the file names them. CoNLL-U gives `sent_id`, `text`, `tokens`, `upos`; a token
        and its tag a line give `tokens`, `tags`.

    Raises:
        DataError: the file is truncated, mislabelled or not UTF-8; names the file, and the line where there is one.
    """
    if source.suffix == ".parquet":
        return _parquet(source)
    text = _text(source)
    if source.suffix in (".jsonl", ".ndjson", ".json"):
        return _json(source, text)
    if source.suffix == ".conllu" or _looks_like_conllu(text):
        return _conllu(source, text)
    if tagged and source.suffix != ".csv" and not table.columns:
        cells = [cell.strip() for cell in text.split("\n", 1)[0].split("\t")]
        if sum(cell in tagged for cell in cells) < 2:
            return _token_a_line(source, text)
    if source.suffix == ".csv" and not table.commas:
        return _delimited(source, text, ",", Table(quoting=True))
    return _delimited(source, text, "," if source.suffix == ".csv" else "\t", table)


# -- archives --------------------------------------------------------------------------------------


@contextmanager
def _unpacking(name: str) -> Iterator[None]:
    try:
        yield
    except DAMAGED as error:
        raise DataError(
            f"{name} cannot be unpacked ({error}): it is truncated or not what its name says. Get it again."
        ) from error
    except (RuntimeError, NotImplementedError) as error:  # a password, a compression that Python lacks
        raise DataError(f"{name} cannot be unpacked ({error}). Unpack it yourself, and point --from there.") from error
    except OSError as error:
        raise DataError(f"{name} cannot be read: {error.strerror or error}.") from error


@contextmanager
def _opened(file: Path | io.BytesIO, name: str) -> Iterator[zipfile.ZipFile | tarfile.TarFile]:
    if name.lower().endswith(".zip"):
        with zipfile.ZipFile(file) as archive:
            yield archive
    else:
        with tarfile.open(file) if isinstance(file, Path) else tarfile.open(fileobj=file) as tar:
            yield tar


def _member(file: Path | io.BytesIO, name: str, member: str) -> bytes:
    with _opened(file, name) as archive:
        if isinstance(archive, zipfile.ZipFile):
            return archive.read(member)
        opened = archive.extractfile(member)
        return opened.read() if opened else b""


def _inside(archive: Source) -> list[Source]:
    """The files in an archive, and in archives in it."""
    found: list[Source] = []
    with _unpacking(archive.name):
        with _opened(io.BytesIO(archive.read()) if archive.members else archive.path, archive.name) as opened:
            if isinstance(opened, zipfile.ZipFile):
                sizes = {info.filename: info.file_size for info in opened.infolist() if not info.is_dir()}
            else:
                sizes = {member.name: member.size for member in opened if member.isfile()}
                _check_end(opened)
        for name, size in sorted(sizes.items()):
            source = Source(archive.path, (*archive.members, name))
            if any(part.startswith((".", "__MACOSX")) and part not in (".", "..") for part in name.split("/")):
                continue
            if size > LARGEST_FILE_BYTES:
                raise DataError(f"{source.name} has {size / 1e9:.0f} GB unpacked; that is too much to be read.")
            if not is_archive(name):
                found.append(source)
            elif len(source.members) < DEEPEST:
                found += _inside(source)
    return found


def _check_end(archive: tarfile.TarFile) -> None:
    """Archives end with a block of zeros; Python takes one that was cut within a header for a whole one."""
    assert archive.fileobj is not None
    archive.fileobj.seek(archive.offset)
    if archive.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise tarfile.ReadError("its end is missing")


def _hidden(path: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(root).parts)


# -- formats ---------------------------------------------------------------------------------------


def _short(error: BaseException) -> str:
    return str(error).split("\n")[0][:120]


def _parquet(source: Source) -> pl.DataFrame:
    import polars as pl

    data = source.read()
    if data[:4] != b"PAR1" or data[-4:] != b"PAR1":
        what = "truncated" if data[:4] == b"PAR1" else "not a parquet file, whatever its name says"
        raise DataError(f"{source.name} is {what}. Get it again.")
    try:
        return pl.read_parquet(io.BytesIO(data))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise DataError(f"{source.name} is a damaged parquet file ({_short(error)}). Get it again.") from error


def _text(source: Source) -> str:
    data = source.read()
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError(f"{source.name} is UTF-16. Convert it: iconv -f utf-16 -t utf-8.")
    if what := next((what for magic, what in MAGIC.items() if data.startswith(magic)), None):
        raise DataError(f"{source.name} is {what}, whatever its name says. Give it the right suffix.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"Line {line} of {source.name} is not UTF-8 text (byte 0x{error.object[error.start]:02x}). "
            "Convert the file: iconv -f latin1 -t utf-8, or whatever it is in."
        ) from error
    if (at := text.find("\0")) >= 0:
        line = text.count("\n", 0, at) + 1
        raise DataError(f"Line {line} of {source.name} holds a zero byte: the file is UTF-16, or no text at all.")
    return text


def _json(source: Source, text: str) -> pl.DataFrame:
    """Rows of JSON lines, or of one array."""
    places: list[str] = []
    rows: list[dict[str, Any]] = []
    lines = [(0, text)] if text.lstrip().startswith("[") else enumerate(text.split("\n"))
    for before, line in lines:
        if not line.strip():
            continue
        try:
            read = json.loads(line, parse_constant=lambda _: None)  # NaN, as Python writes what is missing
        except json.JSONDecodeError as error:
            raise DataError(f"Line {before + error.lineno} of {source.name} is not JSON ({error.msg}).") from error
        except RecursionError:
            raise DataError(f"Line {before + 1} of {source.name} is nested too deeply to be read.") from None
        if isinstance(read, list) and not before:
            rows = read
            places = [f"Row {number}" for number in range(1, len(rows) + 1)]
            break
        rows.append(read)
        places.append(f"Line {before + 1}")
    return _frame(source, rows, places)


KINDS = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", dict: "an object"}


def _frame(source: Source, rows: list[dict[str, Any]], places: list[str]) -> pl.DataFrame:
    """Rows as a frame; values of a field are of one kind, and `places` says where each row stands."""
    import polars as pl

    kinds: dict[str, str] = {}
    for row, place in zip(rows, places, strict=True):
        if not isinstance(row, dict):
            raise DataError(f"{place} of {source.name} is not a JSON object with named fields.")
        for name, value in row.items():
            kind = KINDS.get(type(value))
            if kind is not None and kinds.setdefault(name, kind) != kind:
                raise DataError(f"{place} of {source.name} has {kind} for {name} where others have {kinds[name]}.")
    try:
        return pl.DataFrame(rows, infer_schema_length=None, strict=True)
    except (pl.exceptions.PolarsError, TypeError, OverflowError) as error:
        raise DataError(f"{source.name} mixes kinds of values in one field ({_short(error)}).") from error
    except UnicodeEncodeError as error:
        raise DataError(f"{source.name} holds half a character (\\u{ord(error.object[error.start]):x}).") from error


def _looks_like_conllu(text: str) -> bool:
    """Whether the first line of a word has CoNLL-U's ten fields, the first of them its number."""
    for line in text[:10_000].split("\n"):
        if line.strip() and not line.startswith("#"):
            cells = line.split("\t")
            return len(cells) == 10 and cells[0].split("-")[0] == "1"
    return False


def _conllu(source: Source, text: str) -> pl.DataFrame:
    """Sentences of CoNLL-U: syntactic words without ranges and empty nodes, and without withheld words (`_`)."""
    rows: list[dict[str, Any]] = []
    comments: dict[str, str] = {}
    tokens: list[str] = []
    tags: list[str] = []
    for number, line in _lines_and_end(text):
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
    """Sentences of a token and its tag a line, with an empty line between them; no tag counts as O.

    A tab stands between the two, for a token may hold blanks; in a file without tabs, blanks (CoNLL-2003's form).
    """
    rows: list[dict[str, Any]] = []
    tokens: list[str] = []
    tags: list[str] = []
    separator = "\t" if "\t" in text else " "
    tagged = False
    for number, line in _lines_and_end(text):
        if not line.strip() or line.startswith("-DOCSTART-"):
            if tokens:
                rows.append({"tokens": tokens, "tags": tags})
            tokens, tags = [], []
            continue
        token, *others = line.split(separator)
        if not token:
            raise DataError(f"Line {number} of {source.name} has a tag and no token.")
        tag = others[-1].strip() if others else ""
        tagged = tagged or bool(tag)
        tokens.append(token)
        tags.append(tag or "O")
    if rows and not tagged:
        raise DataError(f"{source.name} has tokens and no tags: its labels were taken out (XTREME does so for test).")
    return _typed(rows, {"tokens": list, "tags": list})


def _lines_and_end(text: str) -> Iterator[tuple[int, str]]:
    """Numbered lines, and an empty one that ends the last sentence."""
    for number, line in enumerate(text.split("\n"), start=1):
        yield number, line.rstrip("\r")
    yield -1, ""


def _typed(rows: list[dict[str, Any]], columns: Mapping[str, type]) -> pl.DataFrame:
    import polars as pl

    kinds = {name: pl.String() if kind is str else pl.List(pl.String()) for name, kind in columns.items()}
    return pl.DataFrame(rows, schema=kinds)


EMPTY_LINE: tuple[list[str], ...] = ([], [""])
"""As it comes with quoting, and without."""


def _delimited(source: Source, text: str, separator: str, table: Table) -> pl.DataFrame:
    import polars as pl

    rows = list(_split(source, text, separator, table.quoting))
    while rows and rows[-1][1] in EMPTY_LINE:
        rows.pop()
    header = list(table.columns)
    if table.header and rows:
        first = rows.pop(0)[1]
        header = header or [cell.strip() for cell in first]
    if len(header) > 1:
        rows = [(number, row) for number, row in rows if row not in EMPTY_LINE]
    else:  # of a single column, an empty line is a row
        rows = [(number, row or [""]) for number, row in rows]
    for number, row in rows:
        if len(row) != len(header):
            raise DataError(
                f"Line {number} of {source.name} has {len(row)} fields where {len(header)} are expected "
                f"({', '.join(header)})."
            )
    columns = {name: [row[i] for _, row in rows] for i, name in enumerate(header)}
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String()))


def _split(source: Source, text: str, separator: str, quoted: bool) -> Iterator[tuple[int, list[str]]]:
    """Numbered lines as lists of fields; with quoting, a row may be several lines, and has the number of its last."""
    if not quoted:
        for number, line in enumerate(text.split("\n"), start=1):
            yield number, line.rstrip("\r").split(separator)
        return
    csv.field_size_limit(1 << 30)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise DataError(f"Line {reader.line_num} of {source.name} cannot be read ({error}).") from error
