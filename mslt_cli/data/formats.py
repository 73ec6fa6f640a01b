"""A data file → rows: parquet, JSON, CoNLL-U, and tables as text. A new format is a function and a row of FORMATS."""
# ruff: noqa: TID253

import csv
import io
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import polars as pl

from mslt_cli.data.archives import DataFile
from mslt_cli.data.token_lines import PART, Tagging, read_token_lines, read_token_table, sentence_lines
from mslt_cli.errors import DataError
from mslt_cli.foreign import UnreadableError, parse_json
from mslt_cli.tasks.task import TableFormat

WIKIANN_PARTS = ("train", "dev", "test", "extra")
"""Names of data files without a suffix, in WikiANN's own archives."""
MAGIC = {b"PAR1": "a parquet file", b"\x1f\x8b": "gzipped", b"PK\x03\x04": "a zip archive"}
"""The first bytes of formats that files have under a wrong name."""
JSON_KINDS = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", dict: "an object"}
TEXT, TEXTS = pl.String(), pl.List(pl.String())
"""Types of columns."""
CONLLU_FIELDS = 10
LARGEST_CELLS = 50_000_000
"""Rows times columns of a parquet file: 60 million equal rows take 145 kB on disk, and 6 GB in memory."""
AGAIN = "\0"
"""Ends the name of a column whose name an earlier one has already: no text of ours holds it."""


def read_rows(file: DataFile, table: TableFormat | None = None, *, tagging: Tagging | None = None) -> pl.DataFrame:
    """Read one file: a row for each example, columns as the file names them; text stays text.

    CoNLL-U gives `sent_id`, `text`, `tokens`, `upos`; lines of a token and its tag give `tokens`, `tags`.

    Args:
        table: how tab-separated files are written; None = with a header and without quoting.
        tagging: of token classification: a text file whose first line does not name the columns of tokens and labels
            has one token and its tag in each line.

    Raises:
        DataError: the file is truncated, mislabelled or not UTF-8; names the file, and the line where there is one.
    """
    if file.unzipped.suffix in FORMATS:
        return FORMATS[file.unzipped.suffix](file)
    return read_table(file, table or TableFormat(), tagging)


def is_readable(file: DataFile) -> bool:
    """Whether it is a kind of file that `read_rows` reads, by its name."""
    return file.unzipped.suffix in READABLE or file.unzipped.name in WIKIANN_PARTS


def read_text(file: DataFile) -> str:
    """The text of a file in UTF-8. DataError: it is in another encoding or no text."""
    data = file.read()
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError(f"{file.name} is UTF-16. Convert it: iconv -f utf-16 -t utf-8.")
    if kind := next((kind for magic, kind in MAGIC.items() if data.startswith(magic)), None):
        raise DataError(f"{file.name} is {kind}, whatever its name says. Give it the right suffix.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"Line {line} of {file.name} is not UTF-8 text (byte 0x{error.object[error.start]:02x}). "
            "Convert the file: iconv -f latin1 -t utf-8, or whatever it is in."
        ) from error
    if "\0" in text:
        line = text.partition("\0")[0].count("\n") + 1
        raise DataError(f"Line {line} of {file.name} holds a zero byte: the file is UTF-16, or no text at all.")
    return text


def read_parquet(file: DataFile) -> pl.DataFrame:
    """Read a parquet file. Numbers of labels become names if its metadata name them, as `datasets` writes them."""
    data = file.read()
    if data[:4] != b"PAR1" or data[-4:] != b"PAR1":
        what = "truncated" if data[:4] == b"PAR1" else "not a parquet file, whatever its name says"
        raise DataError(f"{file.name} is {what}. Get it again.")
    try:
        about = pl.read_parquet_metadata(io.BytesIO(data))
        columns = pl.read_parquet_schema(io.BytesIO(data))
        height = pl.scan_parquet(io.BytesIO(data)).select(pl.len()).collect().item()  # of the metadata
        if height * len(columns) > LARGEST_CELLS:
            raise DataError(
                f"{file.name} has {height:,} rows in {len(columns)} columns; {LARGEST_CELLS:,} values are read at most."
                " Split the file, or keep the columns of the task alone."
            )
        rows = pl.read_parquet(io.BytesIO(data))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        reason = str(error).split("\n")[0][:120]
        raise DataError(f"{file.name} is a damaged parquet file ({reason}). Get it again.") from error
    features: dict[str, Any] = {}
    with suppress(ValueError, KeyError, TypeError):
        features = dict(parse_json(about["huggingface"])["info"]["features"])
    for column, feature in features.items():
        if column in rows.columns and (names := _class_names(feature)):
            rows = rows.with_columns(_name_labels(file, rows[column], names))
    return rows


