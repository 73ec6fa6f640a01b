"""Batches: examples of like length together, every example once an epoch, all of it out of the seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mslt_cli.training.encoding import Encoded

NEIGHBOURS = 128
"""Batches that are sorted by length together: few examples are very long, and each such group pads its longest batch.
(WikiANN in three languages: 28 % of all tokens are padding with 32 batches, 9 % with 128.)"""
IGNORED = -100
"""Label of a token that carries none; torch's cross-entropy passes over it."""

NO_LABELS: NDArray[np.int64] = np.empty(0, np.int64)


@dataclass(frozen=True)
class Example:
    """One segment with its labels."""

    ids: NDArray[np.int32]
    types: NDArray[np.uint8]
    positions: NDArray[np.int32]
    """Token classification and instructions: where the labels go; else empty."""
    labels: NDArray[np.int64]
    """A label a position, or the one of the whole."""


def examples_of(encoded: Encoded, labels: Sequence[Any] | None, segments: Sequence[int]) -> list[Example]:
    """Put segments and labels together.

    Args:
        encoded: the split.
        labels: by row: a number, or the list of the words' numbers; None where they are not known.
        segments: which ones; `Encoded.first_segments` has one a row.
    """
    made = []
    for s in segments:
        tokens = slice(encoded.starts[s], encoded.starts[s + 1])
        carriers = slice(encoded.word_starts[s], encoded.word_starts[s + 1])
        positions, own = encoded.positions[carriers], NO_LABELS
        if labels is None:
            positions = positions[:0]
        elif np.ndim(given := labels[encoded.row[s]]):
            own = np.asarray(given, np.int64)[encoded.words[carriers]]
        else:
            own = np.array([given], np.int64)
        made.append(Example(encoded.ids[tokens], encoded.types[tokens], positions, own))
    return made


def next_token_examples(encoded: Encoded, segments: Sequence[int]) -> list[Example]:
    """Examples in which the token before each one of an answer has that one's id for a label.

    Args:
        encoded: of instructions.
        segments: which ones.
    """
    made = []
    for s in segments:
        tokens = slice(encoded.starts[s], encoded.starts[s + 1])
        ids = encoded.ids[tokens]
        positions = encoded.positions[encoded.word_starts[s] : encoded.word_starts[s + 1]]
        made.append(Example(ids, encoded.types[tokens], positions, ids[positions + 1].astype(np.int64)))
    return made


def epoch_batches(lengths: NDArray[np.int64], batch_size: int, seed: int, epoch: int) -> list[NDArray[np.int64]]:
    """The batches of an epoch: every example in one of them, and one batch at most smaller than the others.

    Args:
        lengths: in tokens, shape (n,).
        batch_size: examples a batch.
        seed: of the run.
        epoch: from 0; each has an order of its own.

    Returns:
        Positions of the examples, in the order of the batches.
    """
    rng = np.random.default_rng([seed, epoch])
    shuffled = rng.permutation(len(lengths))
    batches: list[NDArray[np.int64]] = []
    for start in range(0, len(shuffled), NEIGHBOURS * batch_size):
        near = shuffled[start : start + NEIGHBOURS * batch_size]
        near = near[np.argsort(lengths[near], kind="stable")]
        batches += [near[i : i + batch_size] for i in range(0, len(near), batch_size)]
    return [batches[i] for i in rng.permutation(len(batches))]


def planned_batches(
    lengths: NDArray[np.int64], batch_size: int, seed: int, steps: int, start: int = 0
) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """The batch of each step from `start` on, with its epoch; what came before does not matter for what follows."""
    a_epoch = -(-len(lengths) // batch_size)
    epoch, batches = -1, []
    for step in range(start, steps):
        if step // a_epoch != epoch:
            epoch = step // a_epoch
            batches = epoch_batches(lengths, batch_size, seed, epoch)
        yield epoch, batches[step % a_epoch]


def planned_size(lengths: NDArray[np.int64], batch_size: int, seed: int, steps: int) -> tuple[int, float]:
    """The tokens of a whole training, padding not counted; and the share of padding beside them, 0..1."""
    real = padded = 0
    for _, batch in planned_batches(lengths, batch_size, seed, steps):
        real += int(lengths[batch].sum())
        padded += int(lengths[batch].max()) * len(batch)
    return real, 1 - real / padded if padded else 0.0


def collate(examples: Sequence[Example], pad_id: int, *, multiple: int = 1) -> dict[str, NDArray[np.int64]]:
    """Pad a batch to its longest example.

    Args:
        examples: n of them.
        pad_id: what the ids are padded with.
        multiple: the length is rounded up to one of its multiples: 8 suits GPUs.

    Returns:
        `input_ids`, `attention_mask` and `token_type_ids`, shape (n, longest) each; `labels`, shape (n,), or
        (n, longest) with IGNORED where a token carries none.
    """
    longest = -(-max(len(example.ids) for example in examples) // multiple) * multiple
    shape = (len(examples), longest)
    ids, attended = np.full(shape, pad_id, np.int64), np.zeros(shape, np.int64)
    types = np.zeros(shape, np.int64)
    by_token = any(len(example.positions) for example in examples)
    labels = np.full(shape if by_token else len(examples), IGNORED, np.int64)
    for i, example in enumerate(examples):
        size = len(example.ids)
        ids[i, :size], attended[i, :size], types[i, :size] = example.ids, 1, example.types
        if by_token:
            labels[i, example.positions] = example.labels
        elif len(example.labels):
            labels[i] = example.labels[0]
    return {"input_ids": ids, "attention_mask": attended, "token_type_ids": types, "labels": labels}
