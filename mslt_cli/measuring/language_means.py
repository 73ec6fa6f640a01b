"""`fetch_embeddings`: embeds each language's sentences with a model, and stores their mean by layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter

import numpy as np

from mslt_cli import __version__
from mslt_cli.data.prepared import load
from mslt_cli.data.splits import ensure_data
from mslt_cli.errors import UsageError
from mslt_cli.measuring.sentence_vectors import count_layers
from mslt_cli.models.find import Model
from mslt_cli.models.folder import weights_sha256
from mslt_cli.probing.embeddings import EmbeddingOptions, embedding_batches, mean_embeddings
from mslt_cli.progress import QUIET, Progress
from mslt_cli.store.db import Store
from mslt_cli.store.measured import Embedding, MeasuredSet, read_embeddings, save_embeddings
from mslt_cli.tasks.task import Task


@dataclass(frozen=True)
class EmbeddingReport:
    """The mean embeddings that a store has after `fetch_embeddings`."""

    embeddings: tuple[Embedding, ...]
    """One for each language, in the last layer; the layers before it are stored as well."""
    new: frozenset[str]
    """ISO 639-3 codes of the languages that were measured now."""
    sentences_per_s: float | None
    """While the model ran; None if nothing was measured."""


def fetch_embeddings(
    store: Store,
    model: Model,
    corpus: Task,
    languages: Sequence[str] = (),
    *,
    split: str | None = None,
    limit: int | None = None,
    options: EmbeddingOptions = EmbeddingOptions(),
    force: bool = False,
    progress: Progress = QUIET,
) -> EmbeddingReport:
    """Measure and store each language's mean sentence embedding in every layer, unless what is stored still holds.

    Args:
        store: open to write.
        corpus: the task whose sentences are embedded; missing data are fetched.
        languages: in any spelling. Default: those whose data are in the cache, else the task's sources and targets.
        split: default: the task's training split, or its only one.
        limit: rows of each language, from the first; default: all.
        force: measure again what is stored.

    Raises:
        DataError, FetchError, UnknownNameError: as `ensure_data`.
        ModelError: the model cannot be loaded, or gives no finite numbers.
        MissingPackageError: torch or transformers is not installed.
    """
    split = split or corpus.training
    if limit is not None and limit < 1:
        raise UsageError(f"--limit is {limit}; it has to be at least 1.")
    records = ensure_data(corpus, languages, split, progress=progress)
    fingerprint = weights_sha256(model.folder)
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
    still_hold = {(e.iso639_3, e.data_sha256) for e in stored.values() if e.weights_sha256 == fingerprint and not force}
    todo = [record for record in records if (record.language, record.content_sha256) not in still_hold]
    speed = None
    if todo:
        from mslt_cli.models.loading import load_encoder

        with progress.step(f"load {model.name}"):
            tokenizer, network = load_encoder(model.folder, device=options.device)
        texts = [corpus.sentences(load(corpus, record).head(limit or record.rows)) for record in todo]
        n = sum(map(len, texts))
        started = perf_counter()
        with progress.step(f"embed {corpus.name}", n, "sentences") as step:
            for record, own in zip(todo, texts, strict=True):
                batches = embedding_batches(network, tokenizer, own, options, "all", progress.note)
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
                    for layer, mean in mean_embeddings(batches, step).items()
                ]
                save_embeddings(store, rows)
                stored[record.language] = rows[chosen.last_layer]
        speed = n / (perf_counter() - started)
    return EmbeddingReport(tuple(stored[r.language] for r in records), frozenset(r.language for r in todo), speed)
