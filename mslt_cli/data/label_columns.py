"""Labels of rows → their positions in the task, from 0: by name, by number, as letters or texts of choices."""
# ruff: noqa: TID253

from collections import Counter

import polars as pl

from mslt_cli.data.places import TEXT_TYPES
from mslt_cli.data.raw_rows import RawRows, read_lists, read_text_lists
from mslt_cli.data.tag_schemes import from_iob1, from_other_scheme
from mslt_cli.errors import DataError

LETTER = r"^\(?([A-Za-z])[.):]?$"
"""An answer that is the letter of its choice: B, b, (b), B."""
MISSING_LABELS = ("", "-1")
"""How data sets mark a row without a label."""
MOST_CHOICES = 100
ENOUGH_EACH = 10
"""Rows for each label among which all should occur."""
OUTSIDE = "O"
"""The label of words outside of all entities, the most frequent one of its task."""


def read_labels(raw: RawRows, name: str, column: pl.Series) -> pl.Series:
    """One label a row; DataError: a row has none, or none of the task's."""
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
    never = [name for i, name in enumerate(raw.task.labels) if i not in numbers]
    by_number = column.dtype != pl.String or not column.str.strip_chars().is_in(list(raw.names)).any()
    if never and by_number and numbers.len() >= ENOUGH_EACH * len(raw.task.labels):
        raw.notes.append(
            f"{raw.origin}: none of its {numbers.len():,} rows is {' or '.join(never)}. If its numbers mean something "
            "else, write names instead."
        )
    return numbers


def _chosen_texts(raw: RawRows, column: pl.Series) -> pl.Series | None:
    """The place of each answer that is the text of a choice; None if not all are. DataError: all are numbers, too."""
    choices = read_text_lists(raw, "choices", raw.need("choices"))
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


def read_label_lists(raw: RawRows, name: str, column: pl.Series) -> pl.Series:
    """The labels of the words of each row, in IOB2; DataError: a word has none of the task's."""
    lists = read_lists(raw, column, spaced=True)
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


def _label_number(raw: RawRows, column: pl.Series, values: pl.Series, given: pl.Expr) -> pl.Expr:
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


def _named_number(raw: RawRows, given: pl.Expr) -> pl.Expr:
    """The position of the label that is called by a number: 1, 1.0 and "1" are one."""
    numbers = given.cast(pl.Float64, strict=False)
    return numbers.replace_strict(raw.named_numbers, default=None, return_dtype=pl.Int32)
