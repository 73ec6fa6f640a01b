"""What models make of languages, as `mslt fetch vocab` and `mslt fetch embeddings` measured it: rows ↔ records."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mslt_cli.store.db import Store, insert


class MeasuredSet(NamedTuple):
    """The vocabularies or embeddings of one model and one task or corpus, measured in one way; `select` reads one."""

    model: str
    data: str
    """The task or corpus whose text was read."""
    split: str
    limit: int
    """Rows a language, at most; 0 = all."""
    languages: int
    """How many of them were measured."""
    prefix: str = ""
    """Put before each sentence that was embedded; this and the following tell sets of embeddings apart."""
    special_tokens: bool = True
    last_layer: int = 0


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
class Embedding:
    """One row of embeddings: the mean of a language's sentence embeddings in one layer."""

    set: MeasuredSet
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


def read_vocabularies(store: Store, model: str, task: str, split: str, limit: int = 0) -> dict[str, Vocabulary]:
    """The vocabularies of all languages that have one, by ISO 639-3 code."""
    chosen = {"model": model, "task": task, "split": split, "examples_limit": limit}
    rows = store.read([field.name for field in fields(Vocabulary)], f"vocabularies WHERE {_equal(chosen)}", chosen)
    return {
        row["iso639_3"]: Vocabulary(**row | {"token_bits": np.frombuffer(row["token_bits"], dtype=np.uint8)})
        for row in rows
    }


def vocabulary_sets(store: Store) -> list[MeasuredSet]:
    """What has been measured, sorted by model, task, split and limit."""
    columns = "model, task, split, examples_limit"
    rows = store.query(f"SELECT {columns}, count(*) FROM vocabularies GROUP BY {columns} ORDER BY {columns}")
    return [MeasuredSet(*row) for row in rows]


def save_embeddings(store: Store, embeddings: Iterable[Embedding]) -> None:
    """Write embeddings in place of older ones: all of them or none."""
    rows = (
        _set_columns(embedding.set)
        | {name: getattr(embedding, name) for name in ("layer", "iso639_3", *OF_EMBEDDING)}
        | {"last_layer": embedding.set.last_layer, "dimensions": len(embedding.vector)}
        | {"embedding": embedding.vector.astype("<f4").tobytes()}
        for embedding in embeddings
    )
    with store.transaction() as connection:
        insert(connection, "embeddings", rows, conflict="REPLACE")


def read_embeddings(store: Store, chosen: MeasuredSet, layer: int) -> dict[str, Embedding]:
    """The mean embeddings of all languages that have one, in one layer, by ISO 639-3 code."""
    where = _set_columns(chosen) | {"layer": layer}
    rows = store.read(("iso639_3", "embedding", *OF_EMBEDDING), f"embeddings WHERE {_equal(where)}", where)
    embeddings = {}
    for row in rows:
        vector = np.frombuffer(row.pop("embedding"), dtype="<f4")
        embeddings[row["iso639_3"]] = Embedding(set=chosen, layer=layer, vector=vector, **row)
    return embeddings


def embedding_sets(store: Store) -> list[MeasuredSet]:
    """What has been measured, sorted by model and corpus; the layers of a set count once."""
    by, of_set = "model, corpus, split", "prefix, special_tokens, examples_limit, last_layer"
    rows = store.query(
        f"SELECT {by}, examples_limit, count(DISTINCT iso639_3), prefix, special_tokens, last_layer"
        f" FROM embeddings GROUP BY {by}, {of_set} ORDER BY {by}, {of_set}"
    )
    return [MeasuredSet(*row)._replace(special_tokens=bool(row[6])) for row in rows]


def _set_columns(chosen: MeasuredSet) -> dict[str, Any]:
    """What tells the rows of a set of embeddings from those of others."""
    columns = {name: getattr(chosen, name) for name in ("model", "split", "prefix", "special_tokens")}
    return columns | {"corpus": chosen.data, "examples_limit": chosen.limit}


def _equal(chosen: Iterable[str]) -> str:
    """The condition that columns have the values of the parameters of the same names; rows by language."""
    return " AND ".join(f"{name} = :{name}" for name in chosen) + " ORDER BY iso639_3"


OF_EMBEDDING = ("weights_sha256", "data_sha256", "sentences", "mslt_version", "measured_at")
"""Columns of embeddings that are fields of `Embedding`."""
