"""`fetch_embeddings`: embeds each language's sentences with a model, and stores their mean by layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from mslt_cli import __version__
from mslt_cli.data.prepared import load
from mslt_cli.data.splits import ensure_data
from mslt_cli.errors import UsageError
from mslt_cli.models.find import Model
from mslt_cli.models.folder import weights_sha256
from mslt_cli.progress import QUIET, Progress, Step
from mslt_cli.store.db import Store
from mslt_cli.store.measured import Embedding, EmbeddingSet, read_embeddings, save_embeddings
from mslt_cli.tasks.task import Task
from mslt_cli.tasks.texts import sentences


@dataclass(frozen=True)
class EmbeddingReport:
    """What `fetch_embeddings` did."""

    set: EmbeddingSet
    embeddings: tuple[Embedding, ...]
    """Of the last layer, one a language."""
    layers: int
    """Layers that are stored for each language, the embedding layer among them."""
    new: frozenset[str]
    """ISO 639-3 codes of those that were measured now."""
    sentences_per_s: float | None
    """While the model ran; None if nothing was measured."""
    notes: tuple[str, ...]


def fetch_embeddings(
    store: Store,
    model: Model,
    corpus: Task,
    languages: Sequence[str] = (),
    *,
    split: str | None = None,
    limit: int | None = None,
    prefix: str = "",
    special_tokens: bool = True,
    device: str | None = None,
    force: bool = False,
    progress: Progress = QUIET,
) -> EmbeddingReport:
    """Measure and store each language's mean sentence embedding in every layer; what is stored and still holds stays.

    Args:
        store: open to write.
        model: embeds.
        corpus: the task whose sentences are embedded; they are fetched where they are missing.
        languages: ISO 639-3 codes. Default: those whose data are in the cache, else the task's sources and targets.
        split: default: what is trained on, or the only one.
        limit: rows a language, from the first; default: all.
        prefix: put before each sentence ("query: " for e5 models).
        special_tokens: whether the mean takes in `<s>` and its like.
        device: cpu, cuda; default: the GPU if there is one.
        force: measure again what is stored.
        progress: hears of it.

    Raises:
        DataError, FetchError, UnknownNameError: as `ensure_data`.
        ModelError: the model cannot be loaded, or gives no finite numbers.
        MissingPackageError: torch or transformers is not installed.
    """
    split = split or corpus.training
    if limit is not None and limit < 1:
        raise UsageError(f"--limit is {limit}; it has to be at least 1.")
    found, notes = ensure_data(corpus, languages, split, progress=progress)
    fingerprint = weights_sha256(model.folder)
    last = int(model.files.config["num_hidden_layers" if "num_hidden_layers" in model.files.config else "n_layer"])
    chosen = EmbeddingSet(model.name, corpus.variant, split, prefix, special_tokens, limit or 0, last, len(found))
    stored = read_embeddings(store, chosen, last)
    todo = [
        record
        for record in found
        if force
        or (known := stored.get(record.language)) is None
        or (known.weights_sha256, known.data_sha256) != (fingerprint, record.content_sha256)
    ]
    speed = None
    if todo:
        from mslt_cli.models.encoder import load_encoder
        from mslt_cli.probing.embeddings import embedding_batches, mean_of_batches

        with progress.step(f"load {model.name}"):
            tokenizer, network = load_encoder(model.folder, device=device)
        texts = {r.language: sentences(corpus, load(corpus, r).head(limit) if limit else load(corpus, r)) for r in todo}
        started = datetime.now(UTC)
        with progress.step(f"embed {corpus.name}", sum(map(len, texts.values())), "sentences") as step:
            for record in todo:
                batches = embedding_batches(
                    *(network, tokenizer, texts[record.language]),
                    layers="all",
                    prefix=prefix,
                    special_tokens=special_tokens,
                    progress=_Within(progress, step),
                )
                now = datetime.now(UTC).isoformat(timespec="seconds")
                rows = [
                    Embedding(
                        *(chosen, layer, record.language, fingerprint, record.content_sha256),
                        *(len(texts[record.language]), mean.astype(np.float32), __version__, now),
                    )
                    for layer, mean in mean_of_batches(batches).items()
                ]
                save_embeddings(store, rows)
                stored[record.language] = next(row for row in rows if row.layer == last)
        speed = sum(map(len, texts.values())) / (datetime.now(UTC) - started).total_seconds()
    return EmbeddingReport(
        chosen,
        tuple(stored[record.language] for record in found),
        last + 1,
        frozenset(record.language for record in todo),
        speed,
        notes,
    )


class _Within(Progress):
    """The progress of one language as a part of the whole."""

    def __init__(self, progress: Progress, whole: Step) -> None:
        self.progress, self.whole = progress, whole

    @contextmanager
    def step(self, what: str, total: float | None = None, unit: str = "") -> Iterator[Step]:
        yield self.whole

    def note(self, text: str) -> None:
        self.progress.note(text)
