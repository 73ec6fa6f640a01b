"""The rows of a raw file → the columns that every task of a kind has, checked row by row."""
# ruff: noqa: TID253

import ast
import json
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePath

import polars as pl

from mslt_cli.data.archives import DataFile
from mslt_cli.data.formats import AGAIN, read_rows
from mslt_cli.data.places import TEXT_TYPES, rows_at, single_column
from mslt_cli.data.tag_schemes import all_schemes, from_iob1, from_other_scheme
from mslt_cli.data.token_lines import Tagging
from mslt_cli.errors import DataError
from mslt_cli.tasks.task import NUMBER, RowError, Task

USUAL: dict[str, tuple[str, ...]] = {
    "id": ("id", "idx", "sent_id", "pairID", "pair_id", "story_id"),
    "tokens": ("tokens", "words"),
    "labels": ("labels", "ner_tags", "upos", "pos_tags", "tags"),
    "text": ("text", "sentence", "premise", "sentence1"),
    "text_pair": ("text_pair", "hypothesis", "sentence2"),
    "label": ("label", "gold_label"),
}
"""Usual names of columns; a task's own names come first."""

ALIGNED_IDS = ("id", "index_id", "sentence_id", "item_id", "example_id", "uid", "guid")
"""Further names of ids, in any case, by which aligned data are paired."""
MISSING_IDS = ("", "nan", "none", "null")
LETTER = r"^\(?([A-Za-z])[.):]?$"
"""An answer that is the letter of its choice: B, b, (b), B."""
MISSING_LABELS = ("", "-1")
"""How data sets mark a row without a label."""
MOST_CHOICES = 100
ENOUGH = 20
"""Answers among which each choice should occur."""
OUTSIDE = "O"
"""The label of words outside of all entities, the most frequent one of its task."""


def spellings(task: Task, column: str) -> tuple[str, ...]:
    """The names that one of the task's columns may have in files; the first that is there is read.

    A user's own task that names a column means that one.
    """
    if task.file and column in task.columns and task.kind != "token-classification":  # token lines have no header
        return task.columns[column]
    together = ["+".join(task.choices)] if column == "choices" and task.choices else []
    return tuple(dict.fromkeys((*task.columns.get(column, ()), column, *USUAL.get(column, ()), *together)))


def read_file(task: Task, file: DataFile) -> pl.DataFrame:
    """The rows of a file as it has them, read as the task says."""
    return read_rows(file, task.table, tagging=_tagging(task))


def _tagging(task: Task) -> Tagging | None:
    """What the task says of lines of tokens and tags."""
    if task.kind != "token-classification":
        return None
    numbers = (str(task.first_label + i) for i in range(len(task.labels)))
    return Tagging(
        spellings(task, "tokens"),
        spellings(task, "labels"),
        names=frozenset(all_schemes([*task.labels, *task.label_spellings])),
        numbers=frozenset(numbers),
        token=task.table.token,
        tag=task.table.tag,
    )


def to_one_frame(
    task: Task,
    files: Iterable[DataFile],
    place: tuple[str, str],
    read: Callable[[DataFile], pl.DataFrame],
    notes: list[str],
    *,
    published: bool = False,
) -> pl.DataFrame:
    """The rows of a language and split in some files, in the task's columns, one file after the other."""
    language, _ = place
    frames = {file: to_columns(task, read(file), file.name, *place, notes, published=published) for file in files}
    rows = pl.concat(frames.values())
    if task.aligned and rows["id"].null_count() not in (0, rows.height):  # row numbers could be ids of other rows
        nameless = ", ".join(file.name for file, frame in frames.items() if frame["id"].null_count())
        notes.append(f"{nameless} has no ids, as others have: its rows are taken for translations of none.")
        own = pl.lit(f"{language}-") + pl.int_range(pl.len()).cast(pl.String)
        rows = rows.with_columns(pl.col("id").fill_null(own))
    return rows


