"""What models make of languages, as `mslt fetch vocab` and `mslt fetch embeddings` measured it: rows ↔ records."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mslt_cli.store.db import Store

MEASURED_SCHEMA = 3
"""The schema that has these tables: nothing is measured in an older store."""


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
    values = (*(getattr(row, name) for name in _VOCABULARY[:-3]), row.token_bits.tobytes(), row.mslt_version)
    with store.transaction() as connection:
        connection.execute(
            f"INSERT OR REPLACE INTO vocabularies ({', '.join(_VOCABULARY)}) VALUES ({_marks(_VOCABULARY)})",
            (*values, row.measured_at),
        )


def read_vocabularies(
    store: Store, model: str, task: str, split: str, limit: int = 0, codes: Sequence[str] | None = None
) -> dict[str, Vocabulary]:
    """The vocabularies of some languages, or of all that have one, by ISO 639-3 code."""
    some = "" if codes is None else " AND iso639_3 IN (SELECT value FROM json_each(:codes))"
    rows = store.query(
        f"SELECT {', '.join(_VOCABULARY)} FROM vocabularies"
        f" WHERE model = :model AND task = :task AND split = :split AND examples_limit = :limit{some}"
        " ORDER BY iso639_3",
        {"model": model, "task": task, "split": split, "limit": limit, "codes": json.dumps(list(codes or ()))},
    )
    found = {}
    for row in rows:
        values = dict(zip(_VOCABULARY, row, strict=True))
        values["token_bits"] = np.frombuffer(values["token_bits"], dtype=np.uint8)
        found[values["iso639_3"]] = Vocabulary(**values)
    return found


def vocabulary_sets(store: Store) -> list[VocabularySet]:
    """What has been measured, sorted by model, task, split and limit."""
    if store.schema_version < MEASURED_SCHEMA:
        return []
    rows = store.query(
        "SELECT model, task, split, examples_limit, count(*) FROM vocabularies"
        " GROUP BY model, task, split, examples_limit ORDER BY model, task, split, examples_limit"
    )
    return [VocabularySet(*row) for row in rows]


def save_embeddings(store: Store, rows: Sequence[Embedding]) -> None:
    """Write embeddings in place of older ones: all of them or none."""
    with store.transaction() as connection:
        connection.executemany(
            f"INSERT OR REPLACE INTO embeddings ({', '.join(_EMBEDDING)}) VALUES ({_marks(_EMBEDDING)})",
            [
                (
                    *(row.set.model, row.set.corpus, row.set.split, row.set.prefix, int(row.set.special_tokens)),
                    *(row.layer, row.set.last_layer, row.iso639_3, row.weights_sha256, row.data_sha256),
                    *(row.set.limit, row.sentences, len(row.vector), row.vector.astype("<f4").tobytes()),
                    *(row.mslt_version, row.measured_at),
                )
                for row in rows
            ],
        )


def read_embeddings(
    store: Store, chosen: EmbeddingSet, layer: int, codes: Sequence[str] | None = None
) -> dict[str, Embedding]:
    """The mean embeddings of some languages, or of all that have one, in one layer, by ISO 639-3 code."""
    some = "" if codes is None else " AND iso639_3 IN (SELECT value FROM json_each(:codes))"
    rows = store.query(
        "SELECT iso639_3, weights_sha256, data_sha256, sentences, embedding, mslt_version, measured_at"
        " FROM embeddings WHERE model = :model AND corpus = :corpus AND split = :split AND prefix = :prefix"
        f" AND special_tokens = :special AND examples_limit = :limit AND layer = :layer{some} ORDER BY iso639_3",
        {
            **{"model": chosen.model, "corpus": chosen.corpus, "split": chosen.split, "prefix": chosen.prefix},
            **{
                "special": int(chosen.special_tokens),
                "limit": chosen.limit,
                "layer": layer,
                "codes": json.dumps(list(codes or ())),
            },
        },
    )
    return {
        code: Embedding(
            *(chosen, layer, code, weights, data, sentences),
            *(np.frombuffer(vector, dtype="<f4"), version, measured_at),
        )
        for code, weights, data, sentences, vector, version, measured_at in rows
    }


def embedding_sets(store: Store) -> list[EmbeddingSet]:
    """What has been measured, sorted by model and corpus; the layers of a set count once."""
    if store.schema_version < MEASURED_SCHEMA:
        return []
    columns = "model, corpus, split, prefix, special_tokens, examples_limit, last_layer"
    rows = store.query(
        f"SELECT {columns}, count(DISTINCT iso639_3) FROM embeddings GROUP BY {columns} ORDER BY {columns}"
    )
    return [
        EmbeddingSet(model, corpus, split, prefix, bool(special), limit, last, languages)
        for model, corpus, split, prefix, special, limit, last, languages in rows
    ]


_VOCABULARY = (
    *(
        "model",
        "task",
        "split",
        "iso639_3",
        "tokenizer_sha256",
        "data_sha256",
        "examples_limit",
        "examples",
        "sentences",
    ),
    *(
        "words",
        "characters",
        "tokens",
        "unknown_tokens",
        "distinct_tokens",
        "token_bits",
        "mslt_version",
        "measured_at",
    ),
)
_EMBEDDING = (
    *("model", "corpus", "split", "prefix", "special_tokens", "layer", "last_layer", "iso639_3", "weights_sha256"),
    *("data_sha256", "examples_limit", "sentences", "dimensions", "embedding", "mslt_version", "measured_at"),
)


def _marks(columns: Sequence[Any]) -> str:
    return ", ".join("?" * len(columns))
