"""What the training loop trains: an encoder's classifier, or a decoder's adapter."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import torch


ROWS_AT_ONCE = 16_384
"""Rows of a head that are held in float32 at once: those of a large vocabulary would take gigabytes."""


def score_in_float32(head: Any) -> None:
    """Let a head that computes in bfloat16 score in float32 in inference: of numbers of 8 bits, many are equal.

    Training stays as it is, and so does a head that is no linear layer, or is held in 4 bits.
    """
    import torch

    if not isinstance(head, torch.nn.Linear) or not head.weight.is_floating_point():
        return

    def score_again(layer: torch.nn.Linear, inputs: tuple[torch.Tensor], scores: torch.Tensor) -> torch.Tensor:
        if layer.training or scores.dtype == torch.float32:
            return scores
        states, exact = inputs[0].float(), torch.empty_like(scores, dtype=torch.float32)
        with torch.autocast(scores.device.type, enabled=False):
            for start in range(0, exact.shape[-1], ROWS_AT_ONCE):
                rows = slice(start, start + ROWS_AT_ONCE)
                bias = None if layer.bias is None else layer.bias[rows].float()
                exact[..., rows] = torch.nn.functional.linear(states, layer.weight[rows].float(), bias)
        return exact

    head.register_forward_hook(score_again)


@dataclass(kw_only=True)
class Learner:
    """A network with its trained parameters and its loss."""

    trains_vocabulary: ClassVar[bool] = False
    """Whether the word embedding is trained, unless the settings freeze it."""
    network: Any
    """Takes input_ids, attention_mask and what else its model has; gives logits."""
    device: torch.device
    eos_id: int | None = None
    """The id that ends a text."""
    head_parameters: tuple[str, ...] = ()
    """Names of the parameters that pretraining did not make: they have a learning rate of their own."""
    _dropouts: list[tuple[Any, float]] = field(init=False, repr=False)
    """Every dropout module, and its rate in the config."""

    def __post_init__(self) -> None:
        import torch

        modules = self.network.modules()
        self._dropouts = [(module, module.p) for module in modules if isinstance(module, torch.nn.Dropout)]

    @property
    def pad_id(self) -> int:
        """The id that pads batches; padding is masked everywhere, so any will do where the model has none for it."""
        pad = getattr(self.network.config, "pad_token_id", None)
        return int(pad if pad is not None and pad >= 0 else self.eos_id or 0)

    def set_dropout(self, rate: float | None) -> None:
        """Set the dropout rate of the whole model; None = each module's own."""
        for module, own in self._dropouts:
            module.p = own if rate is None else rate

    def trainable(self, *, freeze_embeddings: bool = True) -> dict[str, Any]:
        """The parameters that are trained, by name; the others are frozen."""
        return {name: parameter for name, parameter in self.network.named_parameters() if parameter.requires_grad}

    def loss(self, batch: dict[str, Any]) -> Any:
        """Cross-entropy summed over the labels of a batch (see `data.examples.collate`), in nats."""
        raise NotImplementedError

    def trim(self, used: Any) -> None:
        """Keep only some rows of the word embedding, where it is trained."""

    def untrim(self, used: Any = None, decay: float = 1.0) -> None:
        """Put the whole word embedding back."""

    def spare_memory(self) -> bool:
        """Use less memory and more time for the same result; False if that is not possible."""
        return False
