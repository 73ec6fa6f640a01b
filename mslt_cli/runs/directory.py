"""A run's directory: the truth about a run. The store is an index over such directories.

cldr_e5-small_ara-deu-zho_600_s0_1a2b3c4d5e6f/
  config.json                what determines the run; written first
  manifest.parquet           language and id of each training example
  metrics.jsonl              a line a step
  checkpoints/000120/        the newest two, while it is trained
  predictions/               a parquet file a target
  model/                     with --keep-model; of a decoder always, its adapter
  merged/                    with --merge: a decoder with its adapter worked in
  run.json                   all of it in one place, with checksums; written last, so a run without it is not done
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from mslt_cli.errors import FetchError, MsltError
from mslt_cli.files import REASONS, new_file, new_folder, raise_os_errors, sha256_of

if TYPE_CHECKING:
    import polars as pl

RUN, CONFIG, MANIFEST, METRICS = "run.json", "config.json", "manifest.parquet", "metrics.jsonl"
PREDICTIONS, CHECKPOINTS, MODEL, MERGED, LOCK = "predictions", "checkpoints", "model", "merged", ".lock"
CHANGED = "it was changed. Restore it, or run it again with --force."
ID_DIGITS = 12


class RunError(MsltError):
    """A run's directory cannot be read or written, or is not what was written."""


class BusyError(MsltError):
    """Another process is doing this run."""


def runs_root(given: Path | None, store: Path) -> Path:
    """Where runs are kept: as given, else MSLT_RUNS, else the folder `runs` beside the store."""
    from_environment = os.environ.get("MSLT_RUNS")
    return given or (Path(from_environment).expanduser() if from_environment else store.parent / "runs")


@dataclass(frozen=True)
class Run:
    """A finished run, as its run.json has it."""

    directory: Path
    record: Mapping[str, Any]

    @property
    def run_id(self) -> str:
        return str(self.record["run_id"])

    @property
    def identity(self) -> Mapping[str, Any]:
        """What determined it."""
        return cast(Mapping[str, Any], self.record["identity"])

    @property
    def model(self) -> str:
        """The name of the model that it was trained from, or of the one that it evaluated."""
        return str(self.record.get("model") or self.identity["model"]["name"])

    @property
    def scores(self) -> Sequence[Mapping[str, Any]]:
        """One for each task, split, target and metric."""
        return cast(Sequence[Mapping[str, Any]], self.record["scores"])

    @property
    def means(self) -> Sequence[Mapping[str, Any]]:
        """The unweighted mean over the targets of each evaluation, by task, split and metric, with 95 % intervals."""
        return cast(Sequence[Mapping[str, Any]], self.record["means"])

    @property
    def model_folder(self) -> Path | None:
        """The trained weights, where they were kept."""
        folder = self.directory / MODEL
        return folder if folder.is_dir() else None

    def predictions(self, score: Mapping[str, Any]) -> pl.DataFrame:
        """The rows id, gold, predicted behind a score. Raises: RunError: they are missing or were changed."""
        import polars as pl

        check_files(self, score["predictions"])
        return pl.read_parquet(self.directory / score["predictions"])


def read_run(directory: Path) -> Run | None:
    """The run in a directory; None if it has not ended. Raises: RunError: run.json was changed or cannot be read."""
    path = directory / RUN
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except NotADirectoryError as error:
        raise RunError(f"{directory} is a file, not a run's directory.") from error
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read: {error}. Run it again with --force.") from error
    try:
        stated = record.pop("sha256")
        whole = stated == sha256_of_json(record) and record["run_id"] == id_of(record["identity"])
    except (KeyError, TypeError, AttributeError):
        whole = False
    if not whole:
        raise RunError(f"{path} is not as mslt wrote it: {CHANGED}")
    return Run(directory, record)


def write_run(directory: Path, record: Mapping[str, Any]) -> Run:
    """Write run.json, whole or not at all."""
    write_json(directory / RUN, {**record, "sha256": sha256_of_json(record)})
    return Run(directory, record)


def clear_run(directory: Path) -> None:
    """Remove all that a run wrote, so that it starts anew."""
    for name in (RUN, CONFIG, MANIFEST, METRICS, f"new-{METRICS}"):
        (directory / name).unlink(missing_ok=True)
    for name in (PREDICTIONS, MODEL, MERGED, CHECKPOINTS):
        shutil.rmtree(directory / name, ignore_errors=True)


def check_files(run: Run, *names: str) -> None:
    """Raises: RunError: one of these files of a run, or with no names any, is missing or was changed."""
    for name in names or run.record["files"]:
        path = run.directory / name
        if not path.resolve().is_relative_to(run.directory.resolve()):
            raise RunError(f"{run.directory / RUN} names a file outside its directory: {name}.")
        if not path.is_file():
            raise RunError(f"{path} is missing. Restore it, or run it again with --force.")
        if sha256_of(path) != run.record["files"][name]:
            raise RunError(f"{path} is not as mslt wrote it: {CHANGED}")


def id_of(identity: Mapping[str, Any]) -> str:
    """The id of a run with this identity."""
    return sha256_of_json(identity)[:ID_DIGITS]


def sha256_of_json(value: Any) -> str:
    """The SHA-256 of the one way in which we write JSON: sorted keys, no blanks."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def write_json(path: Path, value: Any) -> None:
    """Raises: as `run_files`."""
    with run_files(path.parent), new_file(path) as part:
        part.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def write_parquet(path: Path, frame: pl.DataFrame) -> None:
    """Raises: as `run_files`."""
    with run_files(path.parent), new_file(path) as part:
        frame.write_parquet(part, compression="zstd", statistics=False)


@contextmanager
def new_run_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the place of `path` when the block ends well. Raises: as `run_files`."""
    with run_files(path.parent), new_folder(path, replace=True) as part, raise_os_errors():
        yield part


@contextmanager
def run_files(folder: Path) -> Iterator[None]:
    """Raises: RunError: a run's directory cannot be written in the block; says why, of no space or no permission."""
    try:
        yield
    except (FetchError, OSError) as error:
        cause = error if isinstance(error, OSError) else error.__cause__
        reason = REASONS.get(cause.errno or 0) if isinstance(cause, OSError) else None
        if reason is None:
            raise
        raise RunError(f"The run's directory {folder} cannot be written: {reason}. Give another --runs.") from error


@contextmanager
def locked(directory: Path, *, wait: bool) -> Iterator[None]:
    """Keep other processes from doing the same run; a killed process holds nothing.

    Raises: BusyError: another process is doing it, and `wait` is false.
    """
    import filelock

    with run_files(directory):
        directory.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(directory / LOCK, timeout=-1 if wait else 0)
        try:
            lock.acquire()
        except filelock.Timeout as error:
            raise BusyError(f"{directory.name} is being run by another process.") from error
    try:
        yield
    finally:
        lock.release()
