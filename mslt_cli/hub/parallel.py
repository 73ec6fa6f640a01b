"""Several pieces of work at once, in threads; the first that fails, or Ctrl-C, stops the others soon."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from types import TracebackType
from typing import Self, TypeVar

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class Stopped(Exception):
    """A piece of work ends because another failed; nobody gets to see it."""


class Workers:
    """Threads that work while the block lasts.

    Args:
        count: how many.
        stop: set when the work is in vain. Whoever does it looks at it now and then, and raises Stopped.
    """

    def __init__(self, count: int, stop: threading.Event) -> None:
        self.stop = stop
        self._threads = ThreadPoolExecutor(count)
        self._lock = threading.Lock()
        self._failure: BaseException | None = None

    def map(self, work: Callable[[Item], Outcome], items: Iterable[Item]) -> list[Outcome]:
        """Return the outcomes, in the order of the items, or raise the first failure as soon as there is one."""

        def careful(item: Item) -> Outcome:
            if self.stop.is_set():
                raise Stopped
            try:
                return work(item)
            except BaseException as error:
                with self._lock:
                    self._failure = self._failure or error
                self.stop.set()
                raise

        futures = [self._threads.submit(careful, item) for item in items]
        for future in as_completed(futures):
            if future.exception() is not None and self._failure is not None:
                raise self._failure
        return [future.result() for future in futures]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.stop.set()
        self._threads.shutdown()
