"""Rows as a file has them: which of its columns is meant, what is wrong with a row, and texts."""
# ruff: noqa: TID253

import ast
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePath

import polars as pl

from mslt_cli.data.formats import AGAIN
from mslt_cli.data.places import TEXT_TYPES, single_column
from mslt_cli.errors import DataError
from mslt_cli.tasks.task import NUMBER, Task

USUAL: dict[str, tuple[str, ...]] = {
    "id": ("id", "idx", "sent_id", "pairID", "pair_id", "story_id"),
    "tokens": ("tokens", "words"),
    "labels": ("labels", "ner_tags", "upos", "pos_tags", "tags"),
    "text": ("text", "sentence", "premise", "sentence1"),
    "text_pair": ("text_pair", "hypothesis", "sentence2"),
    "label": ("label", "gold_label"),
}
"""Usual names of columns; a task's own names come first."""


def spellings(task: Task, column: str) -> tuple[str, ...]:
    """The names that one of the task's columns may have in files; the first that is there is read.

    A user's own task that names a column means that one.
    """
    if task.file and column in task.columns and task.kind != "token-classification":  # token lines have no header
        return task.columns[column]
    together = ["+".join(task.choices)] if column == "choices" and task.choices else []
    return tuple(dict.fromkeys((*task.columns.get(column, ()), column, *USUAL.get(column, ()), *together)))


@dataclass(frozen=True)
class RawRows:
    """Rows as a file (`origin`) has them, the place of each in it from 1, and errors that name file, column and row."""

    task: Task
    origin: str
    rows: pl.DataFrame
    numbers: pl.Series
    notes: list[str]
    published: bool

    def find(self, name: str) -> pl.Series | None:
        """The column that holds one of the task's. DataError: it could be either of two."""
        there = [spelling for spelling in spellings(self.task, name) if spelling in self.rows.columns]
        if there:
            column = single_column(self.rows, there[0], self.origin)
            usual = () if name == "id" or there[0] in self.task.columns.get(name, ()) else there[1:]
            if other := next((other for other in usual if not self.rows[other].equals(column)), None):
                own = f": columns.{name} in {self.task.file} says it" if self.task.file else ""
                what = f"{self.origin} has columns called {column.name} and {other}, and either could be its {name}"
                raise DataError(f"{what}. Name the one that is meant{own}, or remove the other.")
            return column
        if name == "choices" and self.task.choices and {*self.task.choices} <= {*self.rows.columns}:
            texts = [
                read_texts(self, choice, single_column(self.rows, choice, self.origin)) for choice in self.task.choices
            ]
            return pl.select(pl.concat_list(texts).alias("choices")).to_series()
        return None

    def need(self, name: str) -> pl.Series:
        """As `find`. DataError: there is no such column."""
        if (column := self.find(name)) is not None:
            return column
        there = ", ".join(self.rows.columns).replace(AGAIN, "")
        places = f"looked for {', '.join(spellings(self.task, name))}; it has {there}"
        raise DataError(f"{self.origin} has no column for {name} of {self.task.name} ({places}).")

    def require(self, is_right: pl.Series, wrong: Callable[[int], str]) -> None:
        """Raise what is wrong with the first row (index from 0) that is not right; null is."""
        if len(rows := (~is_right).arg_true()):
            raise self.error(rows[0], wrong(rows[0]))

    def error(self, row: int, what: str) -> DataError:
        return DataError(f"Row {self.numbers[row]} of {self.origin} {what}.")

    def unknown_label(self, given: object) -> str:
        first, labels = self.task.first_label, self.task.labels
        if not labels:
            return f"has the label {given!r}, which is the number of no choice"
        numbers = "" if self.named_numbers else f" ({first} to {first + len(labels) - 1})"
        hint = f"; first_label or label_spellings in {self.task.file} may say which that is" if self.task.file else ""
        return f"has the label {given!r}; {self.task.name} has {', '.join(labels)}{numbers}{hint}"

    @cached_property
    def names(self) -> dict[str, int]:
        """The position of each label, from 0, by its name and its other spellings."""
        places = {name: i for i, name in enumerate(self.task.labels)}
        return places | {spelling: places[name] for spelling, name in self.task.label_spellings.items()}

    @cached_property
    def named_numbers(self) -> dict[float, int]:
        """Those of the names that are numbers. If there are any, a number is such a name, and no position."""
        return {float(name): place for name, place in self.names.items() if NUMBER.fullmatch(name)}

    def note_numbers(self) -> None:
        """Say which labels numbers were taken for."""
        if self.task.labels and not self.named_numbers:
            taken = ", ".join(f"{i} = {name}" for i, name in enumerate(self.task.labels, self.task.first_label))
            kind = PurePath(self.origin.lower().removesuffix(".gz")).suffix
            self.notes.append(f"{self.task.name}: labels in {kind} files are numbers without names, taken as {taken}.")

    def require_type(self, column: pl.Series, is_right: bool, wanted: str) -> None:
        if not is_right:
            raise DataError(f"Column {column.name} of {self.origin} holds {column.dtype}, not {wanted}.")

    def require_value(self, name: str, is_there: pl.Series) -> None:
        """Raise what row has no value, unless a repair drops such rows."""
        if not self.task.drops_incomplete:
            self.require(is_there, lambda _: f"has no {name}")