def _class_names(feature: Any) -> list[str] | None:
    """The names of a ClassLabel of `datasets`, or of a list of such labels, in the order of their numbers."""
    if isinstance(feature, list) and len(feature) == 1:
        return _class_names(feature[0])
    if not isinstance(feature, dict):
        return None
    return feature.get("names") if feature.get("_type") == "ClassLabel" else _class_names(feature.get("feature"))


def _name_labels(file: DataFile, column: pl.Series, names: list[str]) -> pl.Series:
    """Numbers from 0, or lists of them, as names; -1 is a label that is missing."""
    is_list = column.dtype == pl.List
    numbers = column.explode(empty_as_null=False, keep_nulls=False) if is_list else column
    if not numbers.dtype.is_integer():
        return column
    if len(wrong := numbers.filter(~numbers.is_between(-1, len(names) - 1))):
        known = f"names only 0 to {len(names) - 1}"
        raise DataError(f"{file.name} has the number {wrong[0]} for {column.name}, and {known}.")
    name = pl.element() if is_list else pl.col(column.name)
    name = name.replace_strict(dict(enumerate(names)), default=None, return_dtype=TEXT)
    return column.to_frame().select(pl.col(column.name).list.eval(name) if is_list else name).to_series()


def read_json(file: DataFile) -> pl.DataFrame:
    """Read JSON lines, or one array of objects; the values of a field are of one kind."""
    kinds: dict[str, str] = {}
    rows: list[dict[str, Any]] = []
    for place, row in _json_values(file):
        if not isinstance(row, dict):
            raise DataError(f"{place} of {file.name} is not a JSON object with named fields.")
        for name, value in row.items():
            kind = JSON_KINDS.get(type(value))
            if kind is not None and kinds.setdefault(name, kind) != kind:
                raise DataError(f"{place} of {file.name} has {kind} for {name} where others have {kinds[name]}.")
        rows.append(row)
    try:
        return pl.DataFrame(rows, infer_schema_length=None, strict=True)
    except (pl.exceptions.PolarsError, TypeError, OverflowError) as error:
        reason = str(error).split("\n")[0][:120]
        raise DataError(f"{file.name} mixes kinds of values in one field ({reason}).") from error
    except UnicodeEncodeError as error:
        raise DataError(f"{file.name} holds half a character (\\u{ord(error.object[error.start]):x}).") from error


def _json_values(file: DataFile) -> Iterator[tuple[str, object]]:
    """The values of the file, each with its place: "Line 3", or "Row 3" of an array."""
    text = read_text(file)
    is_array = text.lstrip().startswith("[")
    for before, line in enumerate([text] if is_array else text.split("\n")):
        if not line.strip():
            continue
        try:
            # NaN is what Python writes for a missing value.
            value = parse_json(line, parse_constant=lambda _: None, object_pairs_hook=_object)
        except UnreadableError as error:
            raise DataError(f"Line {before + (error.line or 1)} of {file.name} cannot be read: {error}.") from error
        if is_array:
            yield from ((f"Row {number}", row) for number, row in enumerate(value, start=1))
        else:
            yield f"Line {before + 1}", value


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A JSON object; a name that it has twice is marked."""
    fields: dict[str, object] = {}
    for name, value in pairs:
        fields[name + AGAIN if name in fields else name] = value
    return fields


def _require_line_feeds(file: DataFile, text: str) -> None:
    """DataError: lines end as on old Macs, so that all would be one line."""
    if (at := text.find("\r")) >= 0 and "\n" not in text[at : at + 2] and at + 1 < len(text):
        line = text.count("\n", 0, at) + 1
        raise DataError(f"Line {line} of {file.name} has a carriage return in it. Convert its line ends: mac2unix.")


def _require_separate_rows(file: DataFile, rows: list[tuple[int, list[str]]]) -> None:
    """DataError: a quote that was none has swallowed rows."""
    for number, row in rows:
        for cell in row:
            if (breaks := cell.count("\n")) > 0 and cell.count("\t") >= breaks * max(1, len(row) - 1):
                what = f"Line {number} of {file.name} ends a quoted field that seems to hold whole rows"
                raise DataError(f"{what}. Double the quotes of a text, and put it between quotes.")


def read_conllu(file: DataFile) -> pl.DataFrame:
    """Read the sentences of CoNLL-U: syntactic words without ranges and empty nodes.

    A sentence whose words are all `_` is withheld text; beside other words it is a word if it has a part of speech.
    """
    rows: list[dict[str, Any]] = []
    text = read_text(file)
    _require_line_feeds(file, text)
    for block in sentence_lines(text):
        comments: dict[str, str] = {}
        tokens, tags, last = [], [], 0
        for number, line in block:
            cells = [cell.strip(" ") for cell in line.split("\t")]
            while len(cells) > CONLLU_FIELDS and not cells[-1]:
                cells.pop()
            if line.startswith("#"):
                key, _, value = line[1:].partition("=")
                comments[key.strip()] = value.strip()
            elif len(cells) != CONLLU_FIELDS:
                raise DataError(f"Line {number} of {file.name} has {len(cells)} fields; CoNLL-U has {CONLLU_FIELDS}.")
            elif cells[0].isdecimal() and len(cells[0]) < 10:
                if int(cells[0]) <= last:
                    what = f"has the number {cells[0]} after {last}: an empty line before it is missing"
                    raise DataError(f"Line {number} of {file.name} {what}.")
                last = int(cells[0])
                if not cells[1] == cells[3] == "_":
                    tokens.append(cells[1])
                    tags.append(cells[3])
            elif not PART.fullmatch(cells[0]):
                raise DataError(f"Line {number} of {file.name} begins with {cells[0][:40]!r}, not with a number.")
        if set(tokens) <= {"_"}:
            tokens, tags = [], []
        if last or comments.get("text"):
            rows.append(comments | {"tokens": tokens, "upos": tags})
    return pl.DataFrame(rows, {"sent_id": TEXT, "text": TEXT, "tokens": TEXTS, "upos": TEXTS})


def _looks_like_conllu(text: str) -> bool:
    """Whether the first line of a word has CoNLL-U's ten fields, the first of them its number."""
    lines = text[:10_000].split("\n")
    cells = next((line for line in lines if line.strip() and not line.startswith("#")), "").split("\t")
    return len(cells) == CONLLU_FIELDS and cells[0].split("-")[0] == "1"


