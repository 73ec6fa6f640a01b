"""Progress of long work on stderr: a bar with rate and time left on a terminal, a line now and then in a pipe."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mslt_cli.harmless import clean
from mslt_cli.progress import Progress, Step, readable_time
from mslt_cli.show.terminal import as_shown, is_quiet, note

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

PLAIN_EVERY_S = 10.0
"""Seconds between two lines of a piece of work, where there is no terminal."""
QUIET_S = 2.0
"""Shorter work says nothing in a pipe."""
SLOWEST_S = 3600.0
"""A bar has a rate where one unit takes less: two advances are needed within this time."""


def progress() -> Progress:
    """Progress that is shown on stderr."""
    return Notes() if is_quiet() else Terminal() if sys.stderr.isatty() else Lines()


def amount(value: float, unit: str) -> str:
    """ "1.2 MB", "3,400 rows"."""
    return f"{value / 1e6:,.1f} MB" if unit == "bytes" else f"{value:,.0f} {unit}".rstrip()


def _amount_and_rate(done: float, total: float | None, unit: str, rate: float | None) -> str:
    """ "1.2 of 3.4 MB, 0.2 MB/s", "300 of 1,000 rows, 12/s", "15 of 36 steps, 12 s a step"."""
    text = f"{amount(done, unit).split()[0]} of {amount(total, unit)}" if total else amount(done, unit)
    if not unit or not rate:
        return text
    if unit == "bytes":
        return f"{text}, {amount(rate, unit)}/s"
    if rate >= 1:
        return f"{text}, {rate:,.0f}/s"
    each = f"{1 / rate:.1f} s" if rate > 0.1 else readable_time(1 / rate)
    return f"{text}, {each} a {unit.removesuffix('s')}"


class Notes(Progress):
    """Nothing but notes."""

    def note(self, text: str) -> None:
        note(text)

    def remark(self, text: str) -> None:
        """Is left out."""


class Lines(Progress):
    """Plain lines."""

    def note(self, text: str) -> None:
        note(text)

    @contextmanager
    def step(self, what: str, total: float | None = None, unit: str = "", done: int = 0) -> Iterator[Step]:
        self.note_before(what, total, unit, done)
        step = _LineStep(what, total, unit, done)
        yield step
        now = time.monotonic()
        if now - step.started >= QUIET_S and step.done > step.before:
            note(f"{step.line(now)}, done in {now - step.started:.1f} s")

    def note_before(self, what: str, total: float | None, unit: str, done: int) -> None:
        """Say that work goes on where an earlier process left it."""
        if total and 0 < done < total:
            self.note(f"{what} goes on at {done + 1:,.0f} of {amount(total, unit)}")


class _LineStep(Step):
    def __init__(self, what: str, total: float | None, unit: str, done: int) -> None:
        self.what, self.total, self.unit = what, total, unit
        self.done, self.before = float(done), done
        self.status = ""
        self.started = self.last_line = time.monotonic()
        self.lock = threading.Lock()

    def advance(self, amount: float = 1) -> None:
        with self.lock:
            self.done += amount
            now = time.monotonic()
            if now - self.last_line >= PLAIN_EVERY_S:
                self.last_line = now
                note(self.line(now))

    def tell(self, text: str) -> None:
        self.status = text

    def line(self, now: float) -> str:
        """ "embed pud: 55 of 100 sentences, 5/s, 9 s left"."""
        rate = (self.done - self.before) / max(now - self.started, 1e-9)
        text = f"{self.what}: " + _amount_and_rate(self.done, self.total, self.unit, rate)
        if self.total and self.done < self.total and rate > 0:
            text += f", {readable_time((self.total - self.done) / rate)} left"
        return f"{text}, {self.status}" if self.status else text


class Terminal(Lines):
    """A rich bar for each piece of work, which goes when the work is done; rich keeps notes above the bars."""

    def __init__(self) -> None:
        self.bars: Bars | None = None

    @contextmanager
    def step(self, what: str, total: float | None = None, unit: str = "", done: int = 0) -> Iterator[Step]:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
        from rich.text import Text

        class Amount(ProgressColumn):
            def render(self, task: Task) -> Text:
                if not task.completed and not task.total:
                    return Text()
                text = _amount_and_rate(task.completed, task.total, task.fields["unit"], task.speed)
                return as_shown(", ".join(filter(None, (text, task.fields["status"]))))

        if self.bars is None:
            columns: list[Any] = [
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                Amount(),
                TimeRemainingColumn(),
            ]
            console = Console(stderr=True)
            self.bars = Progress(*columns, console=console, transient=True, speed_estimate_period=SLOWEST_S)
            self.bars.start()
        self.note_before(what, total, unit, done)
        task = self.bars.add_task(clean(what), total=total, completed=done, unit=unit, status="")
        try:
            yield _BarStep(self.bars, task)
        finally:
            self.bars.remove_task(task)
            if not self.bars.tasks:
                self.bars.stop()
                self.bars = None


class _BarStep(Step):
    def __init__(self, bars: Bars, task: Any) -> None:
        self.bars, self.task = bars, task

    def advance(self, amount: float = 1) -> None:
        self.bars.advance(self.task, amount)

    def tell(self, text: str) -> None:
        self.bars.update(self.task, status=text)
