"""Data in the user's files: which files of a folder hold which language and split of a task, and their rows."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from mslt_cli.data.archives import DataFile, files_in
from mslt_cli.data.columns import languages_in, read_file, to_one_frame
from mslt_cli.data.formats import READABLE, is_readable
from mslt_cli.errors import DataError
from mslt_cli.files import sha256_of
from mslt_cli.tasks.task import SPELLINGS, Task

if TYPE_CHECKING:
    import polars as pl

NOT_DATA = re.compile(
    r"(.*/)?licen[cs]es?/.*"
    r"|(.*/)?(licen[cs]e|readme|copying|notice|changelog)(?![a-z])[^/]*"
    r"|(.*/)?(manifest|citation|dataset_infos?|dataset_dict|state)\.[a-z]+",
    re.IGNORECASE,
)
"""Files beside the data that are no data."""
ALL_SPLIT_WORDS = frozenset(word for words in SPELLINGS.values() for word in words)


@dataclass(frozen=True)
class PlacedFile:
    """A data file, and what its path says of its language and split."""

    file: DataFile
    path: str
    """From the folder that the user points to."""
    language: str | None
    """ISO 639-3 code; None where the path names none, empty for a code that the task leaves out."""
    split: str | None
    """None where the path names none, empty for one that the task lacks."""


class FromFolder:
    """Data in files that the user points to with --from, or that a user's own task names.

    The patterns of the data set's own layout come first. Otherwise, a file's language is the one whose code is in the
    part of the path that is nearest to the file's name, and so is its split. A file whose path names no language may
    say in a column which languages it holds.

    Args:
        task: the pattern of a user's own task is followed to the letter.
        path: a folder, a file or an archive; what is above it names no language and no split. None = where a user's own
            task says.
        languages: ISO 639-3 codes that are asked for. Files that name no language are in the one, if it is only one.
        splits: splits that are asked for, likewise.

    Raises:
        DataError: there is nothing at the path, or no data file in it.
    """

    def __init__(
        self, task: Task, path: Path | None, languages: Sequence[str] = (), splits: Sequence[str] = ()
    ) -> None:
        self.task, self.place = task, "the data set" if path is None else str(path)
        given = f"--from {path}" if path is not None else f"{task.file}: {task.folder}"
        path = path if path is not None else Path(task.folder)
        if not path.exists():
            raise DataError(f"{given} does not exist.")
        if not task.folder and (path / task.name).is_dir():
            path = path / task.name
        self.path = path
        self._codes = {word.casefold(): iso for iso, codes in task.languages.items() for word in (iso, *codes)}
        self._words = {word: split for split in task.splits for word in task.spellings_of(split)}
        # A folder whose name is a language's code holds that language, whatever is asked for.
        around = path if path.is_dir() else path.parent
        named = [iso for iso, codes in task.languages.items() if around.name in (iso, *codes)]
        self.only_language = _only(named) or _only(task.languages) or _only(languages)
        self.only_split = _only(task.splits) or _only(splits)
        files = [self._place(file, around) for file in files_in(path) if is_readable(file)]
        self.files = [file for file in files if task.folder or not NOT_DATA.fullmatch(file.path)]
        if not self.files:
            raise DataError(f"{given} has no data file: none ends in {', '.join(READABLE)}.")
        layouts = task.layouts if task.hub is None else (*task.layouts, task.hub.path)
        self._layouts = [self._match(layout) for layout in layouts]
        self._read = cache(partial(read_file, task))
        """The raw rows of files that may hold several languages, which are read once."""
        self._sha256 = cache(sha256_of)
        self._holding = cache(self._find_holding)

    @property
    def languages(self) -> list[str]:
        """The languages (ISO 639-3) that there are rows in."""
        return [iso for iso in self.task.languages if any(self.has(iso, split) for split in self.task.splits)]

    def has(self, language: str, split: str) -> bool:
        return bool(self._holding(language, split))

    def rows(self, language: str, split: str) -> pl.DataFrame:
        read = partial(read_file, self.task) if self.find(language, split) else self._read
        return to_one_frame(self.task, {file: read(file) for file in self._holding(language, split)}, language)

    def about(self, language: str, split: str) -> dict[str, Any]:
        files = [{"path": f.name, "sha256": self._sha256(f.path)} for f in self._holding(language, split)]
        return {"kind": "folder", "path": str(self.path.resolve()), "files": files}

    def find(self, language: str | None, split: str) -> list[DataFile]:
        """The files whose paths name a language (ISO 639-3; None = those that name none) and a split, sorted.

        Raises:
            DataError: two files have the same name, in two formats or in two folders (one a translation).
        """
        files = next((matched[language, split] for matched in self._layouts if (language, split) in matched), [])
        if not files and not self.task.folder:
            of_language = [file for file in self.files if file.language == language]
            files = [file.file for file in of_language if file.split == split]
            if not files and split == self.only_split:
                any_name = len(self.task.splits) == 1
                files = [file.file for file in of_language if any_name or file.split is None]
        first_of_name: dict[str, DataFile] = {}
        for file in files:
            if (one := first_of_name.setdefault(file.unzipped.stem, file)) != file:
                raise DataError(f"{one.name} and {file.name} seem to hold the same. Keep one, or point --from at one.")
        return files

    @cached_property
    def languages_in_paths(self) -> list[str]:
        """The languages (ISO 639-3) that the paths of files name."""
        return [iso for iso in self.task.languages if any(self.find(iso, split) for split in self.task.splits)]

    def _find_holding(self, language: str, split: str) -> list[DataFile]:
        """The files that hold a language and split, by their paths or by a column."""
        return self.find(language, split) or [f for f in self.find(None, split) if self._holds(f, language)]

    def _holds(self, file: DataFile, language: str) -> bool:
        """Whether a file whose path names no language has rows in this one."""
        languages = languages_in(self.task, self._read(file))
        if languages is not None:
            return language in languages
        if self.languages_in_paths:  # then it is a file beside the data
            return False
        if self.only_language is None:
            raise DataError(
                f"{file.name} does not say which language it holds: neither its path nor a column called "
                f"{' or '.join(self.task.language_column)} does. Name the language with --langs."
            )
        return language == self.only_language

    def _place(self, file: DataFile, around: Path) -> PlacedFile:
        path = file.inner.removeprefix(around.as_posix()).lstrip("/")
        parts = [file.unzipped.stem, *(part.casefold() for part in reversed(PurePosixPath(path).parts[:-1]))]
        return PlacedFile(
            file,
            path,
            language=_nearest(parts, self._codes | dict.fromkeys(self.task.left_out, "")),
            split=_nearest(parts, dict.fromkeys(ALL_SPLIT_WORDS, "") | self._words),
        )

    def _match(self, layout: str) -> dict[tuple[str | None, str], list[DataFile]]:
        """The files that match a pattern, by language (None where the pattern has none) and split."""
        text = re.escape(layout).replace(r"\*\*", ".*").replace(r"\*", "[^/]*")
        for group, words in (("lang", self._codes), ("split", self._words)):
            placeholder, any_word = rf"\{{{group}\}}", "|".join(map(re.escape, sorted(words)))
            text = text.replace(placeholder, f"(?P<{group}>{any_word})", 1).replace(placeholder, f"(?P={group})")
        # A user's own task gives the whole path from its folder on.
        pattern = re.compile(rf"{'^' if self.task.folder else '(?:^|/)'}{text}(?:\.gz)?$", re.IGNORECASE)
        files: dict[tuple[str | None, str], list[DataFile]] = {}
        for file in self.files:
            if match := pattern.search(file.path):
                words = match.groupdict()
                language = self._codes[words["lang"].casefold()] if "lang" in words else None
                split = self._words[words["split"].casefold()] if "split" in words else self.task.splits[0]
                files.setdefault((language, split), []).append(file.file)
        return files


def _only(names: Collection[str]) -> str | None:
    """The only one of some names; None if there are none or several."""
    return next(iter(names)) if len(names) == 1 else None


def _nearest(parts: Iterable[str], meanings: Mapping[str, str]) -> str | None:
    """The meaning of the word in the first part that has one; None if it has several, or no part has one.

    A word has no letter or digit before it and no letter after it. The longest reading counts: zh-yue is not zh.
    """
    for part in parts:
        words = [w for w in meanings if w in part and re.search(rf"(?<![a-z0-9]){re.escape(w)}(?![a-z])", part)]
        longest = [word for word in words if not any(word != other and word in other for other in words)]
        if longest:
            return meanings[longest[0]] if len(longest) == 1 else None
    return None
