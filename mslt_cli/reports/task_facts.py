"""What a report says of a task by itself: its metric, its pool, the size of its test data, and what chance scores."""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from mslt_cli.reports.cells import percent
from mslt_cli.results.evaluations import known_task
from mslt_cli.tasks.task import Task

NEAR = 5.0
"""Points below the lowest score within which the line of chance is drawn: further away it would flatten all else."""


class ChanceLevel(NamedTuple):
    """The accuracy of answers that no text was read for, 0..1, mean over targets."""

    guess: float | None
    """Of a guess among the labels; None where guessing means nothing."""
    majority: float | None
    """Of always the most frequent answer in a target; None = not known, for earlier runs did not count it."""

    @property
    def named(self) -> dict[str, float]:
        """Those that are known, the better one last; where both print alike, a guess alone."""
        named = {} if self.guess is None else {"a guess": self.guess}
        if self.majority is not None and (self.guess is None or percent(self.guess) != percent(self.majority)):
            named["the most frequent answer"] = self.majority
        return named

    def describe(self) -> str:
        """ "A guess scores 20.00, the most frequent answer 30.38."; empty where nothing is known."""
        said = ""
        for name, value in self.named.items():
            said += f", {name} {percent(value)}" if said else f"{name.capitalize()} scores {percent(value)}"
        return said and f"{said}."

    def marks(self, values: Collection[float]) -> list[tuple[str, float]]:
        """The line of the better one in a chart with these values (percent); none where it is too far below them."""
        better = [(name, 100 * value) for name, value in self.named.items()][-1:]
        return [(name, at) for name, at in better if values and at > min(values) - NEAR]


def mean_majority(shares: Iterable[tuple[str, float | None]]) -> float | None:
    """The mean over targets of the share of the most frequent answer; None where that of a target is not known.

    Takes target and share of one score or several.
    """
    known: dict[str, float | None] = {}
    for target, share in shares:
        known[target] = known.get(target) if share is None else share
    found = [share for share in known.values() if share is not None]
    return sum(found) / len(found) if found and len(found) == len(known) else None


def usual_sources(variant: str) -> tuple[str, ...]:
    """The languages that a task is usually trained on, ISO 639-3; none where a user's own task does not say."""
    task = known_task(variant)
    return tuple(task.sources) if task else ()


def guess_accuracy(task: Task | None) -> float | None:
    """The accuracy of a guess among the labels or choices, 0..1; None where guessing means nothing.

    Of words, a guess says little: most of them are no name, or a noun.
    """
    answers = {"sequence-classification": task.labels, "multiple-choice": task.choices}.get(task.kind) if task else None
    return 1 / len(answers) if answers else None


def paper_test_items(variant: str) -> tuple[int, ...]:
    """Test items of each of the paper's targets; none for tasks that are scored by word, or of unknown size."""
    task = known_task(variant)
    if task is None or task.kind == "token-classification":
        return ()
    sizes = [task.expected_rows(task.evaluation, target) for target in task.targets]
    return tuple(size for size in sizes if size) if all(sizes) else ()
