"""What views say of the model of scores: how much of the differences is not noise, and what is foretold left out."""

import numpy as np

from mslt_cli.foretelling.model import LeftOut, ScoreModel
from mslt_cli.foretelling.observations import Observations, equal_shares
from mslt_cli.foretelling.signal import Signal, find_signal
from mslt_cli.reports.grid import Group
from mslt_cli.results.outlook import widest_difference

DRAWS = 2000
"""Of the posterior."""


def group_observations(group: Group) -> Observations:
    """The runs of a group as arrays; of all targets of its grid."""
    languages = tuple(sorted(set().union(*group.trained)))
    place = {language: i for i, language in enumerate(languages)}
    members = [[place[x] for x in combination] for combination, one in group.trained.items() for _ in one.scores]
    scores = [row for one in group.trained.values() for row in one.scores.values()]
    draws = tuple(draw for one in group.trained.values() for draw in one.scores)
    return Observations(languages, group.grid.targets, equal_shares(members, len(languages)), np.array(scores), draws)


def group_signal(group: Group) -> Signal:
    """How much of the differences between the combinations of a group is not noise; of all targets alike."""
    targets = len(group.grid.targets)
    return find_signal(group_observations(group), np.full(targets, 1 / targets))


def signal_note(group: Group) -> str:
    """What share of the variance between the combinations of a group is not noise, in a sentence."""
    return f"{group.grid.label}: {describe_signal(group_signal(group), len(group.trained))}"


def describe_signal(signal: Signal, n: int) -> str:
    """ "91 % of the variance between the 35 combinations is not noise (95 % interval 85 to 95 %)." """
    if not signal.knows_noise:
        return (
            f"what of the differences between the {n} combinations is noise is not known: too few runs to tell. Repeat "
            "some with --seed."
        )
    share, low, high = (f"{100 * value:.0f}" for value in signal[:3])
    verdict = "" if signal.verdict == "they differ" else f": {signal.verdict}"
    interval = f"95 % interval {low} to {high} %"
    return f"{share} % of the variance between the {n} combinations is not noise ({interval}){verdict}."


def widest_note(model: ScoreModel, group: Group) -> str:
    """By how much the best combination can be better than any other, where they are not known to differ; else empty."""
    if group_signal(group).verdict == "they differ":
        return ""
    place = {code: i for i, code in enumerate(model.observations.languages)}
    shares = equal_shares([[place[code] for code in languages] for languages in group.trained], len(place))
    points = widest_difference(model.draw(shares, DRAWS, 0))
    said = f"no two combinations are more than {points:.1f} points apart, with 95 % probability"
    return f"{group.grid.label}: by the model {said}."


def alone_note(model: ScoreModel, group: Group) -> str:
    """How many combinations have a language that no other one has, of which nothing can be foretold; else empty."""
    held = dict(zip(model.observations.languages, (model.observations.combinations > 0).sum(axis=0), strict=True))
    n = sum(any(held[code] == 1 for code in languages) for languages in group.trained)
    if not n:
        return ""
    return (
        f"{group.grid.label}: {n} of these {len(group.trained)} have a language that no other combination has. Little "
        "is foretold of them but the mean of the others, the lower the better they are: spearman falls below 0."
    )


def group_left_out(model: ScoreModel, group: Group) -> LeftOut | None:
    """What the model foretells of the combinations of a group, each left out in turn.

    None where they are fewer than three, or not all among the model's runs.
    """
    place = {code: i for i, code in enumerate(model.observations.languages)}
    if len(group.trained) < 3 or not set().union(*group.trained) <= place.keys():
        return None
    left_out = model.left_out
    rows = {row.round(6).tobytes(): i for i, row in enumerate(left_out.combinations)}
    shares = equal_shares([[place[code] for code in languages] for languages in group.trained], len(place))
    found = [rows.get(row.round(6).tobytes()) for row in shares]
    if None in found:
        return None
    chosen = np.array(found, np.int64)
    return LeftOut.of(shares, left_out.predicted[chosen], left_out.sd[chosen], left_out.measured[chosen])
