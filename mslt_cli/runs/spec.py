"""What a run is: everything that determines its result, and the id that follows from it."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mslt_cli.fields import words_for
from mslt_cli.models.find import Model
from mslt_cli.tasks.task import Task
from mslt_cli.training.mixture import Pairing
from mslt_cli.training.settings import Settings, preset

FORMAT = 1
"""Raised when the same settings come to mean another training."""
ID_DIGITS = 12


@dataclass(frozen=True)
class Spec:
    """One training. Two of the same identity have the same result."""

    task: Task
    model: Model
    weights_sha256: str
    tokenizer_sha256: str
    shares: Mapping[str, int]
    """Examples of each source, by ISO 639-3 code, sorted."""
    unequal: bool
    """Whether the shares differ by more than the budget's remainder."""
    pairing: Pairing | None
    oversample: bool
    seed: int
    """Of the head, the batches and dropout."""
    data_seed: int
    """Of the sample."""
    settings: Settings
    """With precision decided: fp32 or bf16."""
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
    def codes(self) -> tuple[str, ...]:
        """The data set's own codes of the sources, sorted."""
        return tuple(sorted(self.task.code(source) for source in self.shares))

    @property
    def label(self) -> str:
        """ "MSLT(ar,de,zh)", "SSLT(en)": as the paper writes it."""
        return f"{'MSLT' if len(self.shares) > 1 else 'SSLT'}({','.join(self.codes)})"

    @property
    def identity(self) -> dict[str, Any]:
        """All that determines the result, as JSON."""
        return {
            "format": FORMAT,
            "kind": "train",
            "task": {"name": self.task.variant, "definition": self.task.definition, "labels": list(self.task.labels)},
            "model": {
                "name": self.model.name,
                "revision": self.model.revision,
                "weights_sha256": self.weights_sha256,
                "tokenizer_sha256": self.tokenizer_sha256,
            },
            "shares": dict(self.shares),
            "unequal": self.unequal,
            "pairing": self.pairing,
            "oversample": self.oversample,
            "seed": self.seed,
            "data_seed": self.data_seed,
            "settings": self.settings.as_json(),
            "data": dict(self.data),
        }

    @cached_property
    def run_id(self) -> str:
        """The first digits of the identity's SHA-256."""
        return id_of(self.identity)

    @property
    def folder_name(self) -> str:
        """ "cldr_e5-small_ara-deu-zho_600_s0_1a2b3c4d5e6f": for people, but for its end."""
        model = self.model.name.rstrip("/").rsplit("/", 1)[-1]
        langs = "-".join(self.sources) if len(self.sources) <= 6 else f"{len(self.sources)}langs"
        return f"{self.task.name}_{model}_{langs}_{self.examples}_s{self.seed}_{self.run_id}"

    def command(self, targets: tuple[str, ...] = (), *, keep_model: bool = False) -> str:
        """A command line that does this run alone."""
        words = ["mslt", "train", *self.task.options.split(), "--model", self.model.name]
        words += ["--sources", ",".join(self.codes)]
        if self.unequal:
            words += ["--split", ",".join(f"{self.task.code(iso)}={n}" for iso, n in self.shares.items())]
        else:
            words += ["--examples", str(self.examples)]
        if self.pairing not in (None, "disjoint"):
            words += ["--pairing", str(self.pairing)]
        words += ["--oversample"] if self.oversample else []
        words += ["--seed", str(self.seed)]
        words += ["--data-seed", str(self.data_seed)] if self.data_seed != self.seed else []
        default = preset("default", self.task.name, self.model.name, kind=self.task.kind)
        words += words_for(self.settings, default)
        if self.settings.adapter is not None and default.adapter is not None:
            words += words_for(self.settings.adapter, default.adapter)
        words += ["--targets", ",".join(self.task.code(target) for target in targets)] if targets else []
        words += ["--keep-model"] if keep_model else []
        return shlex.join(words)


def named_task(task: Task) -> dict[str, Any]:
    """How a user names the task: its name or its file, and the repairs that are switched off."""
    return {"name": task.file or task.name, "without": list(task.without)}


def id_of(identity: Mapping[str, Any]) -> str:
    """The id of a run with this identity."""
    return sha256_of_json(identity)[:ID_DIGITS]


def sha256_of_json(value: Any) -> str:
    """Of the one way in which we write it: sorted keys, no blanks."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
