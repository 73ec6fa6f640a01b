from mslt_cli.data.splits import fetch_data
from mslt_cli.reports.task_facts import own_metric
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
