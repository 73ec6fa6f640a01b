"""Locks of run directories: one process does a run, on whatever host and file system, and a dead one lets go.

The lock is a lease: a file with the holder's host and process, whose time the holder renews. A holder of this host is
known to be dead; one of another host is taken for dead when it did not renew the time while we watched for `LEASE_S`,
so that the clocks of hosts do not matter. Beside it flock, where the file system has it, says that a holder of this
host lives that was only stopped. A holder that lost its lease all the same does no harm: it writes whole files, and
the same bytes.
"""

import errno
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mslt_cli.errors import MsltError
from mslt_cli.runs.directory import LOCK, run_files

LEASE = ".lease.lock"
LEASE_S = 120.0
"""A holder renews its lease three times as often."""
POLL_S = 1.0
REFUSED = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP)
"""What flock says on file systems that do not have it."""


class BusyError(MsltError):
    """Another process is doing a run."""

    def __init__(self, name: str, holder: str, lives: bool) -> None:
        super().__init__(name, holder, lives)
        self.holder, self.lives = holder, lives
        """Where it is, for people; and whether it certainly lives."""

    def __str__(self) -> str:
        return f"{self.args[0]} is being run by another process ({self.holder})."


class RunLock:
    """The lock of a run's directory; it remembers what it saw of another holder, so ask the same one again."""

    def __init__(self, directory: Path) -> None:
        from filelock import FileLock, SoftFileLease

        self.directory = directory
        self.native = FileLock(directory / LOCK, fallback_to_soft=False, thread_local=False)
        self.lease = SoftFileLease(directory / LEASE, lease_duration=LEASE_S, thread_local=False)

    @contextmanager
    def held(self, *, wait: bool = False) -> Iterator[None]:
        """Hold the lock. Raises: BusyError: another process does, and `wait` is false; others as `run_files`."""
        with run_files(self.directory):
            self.directory.mkdir(parents=True, exist_ok=True)
        try:
            while True:
                try:
                    with run_files(self.directory):
                        self._take()
                    break
                except BusyError:
                    if not wait:
                        raise
                time.sleep(POLL_S)
            yield
        finally:
            self.lease.release()
            self.native.release()

    def _take(self) -> None:
        from filelock import Timeout

        here = False
        try:
            self.native.acquire(timeout=0)
        except Timeout:
            owner = self.lease.owner
            # Of a host that died, a file server may keep the flock.
            here = owner is None or owner.hostname.partition("?")[0] == socket.gethostname()
        except OSError as error:
            if error.errno not in REFUSED:
                raise
        try:
            if here:
                raise Timeout(self.lease.lock_file)
            self.lease.acquire(timeout=0)
        except Timeout as error:
            self.native.release()
            owner = self.lease.owner
            holder = f"{owner.hostname}, process {owner.pid}" if owner is not None else "it does not say which"
            raise BusyError(self.directory.name, holder, here) from error


@contextmanager
def locked(directory: Path, *, wait: bool) -> Iterator[None]:
    """Keep other processes from working in a run's directory. Raises: BusyError: one does, and `wait` is false."""
    with RunLock(directory).held(wait=wait):
        yield
