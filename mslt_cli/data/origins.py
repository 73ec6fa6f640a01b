"""Where raw rows come from: a package, the user's files, the hub."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mslt_cli.data.columns import languages_in, spellings, to_columns
from mslt_cli.data.formats import Source, read_rows
from mslt_cli.data.local import Folder
from mslt_cli.data.prepared import records
from mslt_cli.errors import DataError
from mslt_cli.files import sha256_of
from mslt_cli.progress import QUIET, Progress
from mslt_cli.tasks.task import Task

if TYPE_CHECKING:
    import polars as pl


class Origin(Protocol):
    """Where raw rows come from."""

    place: str
    """What it is called in messages."""

    def has(self, language: str, split: str) -> bool:
        """Whether there are any rows of a language and split."""

    def get_ready(self, jobs: Sequence[tuple[str, str]]) -> None:
        """Bring what these languages and splits take, all at once."""

    def rows(self, language: str, split: str) -> pl.DataFrame:
        """The rows of a language and split, in the task's columns."""

    def about(self, language: str, split: str) -> dict[str, Any]:
        """What the record says of the origin."""


def remote(task: Task, revision: str | None, workers: int, progress: Progress, again: str) -> Origin:
    """Where a task's data come from, if not from the user's disk.

    Raises:
        DataError: the task names no such place.
    """
    if task.build is not None:
        return Built(task)
    if task.hub is None:
        raise DataError(f"{task.name} names no repository on the hub. Give --from PATH.")
    return FromHub(task, revision, workers, progress, again)


class Built:
    """Data that are made from a package."""

    def __init__(self, task: Task) -> None:
        self.task, self.place = task, task.package

    def has(self, language: str, split: str) -> bool:
        return True

    def get_ready(self, jobs: Sequence[tuple[str, str]]) -> None:
        pass

    def rows(self, language: str, split: str) -> pl.DataFrame:
        assert self.task.build is not None
        made = self.task.build(self.task.code(language), split)
        return to_columns(self.task, made, self.task.package, language)

    def about(self, language: str, split: str) -> dict[str, Any]:
        from importlib import metadata

        return {"kind": "package", "package": self.task.package, "revision": metadata.version(self.task.package)}


class FromFolder:
    """Files that the user has."""

    def __init__(self, task: Task, path: Path | None, languages: Sequence[str], splits: Sequence[str]) -> None:
        self.task, self.place = task, "the data set" if path is None else str(path)
        self.folder = Folder(
            *(path, task),
            language=languages[0] if len(languages) == 1 else None,
            split=splits[0] if len(splits) == 1 else None,
        )
        self.found: dict[tuple[str, str], list[Source]] = {}
        self.shared: dict[Source, pl.DataFrame] = {}
        """Raw rows of files that may hold several languages: read once."""
        self.sums: dict[Path, str] = {}

    def languages(self) -> list[str]:
        """Those that there are rows in, by their ISO 639-3 codes."""
        return [iso for iso in self.task.languages if any(self.has(iso, split) for split in self.task.splits)]

    def has(self, language: str, split: str) -> bool:
        return bool(self._files(language, split))

    def get_ready(self, jobs: Sequence[tuple[str, str]]) -> None:
        pass

    def rows(self, language: str, split: str) -> pl.DataFrame:
        return _read(self.task, [(s.name, self._raw(s)) for s in self._files(language, split)], language)

    def about(self, language: str, split: str) -> dict[str, Any]:
        files = self._files(language, split)
        for path in {source.path for source in files} - self.sums.keys():
            self.sums[path] = sha256_of(path)
        return {
            "kind": "folder",
            "path": str(self.folder.path.resolve()),
            "files": [{"path": source.name, "sha256": self.sums[source.path]} for source in files],
        }

    def _files(self, language: str, split: str) -> list[Source]:
        job = (language, split)
        if job not in self.found:
            self.found[job] = self.folder.find(*job) or [
                source for source in self.folder.find(None, split) if self._holds(source, language)
            ]
        return self.found[job]

    def _holds(self, source: Source, language: str) -> bool:
        """Whether a file whose path names no language has rows in this one."""
        if source not in self.shared:
            self.shared[source] = self._raw(source)
        named = languages_in(self.task, self.shared[source])
        if named is not None:
            return language in named
        if self.folder.languages:  # then it is a file beside the data
            return False
        if self.folder.language is None:
            raise DataError(
                f"{source.name} does not say which language it holds: neither its path nor a column called "
                f"{' or '.join(self.task.language_column)} does. Name the language with --langs."
            )
        return language == self.folder.language

    def _raw(self, source: Source) -> pl.DataFrame:
        return self.shared[source] if source in self.shared else _raw(self.task, source)


