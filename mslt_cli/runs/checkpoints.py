"""Checkpoints: the state of a training as safetensors, whole or not at all, the newest two."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from mslt_cli.files import new_folder, raise_os_errors
from mslt_cli.runs.directory import CHECKPOINTS, run_files

KEPT = 2
TENSORS, VALUES = "state.safetensors", "state.json"


def save_checkpoint(directory: Path, tensors: dict[str, Any], values: dict[str, Any]) -> None:
    """Write a training's state, and drop all but the newest two.

    Args:
        directory: the run's.
        tensors: by name, on any device.
        values: what JSON can hold, with "step".

    Raises:
        RunError: it cannot be written; the earlier ones stay.
    """
    from safetensors.torch import save_file

    folder = directory / CHECKPOINTS / f"{values['step']:06d}"
    with run_files(folder), new_folder(folder, replace=True) as part, raise_os_errors():
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, part / TENSORS)
        (part / VALUES).write_text(json.dumps(values) + "\n", encoding="utf-8")
    for old in _all(directory)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def last_step(directory: Path) -> int:
    """The step of the newest checkpoint; 0 = there is none."""
    checkpoints = _all(directory)
    return int(checkpoints[-1].name) if checkpoints else 0


def load_checkpoint(directory: Path) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The newest state that can be read; None if there is none."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    for folder in reversed(_all(directory)):
        try:
            values = json.loads((folder / VALUES).read_text(encoding="utf-8"))
            return load_file(folder / TENSORS), values
        except (OSError, ValueError, SafetensorError):  # damaged, by a failing disk say: the one before it may do
            continue
    return None


def drop_checkpoints(directory: Path) -> None:
    """Remove them all."""
    shutil.rmtree(directory / CHECKPOINTS, ignore_errors=True)


def _all(directory: Path) -> list[Path]:
    folder = directory / CHECKPOINTS
    there = [path for path in folder.iterdir() if path.name.isdigit()] if folder.is_dir() else []
    return sorted(there, key=lambda path: int(path.name))
