"""A run's metrics.jsonl: a line a step, cut back to the checkpoint that a training goes on from."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mslt_cli.runs.directory import METRICS, RUN, run_files
from mslt_cli.training.distributed import World
from mslt_cli.training.loop import StepRecord

NO_TOKENS = {"tokens": 0, "padded_tokens": 0}


def metrics_file(directory: Path) -> Path:
    """Where the lines of a training under way go: beside those of a run that ended, until they take their place."""
    return directory / (f"new-{METRICS}" if (directory / RUN).exists() else METRICS)


def record_as_line(record: StepRecord) -> dict[str, Any]:
    """A step as JSON."""
    return {name: value for name, value in asdict(record).items() if value is not None}


@contextmanager
def metrics_writer(directory: Path, world: World) -> Iterator[Callable[[dict[str, Any] | None], None]]:
    """A function that adds a line to metrics.jsonl; None flushes it. Only the first process writes."""
    if not world.first:
        yield lambda line: None
        return
    with run_files(directory), metrics_file(directory).open("a", encoding="utf-8") as file:

        def write(line: dict[str, Any] | None) -> None:
            if line is None:
                file.flush()
                os.fsync(file.fileno())
            else:
                file.write(json.dumps(line) + "\n")

        yield write


def cut_metrics(directory: Path, step: int) -> dict[str, int]:
    """Cut metrics.jsonl back to a step; returns the tokens so far."""
    path = metrics_file(directory)
    lines = path.read_text(encoding="utf-8").splitlines()[:step] if path.is_file() else []
    with run_files(directory):
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    last = json.loads(lines[-1]) if lines else {}
    return {name: int(last.get(name, 0)) for name in NO_TOKENS}
