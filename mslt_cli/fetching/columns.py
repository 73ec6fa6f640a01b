"""The rows of a raw file → the columns that every task of a kind has, checked row by row."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from mslt_cli.errors import DataError
from mslt_cli.tasks.base import COLUMNS, Task

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


def to_columns(task: Task, rows: pl.DataFrame, origin: str, language: str) -> pl.DataFrame:
    """Return a raw file's rows in one language, with the columns of the task's kind.

    Args:
        task: whose data it is.
        rows: as `read_rows` gives them.
        origin: the file's name, for messages.
        language: ISO 639-3 code; counts where the file holds several languages.

    Returns:
        `id` (text; the row's number from 0 where the data have none), the kind's columns and the task's context.

    Raises:
        DataError: a column is missing, a label is unknown or a value of the wrong kind; names file, column and row.
    """
    import polars as pl

    rows = _of_language(task, rows, origin, language)
    if task.parse is not None and rows.height:
        rows = task.parse(rows)
    wanted = COLUMNS[task.kind] | dict.fromkeys(task.context, "text")
    made: list[pl.Series] = [_ids(task, rows)]
    for name, kind in wanted.items():
        column = _find(task, rows, name)
        if column is None:
            if kind.endswith("?"):
                made.append(pl.Series(name, [None] * rows.height, dtype=pl.String))
                continue
            spelt = ", ".join(_spellings(task, name))
            raise DataError(
                f"{origin} has no column for {name} of {task.name} (looked for {spelt}; it has "
                f"{', '.join(rows.columns) or 'none'})."
            )
        made.append(_typed(task, column, name, kind, origin))
    frame = pl.DataFrame(made)
    if task.kind == "token-classification":
        _same_length(frame, origin)
    return frame


def check_rows(task: Task, frame: pl.DataFrame, origin: str) -> None:
    """Check what must hold of prepared rows.

    Raises:
        DataError: there are no rows, two have one id, or a label is out of range; names the row.
    """
    import polars as pl

    if not frame.height:
        raise DataError(f"{origin} has no rows for {task.name}.")
    repeated = frame["id"].is_duplicated()
    if repeated.any():
        first = frame["id"].filter(repeated)[0]
        raise DataError(f"{origin} has the id {first!r} more than once; ids name items, and have to differ.")
    if "label" in frame.columns:
        many = len(task.labels)
        if many:
            bad = frame["label"].is_null() | (frame["label"] < 0) | (frame["label"] >= many)
        else:  # multiple choice: the label is the place of the right choice
            bad = frame["label"].is_null() | (frame["label"] < 0) | (frame["label"] >= frame["choices"].list.len())
        if bad.any():
            row = int(bad.arg_true()[0])
            raise DataError(f"Row {row + 1} of {origin} has the label {frame['label'][row]}, which is out of range.")
    if "labels" in frame.columns:
        lowest, highest = frame["labels"].explode().min(), frame["labels"].explode().max()
        if isinstance(lowest, int) and isinstance(highest, int) and (lowest < 0 or highest >= len(task.labels)):
            bad = frame["labels"].list.eval((pl.element() < 0) | (pl.element() >= len(task.labels))).list.any()
            raise DataError(
                f"Row {int(bad.arg_true()[0]) + 1} of {origin} has a label outside 0..{len(task.labels) - 1}."
            )
    texts = [
        name for name, kind in (COLUMNS[task.kind] | dict.fromkeys(task.context, "text")).items() if kind == "text"
    ]
    for name in texts:
        if task.kind == "instruction" and name == "output":  # Bactrian-X has rows with an empty output
            continue
        empty = frame[name].is_null() | (frame[name].str.strip_chars() == "")
        if empty.all():
            raise DataError(f"{origin}: {name} is empty in every row.")


def with_distinct_ids(frame: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Give rows that share an id their own: "7", "7#2", "7#3"; and how many were renamed."""
    import polars as pl

    place = pl.int_range(pl.len()).over("id")
    renamed = frame.with_columns(
        pl.when(place > 0).then(pl.col("id") + "#" + (place + 1).cast(pl.String)).otherwise(pl.col("id")).alias("id")
    )
    return renamed, int((renamed["id"] != frame["id"]).sum())


def _of_language(task: Task, rows: pl.DataFrame, origin: str, language: str) -> pl.DataFrame:
    import polars as pl

    column = next((name for name in task.language_column if name in rows.columns), None)
    if column is None or rows.schema[column] != pl.String:
        return rows
    mine = rows.filter(pl.col(column).is_in([language, *task.languages[language]]))
    if not mine.height and rows.height:
        has = sorted({str(value) for value in rows[column].unique() if value is not None})
        raise DataError(f"{origin} has no rows in {task.code(language)}; it has {', '.join(has[:20])}.")
    return mine


def _spellings(task: Task, name: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*task.columns.get(name, ()), name, *USUAL.get(name, ()))))


