"""What the training loop trains: an encoder's classifier, or a decoder's adapter."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import torch


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
