"""Why the best combination of a selection is the best, and what one more language would add."""

from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray

from mslt_cli.criteria.writing import writing_system
from mslt_cli.search.covers import Coverage
from mslt_cli.search.objective import PairSum
from mslt_cli.selection import Selection


@dataclass(frozen=True)
class OneMore:
    """A language that the combination does not have."""

    language: str
    """Its label."""
    name: str
    score: float
    """Of the combination with it, under the first criterion."""
    adds: float


@dataclass(frozen=True)
class Explanation:
    """Why a combination is the best; the fields, in this order, are those of the JSON."""

    languages: tuple[str, ...]
    similarities: dict[str, list[list[float]]]
    """Cosine of each pair, by criterion; 1 on the diagonal."""
    share_of_maximum: dict[str, float]
    """Value as a share of what k mutually orthogonal vectors would have, by criterion."""
    scripts: tuple[str, ...]
    families: tuple[str, ...]
    token_ids: dict[str, list[dict[str, int]]]
    """By criterion: how many each language has ("all"), and how many of them no other of the combination ("alone")."""
    measured_share: dict[str, list[float]]
    """Share of each language's vector that was observed, by criterion."""
    one_more: list[OneMore]
    """Best first."""


def can_explain(selection: Selection) -> bool:
    """Whether each two languages of the best combination, and all that may join it, are looked at within seconds."""
    return len(selection.pool) * selection.k**2 <= 40_000_000


def explain_best(selection: Selection) -> Explanation:
    """Explain the first combination of a selection."""
    items = np.array(selection.best)
    members = [selection.pool.members[i] for i in selection.best]
    similarities, shares, measured, tokens = {}, {}, {}, {}
    for evidence in selection.evidence:
        objective, name = evidence.objective, evidence.criterion.name
        if isinstance(objective, PairSum) and objective.vectors is not None:
            kinds = objective.kind[items]
            similarities[name] = (1 - objective.distance[np.ix_(kinds, kinds)]).tolist()
            if pairs := 1 if objective.smallest else comb(selection.k, 2):
                shares[name] = float(objective.values(items[None])[0]) / pairs
        if isinstance(objective, Coverage):
            whole, *own = objective.count(items[None]).tolist() + objective.count(items[:, None]).tolist()
            others = np.array([np.delete(items, i) for i in range(len(items))])
            without = objective.count(others).tolist() if len(items) > 1 else [0]
            tokens[name] = [{"all": each, "alone": whole - rest} for each, rest in zip(own, without, strict=True)]
            shares[name] = float(objective.values(items[None])[0])
        if evidence.measured_share is not None:
            measured[name] = evidence.measured_share[items].tolist()
    scripts = (writing_system(m.language.script) if m.language.script else "unknown" for m in members)
    return Explanation(
        languages=tuple(m.label for m in members),
        similarities=similarities,
        share_of_maximum=shares,
        scripts=tuple(dict.fromkeys(scripts)),
        families=tuple(dict.fromkeys(m.language.family or "unknown" for m in members)),
        token_ids=tokens,
        measured_share=measured,
        one_more=_one_more(selection, items),
    )


def _one_more(selection: Selection, items: NDArray[np.int64]) -> list[OneMore]:
    first = selection.evidence[0]
    others = np.setdiff1d(np.arange(len(selection.pool)), items)
    if not len(others) or first.criterion.kind == "chance":
        return []
    values = first.values(np.column_stack([np.tile(items, (len(others), 1)), others]))
    now = float(first.values(items[None])[0])
    order = np.argsort(values if selection.least else -values, kind="stable")[:3]
    members = [selection.pool.members[i] for i in others[order].tolist()]
    scored = zip(members, values[order].tolist(), strict=True)
    return [OneMore(member.label, member.language.name, value, value - now) for member, value in scored]
