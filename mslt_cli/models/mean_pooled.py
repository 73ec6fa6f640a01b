"""A head over the mean of a sentence's token states: for encoders that were trained to be read that way."""

# ruff: noqa: TID253
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from mslt_cli.models.folder import MEAN_HEAD


class MeanPooled(torch.nn.Module):
    """Encoder, mean over the tokens that are not padding (special ones included), dropout, one linear layer."""

    def __init__(self, encoder: Any, labels: Sequence[str]) -> None:
        super().__init__()
        self.encoder = encoder
        self.config = encoder.config
        self.dropout = torch.nn.Dropout(getattr(encoder.config, "hidden_dropout_prob", 0.0))
        self.classifier = torch.nn.Linear(encoder.config.hidden_size, len(labels))
        self.labels = labels

    def forward(self, input_ids: Any, attention_mask: Any, **more: Any) -> Any:
        """Logits of shape (n, labels), as `.logits`."""
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask, **more).last_hidden_state
        weights = attention_mask.unsqueeze(-1).to(states.dtype)
        mean = (states * weights).sum(dim=1) / weights.sum(dim=1)
        return SimpleNamespace(logits=self.classifier(self.dropout(mean)))

    def get_input_embeddings(self) -> Any:
        """As transformers' models have it."""
        return self.encoder.get_input_embeddings()

    def save_pretrained(self, folder: Path) -> None:
        """Write the encoder as transformers does, and the head beside it."""
        self.encoder.save_pretrained(folder)
        head = {name: value.detach().cpu().contiguous() for name, value in self.classifier.state_dict().items()}
        save_file(head, folder / MEAN_HEAD, metadata={str(i): label for i, label in enumerate(self.labels)})

    @classmethod
    def load(cls, folder: Path, encoder: Any) -> Self:
        """Read what `save_pretrained` wrote; the encoder was loaded from there."""
        with safe_open(folder / MEAN_HEAD, framework="pt") as file:
            names = file.metadata()
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no dict)
        made = cls(encoder, [names[str(i)] for i in range(len(names))])
        made.classifier.load_state_dict(state)
        return made
