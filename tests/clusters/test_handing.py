"""What is handed over, waited for and sent again, with a cluster that does its elements when it is looked at."""

import json
import threading
import time
from pathlib import Path

import pytest
from in_process import run_command

from mslt_cli.clusters import handing
from mslt_cli.clusters.handing import engine_named, hand_over, handing_over, helped_by, require_submittable, wait_for
from mslt_cli.clusters.slurm import Slurm
from mslt_cli.clusters.submissions import ClusterError, forget_sent, list_unfinished
from mslt_cli.errors import DataError, MsltError, UnknownNameError, UsageError
from mslt_cli.runs.experiment import do_runs
from mslt_cli.runs.how import How
from mslt_cli.runs.plan import Experiment
from mslt_cli.runs.search_runs import search_combinations
from mslt_cli.training.settings import Settings

pytest.importorskip("torch")


class Here:
    """Takes at most three elements at once, and does the oldest that waits whenever somebody looks."""

    name = "here"
    wants_gpu = False

    def __init__(self, home):
        self.home, self.waiting, self.jobs, self.full = home, {}, 0, False

    def largest(self):
        return 3

    def script(self, submission):
        return ""

    def submit(self, submission):
        if self.full:
            raise ClusterError("the queue is full.")
        self.jobs += 1
        self.waiting |= {(submission.name, i): element for i, element in enumerate(submission.elements)}
        return str(self.jobs)

    def alive(self, submissions):
        if self.waiting:
            for run in self.waiting.pop(next(iter(self.waiting))):
                run_command(*run.command[3:], HF_HOME=str(self.home / "hf"))
        return dict.fromkeys(self.waiting, "queued")


@pytest.fixture
def engine(home, monkeypatch):
    monkeypatch.setattr(handing, "POLL_S", 0)
    monkeypatch.setattr(handing, "SETTLE_S", 0)
    return Here(home)


@pytest.fixture
def experiment(moods, tiny):
    pairs = [("de", "en"), ("de", "es"), ("de", "fr"), ("en", "es")]
    return Experiment(moods, tiny, pairs, examples=16, settings=Settings(epochs=None, steps=2))


def states(store, experiment, root):
    found = []
    do_runs(store, experiment, root=root, announce=lambda plan, _: found.extend(plan))
    return found


def test_elements_and_submissions_are_as_large_as_they_may_be(engine, experiment, own_store, home):
    plan = states(own_store, experiment, home / "runs")
    for per_element, sizes in {1: [3, 1], 2: [2], 3: [2]}.items():
        handed = hand_over(plan, engine, home / "runs", (), (), per_element=per_element, dry_run=True)
        assert [len(sent.elements) for sent in handed.submissions] == sizes
    assert not (home / "runs").exists()


def test_what_a_cluster_refuses_is_sent_by_the_next_call(engine, experiment, own_store, home):
    root, words = home / "runs", ["--store", str(own_store), "--runs", str(home / "runs")]

    def send():
        with handing_over(engine, root) as alive:
            return hand_over(states(own_store, experiment, root), engine, root, words, alive)

    engine.full = True
    with pytest.raises(ClusterError, match="^the queue is full.$"):
        send()
    assert not list(root.glob("submitted/mslt-*"))
    engine.full = False
    assert [len(sent.elements) for sent in send().submissions] == [3, 1]
    engine.waiting.popitem()  # it ends, and its run is not done
    handed = send()  # a first run is done when it asks
    assert (handed.done, handed.alive, [len(sent.elements) for sent in handed.submissions]) == (1, 2, [1])
    engine.waiting.popitem()
    unfinished = list_unfinished(root, {"here": engine})[0]
    assert sorted(run.state for run in unfinished) == ["failed", "queued"]
    deleted = next(Path(run.directory).name for run in unfinished if run.state == "failed")
    forget_sent(root, [deleted])
    assert deleted not in {Path(run.directory).name for run in list_unfinished(root, {"here": engine})[0]}


def test_two_who_hand_over_at_once_send_each_run_once(engine, experiment, own_store, home):
    root, sent = home / "runs", []

    def send():
        with handing_over(engine, root) as alive:
            handed = hand_over(plan, engine, root, ["--store", str(own_store), "--runs", str(root)], alive)
            sent.extend(run.run_id for one in handed.submissions for element in one.elements for run in element)

    plan = states(own_store, experiment, root)
    engine.alive = lambda _: time.sleep(0.2) or dict.fromkeys(engine.waiting, "queued")  # both would have asked by then
    threads = [threading.Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sent) == len(set(sent)) == len(plan)


RUN = {"run_id": "a", "folder": "moods_a", "sources": "de", "seed": 0, "command": ["mslt"]}
SENT = {"engine": "pbs", "job": "1", "elements": [[RUN]]}
DAMAGED = [SENT | {"engine": []}, SENT | {"elements": [[RUN | {"folder": 7}]]}, SENT | {"elements": [[{}]]}, []]


