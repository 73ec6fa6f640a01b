"""The rows of a raw file → the columns that every task of a kind has, checked row by row."""
# ruff: noqa: TID253

from collections.abc import Callable, Iterable
from dataclasses import replace

import polars as pl

from mslt_cli.data.archives import DataFile
from mslt_cli.data.formats import read_rows
from mslt_cli.data.label_columns import OUTSIDE, read_label_lists, read_labels
from mslt_cli.data.places import rows_at
from mslt_cli.data.raw_rows import RawRows, read_text_lists, read_texts, spellings
from mslt_cli.data.tag_schemes import all_schemes
from mslt_cli.data.token_lines import Tagging
from mslt_cli.errors import DataError
from mslt_cli.tasks.task import RowError, Task

ALIGNED_IDS = ("id", "index_id", "sentence_id", "item_id", "example_id", "uid", "guid")
"""Further names of ids, in any case, by which aligned data are paired."""
MISSING_IDS = ("", "nan", "none", "null")
ENOUGH = 20
"""Answers among which each choice should occur."""


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
        tokenless=task.table.tokenless,
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
    raw = RawRows(task, origin, rows, numbers, notes, published)
    if task.parse is not None:
        try:
            raw = replace(raw, rows=task.parse(rows))
        except RowError as error:
            raise raw.error(error.row, error.what) from error
    frame = pl.DataFrame([_ids(raw), *(_read(raw, name, kind) for name, kind in task.column_kinds.items())])
    if task.kind == "token-classification":
        tokens, labels = frame["tokens"].list.len(), frame["labels"].list.len()
        raw.require(tokens == labels, lambda row: f"has {tokens[row]} tokens and {labels[row]} labels")
        if withheld := int((tokens == 0).sum()):
            notes.append(f"{origin}: {withheld:,} sentences without words (withheld, or empty) are left out.")
        frame = frame.filter(tokens > 0)
        if not frame.height:
            raise DataError(f"{origin} has no words: they are withheld, or it is empty.")
        if OUTSIDE in raw.names and frame["labels"].explode().n_unique() == 1 and frame.height >= ENOUGH:
            notes.append(f"{origin}: all words of {frame.height:,} sentences have one label. Its tags may be withheld.")
    elif task.kind == "multiple-choice":
        choices, given = frame["choices"].list.len(), raw.find("label")
        assert given is not None  # else the frame would have no label
        is_choice = (choices > 1) & (frame["label"] < choices)
        if not task.first_label and frame.height >= ENOUGH and 0 not in frame["label"]:
            advice = f"{task.file} has to say so: first_label = 1" if task.file else "write letters or texts instead"
            notes.append(
                f"{origin}: of {frame.height:,} answers none is the first choice. If numbers of choices begin with 1, "
                f"{advice}."
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


def _ids(raw: RawRows) -> pl.Series:
    column = raw.find("id")
    if column is None and raw.task.file and "id" in raw.task.columns:
        raw.need("id")  # says that the column which the task names is not there
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


CONVERTERS: dict[str, Callable[[RawRows, str, pl.Series], pl.Series]] = {
    "text": read_texts,
    "text?": read_texts,
    "texts": read_text_lists,
    "label": read_labels,
    "labels": read_label_lists,
}
"""By the kinds of COLUMNS."""


def _read(raw: RawRows, name: str, kind: str) -> pl.Series:
    """One of the task's columns, of a kind in COLUMNS."""
    if kind.endswith("?") and raw.find(name) is None:
        return pl.Series(name, [None] * raw.rows.height, dtype=pl.String)
    return CONVERTERS[kind](raw, name, raw.need(name)).alias(name)
