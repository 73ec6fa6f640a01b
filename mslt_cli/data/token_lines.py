"""Lines of a token and its tag → sentences: which columns hold the two, what is a comment, and what fits nowhere."""
# ruff: noqa: TID253

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import polars as pl

from mslt_cli.errors import DataError

Line = tuple[int, str]
"""A line with its number from 1."""
TEXTS = pl.List(pl.String())
COLUMNS = {"tokens": TEXTS, "tags": TEXTS}
TAB, BLANKS = re.compile("\t"), re.compile("[ \t]+")
"""What separates columns. With tabs a token may hold blanks."""
COMMENT = re.compile(r"#(\s|.*[\s=])")
"""How comments above a sentence begin: `# text = …`, `#id=4`; a hashtag without its tag is none."""
HEADER = ({"token", "word", "form"}, {"tag", "label", "ner", "ner_tag", "pos", "upos", "iob", "bio"})
"""The words, in singular, that a first line without a tag of the task's names its columns by."""
PART = re.compile(r"\d+[-.]\d+")
"""The number of a range of words (1-2), or of a word that is not in the text (3.1)."""


@dataclass(frozen=True)
class Tagging:
    """What is known of lines of tokens and tags before they are read."""

    tokens: Collection[str] = ()
    tags: Collection[str] = ()
    """The names that the columns of tokens and labels may have in a header."""
    names: Collection[str] = ()
    """The task's tags in every scheme; empty = any."""
    numbers: Collection[str] = ()
    """The numbers that stand for its tags."""
    token: int = 0
    tag: int = 0
    """Columns from 1; 0 = the content tells."""
    tokenless: bool = False
    """Whether a line may have a tag alone: that of an empty token."""

    def is_header(self, cells: Collection[str]) -> bool:
        """Whether the cells of a file's first line name its columns."""
        return sum(cell in (*self.tokens, *self.tags) for cell in cells) > 1

    def knows(self, tag: str) -> bool:
        return not self.names or tag.strip() in self.names or tag.strip() in self.numbers


def read_token_lines(name: str, text: str, tagging: Tagging) -> pl.DataFrame:
    """Read lines of a token and its tag, with an empty line between sentences.

    What most lines have, a tab or blanks, separates the columns, and every line has to fit it. The column of tags is
    the one that holds the task's; a column that numbers the words is skipped.

    Raises:
        DataError: a line has no tag, no token or other columns than most lines, or two columns could be the tags.
    """
    return _Reader(name, list(sentence_lines(text)), tagging).read()


def read_token_table(
    name: str, rows: Sequence[tuple[int, list[str]]], header: Sequence[str], tagging: Tagging
) -> pl.DataFrame | None:
    """The sentences of a table with a token and its tag in each row, and empty rows between them.

    None if it is no such table: its rows are sentences.

    Raises:
        DataError: nothing ends a sentence, or a row has no token.
    """
    places = [
        next((header.index(name) for name in names if name in header), -1) for names in (tagging.tokens, tagging.tags)
    ]
    if min(places) < 0:
        return None
    token, tag = places
    filled = [cells for _, cells in rows if any(cells)]
    if not tagging.names or len(filled) < 2 or not all(len(c) > max(places) and tagging.knows(c[tag]) for c in filled):
        return None
    if len(filled) == len(rows):
        raise DataError(f"{name} has one token in each row and nothing between sentences. Put an empty line there.")
    sentences = []
    for is_filled, group in groupby(rows, lambda row: any(row[1])):
        words = [*group] if is_filled else []
        for number, cells in words:
            if not cells[token]:
                raise DataError(f"Line {number} of {name} has a tag and no token.")
        if words:
            sentences.append(([cells[token] for _, cells in words], [cells[tag].strip() for _, cells in words]))
    return pl.DataFrame(sentences, COLUMNS, orient="row")


def sentence_lines(text: str) -> Iterator[list[Line]]:
    """The lines of each sentence; an empty line ends it, and so does a new document (CoNLL-2003)."""
    lines = [(number, line.rstrip("\r")) for number, line in enumerate(text.split("\n"), start=1)]
    for ends, block in groupby(lines, lambda line: not line[1].strip() or line[1].startswith("-DOCSTART-")):
        if not ends:
            yield list(block)


def _is_number(cell: str) -> bool:
    """Whether a cell may number a word: `int` refuses what has thousands of digits."""
    return cell.isdecimal() and len(cell) < 10


