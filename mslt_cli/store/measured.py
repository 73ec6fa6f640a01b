"""What `mslt fetch vocab`, `mslt fetch embeddings` and `mslt probe` measured: rows ↔ records, see schema.sql."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mslt_cli.store.db import Row, Store, insert


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


class Vocabulary(NamedTuple):
    """One row of vocabularies: the tokens that a model's tokenizer makes of a language's data."""

    model: str
    task: str
    split: str
    iso639_3: str
    tokenizer_sha256: str
    data_sha256: str
    examples_limit: int
    """Rows that were read, at most; 0 = all."""
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


class Embedding(NamedTuple):
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


class StoredProbe(NamedTuple):
    """One row of probes."""

    weights_sha256: str
    label: str
    model: str
    run_id: str
    corpus: str
    split: str
    languages: tuple[str, ...]
    """ISO 639-3, sorted."""
    pooling: str
    """See `Measure.how`. Versions before said nothing of CKA and of centroids where they were biased."""
    layer: int
    metric: str
    a: str
    """ISO 639-3; empty = all languages together."""
    b: str
    value: float
    low: float | None
    high: float | None
    n: int
    data_sha256: str
    mslt_version: str
    measured_at: str


def save_vocabulary(store: Store, row: Vocabulary) -> None:
    """Write one language's vocabulary in place of an older one."""
    _replace(store, "vocabularies", [row._asdict() | {"token_bits": row.token_bits.tobytes()}])


def read_vocabularies(store: Store, model: str, task: str, split: str, limit: int = 0) -> dict[str, Vocabulary]:
    """The vocabularies of all languages that have one, by ISO 639-3 code."""
    chosen = {"model": model, "task": task, "split": split, "examples_limit": limit}
    rows = store.read(Vocabulary, f"vocabularies WHERE {equal_columns(chosen)}", chosen)
    with store.decoding():
        return {row.iso639_3: row._replace(token_bits=np.frombuffer(row.token_bits, dtype=np.uint8)) for row in rows}


def vocabulary_sets(store: Store) -> list[MeasuredSet]:
    """What has been measured, sorted by model, task, split and limit."""
    columns = "model, task, split, examples_limit"
    rows = store.query(f"SELECT {columns}, count(*) FROM vocabularies GROUP BY {columns} ORDER BY {columns}")
    return [MeasuredSet(*row) for row in rows]


def save_embeddings(store: Store, embeddings: Iterable[Embedding]) -> None:
    """Write embeddings in place of older ones: all of them or none."""
    rows = (
        {name: value for name, value in row._asdict().items() if name not in ("set", "vector")}
        | set_columns(row.set)
        | {"last_layer": row.set.last_layer, "dimensions": len(row.vector)}
        | {"embedding": row.vector.astype("<f4").tobytes()}
        for row in embeddings
    )
    _replace(store, "embeddings", rows)


def read_embeddings(store: Store, chosen: MeasuredSet, layer: int) -> dict[str, Embedding]:
    """The mean embeddings of all languages that have one, in one layer, by ISO 639-3 code."""
    where = set_columns(chosen) | {"layer": layer}
    rows = store.query(
        "SELECT iso639_3, weights_sha256, data_sha256, sentences, embedding, mslt_version, measured_at"
        f" FROM embeddings WHERE {equal_columns(where)}",
        where,
    )
    embeddings = [Embedding(chosen, layer, *row) for row in rows]
    with store.decoding():
        return {row.iso639_3: row._replace(vector=np.frombuffer(row.vector, dtype="<f4")) for row in embeddings}


def embedding_sets(store: Store) -> list[MeasuredSet]:
    """What has been measured, sorted by model and corpus; the layers of a set count once."""
    by, of_set = "model, corpus, split", "prefix, special_tokens, examples_limit, last_layer"
    rows = store.query(
        f"SELECT {by}, examples_limit, count(DISTINCT iso639_3), prefix, special_tokens, last_layer"
        f" FROM embeddings GROUP BY {by}, {of_set} ORDER BY {by}, {of_set}"
    )
    return [MeasuredSet(*row)._replace(special_tokens=bool(row[6])) for row in rows]


def save_probes(store: Store, probes: Iterable[StoredProbe]) -> None:
    """Write what was measured, in place of what was measured in the same way: all of it or nothing."""
    _replace(store, "probes", probes)


def read_probes(store: Store) -> list[StoredProbe]:
    """What was measured, by model, layer and pair."""
    return store.read(StoredProbe, "probes ORDER BY label, weights_sha256, corpus, languages, metric, layer, a, b")


def _replace(store: Store, table: str, rows: Iterable[Row]) -> None:
    ready = list(rows)  # whatever makes them, the store is not locked meanwhile
    with store.transaction() as connection:
        insert(connection, table, ready, conflict="REPLACE")


def set_columns(chosen: MeasuredSet) -> dict[str, Any]:
    """What tells the rows of a set of embeddings from those of others."""
    columns = {name: getattr(chosen, name) for name in ("model", "split", "prefix", "special_tokens")}
    return columns | {"corpus": chosen.data, "examples_limit": chosen.limit}


def equal_columns(chosen: Iterable[str]) -> str:
    """The condition that columns have the values of the parameters of the same names; rows by language."""
    return " AND ".join(f"{name} = :{name}" for name in chosen) + " ORDER BY iso639_3"
