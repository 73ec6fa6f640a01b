"""Embeddings of a model's or a run's sentences, made once: a file a layer, beside the run or in the cache.

    runs/…/cache/9f86d081884c/pud-test-ara-0a1b2c3d4e5f-mean/012.safetensors
    HF_HOME/mslt/probe/e5-small-1571fc982750/pud-test-ara-0a1b2c3d4e5f-mean/012.safetensors

Their names say all that is in them depends on: the model, the rows, the way of pooling, the layer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mslt_cli.errors import FetchError, ModelError
from mslt_cli.files import cache_home, new_file, sha256_of
from mslt_cli.models.adapter import ADAPTER
from mslt_cli.models.checksums import weights_checksum
from mslt_cli.models.find import Model
from mslt_cli.probing.sentences import Sentences
from mslt_cli.progress import QUIET, Progress
from mslt_cli.runs.directory import Run, RunError
from mslt_cli.training.settings import Settings

Layers = Sequence[int] | Literal["last", "all"]


@dataclass(frozen=True)
class Probed:
    """A model whose embeddings are looked at."""

    label: str
    """ "e5-small", "MSLT(de,en,es)", with the seed where a run's is not 0."""
    model: str
    """Name of the model, or of the one that the run was trained from."""
    run_id: str | None
    weights: str
    """What tells its weights from others: a checksum."""
    cache: Path
    """Folder of its embeddings."""
    layers: int
    """The last one's number; 0 is what the embedding layer gives."""
    load: Callable[[str | None], tuple[Any, Any]]
    """Takes a device; gives tokenizer and network."""


def probed_model(model: Model) -> Probed:
    """A model as it is.

    Raises:
        ModelError: its weights cannot be used.
    """
    weights = weights_checksum(model.folder)
    short = model.name.rstrip("/").rsplit("/", 1)[-1]

    def load(device: str | None) -> tuple[Any, Any]:
        from mslt_cli.models.encoder import load_encoder

        return load_encoder(model.folder, device=device)

    cache = cache_home() / "probe" / f"{short}-{weights[:12]}"
    return Probed(model.name, model.name, None, weights, cache, layers_of(model.files.config), load)


def probed_run(run: Run, model: Model) -> Probed:
    """A run, by the weights that it kept.

    Args:
        run: finished.
        model: what it was trained from.

    Raises:
        RunError: its weights were not kept.
        ModelError: they cannot be used.
    """
    if run.model_folder is None:
        raise RunError(
            f"The weights of run {run.run_id} were not kept. Train it again with: {run.record['command']} --keep-model"
        )
    folder, settings = run.model_folder, Settings.from_json(run.identity["settings"])
    seed = run.identity.get("seed")
    label = str(run.record["name"]) + (f" seed {seed}" if seed else "")
    base = str(run.identity["model"]["name"])
    if settings.adapter is None:
        weights = weights_checksum(folder)
    else:
        both = f"{run.identity['model']['weights_sha256']} {sha256_of(folder / ADAPTER)}"
        weights = hashlib.sha256(both.encode()).hexdigest()

    def load(device: str | None) -> tuple[Any, Any]:
        from mslt_cli.models.encoder import load_encoder

        if settings.adapter is None:
            return load_encoder(folder, device=device)
        from mslt_cli.models.decoder import load_decoder

        decoder = load_decoder(model.folder, adapter=settings.adapter, precision=settings.precision, device=device)
        decoder.load(folder)
        return load_tokenizer(model.folder), decoder.network.get_base_model().base_model

    config = model.files.config
    cache = run.directory / "cache" / weights[:12]
    return Probed(label, base, run.run_id, weights, cache, layers_of(config), load)


def load_tokenizer(folder: Path) -> Any:
    """A model's tokenizer, as transformers has it."""
    import transformers

    from mslt_cli.models.loading import SAFE, quiet

    with quiet():
        return transformers.AutoTokenizer.from_pretrained(folder, **SAFE)


