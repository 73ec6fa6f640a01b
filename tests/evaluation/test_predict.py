"""Predictions of a random model: what a row gets depends on the row alone."""

from types import SimpleNamespace

import numpy as np
import pytest

from mslt_cli.data.encoding import Encoded
from mslt_cli.errors import ModelError
from mslt_cli.evaluation.predict import NO_LABEL, predict

torch = pytest.importorskip("torch")


def encoded(segments, rows=None, words=None):
    """From lists of ids; `words` says which word each token carries, −1 = none."""
    starts = np.cumsum([0, *map(len, segments)])
    carried = [[(i, w) for i, w in enumerate(some) if w >= 0] for some in words or [[]] * len(segments)]
    return Encoded(
        ids=np.concatenate(segments).astype(np.int32),
        types=np.zeros(starts[-1], np.uint8),
        starts=starts.astype(np.int64),
        row=np.array(rows if rows is not None else range(len(segments)), np.int32),
        positions=np.array([i for some in carried for i, _ in some], np.int32),
        words=np.array([w for some in carried for _, w in some], np.int32),
        word_starts=np.cumsum([0, *map(len, carried)]).astype(np.int64),
        cut=np.empty(0, np.int32),
    )


class Digits:
    """A classifier whose answer is the token id itself, of the token or of the sum of a row, modulo four."""

    device = torch.device("cpu")
    pad_id = 0
    network = SimpleNamespace(eval=lambda: None)

    def __init__(self, by_word, most=10**6, poison=False):
        self.by_word, self.most, self.poison, self.sizes = by_word, most, poison, []

    def logits(self, batch):
        if len(batch["input_ids"]) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        self.sizes.append(len(batch["input_ids"]))
        ids = batch["input_ids"] * batch["attention_mask"]
        answer = (ids if self.by_word else ids.sum(dim=1)) % 4
        scores = torch.nn.functional.one_hot(answer, 4).float()
        return scores * float("nan") if self.poison else scores


ROWS = [[7], [1, 2, 3, 4, 5], [9, 9], [2] * 12, [3, 1]]


def test_rows_keep_their_order_whatever_batch_they_are_in():
    assert predict(Digits(False), encoded(ROWS), None) == [sum(row) % 4 for row in ROWS]


def test_words_get_the_answer_of_their_token_and_those_without_one_get_none():
    words = [[-1, 0, 2, -1]]  # word 1 has no token, and word 2 is the third token's
    assert predict(Digits(True), encoded([[8, 5, 6, 7]], words=words), [4]) == [[1, NO_LABEL, 2, NO_LABEL]]


def test_segments_of_a_row_are_put_together():
    made = encoded([[5, 6], [7, 8], [9]], rows=[0, 0, 1], words=[[0, 1], [2, 3], [0]])
    assert predict(Digits(True), made, [4, 1]) == [[1, 2, 3, 0], [1]]


def test_what_does_not_fit_into_memory_is_halved():
    classifier = Digits(False, most=2)
    assert predict(classifier, encoded(ROWS), None) == [sum(row) % 4 for row in ROWS]
    assert max(classifier.sizes) == 2
    with pytest.raises(ModelError, match="too little memory for a text of 12 tokens"):
        predict(Digits(False, most=0), encoded(ROWS), None)


def test_numbers_that_are_none_are_refused():
    with pytest.raises(ModelError, match="no finite numbers"):
        predict(Digits(False, poison=True), encoded(ROWS), None)
