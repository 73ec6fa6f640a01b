"""Decoders: language models that continue a text, as published or with an adapter beside their weights."""

from __future__ import annotations

import importlib.util
import inspect
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mslt_cli.errors import MissingPackageError, ModelError
from mslt_cli.models import MODELS
from mslt_cli.models.adapter import ADAPTER, Adapter, add_adapter
from mslt_cli.models.folder import ModelFiles, read_json_object, read_tokenizer
from mslt_cli.models.learner import Learner, score_in_float32
from mslt_cli.models.loading import check_loadable, copy_tokenizer, load_network, quiet, without_hub_kernels

if TYPE_CHECKING:
    import torch

ENCODERS = {"albert", "bert", "camembert", "deberta", "deberta-v2", "distilbert", "electra", "modernbert", "roberta"}
ENCODERS |= {"xlm-roberta", "xlm-roberta-xl"}
"""Types of model that read a text in both directions, and so cannot continue one; transformers would load them as
decoders all the same."""
POSITIONS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "n_ctx")
"""The keys of configs for the longest text, in tokens. BLOOM's may have none: its positions are not learned."""
WITHOUT_4BIT = "Give --no-4bit for an adapter beside unquantised weights."


@dataclass(kw_only=True)
class Decoder(Learner):
    """A language model, and what a training of its adapter starts from."""

    adapter: Adapter | None
    takes_positions: bool
    """Whether the network has to be told the tokens' positions, where there is padding before them."""
    recomputes: bool = False
    """Whether hidden states are computed again in the backward pass, to save memory."""

    @property
    def vocabulary(self) -> int:
        """How many token ids it scores."""
        return int(self.network.config.get_text_config().vocab_size)

    def restart(self, seed: int, dropout: float | None = None) -> None:
        """Set the adapter as it is before training (first factors random, second ones 0), and the dropout rate."""
        import torch

        rng = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for name, parameter in sorted(self.trainable().items()):
                if "lora_A" in name:
                    value = torch.empty(parameter.shape)
                    torch.nn.init.kaiming_uniform_(value, a=math.sqrt(5), generator=rng)
                    parameter.copy_(value)
                else:
                    parameter.zero_()
        self.set_dropout(dropout)

    def loss(self, batch: dict[str, Any]) -> Any:
        """Summed cross-entropy of the labels, in nats; `labels` at a token is the id that comes after it."""
        import torch

        labels = batch["labels"]
        kept = (labels >= 0).any(dim=0).nonzero().flatten()  # scores of 250,000 ids are made only where they count
        if not len(kept):
            return sum(parameter.sum() for parameter in self.trainable().values()) * 0.0
        texts = {name: batch[name] for name in ("input_ids", "attention_mask")}
        logits = self.network(**texts, logits_to_keep=kept, use_cache=False).logits
        labels = labels[:, kept]
        there = labels >= 0
        return torch.nn.functional.cross_entropy(logits[there].float(), labels[there], reduction="sum")

    def spare_memory(self) -> bool:
        """Compute hidden states again in the backward pass instead of keeping them; False if that is done already."""
        if self.recomputes:
            return False
        with quiet():
            self.network.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        self.recomputes = True
        return True

    def save(self, folder: Path, base: str) -> None:
        """Write the adapter of the model named `base` into a folder, as peft has it: safetensors and JSON."""
        repo_id = (MODELS[base].repo_id if base in MODELS else None) or base
        self.network.peft_config["default"].base_model_name_or_path = repo_id
        with quiet():
            # True would make peft ask the hub for the base model's config.
            self.network.save_pretrained(folder, save_embedding_layers=False)
        (folder / "README.md").unlink(missing_ok=True)  # an empty form

    def load(self, folder: Path) -> None:
        """Read an adapter that `save` wrote. Raises: ModelError: it is not there, or of another shape."""
        import peft
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            loaded: Any = peft.set_peft_model_state_dict(self.network, load_file(folder / ADAPTER))
        except (OSError, SafetensorError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise ModelError(f"The adapter in {folder} cannot be read: {reason}") from error
        unfit = [name for name in loaded.missing_keys if "lora_" in name] + loaded.unexpected_keys
        if unfit:
            raise ModelError(f"The adapter in {folder} does not fit the model: {unfit[0]}.")


def load_decoder(
    folder: Path,
    *,
    adapter: Adapter | None = None,
    four_bit: bool = False,
    precision: str = "fp32",
    device: str | None = None,
) -> Decoder:
    """Load a language model, with a new adapter beside its weights or without one; call `restart` before training.

    Args:
        four_bit: whether the weights are held in 4 bits (NF4); with an adapter its own `four_bit` counts.
        precision: fp32 or bf16: of the other weights, and of what is computed; "stored" = as the file has them.

    Raises ModelError where the model or the device cannot be used, or has no layers for the adapter, and
    MissingPackageError without torch, transformers, peft or bitsandbytes.
    """
    files, where = check_loadable(folder, device)
    require_decoder(files)
    import torch

    four_bit = adapter.four_bit if adapter is not None else four_bit
    dtype: Any = {"bf16": torch.bfloat16, "fp32": torch.float32, "stored": "auto"}[precision]
    with without_hub_kernels():
        quantization = _quantize_to_four_bits(where, dtype) if four_bit else None
    network, _ = load_network(folder, "AutoModelForCausalLM", dtype=dtype, device=where, quantization=quantization)
    for module in network.modules():
        # On some CPUs the first inference in 4 bits would pack the weights for products in bfloat16 that have no
        # gradient, and a training after it would go wrong without a word.
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
    network.requires_grad_(False)
    score_in_float32(network.get_output_embeddings())
    takes_positions = "position_ids" in inspect.signature(network.forward).parameters
    if adapter is not None:
        with quiet(), without_hub_kernels():
            network = add_adapter(network, adapter, folder)
    eos_id = find_eos_id(files)
    return Decoder(network=network, device=where, eos_id=eos_id, adapter=adapter, takes_positions=takes_positions)


def require_decoder(files: ModelFiles) -> None:
    """Raises: ModelError: the model is an encoder."""
    kind = files.config.get("model_type")
    if kind in ENCODERS:
        what = f"{files.folder.name} is an encoder ({kind}): it cannot continue a text."
        raise ModelError(f"{what} Take a decoder, such as bloom-7b1.")


def _quantize_to_four_bits(device: torch.device, dtype: Any) -> dict[str, Any]:
    """The arguments that make transformers hold the weights in 4 bits, where bitsandbytes runs on this device."""
    if device.type not in ("cpu", "cuda"):
        raise ModelError(f"Models are not held in 4 bits on {device.type}. {WITHOUT_4BIT}")
    missing = MissingPackageError("Holding a model in 4 bits", "bitsandbytes and accelerate", "train")
    if importlib.util.find_spec("accelerate") is None:  # transformers places the weights with it
        raise missing
    try:
        import bitsandbytes  # noqa: F401 (whether it can be loaded)
    except ModuleNotFoundError as error:
        raise missing from error
    except Exception as error:  # its native library fits neither this system nor its GPU driver
        raise ModelError(f"bitsandbytes cannot be loaded ({str(error)[:120]}). {WITHOUT_4BIT}") from error
    import torch
    from transformers import BitsAndBytesConfig

    quantization = BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
    )
    place = f"cuda:{torch.cuda.current_device()}" if device.type == "cuda" and device.index is None else str(device)
    return {"quantization_config": quantization, "device_map": {"": place}}


