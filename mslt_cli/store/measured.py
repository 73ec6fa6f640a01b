"""What models make of languages, as `mslt fetch vocab` and `mslt fetch embeddings` measured it: rows ↔ records."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mslt_cli.store.db import Store, insert


@dataclass(frozen=True)
class Vocabulary:
    """One row of vocabularies: the tokens that a model's tokenizer makes of a language's data."""

    model: str
    task: str
    split: str
    iso639_3: str
    tokenizer_sha256: str
    data_sha256: str
    examples_limit: int
    """Rows that were read, at most; 0 = all. What is measured on some rows takes no other measurement's place."""
    examples: int
    sentences: int
    words: int
    """As the data split them, else by white space: meaningless where a script writes none."""
    characters: int
    tokens: int
    unknown_tokens: int
    distinct_tokens: int
    token_bits: NDArray[np.uint8]
    """Bit i is 1 if token id i occurs; eight a byte, the first one highest."""
    mslt_version: str
    measured_at: str

    @property
    def fertility(self) -> float | None:
        """Tokens a word; None without words."""
        return self.tokens / self.words if self.words else None

    @property
    def unknown_share(self) -> float:
        """Share of the tokens that stand for text the vocabulary cannot spell, 0..1."""
        return self.unknown_tokens / self.tokens if self.tokens else 0.0


@dataclass(frozen=True)
class VocabularySet:
    """The vocabularies of one model and task in one split: what `select --by vocab` reads."""

    model: str
    task: str
    split: str
    limit: int
    """Rows a language, at most; 0 = all."""
    languages: int

    @property
    def data(self) -> str:
        """Whose text was read."""
        return self.task


@dataclass(frozen=True)
class EmbeddingSet:
    """The embeddings of one model and corpus in one layer: what `select --by embedding` reads."""

    model: str
    corpus: str
    split: str
    prefix: str
    special_tokens: bool
    limit: int
    last_layer: int
    languages: int

    @property
    def data(self) -> str:
        """Whose text was read."""
        return self.corpus


@dataclass(frozen=True)
class Embedding:
    """One row of embeddings: the mean of a language's sentence embeddings in one layer."""

    set: EmbeddingSet
    layer: int
    iso639_3: str
    weights_sha256: str
    data_sha256: str
    sentences: int
    vector: NDArray[np.float32]
    mslt_version: str
    measured_at: str


def save_vocabulary(store: Store, row: Vocabulary) -> None:
    """Write one language's vocabulary in place of an older one."""
    with store.transaction() as connection:
        insert(connection, "vocabularies", [vars(row) | {"token_bits": row.token_bits.tobytes()}], conflict="REPLACE")


def read_vocabularies(
    store: Store, model: str, task: str, split: str, limit: int = 0, codes: Sequence[str] | None = None
) -> dict[str, Vocabulary]:
    """The vocabularies of some languages, or of all that have one, by ISO 639-3 code."""
    chosen = {"model": model, "task": task, "split": split, "examples_limit": limit}
    columns = [field.name for field in fields(Vocabulary)]
    vocabularies = {}
    for row in _read(store, "vocabularies", columns, chosen, codes):
        bits = np.frombuffer(row["token_bits"], dtype=np.uint8)
        vocabularies[row["iso639_3"]] = Vocabulary(**row | {"token_bits": bits})
    return vocabularies


def vocabulary_sets(store: Store) -> list[VocabularySet]:
    """What has been measured, sorted by model, task, split and limit."""
    rows = store.query(
        "SELECT model, task, split, examples_limit, count(*) FROM vocabularies"
        " GROUP BY model, task, split, examples_limit ORDER BY model, task, split, examples_limit"
    )
    return [VocabularySet(*row) for row in rows]


def save_embeddings(store: Store, rows: Iterable[Embedding]) -> None:
    """Write embeddings in place of older ones: all of them or none."""
    with store.transaction() as connection:
        insert(connection, "embeddings", map(_embedding_row, rows), conflict="REPLACE")


def _embedding_row(row: Embedding) -> dict[str, Any]:
    columns = {name: getattr(row, name) for name in ("layer", "iso639_3", *_OF_EMBEDDING)}
    vector = {"dimensions": len(row.vector), "embedding": row.vector.astype("<f4").tobytes()}
    return _set_columns(row.set) | {"last_layer": row.set.last_layer} | columns | vector


def _set_columns(chosen: EmbeddingSet) -> dict[str, Any]:
    """What tells the rows of a set from those of others."""
    columns = {name: getattr(chosen, name) for name in ("model", "corpus", "split", "prefix")}
    return columns | {"special_tokens": int(chosen.special_tokens), "examples_limit": chosen.limit}


def read_embeddings(
    store: Store, chosen: EmbeddingSet, layer: int, codes: Sequence[str] | None = None
) -> dict[str, Embedding]:
    """The mean embeddings of some languages, or of all that have one, in one layer, by ISO 639-3 code."""
    rows = _read(
        store, "embeddings", ["iso639_3", "embedding", *_OF_EMBEDDING], _set_columns(chosen) | {"layer": layer}, codes
    )
    embeddings = {}
    for row in rows:
        vector = np.frombuffer(row.pop("embedding"), dtype="<f4")
        embeddings[row["iso639_3"]] = Embedding(set=chosen, layer=layer, vector=vector, **row)
    return embeddings


def embedding_sets(store: Store) -> list[EmbeddingSet]:
    """What has been measured, sorted by model and corpus; the layers of a set count once."""
    columns = "model, corpus, split, prefix, special_tokens, examples_limit, last_layer"
    rows = store.query(
        f"SELECT {columns}, count(DISTINCT iso639_3) FROM embeddings GROUP BY {columns} ORDER BY {columns}"
    )
    return [replace(EmbeddingSet(*row), special_tokens=bool(row[4])) for row in rows]


def _read(
    store: Store, table: str, columns: Sequence[str], chosen: Mapping[str, Any], codes: Sequence[str] | None
) -> list[dict[str, Any]]:
    """The rows of a table that have the chosen values, of some languages or of all, sorted by language."""
    where = [f"{name} = :{name}" for name in chosen]
    if codes is not None:
        where.append("iso639_3 IN (SELECT value FROM json_each(:codes))")
    rows = store.query(
        f"SELECT {', '.join(columns)} FROM {table} WHERE {' AND '.join(where)} ORDER BY iso639_3",
        {**chosen, "codes": json.dumps(list(codes or ()))},
    )
    return [dict(zip(columns, row, strict=True)) for row in rows]


_OF_EMBEDDING = ("weights_sha256", "data_sha256", "sentences", "mslt_version", "measured_at")