def to_columns(
    task: Task,
    rows: pl.DataFrame,
    origin: str,
    language: str,
    split: str,
    notes: list[str],
    *,
    published: bool = False,
) -> pl.DataFrame:
    """The rows of a file (`origin`, for messages) in one language (ISO 639-3), in the columns of the task's kind.

    Columns of the rows may say which language and split each is in. Pairs with an empty side are read only if the data
    are `published`, so that nobody could put them right. `id` is text, and null in all rows if not
    all have one. Texts and labels are null only if a repair of the task drops such rows. What the user should know of
    how the rows were read is added to the notes.

    Raises:
        DataError: there are no rows, a column is missing, a label is unknown or out of range, a value is missing or of
            the wrong kind; names file, column and row.
    """
    if not rows.height:
        raise DataError(f"{origin} has no rows.")
    numbers = pl.int_range(1, rows.height + 1, eager=True)
    mine = rows_at(task, rows, language, split, origin, notes)
    rows, numbers = rows.filter(mine), numbers.filter(mine)
    raw = _RawRows(task, origin, rows, numbers, notes, published)
    if task.parse is not None:
        try:
            raw = replace(raw, rows=task.parse(rows))
        except RowError as error:
            raise raw.error(error.row, error.what) from error
    frame = pl.DataFrame([_ids(raw), *(raw.read(name, kind) for name, kind in task.column_kinds.items())])
    if task.kind == "token-classification":
        tokens, labels = frame["tokens"].list.len(), frame["labels"].list.len()
        raw.require(tokens == labels, lambda row: f"has {tokens[row]} tokens and {labels[row]} labels")
        if withheld := int((tokens == 0).sum()):
            notes.append(f"{origin}: {withheld:,} sentences without words (withheld, or empty) are left out.")
        frame = frame.filter(tokens > 0)
        if not frame.height:
            raise DataError(f"{origin} has no words: they are withheld, or it is empty.")
    elif task.kind == "multiple-choice":
        choices, given = frame["choices"].list.len(), raw.find("label")
        assert given is not None  # else the frame would have no label
        is_choice = (choices > 1) & (frame["label"] < choices)
        if task.file and not task.first_label and frame.height >= ENOUGH and 0 not in frame["label"]:
            notes.append(
                f"{origin}: of {frame.height:,} answers none is the first choice. If numbers of choices begin with 1, "
                f"{task.file} has to say so: first_label = 1."
            )
        raw.require(is_choice, lambda row: f"has {choices[row]} choices, and the label {given[row]}")
    return frame


