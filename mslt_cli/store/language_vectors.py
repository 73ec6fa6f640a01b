"""Language vectors: how they are written down, and how they are read.

Encodings, by the name in `vector_sets.encoding`:

bits      0/1 features, eight a byte, the first one highest (numpy.packbits)
indices   0/1 features, few of them 1: the positions of those, as a JSON array
u16e4     values of four decimals in 0..6.5535: times 10^4, as little-endian uint16
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mslt_cli.errors import UnknownNameError
from mslt_cli.store.db import Store

Matrix = NDArray[np.uint8] | NDArray[np.float64]


@dataclass(frozen=True)
class VectorSetInfo:
    """One row of vector_sets."""

    name: str
    provider: str
    provider_version: str
    n_features: int
    encoding: str
    description: str


@dataclass(frozen=True)
class Vectors:
    """The vectors of n languages."""

    codes: tuple[str, ...]
    """The languages that have a vector, in the order in which they were asked for."""
    matrix: Matrix
    """Shape (n, d), row order of `codes`; uint8 for 0/1 features, else float64."""
    measured_share: NDArray[np.float64]
    """Shape (n,), 0..1: share of a vector's features that was observed, not predicted."""
    missing: tuple[str, ...]
    """The languages without a vector, in the order in which they were asked for."""


def read_vectors(store: Store, vector_set: str, codes: Sequence[str]) -> Vectors:
    """Read the vectors of some languages, given by their ISO 639-3 codes.

    Raises:
        UnknownNameError: there is no such vector set.
    """
    info = vector_set_info(store, vector_set)
    rows = store.query(
        "SELECT iso639_3, encoded, measured_share FROM vectors"
        " WHERE vector_set = ? AND iso639_3 IN (SELECT value FROM json_each(?))",
        (vector_set, json.dumps(list(codes))),
    )
    row_of = {row[0]: i for i, row in enumerate(rows)}
    with_vector = [code for code in codes if code in row_of]
    order = [row_of[code] for code in with_vector]
    return Vectors(
        codes=tuple(with_vector),
        matrix=decode([rows[i][1] for i in order], info.encoding, info.n_features),
        measured_share=np.array([rows[i][2] for i in order], dtype=np.float64),
        missing=tuple(code for code in codes if code not in row_of),
    )


def without_vector(store: Store, vector_set: str, codes: Sequence[str]) -> list[str]:
    """Return those of the codes that have no vector in the set."""
    rows = store.query(
        "SELECT value FROM json_each(?) WHERE NOT EXISTS"
        " (SELECT 1 FROM vectors WHERE vector_set = ? AND iso639_3 = value)",
        (json.dumps(list(codes)), vector_set),
    )
    return [code for (code,) in rows]


def vector_set_info(store: Store, name: str) -> VectorSetInfo:
    """Return what is stored about a vector set.

    Raises:
        UnknownNameError: there is no such vector set.
    """
    columns = "name, provider, provider_version, n_features, encoding, description"
    rows = store.query(f"SELECT {columns} FROM vector_sets WHERE name = ?", (name,))
    if not rows:
        names = [other for (other,) in store.query("SELECT name FROM vector_sets ORDER BY name")]
        raise UnknownNameError("vector set", name, names)
    return VectorSetInfo(*rows[0])


def encode(matrix: NDArray[Any], encoding: str) -> list[bytes | str]:
    """Return the rows of a matrix of shape (n, d) as they are stored.

    Raises:
        ValueError: the values are not such as the encoding can hold exactly.
    """
    if encoding in ("bits", "indices") and not np.isin(matrix, (0, 1)).all():
        raise ValueError(f"{encoding} can hold 0 and 1 only.")
    if encoding == "bits":
        return _rows(np.packbits(matrix, axis=1))
    if encoding == "indices":
        rows, positions = np.nonzero(matrix)
        ends = np.searchsorted(rows, np.arange(1, len(matrix)))
        return [json.dumps(row.tolist(), separators=(",", ":")) for row in np.split(positions, ends)]
    if encoding == "u16e4":
        counts = np.rint(matrix.astype(np.float64) * 1e4)
        if not np.array_equal(_from_ten_thousandths(counts), matrix) or counts.min() < 0 or counts.max() > 0xFFFF:
            raise ValueError("u16e4 can hold float32 values of four decimals in 0..6.5535 only.")
        return _rows(counts.astype("<u2"))
    raise ValueError(f"There is no encoding {encoding!r}.")


def decode(encoded: Sequence[bytes | str], encoding: str, d: int) -> Matrix:
    """Return stored vectors of d features as a matrix of shape (n, d), see `encode`."""
    n = len(encoded)
    if encoding == "indices":
        return _from_indices(encoded, d)
    blob = b"".join(row for row in encoded if isinstance(row, bytes))
    if encoding == "bits":
        packed = np.frombuffer(blob, dtype=np.uint8).reshape(n, (d + 7) // 8)
        return np.unpackbits(packed, axis=1, count=d)
    if encoding == "u16e4":
        return _from_ten_thousandths(np.frombuffer(blob, dtype="<u2").reshape(n, d)).astype(np.float64)
    raise ValueError(f"There is no encoding {encoding!r}.")


def _from_indices(encoded: Sequence[bytes | str], d: int) -> NDArray[np.uint8]:
    positions = [json.loads(row) for row in encoded]
    matrix = np.zeros((len(encoded), d), dtype=np.uint8)
    rows = np.repeat(np.arange(len(encoded)), [len(row) for row in positions])
    matrix[rows, [position for row in positions for position in row]] = 1
    return matrix


def _from_ten_thousandths(counts: NDArray[Any]) -> NDArray[np.float32]:
    """Return counts / 10^4 in single precision, which is what lang2vec's own files hold."""
    return (counts / 1e4).astype(np.float32)


def _rows(matrix: NDArray[Any]) -> list[bytes | str]:
    return [row.tobytes() for row in matrix]
