"""What a task's metrics make of predictions; needs no model."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mslt_cli.evaluation.choices import UNREADABLE
from mslt_cli.evaluation.metrics import accuracy_table, entity_table
from mslt_cli.evaluation.reading import Reading
from mslt_cli.tasks.task import Task


def tables_of(task: Task, gold: list[Any], answers: list[Any]) -> dict[str, NDArray[np.int64]]:
    """The counts of each metric that the task has, by row; see `evaluation.metrics`."""
    tables = {"accuracy": accuracy_table(gold, answers)}
    if "entity-f1" in task.further_metrics:
        tables["entity-f1"] = entity_table(task.labels, gold, answers)
    return tables


def bias_tables(reading: Reading, gold: list[Any], answers: list[Any]) -> dict[str, NDArray[np.int64]]:
    """What accuracy alone hides: the part of it where the right choice stands first, and second, in the prompt; the
    share of answers that name no choice; and with both orders the share of rows with the same choice in both.

    Args:
        reading: how they were read.
        gold: by row, the right choice from 0, or one for each order.
        answers: likewise; −1 names no choice.
    """
    tables: dict[str, NDArray[np.int64]] = {}
    right = np.array(gold, np.int64).reshape(len(gold), -1)
    chosen = np.array(answers, np.int64).reshape(len(gold), -1)
    if reading.scoring != "options":
        place = right.copy()
        place[:, 1:] = 1 - place[:, 1:]  # in the second order
        for number in (1, 2) if right.max(initial=0) < 2 else ():
            here = place == number - 1
            if here.any():
                counts = [((chosen == right) & here).sum(axis=1), here.sum(axis=1)]
                tables[f"accuracy-gold-{number}"] = np.stack(counts, axis=1)
    if reading.scoring == "generate":
        lost = chosen == UNREADABLE
        tables["unreadable"] = np.stack([lost.sum(axis=1), np.full(len(lost), lost.shape[1])], axis=1)
    if reading.swap:
        same = (chosen[:, 0] == chosen[:, 1]) & (chosen[:, 0] != UNREADABLE)
        tables["same-in-both-orders"] = np.stack([same, np.ones(len(same), np.int64)], axis=1).astype(np.int64)
    return tables
