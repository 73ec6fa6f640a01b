"""Which test rows a run answered right, and which items the rows of test data are: texts of the store ↔ arrays.

Both are base64, so that they stand in CSV files and in JSON as they do in the store.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mslt_cli.errors import StoreError
from mslt_cli.store.db import Store

HASH_BYTES = 4
"""Of an item's id: of 5,010 items two are taken for one in 3 of 1,000 data sets, which does no harm."""
Items = Mapping[tuple[str, int], NDArray[np.uint32]]
"""By checksum of the test data and number of rows: shape (rows,); equal numbers are the same item in all languages."""


class RowAnswers(NamedTuple):
    """What the store keeps of a run's answers in one target."""

    right: str
    """See `pack_right`."""
    items: str
    """See `pack_items`."""


def pack_right(right: Sequence[bool]) -> str:
    """One bit a row, in the order of the rows; some 30 characters for 171 rows."""
    return base64.b64encode(np.packbits(np.asarray(right, bool)).tobytes()).decode()


def unpack_right(text: str, rows: int) -> NDArray[np.bool_]:
    """Shape (rows,). Raises: StoreError: `pack_right` did not write this text of so many rows."""
    with suppress(ValueError):
        bits = np.unpackbits(np.frombuffer(base64.b64decode(text, validate=True), np.uint8))
        if rows <= len(bits) < rows + 8:
            return bits[:rows].astype(bool)
    raise StoreError(f"The store is damaged: {text[:40]!r} are not the answers of {rows} rows. Make a new store.")


def pack_items(ids: Sequence[str]) -> str:
    """The beginning of the SHA-256 of each row's id."""
    return base64.b64encode(b"".join(hashlib.sha256(id_.encode()).digest()[:HASH_BYTES] for id_ in ids)).decode()


def stored_items(store: Store) -> Items:
    """The items of all test data that runs were evaluated on."""
    rows = store.query("SELECT data_sha256, rows, items FROM test_items")
    with store.decoding():
        return {(data, n): np.frombuffer(base64.b64decode(text, validate=True), ">u4") for data, n, text in rows}
