"""The rows of a raw file → the columns that every task of a kind has, checked row by row."""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mslt_cli.errors import DataError
from mslt_cli.tasks.task import COLUMNS, RowError, Task

if TYPE_CHECKING:
    import polars as pl

USUAL: dict[str, tuple[str, ...]] = {
    "id": ("id", "idx", "sent_id", "pairID", "pair_id", "story_id"),
    "tokens": ("tokens", "words"),
    "labels": ("labels", "ner_tags", "upos", "pos_tags", "tags"),
    "text": ("text", "sentence", "premise", "sentence1"),
    "text_pair": ("text_pair", "hypothesis", "sentence2"),
    "label": ("label", "gold_label"),
}
"""What columns are usually called; a task's own names come first."""

MISSING_LABELS = ("", "-1")
"""How data sets write that a row has no label."""
MOST_CHOICES = 100


def spellings(task: Task, column: str) -> tuple[str, ...]:
    """What files may call one of the task's columns; the first that is there is read."""
    return tuple(dict.fromkeys((*task.columns.get(column, ()), column, *USUAL.get(column, ()))))


def languages_in(task: Task, rows: pl.DataFrame) -> list[str] | None:
    """The languages (ISO 639-3) that a column of the rows names; None if no column does."""
    column = _language_column(task, rows)
    if column is None:
        return None
    named = set(rows[column].unique())
    return [iso for iso, codes in task.languages.items() if named & {iso, *codes}]


def to_columns(task: Task, rows: pl.DataFrame, origin: str, language: str) -> pl.DataFrame:
    """Return a raw file's rows in one language, with the columns of the task's kind.

    Args:
        task: whose data it is.
        rows: as `read_rows` gives them.
        origin: the file's name, for messages.
        language: ISO 639-3 code; counts where a column says which language a row is in.

    Returns:
        `id` (text; the row's number from 0 where the data have none), the kind's columns and the task's context. Texts
        and labels are null only where a repair of the task drops such rows.

    Raises:
        DataError: there are no rows, a column is missing, a label is unknown or out of range, a value is missing or of
            the wrong kind; names file, column and row.
    """
    import polars as pl

    if not rows.height:
        raise DataError(f"{origin} has no rows.")
    numbers = pl.int_range(1, rows.height + 1, eager=True)
    if (named := _language_column(task, rows)) is not None:
        mine = rows[named].is_in([language, *task.languages[language]]).fill_null(False)
        if not mine.any():
            others = sorted(map(str, rows[named].drop_nulls().unique()))
            raise DataError(f"{origin} has no rows in {task.code(language)}; it has {', '.join(others[:20])}.")
        rows, numbers = rows.filter(mine), numbers.filter(mine)
    raw = _Raw(task, origin, rows, numbers)
    if task.parse is not None:
        try:
            raw = _Raw(task, origin, task.parse(rows), numbers)
        except RowError as error:
            raise raw.wrong(error.row, error.what) from error
    made = [_ids(raw)]
    for name, kind in (COLUMNS[task.kind] | dict.fromkeys(task.context, "text")).items():
        column = raw.find(name)
        if column is not None:
            made.append(_CONVERT[kind](raw, name, column))
        elif kind.endswith("?"):
            made.append(pl.Series(name, [None] * rows.height, dtype=pl.String))
        else:
            names = ", ".join((*spellings(task, name), *(["+".join(task.choices)] if name == "choices" else [])))
            there = ", ".join(rows.columns)
            raise DataError(f"{origin} has no column for {name} of {task.name} (looked for {names}; it has {there}).")
    frame = pl.DataFrame(made)
    if task.kind == "token-classification":
        _check_lengths(raw, frame)
        frame = frame.filter(pl.col("tokens").list.len() > 0)
        if not frame.height:
            raise DataError(f"{origin} has no words: they are withheld, or it is empty.")
    if task.kind == "multiple-choice":
        _check_choices(raw, frame)
    return frame


