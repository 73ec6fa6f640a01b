"""A head over the mean of a sentence's token states: for encoders that were trained to be read that way.

Importing this file lets transformers load what it saved: `AutoModelForSequenceClassification` and `pipeline` know the
head from then on. Without it they refuse the folder by its `model_type`, and make up no head.
"""

# ruff: noqa: TID253
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import torch
from safetensors import safe_open
from transformers import (
    CONFIG_MAPPING,
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.modeling_outputs import SequenceClassifierOutput

from mslt_cli.models.folder import ENCODER_TYPE, MEAN_HEAD, MEAN_POOLED, WEIGHTS
from mslt_cli.models.loading import without_pooler

OF_THE_FOLDER = ("model_type", ENCODER_TYPE, "_name_or_path", "architectures", "transformers_version")
"""Keys of a config that say where it is from, and not what the encoder is."""


class MeanPooledConfig(PreTrainedConfig):  # type: ignore[no-untyped-call]
    """The config of the encoder, with `encoder_type` for its `model_type`."""

    model_type = MEAN_POOLED
    encoder_type: str = ""


class MeanPooled(PreTrainedModel):  # type: ignore[no-untyped-call]
    """Encoder, mean over the tokens that are not padding (special ones included), dropout, one linear layer."""

    config_class = MeanPooledConfig
    base_model_prefix = "encoder"
    """Files hold the encoder's weights under its own names, so that it can be read alone; transformers adds this."""

    def __init__(self, config: MeanPooledConfig, encoder: Any = None) -> None:
        """Put a head on an encoder; None = one of the config, with weights that are still to be read."""
        super().__init__(config)
        made = encoder is None
        if made:
            own = CONFIG_MAPPING[config.encoder_type].from_dict(_without(config.to_dict(), *OF_THE_FOLDER))
            auto_model: Any = AutoModel
            encoder = auto_model.from_config(own, **without_pooler(own))
        self.encoder = encoder
        self.dropout = torch.nn.Dropout(getattr(encoder.config, "hidden_dropout_prob", 0.0))
        self.classifier = torch.nn.Linear(encoder.config.hidden_size, len(config.id2label or ()))
        if made:
            self.post_init()  # type: ignore[no-untyped-call]  # it would set the weights of an encoder that is given

    @classmethod
    def on(cls, encoder: Any, labels: Sequence[str]) -> Self:
        """Put a new head on an encoder that was loaded."""
        stated = _without(encoder.config.to_dict(), *OF_THE_FOLDER, "id2label", "label2id")
        stated |= {"id2label": dict(enumerate(labels)), "label2id": {label: i for i, label in enumerate(labels)}}
        return cls(MeanPooledConfig(**stated, **{ENCODER_TYPE: encoder.config.model_type}), encoder)

    @classmethod
    def read(cls, folder: Path, encoder: Any) -> Self:
        """Put the head in a folder on the encoder that was loaded from there; an earlier mslt kept it in MEAN_HEAD."""
        earlier = (folder / MEAN_HEAD).is_file()
        with safe_open(folder / (MEAN_HEAD if earlier else WEIGHTS), framework="pt") as file:
            prefix = "" if earlier else "classifier."
            state = {name: file.get_tensor(prefix + name) for name in ("weight", "bias")}
            names = file.metadata() if earlier else {str(i): name for i, name in encoder.config.id2label.items()}
        made = cls.on(encoder, [names[str(i)] for i in range(len(names))])
        made.classifier.load_state_dict(state)
        return made

    def forward(
        self, input_ids: Any = None, attention_mask: Any = None, labels: Any = None, **more: Any
    ) -> SequenceClassifierOutput:
        """Give logits of shape (n, labels), and with labels the mean cross-entropy; no mask = no padding."""
        if attention_mask is None:
            attention_mask = torch.ones_like(input_ids)
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask, **more).last_hidden_state
        weights = attention_mask.unsqueeze(-1).to(states.dtype)
        mean = (states * weights).sum(dim=1) / weights.sum(dim=1)
        logits = self.classifier(self.dropout(mean))
        loss = None if labels is None else torch.nn.functional.cross_entropy(logits.float(), labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)

    def get_input_embeddings(self) -> Any:
        """As transformers' models have it."""
        return self.encoder.get_input_embeddings()

    def save_pretrained(self, *given: Any, **named: Any) -> Any:
        """Write what `from_pretrained` reads, the encoder's weights under its own names."""
        state = {name.removeprefix("encoder."): value for name, value in self.state_dict().items()}
        return super().save_pretrained(*given, **{"state_dict": state, **named})


def _without(config: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name not in names}


AutoConfig.register(MEAN_POOLED, MeanPooledConfig, exist_ok=True)
AutoModelForSequenceClassification.register(MeanPooledConfig, MeanPooled, exist_ok=True)
