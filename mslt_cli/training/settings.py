"""The settings of a training, and the presets that they start from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from math import ceil
from typing import TYPE_CHECKING, Any, Literal

from mslt_cli.errors import UnknownNameError, UsageError
from mslt_cli.fields import check_fields, described
from mslt_cli.models.adapter import Adapter

if TYPE_CHECKING:
    from mslt_cli.models import Head
    from mslt_cli.tasks.prompts import Spacing


@dataclass(frozen=True)
class Settings:
    """All that determines a training beside its data, its model and its seed."""

    epochs: float | None = described(3.0, "Passes over the examples", metavar="X", above=0)
    steps: int | None = described(None, "Optimizer steps, instead of --epochs", unset="what --epochs make", above=0)
    batch_size: int = described(16, "Examples in one optimizer step", above=0)
    learning_rate: float = described(5e-5, "Peak learning rate, reached after the warm-up", metavar="X", above=0)
    head_learning_rate: float | None = described(
        None, "Peak learning rate of the new head", unset="--learning-rate", metavar="X", above=0
    )
    weight_decay: float = described(0.01, "Weight decay; biases and layer norms have none", metavar="X", least=0)
    warmup: float = described(
        0.1, "Share of the steps in which the learning rate rises from 0", metavar="0..1", least=0, below=1
    )
    schedule: Literal["linear", "cosine", "constant"] = described(
        "linear",
        "Decay of the learning rate to 0 after the warm-up: linear, cosine or constant (none)",
        choices=("linear", "cosine", "constant"),
    )
    clip: float = described(1.0, "Largest 2-norm of the gradient; 0 = no limit", metavar="X", least=0)
    max_length: int = described(512, "Longest example in tokens, special tokens included; the rest is cut off", least=8)
    """Never more than the model has positions for."""
    head: Head = described(
        "auto",
        "State that classifies a sentence: cls (first token), mean (over all tokens) or auto (as the model was made)",
        choices=("auto", "cls", "mean"),
    )
    dropout: float | None = described(
        None, "Dropout rate in the whole model", unset="the model's own", metavar="0..1", least=0, below=1
    )
    freeze_embeddings: bool = described(False, "Do not train the word, position and type embeddings")
    average_checkpoints: int = described(
        0, "Average the weights at N equally spaced points of the training; 0 = take the last weights", least=0
    )
    choose: Literal["last", "best"] = described(
        "last",
        "Weights that count: the last, or the best on validation data of the sources (never of the targets)",
        choices=("last", "best"),
    )
    evaluate_every: int | None = described(
        None, "With --choose best: steps between two validations", unset="a tenth of all steps", above=0
    )
    validation_examples: int = described(500, "With --choose best: most validation examples per source", above=0)
    compile: bool = described(False, "Compile the model with torch.compile")
    precision: Literal["auto", "fp32", "bf16"] = described(
        "auto",
        "Number format: fp32, bf16, or auto (bf16 on a GPU that computes in it, else fp32)",
        choices=("auto", "fp32", "bf16"),
    )
    micro_batch: int | None = described(
        None,
        "Most examples on the device at once; it decides which states dropout drops, and so the result",
        unset="the batch; 4 instructions",
        above=0,
    )
    """As `settle_micro_batch` gives it: None where it is as usual, so that the runs of one id have one result."""
    adapter: Adapter | None = None
    """What is trained of a decoder; None = the model's own weights, as of encoders."""
    spacing: Spacing | None = described(
        None,
        "Line breaks in the prompts: bactrian (blank lines, as in Bactrian-X) or printed (none, as in the paper)",
        unset="bactrian",
        choices=("bactrian", "printed"),
    )
    """None for encoders."""

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Settings:
        """The settings that `as_json` gave."""
        adapter = values.get("adapter")
        made = Adapter(**{**adapter, "targets": tuple(adapter["targets"])}) if adapter else None
        return cls(**{**values, "adapter": made})

    def as_json(self) -> dict[str, Any]:
        """All values; what is of decoders alone, and the micro-batch, only where there is one."""
        values = asdict(self)
        for name in ("micro_batch", "adapter", "spacing"):
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

    def at_once(self, processes: int = 1) -> int:
        """Most examples that go through the model at once in each of the processes that share a batch."""
        share = ceil(self.batch_size / processes)
        return min(self.micro_batch or (share if self.adapter is None else INSTRUCTION_MICRO_BATCH), share)

    def settle_micro_batch(self, processes: int = 1) -> Settings:
        """The settings with a micro-batch only where it makes parts of a batch that are not the usual ones."""
        usual, at_once = replace(self, micro_batch=None), self.at_once(processes)
        return usual if at_once == usual.at_once(processes) else replace(self, micro_batch=at_once)

    def check(self) -> Settings:
        """Return the settings themselves.

        Raises:
            UsageError: one is out of its range, or two exclude each other.
        """
        if (self.epochs is None) == (self.steps is None):
            raise UsageError("Give --epochs or --steps, and not both.")
        check_fields(self)
        if self.adapter is not None:
            check_fields(self.adapter)
        if self.average_checkpoints and self.choose == "best":
            raise UsageError("--average-checkpoints and --choose best exclude each other. Leave one out.")
        return self


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
    """The settings that one of PRESETS has for a task, of some kind, and a model.

    The paper tuned a learning rate for xlm-r-base and xlm-r-large; other models get base's.

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


def override(
    settings: Settings, values: Mapping[str, Any], adapter_values: Mapping[str, Any] | None = None
) -> Settings:
    """The settings with those values, by field, that are not None; `epochs` and `steps` take each other's place.

    Raises:
        UsageError: as `Settings.check`, or a value is for decoders and the settings are an encoder's.
    """
    values = {name: value for name, value in values.items() if value is not None}
    adapter = {name: value for name, value in (adapter_values or {}).items() if value is not None}
    if settings.adapter is None and (adapter or "spacing" in values):
        raise UsageError("--lora-…, --no-4bit and --spacing are for instructions. Leave them out.")
    if settings.adapter is not None:
        for name in ("head", "head_learning_rate", "choose", "freeze_embeddings", "average_checkpoints", "compile"):
            if name in values:
                raise UsageError(f"--{name.replace('_', '-')} is for encoders, not for instructions. Leave it out.")
        values["adapter"] = replace(settings.adapter, **adapter)
    if "epochs" in values and "steps" not in values:
        values["steps"] = None
    if "steps" in values and "epochs" not in values:
        values["epochs"] = None
    return replace(settings, **values).check()
