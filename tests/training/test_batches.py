import numpy as np
import pytest

from mslt_cli.training.batches import IGNORED, Example, collate, epoch_batches, planned_batches, planned_size


def example(ids, positions=(), labels=(1,)):
    return Example(
        np.array(ids, np.int32), np.zeros(len(ids), np.uint8), np.array(positions, np.int32), np.array(labels, np.int64)
    )


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
    seen = [(epoch, i) for epoch, batch in planned_batches(np.arange(1, 31), 8, 0, 12) for i in batch.tolist()]
    assert sorted(seen) == [(epoch, i) for epoch in range(3) for i in range(30)]  # 4 batches an epoch


def test_epochs_and_seeds_have_orders_of_their_own():
    lengths = np.full(64, 9)
    first, second = (np.concatenate(epoch_batches(lengths, 8, 0, epoch)).tolist() for epoch in (0, 1))
    assert first != second
    assert first == np.concatenate(epoch_batches(lengths, 8, 0, 0)).tolist()
    assert first != np.concatenate(epoch_batches(lengths, 8, 1, 0)).tolist()


def test_a_training_that_goes_on_sees_the_batches_that_are_left():
    lengths = np.random.default_rng(0).integers(2, 60, 50)
    whole = [batch.tolist() for _, batch in planned_batches(lengths, 8, 3, 20)]
    for start in (1, 6, 7, 13):
        assert [batch.tolist() for _, batch in planned_batches(lengths, 8, 3, 20, start)] == whole[start:]


def test_examples_of_like_length_share_a_batch():
    lengths = np.random.default_rng(0).geometric(0.05, 2000) + 2
    _, share = planned_size(lengths, 16, 0, 125)
    shuffled = np.random.default_rng(1).permutation(lengths).reshape(-1, 16)
    random_share = 1 - shuffled.sum() / (shuffled.max(axis=1) * 16).sum()
    assert share < random_share / 3


def test_the_planned_size_by_hand():
    # One batch: 2 + 4 real tokens of 2 · 4.
    assert planned_size(np.array([2, 4]), 2, 0, 1) == (6, 0.25)


def test_a_batch_by_hand():
    made = collate([example([5, 6, 7], [1], [2]), example([5, 6], [0, 1], [0, 1])], pad_id=9)
    assert made["input_ids"].tolist() == [[5, 6, 7], [5, 6, 9]]
    assert made["attention_mask"].tolist() == [[1, 1, 1], [1, 1, 0]]
    assert made["labels"].tolist() == [[IGNORED, 2, IGNORED], [0, 1, IGNORED]]


def test_whole_examples_have_one_label_and_lengths_are_rounded_up():
    made = collate([example([5, 6, 7], labels=[2]), example([5], labels=[0])], pad_id=1, multiple=8)
    assert made["labels"].tolist() == [2, 0]
    assert made["input_ids"].shape == (2, 8)
    assert made["attention_mask"].sum() == 4
