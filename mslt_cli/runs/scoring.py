"""What a task's metrics make of predictions; needs no model."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mslt_cli.evaluation.metrics import accuracy_table, entity_table
from mslt_cli.tasks.base import Task


def tables_of(task: Task, gold: list[Any], answers: list[Any]) -> dict[str, NDArray[np.int64]]:
    """The counts of each metric that the task has, by row; see `evaluation.metrics`."""
    tables = {"accuracy": accuracy_table(gold, answers)}
    if "entity-f1" in task.further_metrics:
        tables["entity-f1"] = entity_table(task.labels, gold, answers)
    return tables
