"""Long work as it is seen, on stderr: a bar with rate and time left on a terminal, now and then a line in a pipe."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mslt_cli.progress import Progress, Step
from mslt_cli.show.terminal import note

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

PLAIN_EVERY_S = 10.0
"""Seconds between two lines of a piece of work, where there is no terminal."""
QUIET_S = 2.0
"""Shorter work says nothing in a pipe."""


def progress() -> Progress:
    """What shows progress on this machine's stderr."""
    return Terminal() if sys.stderr.isatty() else Lines()


def amount(value: float, unit: str) -> str:
    """ "1.2 MB", "3,400 rows"."""
    return f"{value / 1e6:,.1f} MB" if unit == "bytes" else f"{value:,.0f} {unit}".rstrip()


def _done(value: float, total: float | None, unit: str) -> str:
    """ "1.2 of 3.4 MB", "300 of 1,000 rows"."""
    if not total:
        return amount(value, unit)
    so_far = f"{value / 1e6:,.1f}" if unit == "bytes" else f"{value:,.0f}"
    return f"{so_far} of {amount(total, unit)}"


class _Noting(Progress):
    def note(self, text: str) -> None:
        note(text)


class Lines(_Noting):
    """Plain lines."""

    @contextmanager
    def step(self, what: str, total: float | None = None, unit: str = "") -> Iterator[Step]:
        step = _LineStep(what, total, unit)
        yield step
        step.end()


class _LineStep(Step):
    def __init__(self, what: str, total: float | None, unit: str) -> None:
        self.what, self.total, self.unit = what, total, unit
        self.done = 0.0
        self.told = ""
        self.started = self.said = time.monotonic()
        self.lock = threading.Lock()

    def advance(self, amount: float = 1) -> None:
        with self.lock:
            self.done += amount
            now = time.monotonic()
            if now - self.said >= PLAIN_EVERY_S:
                self.said = now
                note(f"{self.what}: {self._line(now)}")

    def tell(self, text: str) -> None:
        self.told = text

    def end(self) -> None:
        now = time.monotonic()
        if now - self.started >= QUIET_S and self.done:
            note(f"{self.what}: {self._line(now)}, done in {now - self.started:.1f} s")

    def _line(self, now: float) -> str:
        rate = self.done / max(now - self.started, 1e-9)
        parts = [_done(self.done, self.total, self.unit)]
        if self.unit:
            parts.append(f"{amount(rate, self.unit)}/s" if self.unit == "bytes" else f"{rate:,.0f}/s")
        if self.total and 0 < self.done < self.total and rate > 0:
            parts.append(f"{(self.total - self.done) / rate:,.0f} s left")
        if self.told:
            parts.append(self.told)
        return ", ".join(parts)


class Terminal(_Noting):
    """A rich bar for each piece of work; they go when it is done."""

    def __init__(self) -> None:
        self.bars: Bars | None = None
        self.open = 0

    def note(self, text: str) -> None:
        if self.bars is not None:
            self.bars.console.print(f"mslt: {text}", markup=False, highlight=False)
        else:
            note(text)

    @contextmanager
    def step(self, what: str, total: float | None = None, unit: str = "") -> Iterator[Step]:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
        from rich.text import Text

        class Amount(ProgressColumn):
            def render(self, task: Task) -> Text:
                unit = task.fields["unit"]
                rate = f", {amount(task.speed, unit)}/s" if task.speed and unit else ""
                told = f", {task.fields['told']}" if task.fields["told"] else ""
                return Text(
                    _done(task.completed, task.total, unit) + rate + told if task.completed or task.total else ""
                )

        if self.bars is None:
            columns: list[Any] = [TextColumn("{task.description}"), BarColumn(), Amount(), TimeRemainingColumn()]
            self.bars = Progress(*columns, console=Console(stderr=True), transient=True)
            self.bars.start()
        self.open += 1
        task = self.bars.add_task(what, total=total, unit=unit, told="")
        try:
            yield _BarStep(self.bars, task)
        finally:
            self.bars.remove_task(task)
            self.open -= 1
            if not self.open:
                self.bars.stop()
                self.bars = None


class _BarStep(Step):
    def __init__(self, bars: Bars, task: Any) -> None:
        self.bars, self.task = bars, task

    def advance(self, amount: float = 1) -> None:
        self.bars.advance(self.task, amount)

    def tell(self, text: str) -> None:
        self.bars.update(self.task, told=text)
