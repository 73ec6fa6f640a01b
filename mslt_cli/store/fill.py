"""Fills the store with language facts (data/langs) and vectors (lang2vec): all of them, or nothing."""

import os
import sqlite3
import time
from pathlib import Path
from typing import Any, NamedTuple

from mslt_cli import __version__
from mslt_cli.languages.facts import Facts, all_spellings, facts_sha256, read_facts
from mslt_cli.languages.resolver import fold
from mslt_cli.store.db import Store, insert, open_store, store_exists, store_path

FACTS = "data/langs"
VECTORS = "lang2vec"
COUNTED = ("languages", "spellings", "pretraining_sizes", "pools", "vector_sets", "vectors")


class FillReport(NamedTuple):
    """What a fill did."""

    path: Path
    filled: tuple[str, ...]
    """The sources that were read in; empty where the store had everything already."""
    versions: dict[str, str]
    """By source."""
    counts: dict[str, int]
    """Rows in each table."""
    wall_s: float
    size_bytes: int


def is_filled(store: Store) -> bool:
    """Return whether a store has all tables, facts and vectors."""
    # No schema: whoever made the file was stopped before it had a table.
    return bool(store.schema_version) and {FACTS, VECTORS} <= {
        source for (source,) in store.query("SELECT source FROM fills")
    }


def has_fill(store: Store, source: str, sha256: str) -> bool:
    """Return whether a source was read in with this very content: false after an upgrade that changed it."""
    return store.query("SELECT sha256 FROM fills WHERE source = ?", (source,)) == [(sha256,)]


def ensure_filled(path: Path | None = None) -> FillReport | None:
    """Fill the store where that is needed; None where it is not, which takes a few milliseconds.

    A filled store that cannot be written stays in use with the facts that it has. Raises as `fill_languages`.
    """
    path = store_path(path)
    if store_exists(path):
        with open_store(path) as store:
            writable = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
            if is_filled(store) and not (writable and not has_fill(store, FACTS, facts_sha256())):
                return None
    return fill_languages(path)


def fill_languages(path: Path | None = None, *, force: bool = False) -> FillReport:
    """Read facts and vectors into the store, making it where it is missing.

    Unchanged facts, and vectors altogether, are not read again unless `force` says so. All is read before the store is
    locked, for that takes seconds, and written in one short transaction: whatever ends it leaves the old state or the
    new one.

    Raises:
        StoreError: the store cannot be opened or written.
        MissingFactsError: lang2vec is needed and not installed.
    """
    started = time.perf_counter()
    with open_store(path, write=True) as store:
        sha256 = facts_sha256()
        facts = _read_facts() if force or not has_fill(store, FACTS, sha256) else None
        vectors = _read_vectors() if force or not _has_vectors(store) else None
        filled = []
        with store.transaction() as connection:  # another process may have been faster
            if facts and (force or not has_fill(store, FACTS, sha256)):
                _write_facts(connection, facts, sha256)
                filled.append(FACTS)
            if vectors and (force or not _has_vectors(store)):
                _write_vectors(connection, vectors)
                filled.append(VECTORS)
        store.query("PRAGMA wal_checkpoint(TRUNCATE)")
        return FillReport(
            path=store.path,
            filled=tuple(filled),
            versions=dict(store.query("SELECT source, version FROM fills ORDER BY source")),
            counts={table: store.query(f"SELECT count(*) FROM {table}")[0][0] for table in COUNTED},
            wall_s=time.perf_counter() - started,
            size_bytes=store.path.stat().st_size,
        )


def _has_vectors(store: Store) -> bool:
    return bool(store.query("SELECT 1 FROM fills WHERE source = ?", (VECTORS,)))


class _FactRows(NamedTuple):
    """What is written of data/langs."""

    facts: Facts
    spellings: list[dict[str, Any]]


def _read_facts() -> _FactRows:
    facts = read_facts()
    return _FactRows(facts, [row._asdict() | {"spelling_folded": fold(row.spelling)} for row in all_spellings(facts)])


def _write_facts(connection: sqlite3.Connection, read: _FactRows, sha256: str) -> None:
    facts = read.facts
    for table in ("spellings", "pretraining_sizes", "pools"):
        connection.execute(f"DELETE FROM {table}")
    # Languages stay in place, since vectors refer to them.
    connection.executemany(
        "INSERT INTO languages (iso639_3, iso639_1, name, script, family, source) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET iso639_1 = excluded.iso639_1, name = excluded.name, script = excluded.script,"
        " family = excluded.family, source = excluded.source",
        facts.languages,
    )
    insert(connection, "spellings", read.spellings, conflict="IGNORE")  # the first that claims a spelling keeps it
    insert(connection, "pretraining_sizes", facts.pretraining_sizes)
    insert(connection, "pools", facts.pools)
    record_fill(connection, FACTS, __version__, sha256, sum(len(table) for table in facts))


class _VectorRows(NamedTuple):
    """What is written of lang2vec."""

    version: str
    sha256: str
    tables: dict[str, list[dict[str, Any]]]
    """Rows by table, in the order in which they are written."""


def _read_vectors() -> _VectorRows:
    from mslt_cli.languages.uriel import VECTOR_SETS, read_uriel
    from mslt_cli.store.language_vectors import VectorSetInfo, encode

    uriel = read_uriel()
    tables: dict[str, list[dict[str, Any]]] = {"vector_sets": [], "features": [], "vectors": []}
    for name, row in VECTOR_SETS.items():
        vectors = uriel.vectors[name]
        info = VectorSetInfo(name, VECTORS, uriel.version, len(vectors.features), row.encoding, row.description)
        tables["vector_sets"].append(info._asdict())
        tables["features"] += (
            {"vector_set": name, "position": i, "name": feature} for i, feature in enumerate(vectors.features)
        )
        encoded = encode(vectors.matrix, row.encoding)
        columns = zip(uriel.codes, encoded, vectors.measured_share.tolist(), vectors.known.tolist(), strict=True)
        tables["vectors"] += (
            {"vector_set": name, "iso639_3": code, "encoded": vector, "measured_share": share}
            for code, vector, share, is_known in columns
            if is_known
        )
    return _VectorRows(uriel.version, uriel.sha256, tables)


def _write_vectors(connection: sqlite3.Connection, read: _VectorRows) -> None:
    connection.execute("DELETE FROM vector_sets WHERE provider = ?", (VECTORS,))  # with their features and vectors
    for table, rows in read.tables.items():
        insert(connection, table, rows)
    record_fill(connection, VECTORS, read.version, read.sha256, len(read.tables["vectors"]))


def record_fill(connection: sqlite3.Connection, source: str, version: str, sha256: str, rows: int) -> None:
    """Note what was read in, so that it is not read again."""
    from datetime import UTC, datetime

    filled_at = datetime.now(UTC).isoformat(timespec="seconds")
    fill = {"source": source, "version": version, "sha256": sha256, "filled_at": filled_at, "rows": rows}
    insert(connection, "fills", [fill], conflict="REPLACE")
