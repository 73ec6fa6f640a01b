"""The settings of a training, and the presets that they start from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from math import ceil
from typing import Any, Literal

from mslt_cli.errors import UnknownNameError, UsageError
from mslt_cli.models import Head
from mslt_cli.tasks.prompts import SPACINGS, Spacing


@dataclass(frozen=True)
class Adapter:
    """A low-rank adapter beside weights that stay as they are (LoRA, Hu et al. 2022; QLoRA, Dettmers et al. 2023).

    The defaults are Bactrian-X's and, as far as it says them, the paper's.
    """

    rank: int = 64
    alpha: int = 16
    """The adapter's output is multiplied with alpha / rank."""
    dropout: float = 0.05
    """Of its input, 0..1."""
    targets: tuple[str, ...] = ()
    """Names of the linear layers that it is put beside; none = those that make queries, keys and values."""
    four_bit: bool = True
    """Whether the other weights are held in 4 bits: NF4, with doubly quantised scales."""

    def check(self) -> Adapter:
        """The adapter itself.

        Raises:
            UsageError: a value is out of its range.
        """
        for name, value in {"lora-rank": self.rank, "lora-alpha": self.alpha}.items():
            if not 0 < value < float("inf"):
                raise UsageError(f"--{name} is {value:g}; it has to be greater than 0.")
        if not 0 <= self.dropout < 1:
            raise UsageError(f"--lora-dropout is {self.dropout:g}; it has to be at least 0 and less than 1.")
        return self


@dataclass(frozen=True)
class Settings:
    """All that determines a training beside its data, its model and its seed."""

    epochs: float | None = 3.0
    """Passes over the examples; None where `steps` says it."""
    steps: int | None = None
    """Optimizer steps, whatever the number of examples; None where `epochs` says it."""
    batch_size: int = 16
    """Examples an optimizer step; how many of them the device takes at once does not change the result."""
    learning_rate: float = 5e-5
    """The highest, after the warm-up."""
    head_learning_rate: float | None = None
    """Of the new head; None = as the rest."""
    weight_decay: float = 0.01
    """Of weights; biases and layer norms have none."""
    warmup: float = 0.1
    """Share of the steps in which the learning rate rises from 0, 0..1."""
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    """How it falls to 0 afterwards."""
    clip: float = 1.0
    """Longest gradient (2-norm of all of them); 0 = no limit."""
    max_length: int = 512
    """Tokens of an example, special ones included; the rest is cut. Never more than the model has positions for."""
    head: Head = "auto"
    """What a sentence is classified by."""
    dropout: float | None = None
    """In the whole model, 0..1; None = as its config says."""
    freeze_embeddings: bool = False
    """Whether the word, position and type embeddings stay as they are."""
    average_checkpoints: int = 0
    """Average the weights at so many equally spaced points of the training, the last at its end; 0 = use the last."""
    choose: Literal["last", "best"] = "last"
    """Which checkpoint counts: the last, or the best on the sources' own validation data. Never by the targets."""
    evaluate_every: int | None = None
    """With `best`: steps between two looks at the validation data; None = ten looks in all."""
    validation_examples: int = 500
    """With `best`: most validation examples of each source."""
    compile: bool = False
    """Whether torch compiles the model."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """auto = bf16 on a GPU that computes in it, fp32 elsewhere."""
    adapter: Adapter | None = None
    """What is trained of a decoder; None = the model's own weights are, as encoders' are."""
    spacing: Spacing | None = None
    """Of the prompts that a decoder is tuned on; None for encoders."""

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Settings:
        """The settings that `as_json` gave."""
        adapter = values.get("adapter")
        made = Adapter(**{**adapter, "targets": tuple(adapter["targets"])}) if adapter else None
        return cls(**{**values, "adapter": made})

    def as_json(self) -> dict[str, Any]:
        """All values; what is of decoders alone only where there is one."""
        values = asdict(self)
        for name in ("adapter", "spacing"):
            if values[name] is None:
                del values[name]
        if self.adapter is not None:
            values["adapter"]["targets"] = list(self.adapter.targets)
        return values

    def total_steps(self, examples: int) -> int:
        """Optimizer steps over so many examples; a batch may reach from one epoch into the next only with `steps`."""
        if self.steps is not None:
            return self.steps
        assert self.epochs is not None
        return max(1, ceil(self.epochs * ceil(examples / self.batch_size)))

    def check(self) -> Settings:
        """The settings themselves.

        Raises:
            UsageError: one is out of its range, or two exclude each other.
        """
        if (self.epochs is None) == (self.steps is None):
            raise UsageError("Give --epochs or --steps, and not both.")
        positive = {"epochs": self.epochs, "steps": self.steps, "batch-size": self.batch_size}
        positive |= {"learning-rate": self.learning_rate, "head-learning-rate": self.head_learning_rate}
        positive |= {"evaluate-every": self.evaluate_every, "validation-examples": self.validation_examples}
        for name, value in positive.items():
            if value is not None and not 0 < value < float("inf"):
                raise UsageError(f"--{name} is {value:g}; it has to be greater than 0.")
        shares = {"warmup": self.warmup, "dropout": self.dropout or 0.0}
        for name, value in shares.items():
            if not 0 <= value < 1:
                raise UsageError(f"--{name} is {value:g}; it has to be at least 0 and less than 1.")
        for name, value in {"weight-decay": self.weight_decay, "clip": self.clip}.items():
            if not 0 <= value < float("inf"):
                raise UsageError(f"--{name} is {value:g}; it cannot be negative.")
        if self.average_checkpoints < 0:
            raise UsageError(f"--average-checkpoints is {self.average_checkpoints}; it cannot be negative.")
        if self.average_checkpoints and self.choose == "best":
            raise UsageError("--average-checkpoints and --choose best exclude each other. Leave one out.")
        if self.max_length < 8:
            raise UsageError(f"--max-length is {self.max_length}; it has to be at least 8.")
        for name in ("schedule", "head", "choose", "precision"):
            if getattr(self, name) not in _CHOICES[name]:
                raise UsageError(f"--{name} is {getattr(self, name)!r}; it can be {', '.join(_CHOICES[name])}.")
        if self.spacing is not None and self.spacing not in SPACINGS:
            raise UsageError(f"--spacing is {self.spacing!r}; it can be {', '.join(SPACINGS)}.")
        if self.adapter is not None:
            self.adapter.check()
        return self


_CHOICES: dict[str, tuple[str, ...]] = {
    "schedule": ("linear", "cosine", "constant"),
    "head": ("auto", "cls", "mean"),
    "choose": ("last", "best"),
    "precision": ("auto", "fp32", "bf16"),
}
_PAPER = Settings(batch_size=16, weight_decay=0.01, max_length=512, warmup=0.0)
_RATES = {"xlm-r-base": 2e-5, "xlm-r-large": 5e-6}
_PRINTED = {"wikiann": 243_000, "xnli": 12_500, "pawsx": 30_000}
_PLAUSIBLE = _PRINTED | {"wikiann": 12_500, "xnli": 243_000}
_STEPS = {"paper": _PLAUSIBLE, "paper-plausible": _PLAUSIBLE, "paper-printed": _PRINTED}
PRESETS = ("default", *_STEPS)
"""Lim et al. 2024, Table 5. Its steps for WikiANN and XNLI look swapped: read the other way round, all three tasks are
ten passes over one language's training set. `paper` (= `paper-plausible`) has them so, `paper-printed` as printed."""
_DECODER = replace(
    _PAPER, epochs=None, steps=5_000, batch_size=12, learning_rate=3e-4, adapter=Adapter(), spacing="bactrian"
)
"""For instructions every preset is this: Table 5, and where it is silent Bactrian-X's own recipe for BLOOM."""
INSTRUCTION_MICRO_BATCH = 4
"""Instructions that are on the device at once: the paper takes a step after three times 4."""


