"""Loading networks with transformers out of folders that were checked: without code of theirs, and without noise."""

from __future__ import annotations

import inspect
import json
import logging
import shutil
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from mslt_cli.errors import ModelError, needs
from mslt_cli.models.folder import (
    CONFIG,
    TOKENIZER_FILES,
    TOKENIZER_SETTINGS,
    ModelFiles,
    check_model_folder,
    check_remembered,
    read_json_object,
    read_tokenizer,
)

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

SAFE: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}
"""No code out of a model's folder is run, and nothing is fetched."""
MAX_REASON = 200
"""Characters of a library's own message that an error repeats."""


def load_encoder(folder: Path, *, device: str | None = None) -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
    """Load a tokenizer and a model without a head, an encoder or a decoder, and without dropout.

    It is in bfloat16 on a GPU that computes in it, and in float32 elsewhere (bfloat16 is many times slower on most
    CPUs). Raises what `check_loadable` and `load_network` do.
    """
    _, where = check_loadable(folder, device)
    import torch

    dtype = torch.bfloat16 if has_bfloat16(where) else torch.float32
    model, _ = load_network(folder, "AutoModel", dtype=dtype, device=where)
    return load_tokenizer(folder), model.eval()


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """Load a tokenizer as transformers has it. Raises: ModelError: it cannot be loaded."""
    import transformers

    with quiet(), loading_errors(folder), check_model_folder(folder, tokenizer_only=True).alone() as checked:
        return transformers.AutoTokenizer.from_pretrained(checked, **SAFE)


def find_device(name: str | None) -> torch.device:
    """The device that torch names so (cpu, cuda:1); None = the GPU if there is one. Raises: ModelError: not usable."""
    import torch

    if name is None:
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(f"The device {name!r} cannot be used here. Give cpu, or cuda where there is a GPU.") from error
    return device


def check_loadable(folder: Path, device: str | None) -> tuple[ModelFiles, torch.device]:
    """Check a folder, before anything slow is imported, and the device that its model is to run on.

    Raises ModelError where either cannot be used, and MissingPackageError without torch or transformers.
    """
    files = check_model_folder(folder)
    with needs("Running a model", "torch and transformers", "train"):
        import torch  # noqa: F401 (whether it is there)
        import transformers
    kind = files.config.get("model_type")
    if kind not in transformers.CONFIG_MAPPING:
        what = f"transformers {transformers.__version__} has no model of the type {kind!r}"
        todo = "Upgrade transformers, or take another model."
        raise ModelError(f"{what}, which {folder / CONFIG} asks for. {todo}")
    return files, find_device(device)


def load_network(
    folder: Path,
    auto_class: str,
    *,
    dtype: torch.dtype | str,
    device: torch.device,
    labels: Sequence[str] = (),
    quantization: Mapping[str, Any] | None = None,
) -> tuple[Any, list[str]]:
    """Load a model in one of transformers' automatic classes, for inference, from a folder that was checked.

    Args:
        dtype: "auto" = as the file has them.
        labels: of a new head; none = as the config has them.
        quantization: arguments of `from_pretrained` that hold the weights in fewer bits, and place them.

    Returns the model, and the names of the parameters of its new head. Raises ModelError where it cannot be loaded,
    does not fit into memory, or lacks weights besides a new head's.
    """
    import torch
    import transformers

    files = check_model_folder(folder)
    check_remembered(files)
    with quiet(), without_hub_kernels(), loading_errors(folder), files.alone() as checked:
        config = transformers.AutoConfig.from_pretrained(checked, **SAFE)
        if labels:
            config.id2label = dict(enumerate(labels))
            config.label2id = {label: i for i, label in enumerate(labels)}
        options = {**SAFE, **(quantization or {})}
        if auto_class == "AutoModel":
            options |= without_pooler(config)
        model, info = getattr(transformers, auto_class).from_pretrained(
            checked,
            config=config,
            use_safetensors=True,
            dtype=dtype,
            ignore_mismatched_sizes=True,  # they are in `info`
            output_loading_info=True,
            **options,
        )
        model.config._name_or_path = model.name_or_path = str(folder)
    new = sorted(info["missing_keys"]) + sorted(key[0] for key in info["mismatched_keys"])
    body = f"{model.base_model_prefix}."
    unfit = [name for name in new if not labels or (name.startswith(body) and ".pooler." not in name)]
    if unfit:
        others = f", and so are {len(unfit) - 1} others" if len(unfit) > 1 else ""
        raise ModelError(
            f"The weights in {folder} do not fit its {CONFIG}: {unfit[0]} is absent or of another shape{others}."
            " Fetch or copy both from one place."
        )
    try:
        return model if quantization else model.to(device), new
    except torch.OutOfMemoryError as error:
        raise ModelError(f"The model in {folder} does not fit into the memory of {device}. Use the CPU.") from error


def without_pooler(config: Any) -> dict[str, bool]:
    """The argument that keeps transformers from adding a pooler: most checkpoints have none, and it would be random."""
    import transformers

    model_class: Any = transformers.MODEL_MAPPING[type(config)]
    return {"add_pooling_layer": False} if "add_pooling_layer" in inspect.signature(model_class).parameters else {}


def has_bfloat16(device: torch.device) -> bool:
    """Whether a device computes in bfloat16 by itself."""
    import torch

    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def copy_tokenizer(source: Path, target: Path) -> None:
    """Copy the tokenizer from one model folder into another."""
    for name in TOKENIZER_FILES:
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)


def save_tokenizer(source: Path, target: Path, inputs: Sequence[str], pad_id: int) -> None:
    """Copy a tokenizer so that transformers gives the model just these inputs, with the ids that mslt gives it.

    Some classes of transformers build a normaliser of their own out of the vocabulary; the class named here takes
    tokenizer.json as it is. It has to be told the token of padding, which such classes know by themselves.
    """
    copy_tokenizer(source, target)
    path = target / TOKENIZER_SETTINGS
    stated = read_json_object(path) if path.is_file() else {}
    stated |= {"tokenizer_class": "PreTrainedTokenizerFast", "model_input_names": list(inputs)}
    if (pad := read_tokenizer(source).id_to_token(pad_id)) is not None:
        stated["pad_token"] = pad
    path.write_text(json.dumps(stated, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


@contextmanager
def loading_errors(folder: Path) -> Iterator[None]:
    """Turn what transformers raises into a ModelError: an unexpected file makes it raise errors of any type."""
    try:
        yield
    except Exception as error:
        reason = shorten(str(error), MAX_REASON, placeholder="…") or type(error).__name__
        raise ModelError(f"transformers cannot load {folder}: {reason}") from error


@contextmanager
def without_hub_kernels() -> Iterator[None]:
    """Keep libraries from fetching compiled code from the hub and running it.

    Where the package `kernels` is installed, bitsandbytes does so as soon as it is imported, and peft imports it.
    """
    logger = logging.getLogger("bitsandbytes")
    modules: dict[str, Any] = sys.modules
    level, imported = logger.level, {name: modules[name] for name in ("kernels",) if name in modules}
    logger.setLevel(logging.ERROR)  # it would warn that it has no such code
    modules["kernels"] = None
    try:
        yield
    finally:
        logger.setLevel(level)
        del modules["kernels"]
        modules.update(imported)


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the warnings and progress bars of transformers: what they would say is checked or shown by us."""
    from transformers.utils import logging as transformers_logging

    log: Any = transformers_logging
    verbosity, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity(logging.CRITICAL)
    log.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.set_verbosity(verbosity)
        if bars:
            log.enable_progress_bar()
