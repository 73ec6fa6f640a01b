"""Load a model for its hidden states, out of a folder that was checked."""

from __future__ import annotations

import inspect
import logging
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mslt_cli.errors import MissingPackageError, ModelError
from mslt_cli.models.folder import CONFIG, check_model_folder

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

SAFE: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}
"""No code out of a model's folder is run, and nothing is fetched."""


def load_encoder(folder: Path, *, device: str | None = None) -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
    """Load a tokenizer and a model without a head: what turns tokens into hidden states, an encoder or a decoder.

    Weights come out of safetensors only, no code out of the folder is run, and nothing is fetched.

    Args:
        folder: a model's, see `check_model_folder`.
        device: as torch writes it: cpu, cuda, cuda:1; None = the GPU if there is one.

    Returns:
        The tokenizer, and the model ready to be used: without dropout, in bfloat16 on a GPU that computes in it, and
        in float32 elsewhere (bfloat16 is many times slower on most CPUs).

    Raises:
        MissingPackageError: torch or transformers is not installed.
        ModelError: the folder, its weights or the device cannot be used.
    """
    where = device_of(folder, device)
    import torch
    import transformers

    model = load_encoder_network(folder, torch.bfloat16 if has_bfloat16(where) else torch.float32)
    with quiet(), _loading(folder):
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **SAFE)
    return tokenizer, on_device(model, where, folder).eval()


def load_encoder_network(folder: Path, dtype: torch.dtype) -> PreTrainedModel:
    """Load a model without a head and without its tokenizer, on the CPU; the folder is one that `device_of` took.

    Raises:
        ModelError: transformers cannot load it, or weights are missing.
    """
    model, unfit = load_network(folder, "AutoModel", dtype=dtype)
    if unfit:
        others = f", and so are {len(unfit) - 1} others" if len(unfit) > 1 else ""
        raise ModelError(
            f"The weights in {folder} do not fit its {CONFIG}: {unfit[0]} is absent or of another shape{others}."
            " Fetch or copy both from one place."
        )
    return model


def device_of(folder: Path, name: str | None) -> torch.device:
    """The device to run the model of a folder on; the folder is checked before anything slow is imported.

    Raises:
        MissingPackageError: torch or transformers is not installed.
        ModelError: the folder or the device cannot be used.
    """
    files = check_model_folder(folder)
    try:
        import torch  # noqa: F401 (whether it is there)
        import transformers
    except ModuleNotFoundError as error:
        raise MissingPackageError("Running a model", "torch and transformers", "train") from error
    kind = files.config.get("model_type")
    if kind not in transformers.CONFIG_MAPPING:
        raise ModelError(
            f"transformers {transformers.__version__} has no model of the type {kind!r}, which {folder / CONFIG} asks"
            " for. Upgrade transformers, or take another model."
        )
    return named_device(name)


def named_device(name: str | None) -> torch.device:
    """The device of that name; None = the GPU if there is one.

    Raises:
        ModelError: it cannot be used here.
    """
    import torch

    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(f"The device {name!r} cannot be used here. Give cpu, or cuda where there is a GPU.") from error
    return device


def load_network(
    folder: Path,
    auto_class: str,
    *,
    dtype: torch.dtype | str,
    how: Mapping[str, Any] | None = None,
    **config_changes: Any,
) -> tuple[PreTrainedModel, list[str]]:
    """Load a model in one of transformers' automatic classes, on the CPU, for inference.

    Args:
        folder: a model's, checked.
        auto_class: "AutoModel", "AutoModelForTokenClassification", …
        dtype: of the weights; "auto" = as the file has them.
        how: further arguments of `from_pretrained`.
        config_changes: what its config is to say instead.

    Returns:
        The model, and the names of its parameters that the file lacks or has in another shape, sorted.

    Raises:
        ModelError: transformers cannot load it.
    """
    import transformers

    with quiet(), without_hub_kernels(), _loading(folder):
        config = transformers.AutoConfig.from_pretrained(folder, **SAFE)
        for name, value in config_changes.items():
            setattr(config, name, value)
        plain = _without_pooler(config) if auto_class == "AutoModel" else {}
        model, info = getattr(transformers, auto_class).from_pretrained(
            folder,
            config=config,
            use_safetensors=True,
            dtype=dtype,
            ignore_mismatched_sizes=True,  # they are in `info`
            output_loading_info=True,
            **plain,
            **(how or {}),
            **SAFE,
        )
    return model, sorted(info["missing_keys"]) + sorted(key[0] for key in info["mismatched_keys"])


def on_device(model: Any, device: torch.device, folder: Path) -> Any:
    """Move a model.

    Raises:
        ModelError: it does not fit.
    """
    import torch

    try:
        return model.to(device)
    except torch.OutOfMemoryError as error:
        raise ModelError(f"The model in {folder} does not fit into the memory of {device}. Use the CPU.") from error


@contextmanager
def _loading(folder: Path) -> Iterator[None]:
    # What a file that fits no expectation makes transformers raise is of too many kinds to name.
    try:
        yield
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ModelError(f"transformers cannot load {folder}: {_shortened(reason)}") from error


def has_bfloat16(device: torch.device) -> bool:
    """Whether a device computes in bfloat16 by itself."""
    import torch

    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def _without_pooler(config: Any) -> dict[str, bool]:
    """What keeps transformers from putting a pooler on top: most checkpoints have none, and it would be random."""
    from transformers import MODEL_MAPPING

    model_class: Any = MODEL_MAPPING[type(config)]
    return {"add_pooling_layer": False} if "add_pooling_layer" in inspect.signature(model_class).parameters else {}


def _shortened(text: str, most: int = 200) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


@contextmanager
def without_hub_kernels() -> Iterator[None]:
    """Keep libraries from fetching compiled code from the hub and running it.

    Where the package `kernels` is installed, bitsandbytes does so as soon as it is imported, and peft imports it.
    """
    logger = logging.getLogger("bitsandbytes")
    level, known = logger.level, sys.modules.get("kernels", logger)
    logger.setLevel(logging.ERROR)  # it would warn that it has no such code
    sys.modules["kernels"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        logger.setLevel(level)
        if known is logger:
            del sys.modules["kernels"]
        else:
            sys.modules["kernels"] = known  # type: ignore[assignment]


@contextmanager
def quiet() -> Iterator[None]:
    """No warnings and no progress bars of transformers: what they would say is checked or shown by us."""
    from transformers.utils import logging as its_logging

    its: Any = its_logging
    verbosity, bars = its.get_verbosity(), its.is_progress_bar_enabled()
    its.set_verbosity(logging.CRITICAL)
    its.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        its.set_verbosity(verbosity)
        if bars:
            its.enable_progress_bar()