def read_table(file: DataFile, table: TableFormat, tagging: Tagging | None) -> pl.DataFrame:
    """Read a table with commas (.csv) or tabs; also CoNLL-U and lines of tokens and tags under such a name."""
    text = read_text(file)
    if _looks_like_conllu(text):
        return read_conllu(file)
    commas = file.unzipped.suffix == ".csv"
    if tagging and not commas and not table.columns:
        cells = [cell.strip() for cell in text.split("\n", 1)[0].split("\t")]
        if tagging.tag or not tagging.is_header(cells):
            _require_line_feeds(file, text)
            return read_token_lines(file.name, text, tagging)
    if commas and not table.commas:
        table = TableFormat(quoting=True)
    if not table.quoting:
        _require_line_feeds(file, text)
    rows = list(_numbered_rows(file, text, "," if commas else "\t", quoting=table.quoting))
    if table.quoting and not commas:
        _require_separate_rows(file, rows)
    while rows and rows[-1][1] == [""]:
        rows.pop()
    first = rows.pop(0)[1] if table.header and rows else []
    header = list(table.columns) or [cell.strip() for cell in first]
    header = [name + AGAIN if name in header[:i] else name for i, name in enumerate(header)]
    if tagging and (sentences := read_token_table(file.name, rows, header, tagging)) is not None:
        return sentences
    if len(header) > 1:  # of a single column, an empty line is a row
        rows = [(number, row) for number, row in rows if row != [""]]
    for number, row in rows:
        if len(row) != len(header):
            expected = f"{len(header)} are expected ({', '.join(header).replace(AGAIN, '')})"
            raise DataError(f"Line {number} of {file.name} has {len(row)} fields where {expected}.")
    columns = {name: [row[i] for _, row in rows] for i, name in enumerate(header)}
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, TEXT))


def _numbered_rows(file: DataFile, text: str, separator: str, *, quoting: bool) -> Iterator[tuple[int, list[str]]]:
    """The fields of each line with its number; with quoting, a row may be several lines: the number is the last's."""
    if not quoting:
        for number, line in enumerate(text.split("\n"), start=1):
            yield number, line.rstrip("\r").split(separator)
        return
    csv.field_size_limit(1 << 30)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        yield from ((reader.line_num, row or [""]) for row in reader)
    except csv.Error as error:
        raise DataError(f"Line {reader.line_num} of {file.name} cannot be read ({error}).") from error


FORMATS: dict[str, Callable[[DataFile], pl.DataFrame]] = {
    ".parquet": read_parquet,
    ".jsonl": read_json,
    ".ndjson": read_json,
    ".json": read_json,
    ".conllu": read_conllu,
}
"""By suffix, the formats that need nothing but the file; `read_table` reads the others."""
TABLES = (".csv", ".tsv", ".conll", ".iob", ".iob2", ".bio", ".txt")
READABLE = (*FORMATS, *TABLES)
