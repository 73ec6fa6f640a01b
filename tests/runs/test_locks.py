"""Locks where flock is refused, and holders on other hosts: dead, alive, and with other clocks."""

import errno
import fcntl
import os
import threading
import time

import pytest

from mslt_cli.runs import experiment, locks
from mslt_cli.runs.experiment import train
from mslt_cli.runs.how import How
from mslt_cli.runs.index import index_runs
from mslt_cli.runs.locks import BusyError, RunLock
from mslt_cli.store.db import open_store
from mslt_cli.store.runs import find_runs
from mslt_cli.training.settings import Settings


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Leases of a second."""
    monkeypatch.setattr(locks, "LEASE_S", 1.0)
    monkeypatch.setattr(experiment, "LEASE_S", 1.0)
    for module in (locks, experiment):
        monkeypatch.setattr(module, "POLL_S", 0.05)


@pytest.fixture
def refused(monkeypatch, request):
    """A file system without flock."""

    def refuse(*_):
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(fcntl, "flock", refuse)


def leave_lease(directory, host):
    """A process of another host takes the lease, and says no more."""
    lock = RunLock(directory)
    with lock.held():
        text = (directory / locks.LEASE).read_text()
    assert not (directory / locks.LEASE).exists()
    lines = [f"host={host}" if host and line.startswith("host=") else line for line in text.splitlines()]
    (directory / locks.LEASE).write_text("\n".join(lines) + "\n")
    return directory / locks.LEASE


def taken_s(directory):
    """Seconds until we hold the lock."""
    clock = time.monotonic()
    with RunLock(directory).held(wait=True):
        return time.monotonic() - clock


REFUSALS = [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP]


@pytest.mark.parametrize("refused", REFUSALS, ids=errno.errorcode.get, indirect=True)
def test_a_file_system_without_flock_has_locks_all_the_same(refused, tmp_path):
    with RunLock(tmp_path).held():
        with pytest.raises(BusyError, match=f"process {os.getpid()}"), RunLock(tmp_path).held():
            pass
        time.sleep(1.2)  # the holder renews it
        with pytest.raises(BusyError), RunLock(tmp_path).held():
            pass
    assert taken_s(tmp_path) < 0.5


@pytest.mark.parametrize("refused", [errno.ENOLCK], indirect=True)
def test_a_process_of_this_host_that_died_without_flock_is_known_to_be_dead(refused, tmp_path):
    lease = leave_lease(tmp_path, None)
    lease.write_text(lease.read_text().replace(f"pid={os.getpid()}", "pid=4194303"))  # beyond what Linux gives
    assert taken_s(tmp_path) < 0.5


def test_a_holder_that_died_on_another_host_is_taken_over(tmp_path):
    leave_lease(tmp_path, "node7")
    with pytest.raises(BusyError, match="node7, process") as caught, RunLock(tmp_path).held():
        pass
    assert not caught.value.lives
    assert 0.9 < taken_s(tmp_path) < 5


def test_a_flock_that_a_file_server_keeps_for_a_dead_host_is_passed_over(tmp_path):
    leave_lease(tmp_path, "node7")
    with (tmp_path / ".lock").open("w") as kept:
        fcntl.flock(kept, fcntl.LOCK_EX)
        assert 0.9 < taken_s(tmp_path) < 5


def test_a_process_of_this_host_that_was_only_stopped_keeps_its_lock(tmp_path):
    leave_lease(tmp_path, None)
    with (tmp_path / ".lock").open("w") as kept:
        fcntl.flock(kept, fcntl.LOCK_EX)
        for _ in range(3):
            with pytest.raises(BusyError) as caught, RunLock(tmp_path).held():
                pass
            time.sleep(0.5)
    assert caught.value.lives


@pytest.mark.parametrize("ahead_s", [-3600, 3600])
def test_a_live_holder_on_another_host_is_waited_for_whatever_its_clock_says(tmp_path, ahead_s):
    lease = leave_lease(tmp_path, "node7")
    ended = threading.Event()

    def live():
        for _ in range(8):  # 1.6 s, longer than a lease
            os.utime(lease, (time.time() + ahead_s,) * 2)
            time.sleep(0.2)
        ended.set()
        lease.unlink()

    thread = threading.Thread(target=live)
    thread.start()
    with RunLock(tmp_path).held(wait=True):
        assert ended.is_set()
    thread.join()


def test_runs_that_others_hold_are_left_to_them_and_the_store_is_filled_later(
    moods, tiny, own_store, home, heard, monkeypatch
):
    given = {"examples": 12, "settings": Settings(epochs=1, batch_size=4), "root": home / "runs", "progress": heard}
    sources, how = [("eng",), ("deu",), ("fra",)], How(no_wait=True, no_index=True)
    plan = []
    train(own_store, moods, tiny, sources, announce=lambda states, _: plan.extend(states), **given)
    here, elsewhere = (home / "runs" / planned.spec.folder_name for planned, _ in plan[:2])
    leave_lease(elsewhere, "node7")
    lock = RunLock(here)
    with lock.held():
        done = train(own_store, moods, tiny, sources, how=how, **given)
    assert [item.outcome is not None for item in done] == [False, True, True]  # that of the dead host is done as well
    assert [item.error for item in done] == [None] * 3
    assert heard.notes[-1] == f"left to others: 1 run of another process, {plan[0][0].spec.title} ({told(lock)})"
    with open_store(own_store, write=True) as store:
        assert find_runs(store) == []
        assert len(index_runs(store, [home / "runs"]).runs) == 2
        assert len(find_runs(store)) == 2


def told(lock):
    with lock.held():
        owner = lock.lease.owner
    return f"{owner.hostname}, process {owner.pid}"
