import pytest

from mslt_cli.data.splits import fetch_data
from mslt_cli.reports.task_facts import ChanceLevel, guess_accuracy, mean_majority
from mslt_cli.results.evaluations import own_metric
from mslt_cli.tasks import find_task

BOTH = ["accuracy", "entity-f1"]
TASK = """
name = "places"
kind = "token-classification"
path = "{lang}.txt"
languages = ["en"]
splits = ["test"]
labels = ["O", "B-LOC", "I-LOC"]
metric = "entity-f1"
"""


def test_a_task_is_reported_by_its_own_metric_if_it_was_scored_by_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    assert own_metric("wikiann", BOTH) == "accuracy"
    assert own_metric("places", BOTH) == "accuracy"  # nothing is known of it
    (tmp_path / "places.toml").write_text(TASK)
    (tmp_path / "en.txt").write_text("Oslo B-LOC\nnaps O\n")
    fetch_data(find_task(str(tmp_path / "places.toml")))
    assert own_metric("places", BOTH) == "entity-f1"
    assert own_metric("places", ["accuracy"]) == "accuracy"


def test_chance_is_a_guess_or_the_most_frequent_answer_where_that_scores_more():
    both = ChanceLevel(0.2, 0.30384)
    assert both.describe() == "A guess scores 20.00, the most frequent answer 30.38."
    assert both.marks([34.0]) == [("the most frequent answer", 30.384)]
    assert both.marks([36.0]) == both.marks([]) == []  # more than five points below the lowest
    even = ChanceLevel(1 / 3, 1670 / 5010)
    assert even.describe() == "A guess scores 33.33." and [name for name, _ in even.marks([30.0])] == ["a guess"]
    assert ChanceLevel(None, 0.6).describe() == "The most frequent answer scores 60.00."
    assert ChanceLevel(None, None).describe() == ""


def test_the_share_of_the_most_frequent_answer_is_known_if_it_is_of_every_target():
    assert mean_majority([("fi", 0.3), ("tr", None), ("fi", None), ("tr", 0.5)]) == pytest.approx(0.4)
    assert mean_majority([("fi", 0.3), ("tr", None)]) is None
    assert mean_majority([]) is None


def test_a_guess_is_among_labels_or_choices():
    tasks = ("cldr", "xnli", "xcopa", "xstorycloze", "xwinograd", "udpos")
    assert [guess_accuracy(find_task(name)) for name in tasks] == [1 / 5, 1 / 3, 0.5, 0.5, 0.5, None]
    assert guess_accuracy(None) is None
