"""What a training under way leaves in its run's directory: the newest two checkpoints, and a line a step.

A checkpoint is the state of the training as safetensors, whole or not at all.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from mslt_cli.runs.directory import CHECKPOINTS, METRICS, RUN, new_run_folder, run_files

KEPT = 2
TENSORS, VALUES = "state.safetensors", "state.json"


def save_checkpoint(directory: Path, tensors: dict[str, Any], values: dict[str, Any]) -> None:
    """Write a training's state, and drop all but the newest two; the values are JSON, with "step".

    Raises: RunError: it cannot be written; the earlier ones stay.
    """
    from safetensors.torch import save_file

    folder = directory / CHECKPOINTS / f"{values['step']:06d}"
    with new_run_folder(folder) as part:
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, part / TENSORS)
        (part / VALUES).write_text(json.dumps(values) + "\n", encoding="utf-8")
    for old in _checkpoints(directory)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def last_step(directory: Path) -> int:
    """The step of the newest checkpoint; 0 = there is none."""
    return max((int(path.name) for path in _checkpoints(directory)), default=0)


def load_checkpoint(directory: Path) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The newest state that can be read; None if there is none."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    for folder in reversed(_checkpoints(directory)):
        try:
            values = json.loads((folder / VALUES).read_text(encoding="utf-8"))
            return load_file(folder / TENSORS), values
        except (OSError, ValueError, SafetensorError):  # damaged, by a failing disk say: the one before it may do
            continue
    return None


def _checkpoints(directory: Path) -> list[Path]:
    """All of them, from the oldest."""
    return sorted((p for p in directory.glob(f"{CHECKPOINTS}/*") if p.name.isdigit()), key=lambda p: int(p.name))


def metrics_file(directory: Path) -> Path:
    """Where the lines of a training under way go: beside those of a run that ended, until they take their place."""
    return directory / (f"new-{METRICS}" if (directory / RUN).exists() else METRICS)


@contextmanager
def open_metrics(directory: Path, step: int) -> Iterator[tuple[IO[str], dict[str, Any]]]:
    """Cut metrics.jsonl back to a step, and open it to add lines; beside it the tokens of the steps so far."""
    with run_files(directory), metrics_file(directory).open("a+", encoding="utf-8") as file:
        file.seek(0)
        lines = [line for _ in range(step) if (line := file.readline())]
        file.truncate(file.tell())
        last = json.loads(lines[-1]) if lines else {}
        yield file, {name: int(last.get(name, 0)) for name in ("tokens", "padded_tokens")}
