"""`fetch_data`: a task's data from the hub, a folder or a package into the cache, checked and repaired."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mslt_cli import __version__
from mslt_cli.data.columns import with_distinct_ids
from mslt_cli.data.local import FromFolder
from mslt_cli.data.origins import FromHub, FromPackage, Origin
from mslt_cli.data.prepared import Record, load, read_record, records, save
from mslt_cli.errors import DataError, UsageError
from mslt_cli.progress import QUIET, Progress
from mslt_cli.tasks.task import Task

if TYPE_CHECKING:
    import polars as pl

Job = tuple[str, str]
"""A language (ISO 639-3 code) and a split."""


@dataclass(frozen=True)
class FetchedSplit:
    """One language and split that `fetch_data` was asked for."""

    record: Record
    new: bool
    """Whether it was prepared by this call; otherwise it was in the cache."""


@dataclass(frozen=True)
class FetchReport:
    """What `fetch_data` did."""

    task: Task
    fetched: tuple[FetchedSplit, ...]
    """In the order of the languages and splits."""
    notes: tuple[str, ...]
    """What the user should know: rows that differ from what is expected, splits that are missing."""


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
    """Bring a task's data into the cache. What is there already stays, so that a call that was stopped can be repeated.

    Args:
        task: a row of TASKS, or a user's own.
        languages: in any spelling. Default: the task's sources and targets; of a folder, all that are in it.
        splits: names of splits. Default: all; one that a language lacks is then left out with a note.
        from_path: read a folder, a file or an archive instead of the hub.
        force: prepare again what is in the cache.
        revision: commit, branch or tag on the hub instead of the pinned one.
        workers: number of files to download at once.
        progress: is told of downloads and of what is prepared.

    Raises:
        DataError: a file is not what it should be, or there is no data in a language or split.
        FetchError: the hub cannot be reached or refuses, or the cache cannot be written.
        UnknownNameError: the task has no such split, or there is no such language.
        MissingPackageError: a package that the data are made from is not installed.
    """
    for split in splits:
        task.require_split(split)
    languages = [task.language(name) for name in languages]
    local = FromFolder(task, from_path, languages, splits) if from_path is not None or task.folder else None
    if revision is not None and (local is not None or task.build is not None):
        raise UsageError("--revision is of the hub, and these data do not come from there. Leave it out.")
    wanted = languages or (local.languages if local else (*task.sources, *task.targets)) or tuple(task.languages)
    asked = [(language, split) for language in dict.fromkeys(wanted) for split in splits or task.splits]
    fetched: dict[Job, FetchedSplit] = {}
    notes: list[str] = []
    jobs = asked
    if not force and local is None:  # files of the user's may have changed
        for job in asked:
            cached = read_record(task, *job)
            if cached is not None and (revision is None or cached.origin.get("revision") == revision):
                fetched[job] = FetchedSplit(cached, new=False)
        jobs = [job for job in asked if job not in fetched]
        if not splits and revision is None:
            jobs = _without_imported(task, jobs, notes)
    if jobs:
        command = _command(task, languages, splits)
        package = FromPackage(task) if task.build is not None else None
        origin = local or package or FromHub(task, revision, workers, progress, command)
        there = [job for job in jobs if origin.has(*job)]
        _check_missing(task, origin, asked, {*fetched, *there}, notes, languages=languages, splits=splits)
        if isinstance(origin, FromHub):
            origin.download(there)
        with progress.step(f"prepare {task.name}", len(there), "files") as step:
            for job in there:
                fetched[job] = FetchedSplit(_prepare(task, *job, origin, notes), new=True)
                step.advance()
    notes += _unexpected_sizes(task, [item.record for item in fetched.values() if item.new])
    return FetchReport(task, tuple(fetched[job] for job in asked if job in fetched), tuple(notes))


def ensure_data(
    task: Task, languages: Sequence[str], split: str, *, progress: Progress = QUIET
) -> tuple[list[Record], tuple[str, ...]]:
    """The records of one split in some languages, fetched where they are not in the cache; and notes.

    Languages may be in any spelling. Without any: all that are in the cache, or else the task's sources and targets.

    Raises:
        As `fetch_data`; DataError also if there is no such data at all.
    """
    task.require_split(split)
    languages = [task.language(name) for name in languages]
    if not task.folder:
        cached = [record for record in records(task) if not languages or record.language in languages]
        of_split = [record for record in cached if record.split == split]
        if of_split and not languages:
            return of_split, ()
        there = {record.language for record in of_split}
        _require_not_imported(task, [record for record in cached if record.language not in there], split)
    report = fetch_data(task, languages, (split,) if languages else (), progress=progress)
    fetched = [item.record for item in report.fetched if item.record.split == split]
    if not fetched:
        raise DataError(f"There is no {split} data of {task.name}; it has {', '.join(task.splits)}.")
    return fetched, report.notes


def read_data(task: Task, language: str, split: str) -> pl.DataFrame:
    """The rows of a language (in any spelling) and split that `fetch_data` brought.

    Returns:
        `id`, the columns of the task's kind (COLUMNS) and its context; labels are positions from 0.

    Raises:
        UnknownNameError: the task has no such split, or there is no such language.
        DataError: the task lacks the language, or the rows are not in the cache, or damaged; names the command to run.
    """
    task.require_split(split)
    language = task.language(language)
    record = read_record(task, language, split)
    if record is None:
        command = _command(task, [language], ())
        raise DataError(f"{task.name} {split} in {task.code(language)} is not in the cache. Run `{command}`.")
    return load(task, record)


def _command(task: Task, languages: Sequence[str], splits: Sequence[str]) -> str:
    """The command that fetches these data."""
    langs = f" --langs {','.join(task.code(language) for language in languages)}" if languages else ""
    return f"mslt fetch data {task.options}{langs}" + "".join(f" --split {split}" for split in splits)


def _lacking(task: Task, languages: Sequence[str], split: str, path: object) -> str:
    return f"{task.name} has no {split} data in {task.codes_of(languages)}: what is cached came from {path}."


def _without_imported(task: Task, jobs: Sequence[Job], notes: list[str]) -> list[Job]:
    """The jobs in languages that were not imported from files, and a note on each folder that lacks the others.

    What the user imported stays what it was there: the hub's other splits are other data.
    """
    folders = {record.language: record.origin["path"] for record in records(task) if record.is_imported}
    lacking: dict[tuple[str, str], list[str]] = {}
    for language, split in jobs:
        if language in folders:
            lacking.setdefault((folders[language], split), []).append(language)
    for (path, split), languages in lacking.items():
        command = _command(task, languages, (split,))
        notes.append(f"{_lacking(task, languages, split, path)} `{command}` fetches it.")
    return [job for job in jobs if job[0] not in folders]


def _require_not_imported(task: Task, cached: Sequence[Record], split: str) -> None:
    """Raises: DataError: some of these records, in languages that lack the split, were imported from files."""
    imported = [record for record in cached if record.is_imported]
    if imported:
        languages = list(dict.fromkeys(record.language for record in imported))
        others = [other for other in task.splits if any(record.split == other for record in imported)]
        raise DataError(
            f"{_lacking(task, languages, split, imported[0].origin['path'])} "
            f"Choose --split {' or '.join(others)}, or fetch it with `{_command(task, languages, (split,))}`."
        )


def _prepare(task: Task, language: str, split: str, origin: Origin, notes: list[str]) -> Record:
    """Read, repair and save one language and split; add what the user should know to the notes."""

    def read_other(code: str) -> pl.DataFrame | None:
        iso = task.language(code)
        return with_distinct_ids(origin.rows(iso, split))[0] if origin.has(iso, split) else None

    name = f"{task.name} {split} in {task.code(language)}"
    frame, renamed = with_distinct_ids(origin.rows(language, split))
    if renamed:
        notes.append(f"{name}: {renamed} ids occurred more than once; repetitions are now called ID#2, ID#3, …")
    raw_rows = frame.height
    repaired: dict[str, int] = {}
    for repair in task.active_repairs:
        frame, repaired[repair.name] = repair.apply(frame, read_other)
    notes += _empty_texts(task, name, frame)
    if not frame.height:
        raise DataError(f"{name} has no rows left: all {raw_rows:,} were dropped ({', '.join(repaired)}).")
    record = Record(
        task=task.name,
        language=language,
        code=task.code(language),
        split=split,
        rows=frame.height,
        raw_rows=raw_rows,
        origin=origin.about(language, split),
        repaired=repaired,
        expected_rows=task.expected_rows(split, language),
        prepared_at=datetime.now(UTC).isoformat(timespec="seconds"),
        version=__version__,
    )
    return save(task, frame, record)


def _empty_texts(task: Task, name: str, frame: pl.DataFrame) -> list[str]:
    """A note on texts that are empty, where a task does not mean them to be."""
    import polars as pl

    notes = []
    for column, kind in task.column_kinds.items():
        if kind == "text" and task.kind != "instruction":
            empty = frame.filter(pl.col(column).str.strip_chars() == "")
            if empty.height:
                first = empty["id"][0]
                notes.append(f"{name}: {column} is empty in {empty.height:,} rows, first in that with the id {first}.")
    return notes


def _check_missing(
    task: Task,
    origin: Origin,
    asked: Sequence[Job],
    there: Collection[Job],
    notes: list[str],
    *,
    languages: Sequence[str],
    splits: Sequence[str],
) -> None:
    """Note what is missing, before anything is downloaded. Languages and splits that the user named must be there.

    Raises:
        DataError: a language has no data at all, or lacks a split that was asked for; says which languages there are.
    """
    not_bare = {language for language, _ in there}
    bare = list(dict.fromkeys(language for language, _ in asked if language not in not_bare))
    if bare and (languages or not not_bare):
        raise _nothing_error(task, origin, bare, languages=languages, splits=splits)
    if bare:
        notes.append(f"{origin.place} has no data of {task.name} in {task.codes_of(bare)}.")
    for split in task.splits:
        lacking = [iso for iso, other in asked if other == split and iso in not_bare and (iso, split) not in there]
        if lacking:
            notes.append(f"{origin.place} has no {split} data of {task.name} in {task.codes_of(lacking)}.")
            if split in splits:
                raise DataError(notes[-1])


def _nothing_error(
    task: Task, origin: Origin, bare: Sequence[str], *, languages: Sequence[str], splits: Sequence[str]
) -> DataError:
    """The error about languages that have no data: it names those that have, or how files should be called."""
    others = [iso for iso in task.languages if any(origin.has(iso, split) for split in splits or task.splits)]
    if others:
        hint = f"It has {task.codes_of(others)}."
    else:
        pattern = task.layouts[0] if task.folder else "{lang}/{split}.parquet"
        example = pattern.replace("{lang}", task.code(bare[0])).replace("{split}", (splits or task.splits)[0])
        hint = f"Files should be called like {example}"
        hint += "." if languages and splits else ", or say what they hold with --langs and --split."
    of_splits = f" ({', '.join(splits)})" if splits else ""
    return DataError(f"{origin.place} has no data of {task.name} in {task.codes_of(bare)}{of_splits}. {hint}")


def _unexpected_sizes(task: Task, prepared: Sequence[Record]) -> list[str]:
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
