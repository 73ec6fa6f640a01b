"""Low-rank adapters beside the weights of a decoder: their record, and where they are put."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mslt_cli.errors import ModelError, needs
from mslt_cli.fields import described

ADAPTER = "adapter_model.safetensors"
"""The adapter's weights, in peft's form, with adapter_config.json beside them."""
QUERIES_KEYS_VALUES = (
    ("query_key_value",),  # BLOOM, GPT-NeoX, Falcon: one layer for the three
    ("q_proj", "k_proj", "v_proj"),  # LLaMA, Mistral, Qwen, Gemma, OPT, GPT-J
    ("qkv_proj",),  # Phi-3, CodeGen
    ("Wqkv",),  # MPT
    ("c_attn",),  # GPT-2
)
"""The layers that make queries, keys and values, by architecture: what the paper's "q, k, v" means in each."""


@dataclass(frozen=True)
class Adapter:
    """A low-rank adapter beside weights that stay as they are (LoRA, Hu et al. 2022; QLoRA, Dettmers et al. 2023).

    The defaults are Bactrian-X's and, as far as it says them, the paper's.
    """

    rank: int = described(64, "Rank of the adapter", option="lora-rank", above=0)
    alpha: int = described(
        16, "Scale of the adapter: its output is multiplied by alpha / rank", option="lora-alpha", above=0
    )
    dropout: float = described(
        0.05, "Dropout rate of the adapter's input", option="lora-dropout", metavar="0..1", least=0, below=1
    )
    targets: tuple[str, ...] = described(
        (),
        "Linear layers that get an adapter, by comma",
        option="lora-targets",
        metavar="NAMES",
        unset="those of queries, keys and values",
    )
    four_bit: bool = described(
        True, "Do not hold the other weights in 4 bits (NF4, double quantisation)", option="no-4bit"
    )


def add_adapter(network: Any, adapter: Adapter, folder: Path) -> Any:
    """Put an adapter beside a model's weights; it alone is trained, in float32. Raises: ModelError: no such layers."""
    with needs("Training an adapter", "peft", "train"):
        import peft
    config = peft.LoraConfig(
        r=adapter.rank,
        lora_alpha=adapter.alpha,
        lora_dropout=adapter.dropout,
        target_modules=list(adapter.targets or attention_layers(network, folder)),
        bias="none",
        task_type="CAUSAL_LM",
    )
    try:
        adapted = peft.get_peft_model(network, config)
    except ValueError as error:
        wanted, names = ", ".join(adapter.targets), ", ".join(sorted(linear_layers(network)))
        raise ModelError(f"{folder.name} has no layers {wanted} for --lora-targets. It has {names}.") from error
    for parameter in adapted.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    return adapted


def linear_layers(network: Any) -> set[str]:
    """The last parts of the names of all linear layers, without the one that gives the scores of token ids."""
    import torch
    from transformers.pytorch_utils import Conv1D

    head = network.get_output_embeddings()
    return {
        name.rsplit(".", 1)[-1]
        for name, module in network.named_modules()
        if isinstance(module, (torch.nn.Linear, Conv1D)) and module is not head
    }


def attention_layers(network: Any, folder: Path) -> tuple[str, ...]:
    """The names of the layers that make queries, keys and values. Raises: ModelError: they are not known."""
    layers = linear_layers(network)
    for names in QUERIES_KEYS_VALUES:
        if layers.issuperset(names):
            return names
    what = f"Which layers of {folder.name} make queries, keys and values is not known."
    raise ModelError(f"{what} Name some with --lora-targets: {', '.join(sorted(layers))}.")