def preset(name: str, task: str, model: str, *, kind: str = "") -> Settings:
    """The settings that a preset has for a task and a model.

    Args:
        name: one of PRESETS.
        task: name of a task.
        model: name of a model; the paper tuned a learning rate for xlm-r-base and xlm-r-large, others get base's.
        kind: of the task.

    Raises:
        UnknownNameError: there is no such preset.
        UsageError: the paper did not train on the task.
    """
    if name not in PRESETS:
        raise UnknownNameError("preset", name, PRESETS)
    if kind == "instruction":
        return _DECODER
    if name == "default":
        return Settings()
    if task not in _STEPS[name]:
        raise UsageError(f"The paper has no settings for {task}, only for {', '.join(_PRINTED)}. Leave --preset out.")
    return replace(_PAPER, epochs=None, steps=_STEPS[name][task], learning_rate=_RATES.get(model, 2e-5))


def overridden(settings: Settings, *, adapter: Mapping[str, Any] | None = None, **given: Any) -> Settings:
    """The settings with those values of the user that are not None; `epochs` and `steps` take each other's place.

    Args:
        settings: to start from.
        adapter: values of the adapter.
        given: the others.

    Raises:
        UsageError: as `Settings.check`, or a value is of decoders and the settings are an encoder's.
    """
    given = {name: value for name, value in given.items() if value is not None}
    adapted = {name: value for name, value in (adapter or {}).items() if value is not None}
    if settings.adapter is None and (adapted or "spacing" in given):
        raise UsageError("--lora-…, --no-4bit and --spacing are for instructions. Leave them out.")
    if settings.adapter is not None:
        for name in ("head", "head_learning_rate", "choose", "freeze_embeddings", "average_checkpoints", "compile"):
            if name in given:
                raise UsageError(f"--{name.replace('_', '-')} is for encoders, not for instructions. Leave it out.")
        given["adapter"] = replace(settings.adapter, **adapted)
    known = {field.name for field in fields(Settings)}
    assert given.keys() <= known, given.keys() - known
    if "epochs" in given and "steps" not in given:
        given["steps"] = None
    if "steps" in given and "epochs" not in given:
        given["epochs"] = None
    return replace(settings, **given).check()
