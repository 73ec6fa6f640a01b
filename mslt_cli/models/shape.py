"""A model's shape, out of its config and the headers of its weights: what memory follows from, without torch."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from mslt_cli.models.adapter import QUERIES_KEYS_VALUES, Adapter
from mslt_cli.models.folder import ModelFiles

NAMES = {
    "layers": ("num_hidden_layers", "n_layer", "num_layers", "n_layers"),
    "width": ("hidden_size", "n_embd", "d_model", "dim"),
    "heads": ("num_attention_heads", "n_head", "num_heads", "n_heads"),
    "inner": ("intermediate_size", "n_inner", "ffn_dim", "hidden_dim"),
    "vocabulary": ("vocab_size",),
}
"""The keys of configs for each of a shape's numbers."""


@dataclass(frozen=True)
class ModelShape:
    """A transformer's numbers; parameters are counted in its files."""

    kind: str
    """`model_type` of its config."""
    layers: int
    width: int
    heads: int
    inner: int
    """Width of the feed-forward layers."""
    vocabulary: int
    dropout: float
    """Rate that its config has."""
    tensors: Mapping[str, tuple[int, ...]]
    """Shape of each tensor in its files."""

    @property
    def parameters(self) -> int:
        """All that are in its files."""
        return sum(map(prod, self.tensors.values()))

    @property
    def in_vocabulary(self) -> int:
        """Parameters of word embeddings, and of a head over the vocabulary that is in the files beside them."""
        return sum(prod(shape) for shape in self.tensors.values() if len(shape) == 2 and shape[0] == self.vocabulary)

    @property
    def is_gated(self) -> bool:
        """Whether its feed-forward layers have a gate, as LLaMA's and those after it do."""
        return any(".gate_proj." in name for name in self.tensors)

    def adapted(self, adapter: Adapter) -> list[tuple[int, ...]]:
        """The shape (out, in) of each linear layer that gets an adapter."""
        parts = {
            name: name.rsplit(".", 2)[-2] for name, shape in self.tensors.items() if len(shape) == 2 and "." in name
        }
        last = set(parts.values())
        targets = adapter.targets or next((names for names in QUERIES_KEYS_VALUES if last.issuperset(names)), ())
        return [self.tensors[name] for name, part in parts.items() if part in targets]


def read_shape(files: ModelFiles) -> ModelShape | None:
    """The shape of a model whose files were checked; None where its config has other names for the numbers."""
    config = files.config
    tensors: dict[str, tuple[int, ...]] = {}
    numbers: dict[str, Any] = {
        name: next((config[key] for key in keys if config.get(key)), None) for name, keys in NAMES.items()
    }
    numbers["inner"] = numbers["inner"] or 4 * (numbers["width"] or 0)
    if not all(isinstance(number, int) for number in numbers.values()):
        return None
    for path in files.weights:
        with path.open("rb") as file:
            header: dict[str, Any] = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        tensors |= {name: tuple(about["shape"]) for name, about in header.items() if name != "__metadata__"}
    dropout = float(config.get("hidden_dropout_prob") or config.get("hidden_dropout") or 0.0)
    return ModelShape(str(config.get("model_type")), **numbers, dropout=dropout, tensors=tensors)
