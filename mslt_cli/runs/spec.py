"""What run.json says of a run: what determines its result, with the id that follows; and what computed it, and when."""

import os
import platform
import shlex
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from mslt_cli import __version__
from mslt_cli.fields import words_for
from mslt_cli.files import cache_home, recall, remember, sha256_of
from mslt_cli.models.classifier import Classifier
from mslt_cli.models.decoder import Decoder
from mslt_cli.models.find import Model
from mslt_cli.models.folder import MEAN_HEAD, tokenizer_sha256, weights_checksum
from mslt_cli.runs.directory import Run, check_weights_of_run, id_of, run_folder_name, sha256_of_json
from mslt_cli.tasks.task import Task
from mslt_cli.training.mixture import Pairing
from mslt_cli.training.settings import Settings, preset

FORMATS = {"train": 2, "eval": 1}
"""Raised when the same settings come to mean another training or evaluation. Trainings of format 1 had the longest
examples in the smaller batch of each epoch."""


WITHOUT_EFFECT = ("_name_or_path", "transformers_version")
"""Keys of a model's config.json that say where it is from."""


def describe_model(model: Model) -> dict[str, str]:
    """A model as identities hold it; one in a folder of the user's by what is in it, and not by where that is.

    Raises: ModelError: there are no weights that can be loaded; RunError: a run kept them, and they were changed.
    """
    folder = model.folder
    check_weights_of_run(folder)
    checksums = {"weights_sha256": weights_checksum(folder), "tokenizer_sha256": tokenizer_sha256(folder)}
    if model.revision:
        return {"name": model.name, "revision": model.revision, **checksums}
    config = {key: value for key, value in model.files.config.items() if key not in WITHOUT_EFFECT}
    checksums["config_sha256"] = sha256_of_json(config)
    if (folder / MEAN_HEAD).is_file():
        checksums["head_sha256"] = sha256_of(folder / MEAN_HEAD)
    described = {"name": "", "revision": "", **checksums}
    remember(_folders(), sha256_of_json(described), model.name)
    return described


def find_model_of(run: Run) -> str:
    """The name of a run's model here: another machine's folder by the one of that content that was last seen here."""
    if run.identity["model"]["name"] or os.path.isdir(run.model):
        return run.model
    return recall(_folders(), sha256_of_json(run.identity["model"])) or run.model


def _folders() -> Path:
    return cache_home() / "models" / "folders.json"


def describe_run(
    kind: Literal["train", "eval"], name: str, task: Task, known_as: str, **details: Any
) -> dict[str, Any]:
    """The part of run.json that says which run it is. Two runs of the same identity have the same result.

    Its name is that in tables, and its model is known as so; details are what determines the result, as JSON.
    """
    identity = {
        "format": FORMATS[kind],
        "kind": kind,
        "task": {"name": task.variant, "definition": task.meaning, "labels": list(task.labels)},
        **details,
    }
    return {
        "run_id": id_of(identity),
        "name": name,
        "model": known_as,
        "task": {"name": task.file or task.name, "without": list(task.without)},  # as a user names it
        "identity": identity,
    }


def stem_of(model: Model) -> str:
    """The last part of a model's name, which directories are named after."""
    return model.name.rstrip("/").rsplit("/", 1)[-1]


@dataclass(frozen=True)
class TrainSpec:
    """One training."""

    task: Task
    model: Model
    described_model: Mapping[str, str]
    """What `describe_model` gives."""
    settings: Settings
    """With a decided precision: fp32 or bf16."""
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
    processes: int = 1
    """That train together: each draws dropout for its part of a batch."""

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
        return tuple(sorted(map(self.task.code, self.shares)))

    @property
    def label(self) -> str:
        """ "MSLT(ar,de,zh)", "SSLT(en)": as the paper writes it."""
        return f"{'MSLT' if len(self.shares) > 1 else 'SSLT'}({','.join(self.codes)})"

    @property
    def title(self) -> str:
        """ "MSLT(ar,de,zh) seed 0"."""
        return f"{self.label} seed {self.seed}"

    @cached_property
    def description(self) -> dict[str, Any]:
        """What `describe_run` gives for it."""
        return describe_run(
            "train",
            self.label,
            self.task,
            self.model.name,
            model=dict(self.described_model),
            shares=dict(self.shares),
            unequal=self.unequal,
            pairing=self.pairing,
            oversample=self.oversample,
            seed=self.seed,
            data_seed=self.data_seed,
            settings=self.settings.as_json(),
            data=dict(self.data),
            **({"processes": self.processes} if self.processes > 1 else {}),
        )

    @property
    def run_id(self) -> str:
        """The first digits of the identity's SHA-256."""
        return str(self.description["run_id"])

    @property
    def folder_name(self) -> str:
        """ "cldr_e5-small_ara-deu-zho_600_s0_1a2b3c4d5e6f": for people, but for its end."""
        languages = "-".join(self.sources) if len(self.sources) <= 6 else f"{len(self.sources)}langs"
        readable = f"{self.task.name}_{stem_of(self.model)}_{languages}_{self.examples}_s{self.seed}"
        return run_folder_name(readable, self.run_id)

    def words(self, settings: Settings) -> list[str]:
        """The words of a command line that trains this run alone, from any folder, with its settings as said here."""
        task = self.task
        several = ["torchrun", "--nproc-per-node", str(self.processes), "-m", "mslt_cli"]
        words = [
            *(several if self.processes > 1 else ["mslt"]),
            "train",
            *shlex.split(task.options),
            "--model",
            self.model.name,
            "--sources",
            ",".join(self.codes),
        ]
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
        return words


def describe_environment(learner: Classifier | Decoder, processes: int = 1) -> dict[str, Any]:
    """The environment as run.json keeps it; so many processes trained together."""
    import numpy
    import torch
    import transformers

    device = learner.device
    adapter = learner.adapter if isinstance(learner, Decoder) else None
    packages = [*(["peft"] if adapter else []), *(["bitsandbytes"] if adapter and adapter.four_bit else [])]
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "numpy": numpy.__version__,
        "mslt": __version__,
        **{package: version(package) for package in packages},
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "processes": processes,
        "threads": torch.get_num_threads(),
        "host": platform.node(),
        "git_commit": _git_commit(),
    }


class Stopwatch:
    """The times of a run."""

    def __init__(self) -> None:
        self.started, self.clock = datetime.now(UTC), time.monotonic()

    def as_record(self) -> dict[str, Any]:
        return {
            "started_at": self.started.isoformat(timespec="seconds"),
            "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "wall_s": round(time.monotonic() - self.clock, 3),
            "mslt_version": __version__,
        }


def _processor() -> str:
    """The name of this machine's kind of processor; its architecture where the system tells no name."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines() if cpuinfo.is_file() else []
    named = next((line for line in lines if line.startswith("model name")), "")
    return named.partition(":")[2].strip() or platform.processor() or platform.machine()


def _git_commit() -> str | None:
    """The commit of the folder that the user works in, if it is a repository."""
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
