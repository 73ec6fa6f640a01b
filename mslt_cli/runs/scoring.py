"""What a task's metrics make of predictions; needs no model."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mslt_cli.evaluation.metrics import accuracy_table, entity_table, score
from mslt_cli.tasks.base import Task


def tables_of(task: Task, gold: list[Any], answers: list[Any]) -> dict[str, NDArray[np.int64]]:
    """The counts of each metric that the task has, by row; see `evaluation.metrics`."""
    tables = {"accuracy": accuracy_table(gold, answers)}
    if "entity-f1" in task.further_metrics:
        tables["entity-f1"] = entity_table(task.labels, gold, answers)
    return tables


def scores_of(task: Task, gold: list[Any], answers: list[Any]) -> list[dict[str, Any]]:
    """The scores of a target, the task's own metric first; with counts and 95 % intervals."""
    return [asdict(score(metric, table)) for metric, table in tables_of(task, gold, answers).items()]
