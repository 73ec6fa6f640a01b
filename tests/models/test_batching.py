"""Batches of like length, and what happens where memory does not suffice for one."""

import numpy as np
import pytest

from mslt_cli.models.batching import compute_batches


def put_together(lengths, most):
    """The positions of the texts in each batch, as they are computed."""
    return [given for batch, given in compute_batches(lambda batch: batch, lengths, most)]


def test_texts_of_like_length_share_a_batch_longest_first():
    # Sorted: 9 (text 1), 4 (2), 4 (3), 3 (0). A second text beside the first would make 18; three of 4 make 12.
    assert put_together([3, 9, 4, 4], most=12) == [[1], [2, 3, 0]]
    # Two of 4 make 8, and a third one would make 12.
    assert put_together([3, 9, 4, 4], most=11) == [[1], [2, 3], [0]]
    assert put_together([3, 3, 3], most=1) == [[0], [1], [2]]
    assert put_together([], most=1) == []


@pytest.mark.parametrize("seed", range(10))
def test_batches_hold_each_text_once_and_no_more_than_they_may(seed):
    lengths = np.random.default_rng(seed).integers(1, 60, 200).tolist()
    batches = put_together(lengths, most=100)
    assert sorted(i for batch in batches for i in batch) == list(range(200))
    for batch in batches:
        assert len(batch) * max(lengths[i] for i in batch) <= 100
    assert [lengths[i] for batch in batches for i in batch] == sorted(lengths, reverse=True)
