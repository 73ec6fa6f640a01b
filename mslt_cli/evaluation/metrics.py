"""Metrics as sums of counts: a *table* has a row for each example and a column for each count.

A metric is a function of the columns' sums, so a bootstrap is a weighted sum of the table's rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.int64]
Floats = NDArray[np.float64]

Z = 1.959963984540054
"""97.5 % of a standard normal lie below it."""
TEMPORARY_BYTES = 64_000_000
"""Most memory that the weights of some resamples take."""

INSIDE, LAST = ("I", "M", "E", "L"), ("E", "L", "S", "U", "W")
"""First letters of tags: within an entity, and of its last word."""

METRICS = {
    "accuracy": ("correct", "n"),
    "entity-f1": ("true_positives", "predicted", "gold"),
    "accuracy-gold-1": ("correct", "n"),
    "accuracy-gold-2": ("correct", "n"),
    "unreadable": ("unreadable", "n"),
    "same-in-both-orders": ("same", "n"),
}
"""The counts of each metric, of which `metric_value` makes the metric. accuracy: of rows, words or answers. entity-f1:
micro F1 over entities. For numbered choices: accuracy-gold-1 and -2 is the accuracy where the right choice stands first
or second in the prompt, unreadable the share of answers that name no choice, same-in-both-orders the share of rows."""


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


def score(metric: str, table: Table, *, seed: int = 0, resamples: int = 1000) -> Score:
    """A metric with its 95 % interval.

    The interval is Wilson's where each row is one decision. Otherwise it is a percentile bootstrap over rows, since the
    words of a sentence are not independent.

    Raises:
        ValueError: there are no rows.

    Source:
        Wilson 1927. Efron 1979.
    """
    if not len(table):
        raise ValueError("no rows")
    columns, sums = METRICS[metric], table.sum(axis=0)
    value = float(metric_value(sums))
    if "n" in columns and bool((table[:, 1] <= 1).all()) and sums[1]:
        low, high = wilson(int(sums[0]), int(sums[1]))
    else:
        drawn = [metric_value(weights @ table) for (weights,) in draw_rows([len(table)], [seed], resamples)]
        low, high = interval(drawn, value)
    counts = {name: int(count) for name, count in zip(columns, sums, strict=True)}
    return Score(metric, value, low, high, counts, len(table))


def wilson(correct: int, n: int) -> tuple[float, float]:
    """The 95 % score interval of a share, 0..1."""
    p = correct / n
    centre = (p + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * (p * (1 - p) / n + Z**2 / (4 * n**2)) ** 0.5
    return min(max(0.0, centre - half), p), max(min(1.0, centre + half), p)


def macro(metric: str, tables: Mapping[str, Table], *, ids: Mapping[str, Sequence[str]] | None = None) -> Macro:
    """The unweighted mean over targets with its 95 % interval; the targets are fixed.

    The limits of the targets (see `score`) are put together by how their errors correlate (MOVER), so that the mean is
    never surer than they are together: with every answer right, it still has an interval.

    Args:
        metric: a row of METRICS.
        tables: by target.
        ids: of the rows, where equal ids in two targets are the same item.

    Source:
        Zou and Donner 2008, Construction of confidence limits about effect measures, for limits of correlated parts.
    """
    scores = [score(metric, table) for table in tables.values()]
    values, lows, highs = np.array([(part.value, part.low, part.high) for part in scores]).T
    value, correlation = float(values.mean()), _correlation(tables, ids)
    below, above = (float(np.sqrt(d @ correlation @ d)) / len(d) for d in (values - lows, highs - values))
    return Macro(metric, value, max(0.0, value - below), min(1.0, value + above), len(tables))


def _correlation(tables: Mapping[str, Table], ids: Mapping[str, Sequence[str]] | None) -> Floats:
    """How the metric's errors correlate between targets, shape (targets, targets), from 0 on; 1 on the diagonal.

    Two further items, one right and one wrong in all targets, stand for what was not seen: so targets without an error
    count as errors of the same items, and two of many errors as these show.
    """
    if ids is None:  # all rows are different items
        return np.eye(len(tables))
    place = {id_: i for i, id_ in enumerate(dict.fromkeys(chain.from_iterable(ids[target] for target in tables)))}
    deviations = np.zeros((len(tables), len(place) + 2))
    for deviation, (target, table) in zip(deviations, tables.items(), strict=True):
        hits, counted = (table.shape[1] - 1) * table[:, 0], table[:, 1:].sum(axis=1)
        value = hits.sum() / max(counted.sum(), 1)
        np.add.at(deviation, [place[id_] for id_ in ids[target]], hits - value * counted)
        deviation[-2:] = np.array([1 - value, -value]) * counted.mean()
    sizes = np.linalg.norm(deviations, axis=1)
    scaled = deviations / np.where(sizes > 0, sizes, 1.0)[:, None]
    correlation: Floats = np.maximum(scaled @ scaled.T, 0.0)
    np.fill_diagonal(correlation, 1.0)
    return correlation


def interval(drawn: Sequence[Floats], value: float) -> tuple[float, float]:
    """The middle 95 % of resampled values, given in pieces; it always holds the value itself."""
    low, high = np.quantile(np.concatenate(drawn), (0.025, 0.975))
    return min(float(low), value), max(float(high), value)


def draw_rows(sizes: Sequence[int], seeds: Sequence[int], resamples: int) -> Iterator[list[Floats]]:
    """How often each row of tables of these sizes is drawn in each resample; each table has a seed of its own.

    Yields:
        For each table, shape (some of the resamples, rows): as many at once as fit into TEMPORARY_BYTES.
    """
    generators = [np.random.default_rng(seed) for seed in seeds]
    at_once = max(1, TEMPORARY_BYTES // (16 * max(*sizes, 1)))
    for start in range(0, resamples, at_once):
        n = min(at_once, resamples - start)
        yield [
            rng.multinomial(rows, np.full(rows, 1 / rows), size=n).astype(np.float64)
            for rng, rows in zip(generators, sizes, strict=True)
        ]


def target_weights(
    sizes: Mapping[str, int], ids: Mapping[str, Sequence[str]] | None, *, seed: int, resamples: int
) -> Iterator[dict[str, Floats]]:
    """Weights of the rows of several targets, in pieces as of `draw_rows`, by target.

    Rows with equal ids have equal weights; where `ids` is None, all rows are different items.
    """
    if ids is None:
        seeds = [int(np.random.SeedSequence([seed, i]).generate_state(1)[0]) for i in range(len(sizes))]
        for pieces in draw_rows([*sizes.values()], seeds, resamples):
            yield dict(zip(sizes, pieces, strict=True))
        return
    union = sorted({id_ for target in sizes for id_ in ids[target]})
    place = {id_: i for i, id_ in enumerate(union)}
    columns = {target: np.array([place[id_] for id_ in ids[target]]) for target in sizes}
    for (weights,) in draw_rows([len(union)], [seed], resamples):
        yield {target: weights[:, columns[target]] for target in sizes}
