"""What the words of a file's path say: its language and its split."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from pathlib import PurePosixPath
from typing import NamedTuple

from mslt_cli.tasks.task import SPELLINGS, Task

WORDS = {
    "ace", "am", "an", "arc", "as", "ast", "bar", "be", "cat", "div", "ext", "fin", "fur", "hat", "he", "hi",
    "id", "in", "io", "is", "it", "kin", "la", "man", "mar", "may", "me", "min", "ms", "my", "nap", "new", "no",
    "not", "or", "pan", "per", "san", "sin", "so", "sun", "tam", "tel", "to", "top", "vol", "war",
}  # fmt: skip
"""Codes of languages that are words of file names as well: my_train.tsv need not be Burmese."""
NEUTRAL = frozenset(("data", "dataset", "corpus", "part", "shard", "of", "ner", "pos", "nli", "panx", "ud"))
"""Words of file names that say nothing beside a language."""
ARCHIVE = re.compile(r"\.(zip|tgz|tar(\.(gz|bz2|xz))?)$", re.IGNORECASE)
TAG = re.compile(
    r"([-_](?i:arab|beng|cyrl|deva|ethi|geor|grek|gujr|guru|hang|hani|hans|hant|hebr|jpan|khmr|knda|kore|laoo|latn|mlym|"
    r"mymr|orya|sinh|taml|telu|thai|tibt))?([-_](?P<region>[a-zA-Z]{2}|[0-9]{3}))?"
)
"""What may follow a language in a folder or file that is called by a tag: script and region."""


class Part(NamedTuple):
    """A code in a folder's or file's name, with what stands around it in the path."""

    code: str
    name: str
    before: str
    after: str
    around: tuple[str, str]
    """The folders before the name, and the names behind it."""
    is_file: bool

    @property
    def rest(self) -> list[str]:
        return re.findall(r"[^\W_]+", f"{self.before} {self.after}")


class PathReader:
    """Reads languages and splits of a task from the paths of files.

    A short code (de, deu) is a language where it is a whole name of a folder or file, where all other words of the name
    are the task's own (splits, its name), or where files are called alike but for it: reviews_de.csv, reviews_fr.csv.
    Else it counts if the user asks for that language.
    """

    def __init__(self, task: Task, paths: Sequence[str], asked: Sequence[str]) -> None:
        self.paths = [path.removesuffix(".gz").removesuffix(".GZ") for path in paths]
        self.asked = asked
        self.codes = {word.casefold(): iso for iso, codes in task.languages.items() for word in (iso, *codes)}
        self.codes |= dict.fromkeys(map(str.casefold, task.left_out), "")
        self.splits = dict.fromkeys(chain.from_iterable(SPELLINGS.values()), "")
        self.splits |= {word.casefold(): split for split in task.splits for word in task.spellings_of(split)}
        self._name = set(_words(task.name))
        own = [*task.layouts, *((task.hub.path, task.hub.repository) if task.hub else ())]
        self._known = {*NEUTRAL, *self._name, *chain.from_iterable(map(_words, [*own, *self.splits]))} - {*self.codes}

    def split(self, path: str) -> str | None:
        """The split whose word is in the part nearest to the file's name, "" if it is none of the task's.

        None: no part has a word of a split, or the nearest has several.
        """
        for *_, name in _parts(path.casefold().removesuffix(".gz")):
            if found := _longest(name, self.splits):
                return self.splits[found[0]] if len(found) == 1 else None
        return None

    def language(self, path: str) -> str | None:
        """The language that the part nearest to the file's name is sure of, "" if the task leaves it out."""
        asked = None
        for parts in self._found(path):
            languages = {self.codes[part.code] for part in parts}
            if len(languages) > 1 and not any(map(self._is_tag, parts)):
                if all(self._is_known(word) or word in self.codes for word in parts[0].rest):
                    return None  # en-de
                continue
            if sure := next(filter(self._is_sure, parts), None):
                return self.codes[sure.code]
            language = languages.pop()
            asked = asked or (language if language in self.asked else None)
        return asked

    def unsure(self, path: str) -> list[str]:
        """The words of a path that may be languages."""
        return [part.code for parts in self._found(path) for part in parts]

    def _found(self, path: str) -> Iterator[list[Part]]:
        """The codes of each part of a path, the file's name first; parts without any are left out."""
        path = path.removesuffix(".gz").removesuffix(".GZ")
        for above, below, name in _parts(path):
            codes = _longest(name.casefold(), self.codes)
            if codes:
                spans = [(code, re.search(_as_word(code), name.casefold())) for code in codes]
                yield [
                    Part(code, name, name[: at.start()], name[at.end() :], (above, below), not below)
                    for code, at in spans
                    if at
                ]

    def _is_known(self, word: str) -> bool:
        word = word.casefold()
        return word in self._known or bool(re.fullmatch(r"v?[0-9]+", word))

    def _is_sure(self, part: Part) -> bool:
        """Whether a code cannot well be anything else than a language."""
        if len(part.code) > 3 or not part.rest or self._is_tag(part):
            return True
        is_word = part.code in WORDS
        if is_word and part.after and (not part.before or {*_words(part.before)} - self._name):
            return self._is_in_series(part) and part.is_file
        same = [word for word, iso in self.codes.items() if iso == self.codes[part.code]]
        return all(self._is_known(word) or word.casefold() in same for word in part.rest) or self._is_in_series(part)

    def _is_tag(self, part: Part) -> bool:
        """Whether the whole name is a tag: zh-Hans, de-DE, pt_BR; en-de is none, nor is no-go."""
        if part.before or not (match := TAG.fullmatch(part.after)):
            return False
        region = match["region"] or part.code
        if region.isupper():
            return part.name.startswith(part.code)
        return region in (part.code, region.upper()) or (part.code not in WORDS and region not in self.codes)

    def _is_in_series(self, part: Part) -> bool:
        return len(self._series[self._skeleton(part)]) > 1

    @cached_property
    def _series(self) -> dict[str, set[str]]:
        """The languages of paths that differ in nothing else (but their splits)."""
        series: dict[str, set[str]] = defaultdict(set)
        for path in self.paths:
            for part in chain.from_iterable(self._found(path)):
                if part.is_file or part.code not in WORDS:
                    series[self._skeleton(part)].add(self.codes[part.code])
        return series

    def _skeleton(self, part: Part) -> str:
        text = f"{part.around[0]}/{part.before}{{}}{part.after}/{part.around[1]}".casefold()
        return re.sub("|".join(map(_as_word, self.splits)), "*", text)


def _parts(path: str) -> Iterator[tuple[str, str, str]]:
    """The file's name without its suffix, then the folders, nearest first; each after what is above and below it."""
    *folders, name = path.split("/")
    yield "/".join(folders), "", PurePosixPath(name).stem
    for i in reversed(range(len(folders))):
        yield "/".join(folders[:i]), "/".join([*folders[i + 1 :], name]), ARCHIVE.sub("", folders[i])


def _as_word(word: str) -> str:
    """A word has no letter or digit before it and no letter after it."""
    return rf"(?<![a-z0-9]){re.escape(word)}(?![a-z])"


def _longest(name: str, meanings: Mapping[str, str]) -> list[str]:
    """The words of a name that mean something. The longest reading counts: zh-yue is not zh."""
    words = [word for word in meanings if word in name and re.search(_as_word(word), name)]
    return [word for word in words if not any(word != other and word in other for other in words)]


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.casefold())
