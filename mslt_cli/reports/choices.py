"""What the criteria choose from the pool of a grid, by `select`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import comb

from mslt_cli.criteria import CRITERIA
from mslt_cli.criteria.request import Measured
from mslt_cli.errors import MsltError
from mslt_cli.reports.grid import Combination, Grid
from mslt_cli.search.best import TIE
from mslt_cli.selection import select
from mslt_cli.store.db import Store

MOST_CHOSEN_FROM = 20_000
"""Combinations that criteria are computed for; a pool with more is not a grid that anybody trained."""


@dataclass(frozen=True)
class Choice:
    """What a criterion makes of the combinations of a pool."""

    criterion: str
    most: tuple[Combination, ...] = ()
    """The one with the highest value; all of them where several tie, in the order of codes."""
    least: tuple[Combination, ...] = ()
    """The one with the lowest value, likewise."""
    values: Mapping[Combination, float] = field(default_factory=dict)
    """Of all combinations."""
    evidence: str = ""
    """What it read: "syntax_knn (lang2vec 1.1.2)"."""
    problem: str = ""
    """Why there is none: what is missing, and the command that gets it."""


class Chooser:
    """Asks `select` what each criterion makes of a grid's pool; the same question once.

    Args:
        store: with the facts that criteria read.
        code: ISO 639-3 → how the user reads it; ties are listed in the order of these.
        k: size of the combinations.
        pool: ISO 639-3; empty = each grid's own.
    """

    def __init__(self, store: Store, code: Mapping[str, str], k: int, pool: Sequence[str]) -> None:
        self.store, self.code, self.k, self.pool = store, code, k, tuple(pool)
        self.answers: dict[tuple[object, ...], list[Choice]] = {}

    def choose(self, grid: Grid, include: Sequence[str]) -> list[Choice]:
        """The choices of all criteria, out of the combinations that hold `include` (ISO 639-3)."""
        pool = self.pool or grid.pool(self.k)
        task = next(iter(grid.trained.values())).runs[0].task
        question = (grid.about.model, task, pool, tuple(include))
        if question not in self.answers:
            criteria = [row.name for row in CRITERIA.values() if row.kind != "chance"]
            self.answers[question] = [self._ask(name, *question) for name in criteria]
        return self.answers[question]

    def _ask(self, criterion: str, model: str, task: str, pool: Sequence[str], include: Sequence[str]) -> Choice:
        fits = len(pool) >= self.k >= len(include)
        total = comb(len(pool) - len(include), self.k - len(include)) if fits else 0
        if not 0 < total <= MOST_CHOSEN_FROM:
            problem = f"{criterion}: the pool has {total:,} combinations, which are not ranked here."
            return Choice(criterion, problem=problem)
        iso = {self.code.get(language, language): language for language in pool}
        kind = CRITERIA[criterion].kind
        measured = Measured(
            model=model if kind in ("pretraining", "vocabulary", "embedding") else None,
            task=task if kind == "vocabulary" else None,
        )
        try:
            selection = select(
                self.store,
                list(iso),
                self.k,
                by=[criterion],
                include=[self.code.get(language, language) for language in include],
                measured=measured,
                top=total,
            )
        except MsltError as error:
            return Choice(criterion, problem=f"{criterion} is left out: {error}")
        values = {tuple(sorted(iso[x] for x in row.languages)): row.scores[criterion] for row in selection.results}
        if len(values) < total:
            unranked = sorted(set(iso) - {x for row in selection.results for x in row.languages})
            return Choice(criterion, problem=f"{criterion} is left out: it knows nothing of {', '.join(unranked)}.")
        return Choice(
            criterion,
            most=self._at(max(values.values()), values),
            least=self._at(min(values.values()), values),
            values=values,
            evidence=selection.evidence[0].provenance,
        )

    def _at(self, end: float, values: Mapping[Combination, float]) -> tuple[Combination, ...]:
        tied = [combination for combination, value in values.items() if abs(value - end) <= TIE]
        return tuple(sorted(tied, key=lambda combination: sorted(self.code.get(x, x) for x in combination)))


def choice_notes(choices: Iterable[Choice], criteria: Collection[str] | None = None) -> list[str]:
    """Which criteria are left out and why, and of which several combinations tie.

    Args:
        choices: of a grid.
        criteria: that the view shows; default: all.
    """
    shown = [choice for choice in choices if criteria is None or choice.criterion in criteria]
    notes = [choice.problem for choice in shown if choice.problem]
    if tied := [f"{choice.criterion} ({len(choice.most)})" for choice in shown if len(choice.most) > 1]:
        notes.append(f"Several combinations tie under {', '.join(tied)}: the mean over them is shown.")
    return notes
