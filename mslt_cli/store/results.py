"""The results that come with mslt (db/): the paper's printed numbers, and runs. Takes them into the store."""

import csv
import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from mslt_cli.errors import StoreError
from mslt_cli.shipped import results_path
from mslt_cli.store.db import Store, insert, open_store, store_exists, store_path
from mslt_cli.store.fill import ensure_filled, has_fill, is_filled, record_fill

RESULTS = "db"
FILES = ("published.csv", "runs.csv", "scores.csv", "items.csv")
MAY_LACK = ("examples", "seed", "tokens_per_s", "score_percent", "rank", "out_of", "right_rows")
"""Columns where an empty field is unknown, and not an empty text."""


class Published(NamedTuple):
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


def fill_results(path: Path | None = None) -> None:
    """Take what ships in db/ into the store where it is not yet there as it is now; languages first.

    Raises:
        StoreError: the store cannot be opened or written.
        MissingFactsError: lang2vec is needed and not installed.
    """
    path = store_path(path)
    ensure_filled(path)
    sha256 = hashlib.sha256(b"".join(results_path(name).read_bytes() for name in FILES)).hexdigest()
    with open_store(path) as store:
        if has_fill(store, RESULTS, sha256):
            return
    published = _published_rows()
    runs, items = list(_rows("runs.csv")), list(_rows("items.csv"))
    scores = [row | {"origin": "shipped"} for row in _rows("scores.csv")]
    with open_store(path, write=True) as store, store.transaction() as connection:
        connection.execute("DELETE FROM published")
        connection.execute("DELETE FROM runs WHERE origin = 'shipped'")  # with their scores; own ones stay
        pairs = (("published", published), ("runs", runs), ("scores", scores))
        rows = sum(insert(connection, table, ready) for table, ready in pairs)
        insert(connection, "test_items", items, conflict="REPLACE")  # own runs have these as well
        record_fill(connection, RESULTS, "1", sha256, rows)


@contextmanager
def open_with_results(path: Path | None = None) -> Iterator[Store]:
    """The store with what ships in db/; one that may not be written is copied, and the copy is filled and forgotten.

    Raises as `fill_results`, but for a filled store that cannot be written.
    """
    path = store_path(path)
    with ExitStack() as opened:
        try:
            fill_results(path)
        except StoreError:
            if not store_exists(path):
                raise
            from tempfile import TemporaryDirectory

            copy = Path(opened.enter_context(TemporaryDirectory())) / path.name
            with open_store(path) as given, closing(sqlite3.connect(copy)) as written:
                if not is_filled(given):
                    raise
                given.connection.backup(written)
            fill_results(copy)
            path = copy
        yield opened.enter_context(open_store(path))


def _published_rows() -> list[dict[str, Any]]:
    source = _published_json()["sources"][0]["citation"]
    return [
        row
        | {"position": position, "languages": (row["languages"] or "").split()}
        | {"origin": "published", "source": f"{source} Table {row['paper_table']}."}
        for position, row in enumerate(_rows("published.csv"))
    ]


def _rows(name: str) -> Iterator[dict[str, str | None]]:
    with results_path(name).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield {column: None if value == "" and column in MAY_LACK else value for column, value in row.items()}


def _published_json() -> Any:
    return json.loads(results_path("published.json").read_text(encoding="utf-8"))


def published_cells(store: Store) -> list[Published]:
    """All that the paper prints, in its order."""
    return store.read(Published, "published ORDER BY position")


@cache
def balanced_tasks() -> frozenset[str]:
    """Those of the paper whose test data have all answers equally often."""
    return frozenset(row["task"] for row in _published_json()["balanced"])


@cache
def inconsistencies() -> list[dict[str, Any]]:
    """What does not fit together in the paper: tables, task (empty = all), text."""
    texts: list[dict[str, Any]] = _published_json()["inconsistencies"]
    return texts
