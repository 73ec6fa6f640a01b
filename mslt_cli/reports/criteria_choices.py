"""What the criteria choose from the pool of a grid, by `select`, and what that scores."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import comb
from typing import NamedTuple

from mslt_cli.criteria import CRITERIA, OF_EMBEDDINGS, OF_RUNS, OF_TARGETS, OF_VOCABULARIES
from mslt_cli.criteria.request import Measured
from mslt_cli.errors import MsltError
from mslt_cli.reports.cells import Cell, Origin, percent
from mslt_cli.reports.grid import Group
from mslt_cli.results.trained import Combination
from mslt_cli.search.best import TIE
from mslt_cli.selection import select
from mslt_cli.store.db import Store

LINES = {"min": "worst of all", "max": "best of all", "random": "a random one, on average", "average": "average"}
"""What the lines of a table that are no criterion's are called."""
MOST_CHOSEN_FROM = 20_000
"""Combinations that criteria are computed for; a pool with more is not a grid that anybody trained."""


@dataclass(frozen=True)
class Choice:
    """What a criterion makes of the combinations of a pool."""

    criterion: str
    values: Mapping[Combination, float] = field(default_factory=dict)
    """Of all combinations, in the order of codes as the user reads them."""
    evidence: str = ""
    """What it read: "syntax_knn (lang2vec 1.1.2)"."""
    problem: str = ""
    """Why there is none: what is missing, and the command that gets it."""

    @cached_property
    def most(self) -> tuple[Combination, ...]:
        """The one with the highest value; all of them where several tie."""
        return self._at(max(self.values.values()))

    @cached_property
    def least(self) -> tuple[Combination, ...]:
        """The one with the lowest value, likewise."""
        return self._at(min(self.values.values()))

    def _at(self, end: float) -> tuple[Combination, ...]:
        return tuple(combination for combination, value in self.values.items() if abs(value - end) <= TIE)


class ChoiceSetting(NamedTuple):
    """What the criteria choose among (ISO 639-3), and for which model and task."""

    k: int
    pool: tuple[str, ...]
    include: tuple[str, ...]
    model: str
    task: str
    targets: tuple[str, ...] = ()
    """On which the combinations are tested (ISO 639-3); criteria of nearness read them, and no other."""


def choose(store: Store, setting: ChoiceSetting, code: Mapping[str, str]) -> list[Choice]:
    """The choices of all criteria, by `select`; `code` is ISO 639-3 → how the user reads it."""
    choices = []
    for name in [row.name for row in CRITERIA.values() if row.kind not in ("chance", *OF_RUNS)]:
        try:
            choices.append(_choose_by(name, store, setting, code))
        except MsltError as error:
            choices.append(Choice(name, problem=str(error)))
    return choices


def _choose_by(name: str, store: Store, setting: ChoiceSetting, code: Mapping[str, str]) -> Choice:
    n, k, fixed = len(setting.pool), setting.k, len(setting.include)
    total = comb(n - fixed, k - fixed) if n >= k >= fixed else 0
    if not 0 < total <= MOST_CHOSEN_FROM:
        return Choice(name, problem=f"The pool has {total:,} combinations, which are not ranked here.")
    iso = {code.get(language, language): language for language in setting.pool}
    include = [code.get(language, language) for language in setting.include]
    kind = CRITERIA[name].kind
    measured = Measured(
        model=setting.model if kind in ("pretraining", *OF_VOCABULARIES, *OF_EMBEDDINGS) else None,
        task=setting.task if kind in (*OF_VOCABULARIES, *OF_EMBEDDINGS) else None,
    )
    targets = setting.targets if kind in OF_TARGETS else ()
    selection = select(store, list(iso), k, by=[name], include=include, measured=measured, target=targets, top=total)
    values = {row.languages: row.scores[name] for row in selection.results}  # languages as codes, sorted
    if len(values) < total:
        unranked = sorted(set(iso).difference(*values))
        return Choice(name, problem=f"It knows nothing of {', '.join(unranked)}.")
    by_iso = {tuple(sorted(iso[x] for x in codes)): value for codes, value in sorted(values.items())}
    return Choice(name, by_iso, selection.evidence[0].provenance)


def choice_notes(choices: Iterable[Choice], criteria: Collection[str] = CRITERIA) -> list[str]:
    """Which of these criteria are left out and why, and of which several combinations tie."""
    shown = [choice for choice in choices if choice.criterion in criteria]
    lacking: dict[str, list[str]] = {}
    for choice in shown:
        if choice.problem:
            lacking.setdefault(choice.problem, []).append(choice.criterion)
    notes = [
        f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} left out: {why}" for why, names in lacking.items()
    ]
    tied = [f"{one.criterion} ({len(one.most)})" for one in shown if not one.problem and len(one.most) > 1]
    if tied:
        notes.append(f"Several combinations tie under {', '.join(tied)}: the mean over them is shown.")
    return notes


def choice_cell(group: Group, choice: Choice, chosen: Sequence[Combination]) -> Cell:
    """The score of what a criterion chose: "61.36 (9)"; the mean where several combinations tie, "60.12 (5 tie)"."""
    named, n = group.grid.named(chosen[0]), len(chosen)
    why = f"{choice.criterion} ({choice.evidence}) chooses {named}" + (f" or another of {n} that tie" if n > 1 else "")
    more = {"languages": named, "tied": n}
    of_chosen = Group(group.grid, {x: group.trained[x] for x in chosen if x in group.trained})
    trained = list(of_chosen.trained.values())
    if not trained:
        return Cell(None, "not trained", "computed", why, more)
    if n == 1:
        cell = group.score_cell(trained[0])
        return replace(cell, source=f"{why}. {cell.source}", more={**cell.more, "tied": 1})
    source = f"{why}: the mean over the {len(trained)} of them that were trained. {group.grid.describe(trained)}"
    return Cell(100 * of_chosen.mean, f"{percent(of_chosen.mean)} ({n} tie)", group.grid.origin, source, more)


def criterion_cell(name: str, origin: Origin = "") -> Cell:
    """The name of a criterion, or of another line of a table, and what the criterion is."""
    row = CRITERIA.get(name)
    return Cell(name, LINES.get(name, name), origin, f"{row.summary}; {row.source}" if row else "")
