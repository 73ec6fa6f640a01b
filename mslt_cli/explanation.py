"""Why a combination is the best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mslt_cli.criteria.writing import writing_system
from mslt_cli.search.covers import Coverage
from mslt_cli.search.objective import PairSum
from mslt_cli.selection import Selection


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
    one_more: tuple[tuple[str, str, float, float], ...]
    """Label and name of a further language, the value with it, and how much it adds; best first."""


def explain_best(found: Selection) -> Explanation:
    """Explain the first combination of a selection."""
    items = np.array(found.best)
    members = [found.pool.members[i] for i in found.best]
    similarities, shares, measured, tokens = {}, {}, {}, {}
    for evidence in found.evidence:
        objective = evidence.objective
        name = evidence.criterion.name
        if isinstance(objective, PairSum) and objective.vectors is not None:
            kinds = objective.kind[items]
            similarities[name] = (1 - objective.distance[np.ix_(kinds, kinds)]).tolist()
            pairs = 1 if objective.smallest else found.k * (found.k - 1) / 2
            if pairs:
                shares[name] = float(objective.values(items[None])[0]) / pairs
        if isinstance(objective, Coverage):
            whole = int(objective.count(items[None])[0])
            own = objective.count(items[:, None]).tolist()
            others = np.array([np.delete(items, i) for i in range(len(items))])
            without = objective.count(others).tolist() if len(items) > 1 else [0]
            tokens[name] = [(each, whole - rest) for each, rest in zip(own, without, strict=True)]
            shares[name] = float(objective.values(items[None])[0])
        if evidence.measured is not None:
            measured[name] = evidence.measured[items].tolist()
    return Explanation(
        tuple(m.label for m in members),
        tuple(m.language.name for m in members),
        similarities,
        shares,
        tuple(dict.fromkeys(writing_system(m.language.script) if m.language.script else "unknown" for m in members)),
        tuple(dict.fromkeys(m.language.family or "unknown" for m in members)),
        tokens,
        measured,
        _one_more(found, items),
    )


def _one_more(found: Selection, items: Any) -> tuple[tuple[str, str, float, float], ...]:
    objective = found.evidence[0].objective
    others = np.setdiff1d(np.arange(len(found.pool)), items)
    if not len(others) or found.evidence[0].criterion.kind == "chance":
        return ()
    sets = np.concatenate([np.repeat(items[None], len(others), axis=0), others[:, None]], axis=1)
    values = objective.values(sets)
    now = float(objective.values(items[None])[0])
    order = np.argsort(values if found.least else -values, kind="stable")[:3]
    return tuple(
        (
            found.pool.members[int(others[i])].label,
            found.pool.members[int(others[i])].language.name,
            float(values[i]),
            float(values[i]) - now,
        )
        for i in order
    )
