"""How signals end the program: in order, where its work is whole; and at once, when they come again."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""
PREEMPTED = 75
"""Exit code of a command that a signal ended in order: EX_TEMPFAIL of sysexits.h, a failure that another try mends."""
PREEMPTIONS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2") if hasattr(signal, name)]
"""What schedulers send before they take a machine away, and a terminal when it closes."""
SAME_S = 1.0
"""A signal that follows another so soon is the same one: launchers pass on what their whole group has got."""
SHOW_CURSOR = b"\x1b[?25h"


class Preempted(BaseException):
    """A signal asked for the end. That is no failure, so nothing catches it but to save what is there."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")


class _Request:
    """The signal that asked for the end, if any; handlers run in the main thread alone."""

    def __init__(self) -> None:
        self.number: int | None = None
        self.at = 0.0
        self.postponed = 0
        self.told: list[Callable[[int], None]] = []


_request = _Request()


def asked() -> int | None:
    """The number of the signal that asked for the end; None = none did."""
    return _request.number


def end_in_order(number: int, *_: Any) -> None:
    """Handle a signal: the first raises KeyboardInterrupt (Ctrl-C) or Preempted; another one ends the program."""
    first = _request.number is None
    if not first and number != signal.SIGINT and time.monotonic() - _request.at <= SAME_S:
        return
    for tell in _request.told:
        tell(signal.SIGTERM)  # never SIGINT, which a terminal sends to all, and of which a second one ends them at once
    if not first:
        end_at_once(number)
    _request.number, _request.at = number, time.monotonic()
    if not _request.postponed:
        raise_for(number)


def end_at_once(number: int, *_: Any) -> NoReturn:
    """End as a kill would, which loses nothing that is written; a bar may have hidden the cursor."""
    if sys.stderr is not None and sys.stderr.isatty():
        os.write(2, SHOW_CURSOR)
    os._exit(128 + number)  # as shells have it


def raise_for(number: int) -> NoReturn:
    """Raises: KeyboardInterrupt: the signal is that of Ctrl-C; Preempted: it is another one."""
    raise KeyboardInterrupt if number == signal.SIGINT else Preempted(number)


@contextmanager
def postponed() -> Iterator[None]:
    """In the block a signal is noted (`asked`) and not raised, so that work ends where it is whole; then it is."""
    _request.postponed += 1
    try:
        yield
    finally:
        _request.postponed -= 1
        if _request.number is not None and not _request.postponed:
            raise_for(_request.number)


@contextmanager
def passed_on(tell: Callable[[int], None]) -> Iterator[None]:
    """In the block a signal is told to a process of ours as well, as SIGTERM, by its `send_signal`."""
    _request.told.append(tell)
    try:
        yield
    finally:
        _request.told.remove(tell)


@contextmanager
def preemptible() -> Iterator[None]:
    """In the block preemptions end the work in order; those that whoever started us ignores or handles stay so.

    Outside of the main thread, where Python lets nobody handle signals, nothing changes.
    """
    main = threading.current_thread() is threading.main_thread()
    ours = [number for number in PREEMPTIONS if main and signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, end_in_order)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)
        if _request.number != signal.SIGINT:
            _request.number = None


def end_if_swallowed(unraisable: Any) -> None:
    """The hook for exceptions that nobody can catch: a signal may fall into a callback, which would swallow it."""
    if issubclass(unraisable.exc_type, KeyboardInterrupt | Preempted) and _request.number is not None:
        end_at_once(_request.number)
    sys.__unraisablehook__(unraisable)
