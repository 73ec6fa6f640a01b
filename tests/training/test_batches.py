import numpy as np
import pytest

from mslt_cli.training.batches import count_training_tokens, epoch_batches, training_batches


@pytest.mark.parametrize("n", [1, 7, 16, 100, 1000])
@pytest.mark.parametrize("size", [1, 4, 16])
def test_every_example_is_seen_exactly_once_an_epoch(n, size):
    lengths = np.random.default_rng(n).integers(2, 60, n)
    for epoch in range(3):
        batches = epoch_batches(lengths, size, 5, epoch)
        assert sorted(np.concatenate(batches).tolist()) == list(range(n))
        assert sum(len(batch) < size for batch in batches) <= 1
        assert len(batches) == -(-n // size)


def test_over_a_whole_training_every_example_is_seen_once_an_epoch():
    seen = [(epoch, i) for epoch, batch in training_batches(np.arange(1, 31), 8, 0, 12) for i in batch.tolist()]
    assert sorted(seen) == [(epoch, i) for epoch in range(3) for i in range(30)]  # 4 batches an epoch


def test_epochs_and_seeds_have_orders_of_their_own():
    lengths = np.full(64, 9)
    first, second = (np.concatenate(epoch_batches(lengths, 8, 0, epoch)).tolist() for epoch in (0, 1))
    assert first != second
    assert first == np.concatenate(epoch_batches(lengths, 8, 0, 0)).tolist()
    assert first != np.concatenate(epoch_batches(lengths, 8, 1, 0)).tolist()


def test_a_training_that_goes_on_sees_the_batches_that_are_left():
    lengths = np.random.default_rng(0).integers(2, 60, 50)
    whole = [batch.tolist() for _, batch in training_batches(lengths, 8, 3, 20)]
    for start in (1, 6, 7, 13):
        assert [batch.tolist() for _, batch in training_batches(lengths, 8, 3, 20, start)] == whole[start:]


def test_examples_of_like_length_share_a_batch():
    lengths = np.random.default_rng(0).geometric(0.05, 2000) + 2
    _, share = count_training_tokens(lengths, 16, 0, 125)
    shuffled = np.random.default_rng(1).permutation(lengths).reshape(-1, 16)
    random_share = 1 - shuffled.sum() / (shuffled.max(axis=1) * 16).sum()
    assert share < random_share / 3


def test_the_tokens_of_a_training_by_hand():
    # One batch: 2 + 4 real tokens of 2 · 4.
    assert count_training_tokens(np.array([2, 4]), 2, 0, 1) == (6, 0.25)


def test_the_smaller_batch_holds_examples_of_any_length():
    lengths = np.arange(1, 101)
    smaller = [next(b for b in epoch_batches(lengths, 16, 0, epoch) if len(b) < 16) for epoch in range(200)]
    assert {len(batch) for batch in smaller} == {100 % 16}
    mean = np.mean([lengths[batch].mean() for batch in smaller])
    assert abs(mean - lengths.mean()) < 4 * lengths.std() / np.sqrt(200 * 4)
