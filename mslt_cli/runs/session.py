"""What many runs share: base weights and tokenizer, loaded once; rows and token ids of each split, read once."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from mslt_cli.data.encoding import Encoded, RowEncoder
from mslt_cli.data.prepared import Record, load, require_record
from mslt_cli.errors import ModelError
from mslt_cli.models import resolve_head
from mslt_cli.models.adapter import Adapter
from mslt_cli.models.chat import ChatTemplate, read_chat_template
from mslt_cli.models.classifier import Classifier, load_classifier, load_trained
from mslt_cli.models.decoder import Decoder, find_eos_id, load_decoder, max_tokens
from mslt_cli.models.find import Model
from mslt_cli.models.folder import read_tokenizer, tokenizer_sha256
from mslt_cli.progress import QUIET, Progress
from mslt_cli.tasks.task import Task
from mslt_cli.training.settings import Settings

if TYPE_CHECKING:
    import polars as pl

DEFAULT_POSITIONS = 512
LABEL_COLUMN = {"token-classification": "labels", "sequence-classification": "label", "multiple-choice": "label"}


class Session:
    """Loads what is asked for when it is first asked for, and keeps it; a device of None is the GPU if there is one."""

    def __init__(self, model: Model, *, device: str | None = None, progress: Progress = QUIET) -> None:
        self.model, self.device, self.progress = model, device, progress
        self._frames: dict[tuple[str, str, str], tuple[Record, pl.DataFrame]] = {}
        self._encoded: dict[tuple[Any, ...], Encoded] = {}
        self._learners: dict[tuple[Any, ...], Any] = {}
        self._told: set[object] = set()

    def rows(self, task: Task, language: str, split: str) -> pl.DataFrame:
        """The rows of a split."""
        return self._read(task, language, split)[1]

    def _read(self, task: Task, language: str, split: str) -> tuple[Record, pl.DataFrame]:
        key = (task.key, language, split)
        if key not in self._frames:
            record = require_record(task, language, split)
            self._frames[key] = (record, load(task, record))
        return self._frames[key]

    def labels(self, task: Task, language: str, split: str) -> list[Any]:
        """The label of each row, or the labels of its words."""
        return self.rows(task, language, split)[LABEL_COLUMN[task.kind]].to_list()

    @cached_property
    def tokenizer(self) -> Any:
        return read_tokenizer(self.model.folder)

    @cached_property
    def chat(self) -> ChatTemplate:
        """The model's own template. Raises: ModelError: it has none."""
        template = read_chat_template(self.model.folder)
        if template is None:
            what = f"{self.model.name} has no chat template (chat_template.jinja, or one in tokenizer_config.json)"
            raise ModelError(f"{what}. Give --template none, or alpaca; fetch it again if it has one on the hub.")
        if template.names_today:
            self.progress.note(f"the chat template of {self.model.name} writes today's date into each prompt")
        return template

    def encoded(self, task: Task, language: str, split: str, settings: Settings) -> Encoded:
        """The token ids of a split."""
        most = longest_example(self.model, settings)
        key = (task.key, language, split, most, settings.spacing)
        if key not in self._encoded:
            record, frame = self._read(task, language, split)
            end = find_eos_id(self.model.files) if task.kind == "instruction" else None
            encoder = RowEncoder(self.tokenizer, most, end, settings.spacing, self.progress)
            self._encoded[key] = encoder.encode_split(task, record, frame, tokenizer_sha256(self.model.folder))
        return self._encoded[key]

    def note_length(self, settings: Settings) -> None:
        """Say that the settings ask for longer examples than the model takes, if they do."""
        if (most := longest_example(self.model, settings)) < settings.max_length:
            what = f"{self.model.name} takes {most:,} tokens, and --max-length is {settings.max_length:,}"
            self.progress.note(f"{what}: longer examples are cut at {most:,}")

    def note_cut(
        self, what: str, task: Task, split: str, cut: Mapping[str, tuple[int, int]], settings: Settings
    ) -> None:
        """Say how many rows of how many lost their end, by language; of each language and split once."""
        new = {language: n for language, n in cut.items() if n[0] and (task.key, split, language) not in self._told}
        self._told |= {(task.key, split, language) for language in new}
        if new:
            parts = ", ".join(f"{lost:,} of {rows:,} rows in {task.code(x)}" for x, (lost, rows) in new.items())
            most = longest_example(self.model, settings)
            self.progress.note(f"{what}: {parts} are longer than {most:,} tokens and were cut")

    def learner(self, task: Task, settings: Settings) -> Classifier | Decoder:
        """The model with a head for the task, or a decoder with an adapter; to be restarted before each training."""
        if settings.adapter is not None:
            return self.decoder(settings.adapter, settings.precision)
        head, folder = resolve_head(self.model.name, task.kind, settings.head), self.model.folder
        load = partial(load_classifier, folder, head, task.labels, device=self.device, compiled=settings.compile)
        return cast(Classifier, self._load((head, task.labels, settings.compile), load))

    def trained(self, task: Task, folder: Path, name: str) -> Classifier:
        """A classifier that was trained for the task, out of its folder; loaded anew each time."""
        with self.progress.step(f"load {name}"):
            return load_trained(folder, task.kind, task.labels, device=self.device)

    def decoder(self, adapter: Adapter | None, precision: str, *, four_bit: bool = False) -> Decoder:
        """The model as a decoder, with an adapter that is to be restarted or read, or as it is."""
        load = partial(load_decoder, self.model.folder, adapter=adapter, four_bit=four_bit, precision=precision)
        return cast(Decoder, self._load((adapter, precision, four_bit), partial(load, device=self.device)))

    def _load(self, key: tuple[Any, ...], load: Callable[[], Any]) -> Any:
        if key not in self._learners:
            self._learners.clear()  # one at a time: they are large
            with self.progress.step(f"load {self.model.name}"):
                self._learners[key] = load()
        return self._learners[key]


def longest_example(model: Model, settings: Settings) -> int:
    """Tokens that an example may have: as the settings say, and no more than the model has positions for."""
    if settings.adapter is not None:
        return min(settings.max_length, max_tokens(model.files) or settings.max_length)
    config = model.files.config
    positions = int(config.get("max_position_embeddings") or DEFAULT_POSITIONS)
    if config.get("model_type") in ("xlm-roberta", "roberta", "xlm-roberta-xl", "camembert"):
        positions -= int(config.get("pad_token_id", 1)) + 1  # they count from the one after that of padding
    return min(settings.max_length, positions)


def decide_precision(settings: Settings, device: str | None) -> Settings:
    """Return the settings with the precision that this machine will compute in.

    Torch is asked only where there is a GPU: a run that is in the store is found without importing it.
    """
    if settings.precision != "auto":
        return settings
    if device == "cpu" or not has_gpu_driver():
        return replace(settings, precision="fp32")
    from mslt_cli.models.loading import find_device, has_bfloat16

    return replace(settings, precision="bf16" if has_bfloat16(find_device(device)) else "fp32")


def has_gpu_driver() -> bool:
    """Whether this machine could have a CUDA GPU at all."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return False
    places = ("/proc/driver/nvidia", "/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
    return os.name == "nt" or any(Path(place).exists() for place in places)
