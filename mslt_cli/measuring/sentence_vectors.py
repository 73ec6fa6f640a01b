"""Sentences that all languages of a corpus have, and their embeddings by a model or a run.

Embeddings are made once: there is one file for each layer, in the cache (below HF_HOME) or beside the run. Its name
states all that it depends on: mslt/probe/e5-small-1571fc982750/pud-test-ara-0a1b2c3d4e5f-mean/012.safetensors.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mslt_cli.data.prepared import Record, load
from mslt_cli.data.splits import ensure_data
from mslt_cli.errors import DataError, FetchError, ModelError, UsageError
from mslt_cli.files import cache_home, new_file, sha256_of
from mslt_cli.models.adapter import ADAPTER
from mslt_cli.models.decoder import load_decoder
from mslt_cli.models.find import Model, fetch_model
from mslt_cli.models.folder import weights_checksum
from mslt_cli.models.loading import load_encoder, load_tokenizer
from mslt_cli.probing.embeddings import EmbeddingOptions, Layers, layer_numbers, sentence_embeddings
from mslt_cli.progress import QUIET, Progress
from mslt_cli.runs.directory import MODEL, Run, RunError, check_files, check_weights_of_run
from mslt_cli.tasks.task import Task
from mslt_cli.training.settings import Settings


@dataclass(frozen=True)
class Sentences:
    """n sentences that all languages have."""

    corpus: Task
    split: str
    languages: tuple[str, ...]
    """ISO 639-3 codes."""
    ids: tuple[str, ...]
    records: dict[str, Record]
    texts: dict[str, list[str]]
    """By language, all rows of its data; `rows` has the places of the n sentences among these."""
    rows: dict[str, NDArray[np.int64]]

    @property
    def codes(self) -> list[str]:
        """The corpus's own codes of the languages."""
        return [self.corpus.code(language) for language in self.languages]

    def text(self, language: str) -> list[str]:
        """The n sentences in a language."""
        return [self.texts[language][row] for row in self.rows[language].tolist()]


def aligned_sentences(
    corpus: Task, languages: Sequence[str], split: str, *, limit: int | None = None, progress: Progress = QUIET
) -> Sentences:
    """The sentences that all languages have, in the order of the first language, at most `limit` of them.

    Args:
        corpus: a task whose equal ids are the same sentence.
        languages: two or more, in any spelling; missing data are fetched.
        progress: shows downloads, and notes how many sentences were left out.

    Raises:
        UsageError: there is one language, or the task is not parallel.
        DataError: the data of a language cannot be had, or there is no sentence that all have.
    """
    if not corpus.aligned or corpus.kind not in ("parallel", "sequence-classification"):  # one text in a row
        raise UsageError(f"{corpus.name} has no sentences that are translations of each other. Take pud.")
    languages = tuple(dict.fromkeys(corpus.language(language) for language in languages))
    if len(languages) < 2:
        raise UsageError("A probe compares languages: name two or more with --langs.")
    records = {record.language: record for record in ensure_data(corpus, languages, split, progress=progress)}
    frames = {language: load(corpus, records[language]) for language in languages}
    places = {language: {id_: row for row, id_ in enumerate(frame["id"])} for language, frame in frames.items()}
    common = set.intersection(*map(set, places.values()))
    kept = [id_ for id_ in places[languages[0]] if id_ in common][:limit]
    if not kept:
        codes = ", ".join(corpus.code(language) for language in languages)
        raise DataError(f"No sentence of {corpus.name} {split} is in all of {codes}.")
    lost = {corpus.code(language): len(own) - len(common) for language, own in places.items()}
    if dropped := ", ".join(f"{n:,} in {code}" for code, n in lost.items() if n):
        progress.note(f"{corpus.name}: {len(common):,} sentences are in all languages; dropped {dropped}")
    return Sentences(
        corpus,
        split,
        languages,
        ids=tuple(kept),
        records=records,
        texts={language: frame["text"].to_list() for language, frame in frames.items()},
        rows={language: np.array([place[id_] for id_ in kept]) for language, place in places.items()},
    )


@dataclass(frozen=True)
class Embedder:
    """A model or a run that embeds sentences."""

    label: str
    """ "e5-small", "MSLT(de,en,es)", with the seed where a run's is not 0."""
    model: str
    """Name of the model, or of the one that the run was trained from."""
    run_id: str | None
    weights_sha256: str
    cache: Path
    """Folder of its embeddings."""
    last_layer: int
    load: Callable[[str | None], tuple[Any, Any]]
    """Takes a device; gives tokenizer and network."""


