"""Answers to test rows, and the items that rows are, as the store keeps them."""

import numpy as np
import pytest
from made_runs import TARGETS, TRIPLES, even, made_record

from mslt_cli.errors import StoreError
from mslt_cli.store.db import open_store
from mslt_cli.store.row_answers import RowAnswers, pack_items, pack_right, stored_items, unpack_right
from mslt_cli.store.runs import save_run, stored_scores


@pytest.mark.parametrize("rows", [1, 7, 8, 9, 171])
def test_answers_come_back_as_they_were(rows):
    right = np.random.default_rng(rows).random(rows) < 0.6
    assert unpack_right(pack_right(right), rows).tolist() == right.tolist()


def test_a_bit_is_a_row_and_the_first_one_is_the_highest():
    assert pack_right([True, False, True]) == "oA=="  # 1010 0000 is A0, and oA== in base64


@pytest.mark.parametrize("text", ["no base64", "oA==oA==", "", "oKA="])
def test_other_texts_are_refused(text):
    with pytest.raises(StoreError, match="are not the answers of 3 rows"):
        unpack_right(text, 3)


def test_equal_ids_are_equal_items_in_all_data_sets(filled_store, tmp_path):
    record = made_record(TRIPLES[0], even(0.5), rows=2)
    answers = {}
    for score, ids in zip(record["scores"], (["a", "b"], ["b", "c"], ["a", "c"], ["d", "a"]), strict=True):
        score["predictions"] = f"{score['target']}.parquet"
        answers[score["predictions"]] = RowAnswers(pack_right([True, False]), pack_items(ids))
    path = tmp_path / "store.db"
    with open_store(path, write=True) as store:
        save_run(store, tmp_path, record, answers)
        items = {data: places.tolist() for (data, rows), places in stored_items(store).items() if rows == 2}
        (a, b), (b_again, c), (a_again, c_again), (d, a_at_last) = (items[f"rows of {x}"] for x in TARGETS)
        assert a == a_again == a_at_last and b == b_again and c == c_again and len({a, b, c, d}) == 4
        assert {score.right_rows for score in stored_scores(store)} == {pack_right([True, False])}
        save_run(store, tmp_path, record)  # without answers: they are not known any more
        assert {score.right_rows for score in stored_scores(store)} == {None}
