import numpy as np

from mslt_cli.data.examples import IGNORED, Example, collate


def example(ids, positions=(), labels=(1,)):
    return Example(
        np.array(ids, np.int32), np.zeros(len(ids), np.uint8), np.array(positions, np.int32), np.array(labels, np.int64)
    )


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
