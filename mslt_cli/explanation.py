"""Why the best combination of a selection is the best, and what one more language would add."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from mslt_cli.criteria.writing import writing_system
from mslt_cli.search.covers import Coverage
from mslt_cli.search.objective import PairSum
from mslt_cli.selection import Selection


class OneMore(NamedTuple):
    """A language that the combination does not have."""

    label: str
    name: str
    value: float
    """Of the combination with it, under the first criterion."""
    adds: float
    """How much of that is more than without it."""


@dataclass(frozen=True)
class Explanation:
    """Why a combination is the best, and what one more language would add."""

    languages: tuple[str, ...]
    names: tuple[str, ...]
    similarities: dict[str, list[list[float]]]
    """Cosine of each pair, by criterion; 1 on the diagonal."""
    share_of_maximum: dict[str, float]
    """Value as a share of what k mutually orthogonal vectors would have, by criterion."""
    scripts: tuple[str, ...]
    families: tuple[str, ...]
    tokens: dict[str, list[tuple[int, int]]]
    """By criterion: how many token ids each language has, and how many of them no other of the combination has."""
    measured: dict[str, list[float]]
    """Share of each language's vector that was observed, by criterion."""
    one_more: tuple[OneMore, ...]
    """Best first."""


def explain_best(selection: Selection) -> Explanation:
    """Explain the first combination of a selection."""
    items = np.array(selection.best)
    members = [selection.pool.members[i] for i in selection.best]
    similarities, shares, measured, tokens = {}, {}, {}, {}
    for evidence in selection.evidence:
        objective = evidence.objective
        name = evidence.criterion.name
        if isinstance(objective, PairSum) and objective.vectors is not None:
            kinds = objective.kind[items]
            similarities[name] = (1 - objective.distance[np.ix_(kinds, kinds)]).tolist()
            pairs = 1 if objective.smallest else selection.k * (selection.k - 1) / 2
            if pairs:
                shares[name] = float(objective.values(items[None])[0]) / pairs
        if isinstance(objective, Coverage):
            whole = int(objective.count(items[None])[0])
            own = objective.count(items[:, None]).tolist()
            others = np.array([np.delete(items, i) for i in range(len(items))])
            without = objective.count(others).tolist() if len(items) > 1 else [0]
            tokens[name] = [(each, whole - rest) for each, rest in zip(own, without, strict=True)]
            shares[name] = float(objective.values(items[None])[0])
        if evidence.measured_share is not None:
            measured[name] = evidence.measured_share[items].tolist()
    scripts = (writing_system(m.language.script) if m.language.script else "unknown" for m in members)
    return Explanation(
        languages=tuple(m.label for m in members),
        names=tuple(m.language.name for m in members),
        similarities=similarities,
        share_of_maximum=shares,
        scripts=tuple(dict.fromkeys(scripts)),
        families=tuple(dict.fromkeys(m.language.family or "unknown" for m in members)),
        tokens=tokens,
        measured=measured,
        one_more=_one_more(selection, items),
    )


def _one_more(selection: Selection, items: Any) -> tuple[OneMore, ...]:
    objective = selection.evidence[0].objective
    others = np.setdiff1d(np.arange(len(selection.pool)), items)
    if not len(others) or selection.evidence[0].criterion.kind == "chance":
        return ()
    sets = np.concatenate([np.repeat(items[None], len(others), axis=0), others[:, None]], axis=1)
    values = objective.values(sets)
    now = float(objective.values(items[None])[0])
    further = []
    for i in np.argsort(values if selection.least else -values, kind="stable")[:3]:
        member = selection.pool.members[int(others[i])]
        further.append(OneMore(member.label, member.language.name, float(values[i]), float(values[i]) - now))
    return tuple(further)