def make_embedder(source: Model | Run, *, progress: Progress = QUIET) -> Embedder:
    """Prepare a model, or a finished run by the weights that it kept; nothing is loaded yet.

    A run that only evaluated a model is that model. Raises: RunError: the run's weights were not kept, or were
    changed.
    """
    if isinstance(source, Model):
        model = source
    else:
        model = fetch_model(source.model, progress=progress)
        if source.identity["kind"] != "eval":
            return _of_run(source, model, progress)
    check_weights_of_run(model.folder)
    weights = weights_checksum(model.folder)
    return Embedder(
        label=model.name,
        model=model.name,
        run_id=None,
        weights_sha256=weights,
        cache=cache_home() / "probe" / f"{model.name.rstrip('/').rpartition('/')[2]}-{weights[:12]}",
        last_layer=count_layers(model.files.config),
        load=lambda device: load_encoder(model.folder, device=device),
    )


def _of_run(run: Run, model: Model, progress: Progress) -> Embedder:
    folder = run.model_folder
    if folder is None:
        raise RunError(
            f"The weights of run {run.run_id} were not kept. Train it again with: {run.record['command']} --keep-model"
        )
    check_files(run, MODEL)
    if run.lacks_checksums:
        progress.note(f"run {run.run_id} is of an earlier mslt, which kept no checksums of its weights")
    settings = Settings.from_json(run.identity["settings"])
    if settings.adapter is None:
        weights = weights_checksum(folder)
    else:
        both = f"{run.identity['model']['weights_sha256']} {sha256_of(folder / ADAPTER)}"
        weights = hashlib.sha256(both.encode()).hexdigest()

    def load(device: str | None) -> tuple[Any, Any]:
        if settings.adapter is None:
            return load_encoder(folder, device=device)
        decoder = load_decoder(model.folder, adapter=settings.adapter, precision=settings.precision, device=device)
        decoder.load(folder)
        return load_tokenizer(model.folder), decoder.network.get_base_model().base_model

    seed = run.identity.get("seed")
    return Embedder(
        label=str(run.record["name"]) + (f" seed {seed}" if seed else ""),
        model=run.model,
        run_id=run.run_id,
        weights_sha256=weights,
        cache=run.directory / "cache" / weights[:12],
        last_layer=count_layers(model.files.config),
        load=load,
    )


def count_layers(config: dict[str, Any]) -> int:
    """How many layers a model has, by its config.json. Raises: ModelError: the config does not say."""
    for name in ("num_hidden_layers", "n_layer", "n_layers", "num_layers"):
        if isinstance(config.get(name), int):
            return int(config[name])
    raise ModelError("The model's config does not say how many layers it has.")


def sentence_vectors(
    embedder: Embedder,
    sentences: Sentences,
    layers: Layers = "last",
    options: EmbeddingOptions = EmbeddingOptions(),
    *,
    progress: Progress = QUIET,
) -> dict[int, dict[str, NDArray[np.float32]]]:
    """Embeddings of aligned sentences, by layer and language, shape (n, d) each; those in the cache are read there."""
    from safetensors.numpy import save

    wanted = layer_numbers(layers, embedder.last_layer, embedder.label)
    pooled = options.pooling
    pooled += f"-{hashlib.sha256(options.prefix.encode()).hexdigest()[:8]}" if options.prefix else ""
    by_layer: dict[int, dict[str, NDArray[np.float32]]] = {layer: {} for layer in wanted}
    loaded: tuple[Any, Any] | None = None
    for language in sentences.languages:
        record = sentences.records[language]
        key = f"{sentences.corpus.key}-{sentences.split}-{language}-{record.content_sha256[:12]}-{pooled}"
        files = {layer: embedder.cache / key / f"{layer:03d}.safetensors" for layer in wanted}
        vectors = {layer: array for layer, file in files.items() if (array := _read(file, record.rows)) is not None}
        if missing := [layer for layer in wanted if layer not in vectors]:
            if loaded is None:
                with progress.step(f"load {embedder.label}"):
                    loaded = embedder.load(options.device)
            tokenizer, network = loaded
            what = f"embed {sentences.corpus.code(language)} with {embedder.label}"
            texts = sentences.texts[language]
            new = sentence_embeddings(network, tokenizer, texts, options, layers=missing, progress=progress, what=what)
            try:
                for layer, array in new.items():
                    with new_file(files[layer]) as part:
                        part.write_bytes(save({"embeddings": np.ascontiguousarray(array)}))
            except (FetchError, OSError) as error:  # a cache that cannot be written costs time, nothing else
                progress.note(f"the embeddings are not kept: {error}")
            vectors |= new
        for layer in wanted:
            by_layer[layer][language] = vectors[layer][sentences.rows[language]]
    return by_layer


def _read(path: Path, rows: int) -> NDArray[np.float32] | None:
    """What is cached; None if nothing is, or what is there is damaged."""
    from safetensors import SafetensorError, numpy

    try:
        vectors: NDArray[np.float32] = numpy.load(path.read_bytes())["embeddings"]
    except (OSError, SafetensorError, KeyError):
        return None
    return vectors if vectors.ndim == 2 and len(vectors) == rows else None
