"""The batches of a training: examples of like length together, every example once an epoch, all from the seed."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 128
"""Batches that are sorted by length together: few examples are very long, and each such group pads its longest batch.
(WikiANN in three languages: 28 % of all tokens are padding with 32 batches, 9 % with 128.)"""


def epoch_batches(lengths: NDArray[np.int64], batch_size: int, seed: int, epoch: int) -> list[NDArray[np.int64]]:
    """The batches of an epoch (from 0): every example in one of them, and at most one batch smaller than the others.

    The loss is the mean over a batch, so an example of the smaller one weighs more: these are drawn anew in each epoch,
    whatever their length.

    Args:
        lengths: in tokens, shape (n,).

    Returns:
        Positions of the examples in each batch.
    """
    rng = np.random.default_rng([seed, epoch])
    shuffled = rng.permutation(len(lengths))
    left_over = len(shuffled) % batch_size
    batches = [shuffled[:left_over]] if left_over else []
    for start in range(left_over, len(shuffled), NEIGHBOURS * batch_size):
        near = shuffled[start : start + NEIGHBOURS * batch_size]
        near = near[np.argsort(lengths[near], kind="stable")]
        batches += [near[i : i + batch_size] for i in range(0, len(near), batch_size)]
    return [batches[i] for i in rng.permutation(len(batches))]


def training_batches(
    lengths: NDArray[np.int64], batch_size: int, seed: int, steps: int, start: int = 0
) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """The epoch and the batch of each step from `start` on; they do not depend on where a training starts."""
    steps_per_epoch = -(-len(lengths) // batch_size)
    epoch, batches = -1, []
    for step in range(start, steps):
        if step // steps_per_epoch != epoch:
            epoch = step // steps_per_epoch
            batches = epoch_batches(lengths, batch_size, seed, epoch)
        yield epoch, batches[step % steps_per_epoch]


def count_training_tokens(lengths: NDArray[np.int64], batch_size: int, seed: int, steps: int) -> tuple[int, float]:
    """The tokens of a whole training without padding, and the share of padding among all that is computed, 0..1."""
    real = padded = 0
    for _, batch in training_batches(lengths, batch_size, seed, steps):
        real += int(lengths[batch].sum())
        padded += int(lengths[batch].max()) * len(batch)
    return real, 1 - real / padded if padded else 0.0