def find_eos_id(files: ModelFiles) -> int | None:
    """Read the id that ends a text from the tokenizer, else from the config; None where there is none."""
    tokenizer_config = files.folder / "tokenizer_config.json"
    if tokenizer_config.is_file():
        token = read_json_object(tokenizer_config).get("eos_token")
        token = token.get("content") if isinstance(token, dict) else token
        if token is not None:
            token_id = read_tokenizer(files.folder).token_to_id(str(token))
            if token_id is not None:
                return int(token_id)
    stated = files.config.get("eos_token_id")
    stated = stated[0] if isinstance(stated, list) and stated else stated
    return int(stated) if isinstance(stated, int) else None


def max_tokens(files: ModelFiles) -> int | None:
    """The longest text that a model was made for, in tokens; None where its config states no number."""
    stated = map(files.config.get, POSITIONS)
    return next((value for value in stated if isinstance(value, int) and value > 0), None)


def write_merged(folder: Path, base: Path, adapter: Adapter, adapter_folder: Path) -> None:
    """Write the model in `base` with the adapter of `Decoder.save` merged into its weights, to be used without peft.

    The weights are those that were published, not their rounding to 4 bits.
    """
    decoder = load_decoder(base, adapter=replace(adapter, four_bit=False), precision="stored", device="cpu")
    decoder.load(adapter_folder)
    with quiet():
        decoder.network.merge_and_unload().save_pretrained(folder)
    copy_tokenizer(base, folder)
