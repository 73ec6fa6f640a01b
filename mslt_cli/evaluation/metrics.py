"""Metrics as sums of counts: a *table* has a row for each example and a column for each count.

A metric is a function of the columns' sums, so what a row adds to them is what it does to the metric.
"""

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mslt_cli.inference.distributions import ALPHA, NORMAL, student_quantile

Table = NDArray[np.int64]
Floats = NDArray[np.float64]

INSIDE, LAST = ("I", "M", "E", "L"), ("E", "L", "S", "U", "W")
"""First letters of tags: within an entity, and of its last word."""

METRICS = {
    "accuracy": ("correct", "n"),
    "acc_norm": ("correct", "n"),
    "entity-f1": ("true_positives", "predicted", "gold"),
    "accuracy-gold": ("correct", "n"),
    "unreadable": ("unreadable", "n"),
    "same-in-both-orders": ("same", "n"),
}
"""The counts of each metric, of which `metric_value` makes the metric. accuracy: of rows, words or answers. entity-f1:
micro F1 over entities. acc_norm: accuracy of the choices with the highest log-likelihood per character. For numbered
choices: accuracy-gold-1, -2, … is the accuracy where the right choice has this number in the prompt, unreadable the
share of answers that name no choice, same-in-both-orders the share of rows."""


def metric_value(sums: NDArray[Any]) -> Floats:
    """The first count over the mean of the others: a share of n, or F1; 0 where the others are 0.

    Takes the sums of a table's columns, shape (…, columns); gives 0..1, shape (…).
    """
    sums = np.asarray(sums, np.float64)
    value: Floats = (sums.shape[-1] - 1) * sums[..., 0] / np.maximum(sums[..., 1:].sum(axis=-1), 1)
    return value


@dataclass(frozen=True)
class MetricValue:
    """A metric, 0..1, with the ends of its 95 % interval."""

    metric: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Score(MetricValue):
    """A metric on one target."""

    counts: dict[str, int]
    """The sums that the value is computed from."""
    rows: int
    """Examples."""


@dataclass(frozen=True)
class Macro(MetricValue):
    """The unweighted mean of a metric over targets."""

    targets: int


def accuracy_table(gold: Sequence[Any], predicted: Sequence[Any]) -> Table:
    """Count the right answers: shape (rows, 2): correct, n.

    A row of `gold` and `predicted` is a label, or the labels of its words; −1 (the model gave no label) is wrong.

    Raises:
        ValueError: the two differ in length.
    """
    counts = []
    for label, answer in zip(gold, predicted, strict=True):
        labels, answers = ([label], [answer]) if isinstance(label, int) else (label, answer)
        counts.append((sum(a == b for a, b in zip(labels, answers, strict=True)), len(labels)))
    return np.array(counts, np.int64).reshape(len(gold), 2)


def entities(tags: Sequence[str]) -> set[tuple[str, int, int]]:
    """The entities in a sequence of tags ("O", "B-PER", "I-PER", …): (kind, first word, last word), from 0.

    An I- that follows nothing of its own kind begins an entity, as a B- would. In BIOES and BILOU, E- and L- end one,
    and S- and U- are one.

    Source:
        The rule is conlleval's; seqeval's default mode gives the same (a test compares them).
    """
    spans: set[tuple[str, int, int]] = set()
    kind, start = "", 0
    for i, tag in enumerate([*tags, "O"]):
        prefix, _, tag_kind = tag.partition("-")
        if prefix not in INSIDE or tag_kind != kind:
            if kind:
                spans.add((kind, start, i - 1))
            kind, start = ("" if prefix == "O" else tag_kind), i
        if prefix in LAST and kind:
            spans.add((kind, start, i))
            kind = ""
    return spans


def entity_table(labels: Sequence[str], gold: Sequence[Sequence[int]], predicted: Sequence[Sequence[int]]) -> Table:
    """Count entities: shape (rows, 3): those that both have, predicted ones, gold ones.

    A row has the tags of its words, by their place in `labels`; −1 (the model gave no label) counts as O.

    Raises:
        ValueError: the two differ in length.
    """
    counts = []
    for tags, answers in zip(gold, predicted, strict=True):
        if len(tags) != len(answers):
            raise ValueError(f"{len(tags)} tags and {len(answers)} predictions")
        true = entities([labels[tag] for tag in tags])
        claimed = entities([labels[tag] if tag >= 0 else "O" for tag in answers])
        counts.append((len(true & claimed), len(claimed), len(true)))
    return np.array(counts, np.int64).reshape(len(gold), 3)


def score(metric: str, table: Table, *, items: Sequence[Hashable] | None = None) -> Score:
    """A metric with its 95 % interval, see `limits`.

    Args:
        metric: a row of METRICS, accuracy-gold with its number.
        table: its counts.
        items: of the rows; rows of equal items err together. None = each row is an item.

    Raises:
        ValueError: there are no rows.
    """
    if not len(table):
        raise ValueError("no rows")
    sums, by_item = table.sum(axis=0), table
    if items is not None:
        place = {item: i for i, item in enumerate(dict.fromkeys(items))}
        by_item = np.zeros((len(place), table.shape[1]), np.int64)
        np.add.at(by_item, [place[item] for item in items], table)
    names = METRICS[re.sub(r"-\d+$", "", metric)]
    counts = {name: int(count) for name, count in zip(names, sums, strict=True)}
    return Score(metric, float(metric_value(sums)), *limits(by_item), counts, len(table))


