"""Signals that end `mslt train` at several moments, and the same command afterwards."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from in_process import run_command
from kill_points import bytes_in

from mslt_cli import stopping

pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parent.parent / "runs"))  # for its tiny model and task
from tiny_experiments import home, moods, store_for, tiny_folder  # noqa: F401

from mslt_cli.runs import work
from mslt_cli.runs.answering import Evaluator
from mslt_cli.runs.index import Index
from mslt_cli.training import loop
from mslt_cli.training.loop import Training

QUICK = ["-s", "de,en", "-s", "en", "--examples", "12", "--epochs", "2", "--batch-size", "4", "--lr", "0.01"]
SAID = "mslt: stopped by {}. What was done is kept: run the same command again to go on."


@pytest.fixture
def train(own_store, moods, home, tiny_folder, monkeypatch):  # noqa: F811
    """Trains two runs of six steps into a folder; on a GPU losses are read seldom, and so they are here."""
    monkeypatch.setattr(loop, "READ_EVERY_CPU", 10)

    def run(folder):
        words = ["train", "--task", moods.file, "--model", tiny_folder, *QUICK, "--runs", home / folder]
        return run_command(*words, HF_HOME=str(home / "hf"), MSLT_STORE=str(store_for(home / folder, own_store)))

    return run


def runs_in(folder):
    return {path.name: bytes_in(path) for path in sorted(folder.iterdir())}


MOMENTS = {
    "while data are read": (work, "encode_examples", 1, None),
    "in the first step": (Training, "_step", 1, 1),
    "in the fourth step": (Training, "_step", 4, 4),
    "in the last step": (Training, "_step", 6, 6),
    "while it is evaluated": (Evaluator, "_answer", 2, 6),
    "while weights are put in place": (Training, "finish", 1, 6),
    "between two runs": (Index, "save", 1, None),
    "in the second run": (Training, "_step", 9, 3),
}
"""What is called then, at which call, and the step of the checkpoint that is there afterwards."""


def test_a_preempted_plan_goes_on_bit_by_bit(train, home, monkeypatch):  # noqa: F811
    whole = train("whole")
    assert whole.returncode == 0, whole.stderr
    for i, (moment, (owner, name, call, step)) in enumerate(MOMENTS.items()):
        number, folder = stopping.PREEMPTIONS[i % len(stopping.PREEMPTIONS)], home / moment
        original, calls = getattr(owner, name), []

        def preempted(*given, number=number, call=call, original=original, calls=calls):
            calls.append(1)
            if len(calls) == call:
                os.kill(os.getpid(), number)
                os.kill(os.getpid(), signal.SIGTERM)  # passed on by a launcher: the same signal
            return original(*given)

        with monkeypatch.context() as patch:
            patch.setattr(owner, name, preempted)
            ended = train(folder)
        assert ended.returncode == 75, (moment, ended.stderr)
        # Two signals at once come in any order: a thread of torch may take the first.
        assert ended.stderr.splitlines()[-1] in (SAID.format(number.name), SAID.format("SIGTERM"))
        assert ended.stdout == ""
        saved = [path.name for path in folder.glob("*/checkpoints/*")]
        assert saved == ([] if step is None else [f"{step:06d}"]), moment
        again = train(folder)
        assert (again.returncode, again.stdout) == (0, whole.stdout), moment
        assert runs_in(folder) == runs_in(home / "whole"), moment


def test_handlers_are_lent_and_those_of_others_stay(monkeypatch):
    before = {number: signal.getsignal(number) for number in stopping.PREEMPTIONS}
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # nohup
    try:
        with stopping.preemptible():
            assert signal.getsignal(signal.SIGTERM) is stopping.end_in_order
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            with stopping.postponed():
                os.kill(os.getpid(), signal.SIGHUP)
                assert stopping.asked() is None
    finally:
        signal.signal(signal.SIGHUP, before[signal.SIGHUP])
    assert {number: signal.getsignal(number) for number in stopping.PREEMPTIONS} == before

    def elsewhere():
        with stopping.preemptible():
            assert signal.getsignal(signal.SIGTERM) is before[signal.SIGTERM]

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()


def test_a_second_signal_ends_at_once_and_is_passed_on():
    code = """
import subprocess, sys, time
from mslt_cli import stopping
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]]) if len(sys.argv) > 1 else None
with stopping.preemptible(), stopping.passed_on(child.send_signal if child else lambda number: None):
    with stopping.postponed():
        print("there", flush=True)
        time.sleep(30)
"""
    process = subprocess.Popen([sys.executable, "-c", code, code], stdout=subprocess.PIPE, text=True)
    assert [process.stdout.readline() for _ in range(2)] == ["there\n"] * 2
    process.terminate()
    time.sleep(stopping.SAME_S + 0.1)
    assert process.poll() is None
    process.terminate()
    assert process.stdout.read() == ""  # when both have ended
    assert process.wait() == 128 + signal.SIGTERM