class _Reader:
    """One file of tokens and tags: how its lines are written, and its sentences."""

    def __init__(self, name: str, blocks: list[list[Line]], tagging: Tagging) -> None:
        self.name, self.tagging = name, tagging
        self.blocks = [[(number, line.rstrip(" \t")) for number, line in block] for block in blocks]
        if self.blocks and self._is_header(self.blocks[0][0][1]):
            del self.blocks[0][0]
        lines = [line for block in self.blocks for _, line in block]
        words = [line for line in lines if not line.startswith("#")] or lines
        self.separator = TAB if 2 * sum("\t" in line for line in words) >= len(words) else BLANKS
        rows = [self.separator.split(line) for line in words]
        tagged = [cells for cells in rows if len(cells) > 1 and tagging.knows(cells[-1])]
        widths = Counter(map(len, rows)).most_common() or [(0, 0)]
        self.width = next((width for width, _ in widths if width > 1 or not tagged), 1)
        self.columns = list(zip(*(cells for cells in rows if len(cells) == self.width), strict=True))
        self.first = 0
        """The first column that neither counts the words nor names the sentence or document."""
        self.number: int | None = None
        while self.first < self.width - 2 and (steps := self._steps(self.first)) != "words":
            self.number = self.first if steps == "numbers" else self.number
            self.first += 1
        self.token, self.tag = tagging.token - 1, tagging.tag - 1
        if not tagging.tag and self.width > 1:
            self.token, self.tag = self._find_columns()

    def read(self) -> pl.DataFrame:
        if self.width == 1:
            raise DataError(f"{self.name} has tokens and no tags: its labels were taken out (XTREME does so for test).")
        sentences = []
        for block in self.blocks:
            tokens: list[str] = []
            tags: list[str] = []
            last = 0
            for number, line in block:
                cells = self._cells(line)
                if cells is None and not tokens and COMMENT.match(line):
                    continue
                bare = cells is not None and not cells[self.token] and not self.tagging.tokenless
                if cells is None or bare or not cells[self.tag].strip():
                    raise DataError(f"Line {number} of {self.name} {self._what_is_wrong(line)}.")
                if self.number is not None:
                    place = cells[self.number]
                    if PART.fullmatch(place):
                        continue
                    if tokens and int(place) != last + 1:
                        what = f"has the number {place} after {last}: a line is missing, perhaps an empty one"
                        raise DataError(f"Line {number} of {self.name} {what}.")
                    last = int(place)
                tokens.append(cells[self.token].strip(" ") or cells[self.token])
                tags.append(cells[self.tag].strip())
            if tokens:
                sentences.append((tokens, tags))
        return pl.DataFrame(sentences, COLUMNS, orient="row")

    def _is_header(self, line: str) -> bool:
        cells = BLANKS.split(line)
        words = {cell.lower().removesuffix("s") for cell in cells}
        return all(words & names for names in HEADER) and not any(map(self.tagging.knows, cells))

    def _cells(self, line: str) -> list[str] | None:
        """The columns of a line; None if it does not fit the file."""
        cells = self.separator.split(line)
        if line.startswith("#"):
            fits = len(cells) == self.width and self.tagging.knows(cells[self.tag]) and self.number is None
            return cells if fits else None
        place = cells[self.number] if self.number is not None and len(cells) > self.number else "1"
        if not _is_number(place) and not PART.fullmatch(place):
            return None
        if len(cells) == self.width and max(self.token, self.tag) < self.width:
            return cells
        if self.tagging.tokenless and len(cells) == 1 and self.width == 2 and self.tagging.knows(line):
            return ["", line]
        if self.separator is TAB:  # further columns may be empty; two tabs may stand for one, or blanks for a tab
            ways = (cells, [cell for cell in cells if cell], [] if "\t" in line else BLANKS.split(line))
            for way in ways:
                fits = len(way) == self.width or (way is cells and self.width > 2)
                if (
                    fits
                    and len(way) > max(self.token, self.tag)
                    and way[self.tag]
                    and self.tagging.knows(way[self.tag])
                ):
                    return way
        return None

    def _what_is_wrong(self, line: str) -> str:
        cells = self.separator.split(line)
        if COMMENT.match(line):
            return "is a comment between the words of a sentence"
        if not cells[0]:
            return "has a tag and no token"
        if len(cells) == 1 or (len(cells) > self.tag and not cells[self.tag].strip()):
            glued = [tag for tag in self.tagging.names if "-" in tag and line.endswith(tag)]
            hint = f" ({glued[0]} seems to be glued to it)" if glued else ""
            return f"has {cells[max(self.token, 0)][:40]!r} and no tag{hint}, while other lines have one"
        if len(cells) != self.width:
            separated = "tabs" if self.separator is TAB else "blanks"
            return f"has {len(cells)} fields where most lines have {self.width}, separated by {separated}"
        if max(self.token, self.tag) >= self.width:
            return (
                f"has {self.width} fields, and the task has the token in {self.token + 1} and the tag in {self.tag + 1}"
            )
        return f"begins with {cells[0][:40]!r} where other lines have the number of the word"

    def _steps(self, place: int) -> str:
        """What a column holds from line to line: the numbers of the words, one and the same name, or words."""
        rows = [[self.separator.split(line) for _, line in block if line[0] != "#"] for block in self.blocks]
        columns = [[cells[place] for cells in block if len(cells) > place] for block in rows]
        pairs = [pair for column in columns for pair in pairwise(cell for cell in column if not PART.fullmatch(cell))]
        counts = [_is_number(before) and _is_number(after) and int(after) == int(before) + 1 for before, after in pairs]
        if not pairs:  # every sentence is one word
            return "numbers" if {cell for column in columns for cell in column} == {"1"} else "words"
        if sum(counts) > 0.9 * len(pairs):
            return "numbers"
        return "names" if sum(before == after for before, after in pairs) > 0.9 * len(pairs) else "words"

    def _find_columns(self) -> tuple[int, int]:
        """Where the token and its tag stand, from 0."""
        token, last, is_numbered = self.first, self.width - 1, self.number is not None
        places = range(token + 1, self.width)
        for known in (self.tagging.names, self.tagging.numbers):
            hits = [sum(cell.strip() in known for cell in column) / len(column) for column in self.columns]
            likely = [i for i in places if hits[i] >= 0.5]
            telling = [i for i in likely if {cell.strip() for cell in self.columns[i]} & {*known} - {"O", "0"}]
            if not telling and likely:
                return token, likely[0] if is_numbered else max(likely, key=lambda i: (hits[i], i))
            if telling and (is_numbered or len({self.columns[i] for i in telling}) == 1):
                return token, telling[0]
            if telling:
                several = " and ".join(str(i + 1) for i in telling)
                raise DataError(
                    f"{self.name} has tags in the columns {several}. Say which are meant in the file of a task of your "
                    f"own: columns = {{token = {token + 1}, tag = {telling[0] + 1}}}."
                )
            if hits[0] > 0.9 and self.width == 2:  # the tag stands first
                return 1, 0
        return token, last
