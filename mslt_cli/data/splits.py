"""`fetch_data`: brings a task's data into the cache, from the hub, a folder, or a package, checked and repaired."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mslt_cli import __version__
from mslt_cli.data.columns import with_distinct_ids
from mslt_cli.data.origins import FromFolder, Origin, remote
from mslt_cli.data.prepared import Record, load, read_record, records, save
from mslt_cli.errors import DataError, UsageError
from mslt_cli.progress import QUIET, Progress
from mslt_cli.tasks.task import COLUMNS, Task

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
        languages: in any spelling. Default: the task's sources and targets; of a folder, all that are in it.
        splits: default: all; one that a language lacks is then left out with a note.
        from_path: read a folder, a file or an archive instead of the hub.
        force: prepare again what is in the cache.
        revision: commit, branch or tag on the hub instead of the pinned one.
        workers: files that are downloaded at once.
        progress: hears of downloads and of what is prepared.

    Raises:
        DataError: a file is not what it should be, or a language or split is not to be had.
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
    force = force or local is not None  # the files may have changed
    wanted = languages or (local.languages() if local else (*task.sources, *task.targets)) or tuple(task.languages)
    asked = [(language, split) for language in dict.fromkeys(wanted) for split in splits or task.splits]
    done: dict[tuple[str, str], Fetched] = {}
    for job in asked:
        known = None if force else read_record(task, *job)
        if known is not None and (revision is None or known.origin.get("revision") == revision):
            done[job] = Fetched(known, new=False)
    notes: list[str] = []
    jobs = [job for job in asked if job not in done]
    if not force and not splits and revision is None:
        # What the user imported from files stays what it was there: the hub's other splits are other data.
        jobs, skipped = _not_imported(task, jobs)
        notes += skipped
    if jobs:
        origin = local or remote(task, revision, workers, progress, _command(task, languages, splits))
        there = [job for job in jobs if origin.has(*job)]
        notes += _missing(task, origin, asked, {*done, *there}, bool(languages), splits)
        origin.get_ready(there)
        with progress.step(f"prepare {task.name}", len(there), "files") as step:
            for job in there:
                done[job] = Fetched(_prepare(task, *job, origin, notes), new=True)
                step.advance()
    notes += _unexpected(task, [item.record for item in done.values() if item.new])
    return FetchReport(task, tuple(done[job] for job in asked if job in done), tuple(notes))


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
    languages = [task.language(name) for name in languages]
    if not task.folder:
        _require_imported(task, languages, split)
    report = fetch_data(task, languages, (split,) if languages else (), progress=progress)
    found = [item.record for item in report.fetched if item.record.split == split]
    if not found:
        raise DataError(f"There is no {split} data of {task.name}; it has {', '.join(task.splits)}.")
    return found, report.notes


def _require_imported(task: Task, languages: Sequence[str], split: str) -> None:
    """Raises: DataError: the data were imported from files, and these lacked the split; says which they had."""
    cached = [record for record in records(task) if not languages or record.language in languages]
    have = {record.language for record in cached if record.split == split}
    bare = [r for r in cached if r.language not in have and r.origin.get("kind") == "folder"]
    if bare:
        codes = task.codes_of(dict.fromkeys(record.language for record in bare))
        others = ", ".join(s for s in task.splits if any(record.split == s for record in bare))
        command = _command(task, list(dict.fromkeys(record.language for record in bare)), (split,))
        raise DataError(
            f"{task.name} has no {split} data in {codes}: what is cached came from {bare[0].origin['path']}. "
            f"Choose --split {others.replace(', ', ' or ')}, or fetch it with `{command}`."
        )


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
        code = task.code(language)
        raise DataError(
            f"{task.name} {split} in {code} is not in the cache. Run `mslt fetch data {task.options} --langs {code}`."
        )
    return load(task, record)


def _prepare(task: Task, language: str, split: str, origin: Origin, notes: list[str]) -> Record:
    def distinct_rows(iso: str) -> tuple[pl.DataFrame, int]:
        return with_distinct_ids(origin.rows(iso, split))

    def other(code: str) -> pl.DataFrame | None:
        iso = next(iso for iso in task.languages if task.code(iso) == code)
        return distinct_rows(iso)[0] if origin.has(iso, split) else None

    name = f"{task.name} {split} in {task.code(language)}"
    frame, renamed = distinct_rows(language)
    if renamed:
        notes.append(f"{name}: {renamed} ids occurred more than once; repetitions are now called ID#2, ID#3, …")
    raw_rows = frame.height
    repaired: dict[str, int] = {}
    for repair in task.active_repairs:
        frame, repaired[repair.name] = repair.apply(frame, other)
    notes += _empty_texts(task, name, frame)
    if not frame.height:
        raise DataError(f"{name} has no rows left: all {raw_rows:,} were dropped ({', '.join(repaired)}).")
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
            "origin": origin.about(language, split),
            "repaired": repaired,
            "expected_rows": task.expected_rows(split, language),
            "prepared_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "version": __version__,
        },
    )


def _not_imported(task: Task, jobs: Sequence[tuple[str, str]]) -> tuple[list[tuple[str, str]], list[str]]:
    """The jobs less the splits that are missing beside imported ones; and a note on each folder that lacked them."""
    origins = {record.language: record.origin for record in records(task) if record.origin.get("kind") == "folder"}
    lacking: dict[tuple[str, str], list[str]] = {}
    for language, split in jobs:
        if language in origins:
            lacking.setdefault((str(origins[language]["path"]), split), []).append(language)
    notes = [
        f"{task.name} has no {split} data in {task.codes_of(languages)}: what is cached came from {path}. "
        f"`{_command(task, languages, (split,))}` fetches it."
        for (path, split), languages in lacking.items()
    ]
    return [job for job in jobs if job[0] not in origins], notes


def _command(task: Task, languages: Sequence[str], splits: Sequence[str]) -> str:
    """What to run for these data."""
    langs = f" --langs {','.join(task.code(language) for language in languages)}" if languages else ""
    return f"mslt fetch data {task.options}{langs}" + "".join(f" --split {split}" for split in splits)


def _empty_texts(task: Task, name: str, frame: pl.DataFrame) -> list[str]:
    """A note on texts that are empty, where a task does not mean them to be."""
    import polars as pl

    kinds = COLUMNS[task.kind] | dict.fromkeys(task.context, "text")
    columns = [column for column, kind in kinds.items() if kind == "text" and task.kind != "instruction"]
    empty = [(column, frame.filter(pl.col(column).str.strip_chars() == "")) for column in columns]
    return [
        f"{name}: {column} is empty in {rows.height:,} rows, first in that with the id {rows['id'][0]}."
        for column, rows in empty
        if rows.height
    ]


def _missing(
    task: Task,
    origin: Origin,
    asked: Sequence[tuple[str, str]],
    there: Collection[tuple[str, str]],
    named: bool,
    splits: Sequence[str],
) -> list[str]:
    """Notes on what is missing, before anything is brought. What the user named (`named`: the languages) must be there.

    Raises:
        DataError: a language has nothing at all, or lacks a split that was asked for; says which languages there are.
    """
    found = {language for language, _ in there}
    bare = list(dict.fromkeys(language for language, _ in asked if language not in found))
    if bare and (named or not found):
        what = f" ({', '.join(splits)})" if splits else ""
        others = [iso for iso in task.languages if any(origin.has(iso, split) for split in splits or task.splits)]
        pattern = task.layouts[0] if task.folder else "{lang}/{split}.parquet"
        example = pattern.replace("{lang}", task.code(bare[0])).replace("{split}", (splits or task.splits)[0])
        hint = f"It has {task.codes_of(others)}." if others else f"Files should be called like {example}"
        if not others:
            hint += "." if named and splits else ", or say what they hold with --langs and --split."
        raise DataError(f"{origin.place} has no data of {task.name} in {task.codes_of(bare)}{what}. {hint}")
    notes = [f"{origin.place} has no data of {task.name} in {task.codes_of(bare)}."] if bare else []
    for split in task.splits:
        lack = [iso for iso, word in asked if word == split and iso in found and (iso, split) not in there]
        if lack:
            notes.append(f"{origin.place} has no {split} data of {task.name} in {task.codes_of(lack)}.")
            if split in splits:
                raise DataError(notes[-1])
    return notes


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
