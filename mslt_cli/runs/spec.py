"""What a run is: everything that determines its result, and the id that follows from it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from mslt_cli.fields import words_for
from mslt_cli.models.find import Model
from mslt_cli.models.folder import tokenizer_sha256, weights_checksum
from mslt_cli.runs.directory import id_of
from mslt_cli.tasks.task import Task
from mslt_cli.training.mixture import Pairing
from mslt_cli.training.settings import Settings, preset

if TYPE_CHECKING:
    from mslt_cli.runs.answering import Evaluation

FORMAT = 1
"""Raised when the same settings come to mean another training."""


def checksums_of(model: Model) -> dict[str, str]:
    """The checksums of a model's weights and tokenizer, as identities hold them.

    Raises:
        ModelError: there are no weights that can be loaded.
    """
    return {"weights_sha256": weights_checksum(model.folder), "tokenizer_sha256": tokenizer_sha256(model.folder)}


@dataclass(frozen=True)
class Spec:
    """What both kinds of runs have. Two runs of the same identity have the same result."""

    kind: ClassVar[str]
    """In the identity: "train" or "eval"."""
    task: Task
    model: Model
    checksums: Mapping[str, str]
    """What `checksums_of` gives for the model."""
    settings: Settings
    """With a decided precision: fp32 or bf16. Of a model as it is, only that and the longest example count."""

    @property
    def details(self) -> dict[str, Any]:
        """What determines the result beside task and model, as JSON."""
        raise NotImplementedError

    @property
    def label(self) -> str:
        """The name of the run in tables."""
        raise NotImplementedError

    @cached_property
    def identity(self) -> dict[str, Any]:
        """All that determines the result, as JSON."""
        return {
            "format": FORMAT,
            "kind": self.kind,
            "task": {"name": self.task.variant, "definition": self.task.definition, "labels": list(self.task.labels)},
            "model": {"name": self.model.name, "revision": self.model.revision, **self.checksums},
            **self.details,
        }

    @cached_property
    def run_id(self) -> str:
        """The first digits of the identity's SHA-256."""
        return id_of(self.identity)

    @property
    def model_stem(self) -> str:
        """The last part of the model's name."""
        return self.model.name.rstrip("/").rsplit("/", 1)[-1]

    def as_record(self) -> dict[str, Any]:
        """The part of run.json that says which run it is; `task` is as a user names it."""
        return {
            "run_id": self.run_id,
            "name": self.label,
            "task": {"name": self.task.file or self.task.name, "without": list(self.task.without)},
            "identity": self.identity,
        }


@dataclass(frozen=True)
class TrainSpec(Spec):
    """One training."""

    kind = "train"
    shares: Mapping[str, int]
    """Examples of each source, by ISO 639-3 code, sorted."""
    pairing: Pairing | None
    oversample: bool
    seed: int
    """Seed of the head, the batches and dropout."""
    data_seed: int
    """Seed of the sample."""
    data: Mapping[str, str]
    """SHA-256 of each source's training rows; with choose "best" also of "deu validation", its rows of that split."""

    @property
    def sources(self) -> tuple[str, ...]:
        """ISO 639-3 codes, sorted."""
        return tuple(self.shares)

    @property
    def examples(self) -> int:
        """The budget."""
        return sum(self.shares.values())

    @property
    def unequal(self) -> bool:
        """Whether the shares differ by more than the budget's remainder."""
        return max(self.shares.values()) - min(self.shares.values()) > 1

    @property
    def codes(self) -> tuple[str, ...]:
        """The data set's own codes of the sources, sorted."""
        return tuple(sorted(self.task.code(source) for source in self.shares))

    @property
    def label(self) -> str:
        """ "MSLT(ar,de,zh)", "SSLT(en)": as the paper writes it."""
        return f"{'MSLT' if len(self.shares) > 1 else 'SSLT'}({','.join(self.codes)})"

    @property
    def title(self) -> str:
        """ "MSLT(ar,de,zh) seed 0"."""
        return f"{self.label} seed {self.seed}"

    @property
    def details(self) -> dict[str, Any]:
        return {
            "shares": dict(self.shares),
            "unequal": self.unequal,
            "pairing": self.pairing,
            "oversample": self.oversample,
            "seed": self.seed,
            "data_seed": self.data_seed,
            "settings": self.settings.as_json(),
            "data": dict(self.data),
        }

    @property
    def folder_name(self) -> str:
        """ "cldr_e5-small_ara-deu-zho_600_s0_1a2b3c4d5e6f": for people, but for its end."""
        langs = "-".join(self.sources) if len(self.sources) <= 6 else f"{len(self.sources)}langs"
        return f"{self.task.name}_{self.model_stem}_{langs}_{self.examples}_s{self.seed}_{self.run_id}"

    def command(self, targets: tuple[str, ...] = (), *, keep_model: bool = False) -> str:
        """A command line that does this run alone."""
        task, settings = self.task, self.settings
        words = ["mslt", "train", *task.options.split(), "--model", self.model.name, "--sources", ",".join(self.codes)]
        if self.unequal:
            words += ["--split", ",".join(f"{task.code(iso)}={n}" for iso, n in self.shares.items())]
        else:
            words += ["--examples", str(self.examples)]
        words += ["--pairing", self.pairing] if self.pairing not in (None, "disjoint") else []
        words += ["--oversample"] if self.oversample else []
        words += ["--seed", str(self.seed)]
        words += ["--data-seed", str(self.data_seed)] if self.data_seed != self.seed else []
        default = preset("default", task.name, self.model.name, kind=task.kind)
        words += words_for(settings, default)
        words += words_for(settings.adapter, default.adapter) if settings.adapter and default.adapter else []
        words += ["--targets", ",".join(map(task.code, targets))] if targets else []
        words += ["--keep-model"] if keep_model else []
        return shlex.join(words)


@dataclass(frozen=True)
class EvalSpec(Spec):
    """The evaluation of a model as it is."""

    kind = "eval"
    four_bit: bool
    """Whether a decoder's weights are held in 4 bits."""

    @property
    def details(self) -> dict[str, Any]:
        if self.task.kind == "multiple-choice":
            return {"settings": {"precision": self.settings.precision, "four_bit": self.four_bit}}
        return {"settings": self.settings.as_json()}

    @property
    def label(self) -> str:
        return self.model.name + (" in 4 bits" if self.four_bit else "")

    @property
    def folder_name(self) -> str:
        """ "eval_xcopa_bloom-560m_1a2b3c4d5e6f"."""
        return f"eval_{self.task.name}_{self.model_stem}_{self.run_id}"

    def command(self, evaluation: Evaluation) -> str:
        """A command line that does this evaluation."""
        codes = ",".join(map(self.task.code, evaluation.targets))
        words = f"mslt eval {self.model.name} {self.task.options} --targets {codes} --split {evaluation.split}"
        words += f" {evaluation.reading.options}" if evaluation.reading and evaluation.reading.options else ""
        return words + (" --4bit" if self.four_bit else "")
