"""Encoders with a head that classifies sentences or words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from mslt_cli.errors import ModelError
from mslt_cli.models import Head, resolve_head
from mslt_cli.models.folder import MEAN_HEAD, check_model_folder
from mslt_cli.models.loading import (
    check_loadable,
    copy_tokenizer,
    load_encoder_network,
    load_network,
    move_to_device,
    quiet,
    require_weights,
)

if TYPE_CHECKING:
    import torch

Unit = Literal["words", "cls", "mean"]
"""What is classified: every token; the first one, as the model's own class for it does; the mean over all tokens."""


@dataclass
class Classifier:
    """A model with a head, and what its training starts from."""

    trains_vocabulary: ClassVar[bool] = True
    """The word embedding is trained, unless the settings freeze it."""
    network: Any
    """Takes input_ids, attention_mask and, if `types`, token_type_ids; gives logits."""
    head: Unit
    labels: tuple[str, ...]
    pad_id: int
    types: bool
    """Whether the model tells the second text of a pair by token types."""
    device: torch.device
    dropouts: tuple[tuple[Any, float], ...]
    """Every dropout module, and its rate in the config."""
    head_parameters: tuple[str, ...] = ()
    """Names of the parameters that pretraining did not make; none of a model that was trained for the task."""
    pretrained: dict[str, Any] | None = None
    """Copies of all pretrained parameters, on the CPU; None before the first `restart`."""
    whole: Any = None
    """The word embedding's weights, while `trim` has put fewer rows in their place."""

    def restart(self, seed: int, dropout: float | None = None) -> None:
        """Set the pretrained weights as they were loaded, and those of the head at random.

        Args:
            seed: of the head, whose weights are normal with the config's initializer_range; its biases are 0.
            dropout: in the whole model; None = as the config says.
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
        for module, share in self.dropouts:
            module.p = share if dropout is None else dropout

    def trim(self, used: Any) -> None:
        """Keep only some rows of the word embedding; token ids then are positions among these.

        Most of a multilingual vocabulary does not occur in a sample, and its gradients, moments and steps are zeros
        that cost as much as the rest of a small model. `used` are the ids that stay, sorted; all ids up to that of
        padding must be among them, so that it does not change.
        """
        import torch

        embedding = self.network.get_input_embeddings()
        self.whole = embedding.weight
        rows = self.whole.detach()[torch.as_tensor(used, device=self.whole.device)].clone()
        embedding.weight = torch.nn.Parameter(rows)

    def untrim(self, used: Any = None, decay: float = 1.0) -> None:
        """Put the whole word embedding back, with the trained rows at the ids `used` and the others times `decay`.

        Where `used` is None, the trained rows are dropped.
        """
        import torch

        if self.whole is None:
            return
        embedding = self.network.get_input_embeddings()
        with torch.no_grad():
            if used is not None:
                self.whole.mul_(decay)
                self.whole[torch.as_tensor(used, device=self.whole.device)] = embedding.weight.detach()
        embedding.weight, self.whole = self.whole, None

    def trainable(self, *, freeze_embeddings: bool) -> dict[str, Any]:
        """The parameters that are trained, by name: all, or all but those of the embeddings."""
        parameters = dict(self.network.named_parameters())
        word = self.network.get_input_embeddings().weight
        prefix = next((name.rsplit(".", 2)[0] + "." for name, value in parameters.items() if value is word), "")
        for name, parameter in parameters.items():
            parameter.requires_grad_(not (freeze_embeddings and prefix and name.startswith(prefix)))
        return {name: parameter for name, parameter in parameters.items() if parameter.requires_grad}

    def spare_memory(self) -> bool:
        """Return False: encoders are small, and keep their hidden states."""
        return False

    def loss(self, batch: dict[str, Any]) -> Any:
        """Cross-entropy summed over the labels, in nats."""
        import torch

        logits = self.logits(batch)
        return torch.nn.functional.cross_entropy(
            logits.float().reshape(-1, logits.shape[-1]), batch["labels"].reshape(-1), reduction="sum"
        )

    def logits(self, batch: dict[str, Any]) -> Any:
        """Scores of the labels: shape (n, labels), or (n, tokens, labels) for words."""
        given = {"input_ids": batch["input_ids"], "attention_mask": batch["attention_mask"]}
        if self.types:
            given["token_type_ids"] = batch["token_type_ids"]
        return self.network(**given).logits

    def save(self, folder: Path, tokenizer_folder: Path) -> None:
        """Write weights as safetensors, config and tokenizer: what `AutoModelFor…` and `load_trained` read."""
        with quiet():
            if self.head == "mean":
                self.network.save(folder, self.labels)
            else:
                self.network.save_pretrained(folder)
        copy_tokenizer(tokenizer_folder, folder)


def choose_head(model: str, kind: str, wanted: Head) -> Unit:
    """What the head for a kind of task classifies, as `resolve_head` says."""
    head = resolve_head(model, kind, wanted)
    return "words" if head == "auto" else head


def load_classifier(
    folder: Path, head: Unit, labels: Sequence[str], *, device: str | None = None, compiled: bool = False
) -> Classifier:
    """Load a pretrained encoder in float32 and put a new head on it; call `restart` before training.

    Raises:
        MissingPackageError: torch or transformers is not installed.
        ModelError: the folder, its weights or the device cannot be used, or it has no such head.
    """
    import torch

    where = check_loadable(folder, device)
    if head == "mean":
        from mslt_cli.models.mean_pooled import MeanPooled

        network: Any = MeanPooled(load_encoder_network(folder, torch.float32), len(labels))
        new = [f"classifier.{name}" for name, _ in network.classifier.named_parameters()]
    else:
        kind = "AutoModelForTokenClassification" if head == "words" else "AutoModelForSequenceClassification"
        network, new = load_network(folder, kind, dtype=torch.float32, labels=labels)
        body = f"{network.base_model_prefix}."
        require_weights(folder, [name for name in new if name.startswith(body) and ".pooler." not in name])
    classifier = _make_classifier(network, head, tuple(labels), where, folder)
    classifier.head_parameters = tuple(new)
    if compiled:
        network.compile(dynamic=True)
    return classifier


def load_trained(folder: Path, kind: str, labels: Sequence[str], *, device: str | None = None) -> Classifier:
    """Load a model that was trained for a task: one that `Classifier.save` wrote, or any of transformers' own.

    Args:
        folder: the model's.
        kind: of the task.
        labels: of the task. The model's own have to be the same, in any order and case.

    Raises:
        MissingPackageError: torch or transformers is not installed.
        ModelError: the folder cannot be used, or what it holds has no head for such a task or other labels.
    """
    import torch

    where = check_loadable(folder, device)
    if (folder / MEAN_HEAD).is_file():
        from mslt_cli.models.mean_pooled import MeanPooled

        network: Any = MeanPooled.load(folder, load_encoder_network(folder, torch.float32))
        head: Unit = "mean"
        theirs = network.labels
    else:
        words = kind == "token-classification"
        head = "words" if words else "cls"
        suffix = "ForTokenClassification" if words else "ForSequenceClassification"
        if not any(str(name).endswith(suffix) for name in check_model_folder(folder).config.get("architectures") or ()):
            what = f"{folder} was not trained to classify {'words' if words else 'sentences'}: it has no head."
            raise ModelError(f"{what} Train it first: `mslt train`.")
        network, missing = load_network(folder, f"AutoModel{suffix}", dtype=torch.float32)
        if missing:
            raise ModelError(f"The weights in {folder} lack {missing[0]}. Fetch or copy it again.")
        theirs = tuple(str(network.config.id2label[i]) for i in range(network.config.num_labels))
    ours = {label.casefold(): label for label in labels}
    folded = [label.casefold() for label in theirs]
    if sorted(folded) != sorted(ours):
        what = f"{folder} knows the labels {', '.join(theirs)}, and the task has {', '.join(labels)}"
        raise ModelError(f"{what}: they have to be the same. Name them in the model's config.json (id2label).")
    return _make_classifier(network, head, tuple(ours[label] for label in folded), where, folder)


def _make_classifier(
    network: Any, head: Unit, labels: tuple[str, ...], device: torch.device, folder: Path
) -> Classifier:
    import torch

    network = move_to_device(network, device, folder)
    pad = getattr(network.config, "pad_token_id", None)
    return Classifier(
        network,
        head=head,
        labels=labels,
        pad_id=0 if pad is None else int(pad),
        types=int(getattr(network.config, "type_vocab_size", 0) or 0) > 1,
        device=device,
        dropouts=tuple((module, module.p) for module in network.modules() if isinstance(module, torch.nn.Dropout)),
    )
