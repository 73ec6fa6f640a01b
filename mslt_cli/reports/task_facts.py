"""What a report says of a task by itself: its metric, its pool, the size of its test data, and what a guess scores."""

from collections.abc import Sequence
from contextlib import suppress
from functools import cache

from mslt_cli.errors import MsltError
from mslt_cli.tasks import TASKS, find_task
from mslt_cli.tasks.task import Task

FALLBACK_METRICS = ("accuracy", "entity-f1")
"""Shown, in this order, of tasks that are not known or were not scored by their own metric."""


@cache
def _task_of(variant: str) -> Task | None:
    """The task that results name; None for a user's own."""
    name = variant.split("-no-")[0]
    return find_task(name) if name in TASKS else None


def own_metric(variant: str, metrics: Sequence[str]) -> str:
    """Which of these metrics a task is reported by; a user's own task says it while its file is there."""
    preferred: tuple[str, ...] = FALLBACK_METRICS
    with suppress(MsltError):
        preferred = (find_task(variant.split("-no-")[0]).metric, *preferred)
    return next((name for name in preferred if name in metrics), metrics[0])


def usual_sources(variant: str) -> tuple[str, ...]:
    """The languages that a task is usually trained on, ISO 639-3; none for a user's own task."""
    task = _task_of(variant)
    return tuple(task.sources) if task else ()


def guess_accuracy(variant: str) -> float | None:
    """The accuracy of a guess among the labels, 0..1; None where guessing means nothing."""
    task = _task_of(variant)
    if task is not None and task.kind == "multiple-choice":
        return 0.5
    # Of words, a guess says little: most of them are no name, or a noun.
    return 1 / len(task.labels) if task and task.kind == "sequence-classification" and task.labels else None


def paper_test_items(variant: str) -> tuple[int, ...]:
    """Test items of each of the paper's targets; none for tasks that are scored by word, or of unknown size."""
    task = _task_of(variant)
    if task is None or task.kind == "token-classification":
        return ()
    sizes = [task.expected_rows(task.evaluation, target) for target in task.targets]
    return tuple(size for size in sizes if size) if all(sizes) else ()
