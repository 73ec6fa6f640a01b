"""Results that reports are made of: what the paper published, what comes with the program (db/), and own runs."""

from __future__ import annotations

import csv
import hashlib
import json
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from mslt_cli.errors import StoreError
from mslt_cli.shipped import results_path
from mslt_cli.store.db import Store, open_store, store_exists, store_path
from mslt_cli.store.fill import ensure_filled, is_filled

RESULTS = "db"
RESULTS_SCHEMA = 7
"""The schema that these tables need."""
FILES = ("published.csv", "runs.csv", "scores.csv")


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


@dataclass(frozen=True)
class ScoredRun:
    """A run as reports see it."""

    run_id: str
    origin: str
    """ "own", or "shipped" with the program."""
    kind: str
    """ "train", or "eval" for a model as it is."""
    name: str
    task: str
    """What it was trained for."""
    model: str
    sources: tuple[str, ...]
    """ISO 639-3 codes, sorted; none for a model as it is."""
    examples: int | None
    seed: int | None
    unequal: bool
    identity: Mapping[str, Any]
    environment: str
    """JSON: versions and machine."""
    directory: str
    command: str
    device: str
    wall_s: float
    finished_at: str
    mslt_version: str


class StoredScore(NamedTuple):
    """A metric of a run on one target; a tuple, for a report may read a hundred thousand of them."""

    run_id: str
    task: str
    split: str
    scoring: str
    target: str
    """ISO 639-3."""
    metric: str
    value: float
    """0..1."""
    low: float
    high: float
    rows: int
    unseen: int
    """0 = the target was trained on."""
    data_sha256: str
    """Of the test rows."""


@dataclass(frozen=True)
class Evaluated:
    """A kind of score that there are runs for."""

    task: str
    split: str
    scoring: str
    metric: str
    model: str
    origin: str
    runs: int


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
        new = store.schema_version >= RESULTS_SCHEMA
        if new and store.query("SELECT sha256 FROM fills WHERE source = ?", (RESULTS,)) == [(sha256,)]:
            return
    with open_store(path, write=True) as store, store.transaction() as connection:
        rows = _fill_published(connection) + _fill_shipped(connection)
        filled = (RESULTS, "1", sha256, datetime.now(UTC).isoformat(timespec="seconds"), rows)
        connection.execute("INSERT OR REPLACE INTO fills VALUES (?, ?, ?, ?, ?)", filled)


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
        with tempfile.TemporaryDirectory() as folder:
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
        (
            *(position, int(row["paper_table"]), row["task"], row["method"], row["selection"]),
            *(json.dumps(row["languages"].split()), _number(row["score_percent"]), _number(row["rank"])),
            *(_number(row["out_of"]), "published", f"{source} Table {row['paper_table']}."),
        )
        for position, row in enumerate(_rows("published.csv"))
    ]
    connection.execute("DELETE FROM published")
    connection.executemany(f"INSERT INTO published VALUES ({', '.join('?' * 11)})", rows)
    return len(rows)


def _fill_shipped(connection: sqlite3.Connection) -> int:
    """Runs that ship; those that the user has made too stay the user's."""
    connection.execute("DELETE FROM runs WHERE origin = 'shipped'")  # with their scores
    own = {run_id for (run_id,) in connection.execute("SELECT run_id FROM runs")}
    runs = [row for row in _rows("runs.csv") if row["run_id"] not in own]
    scores = [row for row in _rows("scores.csv") if row["run_id"] not in own]
    for table, rows in (("runs", runs), ("scores", scores)):
        for row in rows:
            given = {name: None if value == "" and name in _MAY_LACK else value for name, value in row.items()}
            marks = ", ".join("?" * len(given))
            connection.execute(f"INSERT INTO {table} ({', '.join(given)}) VALUES ({marks})", tuple(given.values()))
    return len(runs) + len(scores)


_MAY_LACK = ("examples", "seed", "tokens_per_s")


def _rows(name: str) -> Iterator[dict[str, str]]:
    with results_path(name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _number(text: str) -> float | int | None:
    return None if not text else float(text) if "." in text else int(text)


def published_cells(store: Store) -> list[Published]:
    """All that the paper prints, in its order."""
    rows = store.query(
        "SELECT paper_table, task, method, selection, languages, score_percent, rank, out_of, source FROM published"
        " ORDER BY position"
    )
    return [
        Published(table, task, method, selection, tuple(json.loads(languages)), score, rank, out_of, source)
        for table, task, method, selection, languages, score, rank, out_of, source in rows
    ]


def inconsistencies() -> list[dict[str, Any]]:
    """What does not fit together in the paper: tables, task (empty = all), text."""
    found: list[dict[str, Any]] = json.loads(results_path("published.json").read_text("utf-8"))["inconsistencies"]
    return found


def evaluated(store: Store) -> list[Evaluated]:
    """What there are scores of, by task and model."""
    # Grouped by run first: that is in the order of the key, and leaves a tenth of the rows to be joined.
    rows = store.query(
        "SELECT scored.task, split, scoring, metric, model, origin, count(*)"
        " FROM (SELECT DISTINCT run_id, task, split, scoring, metric FROM scores) AS scored JOIN runs USING (run_id)"
        " GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 5, 2, 3, 4, 6"
    )
    return [Evaluated(*row) for row in rows]


def scored_runs(store: Store) -> list[ScoredRun]:
    """All runs, the newest first."""
    names = ", ".join(_RUN)
    return [_run(row) for row in store.query(f"SELECT {names} FROM runs ORDER BY finished_at DESC, run_id")]


def _run(row: tuple[Any, ...]) -> ScoredRun:
    values = dict(zip(_RUN, row, strict=True))
    values |= {"sources": tuple(json.loads(values["sources"])), "identity": json.loads(values["identity"])}
    return ScoredRun(**values | {"unequal": bool(values["unequal"])})


def stored_scores(
    store: Store,
    *,
    task: str | None = None,
    split: str | None = None,
    scoring: str | None = None,
    metric: str | None = None,
    run_id: str | None = None,
) -> list[StoredScore]:
    """The scores of one evaluation, of one run, or all of them; in no order."""
    given = {"task": task, "split": split, "scoring": scoring, "metric": metric, "run_id": run_id}
    where = " AND ".join(f"{name} = :{name}" for name, value in given.items() if value is not None) or "1"
    return list(map(StoredScore._make, store.query(f"SELECT {', '.join(_SCORE)} FROM scores WHERE {where}", given)))


_RUN = tuple(ScoredRun.__dataclass_fields__)
_SCORE = (
    "run_id",
    "task",
    "split",
    "scoring",
    "iso639_3",
    "metric",
    "value",
    "low",
    "high",
    "rows",
    "unseen",
    "data_sha256",
)
