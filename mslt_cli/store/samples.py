"""What `nn-rank` and `overlap` read: vectors of single sentences, and the words of a language; rows ↔ records.

Both belong to a row of `embeddings` or `vocabularies`, and are deleted when that row is replaced.
"""

import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mslt_cli.store.db import Store, insert
from mslt_cli.store.measured import MeasuredSet, Vocabulary, equal_columns, set_columns

VECTORS = """
CREATE TABLE IF NOT EXISTS sentence_vectors ( -- sentences of a language as a layer of a model embeds them
    model TEXT NOT NULL,
    corpus TEXT NOT NULL,
    split TEXT NOT NULL,
    prefix TEXT NOT NULL,
    special_tokens INTEGER NOT NULL,
    examples_limit INTEGER NOT NULL,
    layer INTEGER NOT NULL,
    iso639_3 TEXT NOT NULL,
    sentences INTEGER NOT NULL,
    ids TEXT NOT NULL, -- JSON array: ids of the items where equal ids are translations; else empty
    vectors BLOB NOT NULL, -- little-endian float16, of unit length
    PRIMARY KEY (model, corpus, split, prefix, special_tokens, examples_limit, layer, iso639_3),
    FOREIGN KEY (model, corpus, split, prefix, special_tokens, examples_limit, layer, iso639_3)
        REFERENCES embeddings ON DELETE CASCADE
)
"""
WORDS = """
CREATE TABLE IF NOT EXISTS word_types ( -- the different words of a language's data
    model TEXT NOT NULL,
    task TEXT NOT NULL,
    split TEXT NOT NULL,
    examples_limit INTEGER NOT NULL,
    iso639_3 TEXT NOT NULL,
    unknown_id INTEGER, -- the token of text that the vocabulary cannot spell; NULL = none
    words BLOB NOT NULL, -- a little-endian 64-bit hash of each, ascending
    PRIMARY KEY (model, task, split, examples_limit, iso639_3),
    FOREIGN KEY (model, task, split, examples_limit, iso639_3) REFERENCES vocabularies ON DELETE CASCADE
)
"""
"""Neither is in schema.sql: older stores get them with their first rows, and stay readable by an older mslt."""


class SentenceSample(NamedTuple):
    """One row of sentence_vectors."""

    ids: tuple[str, ...]
    """Of the items, where equal ids are translations; else empty."""
    vectors: NDArray[np.float32]
    """Shape (m, d), unit length."""


class WordTypes(NamedTuple):
    """One row of word_types."""

    unknown_id: int | None
    words: NDArray[np.uint64]
    """Hashes, ascending."""


def save_samples(store: Store, chosen: MeasuredSet, language: str, by_layer: Mapping[int, SentenceSample]) -> None:
    """Write the sample of a language, whose mean embeddings are stored: all layers or none."""
    rows = [
        set_columns(chosen)
        | {"layer": layer, "iso639_3": language, "sentences": len(sample.vectors), "ids": sample.ids}
        | {"vectors": sample.vectors.astype("<f2").tobytes()}
        for layer, sample in by_layer.items()
    ]
    _replace_made(store, VECTORS, "sentence_vectors", rows)


def read_samples(store: Store, chosen: MeasuredSet, layer: int) -> dict[str, SentenceSample]:
    """The samples of all languages that have one, in one layer, by ISO 639-3 code."""
    where = set_columns(chosen) | {"layer": layer}
    columns = "iso639_3, sentences, ids, vectors"
    if not _is_made(store, "sentence_vectors"):
        return {}
    rows = store.query(f"SELECT {columns} FROM sentence_vectors WHERE {equal_columns(where)}", where)
    with store.decoding():
        return {
            language: SentenceSample(
                tuple(json.loads(ids)), np.frombuffer(blob, dtype="<f2").astype(np.float32).reshape(n, -1)
            )
            for language, n, ids, blob in rows
        }


def save_words(store: Store, row: Vocabulary, types: WordTypes) -> None:
    """Write the words of a language, whose vocabulary is stored."""
    columns = {name: getattr(row, name) for name in ("model", "task", "split", "examples_limit", "iso639_3")}
    columns |= {"unknown_id": types.unknown_id, "words": types.words.astype("<u8").tobytes()}
    _replace_made(store, WORDS, "word_types", [columns])


def read_words(store: Store, chosen: MeasuredSet) -> dict[str, WordTypes]:
    """The words of all languages of a set of vocabularies, by ISO 639-3 code; those of older versions have none."""
    where = {"model": chosen.model, "task": chosen.data, "split": chosen.split, "examples_limit": chosen.limit}
    if not _is_made(store, "word_types"):
        return {}
    columns = "iso639_3, unknown_id, words"
    rows = store.query(f"SELECT {columns} FROM word_types WHERE {equal_columns(where)}", where)
    with store.decoding():
        return {language: WordTypes(unknown, np.frombuffer(blob, dtype="<u8")) for language, unknown, blob in rows}


def _is_made(store: Store, table: str) -> bool:
    return bool(store.query("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)))


def _replace_made(store: Store, statement: str, table: str, rows: Iterable[Mapping[str, object]]) -> None:
    with store.transaction() as connection:
        connection.execute(statement)
        insert(connection, table, rows, conflict="REPLACE")
