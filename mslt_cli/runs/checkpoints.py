"""What a training under way leaves in its run's directory: the newest two checkpoints, and a line a step.

A checkpoint has all that a training needs to go on: its state as safetensors, and the lines of metrics.jsonl so far;
with checksums, whole or not at all. The metrics.jsonl beside it is for people to look at until the training ends.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

from mslt_cli.files import drop, sha256_of
from mslt_cli.runs.directory import (
    CHECKPOINTS,
    METRICS,
    NEW_METRICS,
    RUN,
    new_run_folder,
    run_files,
    sha256_of_json,
    write_bytes,
)

KEPT = 2
TENSORS, VALUES = "state.safetensors", "state.json"


class Checkpoint(NamedTuple):
    """The state of a training after a step."""

    tensors: dict[str, Any]
    values: dict[str, Any]
    """JSON, with "step"."""
    lines: Sequence[str]
    """Of metrics.jsonl, one a step."""


def save_checkpoint(directory: Path, checkpoint: Checkpoint) -> None:
    """Write a training's state, and drop all but the newest two.

    Raises: RunError: it cannot be written; the earlier ones stay.
    """
    from safetensors.torch import save_file

    folder = directory / CHECKPOINTS / f"{checkpoint.values['step']:06d}"
    with new_run_folder(folder) as part:
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.tensors.items()}
        save_file(tensors, part / TENSORS)
        (part / METRICS).write_text("".join(checkpoint.lines), encoding="utf-8")
        state = {"values": checkpoint.values, "files": {name: sha256_of(part / name) for name in (TENSORS, METRICS)}}
        (part / VALUES).write_text(json.dumps({**state, "sha256": sha256_of_json(state)}) + "\n", encoding="utf-8")
    for old in _checkpoints(directory)[:-KEPT]:
        drop(old)


def last_step(directory: Path) -> int:
    """The step of the newest checkpoint; 0 = there is none."""
    return max((int(path.name) for path in _checkpoints(directory)), default=0)


def load_checkpoint(directory: Path) -> tuple[Checkpoint | None, list[int]]:
    """The newest state that is as it was written, if there is one; and the steps of those that are not.

    These were damaged, by a failing disk say, or are of an earlier mslt, which kept no checksums.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    damaged: list[int] = []
    for folder in reversed(_checkpoints(directory)):
        try:
            state = json.loads((folder / VALUES).read_text(encoding="utf-8"))
            stated = state.pop("sha256")
            if stated == sha256_of_json(state) and all(sha256_of(folder / x) == y for x, y in state["files"].items()):
                lines = (folder / METRICS).read_text(encoding="utf-8").splitlines(keepends=True)
                return Checkpoint(load_file(folder / TENSORS), state["values"], lines), damaged
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, SafetensorError):
            pass
        damaged.append(int(folder.name))
    return None, damaged


def _checkpoints(directory: Path) -> list[Path]:
    """All of them, from the oldest."""
    return sorted((p for p in directory.glob(f"{CHECKPOINTS}/*") if p.name.isdecimal()), key=lambda p: int(p.name))


@contextmanager
def open_metrics(directory: Path, lines: Sequence[str]) -> Iterator[IO[str]]:
    """Open the file of the lines of a training under way, to add to these; beside that of a run that is done."""
    path = directory / (NEW_METRICS if (directory / RUN).exists() else METRICS)
    write_bytes(path, "".join(lines).encode())
    with run_files(directory), path.open("a", encoding="utf-8") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
