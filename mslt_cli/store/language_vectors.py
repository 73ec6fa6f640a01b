"""Language vectors: how they are written down, and how they are read.

Encodings, by the name in `vector_sets.encoding`:

bits      0/1 features, eight a byte, the first one highest (numpy.packbits)
indices   0/1 features, few of them 1: the positions of those, as a JSON array
u16e4     values of four decimals in 0..6.5535: times 10^4, as little-endian uint16
"""

import json
from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mslt_cli.errors import UnknownNameError
from mslt_cli.store.db import Store

Matrix = NDArray[np.uint8] | NDArray[np.float64]


class VectorSetInfo(NamedTuple):
    """One row of vector_sets."""

    name: str
    provider: str
    provider_version: str
    n_features: int
    encoding: str
    description: str


class Vectors(NamedTuple):
    """The vectors of n languages."""

    codes: tuple[str, ...]
    """The languages that have a vector, in the order in which they were asked for."""
    matrix: Matrix
    """Shape (n, d), row order of `codes`; uint8 for 0/1 features, else float64."""
    measured_share: NDArray[np.float64]
    """Shape (n,), 0..1: share of a vector's features that was observed, not predicted."""


def read_vectors(store: Store, vector_set: str, codes: Sequence[str]) -> Vectors:
    """Read the vectors of some languages, given by their ISO 639-3 codes; raises as `vector_set_info`."""
    info = vector_set_info(store, vector_set)
    rows = store.query(
        "SELECT iso639_3, encoded, measured_share FROM vectors"
        " WHERE vector_set = ? AND iso639_3 IN (SELECT value FROM json_each(?))",
        (vector_set, json.dumps(list(codes))),
    )
    row_of = {row[0]: row for row in rows}
    stored = [row_of[code] for code in codes if code in row_of]
    with store.decoding():
        return Vectors(
            codes=tuple(row[0] for row in stored),
            matrix=decode([row[1] for row in stored], info.encoding, info.n_features),
            measured_share=np.array([row[2] for row in stored], dtype=np.float64),
        )


def without_vector(store: Store, vector_set: str, codes: Sequence[str]) -> list[str]:
    """Return those of the codes that have no vector in the set."""
    rows = store.query(
        "SELECT value FROM json_each(?) WHERE NOT EXISTS"
        " (SELECT 1 FROM vectors WHERE vector_set = ? AND iso639_3 = value)",
        (json.dumps(list(codes)), vector_set),
    )
    return [code for (code,) in rows]


def imputed(store: Store, vector_set: str, codes: Sequence[str], least: float) -> list[str]:
    """Return those of the codes of whose vector less than a share (0..1) was observed."""
    rows = store.query(
        "SELECT iso639_3 FROM vectors WHERE vector_set = ? AND measured_share < ?"
        " AND iso639_3 IN (SELECT value FROM json_each(?))",
        (vector_set, least, json.dumps(list(codes))),
    )
    return [code for (code,) in rows]


def vector_set_info(store: Store, name: str) -> VectorSetInfo:
    """Return what is stored about a vector set; UnknownNameError: there is no such set."""
    sets = {row.name: row for row in store.read(VectorSetInfo, "vector_sets ORDER BY name")}
    if name not in sets:
        raise UnknownNameError("vector set", name, list(sets))
    return sets[name]


def encode(matrix: NDArray[Any], encoding: str) -> list[bytes | str]:
    """Return the rows of a matrix of shape (n, d) as they are stored.

    Raises:
        ValueError: the values are not such as the encoding can hold exactly.
    """
    if encoding == "u16e4":
        counts = np.rint(matrix.astype(np.float64) * 1e4)
        if not np.array_equal(_from_ten_thousandths(counts), matrix) or counts.min() < 0 or counts.max() > 0xFFFF:
            raise ValueError("u16e4 can hold float32 values of four decimals in 0..6.5535 only.")
        return [row.tobytes() for row in counts.astype("<u2")]
    if not np.isin(matrix, (0, 1)).all():
        raise ValueError(f"{encoding} can hold 0 and 1 only.")
    if encoding == "bits":
        return [row.tobytes() for row in np.packbits(matrix, axis=1)]
    return [json.dumps(np.flatnonzero(row).tolist(), separators=(",", ":")) for row in matrix]


def decode(encoded: Sequence[bytes | str], encoding: str, d: int) -> Matrix:
    """Return stored vectors of d features as a matrix of shape (n, d), see `encode`."""
    n = len(encoded)
    if encoding == "indices":
        positions = [json.loads(row) for row in encoded]
        matrix = np.zeros((n, d), dtype=np.uint8)
        matrix[np.repeat(np.arange(n), [len(row) for row in positions]), list(chain.from_iterable(positions))] = 1
        return matrix
    blob = b"".join(row for row in encoded if isinstance(row, bytes))
    if encoding == "bits":
        packed = np.frombuffer(blob, dtype=np.uint8).reshape(n, (d + 7) // 8)
        return np.unpackbits(packed, axis=1, count=d)
    return _from_ten_thousandths(np.frombuffer(blob, dtype="<u2").reshape(n, d)).astype(np.float64)


def _from_ten_thousandths(counts: NDArray[Any]) -> NDArray[np.float32]:
    """Return counts / 10^4 in single precision, which is what lang2vec's own files hold."""
    return (counts / 1e4).astype(np.float32)
