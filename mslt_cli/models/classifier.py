"""Encoders with a head that classifies sentences or words."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from mslt_cli.errors import ModelError
from mslt_cli.models import Head
from mslt_cli.models.learner import Learner, score_in_float32
from mslt_cli.models.loading import check_loadable, load_network, quiet, save_tokenizer

SUFFIXES = {"auto": "ForTokenClassification", "cls": "ForSequenceClassification"}
"""Of the names of transformers' classes that have such a head; "auto" is that of words."""


@dataclass(kw_only=True)
class Classifier(Learner):
    """A model with a head, and what its training starts from."""

    trains_vocabulary: ClassVar[bool] = True
    labels: tuple[str, ...]
    pretrained: dict[str, Any] | None = None
    """Copies of all pretrained parameters, on the CPU; None before the first `restart`."""
    whole: Any = None
    """The word embedding's weights, while `trim` has put fewer rows in their place."""

    def __post_init__(self) -> None:
        import torch

        super().__post_init__()
        linear = [layer for layer in self.network.modules() if isinstance(layer, torch.nn.Linear)]
        score_in_float32(linear[-1])  # the one that gives the labels

    def restart(self, seed: int, dropout: float | None = None) -> None:
        """Set the pretrained weights as they were loaded, those of the head at random, and the dropout rate.

        The weights of the head are normal with the config's initializer_range, its biases 0.
        """
        import torch

        self.untrim()
        state = self.network.state_dict()
        new = set(self.head_parameters)
        if self.pretrained is None:
            self.pretrained = {name: value.detach().cpu().clone() for name, value in state.items() if name not in new}
        rng = torch.Generator().manual_seed(seed)
        spread = float(getattr(self.network.config, "initializer_range", 0.02))
        with torch.no_grad():
            for name, value in state.items():
                if name not in new:
                    value.copy_(self.pretrained[name])
                elif value.ndim > 1:
                    value.copy_(torch.normal(0.0, spread, value.shape, generator=rng))
                else:
                    value.zero_()
        self.set_dropout(dropout)

    def trim(self, used: Any) -> None:
        """Keep only the rows `used` of the word embedding, sorted; token ids then are positions among these.

        Most of a multilingual vocabulary does not occur in a sample, and its gradients, moments and steps are zeros
        that cost as much as the rest of a small model. All ids up to that of padding must stay, so that it does too.
        """
        import torch

        embedding = self.network.get_input_embeddings()
        self.whole = embedding.weight
        rows = self.whole.detach()[torch.as_tensor(used, device=self.whole.device)].clone()
        embedding.weight = torch.nn.Parameter(rows)

    def untrim(self, used: Any = None, decay: float = 1.0) -> None:
        """Put the whole word embedding back: the trained rows at `used` (None = drop them), others times `decay`."""
        import torch

        if self.whole is None:
            return
        embedding = self.network.get_input_embeddings()
        with torch.no_grad():
            if used is not None:
                self.whole.mul_(decay)
                self.whole[torch.as_tensor(used, device=self.whole.device)] = embedding.weight.detach()
        embedding.weight, self.whole = self.whole, None

    def trainable(self, *, freeze_embeddings: bool = True) -> dict[str, Any]:
        """The parameters that are trained, by name: all, or all but those of the embeddings."""
        parameters = dict(self.network.named_parameters())
        word = self.network.get_input_embeddings().weight
        prefix = next((name.rsplit(".", 2)[0] + "." for name, value in parameters.items() if value is word), "")
        for name, parameter in parameters.items():
            parameter.requires_grad_(not (freeze_embeddings and prefix and name.startswith(prefix)))
        return super().trainable()

    def loss(self, batch: dict[str, Any]) -> Any:
        import torch

        logits = self.logits(batch)
        return torch.nn.functional.cross_entropy(
            logits.float().reshape(-1, logits.shape[-1]), batch["labels"].reshape(-1), reduction="sum"
        )

    @property
    def inputs(self) -> tuple[str, ...]:
        """What the network takes of a batch."""
        tells_pairs = (getattr(self.network.config, "type_vocab_size", 0) or 0) > 1  # their second text, by its types
        return ("input_ids", "attention_mask", *(["token_type_ids"] if tells_pairs else []))

    def logits(self, batch: dict[str, Any]) -> Any:
        """Scores of the labels: shape (n, labels), or (n, tokens, labels) for words."""
        return self.network(**{name: batch[name] for name in self.inputs}).logits

    def save(self, folder: Path, tokenizer_folder: Path) -> None:
        """Write weights as safetensors, config and tokenizer: what `AutoModelFor…` and `load_trained` read.

        A head over the mean is read by `AutoModelForSequenceClassification` once `mslt_cli.models.mean_pooled` is
        imported, and refused before.
        """
        with quiet():
            self.network.save_pretrained(folder)
        save_tokenizer(tokenizer_folder, folder, self.inputs, self.pad_id)


