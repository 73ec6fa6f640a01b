"""The results that come with mslt (db/): the paper's printed numbers, and runs. Takes them into the store."""

from __future__ import annotations

import csv
import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from mslt_cli.errors import StoreError
from mslt_cli.shipped import results_path
from mslt_cli.store.db import Store, insert, open_store, store_exists, store_path
from mslt_cli.store.fill import ensure_filled, is_filled, record_fill

RESULTS = "db"
FILES = ("published.csv", "runs.csv", "scores.csv")
MAY_LACK = ("examples", "seed", "tokens_per_s")
"""Columns of runs.csv where an empty field is unknown, and not an empty text."""


@dataclass(frozen=True)
class Published:
    """One printed cell of the paper."""

    paper_table: int
    task: str
    method: str
    selection: str
    languages: tuple[str, ...]
    """ISO 639-1 codes; empty where the paper names none."""
    score_percent: float | None
    rank: int | None
    out_of: int | None
    source: str


def results_sha256() -> str:
    """The hash of the files in db/."""
    digest = hashlib.sha256()
    for name in FILES:
        digest.update(results_path(name).read_bytes())
    return digest.hexdigest()


def fill_results(path: Path | None = None) -> None:
    """Take what ships in db/ into the store where it is not yet there as it is now; languages first.

    Args:
        path: the store, see `store_path`.

    Raises:
        StoreError: the store cannot be opened or written.
        MissingFactsError: lang2vec is needed and not installed.
    """
    path = store_path(path)
    ensure_filled(path)
    sha256 = results_sha256()
    with open_store(path) as store:
        if store.query("SELECT sha256 FROM fills WHERE source = ?", (RESULTS,)) == [(sha256,)]:
            return
    with open_store(path, write=True) as store, store.transaction() as connection:
        rows = _fill_published(connection) + _fill_shipped(connection)
        record_fill(connection, RESULTS, "1", sha256, rows)


@contextmanager
def open_with_results(path: Path | None = None) -> Iterator[Store]:
    """The store with what ships in db/. One that may not be written is copied, and the copy is filled and forgotten.

    Args:
        path: the store, see `store_path`.

    Raises:
        StoreError: the store cannot be opened.
        MissingFactsError: lang2vec is needed and not installed.
    """
    path = store_path(path)
    try:
        fill_results(path)
    except StoreError as error:
        if not store_exists(path):
            raise
        from tempfile import TemporaryDirectory

        with TemporaryDirectory() as folder:
            copy = Path(folder) / path.name
            with open_store(path) as given, closing(sqlite3.connect(copy)) as written:
                if not is_filled(given):
                    raise error
                given.connection.backup(written)
            fill_results(copy)
            with open_store(copy) as store:
                yield store
        return
    with open_store(path) as store:
        yield store


def _fill_published(connection: sqlite3.Connection) -> int:
    source = json.loads(results_path("published.json").read_text(encoding="utf-8"))["sources"][0]["citation"]
    rows = [
        {
            "position": position,
            **{name: row[name] for name in ("paper_table", "task", "method", "selection")},
            "languages": json.dumps(row["languages"].split()),
            **{name: row[name] or None for name in ("score_percent", "rank", "out_of")},
            "origin": "published",
            "source": f"{source} Table {row['paper_table']}.",
        }
        for position, row in enumerate(_rows("published.csv"))
    ]
    connection.execute("DELETE FROM published")
    return insert(connection, "published", rows)


def _fill_shipped(connection: sqlite3.Connection) -> int:
    """Runs that ship; those that the user has made too stay the user's."""
    connection.execute("DELETE FROM runs WHERE origin = 'shipped'")  # with their scores
    own = {run_id for (run_id,) in connection.execute("SELECT run_id FROM runs")}
    filled = 0
    for table in ("runs", "scores"):
        rows = (row for row in _rows(f"{table}.csv") if row["run_id"] not in own)
        filled += insert(connection, table, ({name: _null(name, row[name]) for name in row} for row in rows))
    return filled


def _null(column: str, value: str) -> str | None:
    return None if value == "" and column in MAY_LACK else value


def _rows(name: str) -> Iterator[dict[str, str]]:
    with results_path(name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def published_cells(store: Store) -> list[Published]:
    """All that the paper prints, in its order."""
    columns = [field.name for field in fields(Published)]
    rows = [
        dict(zip(columns, row, strict=True))
        for row in store.query(f"SELECT {', '.join(columns)} FROM published ORDER BY position")
    ]
    return [Published(**row | {"languages": tuple(json.loads(row["languages"]))}) for row in rows]


@cache
def inconsistencies() -> list[dict[str, Any]]:
    """What does not fit together in the paper: tables, task (empty = all), text."""
    texts: list[dict[str, Any]] = json.loads(results_path("published.json").read_text("utf-8"))["inconsistencies"]
    return texts