def with_distinct_ids(frame: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Give rows without an id their number from 0, and rows with the same id ids of their own ("7", "7#2", "7#3").

    Also returns how many were renamed.
    """
    frame = frame.with_columns(pl.col("id").fill_null(pl.int_range(pl.len()).cast(pl.String)))
    place = pl.int_range(pl.len()).over("id")
    distinct = pl.when(place > 0).then(pl.col("id") + "#" + (place + 1).cast(pl.String)).otherwise(pl.col("id"))
    renamed = frame
    while renamed["id"].is_duplicated().any():  # again if there was a "7#2" already
        renamed = renamed.with_columns(distinct.alias("id"))
    return renamed, int((renamed["id"] != frame["id"]).sum())


@dataclass(frozen=True)
class _RawRows:
    """Rows as a file (`origin`) has them, the place of each in it from 1, and errors that name file, column and row."""

    task: Task
    origin: str
    rows: pl.DataFrame
    numbers: pl.Series
    notes: list[str]
    published: bool

    def find(self, name: str) -> pl.Series | None:
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
                _texts(self, choice, single_column(self.rows, choice, self.origin)) for choice in self.task.choices
            ]
            return pl.select(pl.concat_list(texts).alias("choices")).to_series()
        return None

    def read(self, name: str, kind: str) -> pl.Series:
        """One of the task's columns, of a kind in COLUMNS."""
        given = self.find(name)
        if given is not None:
            return CONVERTERS[kind](self, name, given).alias(name)
        if kind.endswith("?"):
            return pl.Series(name, [None] * self.rows.height, dtype=pl.String)
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


def _ids(raw: _RawRows) -> pl.Series:
    column = raw.find("id")
    if column is None and raw.task.file and "id" in raw.task.columns:
        raw.read("id", "text")  # says that the column which the task names is not there
    if column is None and raw.task.aligned:
        column = next((raw.rows[name] for name in raw.rows.columns if name.casefold() in ALIGNED_IDS), None)
    if column is None:
        return pl.Series("id", [None] * raw.rows.height, dtype=pl.String)
    raw.require_type(column, column.dtype in (pl.String, pl.Null) or column.dtype.is_integer(), "ids")
    ids = column.cast(pl.String).alias("id")
    there = ~ids.str.strip_chars().str.to_lowercase().is_in(MISSING_IDS).fill_null(True)
    if raw.task.aligned and there.any():
        raw.require(there, lambda _: f"has nothing in column {column.name}, by which it is paired: give each row an id")
    if there.any() and not there.all():
        missing = f"{int((~there).sum()):,} of {len(ids):,} rows have nothing in column {column.name}"
        raw.notes.append(f"{raw.origin}: {missing}, so rows are numbered from 0 instead.")
    return ids if there.all() else ids.clear(raw.rows.height)


def _texts(raw: _RawRows, name: str, column: pl.Series) -> pl.Series:
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


def _text_lists(raw: _RawRows, name: str, column: pl.Series) -> pl.Series:
    lists = _lists(raw, column, spaced=name == "tokens")
    raw.require_type(lists, lists.dtype == pl.List(pl.String), "lists of text")
    raw.require_value(name, lists.is_not_null() & ~lists.list.contains(None, nulls_equal=True).fill_null(True))
    return lists


def _labels(raw: _RawRows, name: str, column: pl.Series) -> pl.Series:
    if isinstance(column.dtype, TEXT_TYPES):
        column = column.cast(pl.String)
    if column.dtype == pl.Boolean and {"true", "false"} <= raw.names.keys():
        column = column.cast(pl.String)
    if not raw.task.labels and column.dtype == pl.String and (texts := _chosen_texts(raw, column)) is not None:
        return texts
    numbers = column.to_frame().select(_label_number(raw, column, column, pl.col(column.name))).to_series()
    unknown = numbers.is_null()
    if raw.task.drops_incomplete:
        unknown &= column.is_not_null() & ~column.cast(pl.String).str.strip_chars().is_in(MISSING_LABELS)
    raw.require(~unknown, lambda row: raw.unknown_label(column[row]))
    return numbers


def _chosen_texts(raw: _RawRows, column: pl.Series) -> pl.Series | None:
    """The place of each answer that is the text of a choice; None if not all are. DataError: all are numbers, too."""
    choices = raw.read("choices", "texts")
    places = [
        texts.index(answer) if answer in texts else None
        for answer, texts in zip(column.str.strip_chars(), choices.to_list(), strict=True)
    ]
    if None in places:
        return None
    if column.str.strip_chars().str.contains(r"^(\d+|[A-Za-z])$").all():
        either = "the number or letter of a choice and the text of one"
        raise DataError(f"{raw.origin}: in all rows, {column.name} could be {either}. Rewrite its texts.")
    return pl.Series(column.name, places, dtype=pl.Int32)


def _label_lists(raw: _RawRows, name: str, column: pl.Series) -> pl.Series:
    lists = _lists(raw, column, spaced=True)
    raw.require_type(lists, lists.dtype == pl.List, "lists of labels")
    raw.require_value(name, lists.is_not_null())
    scheme = ""
    if lists.dtype == pl.List(pl.String):
        lists, scheme = from_other_scheme(lists, list(raw.names))
    values = lists.explode(empty_as_null=False, keep_nulls=False)
    numbers = lists.list.eval(_label_number(raw, lists, values, pl.element()))
    has_unknown = numbers.list.contains(None, nulls_equal=True)
    raw.require(~has_unknown, lambda row: raw.unknown_label(lists[row].filter(numbers[row].is_null())[0]))
    if OUTSIDE in raw.names and not (values.dtype == pl.String and values.is_in(list(raw.names)).any()):
        counts = Counter(raw.task.labels[i] for i in numbers.explode(empty_as_null=False, keep_nulls=False))
        (most, number), *_ = counts.most_common(1) or [(OUTSIDE, 0)]
        if number > counts[OUTSIDE]:
            raw.notes.append(
                f"{raw.origin}: the numbers of its labels seem to be in another order than those of {raw.task.name}: "
                f"{most} ({number:,}) would be more frequent than {OUTSIDE} ({counts[OUTSIDE]:,}). Write names instead."
            )
    numbers, is_iob1 = from_iob1(numbers, raw.task.labels)
    if scheme := "IOB1" if is_iob1 else scheme:
        raw.notes.append(f"{raw.origin}: its tags are in {scheme}; read as IOB2, where each entity begins with B-.")
    return numbers


CONVERTERS: dict[str, Callable[[_RawRows, str, pl.Series], pl.Series]] = {
    "text": _texts,
    "text?": _texts,
    "texts": _text_lists,
    "label": _labels,
    "labels": _label_lists,
}
"""By the kinds of COLUMNS."""


def _label_number(raw: _RawRows, column: pl.Series, values: pl.Series, given: pl.Expr) -> pl.Expr:
    """The position of a label from 0, null if there is no such label: names are looked up, numbers shifted.

    `values` are the single values of the column, all rows together.
    """
    first, number_of_labels = raw.task.first_label, len(raw.task.labels) or MOST_CHOICES
    if values.dtype == pl.String:
        values, given = values.str.strip_chars(), given.str.strip_chars()
        places = dict(raw.names)
        if not raw.named_numbers:  # in text files numbers are text
            numbers = {f"{first + i}{end}": i for i in range(number_of_labels) for end in ("", ".0")}
            places = numbers | places
            if values.is_in(list(numbers.keys() - raw.names.keys())).any():
                raw.note_numbers()
        if not raw.task.labels and values.drop_nulls().str.contains(LETTER).all():
            places, given = {chr(ord("a") + i): i for i in range(26)}, given.str.extract(LETTER).str.to_lowercase()
        named = given.replace_strict(places, default=None, return_dtype=pl.Int32)
        if not raw.named_numbers:
            return named
        return pl.coalesce(named, _named_number(raw, given))
    raw.require_type(column, values.dtype.is_float() or values.dtype.is_integer(), "labels")
    if raw.named_numbers:
        return _named_number(raw, given)
    raw.note_numbers()
    if values.dtype.is_float():  # whole numbers beside missing ones, as pandas has them
        given = pl.when(given == given.floor()).then(given)
    number = given.cast(pl.Int64, strict=False) - first
    return pl.when(number.is_between(0, number_of_labels - 1)).then(number).cast(pl.Int32)


def _named_number(raw: _RawRows, given: pl.Expr) -> pl.Expr:
    """The position of the label that is called by a number: 1, 1.0 and "1" are one."""
    numbers = given.cast(pl.Float64, strict=False)
    return numbers.replace_strict(raw.named_numbers, default=None, return_dtype=pl.Int32)


def _lists(raw: _RawRows, column: pl.Series, *, spaced: bool) -> pl.Series:
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
