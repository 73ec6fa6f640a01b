"""Whether equal ids of an aligned task are the same item: all languages have ids or none, and like labels."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import pairwise

from mslt_cli.data.prepared import Record, load
from mslt_cli.errors import DataError
from mslt_cli.tasks.task import Rows, Task

MOST_UNLIKE = 0.1
"""Share of items with other labels above which equal ids are not the same item; a few may be a translation's faults."""
ADVICE = (
    "Give all languages the same ids, or none and the same rows; or take a task of your own without `aligned` "
    "(docs/reference/tasks.md) if they are no translations."
)


def require_alike(task: Task, records: Sequence[Record]) -> None:
    """Raise where made-up ids would pair the rows of two languages (in one split) that are no translations.

    DataError: one has ids and another has none, or they have none and unequal numbers of rows.
    """
    known = [record for record in records if record.numbered is not None] if task.aligned else []
    for one, other in pairwise(known):
        if one.numbered != other.numbered:
            lacking, having = (one, other) if one.numbered else (other, one)
            what = f"the data in {lacking.code} have no ids, and those in {having.code} have"
        elif one.numbered and one.raw_rows != other.raw_rows:
            what = f"there are no ids, and {one.raw_rows:,} rows in {one.code} but {other.raw_rows:,} in {other.code}"
        else:
            continue
        raise DataError(f"{task.name} {one.split}: {what}, so which are translations cannot be told. {ADVICE}")


class Alignment:
    """The languages of an aligned task that were read so far, each compared with the first of its split."""

    def __init__(self, task: Task, cached: Iterable[Record]) -> None:
        self.task = task
        self.first: dict[str, Record] = {}
        self._labels: dict[str, Rows] = {}
        self._unlike: dict[str, list[str]] = defaultdict(list)
        self._apart: dict[str, list[str]] = defaultdict(list)
        for record in sorted(cached, key=lambda record: record.numbered is None):
            self.first.setdefault(record.split, record)

    def add(self, record: Record, frame: Rows) -> None:
        """Compare a language; DataError: its rows cannot be paired with the first one's, or are not the same items."""
        if not self.task.aligned:
            return
        first = self.first.setdefault(record.split, record)
        require_alike(self.task, [first, record])
        if "label" not in frame.columns:
            return
        if record.split not in self._labels and first is not record:
            with suppress(DataError):  # a damaged one is told of when it is used
                self._labels[record.split] = load(self.task, first)
        mine = frame.select("id", "label")
        both = mine.join(self._labels.setdefault(record.split, mine).select("id", first="label"), on="id")
        if not both.height:
            self._apart[record.split].append(record.code)
        unlike = both.filter(both["label"] != both["first"])
        what = f"{unlike.height:,} of {both.height:,} in {record.code} (first: id {unlike['id'].first()!s})"
        if unlike.height > MOST_UNLIKE * both.height:
            what = f"{self.task.name} {record.split}: equal ids have other labels than in {first.code}: {what}"
            raise DataError(f"{what}, so they are not the same items. {ADVICE}")
        if unlike.height:
            self._unlike[record.split].append(what)

    def notes(self) -> Iterator[str]:
        """Notes on each split where some translations have other labels, or languages have no id in common."""
        for split, codes in self._apart.items():
            first = self.first[split].code
            what = f"no id of {', '.join(codes)} is one of {first}, so that no row is taken for a translation"
            yield f"{self.task.name} {split}: {what}. If they are, write their ids alike."
        for split, unlike in self._unlike.items():
            first = self.first[split].code
            yield f"{self.task.name} {split}: translations have other labels than in {first}: {'; '.join(unlike)}."