def read_texts(raw: RawRows, name: str, column: pl.Series) -> pl.Series:
    """One text a row; DataError: a row has none, though it needs one."""
    raw.require_type(column, isinstance(column.dtype, TEXT_TYPES), "text")
    texts = column.cast(pl.String)
    if raw.task.column_kinds.get(name) != "text?":
        raw.require_value(name, texts.is_not_null())
        if name == "text_pair" and not raw.published and not any(r.drops_incomplete for r in raw.task.repairs):
            raw.require(texts.str.strip_chars() != "", lambda _: f"has an empty {name} ({column.name}): half a pair")
        if (texts.fill_null("").str.strip_chars() == "").all() and name != "output":
            raise DataError(f"Column {column.name} of {raw.origin} is empty in every row.")
    elif name == "text_pair" and 0 < (missing := int((texts.fill_null("").str.strip_chars() == "").sum())) < len(texts):
        singles = f"{missing:,} of {len(texts):,} rows have no {column.name} and are read as single texts"
        raw.notes.append(f"{raw.origin}: {singles}. If all are pairs, name the column: columns.text_pair.")
    return texts


def read_text_lists(raw: RawRows, name: str, column: pl.Series) -> pl.Series:
    """The tokens or choices of each row; DataError: a row has none."""
    lists = read_lists(raw, column, spaced=name == "tokens")
    raw.require_type(lists, lists.dtype == pl.List(pl.String), "lists of text")
    raw.require_value(name, lists.is_not_null() & ~lists.list.contains(None, nulls_equal=True).fill_null(True))
    return lists


def read_lists(raw: RawRows, column: pl.Series, *, spaced: bool) -> pl.Series:
    """A column of lists, which text files write as JSON, as Python does, or (`spaced`) with blanks between members."""
    if column.dtype == pl.List(pl.Null):
        return column.cast(pl.List(pl.String))
    if column.dtype != pl.String:
        return column
    lists = [_read_list((value or "").strip(), spaced=spaced) for value in column]
    if None in lists:
        row = lists.index(None)
        raise raw.error(row, f"has {column[row].strip()[:60]!r} for {column.name}, which is no list")
    return pl.Series(column.name, lists, dtype=pl.List(pl.String))


def _read_list(text: str, *, spaced: bool) -> list[str] | None:
    """The members of a list that is written as text; None if it cannot be read."""
    if not (text.startswith("[") and text.endswith("]")):
        return text.split() if spaced or not text else None
    for read in (json.loads, ast.literal_eval):  # literal_eval reads literals, and runs nothing
        with suppress(ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return [str(item) for item in read(text)]
    return None