def limits(table: Table) -> tuple[float, float]:
    """The 95 % interval of a metric, from items that are independent and hold several decisions each, or one.

    It is Wilson's for as many independent decisions as would vary like the items do, with Student's t for Wilson's z.
    Half an item that is all right and half of one that is all wrong stand for what few items do not show. Decisions
    count as independent at best; where all are right or all wrong, no more of them count than there are items.

    Args:
        table: counts by item, shape (items, counts).

    Returns:
        0..1; they hold the value, and are 0 and 1 where nothing or only one item of several decisions is counted.

    Source:
        Wilson 1927. Korn and Graubard 1998, Confidence intervals for proportions with small expected number of positive
        counts estimated from survey data, for effective numbers; Dean and Pagano 2015, Evaluating confidence interval
        methods for binomial proportions in clustered surveys, for Wilson's interval on them.
    """
    table = table[table[:, 1:].any(axis=1)]
    hits, counted = (table.shape[1] - 1) * table[:, 0], table[:, 1:].sum(axis=1)
    items, n, right = len(table), float(counted.sum()), float(hits.sum())
    if items and counted.max() == 1:
        return wilson(right, n)
    if items < 2:
        return 0.0, 1.0
    half = n / items / 2
    share = (right + half) / (n + 2 * half)
    squares = float(((hits - share * counted) ** 2).sum()) + half**2 * (share**2 + (1 - share) ** 2)
    alike = squares * items / (items - 1) / ((n + 2 * half) * share * (1 - share))  # 1 = as if independent
    independent = n / max(alike, 1.0)
    if right in (0, n):
        independent = min(independent, items)
    return wilson(right / n * independent, independent, student_quantile(1 - ALPHA / 2, items - 1))


def wilson(correct: float, n: float, quantile: float = NORMAL[95]) -> tuple[float, float]:
    """The 95 % score interval of a share, 0..1."""
    p, square = correct / n, quantile**2
    centre = (p + square / (2 * n)) / (1 + square / n)
    half = quantile / (1 + square / n) * (p * (1 - p) / n + square / (4 * n**2)) ** 0.5
    return min(max(0.0, centre - half), p), max(min(1.0, centre + half), p)


def macro(metric: str, tables: Mapping[str, Table], *, items: Mapping[str, Sequence[str]] | None = None) -> Macro:
    """The unweighted mean over targets with its 95 % interval; the targets are fixed.

    The limits of the targets (see `score`) are put together by how their errors correlate (MOVER), so that the mean is
    never surer than they are together: with every answer right, it still has an interval.

    Args:
        metric: a row of METRICS, accuracy-gold with its number.
        tables: by target.
        items: of the rows; rows of equal items err together, in one target or in two. None = each row is an item.

    Source:
        Zou and Donner 2008, Construction of confidence limits about effect measures, for limits of correlated parts.
    """
    scores = [score(metric, table, items=None if items is None else items[target]) for target, table in tables.items()]
    values, lows, highs = np.array([(part.value, part.low, part.high) for part in scores]).T
    value, correlation = float(values.mean()), _correlation(tables, items)
    below, above = (float(np.sqrt(d @ correlation @ d)) / len(d) for d in (values - lows, highs - values))
    return Macro(metric, value, max(0.0, value - below), min(1.0, value + above), len(tables))


def _correlation(tables: Mapping[str, Table], items: Mapping[str, Sequence[str]] | None) -> Floats:
    """How the metric's errors correlate between targets, shape (targets, targets), from 0 on; 1 on the diagonal.

    Two further items, one right and one wrong in all targets, stand for what was not seen: so targets without an error
    count as errors of the same items, and two of many errors as these show. Targets that have no item in common do not
    correlate.
    """
    if items is None:  # all rows are different items
        return np.eye(len(tables))
    place = {item: i for i, item in enumerate(dict.fromkeys(chain.from_iterable(items[target] for target in tables)))}
    deviations, holds = np.zeros((len(tables), len(place) + 2)), np.zeros((len(tables), len(place)))
    for t, (deviation, (target, table)) in enumerate(zip(deviations, tables.items(), strict=True)):
        places = [place[item] for item in items[target]]
        holds[t, places] = 1
        hits, counted = (table.shape[1] - 1) * table[:, 0], table[:, 1:].sum(axis=1)
        value = hits.sum() / max(counted.sum(), 1)
        np.add.at(deviation, places, hits - value * counted)
        deviation[-2:] = np.array([1 - value, -value]) * counted.mean()
    sizes = np.linalg.norm(deviations, axis=1)
    scaled = deviations / np.where(sizes > 0, sizes, 1.0)[:, None]
    correlation: Floats = np.where(holds @ holds.T > 0, np.maximum(scaled @ scaled.T, 0.0), 0.0)
    np.fill_diagonal(correlation, 1.0)
    return correlation
