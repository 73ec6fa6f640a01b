"""Which language and split each row of a file is in, where columns of the rows say it."""
# ruff: noqa: TID253

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress

import polars as pl

from mslt_cli.data.formats import AGAIN
from mslt_cli.errors import DataError, MsltError
from mslt_cli.tasks.task import Task

TEXT_TYPES = (pl.String, pl.Categorical, pl.Enum, pl.Null)  # a column without any value is Null


def languages_of_rows(task: Task, rows: pl.DataFrame, origin: str) -> list[str] | None:
    """The languages (ISO 639-3) that a column of the rows names; None if no column does."""
    if (column := _stated(rows, task.language_column, origin)) is None:
        return None
    there = set(_languages(task, column))
    return [iso for iso in task.languages if iso in there]


def rows_of_split(task: Task, rows: pl.DataFrame, split: str, origin: str) -> pl.DataFrame:
    """The rows of one split, by the column that the task names for it; all if it names none.

    Raises:
        DataError: the column is not there, or empty.
    """
    if not task.split_column:
        return rows
    if (column := _stated(rows, (task.split_column,), origin)) is None:
        there = ", ".join(rows.columns).replace(AGAIN, "")
        raise DataError(f"{origin} has no column {task.split_column} that names splits of {task.name}; it has {there}.")
    return rows.filter((_splits(task, column) == split).fill_null(False))


def _splits(task: Task, column: pl.Series) -> pl.Series:
    """The task's split that each spelling means; null = none."""
    meanings = {word.casefold(): split for split in task.splits for word in task.spellings_of(split)}
    return column.str.to_lowercase().replace_strict(meanings, default=None, return_dtype=pl.String)


def _stated(rows: pl.DataFrame, names: Iterable[str], origin: str) -> pl.Series | None:
    """The first of some columns that holds text, without blanks around it; null where it is empty.

    A header may write a name in capitals.
    """
    there = [column for name in names for column in rows.columns if column == name or column.casefold() == name]
    for name in there:
        if isinstance(rows.schema.get(name), TEXT_TYPES):
            text = single_column(rows, name, origin).cast(pl.String).str.strip_chars()
            if (text != "").any():
                return text.replace("", None)
    return None


def single_column(rows: pl.DataFrame, name: str, origin: str) -> pl.Series:
    """A column of the rows. DataError: another one has the same name."""
    if name + AGAIN in rows.columns:
        raise DataError(f"{origin} has two columns called {name}. Rename or remove one.")
    return rows[name]


def _languages(task: Task, column: pl.Series) -> pl.Series:
    """The task's language (ISO 639-3) that each spelling means; null = none."""
    meanings: dict[str, str] = {}
    for spelling in column.drop_nulls().unique():
        with suppress(MsltError):  # no language, or none of the task's
            meanings[spelling] = task.language(spelling)
    return column.replace_strict(meanings, default=None, return_dtype=pl.String)


def rows_at(task: Task, rows: pl.DataFrame, language: str, split: str, origin: str, notes: list[str]) -> pl.Series:
    """Whether each row is in this language (ISO 639-3) and split; add to the notes what is in none.

    Raises:
        DataError: no row is.
    """
    mine = pl.repeat(True, rows.height, eager=True)
    by_split = (task.split_column or "split",) if task.split_column or len(task.splits) > 1 else ()
    for names, means, wanted, place in (
        (task.language_column, _languages, language, f"in {task.code(language)}"),
        (by_split, _splits, split, f"of {split}"),
    ):
        if (column := _stated(rows, names, origin)) is None:
            continue
        meanings = means(task, column)
        if means is _splits and not task.split_column and meanings.is_null().all():
            continue  # something else that is called a split
        notes += _left_out(origin, column, meanings, f"{column.name} of {task.name}")
        mine &= (meanings == wanted).fill_null(False)
        if not mine.any():
            others = sorted(column.drop_nulls().unique())
            raise DataError(f"{origin} has no rows {place}; it has {', '.join(others[:20])}.")
    return mine


def _left_out(origin: str, column: pl.Series, meanings: pl.Series, what: str) -> list[str]:
    """A note on the rows whose value in a column means nothing, if there are any: how many, with examples."""
    if not len(rows := meanings.is_null().arg_true()):
        return []
    counts = Counter("nothing" if value is None else value for value in column.gather(rows))
    examples = ", ".join(f"{value} ({number:,})" for value, number in counts.most_common(5))
    more = ", …" if len(counts) > 5 else ""
    return [
        f"{origin}: {len(rows):,} rows are left out, the first of them row {rows[0] + 1}, for {column.name} names no "
        f"{what} there: {examples}{more}."
    ]
