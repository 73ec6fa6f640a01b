"""Load a model for its hidden states, out of a folder that was checked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mslt_cli.errors import ModelError
from mslt_cli.models.folder import CONFIG
from mslt_cli.models.loading import (
    SAFE,
    check_loadable,
    has_bfloat16,
    load_network,
    loading_errors,
    move_to_device,
    quiet,
)

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


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
    where = check_loadable(folder, device)
    import torch
    import transformers

    model = load_encoder_network(folder, torch.bfloat16 if has_bfloat16(where) else torch.float32)
    with quiet(), loading_errors(folder):
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **SAFE)
    return tokenizer, move_to_device(model, where, folder).eval()


def load_encoder_network(folder: Path, dtype: torch.dtype) -> PreTrainedModel:
    """Load a model without a head and without its tokenizer, on the CPU; the folder passed `check_loadable`.

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
