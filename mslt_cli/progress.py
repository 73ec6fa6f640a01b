"""What a long piece of work tells whoever waits for it. By itself it tells nothing; commands show it on stderr."""

from collections.abc import Iterator
from contextlib import contextmanager


class Step:
    """A piece of work under way; safe to use from several threads."""

    def advance(self, amount: float = 1) -> None:
        """So much more is done."""

    def tell(self, text: str) -> None:
        """How it stands: shown beside the amount."""


class Progress:
    """Hears of pieces of work; this one says nothing. `show/bars.py` has those that do."""

    @contextmanager
    def step(self, what: str, total: float | None = None, unit: str = "", done: int = 0) -> Iterator[Step]:
        """A piece of work, from the start of the block to its end.

        Args:
            what: "download xnli".
            total: how many units it has, if known.
            unit: "bytes", "sentences"; rates are shown in it.
            done: how many of them were done before this process; they take no part in rates.
        """
        yield Step()

    def note(self, text: str) -> None:
        """Something that the user should know: what went wrong, was left out or was read in a way of its own."""

    def remark(self, text: str) -> None:
        """How the work goes on; left out where quiet was asked for."""
        self.note(text)


QUIET = Progress()
SILENT = Step()


def readable_time(seconds: float) -> str:
    """ "40 s", "12 min", "3.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
