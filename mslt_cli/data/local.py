"""Data in the user's files: which files of a folder hold which language and split of a task, and their rows."""

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

from mslt_cli.data.archives import DataFile, files_in
from mslt_cli.data.columns import read_file, to_one_frame
from mslt_cli.data.formats import READABLE, is_readable
from mslt_cli.data.paths import WORDS, PathReader
from mslt_cli.data.places import languages_of_rows, rows_of_split
from mslt_cli.errors import DataError
from mslt_cli.files import sha256_of
from mslt_cli.foreign import why_no_path
from mslt_cli.tasks.task import Rows, Task

NOT_DATA = re.compile(
    r"(.*/)?licen[cs]es?/.*"
    r"|(.*/)?(licen[cs]e|readme|copying|notice|changelog)(?![a-z])[^/]*"
    r"|(.*/)?(manifest|citation|dataset_infos?|dataset_dict|state)\.[a-z]+",
    re.IGNORECASE,
)
"""Files beside the data that are no data."""

SPLIT_FOLDERS = frozenset({"train", "training", "dev", "val", "valid", "validation", "test"})
"""How folders of a split are called."""

Place = tuple[str | None, str]
"""A language (ISO 639-3 code; None = the path names none, "" = one that the task leaves out) and a split."""


class FromFolder:
    """Data in files that the user points to with --from, or that a user's own task names (`path` is None).

    The patterns of the data set's own layout come first; that of a user's own task is followed to the letter. Else, a
    file's language is the one whose code is in the part of the path that is nearest to the file's name, and so is its
    split; what is above `path` names neither. A file whose path names no language may say in a column which languages
    it holds. Files that name none are in the one that is asked for, if it is only one; so it is with splits.

    Raises:
        DataError: there is nothing at the path, or no data file in it.
    """

    def __init__(
        self, task: Task, path: Path | None, languages: Sequence[str] = (), splits: Sequence[str] = ()
    ) -> None:
        self.task, self.place = task, "the data set" if path is None else str(path)
        self.notes: list[str] = []
        given = f"--from {path}" if path is not None else f"{task.file}: {task.folder}"
        path = path if path is not None else Path(task.folder)
        if reason := why_no_path(path):
            raise DataError(f"{task.file or '--from'} names a path that cannot be used: {reason}.")
        if not path.exists():
            raise DataError(f"{given} does not exist.")
        if not task.folder and (path / task.name).is_dir():
            path = path / task.name
        self.path, around = path, path if path.is_dir() else path.parent
        self.files: list[tuple[str, DataFile]] = []
        """The data files, each with its path from the folder on."""
        for file in filter(is_readable, files_in(path)):
            inner = file.inner.removeprefix(around.as_posix()).lstrip("/")
            if task.folder or not NOT_DATA.fullmatch(inner):
                self.files.append((inner, file))
        if not self.files:
            raise DataError(f"{given} has no data file: none ends in {', '.join(READABLE)}.")
        # A folder whose name is a language's code holds that language, whatever is asked for.
        named = [iso for iso, codes in task.languages.items() if around.name in (iso, *codes)]
        self._may_be_word = bool(named) and around.name in WORDS
        named = [] if self._may_be_word and languages else named
        self.only_language = _only(named) or _only(task.languages) or _only(languages)
        self.only_split = _only(task.splits) or _only(splits)
        self._codes = {word.casefold(): iso for iso, codes in task.languages.items() for word in (iso, *codes)}
        self._words = {word.casefold(): split for split in task.splits for word in task.spellings_of(split)}
        asked = languages if len(languages) < len(task.languages) else ()
        self._paths = PathReader(task, [path for path, _ in self.files], asked)
        self._placed = self._place_files()
        self._read = cache(partial(read_file, task))
        """The raw rows of files that may hold several languages or splits, which are read once."""
        self._sha256 = cache(sha256_of)
        self._holding = cache(self._find_holding)

    @property
    def languages(self) -> list[str]:
        """The languages that there are rows in."""
        return [iso for iso in self.task.languages if any(self.has(iso, split) for split in self.task.splits)]

    def has(self, language: str, split: str) -> bool:
        return bool(self._holding(language, split))

    def rows(self, language: str, split: str) -> Rows:
        of_one = self.find(language, split) and not self.task.split_column
        read = partial(read_file, self.task) if of_one else self._read
        return to_one_frame(self.task, self._holding(language, split), (language, split), read, self.notes)

    def about(self, language: str, split: str) -> dict[str, Any]:
        files = [{"path": f.name, "sha256": self._sha256(f.path)} for f in self._holding(language, split)]
        return {"kind": "folder", "path": str(self.path.resolve()), "files": files}

    def find(self, language: str | None, split: str) -> list[DataFile]:
        """The files whose paths name a language (None = those that name none) and a split, sorted.

        DataError: two of them have the same name, in two formats or in two folders (one a translation).
        """
        files = self._placed.get((language, split), [])
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
        """The files that hold a language and split, by their paths or by columns."""
        named = self.find(language, split)
        if self.task.split_column:
            named = [file for file in named if self._in_split(file, split).height]
        return named or [file for file in self.find(None, split) if self._holds(file, language, split)]

    def _holds(self, file: DataFile, language: str, split: str) -> bool:
        """Whether a file whose path names no language has rows in this one."""
        rows = self._in_split(file, split)
        if not rows.height and self.task.split_column:
            return False
        languages = languages_of_rows(self.task, rows, file.name)
        if languages is not None:
            return language in languages
        if self.languages_in_paths:  # then it is a file beside the data
            self.notes.append(f"{file.name} was left out: its path names no language for certain, as others do.")
            return False
        if self.only_language is None:
            words = self._paths.unsure(next(path for path, one in self.files if one == file))
            unsure = f" ({' or '.join(words)} may be a mere word)" if words else ""
            raise DataError(
                f"{file.name} does not say which language it holds: neither its path{unsure} nor a column called "
                f"{' or '.join(self.task.language_column)} does. Name the language with --langs."
            )
        if language == self.only_language and self._may_be_word:
            code = self.task.code(language)
            self.notes.append(f"{file.name} was taken for {code}, for its folder is called so. If not, give --langs.")
        return language == self.only_language

    def _in_split(self, file: DataFile, split: str) -> Rows:
        """The rows of a file in a split, by the task's column for it if there is one and the path does not say it."""
        places = sum(file in files for files in self._placed.values())
        by_path = places == 1 and not self.task.file  # a user's own task says where its splits stand
        return self._read(file) if by_path else rows_of_split(self.task, self._read(file), split, file.name)

    def _place_files(self) -> dict[Place, list[DataFile]]:
        """The files of each place: by the first of the layouts that has any there, else by the words in their paths."""
        layouts = self.task.layouts if self.task.hub is None else (*self.task.layouts, self.task.hub.path)
        self._leave_other_splits()
        ways = [self._match(layout) for layout in layouts]
        if not self.task.folder:
            of_split: dict[Place, list[DataFile]] = defaultdict(list)
            of_only_split: dict[Place, list[DataFile]] = defaultdict(list)
            for path, file in self.files:
                language, split = self._paths.language(path), self._paths.split(path)
                if split:
                    of_split[language, split].append(file)
                if self.only_split and (split is None or len(self.task.splits) == 1):
                    of_only_split[language, self.only_split].append(file)
            ways += [of_split, of_only_split]
        return {place: files for way in reversed(ways) for place, files in way.items()}

    def _leave_other_splits(self) -> None:
        """Leave out files in a folder that is called like a split which the task, having one alone, does not have."""
        if self.task.folder or len(self.task.splits) > 1:
            return
        others = SPLIT_FOLDERS.difference(self._words)
        strange = [path for path, _ in self.files if others.intersection(path.casefold().split("/")[:-1])]
        if strange:
            more = f" and {len(strange) - 1} more" if len(strange) > 1 else ""
            self.notes.append(
                f"{strange[0]}{more} left out: {self.task.name} has the split {self.task.splits[0]} alone."
            )
            self.files = [(path, file) for path, file in self.files if path not in strange]

    def _match(self, layout: str) -> dict[Place, list[DataFile]]:
        """The files whose paths match a pattern."""
        text = re.escape(layout).replace(r"\*\*", ".*").replace(r"\*", "[^/]*")
        for group, words in (("lang", self._codes), ("split", self._words)):
            placeholder, any_word = rf"\{{{group}\}}", "|".join(map(re.escape, sorted(words)))
            text = text.replace(placeholder, f"(?P<{group}>{any_word})", 1).replace(placeholder, f"(?P={group})")
        # A user's own task gives the whole path from its folder on.
        pattern = re.compile(rf"{'^' if self.task.folder else '(?:^|/)'}{text}(?:\.gz)?$", re.IGNORECASE)
        files: dict[Place, list[DataFile]] = defaultdict(list)
        for path, file in self.files:
            if match := pattern.search(path):
                named = {group: word.casefold() for group, word in match.groupdict().items()}
                language = self._codes[named["lang"]] if "lang" in named else None
                of_all = self.task.splits if self.task.split_column else self.task.splits[:1]
                for split in [self._words[named["split"]]] if "split" in named else of_all:
                    files[language, split].append(file)
        return files


def _only(names: Collection[str]) -> str | None:
    """The only one of some names; None if there are none or several."""
    return next(iter(names)) if len(names) == 1 else None