def load_classifier(
    folder: Path, head: Head, labels: Sequence[str], *, device: str | None = None, compiled: bool = False
) -> Classifier:
    """Load a pretrained encoder in float32 and put a new head on it; call `restart` before training.

    The head is what `resolve_head` gives. Raises ModelError where the model cannot be used, or can have no such head.
    """
    import torch

    files, where = check_loadable(folder, device)
    if head == "mean":
        from mslt_cli.models.mean_pooled import MeanPooled

        encoder, _ = load_network(folder, "AutoModel", dtype=torch.float32, device=where)
        network: Any = MeanPooled.on(encoder, labels)
        network.to(where)
        new = [f"classifier.{name}" for name, _ in network.classifier.named_parameters()]
    else:
        auto_class = f"AutoModel{SUFFIXES[head]}"
        network, new = load_network(folder, auto_class, dtype=torch.float32, device=where, labels=labels)
        if files.mean_pooled:  # its head may have the shape of the new one, and is for other states
            new = [name for name, _ in network.named_parameters() if name in new or name.startswith("classifier.")]
    if compiled:
        network.compile(dynamic=True)
    return Classifier(network=network, device=where, head_parameters=tuple(new), labels=tuple(labels))


def load_trained(folder: Path, kind: str, labels: Sequence[str], *, device: str | None = None) -> Classifier:
    """Load a model that was trained for a kind of task: one that `Classifier.save` wrote, or any of transformers' own.

    Its labels have to be `labels`, in any order and case. Raises ModelError where they are not, where it has no head
    for such a task, or where the folder or the device cannot be used.
    """
    import torch

    files, where = check_loadable(folder, device)
    words = kind == "token-classification"
    if files.mean_pooled and not words:
        from mslt_cli.models.mean_pooled import MeanPooled

        encoder, _ = load_network(folder, "AutoModel", dtype=torch.float32, device=where)
        network: Any = MeanPooled.read(folder, encoder)
        network.to(where)
    else:
        suffix = SUFFIXES["auto" if words else "cls"]
        if not any(str(name).endswith(suffix) for name in files.config.get("architectures") or ()):
            what = f"{folder} was not trained to classify {'words' if words else 'sentences'}"
            raise ModelError(f"{what}: it has no head. Train it first: `mslt train`.")
        network, _ = load_network(folder, f"AutoModel{suffix}", dtype=torch.float32, device=where)
    theirs = [str(network.config.id2label[i]) for i in range(network.config.num_labels)]
    ours = {label.casefold(): label for label in labels}
    folded = [label.casefold() for label in theirs]
    if sorted(folded) != sorted(ours):
        what = f"{folder} knows the labels {', '.join(theirs)}, and the task has {', '.join(labels)}"
        raise ModelError(f"{what}: they have to be the same. Name them in the model's config.json (id2label).")
    return Classifier(network=network, device=where, labels=tuple(ours[label] for label in folded))
