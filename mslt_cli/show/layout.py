"""How a table fits a terminal: columns are left out, wrapped or moved below, and no word is broken."""

from collections.abc import Mapping, Sequence
from math import ceil

from rich.cells import cell_len

from mslt_cli.reports.cells import Column

GAP = 3
"""Characters between two columns."""
MOST_LINES = 4
"""About so many lines a cell may take before columns are moved into a block below."""
Widths = Mapping[Column, int]
"""Characters of each column."""


def lay_out(texts: Mapping[Column, Sequence[str]], room: int) -> list[dict[Column, int]]:
    """Columns in blocks that fit into so many characters, each column with its width.

    What does not fit side by side is, in this order: left out, if it is spare, the last first; wrapped between words,
    but for numbers; moved into a block below, beside the columns that say what a row is. A table with labels is cut
    before it is wrapped.

    Args:
        texts: by column its heading, then its cells.
    """
    natural = {column: max(map(cell_len, cells)) for column, cells in texts.items()}
    words = {column: max(map(cell_len, _unbroken(column, cells))) for column, cells in texts.items()}
    least = {column: max(width, ceil(natural[column] / MOST_LINES)) for column, width in words.items()}
    columns, labels, needed = [*texts], [column for column in texts if column.label], natural
    if not labels:
        columns, needed = _without_spare(natural, least, room), least
        # What a row is, the columns say up to the first one of words: its rank and its languages.
        labels = columns[: 1 + next((i for i, column in enumerate(columns) if not column.right), 0)]
    if _total(columns, needed) <= room:
        return [_fit(columns, natural, (needed,), room)]
    others = [column for column in columns if column not in labels]
    if needed is least or any(_total([*labels, column], natural) > room for column in others):
        needed = least | {column: max(least[column], min(natural[column], room // 3)) for column in labels}
    blocks: list[list[Column]] = []
    for column in others:
        if not blocks or _total([*blocks[-1], column], needed) > room:
            blocks.append([*labels])
        blocks[-1].append(column)
    return [_fit(block, natural, (least, words), room) for block in blocks or [labels]]


def _unbroken(column: Column, cells: Sequence[str]) -> list[str]:
    """What is kept whole of a heading and its cells: words, and in a column of numbers whole cells."""
    heading, *values = cells
    return heading.split() + (values if column.right else [word for text in values for word in text.split()]) or [""]


def _total(columns: Sequence[Column], widths: Widths) -> int:
    return sum(widths[column] for column in columns) + GAP * (len(columns) - 1)


def _without_spare(natural: Widths, least: Widths, room: int) -> list[Column]:
    """The columns that are kept: without so many of the spare ones that nothing is wrapped.

    Where even that does not do, the texts are wrapped, and as many spare ones are kept as then fit, from the first on.
    """
    kept, spare = [*natural], [column for column in natural if column.spare]
    for column in (None, *reversed(spare)):
        kept = [x for x in kept if x is not column]
        if _total(kept, natural) <= room:
            return kept
    for column in spare:
        more = [x for x in natural if x in kept or x is column]
        kept = more if _total(more, least) <= room else kept
    return kept


def _fit(columns: Sequence[Column], natural: Widths, floors: Sequence[Widths], room: int) -> dict[Column, int]:
    """The widths of columns side by side: the widest are narrowed first, and below all floors only in need."""
    none = dict.fromkeys(columns, 1)
    for floor, most in (*((floor, natural) for floor in floors), (none, floors[-1])):
        for cap in range(room, 0, -1):
            widths = {x: max(floor[x], min(most[x], cap)) for x in columns}
            if _total(columns, widths) <= room:
                return widths
    return none
