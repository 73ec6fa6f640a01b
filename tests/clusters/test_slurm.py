"""A real SLURM, started for this file on loopback: arrays, what is sent, what is said of failures, signals."""

import json
import time
from types import SimpleNamespace

import pytest
from in_process import run_command
from slurm_here import ask, start_slurm, why_not
from tiny_experiments import write_moods

WAIT_S = 300


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, filled_store, tiny_folder):
    """Gives a function that runs mslt where jobs are submitted: arrays have at most 2 elements."""
    if reason := why_not():
        pytest.skip(reason)
    home = tmp_path_factory.mktemp("cluster")
    write_moods(home)
    with start_slurm(home, most=2) as environment:
        environment |= {"HF_HOME": str(home / "hf"), "MSLT_STORE": str(home / "store.db"), "OMP_NUM_THREADS": "1"}
        yield Cluster(home, tiny_folder, environment)


class Cluster:
    def __init__(self, home, model, environment):
        self.home, self.environment, self.runs = home, environment, home / "runs"
        self.plan = ["train", "--task", home / "moods.toml", "--model", model, "--examples", 16, "--lr", "1e-3"]

    def mslt(self, *words):
        return run_command(*words, **self.environment)

    def submit(self, *words):
        done = self.mslt(*self.plan, *words, "--submit", "slurm", "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["submitted"]

    def unfinished(self):
        done = self.mslt("report", "runs", "--unfinished", "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["unfinished"]

    def ask(self, *words):
        return ask(*words, **self.environment)

    def wait_until(self, holds, every_s=0.5):
        until = time.monotonic() + WAIT_S
        while not holds():
            assert time.monotonic() < until, [path.read_text()[-800:] for path in self.runs.glob("submitted/*.log")]
            time.sleep(every_s)


@pytest.fixture(scope="module")
def stopped(cluster):
    """Two runs under way: one has got SIGTERM and goes on, one comes to its time limit at `until`.

    SLURM looks at time limits every 30 s, and signals up to 30 s earlier than it says; the other tests run meanwhile.
    """
    runs = cluster.home / "stopped"
    plan = ["--sources", "de", "--sources", "fr", "--steps", 300]
    (sent,) = cluster.submit(*plan, "--runs", runs, "--slurm", "time=30,signal=USR1@60")
    job, began = sent["job"], time.monotonic()
    for place, source in enumerate(("deu", "fra")):
        metrics = f"moods_*_{source}_16_s0_*/metrics.jsonl"
        cluster.wait_until(lambda found=metrics: any(path.stat().st_size for path in runs.glob(found)), 0.02)
        cluster.ask("scancel", "--signal=STOP", f"{job}_{place}")  # lest it end before it is signalled
    cluster.ask("scancel", "--signal=TERM", f"{job}_0")
    cluster.ask("scancel", "--signal=CONT", f"{job}_0")
    minutes = int((time.monotonic() - began + 35) // 60) + 1  # it ends in 35 to 95 s
    cluster.ask("scontrol", "update", f"JobId={job}_1", f"TimeLimit={minutes}")
    return SimpleNamespace(job=job, name=sent["name"], runs=runs, plan=plan, until=time.monotonic() + 36)


def test_each_run_of_an_array_is_done_once_and_what_is_queued_or_done_is_not_sent_again(cluster, stopped):
    plan = ["--all-combinations", "--pool", "de,en,fr", "-k", 2, "--steps", 3]
    script = cluster.mslt(*cluster.plan, *plan, "--submit", "slurm", "--dry-run", "--slurm", "time=10,mem=100M")
    assert script.stdout.count("#SBATCH --array=0-1\n") == script.stdout.count("#SBATCH --array=0-0\n") == 1
    assert script.stdout.count("#SBATCH --mem=100M") == 2 and not cluster.runs.exists()
    sent = cluster.submit(*plan)
    assert [job["elements"] for job in sent] == [2, 1]  # three, where an array has at most two
    assert {run["state"] for run in cluster.unfinished()} <= {"queued", "running"}
    assert cluster.submit(*plan) == []
    cluster.wait_until(lambda: cluster.unfinished() == [])
    assert cluster.submit(*plan) == []
    logs = [path.read_text() for path in cluster.runs.glob("submitted/*.log")]
    assert len(logs) == len(list(cluster.runs.glob("moods_*/run.json"))) == 3
    answered = json.loads(cluster.mslt(*cluster.plan, *plan, "--json").stdout)
    assert len(answered["runs"]) == 3


def test_a_run_that_fails_is_named_with_what_it_said(cluster):
    (sent,) = cluster.submit("--sources", "en", "--steps", 3, "--lr", "1e30", "--runs-per-task", 2)
    cluster.wait_until(lambda: cluster.unfinished()[0]["state"] == "failed")
    (failed,) = cluster.unfinished()
    assert (failed["sources"], failed["job"]) == ("en", f"{sent['job']}_0")
    assert failed["said"].startswith("The loss is not a finite number")
    assert cluster.mslt("report", "runs", "--unfinished").stdout.endswith("again sends those that failed.\n")


def test_what_sbatch_refuses_is_said_and_leaves_nothing(cluster):
    before = sorted(cluster.runs.glob("submitted/*"))
    done = cluster.mslt(*cluster.plan, "--sources", "de", "--submit", "slurm", "--slurm", "partition=none")
    assert done.returncode == 1 and "sbatch refuses: invalid partition specified: none" in done.stderr
    assert sorted(cluster.runs.glob("submitted/*")) == before


def test_a_run_that_is_stopped_by_a_signal_or_by_its_time_limit_goes_on_to_the_same_result(cluster, stopped):
    time.sleep(max(0.0, stopped.until - time.monotonic()))
    cluster.ask("scancel", "--signal=CONT", f"{stopped.job}_1")
    cluster.ask("scontrol", "update", f"JobId={stopped.job}_1", "TimeLimit=30")
    folders = [next(stopped.runs.glob(f"moods_*_{source}_16_s0_*")) for source in ("deu", "fra")]
    cluster.wait_until(lambda: all((folder / "run.json").exists() for folder in folders))
    alone, store = cluster.home / "alone", cluster.home / "alone.db"
    assert cluster.mslt(*cluster.plan, *stopped.plan, "--runs", alone, "--store", store).returncode == 0
    for place, folder in enumerate(folders):
        log = (stopped.runs / "submitted" / f"{stopped.name}_{place}.log").read_text()
        whole, other = (json.loads((root / folder.name / "run.json").read_text()) for root in (stopped.runs, alone))
        assert whole["training"]["resumed_at"] and f"stopped by {('SIGTERM', 'SIGUSR1')[place]}" in log, log
        assert whole["files"] == other["files"] and whole["scores"] == other["scores"]
