"""Which files of a folder hold which language and split of a task."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from mslt_cli.errors import DataError
from mslt_cli.fetching.formats import Source, sources_in
from mslt_cli.tasks.base import SPELLINGS, Task, spellings_of

NOT_DATA = re.compile(r"licen[cs]e|readme|manifest|citation", re.IGNORECASE)
ALL_SPLIT_WORDS = frozenset(word for words in SPELLINGS.values() for word in words)


class Folder:
    """The data files that a user points to with --from.

    Raises:
        DataError: there is nothing at the path, or no data file in it.
    """

    def __init__(self, path: Path, task: Task) -> None:
        if path.is_dir() and (path / task.name).is_dir():
            path = path / task.name
        self.path = path
        self.task = task
        self.files = [source for source in sources_in(path) if not NOT_DATA.search(self._relative(source))]
        if not self.files:
            raise DataError(f"--from {path} has no data file: none ends in .parquet, .jsonl, .csv, .tsv or .conllu.")

    def find(self, language: str, split: str) -> list[Source]:
        """The files of one language and split, sorted; empty if there are none.

        Patterns of the data set's own layout come first. Then names are read: the language is its code in the path
        part nearest to the file's name, the split likewise. A file without a language in its path may hold several.

        Raises:
            DataError: two files that differ in their suffix alone hold the same.
        """
        codes = [*self.task.languages[language], language]
        words = spellings_of(split)
        for layout in self._layouts():
            pattern = _pattern(layout, codes, words)
            if found := [source for source in self.files if pattern.search(source.inner)]:
                return self._checked(found)
        alone = len(self.task.splits) == 1
        ours = [(source, self._split(source)) for source in self.files if self._language(source) in codes]
        if not ours:
            ours = [(source, self._split(source)) for source in self.files if self._language(source) is None]
        found = [source for source, word in ours if word in words]
        if not found and alone:
            found = [source for source, _ in ours]
        if not found and self.path.is_file() and len(self.files) == 1:
            found = self.files
        return self._checked(found)

    def languages(self) -> list[str]:
        """Those of the task's languages that some file names, by their ISO 639-3 codes."""
        named = {self._language(source) for source in self.files}
        return [iso for iso, codes in self.task.languages.items() if named & {iso, *codes}]

    def _layouts(self) -> Iterable[str]:
        yield from self.task.layouts
        if self.task.hub is not None:
            yield self.task.hub.path

    def _relative(self, source: Source) -> str:
        whole = source.inner
        base = self.path.as_posix() if self.path.is_dir() else self.path.parent.as_posix()
        return whole.removeprefix(base).lstrip("/")

    def _language(self, source: Source) -> str | None:
        codes = {code.casefold(): code for iso, all_ in self.task.languages.items() for code in (iso, *all_)}
        for part in reversed(PurePosixPath(self._relative(source)).parts):
            named = _words_of(part.casefold(), codes)
            if len(named) == 1:
                return codes[named[0]]
            if named:
                return None
        return None

    def _split(self, source: Source) -> str | None:
        known = ALL_SPLIT_WORDS | {word for split in self.task.splits for word in spellings_of(split)}
        for part in reversed(PurePosixPath(self._relative(source)).parts):
            named = _words_of(part.casefold(), known)
            if len(named) == 1:
                return named[0]
            if named:
                return None
        return None

    def _checked(self, found: Sequence[Source]) -> list[Source]:
        stems: dict[str, Source] = {}
        for source in found:
            stem = source.inner.removesuffix(".gz").removesuffix(source.suffix)
            if stem in stems:
                raise DataError(
                    f"{stems[stem].name} and {source.name} seem to hold the same. Keep one, or point --from at one."
                )
            stems[stem] = source
        return list(found)


def _words_of(part: str, known: Iterable[str]) -> list[str]:
    """The known words that stand in a path part between other signs than letters and digits, longest reading first."""
    found = [word for word in known if re.search(rf"(?<![a-z0-9]){re.escape(word)}(?![a-z])", part)]
    return [word for word in found if not any(word != other and word in other for other in found)]


def _pattern(layout: str, codes: Sequence[str], words: Sequence[str]) -> re.Pattern[str]:
    text = re.escape(layout).replace(r"\*\*", ".*").replace(r"\*", "[^/]*")
    text = text.replace(r"\{lang\}", f"(?:{'|'.join(map(re.escape, codes))})")
    text = text.replace(r"\{split\}", f"(?:{'|'.join(map(re.escape, words))})")
    return re.compile(rf"(?:^|/){text}(?:\.gz)?$")
