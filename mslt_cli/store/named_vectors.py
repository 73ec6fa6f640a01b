"""A user's own vectors or distances, which `mslt fetch vectors` keeps under a name: rows ↔ records."""

import json
import zlib
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mslt_cli.errors import UnknownNameError
from mslt_cli.store.db import Store, insert

TABLE = "own_vectors"
MADE = """
CREATE TABLE IF NOT EXISTS own_vectors ( -- a user's own vectors or distances, by the name that they were given
    name TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('vectors', 'distances')),
    origin TEXT NOT NULL, -- the file that was read
    languages TEXT NOT NULL, -- JSON array: as the file spells them
    columns INTEGER NOT NULL,
    matrix BLOB NOT NULL, -- little-endian float64, zlib; NaN = missing
    fetched_at TEXT NOT NULL
) WITHOUT ROWID
"""
"""Not in schema.sql: stores that are older get it with their first set, and stay readable by an older mslt."""


class OwnVectors(NamedTuple):
    """Vectors or distances of n languages."""

    kind: str
    """ "vectors" or "distances"."""
    origin: str
    """The file."""
    languages: tuple[str, ...]
    """As the file spells them, row order."""
    matrix: NDArray[np.float64]
    """Vectors (n, d), NaN = missing; or distances (n, n), symmetric, 0 on the diagonal."""
    notes: tuple[str, ...] = ()
    """What was read otherwise than it stands in the file."""


def own_vector_names(store: Store) -> list[str]:
    """Names of the sets that are kept."""
    if not store.query("SELECT 1 FROM sqlite_master WHERE name = ?", (TABLE,)):
        return []
    return [name for (name,) in store.query(f"SELECT name FROM {TABLE} ORDER BY name")]


def keep_own_vectors(store: Store, name: str, own: OwnVectors) -> bool:
    """Keep a set under a name; return whether it took the place of another one."""
    from datetime import UTC, datetime

    was_there = name in own_vector_names(store)
    row: dict[str, Any] = {"name": name, "kind": own.kind, "origin": own.origin, "languages": own.languages}
    row |= {"columns": own.matrix.shape[1], "matrix": zlib.compress(own.matrix.astype("<f8").tobytes())}
    row["fetched_at"] = datetime.now(UTC).isoformat(timespec="seconds")
    with store.transaction() as connection:
        connection.execute(MADE)
        insert(connection, TABLE, [row], conflict="REPLACE")
    return was_there


def read_own_vectors(store: Store, name: str) -> OwnVectors:
    """The set of that name; UnknownNameError: there is none."""
    if name not in (names := own_vector_names(store)):
        raise UnknownNameError("set of vectors", name, names)
    sql = f"SELECT kind, origin, languages, columns, matrix FROM {TABLE} WHERE name = ?"
    ((kind, origin, languages, columns, blob),) = store.query(sql, (name,))
    with store.decoding():
        matrix = np.frombuffer(zlib.decompress(blob), dtype="<f8").astype(np.float64).reshape(-1, columns)
        return OwnVectors(kind, origin, tuple(json.loads(languages)), matrix)
