"""`--report-to`: every step once and the scores, whatever happens to the run or to the tracker."""

import json
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parent))
from tiny_experiments import heard, home, moods, tiny, tiny_folder  # noqa: F401

from mslt_cli.errors import UsageError
from mslt_cli.runs import trackers
from mslt_cli.runs.experiment import train
from mslt_cli.runs.how import How
from mslt_cli.training.settings import Settings


class Told:
    """Keeps what the last start of a run tells; fails at a step."""

    failing: Exception | BaseException | None = None

    def __init__(self, run):
        type(self).steps, type(self).scores, type(self).ended = [], {}, None
        self.run_id = run.run_id

    def log(self, values, step):
        if step == 5 and self.failing:
            raise self.failing
        if "train/loss" in values:
            self.steps.append((step, values["train/loss"]))
        else:
            type(self).scores = values

    def end(self, failed):
        type(self).ended = failed


@pytest.fixture
def run(own_store, moods, tiny, heard, monkeypatch):  # noqa: F811
    monkeypatch.setitem(trackers.TRACKERS, "tensorboard", Told)
    monkeypatch.setattr(trackers, "version", lambda name: "1")

    def run(failing=None, **how):
        monkeypatch.setattr(Told, "failing", failing)
        settings = Settings(epochs=2.0, batch_size=4)
        how = How(report_to="tensorboard", checkpoint_every=2, **how)
        (done,) = train(
            own_store, moods, tiny, [("en",)], root=own_store.parent / "runs", examples=12, settings=settings, how=how,
            progress=heard,
        )  # fmt: skip
        return done.outcome

    return run


def lines(outcome):
    return [json.loads(line) for line in (outcome.run.directory / "metrics.jsonl").read_text().splitlines()]


def test_a_run_that_goes_on_has_every_step_once(run):
    with pytest.raises(KeyboardInterrupt):
        run(KeyboardInterrupt())
    assert [step for step, _ in Told.steps] == [1, 2, 3, 4] and Told.ended is True
    outcome = run()
    assert outcome.status == "resumed"
    assert Told.steps == [(line["step"], line["loss"]) for line in lines(outcome)] and len(Told.steps) == 6
    scores = outcome.run.scores
    assert Told.scores[f"score/moods/test/accuracy/{scores[0]['target']}"] == scores[0]["value"]
    assert Told.scores["score/moods/test/accuracy/mean"] == outcome.run.means[0]["value"]
    assert Told.ended is False


def test_a_tracker_that_fails_stops_no_run_and_is_no_part_of_its_identity(run, heard):  # noqa: F811
    failed = run(OSError("no route to host"))
    assert len(lines(failed)) == 6 and len(failed.run.scores) == 2
    assert heard.notes[-1] == "tensorboard takes no more of this run (no route to host); metrics.jsonl has all of it."
    assert run(force=True).run.run_id == failed.run.run_id


def test_a_tracker_that_is_not_installed_is_said_before_anything_is_trained():
    with pytest.raises(
        UsageError, match="--report-to no-such-tracker needs the package no-such-tracker. Run `pip inst"
    ):
        trackers.require_tracker("no-such-tracker")


@pytest.mark.parametrize("name", ["trackio", "wandb", "tensorboard"])
def test_a_real_tracker_keeps_what_it_is_told(name, tmp_path, monkeypatch):
    try:
        trackers.require_tracker(name)
    except UsageError as error:
        pytest.skip(str(error))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    for start in range(2):  # the second takes the place of the first
        reporter = trackers.Reporter(name, trackers.Reported(tmp_path, "abcdef123456", {"seed": start}))
        reporter.step(json.dumps({"step": 1, "loss": 0.5 + start}))
        reporter.end(False)
        assert reporter.tracker is not None
    if name == "tensorboard":
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        events = EventAccumulator(str(tmp_path / "tensorboard"))
        events.Reload()
        assert [(event.step, event.value) for event in events.Scalars("train/loss")] == [(1, 1.5)]
    elif name == "wandb":
        assert len(list(tmp_path.glob("wandb/offline-run-*-abcdef123456/*.wandb"))) == 1
    else:
        from trackio.sqlite_storage import SQLiteStorage

        assert [run["name"] for run in SQLiteStorage.get_run_records("mslt")] == [tmp_path.name]
        assert [line["train/loss"] for line in SQLiteStorage.get_logs("mslt", tmp_path.name)] == [1.5]
