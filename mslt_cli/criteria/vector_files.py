"""Reads a file of vectors or distances of languages, and says which of the two it holds."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mslt_cli.errors import UnknownNameError, UsageError
from mslt_cli.foreign import UnreadableError, read_text_file
from mslt_cli.languages.glottocodes import GLOTTOCODE, iso_of_glottocode
from mslt_cli.languages.resolver import Resolver, fold, parse_tag
from mslt_cli.store.named_vectors import OwnVectors

DELIMITERS = ("\t", ";", ",")
MISSING = {"", "nan", "na", "n/a", "null", "none", "--", "?"}
"""How a cell says that a value is missing, folded."""
UNKNOWN = (-1.0, -9.0, -99.0, -999.0)
"""How typological data bases say it among features of 0 to 1."""
WRONG = (np.inf, -np.inf)
MOST_NAMED = 5


class FileMatrix(NamedTuple):
    """A file as it stands."""

    path: Path
    header: list[str]
    """Names of the d columns behind the first."""
    lines: list[int]
    """Of the n rows, from 1."""
    labels: list[str]
    """First column of the n rows."""
    matrix: NDArray[np.float64]
    """Shape (n, d), NaN = missing."""


def read_vector_file(path: Path, resolver: Resolver) -> OwnVectors:
    """Read a file with a header whose first column names n languages: vectors (n, d), or distances (n, n).

    It holds distances where the header names the languages of the rows, in any order and spelling.

    Raises:
        UsageError: the file cannot be read, or can be read in two ways; names file, row, column and value.
    """
    notes: list[str] = []
    table = read_matrix(path, resolver)
    codes = [code_of(label, resolver) for label in table.labels]
    other = [i for i, label in enumerate(table.labels) if not codes[i] and GLOTTOCODE.fullmatch(fold(label))]
    left_out = [table.labels[i] for i in other]
    if other:
        named = ", ".join(left_out[:MOST_NAMED] + ["..."] * (len(other) > MOST_NAMED))
        notes.append(
            f"{path}: left out {len(other):,} of {len(codes):,} rows, whose Glottocodes are of no language of URIEL "
            f"(but of dialects, groups, or languages without an ISO code): {named}"
        )
    row_of: dict[str, int] = {}
    for i in sorted({*range(len(codes))} - {*other}):
        if not (code := codes[i]):
            raise unknown_row(table, i, resolver)
        if (first := row_of.setdefault(code, i)) != i:
            both = f"{table.labels[first]!r} (row {table.lines[first]}) and {table.labels[i]!r} (row {table.lines[i]})"
            raise UsageError(f"{path} has two rows for one language, {code}: {both}. Keep one of them.")
    if not row_of:
        raise UsageError(f"{path} has no row of a language that URIEL knows.")
    rows = list(row_of.values())
    columns = _columns_of_distances(table, row_of, left_out, resolver, notes)
    labels = [table.labels[i] for i in rows]
    if columns is not None:
        table = table._replace(labels=labels, matrix=table.matrix[np.ix_(rows, columns)])
        return OwnVectors("distances", str(path), tuple(labels), _distances(table, notes), tuple(notes))
    _read_minus_one(table, notes)
    return OwnVectors("vectors", str(path), tuple(labels), table.matrix[rows], tuple(notes))


def code_of(name: str, resolver: Resolver) -> str | None:
    """The language that a name means, None where it means none; unlike `resolve`, which looks for what is near."""
    folded = fold(name)
    if code := iso_of_glottocode(folded):
        return code
    tag = parse_tag(folded)
    language = resolver.find(folded) or (resolver.find(tag.language) if tag else None)
    return language.iso639_3 if language else None


def unknown_row(table: FileMatrix, row: int, resolver: Resolver) -> UsageError:
    """That the label of a row means no language, and what it may mean."""
    why = "The first column has to name the languages."
    try:
        resolver.resolve(table.labels[row])
    except UnknownNameError as error:
        why = f"{error} {why}"
    return UsageError(f"Row {table.lines[row]} of {table.path}: {why}")


def _columns_of_distances(
    table: FileMatrix, row_of: dict[str, int], left_out: Sequence[str], resolver: Resolver, notes: list[str]
) -> list[int] | None:
    """The column of each language that has a row where the columns are languages; None where they are features."""
    codes = {i: code_of(name, resolver) for i, name in enumerate(table.header) if name not in left_out}
    column_of = {code: i for i, code in codes.items() if code}
    common = row_of.keys() & column_of.keys()
    if len(common) == len(row_of) == len(codes):
        return [column_of[code] for code in row_of]
    all_are_languages = None not in codes.values()
    if common and (all_are_languages or 2 * len(common) >= len(codes)):
        wrong = [f"the row {table.labels[i]!r} has no column" for code, i in row_of.items() if code not in column_of]
        for i, code in codes.items():
            if code not in row_of:
                wrong.append(f"the column {table.header[i]!r} has no row")
            elif code and column_of[code] != i:
                wrong.append(f"the columns {table.header[i]!r} and {table.header[column_of[code]]!r} are one language")
        raise UsageError(
            f"{table.path} names languages of its rows in the header, as a matrix of distances does, but {wrong[0]}. "
            "Name the same languages in both; if the columns are features, give them other names."
        )
    if all_are_languages and len(codes) > 1:
        notes.append(f"{table.path}: the header names other languages than the rows, so the columns are features.")
    return None


def _distances(table: FileMatrix, notes: list[str]) -> NDArray[np.float64]:
    """Distances, of which one triangle is enough, from distances or similarities; columns in the order of the rows."""
    matrix = np.where(np.isnan(table.matrix), table.matrix.T, table.matrix)
    diagonal = np.diag(matrix)

    def refuse(wrong: NDArray[np.bool_], what: str) -> None:
        if wrong.any():
            i, j = map(int, np.argwhere(wrong)[0])
            a, b = table.labels[i], table.labels[j]
            cell = f"row {a}, column {b} is {matrix[i, j]:g}"
            back = f" and row {b}, column {a} is {matrix[j, i]:g}" if i != j else ""
            raise UsageError(f"{table.path} names the same languages in rows and columns, so it holds distances; {what}"
                             f": {cell}{back}.")  # fmt: skip

    refuse(np.isnan(matrix), "none may be missing")
    refuse(~np.isclose(matrix, matrix.T), "these must be symmetric")
    if np.allclose(diagonal, 1) and (np.abs(matrix) <= 1 + 1e-9).all():
        notes.append(f"{table.path}: the diagonal is 1, so these are similarities; distance = 1 − similarity.")
        matrix = 1.0 - matrix
        np.fill_diagonal(matrix, 0.0)
        return np.maximum(matrix, 0.0)
    refuse(np.diag(~np.isclose(diagonal, 0)), "these must be 0 on the diagonal (similarities: 1, and none above)")
    refuse(matrix < 0, "these must not be negative")
    np.fill_diagonal(matrix, 0.0)
    return matrix


def _read_minus_one(table: FileMatrix, notes: list[str]) -> None:
    """Read −1 as missing among features of 0 to 1, in place; say how it is read wherever that is not plain."""
    matrix, path = table.matrix, table.path
    inside = (matrix >= 0) & (matrix <= 1)
    outside = np.unique(matrix[~inside & ~np.isnan(matrix)])
    if len(outside) == 1 and outside[0] in UNKNOWN and (matrix[inside] < 1).any():
        wrong = matrix == outside[0]
        matrix[wrong] = np.nan
        share = f"{100 * wrong.mean():.1f} % of the values"
        notes.append(f"{path}: {outside[0]:g} is read as missing, {share}; the others are 0 to 1.")
        return
    minus_one = matrix == UNKNOWN[0]
    mixed = (minus_one | inside | np.isnan(matrix)).all(axis=0) & minus_one.any(axis=0)  # (d,)
    if mixed.any():
        why = "the others are all 1" if len(outside) == 1 else "the file has other numbers below 0 or above 1"
        notes.append(
            f"{path}: -1 in column {table.header[int(np.argmax(mixed))]!r} is read as a number, for {why}. "
            "Leave a cell empty, or write NaN, where a value is missing."
        )


def read_matrix(path: Path, resolver: Resolver) -> FileMatrix:
    """Read a file of numbers with a header, whose first column names languages; raises as `read_vector_file`."""
    rows, comma = read_rows(path)
    width = max(len(row) for _, row in rows)
    header, body = rows[0][1], rows[1:]
    if len(header) == width - 1 and all(len(row) == width for _, row in body):
        header = ["", *header]  # as R writes it: no name above the names of the rows
    if not header[-1] and all(len(row) < width or not row[-1].strip() for _, row in body):
        header, body = header[:-1], [(line, row[: width - 1]) for line, row in body]  # a delimiter at each line's end
    if not body or len(header) < 2:
        raise UsageError(f"{path} needs a header, and a row for each language: its name, then numbers.")
    names = [cell.strip() for cell in header]
    cells = [number_in(cell, comma) for cell in names[1:]]
    if np.isfinite(cells).all() and not set(np.diff(cells)) <= {1.0} and code_of(names[0], resolver):
        raise UsageError(f"{path} has no header: its first line is {names[0]!r} and numbers. Write one above it: "
                         "language, then a name for each column.")  # fmt: skip
    values = []
    for line, row in body:
        if len(row) != len(names):
            raise UsageError(f"Row {line} of {path} needs {len(names) - 1} numbers after the language.")
        values.append(_numbers(path, line, names, row, comma))
    matrix = np.array(values, dtype=np.float64)
    return FileMatrix(path, names[1:], [line for line, _ in body], [row[0].strip() for _, row in body], matrix)


def _numbers(path: Path, line: int, names: Sequence[str], row: Sequence[str], comma: bool) -> list[float]:
    """The cells of a row behind the first as numbers, NaN where they are missing."""
    try:
        numbers = list(map(float, row[1:]))  # as most rows are, and large files are read in a second
    except ValueError:
        numbers = [number_in(cell, comma) for cell in row[1:]]
    for name, cell, number in zip(names[1:], row[1:], numbers, strict=True):
        if number in WRONG:
            raise UsageError(
                f"Row {line} of {path}, column {name!r}: {cell.strip()!r} is not a number. "
                "Leave the cell empty if it is missing, and the column out if it is no feature."
            )
    return numbers


def number_in(cell: str, comma: bool) -> float:
    """A cell as a number, NaN where it is missing, infinite where it is something else."""
    text = cell.strip().replace(",", ".") if comma else cell.strip()
    if text.casefold() in MISSING:
        return np.nan
    try:
        return float(text)
    except ValueError:
        return np.inf


def read_rows(path: Path) -> tuple[list[tuple[int, list[str]]], bool]:
    """Rows with their line numbers, and whether decimals have a comma, as where cells are separated by semicolons."""
    try:
        text = read_text_file(path)
    except UnreadableError as error:
        raise UsageError(f"{path} cannot be read: {error}.") from error
    first = text.lstrip("\r\n ").partition("\n")[0]
    delimiter = max(DELIMITERS, key=first.count)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise UsageError(f"{path} cannot be read: it is not CSV in UTF-8.") from error
    if len(rows) < 2:
        raise UsageError(f"{path} needs a header, and a row for each language: its name, then numbers.")
    return rows, delimiter == ";"
