"""What a report makes of the test items: shared by targets, each target's own, or not known."""

import numpy as np
import pytest
from made_runs import TRIPLES, made_record

from mslt_cli.reports.views import report
from mslt_cli.store.db import open_store
from mslt_cli.store.results import fill_results
from mslt_cli.store.row_answers import RowAnswers, pack_items, pack_right
from mslt_cli.store.runs import save_run

ROWS = 60


@pytest.fixture
def told(own_store):
    """Reports on six triples of two seeds, whose answers are drawn; those of the first `unknown` runs are not known."""

    def run(targets, *, task="xnli", unknown=0, ids=lambda target, i: str(i)):
        fill_results(own_store)
        rng = np.random.default_rng(0)
        items = rng.normal(size=(6, ROWS))  # how easy a combination finds an item, in any target
        with open_store(own_store, write=True) as store:
            for c, seed in ((c, seed) for c in range(6) for seed in (0, 1)):
                right = {target: items[c] + rng.normal(0, 0.5, ROWS) > 0 for target in targets}
                values = {target: float(row.mean()) for target, row in right.items()}
                record, answers = made_record(TRIPLES[c], values, seed=seed, task=task, rows=ROWS), {}
                for score in record["scores"]:
                    score["predictions"] = target = score["target"]
                    packed = pack_items([ids(target, i) for i in range(ROWS)])
                    answers[target] = RowAnswers(pack_right(right[target]), packed)
                save_run(store, own_store.parent, record, answers if unknown == 0 else {})
                unknown = max(0, unknown - 1)
        with open_store(own_store) as store:
            (table,) = report(store, ["best"], source="runs")
        return next(note for note in table.notes if "can't be seen" in note), table

    return run


def points(note):
    return float(note.partition(" under ")[2].partition(" points")[0])


def test_items_that_targets_share_are_a_sample_and_make_differences_harder_to_see(told):
    note, table = told(["fin", "hin", "tur"])
    assert "targets, seeds and test items (60 items, which the targets share) are taken as samples." in note
    assert all(row["tied"].value for row in table.rows)
    # 6 combinations, each with 60 items of its own liking: √(1/60) · 0.4 or so for each, √2 of it for two, times 2.
    assert 12 < points(note) < 22


def test_where_the_answers_of_one_run_are_not_known_the_items_are_as_they_are(told):
    note, _ = told(["fin", "hin", "tur"], unknown=1)
    assert "targets and seeds are taken as samples, the items as they are." in note
    assert points(note) < 12


def test_of_one_target_the_items_are_a_sample_too(told):
    note, _ = told(["fin"])
    assert "seeds are taken as a sample, and so are the 60 test items." in note
    assert 12 < points(note) < 22


def test_in_data_that_are_not_parallel_each_target_has_its_own_items(told):
    note, _ = told(["fin", "hin", "tur"], task="wikiann")  # equal ids are row numbers
    assert "targets, seeds and test items (each target has its own) are taken as samples." in note


def test_where_a_task_of_ones_own_is_gone_the_items_are_as_they_are(told):
    note, _ = told(["fin", "hin", "tur"], task="gone-1a2b3c4d")
    assert "targets and seeds are taken as samples, the items as they are." in note


def test_answers_to_items_that_not_all_targets_have(told):
    note, _ = told(["fin", "hin", "tur"], ids=lambda target, i: str(i + 10 * (target == "tur")))
    assert "(70 items, which the targets share)" in note