def layers_of(config: dict[str, Any]) -> int:
    """How many layers a model has.

    Raises:
        ModelError: its config does not say.
    """
    for name in ("num_hidden_layers", "n_layer", "n_layers", "num_layers"):
        if isinstance(config.get(name), int):
            return int(config[name])
    raise ModelError("The model's config does not say how many layers it has.")


def chosen_layers(probed: Probed, layers: Layers) -> tuple[int, ...]:
    """The numbers of the layers that are asked for.

    Raises:
        ModelError: the model has no such layer.
    """
    if layers == "last":
        return (probed.layers,)
    if layers == "all":
        return tuple(range(probed.layers + 1))
    for layer in layers:
        if not 0 <= int(layer) <= probed.layers:
            raise ModelError(
                f"{probed.label} has no layer {layer}. Its layers are 0 (the embeddings) to {probed.layers}."
            )
    return tuple(int(layer) for layer in layers)


def sentence_vectors(
    probed: Probed,
    sentences: Sentences,
    layers: Layers = "last",
    *,
    prefix: str = "",
    special_tokens: bool = True,
    device: str | None = None,
    progress: Progress = QUIET,
) -> dict[str, dict[int, NDArray[np.float32]]]:
    """Embeddings of the sentences by language and layer, out of the cache where they are in it.

    Args:
        probed: whose.
        sentences: aligned.
        layers: numbers, "last" or "all".
        prefix: put before each sentence ("query: " for e5 models).
        special_tokens: whether the mean takes in `<s>` and its like. Padding never counts.
        device: as torch writes it.
        progress: hears of it.

    Returns:
        Shape (n, d) each, rows in the order of `sentences.ids`.

    Raises:
        ModelError: the model cannot be loaded, has no such layer, or gives no finite numbers.
    """
    wanted = chosen_layers(probed, layers)
    pooled = "mean" if special_tokens else "words"
    pooled += f"-{hashlib.sha256(prefix.encode()).hexdigest()[:8]}" if prefix else ""
    out: dict[str, dict[int, NDArray[np.float32]]] = {}
    loaded: tuple[Any, Any] | None = None
    for language in sentences.languages:
        record = sentences.records[language]
        key = f"{sentences.corpus.key}-{sentences.split}-{language}-{record.content_sha256[:12]}-{pooled}"
        folder = probed.cache / key
        known = {layer: _read(folder / f"{layer:03d}.safetensors", record.rows) for layer in wanted}
        missing = [layer for layer, found in known.items() if found is None]
        if missing:
            from mslt_cli.probing.embeddings import sentence_embeddings

            if loaded is None:
                with progress.step(f"load {probed.label}"):
                    loaded = probed.load(device)
            tokenizer, network = loaded
            made = sentence_embeddings(
                *(network, tokenizer, sentences.texts[language]),
                layers=missing,
                prefix=prefix,
                special_tokens=special_tokens,
                progress=progress,
                called=f"embed {sentences.corpus.code(language)} with {probed.label}",
            )
            _write(folder, made, progress)
            known |= dict(made)
        rows = sentences.rows[language]
        out[language] = {layer: found[rows] for layer, found in known.items() if found is not None}
    return out


def _write(folder: Path, made: dict[int, NDArray[np.float32]], progress: Progress) -> None:
    from safetensors.numpy import save

    try:
        for layer, vectors in made.items():
            with new_file(folder / f"{layer:03d}.safetensors") as part:
                part.write_bytes(save({"embeddings": np.ascontiguousarray(vectors)}))
    except (FetchError, OSError) as error:  # a cache that cannot be written costs time, nothing else
        progress.note(f"the embeddings are not kept: {error}")


def _read(path: Path, rows: int) -> NDArray[np.float32] | None:
    """What is cached; None if nothing is, or what is there is damaged."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        found: NDArray[np.float32] = load(path.read_bytes())["embeddings"]
    except (OSError, SafetensorError, KeyError):
        return None
    return found if found.ndim == 2 and len(found) == rows else None