def with_distinct_ids(frame: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Give rows that share an id their own: "7", "7#2", "7#3"; and how many were renamed."""
    import polars as pl

    place = pl.int_range(pl.len()).over("id")
    distinct = pl.when(place > 0).then(pl.col("id") + "#" + (place + 1).cast(pl.String)).otherwise(pl.col("id"))
    renamed = frame
    while renamed["id"].is_duplicated().any():  # again if there was a "7#2" already
        renamed = renamed.with_columns(distinct.alias("id"))
    return renamed, int((renamed["id"] != frame["id"]).sum())


# -- values ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Raw:
    """Rows as a file has them, and what it takes to name one in a message."""

    task: Task
    origin: str
    rows: pl.DataFrame
    numbers: pl.Series
    """The place of each row in the file, from 1."""

    def find(self, name: str) -> pl.Series | None:
        import polars as pl

        for spelt in spellings(self.task, name):
            if spelt in self.rows.columns:
                return self.rows[spelt]
        if name == "choices" and self.task.choices and {*self.task.choices} <= {*self.rows.columns}:
            texts = [pl.Series("choices", _text(self, choice, self.rows[choice])) for choice in self.task.choices]
            return pl.DataFrame({str(i): one for i, one in enumerate(texts)}).select(pl.concat_list("*"))["0"]
        return None

    def wrong(self, row: int, what: str) -> DataError:
        return DataError(f"Row {self.numbers[row]} of {self.origin} {what}.")

    def wrong_kind(self, column: pl.Series, wanted: str) -> DataError:
        return DataError(f"Column {column.name} of {self.origin} holds {column.dtype}, not {wanted}.")

    @property
    def tolerant(self) -> bool:
        """Whether rows may lack something, for a repair drops them."""
        return any(repair.drops_incomplete for repair in self.task.active_repairs)

    def require(self, name: str, there: pl.Series) -> None:
        """Raises: DataError: the first row without a value."""
        if not there.all() and not self.tolerant:
            raise self.wrong(int((~there).arg_true()[0]), f"has no {name}")


def _language_column(task: Task, rows: pl.DataFrame) -> str | None:
    import polars as pl

    return next((name for name in task.language_column if rows.schema.get(name) == pl.String), None)


def _ids(raw: _Raw) -> pl.Series:
    import polars as pl

    column = raw.find("id")
    if column is not None and column.dtype not in (pl.String, pl.Null) and not column.dtype.is_integer():
        raise raw.wrong_kind(column, "ids")
    if column is None or column.null_count() or (column.cast(pl.String) == "").any():
        return pl.Series("id", map(str, range(raw.rows.height)), dtype=pl.String)
    return column.cast(pl.String).alias("id")


def _maybe_text(raw: _Raw, name: str, column: pl.Series) -> pl.Series:
    import polars as pl

    column = _plain(column)
    if column.dtype not in (pl.String, pl.Null):
        raise raw.wrong_kind(column, "text")
    return column.cast(pl.String).alias(name)


def _text(raw: _Raw, name: str, column: pl.Series) -> pl.Series:
    texts = _maybe_text(raw, name, column)
    raw.require(name, texts.is_not_null())
    if (texts.fill_null("").str.strip_chars() == "").all() and name != "output":
        raise DataError(f"Column {column.name} of {raw.origin} is empty in every row.")
    return texts


def _texts(raw: _Raw, name: str, column: pl.Series) -> pl.Series:
    import polars as pl

    column = _lists(raw, column, spaced=name == "tokens")
    if column.dtype != pl.List(pl.String):
        raise raw.wrong_kind(column, "lists of text")
    raw.require(name, column.is_not_null() & ~column.list.contains(None, nulls_equal=True).fill_null(True))
    return column.alias(name)


def _label(raw: _Raw, name: str, column: pl.Series) -> pl.Series:
    import polars as pl

    column = _plain(column)
    number = _number(raw, column, column.dtype, pl.col(column.name))
    numbers = column.to_frame().select(number.alias(name)).to_series()
    unknown = numbers.is_null()
    if raw.tolerant:
        unknown &= column.is_not_null() & ~column.cast(pl.String).str.strip_chars().is_in(MISSING_LABELS)
    if unknown.any():
        row = int(unknown.arg_true()[0])
        raise raw.wrong(row, _not_a_label(raw.task, column[row]))
    return numbers


def _labels(raw: _Raw, name: str, column: pl.Series) -> pl.Series:
    import polars as pl

    column = _lists(raw, column, spaced=True)
    if not isinstance(column.dtype, pl.List):
        raise raw.wrong_kind(column, "lists of labels")
    raw.require(name, column.is_not_null())
    numbers = column.list.eval(_number(raw, column, column.dtype.inner, pl.element()))
    unknown = numbers.list.contains(None, nulls_equal=True)
    if unknown.any():
        row = int(unknown.arg_true()[0])
        place = int(numbers[row].is_null().arg_true()[0])
        raise raw.wrong(row, _not_a_label(raw.task, column[row][place]))
    return numbers.alias(name)


_CONVERT = {"text": _text, "text?": _maybe_text, "texts": _texts, "label": _label, "labels": _labels}
"""By the kinds of COLUMNS."""


def _number(raw: _Raw, column: pl.Series, dtype: Any, given: pl.Expr) -> pl.Expr:
    """A label as its position from 0, null where there is no such label: names are looked up, numbers shifted."""
    import polars as pl

    first, many = raw.task.first_label, len(raw.task.labels) or MOST_CHOICES
    if dtype == pl.String:
        place = {str(first + i): i for i in range(many)}  # in text files numbers are text; names come first
        place |= {name: i for i, name in enumerate(raw.task.labels)}
        place |= {spelt: place[name] for spelt, name in raw.task.label_spellings.items()}
        return given.str.strip_chars().replace_strict(place, default=None, return_dtype=pl.Int32)
    if dtype.is_float():  # whole numbers beside missing ones, as pandas has them
        given = pl.when(given == given.floor()).then(given)
    elif not dtype.is_integer() and dtype != pl.Null:
        raise raw.wrong_kind(column, "labels")
    number = given.cast(pl.Int64, strict=False) - first
    return pl.when(number.is_between(0, many - 1)).then(number).cast(pl.Int32)


def _not_a_label(task: Task, given: object) -> str:
    if not task.labels:
        return f"has the label {given!r}, which is the number of no choice"
    last = task.first_label + len(task.labels) - 1
    return f"has the label {given!r}; {task.name} has {', '.join(task.labels)} ({task.first_label} to {last})"


def _plain(column: pl.Series) -> pl.Series:
    """Categories as text."""
    import polars as pl

    return column.cast(pl.String) if isinstance(column.dtype, (pl.Categorical, pl.Enum)) else column


def _lists(raw: _Raw, column: pl.Series, *, spaced: bool) -> pl.Series:
    """A column of lists, which text files write as JSON, as Python does, or (`spaced`) with blanks between members."""
    import polars as pl

    if column.dtype == pl.List(pl.Null):
        return column.cast(pl.List(pl.String))
    if column.dtype != pl.String:
        return column
    lists: list[list[str] | None] = []
    for row, value in enumerate(column):
        text = (value or "").strip()
        if text.startswith("[") and text.endswith("]"):
            read = _read_list(text)
        else:
            read = text.split() if spaced or not text else None
        if read is None:
            raise raw.wrong(row, f"has {text[:60]!r} for {column.name}, which is no list")
        lists.append(read)
    return pl.Series(column.name, lists, dtype=pl.List(pl.String))


def _read_list(text: str) -> list[str] | None:
    for read in (json.loads, ast.literal_eval):  # literal_eval reads literals, and runs nothing
        try:
            return [str(item) for item in read(text)]
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
    return None


# -- rows ------------------------------------------------------------------------------------------


def _check_lengths(raw: _Raw, frame: pl.DataFrame) -> None:
    tokens, labels = frame["tokens"].list.len(), frame["labels"].list.len()
    if (tokens != labels).any():
        row = int((tokens != labels).arg_true()[0])
        raise raw.wrong(row, f"has {tokens[row]} tokens and {labels[row]} labels")


def _check_choices(raw: _Raw, frame: pl.DataFrame) -> None:
    many = frame["choices"].list.len()
    bad = (many < 2) | (frame["label"] >= many)
    if bad.any():
        row = int(bad.arg_true()[0])
        label = frame["label"][row] + raw.task.first_label
        raise raw.wrong(row, f"has {many[row]} choices, and the label {label}")