class FromHub:
    """Files on the hub, at one commit, downloaded together."""

    place = "the data set"

    def __init__(self, task: Task, revision: str | None, workers: int, progress: Progress, again: str) -> None:
        from mslt_cli.hub import hub

        assert task.hub is not None
        self.task, self.workers, self.progress = task, workers, progress
        self.again = again
        wanted = revision or task.hub.revision or self._kept() or task.hub.branch
        named = hub.Repository("dataset", task.hub.repository, wanted)
        self.commit = hub.commit_of(named, progress=progress, again=again)
        self.repository = hub.Repository("dataset", task.hub.repository, self.commit)
        listed = hub.list_files(self.repository, progress=progress, again=again)
        self.listed = [file.path for file in listed]
        self.files: dict[str, Path] = {}

    def get_ready(self, jobs: Sequence[tuple[str, str]]) -> None:
        self._bring([path for job in jobs for path in self._paths(*job)], self.progress)

    def _bring(self, paths: Sequence[str], progress: Progress = QUIET) -> None:
        from mslt_cli.hub import hub

        if new := [path for path in dict.fromkeys(paths) if path not in self.files]:
            self.files |= hub.download(self.repository, new, progress=progress, workers=self.workers, again=self.again)

    def _kept(self) -> str | None:
        """The commit of what is in the cache already, so that all languages are of one."""
        for task in (self.task, replace(self.task, without=())):
            for record in records(task):
                if record.origin.get("kind") == "hub":
                    return str(record.origin["revision"])
        return None

    def _paths(self, language: str, split: str) -> list[str]:
        assert self.task.hub is not None
        spelt = self.task.languages[language]
        code = spelt[min(self.task.hub.spelling, len(spelt) - 1)]
        pattern = self.task.hub.path.replace("{lang}", code).replace("{split}", split)
        return [p for p in self.listed if fnmatch.fnmatchcase(p, pattern) and p.count("/") == pattern.count("/")]

    def has(self, language: str, split: str) -> bool:
        return bool(self._paths(language, split))

    def rows(self, language: str, split: str) -> pl.DataFrame:
        paths = self._paths(language, split)
        self._bring(paths)  # another language, for a repair
        files = [Source(self.files[path]) for path in paths]
        return _read(self.task, [(file.name, _raw(self.task, file)) for file in files], language)

    def about(self, language: str, split: str) -> dict[str, Any]:
        return {
            "kind": "hub",
            "repository": self.repository.name,
            "revision": self.commit,
            "files": [{"path": path, "sha256": sha256_of(self.files[path])} for path in self._paths(language, split)],
        }


def _raw(task: Task, source: Source) -> pl.DataFrame:
    tagged = task.kind == "token-classification"
    names = {*spellings(task, "tokens"), *spellings(task, "labels")} if tagged else ()
    return read_rows(source, task.table, tagged=names)


def _read(task: Task, files: Sequence[tuple[str, pl.DataFrame]], language: str) -> pl.DataFrame:
    """The rows of a language in some files, in the task's columns, one file after the other."""
    import polars as pl

    frames = [to_columns(task, rows, name, language) for name, rows in files]
    if len(frames) > 1 and all(frame["id"].to_list() == [str(i) for i in range(frame.height)] for frame in frames):
        # Row numbers of several files (shards) go on from one to the next.
        starts = [sum(frame.height for frame in frames[:i]) for i in range(len(frames))]
        frames = [
            frame.with_columns((pl.int_range(pl.len()) + start).cast(pl.String).alias("id"))
            for frame, start in zip(frames, starts, strict=True)
        ]
    return pl.concat(frames)
