"""The models that the training loop trains: an encoder's classifier, or a decoder's adapter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch


class Learner(Protocol):
    """A network with its trained parameters and its loss."""

    network: Any
    pad_id: int
    """The token id that pads batches."""
    device: torch.device
    head_parameters: tuple[str, ...]
    """Names of the parameters that have a learning rate of their own."""

    @property
    def trains_vocabulary(self) -> bool:
        """Whether the word embedding is trained."""

    def trainable(self, *, freeze_embeddings: bool) -> dict[str, Any]:
        """The parameters that are trained, by name; the others are frozen."""

    def loss(self, batch: dict[str, Any]) -> Any:
        """Cross-entropy summed over the labels of a batch (see `data.examples.collate`), in nats."""

    def trim(self, used: Any) -> None:
        """Keep only some rows of the word embedding; only of those that train it."""

    def untrim(self, used: Any = None, decay: float = 1.0) -> None:
        """Put the whole word embedding back."""

    def spare_memory(self) -> bool:
        """Use less memory and more time for the same result; False if that is not possible."""
