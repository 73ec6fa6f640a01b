"""`fetch_vocabularies`: reads each language's data with a model's tokenizer, and stores which tokens occur."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mslt_cli import __version__
from mslt_cli.data.prepared import Record, load
from mslt_cli.data.splits import ensure_data
from mslt_cli.errors import DataError, UsageError
from mslt_cli.models.find import Model
from mslt_cli.models.folder import tokenizer_sha256
from mslt_cli.models.tokenizer import glues_words, read_tokenizer, unknown_id
from mslt_cli.progress import QUIET, Progress
from mslt_cli.store.db import Store
from mslt_cli.store.measured import Vocabulary, read_vocabularies, save_vocabulary
from mslt_cli.tasks.task import Task
from mslt_cli.tasks.texts import sentences

if TYPE_CHECKING:
    from tokenizers import Tokenizer

BATCH = 2_000
"""Sentences that go to the tokenizer at once; its threads share them."""


@dataclass(frozen=True)
class Counts:
    """What a tokenizer makes of texts."""

    sentences: int
    words: int
    characters: int
    tokens: int
    unknown_tokens: int
    seen: NDArray[np.bool_]
    """Whether each token id occurs, shape (vocabulary size,)."""


@dataclass(frozen=True)
class VocabularyReport:
    """What `fetch_vocabularies` did."""

    vocabularies: tuple[Vocabulary, ...]
    new: frozenset[str]
    """ISO 639-3 codes of those that were measured now."""
    notes: tuple[str, ...]


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
) -> VocabularyReport:
    """Measure and store the vocabulary of each language; those that are stored and still hold are not read again.

    Args:
        store: open to write.
        model: its tokenizer reads.
        task: its data are read; they are fetched where they are missing.
        languages: ISO 639-3 codes. Default: those whose data are in the cache, else the task's sources and targets.
        split: default: what is trained on.
        limit: rows a language, from the first; default: all.
        force: measure again what is stored.
        progress: hears of it.

    Raises:
        DataError, FetchError, UnknownNameError: as `ensure_data`.
        ModelError: the tokenizer cannot be read.
        MissingPackageError: tokenizers is not installed.
    """
    split = split or task.training
    if limit is not None and limit < 1:
        raise UsageError(f"--limit is {limit}; it has to be at least 1.")
    records, notes = ensure_data(task, languages, split, progress=progress)
    fingerprint = tokenizer_sha256(model.folder)
    stored = read_vocabularies(store, model.name, task.variant, split, limit or 0)
    todo = [record for record in records if force or not _holds(stored.get(record.language), record, fingerprint)]
    tokenizer = read_tokenizer(model.folder) if todo else None
    unknown = unknown_id(tokenizer) if tokenizer is not None else None
    with progress.step(f"tokenize {task.name} {split}", sum(_rows(r, limit) for r in todo), "rows") as step:
        for record in todo:
            assert tokenizer is not None
            frame = load(task, record).head(limit) if limit else load(task, record)
            counts = count_tokens(tokenizer, sentences(task, frame), unknown)
            if not counts.tokens:
                raise DataError(f"{task.name} {split} in {record.code} has no text that {model.name} can read.")
            vocabulary = Vocabulary(
                *(model.name, task.variant, split, record.language, fingerprint, record.content_sha256, limit or 0),
                *(frame.height, counts.sentences, counts.words, counts.characters, counts.tokens),
                *(counts.unknown_tokens, int(counts.seen.sum()), np.packbits(counts.seen)),
                *(__version__, datetime.now(UTC).isoformat(timespec="seconds")),
            )
            save_vocabulary(store, vocabulary)
            stored[record.language] = vocabulary
            step.advance(frame.height)
    chosen = tuple(stored[record.language] for record in records)
    return VocabularyReport(chosen, frozenset(record.language for record in todo), notes)


def count_tokens(
    tokenizer: Tokenizer, texts: Sequence[str] | Sequence[list[str]], unknown: int | None = None
) -> Counts:
    """Tokenize texts, without the special tokens that a model puts around them; all cores share the work.

    Args:
        tokenizer: as `read_tokenizer` gives it.
        texts: sentences, or lists of words.
        unknown: as `unknown_id` gives it.
    """
    size = tokenizer.get_vocab_size(with_added_tokens=True)
    seen = np.zeros(size, dtype=bool)
    tokens = unknown_tokens = n_words = characters = 0
    split_already = bool(texts) and not isinstance(texts[0], str)
    given: Sequence[Any] = texts
    if split_already and glues_words(tokenizer):
        given, split_already = [" ".join(words) for words in texts], False
    for at in range(0, len(given), BATCH):
        batch = list(given[at : at + BATCH])
        encoded = tokenizer.encode_batch_fast(batch, is_pretokenized=split_already, add_special_tokens=False)
        ids = np.fromiter((i for item in encoded for i in item.ids), dtype=np.int64)
        seen[ids] = True
        tokens += len(ids)
        unknown_tokens += int((ids == unknown).sum()) if unknown is not None else 0
        for text in batch:
            parts = text if split_already else text.split()
            n_words += len(parts)
            characters += sum(map(len, parts))
    return Counts(len(texts), n_words, characters, tokens, unknown_tokens, seen)


def _holds(known: Vocabulary | None, record: Record, fingerprint: str) -> bool:
    return known is not None and (known.tokenizer_sha256, known.data_sha256) == (fingerprint, record.content_sha256)


def _rows(record: Record, limit: int | None) -> int:
    return min(record.rows, limit) if limit else record.rows
