"""Rows that share a text are one item, be it through other rows."""

from dataclasses import replace

import pytest

from mslt_cli.data.shared_texts import item_ids
from mslt_cli.tasks import find_task

pl = pytest.importorskip("polars")


def test_rows_that_share_a_text_with_a_third_are_one_item():
    # b and a share "x"; d and b share "q", on different sides; c stands alone, and so does e: null is no text.
    pairs = {"a": ("x", "p"), "b": ("x", "q"), "c": ("y", "r"), "d": ("q", None), "e": ("z", None)}
    rows = pl.DataFrame([(id_, *pair) for id_, pair in pairs.items()], schema=["id", "text", "text_pair"], orient="row")
    assert item_ids(find_task("pawsx"), rows) == ["a", "a", "c", "a", "e"]
    assert item_ids(find_task("xnli"), rows) == ["a", "a", "c", "d", "e"]  # by the premise alone
    assert item_ids(replace(find_task("xnli"), cluster=()), rows) == [*pairs]


def test_a_chain_of_rows_is_one_item():
    rows = pl.DataFrame(
        {"id": list("abcdef"), "text": ["5", "3", "1", "2", "4", "0"], "text_pair": ["4", "2", "0", "1", "3", "9"]}
    )
    assert set(item_ids(find_task("pawsx"), rows)) == {"a"}
