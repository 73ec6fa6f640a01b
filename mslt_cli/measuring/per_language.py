"""`fetch_vocabularies` and `fetch_embeddings`: what a model makes of each language, measured once and stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from mslt_cli import __version__
from mslt_cli.data.prepared import Record, load
from mslt_cli.data.splits import ensure_data
from mslt_cli.errors import DataError, UsageError
from mslt_cli.measuring.sentence_vectors import count_layers
from mslt_cli.measuring.word_types import word_types
from mslt_cli.models.find import Model
from mslt_cli.models.folder import glues_words, read_tokenizer, tokenizer_sha256, unknown_id, weights_checksum
from mslt_cli.models.loading import load_encoder
from mslt_cli.probing.embeddings import Batch, EmbeddingOptions, embedding_batches, mean_embeddings
from mslt_cli.progress import QUIET, Progress
from mslt_cli.store.db import Store
from mslt_cli.store.measured import (
    Embedding,
    MeasuredSet,
    Vocabulary,
    read_embeddings,
    read_vocabularies,
    save_embeddings,
    save_vocabulary,
)
from mslt_cli.store.samples import SentenceSample, WordTypes, read_samples, read_words, save_samples, save_words
from mslt_cli.tasks.task import Task

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Row = TypeVar("Row", Vocabulary, Embedding)
BATCH = 2_000
"""Sentences that go to the tokenizer at once; its threads share them."""
SAMPLE = 100
"""Sentences of a language whose own vectors are kept."""


@dataclass(frozen=True)
class Measurements(Generic[Row]):
    """What a store has of some languages after they were measured."""

    rows: tuple[Row, ...]
    """One for each language; embeddings are those of the last layer, and the layers before it are stored as well."""
    new: frozenset[str]
    """ISO 639-3 codes of the languages that were measured now."""
    sentences_per_s: float | None = None
    """While a model embedded; None if it embedded nothing."""


def fetch_vocabularies(
    store: Store,
    model: Model,
    task: Task,
    languages: Sequence[str] = (),
    *,
    split: str | None = None,
    limit: int | None = None,
    force: bool = False,
    progress: Progress = QUIET,
) -> Measurements[Vocabulary]:
    """Measure and store the vocabulary of each language, unless what is stored still holds.

    Args:
        model: its tokenizer alone is needed.
        task: its data are read; missing data are fetched.
        languages: in any spelling. Default: those whose data are in the cache, else the task's sources and targets.
        split: default: the task's training split, or its only one.
        limit: rows of each language, from the first; default: all.
        force: measure again what is stored.

    Raises:
        DataError, FetchError, UnknownNameError: as `ensure_data`.
        ModelError: the tokenizer cannot be read.
        MissingPackageError: tokenizers is not installed.
    """
    split, records = _data_to_measure(task, languages, split, limit, progress)
    fingerprint = tokenizer_sha256(model.folder)
    stored = read_vocabularies(store, model.name, task.variant, split, limit or 0)
    held = {language: (row.tokenizer_sha256, row.data_sha256) for language, row in stored.items()}
    words = read_words(store, MeasuredSet(model.name, task.variant, split, limit or 0, len(stored)))
    todo = [
        record
        for record in records
        if force or held.get(record.language) != (fingerprint, record.content_sha256) or record.language not in words
    ]
    tokenizer = read_tokenizer(model.folder) if todo else None
    rows = sum(min(record.rows, limit or record.rows) for record in todo)
    with progress.step(f"tokenize {task.name} {split}", rows, "rows") as step:
        for record in todo:
            assert tokenizer is not None
            frame = load(task, record).head(limit or record.rows)
            texts, unknown = task.sentences(frame), unknown_id(tokenizer)
            counts, seen = count_tokens(tokenizer, texts, unknown)
            if not counts["tokens"]:
                raise DataError(f"{task.name} {split} in {record.code} has no text that {model.name} can read.")
            stored[record.language] = Vocabulary(
                model=model.name,
                task=task.variant,
                split=split,
                iso639_3=record.language,
                tokenizer_sha256=fingerprint,
                data_sha256=record.content_sha256,
                examples_limit=limit or 0,
                examples=frame.height,
                **counts,
                token_bits=np.packbits(seen),
                mslt_version=__version__,
                measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
            )
            save_vocabulary(store, stored[record.language])
            save_words(store, stored[record.language], WordTypes(unknown, word_types(texts)))
            step.advance(frame.height)
    return Measurements(tuple(stored[r.language] for r in records), frozenset(r.language for r in todo))


def fetch_embeddings(
    store: Store,
    model: Model,
    corpus: Task,
    languages: Sequence[str] = (),
    *,
    split: str | None = None,
    limit: int | None = None,
    sample: int = SAMPLE,
    options: EmbeddingOptions = EmbeddingOptions(),
    force: bool = False,
    progress: Progress = QUIET,
) -> Measurements[Embedding]:
    """Measure and store each language's mean sentence embedding in every layer, unless what is stored still holds.

    The corpus is the task whose sentences are embedded; all else is as in `fetch_vocabularies`. Of so many sentences of
    each language as `sample` says, drawn with a fixed seed, the embeddings themselves are kept as well.

    Raises:
        UsageError: sample is negative.
        DataError, FetchError, UnknownNameError: as `ensure_data`.
        ModelError: the model cannot be loaded, or gives no finite numbers.
        MissingPackageError: torch or transformers is not installed.
    """
    if sample < 0:
        raise UsageError(f"--sample is {sample}; it has to be at least 0.")
    split, records = _data_to_measure(corpus, languages, split, limit, progress)
    fingerprint = weights_checksum(model.folder)
    chosen = MeasuredSet(
        model=model.name,
        data=corpus.variant,
        split=split,
        prefix=options.prefix,
        special_tokens=options.special_tokens,
        limit=limit or 0,
        last_layer=count_layers(model.files.config),
        languages=len(records),
    )
    stored = read_embeddings(store, chosen, chosen.last_layer)
    held = {language: (row.weights_sha256, row.data_sha256) for language, row in stored.items()}
    kept = {language: len(own.vectors) for language, own in read_samples(store, chosen, chosen.last_layer).items()}
    todo = [
        record
        for record in records
        if force
        or held.get(record.language) != (fingerprint, record.content_sha256)
        or kept.get(record.language, 0) < min(sample, stored[record.language].sentences)
    ]
    speed = None
    if todo:
        with progress.step(f"load {model.name}"):
            tokenizer, network = load_encoder(model.folder, device=options.device)
        frames = [load(corpus, record).head(limit or record.rows) for record in todo]
        texts = [corpus.sentences_by_row(frame) for frame in frames]
        n = sum(map(len, texts))
        started = perf_counter()
        with progress.step(f"embed {corpus.name}", n, "sentences") as step:
            for record, frame, by_row in zip(todo, frames, texts, strict=True):
                own = [text for _, text in by_row]
                places = np.sort(np.random.default_rng(0).permutation(len(own))[:sample])
                ids = tuple(frame["id"][by_row[place][0]] for place in places.tolist()) if corpus.aligned else ()
                batches = embedding_batches(network, tokenizer, own, options, "all", progress.note)
                vectors: dict[int, NDArray[np.float32]] = {}
                rows = [
                    Embedding(
                        set=chosen,
                        layer=layer,
                        iso639_3=record.language,
                        weights_sha256=fingerprint,
                        data_sha256=record.content_sha256,
                        sentences=len(own),
                        vector=mean.astype(np.float32),
                        mslt_version=__version__,
                        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
                    )
                    for layer, mean in mean_embeddings(keep_some(batches, places, vectors), step).items()
                ]
                save_embeddings(store, rows)
                if sample:
                    save_samples(
                        store,
                        chosen,
                        record.language,
                        {layer: SentenceSample(ids, unit_rows(some)) for layer, some in vectors.items()},
                    )
                stored[record.language] = rows[chosen.last_layer]
        speed = n / (perf_counter() - started)
    return Measurements(tuple(stored[r.language] for r in records), frozenset(r.language for r in todo), speed)


def keep_some(
    batches: Iterable[Batch], places: NDArray[np.int64], vectors: dict[int, NDArray[np.float32]]
) -> Iterator[Batch]:
    """Pass batches on, and leave the embeddings of m places in `vectors`: by layer, shape (m, d), their order."""
    row_of = {place: row for row, place in enumerate(places.tolist())}
    for texts, by_layer in batches:
        some = [i for i, place in enumerate(texts) if place in row_of]
        rows = [row_of[texts[i]] for i in some]
        for layer, embeddings in by_layer.items():
            kept = vectors.setdefault(layer, np.empty((len(places), embeddings.shape[1]), np.float32))
            kept[rows] = embeddings[some]
        yield texts, by_layer


def unit_rows(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same directions at length 1, shape (m, d); a zero stays what it is."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(lengths == 0, 1, lengths)).astype(np.float32)


def _data_to_measure(
    task: Task, languages: Sequence[str], split: str | None, limit: int | None, progress: Progress
) -> tuple[str, list[Record]]:
    split = split or task.training
    if limit is not None and limit < 1:
        raise UsageError(f"--limit is {limit}; it has to be at least 1.")
    return split, ensure_data(task, languages, split, progress=progress)


def count_tokens(
    tokenizer: Tokenizer, texts: Sequence[str] | Sequence[list[str]], unknown: int | None
) -> tuple[dict[str, int], NDArray[np.bool_]]:
    """Tokenize sentences or lists of words, without the special tokens that a model puts around them.

    `unknown` is the tokenizer's `unknown_id`.

    Returns:
        Counts by the columns of a `Vocabulary`; and whether each token id occurs, shape (vocabulary size,).
    """
    seen = np.zeros(tokenizer.get_vocab_size(with_added_tokens=True), dtype=bool)
    counts = {"sentences": len(texts), "words": 0, "characters": 0, "tokens": 0, "unknown_tokens": 0}
    glues = bool(texts) and not isinstance(texts[0], str) and glues_words(tokenizer)
    for at in range(0, len(texts), BATCH):
        batch = [" ".join(text) if glues else text for text in texts[at : at + BATCH]]
        split_already = not isinstance(batch[0], str)
        encoded = tokenizer.encode_batch_fast(batch, is_pretokenized=split_already, add_special_tokens=False)
        ids = np.fromiter((i for item in encoded for i in item.ids), dtype=np.int64)
        seen[ids] = True
        counts["tokens"] += len(ids)
        counts["unknown_tokens"] += int((ids == unknown).sum()) if unknown is not None else 0
        for text in batch:
            words = text.split() if isinstance(text, str) else text
            counts["words"] += len(words)
            counts["characters"] += sum(map(len, words))
    return counts | {"distinct_tokens": int(seen.sum())}, seen