@pytest.mark.parametrize("text", ["", "[" * 100_000, *map(json.dumps, DAMAGED)], ids=range(6))
def test_a_damaged_submission_is_named(text, home):
    file = home / "runs" / "submitted" / "mslt-abcdef.json"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    with pytest.raises(DataError, match=r"mslt-abcdef.json is not as mslt wrote it"):
        list_unfinished(home / "runs", {})
    file.write_text(json.dumps(SENT))  # by another version
    (run,), (note,) = list_unfinished(home / "runs", {})
    assert run.state == "submitted" and note == "Runs were handed to pbs, which this version of mslt does not know."
    file.unlink()
    file.symlink_to("gone")
    assert list_unfinished(home / "runs", {}) == ([], [])


def test_a_run_that_ends_without_being_done_is_named(engine, experiment, own_store, home, heard):
    root = home / "runs"
    handed = hand_over(states(own_store, experiment, root), engine, root, ["--device", "none"], ())
    handed.submissions[0].log(0).write_text("mslt: There is no device 'none'.\nsrun: error: it ended\n")
    with pytest.raises(MsltError, match="4 runs ended without being done, first de,en seed 0: There is no device"):
        wait_for(lambda: states(own_store, experiment, root), engine, root, heard)


def test_a_search_by_rounds_goes_on_after_its_controller_died_and_sends_nothing_twice(
    engine, experiment, own_store, home, heard, monkeypatch
):
    root, words = home / "runs", ["--store", str(own_store), "--runs", str(home / "runs")]
    sent = []
    submit = engine.submit
    monkeypatch.setattr(
        engine, "submit", lambda one: sent.extend(r.run_id for e in one.elements for r in e) or submit(one)
    )

    def search(at):
        def help(batch):
            if len(sent) >= at:
                raise KeyboardInterrupt
            return helped_by(engine, own_store, batch, root, How(), words, 1, heard)

        pool = ("de", "en", "es", "fr")
        return search_combinations(
            own_store, experiment, pool, 2, runs_at_most=6, root=root, at_once=3, progress=heard, helped=help
        )

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(handing, "wait_for", lambda *_: search(0))  # it dies as soon as the first round is sent
        search(1)
    assert len(sent) == 3 and len(engine.waiting) == 3
    found = search(100)
    assert len(sent) == len(set(sent)) and {run.run_id for run in found.standing.observed.runs} == set(sent)
    record = json.loads(next(root.glob("moods_*/run.json")).read_text())
    assert record["command"].startswith("mslt train ")


def test_options_of_a_cluster_are_checked_before_anything_is_sent(monkeypatch):
    options = Slurm(["partition=a,nodelist=n[1,3]", "exclusive", "cpus_per_task=4,signal=USR1@300"]).options
    assert options == {
        **{"requeue": "", "signal": "USR1@300", "partition": "a", "nodelist": "n[1,3]", "exclusive": ""},
        "cpus-per-task": "4",
    }
    with pytest.raises(UsageError, match="array=%10 says how many run at once"):
        engine_named("slurm", ["array=0-3"], (), "fp32")
    for wrong in ("nodelist=n[1,3", "time=", "array=%0", "n=3", "test-only", "comment=a\nb"):
        with pytest.raises(UsageError, match="is nothing that sbatch can be given here"):
            Slurm([wrong])
    for wrong in ("time=2", "time=1:00,signal=B:USR1", "time=0-0:1", "time=0:00:59,signal=USR1@60"):
        with pytest.raises(UsageError, match="leaves no time to work"):
            Slurm([wrong])
    for right in (
        "time=3",
        "time=1-0",
        "time=UNLIMITED",
        "time=2,signal=USR1@30",
        "time=0:02:01",
        "time=1:01,signal=USR1",
    ):
        assert Slurm([right])
    with pytest.raises(UnknownNameError, match="There is no cluster engine ''"):
        engine_named("", (), (), "fp32")
    for wrong in ("num_gpus", "num_gpus=-1", "num_gpus=nan", "=1"):
        with pytest.raises(UsageError, match=f"--ray '{wrong}' is no amount of a resource"):
            engine_named("ray", (), [wrong], "fp32")
    with pytest.raises(UsageError, match="--ray goes with --submit ray"):
        engine_named("slurm", (), ["num_gpus=1"], "fp32")
    with pytest.raises(UnknownNameError, match="There is no cluster engine 'slrum'. Did you mean slurm"):
        engine_named("slrum", (), (), "fp32")
    for given in ({"force": True}, {"jobs": 2}, {"processes": 2}):
        with pytest.raises(UsageError):
            require_submittable(**({"force": False, "jobs": 1, "processes": 1} | given))
    monkeypatch.setattr(handing, "has_gpu_driver", lambda: False)
    with pytest.raises(UsageError, match="Give --precision bf16, or fp32"):
        engine_named("slurm", ["gres=gpu:1"], (), "auto")
    assert engine_named("ray", (), ["num_gpus=1,fast=2"], "bf16").resources == {"fast": 2}
