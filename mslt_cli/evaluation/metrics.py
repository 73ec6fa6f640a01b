"""Metrics as sums of counts: a *table* has a row for each example and a column for each count.

A metric is a function of the columns' sums, so a bootstrap is a weighted sum of the table's rows.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.int64]
Floats = NDArray[np.float64]

Z = 1.959963984540054
"""97.5 % of a standard normal lie below it."""
TEMPORARY_BYTES = 64_000_000
"""Most memory that the weights of some resamples take."""


@dataclass(frozen=True)
class Metric:
    """One row of METRICS."""

    name: str
    columns: tuple[str, ...]
    """The counts that a table of it has."""
    value: Callable[[NDArray[Any]], Floats]
    """Sums of the columns, shape (…, columns), → the metric, 0..1, shape (…)."""


def _accuracy(sums: NDArray[Any]) -> Floats:
    sums = np.asarray(sums, np.float64)
    share: Floats = sums[..., 0] / np.maximum(sums[..., 1], 1)
    return share


def _f1(sums: NDArray[Any]) -> Floats:
    sums = np.asarray(sums, np.float64)
    both = sums[..., 1] + sums[..., 2]
    f1: Floats = 2 * sums[..., 0] / np.maximum(both, 1)
    return f1


METRICS: dict[str, Metric] = {
    row.name: row
    for row in (
        Metric("accuracy", ("correct", "n"), _accuracy),
        Metric("entity-f1", ("true_positives", "predicted", "gold"), _f1),
        Metric("accuracy-gold-1", ("correct", "n"), _accuracy),
        Metric("accuracy-gold-2", ("correct", "n"), _accuracy),
        Metric("unreadable", ("unreadable", "n"), _accuracy),
        Metric("same-in-both-orders", ("same", "n"), _accuracy),
    )
}
"""accuracy: of rows, words or answers. entity-f1: micro F1 over entities; 0 where there are none at all. For numbered
choices: accuracy-gold-1 and -2 is the accuracy where the right choice stands first or second in the prompt, unreadable
the share of answers that name no choice, same-in-both-orders the share of rows."""


@dataclass(frozen=True)
class Score:
    """A metric on one target."""

    metric: str
    value: float
    """0..1."""
    low: float
    """95 % interval."""
    high: float
    counts: dict[str, int]
    """The sums that the value is computed from."""
    rows: int
    """Examples."""


@dataclass(frozen=True)
class Macro:
    """The unweighted mean of a metric over targets."""

    metric: str
    value: float
    low: float
    high: float
    targets: int


def accuracy_table(gold: Sequence[Any], predicted: Sequence[Any]) -> Table:
    """Count the right answers.

    Args:
        gold: by row, a label, or the labels of its words.
        predicted: likewise; −1 (the model gave no label) is wrong.

    Returns:
        Shape (rows, 2): correct, n.

    Raises:
        ValueError: the two differ in length.
    """
    counts = []
    for label, answer in zip(gold, predicted, strict=True):
        if isinstance(label, int):
            counts.append((int(label == answer), 1))
        else:
            counts.append((sum(a == b for a, b in zip(label, answer, strict=True)), len(label)))
    return np.array(counts, np.int64).reshape(len(gold), 2)


def entities(tags: Sequence[str]) -> set[tuple[str, int, int]]:
    """The entities in a sequence of IOB2 tags, read as the usual scorers read them.

    An I- that follows nothing of its own kind begins an entity, as a B- would.

    Args:
        tags: "O", "B-PER", "I-PER", …

    Returns:
        (kind, first word, last word), from 0.

    Source:
        The rule is conlleval's; seqeval's default mode gives the same (a test compares them).
    """
    spans: set[tuple[str, int, int]] = set()
    kind, start = "", 0
    for i, tag in enumerate([*tags, "O"]):
        prefix, _, tag_kind = tag.partition("-")
        if prefix == "I" and tag_kind == kind:
            continue
        if kind:
            spans.add((kind, start, i - 1))
        kind, start = ("" if prefix == "O" else tag_kind), i
    return spans


def entity_table(labels: Sequence[str], gold: Sequence[Sequence[int]], predicted: Sequence[Sequence[int]]) -> Table:
    """Count entities.

    Args:
        labels: names of the tags, by number.
        gold: tags of each row's words.
        predicted: likewise; −1 (the model gave no label) counts as O.

    Returns:
        Shape (rows, 3): entities that both have, predicted ones, gold ones.
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

    Args:
        metric: a row of METRICS.
        table: shape (rows, columns).
        seed: of the bootstrap.
        resamples: of the bootstrap.

    Raises:
        ValueError: there are no rows.

    Source:
        Wilson 1927. Efron 1979.
    """
    if not len(table):
        raise ValueError("no rows")
    row = METRICS[metric]
    sums = table.sum(axis=0)
    value = float(row.value(sums))
    if "n" in row.columns and bool((table[:, 1] <= 1).all()) and sums[1]:
        low, high = wilson(int(sums[0]), int(sums[1]))
    else:
        values = np.concatenate(
            [row.value(weights @ table) for weights in row_weights(len(table), seed=seed, resamples=resamples)]
        )
        low, high = interval(values)
    counts = {name: int(count) for name, count in zip(row.columns, sums, strict=True)}
    return Score(metric, value, min(low, value), max(high, value), counts, len(table))


def wilson(correct: int, n: int) -> tuple[float, float]:
    """The 95 % score interval of a share, 0..1."""
    p = correct / n
    centre = (p + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * (p * (1 - p) / n + Z**2 / (4 * n**2)) ** 0.5
    return max(0.0, centre - half), min(1.0, centre + half)


def macro(
    metric: str,
    tables: Mapping[str, Table],
    *,
    ids: Mapping[str, Sequence[str]] | None = None,
    seed: int = 0,
    resamples: int = 1000,
) -> Macro:
    """The unweighted mean over targets with its 95 % interval, by a bootstrap over rows; the targets are fixed.

    Args:
        metric: a row of METRICS.
        tables: by target.
        ids: of the rows, where equal ids in two targets are the same item: it is then drawn for both or for none.
        seed: of the bootstrap.
        resamples: of the bootstrap.
    """
    row = METRICS[metric]
    value = float(np.mean([row.value(table.sum(axis=0)) for table in tables.values()]))
    drawn = [
        np.mean([row.value(weights[target] @ table) for target, table in tables.items()], axis=0)
        for weights in target_weights({t: len(x) for t, x in tables.items()}, ids, seed=seed, resamples=resamples)
    ]
    low, high = interval(np.concatenate(drawn))
    return Macro(metric, value, min(low, value), max(high, value), len(tables))


def interval(values: Floats) -> tuple[float, float]:
    """The middle 95 % of resampled values."""
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)


def row_weights(rows: int, *, seed: int, resamples: int, at_once: int | None = None) -> Iterator[Floats]:
    """How often each row is drawn in each resample.

    Args:
        rows: how many there are.
        seed: of the draws.
        resamples: how many, over all that is yielded.
        at_once: resamples in one piece. Default: as many as fit into TEMPORARY_BYTES.

    Yields:
        Shape (at_once, rows); the last piece may be shorter.
    """
    rng = np.random.default_rng(seed)
    at_once = at_once or _resamples_at_once(rows)
    for start in range(0, resamples, at_once):
        n = min(at_once, resamples - start)
        yield rng.multinomial(rows, np.full(rows, 1 / rows), size=n).astype(np.float64)


def _resamples_at_once(rows: int) -> int:
    return max(1, TEMPORARY_BYTES // (16 * max(rows, 1)))


def target_weights(
    sizes: Mapping[str, int], ids: Mapping[str, Sequence[str]] | None, *, seed: int, resamples: int
) -> Iterator[dict[str, Floats]]:
    """Weights of the rows of several targets; those with equal ids have equal weights.

    Args:
        sizes: rows, by target.
        ids: by target; None = all rows are different items.
        seed: of the draws.
        resamples: how many, over all that is yielded.
    """
    if ids is None:
        at_once = _resamples_at_once(max(sizes.values()))
        streams = [
            row_weights(rows, seed=_seed(seed, i), resamples=resamples, at_once=at_once)
            for i, rows in enumerate(sizes.values())
        ]
        for parts in zip(*streams, strict=True):
            yield dict(zip(sizes, parts, strict=True))
        return
    union = sorted({id_ for target in sizes for id_ in ids[target]})
    place = {id_: i for i, id_ in enumerate(union)}
    columns = {target: np.array([place[id_] for id_ in ids[target]]) for target in sizes}
    for weights in row_weights(len(union), seed=seed, resamples=resamples):
        yield {target: weights[:, columns[target]] for target in sizes}


def _seed(seed: int, i: int) -> int:
    return int(np.random.SeedSequence([seed, i]).generate_state(1)[0])
