"""Where raw rows come from: a package, the user's files, the hub.

Each origin has a name for messages (`place`), and says by language (ISO 639-3 code) and split whether there are rows
(`has`), what they are in the task's columns (`rows`), and what the record of them says of the origin (`about`).
"""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mslt_cli.data.archives import DataFile
from mslt_cli.data.columns import languages_in, spellings, to_columns
from mslt_cli.data.formats import read_rows
from mslt_cli.data.local import Folder
from mslt_cli.data.prepared import records
from mslt_cli.errors import DataError
from mslt_cli.files import sha256_of
from mslt_cli.hub.repository import Repository
from mslt_cli.hub.snapshot import Snapshot
from mslt_cli.progress import Progress
from mslt_cli.tasks.task import Task

if TYPE_CHECKING:
    import polars as pl


class FromPackage:
    """Data that are made from a package."""

    def __init__(self, task: Task) -> None:
        self.task, self.place = task, task.package

    def has(self, language: str, split: str) -> bool:
        return True

    def rows(self, language: str, split: str) -> pl.DataFrame:
        assert self.task.build is not None
        rows = self.task.build(self.task.code(language), split)
        return to_columns(self.task, rows, self.task.package, language)

    def about(self, language: str, split: str) -> dict[str, Any]:
        from importlib import metadata

        return {"kind": "package", "package": self.task.package, "revision": metadata.version(self.task.package)}


class FromFolder:
    """Files that the user has; `path` is None where a task of the user's own says which."""

    def __init__(self, task: Task, path: Path | None, languages: Sequence[str], splits: Sequence[str]) -> None:
        self.task, self.place = task, "the data set" if path is None else str(path)
        self.folder = Folder(
            path,
            task,
            language=languages[0] if len(languages) == 1 else None,
            split=splits[0] if len(splits) == 1 else None,
        )
        self.files: dict[tuple[str, str], list[DataFile]] = {}
        self.shared: dict[DataFile, pl.DataFrame] = {}
        """Raw rows of files that may hold several languages: read once."""
        self.sums: dict[Path, str] = {}

    def languages(self) -> list[str]:
        """The languages that there are rows in."""
        return [iso for iso in self.task.languages if any(self.has(iso, split) for split in self.task.splits)]

    def has(self, language: str, split: str) -> bool:
        return bool(self._files(language, split))

    def rows(self, language: str, split: str) -> pl.DataFrame:
        files = self._files(language, split)
        return _to_one_frame(self.task, files, [self._read(file) for file in files], language)

    def about(self, language: str, split: str) -> dict[str, Any]:
        files = self._files(language, split)
        for path in {file.path for file in files} - self.sums.keys():
            self.sums[path] = sha256_of(path)
        return {
            "kind": "folder",
            "path": str(self.folder.path.resolve()),
            "files": [{"path": file.name, "sha256": self.sums[file.path]} for file in files],
        }

    def _files(self, language: str, split: str) -> list[DataFile]:
        job = (language, split)
        if job not in self.files:
            self.files[job] = self.folder.find(*job) or [
                file for file in self.folder.find(None, split) if self._holds(file, language)
            ]
        return self.files[job]

    def _holds(self, file: DataFile, language: str) -> bool:
        """Whether a file whose path names no language has rows in this one."""
        if file not in self.shared:
            self.shared[file] = self._read(file)
        languages = languages_in(self.task, self.shared[file])
        if languages is not None:
            return language in languages
        if self.folder.languages:  # then it is a file beside the data
            return False
        if self.folder.language is None:
            raise DataError(
                f"{file.name} does not say which language it holds: neither its path nor a column called "
                f"{' or '.join(self.task.language_column)} does. Name the language with --langs."
            )
        return language == self.folder.language

    def _read(self, file: DataFile) -> pl.DataFrame:
        return self.shared[file] if file in self.shared else _read_file(self.task, file)


class FromHub:
    """Files on the hub, at one commit, downloaded together.

    Args:
        task: names the repository and the pattern of its files.
        revision: commit, branch or tag; None = the pinned one, or that of what is in the cache, or the task's branch.
        workers: files that are downloaded at once.
        progress: hears of downloads.
        again: the command line that the user should run again if this fails.

    Raises:
        DataError: the task names no repository.
        FetchError: the hub cannot be reached or refuses.
    """

    place = "the data set"

    def __init__(self, task: Task, revision: str | None, workers: int, progress: Progress, again: str) -> None:
        if task.hub is None:
            raise DataError(f"{task.name} names no repository on the hub. Give --from PATH.")
        self.task, self.hub = task, task.hub
        wanted = revision or task.hub.revision or self._kept() or task.hub.branch
        repository = Repository("dataset", task.hub.repository, wanted)
        self.snapshot = Snapshot(repository, progress=progress, workers=workers, again=again)
        self.files: dict[str, Path] = {}

    def has(self, language: str, split: str) -> bool:
        return bool(self._paths(language, split))

    def download(self, jobs: Sequence[tuple[str, str]]) -> None:
        """Bring what these languages and splits take, all at once."""
        self._download([path for job in jobs for path in self._paths(*job)])

    def rows(self, language: str, split: str) -> pl.DataFrame:
        paths = self._paths(language, split)
        self._download(paths)  # another language, for a repair
        files = [DataFile(self.files[path]) for path in paths]
        return _to_one_frame(self.task, files, [_read_file(self.task, file) for file in files], language)

    def about(self, language: str, split: str) -> dict[str, Any]:
        return {
            "kind": "hub",
            "repository": self.snapshot.repository.name,
            "revision": self.snapshot.commit,
            "files": [{"path": path, "sha256": sha256_of(self.files[path])} for path in self._paths(language, split)],
        }

    def _download(self, paths: Sequence[str]) -> None:
        if new := [path for path in dict.fromkeys(paths) if path not in self.files]:
            self.files |= self.snapshot.download(new)

    def _kept(self) -> str | None:
        """The commit of what is in the cache already, so that all languages are of one."""
        for task in (self.task, replace(self.task, without=())):
            for record in records(task):
                if record.origin.get("kind") == "hub":
                    return str(record.origin["revision"])
        return None

    def _paths(self, language: str, split: str) -> list[str]:
        codes = self.task.languages[language]
        code = codes[min(self.hub.spelling, len(codes) - 1)]
        pattern = self.hub.path.replace("{lang}", code).replace("{split}", split)
        depth = pattern.count("/")
        return [p for p in self.snapshot.files if fnmatch.fnmatchcase(p, pattern) and p.count("/") == depth]


Origin = FromPackage | FromFolder | FromHub


def _read_file(task: Task, file: DataFile) -> pl.DataFrame:
    is_tagged = task.kind == "token-classification"
    names = {*spellings(task, "tokens"), *spellings(task, "labels")} if is_tagged else ()
    return read_rows(file, task.table, tagged=names)


def _to_one_frame(
    task: Task, files: Sequence[DataFile], raw_frames: Sequence[pl.DataFrame], language: str
) -> pl.DataFrame:
    """The rows of a language in some files, in the task's columns, one file after the other."""
    import polars as pl

    frames = [to_columns(task, raw, file.name, language) for file, raw in zip(files, raw_frames, strict=True)]
    if len(frames) > 1 and all(frame["id"].to_list() == [str(i) for i in range(frame.height)] for frame in frames):
        # Row numbers of several files (shards) go on from one to the next.
        return pl.concat(frames).with_columns(pl.int_range(pl.len()).cast(pl.String).alias("id"))
    return pl.concat(frames)
