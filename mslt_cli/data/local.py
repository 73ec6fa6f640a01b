"""Which files of a folder hold which language and split of a task."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from mslt_cli.data.formats import READABLE, Source, sources_in
from mslt_cli.errors import DataError
from mslt_cli.tasks.task import SPELLINGS, Task

NOT_DATA = re.compile(
    r"(.*/)?licen[cs]es?/.*"
    r"|(.*/)?(licen[cs]e|readme|copying|notice|changelog)(?![a-z])[^/]*"
    r"|(.*/)?(manifest|citation|dataset_infos?|dataset_dict|state)\.[a-z]+",
    re.IGNORECASE,
)
"""Files that lie beside data."""
ALL_SPLIT_WORDS = frozenset(word for words in SPELLINGS.values() for word in words)


@dataclass(frozen=True)
class _File:
    source: Source
    path: str
    """From the folder that the user points to."""
    language: str | None
    """ISO 639-3 code, None where the path names none; empty for a code that the task leaves out."""
    split: str | None
    """One of the task's; None where the path names none; empty for one that the task lacks."""


class Folder:
    """The data files that a user points to with --from, or that a task of the user's own names.

    Patterns of the data set's own layout come first. Then names are read: the language is its code in the path part
    nearest to the file's name, the split likewise.

    Args:
        path: a folder, a file or an archive; what is above it says nothing of language and split. None = where a task
            of the user's own says.
        task: whose data they are. The pattern of a user's own task is followed to the letter.
        language: what files hold whose path names no language: the only one that is asked for.
        split: likewise.

    Raises:
        DataError: there is nothing at the path, or no data file in it.
    """

    def __init__(self, path: Path | None, task: Task, *, language: str | None = None, split: str | None = None) -> None:
        given = f"--from {path}" if path is not None else f"{task.file}: {task.folder}"
        path = path if path is not None else Path(task.folder)
        if not path.exists():
            raise DataError(f"{given} does not exist.")
        if not task.folder and (path / task.name).is_dir():
            path = path / task.name
        self.path, self.task = path, task
        # A folder that is called by a language's code alone holds that language, whatever is asked for.
        around = path if path.is_dir() else path.parent
        called = next((iso for iso, codes in task.languages.items() if around.name in (iso, *codes)), None)
        self.language = called or (next(iter(task.languages)) if len(task.languages) == 1 else language)
        self.split = task.splits[0] if len(task.splits) == 1 else split
        self._codes = {word.casefold(): iso for iso, codes in task.languages.items() for word in (iso, *codes)}
        self._words = {word: split for split in task.splits for word in task.spellings_of(split)}
        files = [self._file(source) for source in sources_in(path)]
        self.files = [file for file in files if task.folder or not NOT_DATA.fullmatch(file.path)]
        if not self.files:
            raise DataError(f"{given} has no data file: none ends in {', '.join(READABLE)}.")
        layouts = (*task.layouts, *([task.hub.path] if task.hub is not None else []))
        self._layouts = [self._laid_out(layout) for layout in layouts]

    def find(self, language: str | None, split: str) -> list[Source]:
        """The files of one language and split, sorted; empty if there are none.

        Args:
            language: ISO 639-3 code; None = files whose paths name no language. They may hold several, and say so in a
                column.
            split: one of the task's.

        Raises:
            DataError: two files seem to hold the same.
        """
        found = next((files[language, split] for files in self._layouts if (language, split) in files), [])
        if not found and not self.task.folder:
            files = [file for file in self.files if file.language == language]
            found = [file.source for file in files if file.split == split]
            if not found and split == self.split:
                alone = len(self.task.splits) == 1  # whatever the files are called
                found = [file.source for file in files if alone or file.split is None]
        return _distinct(found)

    @cached_property
    def languages(self) -> list[str]:
        """Those of the task's languages that the paths of files name, by their ISO 639-3 codes."""
        return [iso for iso in self.task.languages if any(self.find(iso, split) for split in self.task.splits)]

    def _file(self, source: Source) -> _File:
        base = self.path.as_posix() if self.path.is_dir() else self.path.parent.as_posix()
        path = source.inner.removeprefix(base).lstrip("/")
        parts = [source.stem, *(part.casefold() for part in reversed(PurePosixPath(path).parts[:-1]))]
        language = _nearest(parts, {**self._codes, **dict.fromkeys(self.task.left_out, "")})
        return _File(source, path, language, _nearest(parts, {**dict.fromkeys(ALL_SPLIT_WORDS, ""), **self._words}))

    def _laid_out(self, layout: str) -> dict[tuple[str | None, str], list[Source]]:
        """The files that match a pattern, by language (None where the pattern has none) and split."""
        text = re.escape(layout).replace(r"\*\*", ".*").replace(r"\*", "[^/]*")
        for group, words in (("lang", self._codes), ("split", self._words)):
            first, *others = text.split(rf"\{{{group}\}}")
            any_of = "|".join(map(re.escape, sorted(words)))
            text = first + "".join(
                (f"(?P={group})" if i else f"(?P<{group}>{any_of})") + other for i, other in enumerate(others)
            )
        # A task of the user's own says the whole path from its folder on.
        pattern = re.compile(rf"{'^' if self.task.folder else '(?:^|/)'}{text}(?:\.gz)?$", re.IGNORECASE)
        found: dict[tuple[str | None, str], list[Source]] = {}
        for file in self.files:
            if match := pattern.search(file.path):
                named = match.groupdict()
                language = self._codes[named["lang"].casefold()] if "lang" in named else None
                split = self._words[named["split"].casefold()] if "split" in named else self.task.splits[0]
                found.setdefault((language, split), []).append(file.source)
        return found


def _distinct(found: Sequence[Source]) -> list[Source]:
    """Refuse files of one name: another format, or a machine translation in a folder beside."""
    by_name: dict[str, Source] = {}
    for source in found:
        if (other := by_name.setdefault(source.stem, source)) != source:
            raise DataError(f"{other.name} and {source.name} seem to hold the same. Keep one, or point --from at one.")
    return list(found)


def _nearest(parts: Iterable[str], known: Mapping[str, str]) -> str | None:
    """What the word in the first part that has any stands for; None if it has several, or no part has one.

    Words stand between other signs than letters and digits, and the longest reading counts: zh-yue is not zh.
    """
    for part in parts:
        found = [
            word
            for word in known
            if word in part and re.search(rf"(?<![a-z0-9]){re.escape(word)}(?![a-z])", part) is not None
        ]
        longest = [word for word in found if not any(word != other and word in other for other in found)]
        if longest:
            return known[longest[0]] if len(longest) == 1 else None
    return None
