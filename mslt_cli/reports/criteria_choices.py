"""What the criteria choose from the pool of a grid, by `select`."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from math import comb
from typing import NamedTuple

from mslt_cli.criteria import CRITERIA
from mslt_cli.criteria.request import Measured
from mslt_cli.errors import MsltError
from mslt_cli.reports.grid import Combination
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


class ChoiceSetting(NamedTuple):
    """What the criteria choose among, and for which model and task."""

    k: int
    pool: tuple[str, ...]
    """ISO 639-3."""
    include: tuple[str, ...]
    """ISO 639-3; what every combination holds."""
    model: str
    task: str


def choose(store: Store, setting: ChoiceSetting, code: Mapping[str, str]) -> list[Choice]:
    """The choices of all criteria, by `select`.

    Args:
        store: with the facts that criteria read.
        setting: what they choose among.
        code: ISO 639-3 → how the user reads it; ties are listed in the order of these.
    """
    n, k, fixed = len(setting.pool), setting.k, len(setting.include)
    total = comb(n - fixed, k - fixed) if n >= k >= fixed else 0
    choices = []
    for name in [row.name for row in CRITERIA.values() if row.kind != "chance"]:
        try:
            choices.append(_choose_by(name, store, setting, code, total))
        except MsltError as error:
            choices.append(Choice(name, problem=f"{name} is left out: {error}"))
    return choices


def _choose_by(name: str, store: Store, setting: ChoiceSetting, code: Mapping[str, str], total: int) -> Choice:
    if not 0 < total <= MOST_CHOSEN_FROM:
        return Choice(name, problem=f"{name}: the pool has {total:,} combinations, which are not ranked here.")
    iso = {code.get(language, language): language for language in setting.pool}
    include = [code.get(language, language) for language in setting.include]
    kind = CRITERIA[name].kind
    measured = Measured(
        model=setting.model if kind in ("pretraining", "vocabulary", "embedding") else None,
        task=setting.task if kind == "vocabulary" else None,
    )
    selection = select(store, list(iso), setting.k, by=[name], include=include, measured=measured, top=total)
    values = {row.languages: row.scores[name] for row in selection.results}  # languages as codes, sorted
    if len(values) < total:
        unranked = sorted(set(iso).difference(*values))
        return Choice(name, problem=f"{name} is left out: it knows nothing of {', '.join(unranked)}.")
    combination = {codes: tuple(sorted(iso[x] for x in codes)) for codes in values}
    most, least = (
        tuple(combination[codes] for codes, value in sorted(values.items()) if abs(value - end) <= TIE)
        for end in (max(values.values()), min(values.values()))
    )
    by_iso = {combination[codes]: value for codes, value in values.items()}
    return Choice(name, most, least, by_iso, selection.evidence[0].provenance)


def choice_notes(choices: Iterable[Choice], criteria: Collection[str] = CRITERIA) -> list[str]:
    """Which of these criteria are left out and why, and of which several combinations tie."""
    shown = [choice for choice in choices if choice.criterion in criteria]
    notes = [choice.problem for choice in shown if choice.problem]
    if tied := [f"{choice.criterion} ({len(choice.most)})" for choice in shown if len(choice.most) > 1]:
        notes.append(f"Several combinations tie under {', '.join(tied)}: the mean over them is shown.")
    return notes
