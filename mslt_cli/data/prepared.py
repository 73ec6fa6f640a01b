"""Prepared data in the cache: for each task, language and split a parquet file, and a record of it.

    HF_HOME/mslt/data/xnli/deu/test-0a1b2c3d4e5f.parquet
    HF_HOME/mslt/data/xnli/deu/test.json

The record is written last and names its file, so a file that a record names is complete.
"""

import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from mslt_cli import __version__
from mslt_cli.errors import DataError
from mslt_cli.files import cache_home, new_file
from mslt_cli.foreign import parse_json, read_text_file
from mslt_cli.tasks.task import Rows, Task

FORMAT = 1
"""Raised when what the columns mean changes; older files are then prepared anew."""


@dataclass(frozen=True)
class Record:
    """A prepared file, its origin and its checksums."""

    task: str
    language: str
    code: str
    """The language as an ISO 639-3 code, and in the data set's own spelling."""
    split: str
    rows: int
    raw_rows: int
    """Before repairs dropped any."""
    file: str = ""
    """Name of the parquet file beside the record; `save` sets this and the next three."""
    size_bytes: int = 0
    sha256: str = ""
    content_sha256: str = ""
    """Checksum of the rows, whatever library wrote the file."""
    origin: dict[str, Any] = field(default_factory=dict)
    """Repository and commit, folder, or package; and the files with their checksums."""
    repaired: dict[str, int] = field(default_factory=dict)
    """Number of rows that each repair changed or dropped; a repair that is missing was switched off."""
    expected_rows: int | None = None
    prepared_at: str = ""
    version: str = __version__
    format: int = FORMAT
    numbered: bool | None = None
    """Whether the ids are row numbers, for the data have none; None = unknown."""

    @property
    def is_imported(self) -> bool:
        """Whether it was read from files of the user's."""
        return bool(self.origin.get("kind") == "folder")


def fetch_command(task: Task, languages: Sequence[str] = (), splits: Sequence[str] = ()) -> str:
    """The command that fetches these languages (ISO 639-3 codes) and splits; none = all."""
    langs = f" --langs {','.join(task.code(language) for language in languages)}" if languages else ""
    return f"mslt fetch data {task.options}{langs}" + "".join(f" --split {split}" for split in splits)


def task_folder(task: Task) -> Path:
    """The folder of a task's prepared data."""
    return cache_home() / "data" / task.key


def read_record(task: Task, language: str, split: str) -> Record | None:
    """The record of prepared data; None if there is none, or it is damaged, or of another format or spelling."""
    folder = task_folder(task) / language
    try:
        record = Record(**parse_json(read_text_file(folder / f"{split}.json")))
        whole = (folder / record.file).stat().st_size == record.size_bytes
    except (ValueError, TypeError, OSError):
        return None
    # The languages of an own task are not in its definition: its file may have come to spell this one otherwise.
    same = not task.definition or record.code in task.languages.get(language, ())
    return record if whole and same and record.format == FORMAT else None


def require_record(task: Task, language: str, split: str) -> Record:
    """Raises: DataError: there is no record (see `read_record`); names the command to run."""
    if record := read_record(task, language, split):
        return record
    command = fetch_command(task, [language], [split])
    raise DataError(f"{task.name} {split} in {task.code(language)} is not in the cache. Run `{command}`.")


def records(task: Task) -> Iterator[Record]:
    """All records of a task, sorted by language and split."""
    for path in sorted(task_folder(task).glob("*/*.json")):
        if record := read_record(task, path.parent.name, path.stem):
            yield record


def save(task: Task, frame: Rows, record: Record) -> Record:
    """Write rows and their record; return the record with what describes the file. FetchError: it is not writable."""
    out = io.BytesIO()
    frame.write_parquet(out, compression="zstd", statistics=False)
    data, content = out.getvalue(), hashlib.sha256(frame.write_ndjson().encode()).hexdigest()
    sha256 = hashlib.sha256(data).hexdigest()
    folder, name = task_folder(task) / record.language, f"{record.split}-{content[:12]}.parquet"
    record = replace(record, file=name, size_bytes=len(data), sha256=sha256, content_sha256=content)
    with new_file(folder / name) as part:
        part.write_bytes(data)
    with new_file(folder / f"{record.split}.json") as part:
        part.write_text(json.dumps(asdict(record), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return record


def load(task: Task, record: Record) -> Rows:
    """The rows of a record. DataError: the file is missing or not the one that was written."""
    import polars as pl

    path = task_folder(task) / record.language / record.file
    place = f" --from {record.origin['path']}" if record.is_imported and not task.folder else ""
    again = f"Run `{fetch_command(task, [record.language])}{place} --force` to get it again."
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"The cached {path} cannot be read: {error.strerror}. {again}") from error
    if hashlib.sha256(data).hexdigest() != record.sha256:
        raise DataError(f"The cached {path} is damaged: its checksum is not the recorded one. {again}")
    return pl.read_parquet(io.BytesIO(data))
