"""What was scored: the evaluations of a task with a model by its own metric."""

from collections.abc import Sequence
from contextlib import suppress

from mslt_cli.errors import MsltError
from mslt_cli.models import canonical_name
from mslt_cli.store.runs import StoredEvaluation
from mslt_cli.tasks import TASKS, find_task
from mslt_cli.tasks.task import Task

FALLBACK_METRICS = ("accuracy", "entity-f1")
"""Shown, in this order, of tasks that are not known or were not scored by their own metric."""


def find_evaluations(
    available: Sequence[StoredEvaluation], *, tasks: Sequence[str], models: Sequence[str], metric: str | None
) -> list[StoredEvaluation]:
    """Those of some tasks and models (none = all), of each split and origin one: of this metric, or the task's own."""
    names = {*models, *map(canonical_name, models)}
    groups: dict[tuple[str, ...], dict[str, StoredEvaluation]] = {}
    for row in available:
        if (not tasks or row.task in tasks) and (not names or row.model in names):
            groups.setdefault((row.task, row.split, row.scoring, row.model, row.origin), {})[row.metric] = row
    chosen = (group.get(metric or own_metric(task, list(group))) for (task, *_), group in groups.items())
    return [row for row in chosen if row is not None]


def known_task(variant: str) -> Task | None:
    """The task that results name; None for a user's own whose file is gone."""
    name = variant.split("-no-")[0]
    with suppress(MsltError):
        return find_task(name if name in TASKS else variant)
    return None


def own_metric(variant: str, metrics: Sequence[str]) -> str:
    """Which of these metrics a task is reported by; a user's own task says it while its file is there."""
    task = known_task(variant)
    preferred = (task.metric, *FALLBACK_METRICS) if task else FALLBACK_METRICS
    return next((name for name in preferred if name in metrics), metrics[0])
