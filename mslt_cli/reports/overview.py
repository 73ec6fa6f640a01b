"""What there is to report on: whose numbers, of which tasks and models; and how one asks for them."""

import shlex
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from mslt_cli.errors import UnknownNameError
from mslt_cli.reports.gathering import ORIGINS
from mslt_cli.store.db import Store
from mslt_cli.store.results import published_cells
from mslt_cli.store.runs import TrainedCombination, trained_combinations

SOURCES = {"own": "runs", "shipped": "shipped", "published": "published"}
"""What --source calls an origin, in the order in which they are listed."""


class Holding(NamedTuple):
    """The numbers of one source, task and model."""

    source: str
    """As --source has it."""
    task: str
    model: str
    """Empty of what is published."""
    runs: int
    combinations: dict[int, int]
    """How many there are, by number of languages; 0: the model as it is."""
    examples: list[int]
    """Budgets, that of most runs first."""
    printed: int
    """Numbers that the paper prints."""
    last: str | None
    """When the last run ended, as ISO 8601."""
    command: str
    """What shows them."""


def list_holdings(
    store: Store,
    *,
    source: str | None = None,
    tasks: Sequence[str] = (),
    models: Sequence[str] = (),
    examples: int | None = None,
) -> list[Holding]:
    """List what there is: own runs, then shipped ones, then what is printed, and first what has most runs.

    Args:
        source: as in `views.report`; None: all.
        tasks: that runs were evaluated on; none: all, as with models.
        examples: the budget; None: all.

    Raises:
        UnknownNameError: an unknown source.
    """
    if source is not None and source not in ORIGINS:
        raise UnknownNameError("source of results", source, list(ORIGINS))
    groups: dict[tuple[str, str, str], list[TrainedCombination]] = {}
    for row in trained_combinations(store):
        if examples in (None, row.examples):
            groups.setdefault((SOURCES[row.origin], row.task, row.model), []).append(row)
    holdings = [_hold_runs(*key, rows) for key, rows in groups.items()]
    if examples is None:
        printed = Counter(cell.task for cell in published_cells(store) if cell.score_percent is not None)
        holdings += [_hold_printed(task, n) for task, n in printed.items()]
    asked = {"both": ("runs", "published"), None: (*SOURCES.values(),)}.get(source, (source,))
    kept = [
        row
        for row in holdings
        if row.source in asked and row.task in (tasks or (row.task,)) and row.model in (models or (row.model,))
    ]
    order = [*SOURCES.values()]
    return sorted(kept, key=lambda row: (order.index(row.source), -row.runs, row.task, row.model))


def _hold_runs(source: str, task: str, model: str, rows: Sequence[TrainedCombination]) -> Holding:
    sizes = Counter(len(sources) for sources in {row.sources for row in rows})
    budgets: Counter[int] = Counter()
    for row in rows:
        budgets[row.examples or 0] += row.runs
    examples = [budget for budget, _ in budgets.most_common() if budget]
    shown = "answer" if any(sizes) else "runs"  # of a model as it is there is nothing else to say
    words = ["mslt", "report", shown, "--source", source, "--task", task, "--model", model]
    words += ["--examples", str(examples[0])] if len(examples) > 1 else []
    return Holding(
        *(source, task, model),
        runs=sum(row.runs for row in rows),
        combinations=dict(sorted(sizes.items(), key=lambda item: (-item[1], item[0]))),
        examples=examples,
        printed=0,
        last=max(row.last for row in rows),
        command=shlex.join(words),
    )


def _hold_printed(task: str, printed: int) -> Holding:
    command = f"mslt report table1 --source published --task {task}"
    return Holding("published", task, "", 0, {}, [], printed, None, command)