def _find(task: Task, rows: pl.DataFrame, name: str) -> pl.Series | None:
    return next((rows[spelt] for spelt in _spellings(task, name) if spelt in rows.columns), None)


def _ids(task: Task, rows: pl.DataFrame) -> pl.Series:
    import polars as pl

    column = _find(task, rows, "id")
    if column is None or column.null_count():
        return pl.Series("id", [str(number) for number in range(rows.height)], dtype=pl.String)
    return column.cast(pl.String).alias("id")


def _typed(task: Task, column: pl.Series, name: str, kind: str, origin: str) -> pl.Series:
    import polars as pl

    if kind in ("text", "text?"):
        if column.dtype == pl.Null:
            column = column.cast(pl.String)
        if column.dtype != pl.String:
            raise DataError(f"Column {column.name} of {origin} holds {column.dtype}, not text.")
        return column.alias(name)
    if kind == "texts":
        if column.dtype == pl.String:
            column = pl.Series(name, [_as_list(value) for value in column], dtype=pl.List(pl.String))
        if column.dtype != pl.List(pl.String):
            raise DataError(f"Column {column.name} of {origin} holds {column.dtype}, not lists of text.")
        return column.alias(name)
    if kind == "labels" and column.dtype == pl.String:
        column = pl.Series(column.name, [_as_list(value) for value in column], dtype=pl.List(pl.String))
    if kind == "labels" and not isinstance(column.dtype, pl.List):
        raise DataError(f"Column {column.name} of {origin} holds {column.dtype}, not lists of labels.")
    return _label_ids(task, column, origin).alias(name)


def _as_list(value: str | None) -> list[str]:
    """A list that a text file holds: as JSON, or with spaces between its members."""
    if not value:
        return []
    if value.lstrip().startswith("["):
        try:
            return [str(item) for item in json.loads(value)]
        except json.JSONDecodeError:
            pass
    return value.split()


def _label_ids(task: Task, column: pl.Series, origin: str) -> pl.Series:
    """Labels, or lists of them, as positions from 0: names are looked up, numbers shifted by the task's first label."""
    import polars as pl

    nested = isinstance(column.dtype, pl.List)
    inner = column.dtype.inner if isinstance(column.dtype, pl.List) else column.dtype
    element = pl.element() if nested else pl.col(column.name)
    if inner == pl.String:
        place = {name: i for i, name in enumerate(task.labels)}
        place |= {spelt: place[name] for spelt, name in task.label_spellings.items()}
        if not task.labels:  # multiple choice: "1" and "2"
            place = {str(number): number - task.first_label for number in range(task.first_label, 100)}
        numbers = element.str.strip_chars().replace_strict(place, default=None, return_dtype=pl.Int32)
    elif inner.is_integer():
        numbers = element.cast(pl.Int32) - task.first_label
    else:
        raise DataError(f"Column {column.name} of {origin} holds {column.dtype}, not labels.")
    frame = column.to_frame().with_columns((pl.col(column.name).list.eval(numbers) if nested else numbers).alias("_"))
    unknown = (frame["_"].list.eval(pl.element().is_null()).list.any() if nested else frame["_"].is_null()).fill_null(
        True
    )
    if unknown.any():
        row = int(unknown.arg_true()[0])
        given = column[row]
        if nested and given is not None:
            given = next((value for value, number in zip(given, frame["_"][row], strict=True) if number is None), None)
        allowed = ", ".join(task.labels) if task.labels else f"numbers from {task.first_label}"
        raise DataError(f"Row {row + 1} of {origin} has the label {given!r}; {task.name} has {allowed}.")
    return frame["_"]


def _same_length(frame: pl.DataFrame, origin: str) -> None:
    uneven = (frame["tokens"].list.len() != frame["labels"].list.len()).arg_true()
    if len(uneven):
        row = int(uneven[0])
        raise DataError(
            f"Row {row + 1} of {origin} has {len(frame['tokens'][row])} tokens and {len(frame['labels'][row])} labels."
        )
