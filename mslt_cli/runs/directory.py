"""A run's directory: the truth about a run. The store is an index over such directories.

cldr_e5-small_ara-deu-zho_600_s0_1a2b3c4d5e6f/
  config.json                what determines the run; written first
  config.toml                its command line, for `mslt train --config`
  manifest.parquet           language and id of each training example
  metrics.jsonl              a line a step
  checkpoints/000120/        the newest two, while it is trained
  predictions/               a parquet file a target
  model/                     with --keep-model; of a decoder always, its adapter
  merged/                    with --merge: a decoder with its adapter worked in
  m…/README.md               a card of either, made of run.json: it may be edited, and is in no checksum
  m…/.eval_results/          its scores for the hub, likewise
  run.json                   all of it in one place, with a checksum of each file; written last, so a run without it is
                             not done

run.json alone says which files are a run's. A file never takes the place of another one that run.json names: it gets a
name of its own (`free_name`), run.json is replaced as a whole, and then what it no longer names is dropped. So a run
that is done stays whole whatever is killed.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from mslt_cli.errors import FetchError, MsltError
from mslt_cli.files import REASONS, cut_name, drop, new_file, new_folder, sha256_of
from mslt_cli.foreign import LONGEST_NAME, require_path

if TYPE_CHECKING:
    import polars as pl

RUN, CONFIG, MANIFEST, METRICS = "run.json", "config.json", "manifest.parquet", "metrics.jsonl"
AGAIN, TENSORBOARD = "config.toml", "tensorboard"
"""Options that repeat the run; and what TensorBoard reads, with --report-to, which is no part of the run."""
NEW_METRICS = f"new-{METRICS}"
"""The lines of a training under way whose run is done already, and is trained again for further targets."""
PREDICTIONS, CHECKPOINTS, MODEL, MERGED, LOCK = "predictions", "checkpoints", "model", "merged", ".lock"
CARD = "README.md"
"""In a folder with a kept model."""
CHANGED = "it was changed. Restore it, or run it again with --force."
ID_DIGITS = 12


class RunError(MsltError):
    """A run's directory cannot be read or written, or is not what was written."""


def runs_root(given: Path | None, store: Path) -> Path:
    """Where runs are kept: as given, else MSLT_RUNS, else the folder `runs` beside the store."""
    from_environment = os.environ.get("MSLT_RUNS")
    root = given or (Path(from_environment).expanduser() if from_environment else store.parent / "runs")
    return require_path(root, "The folder of runs")


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
    def task_name(self) -> str:
        """What finds its task here: a user's own by its file; where that is not here, by its name, if it is known."""
        name = str(self.record["task"]["name"])
        there = not name.endswith(".toml") or os.path.exists(name)
        return name if there else str(self.identity["task"]["name"])

    @property
    def scores(self) -> Sequence[Mapping[str, Any]]:
        """One for each task, split, target and metric."""
        return cast(Sequence[Mapping[str, Any]], self.record["scores"])

    @property
    def means(self) -> Sequence[Mapping[str, Any]]:
        """The unweighted mean over the targets of each evaluation, by task, split and metric, with 95 % intervals."""
        return cast(Sequence[Mapping[str, Any]], self.record["means"])

    @property
    def files(self) -> Mapping[str, str]:
        """SHA-256 of each of its files, by their paths in its directory."""
        return cast(Mapping[str, str], self.record["files"])

    @property
    def model_folder(self) -> Path | None:
        """The trained weights, where they were kept."""
        return self.folder(MODEL)

    def folder(self, name: str) -> Path | None:
        """The folder `model` or `merged`, where it is a part of the run."""
        folder = self.directory / name
        of_run = any(file.startswith(f"{name}/") for file in self.files) or self.lacks_checksums
        return folder if of_run and folder.is_dir() else None

    @property
    def lacks_checksums(self) -> bool:
        """Whether it is of an earlier mslt, which kept no checksums of `model` and `merged`."""
        return self.identity["kind"] == "train" and CONFIG not in self.files

    def predictions(self, score: Mapping[str, Any]) -> pl.DataFrame:
        """The rows id, gold, predicted behind a score. Raises: RunError: they are missing or were changed."""
        import polars as pl

        check_files(self, score["predictions"])
        return pl.read_parquet(self.directory / score["predictions"], glob=False)


def read_run(directory: Path) -> Run | None:
    """The run in a directory; None if it has not ended. Raises: RunError: run.json was changed or cannot be read."""
    path = directory / RUN
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except NotADirectoryError as error:
        raise RunError(f"{directory} is a file, not a run's directory.") from error
    except (OSError, ValueError, RecursionError) as error:
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
    """Write run.json, whole or not at all, and drop what it does not name; the directory is locked."""
    write_json(directory / RUN, {**record, "sha256": sha256_of_json(record)})
    run = Run(directory, record)
    drop_leftovers(run)
    return run


def drop_leftovers(run: Run) -> None:
    """Remove what a killed process left in a finished run's directory, which is locked.

    The checkpoints stay where the run is being trained again for further targets.
    """
    directory = run.directory
    left = [*directory.glob(".*.part"), *directory.glob("*/.*.part")]
    if not (directory / NEW_METRICS).exists():
        left.append(directory / CHECKPOINTS)
    if not run.lacks_checksums:
        left += [directory / name for name in (MODEL, MERGED) if run.folder(name) is None]
        ours = [*directory.glob(f"{PREDICTIONS}/*.parquet"), *directory.glob("metrics*.jsonl")]
        left += [path for path in ours if path.relative_to(directory).as_posix() not in run.files]
    for path in left:
        drop(path)


def clear_run(directory: Path) -> None:
    """Remove all that a run wrote, so that it starts anew."""
    ours = (RUN, CHECKPOINTS, NEW_METRICS, CONFIG, AGAIN, MANIFEST, METRICS, PREDICTIONS, MODEL, MERGED, TENSORBOARD)
    for name in (*ours, "cache"):  # run.json first: what a kill leaves is no run
        drop(directory / name)
    for path in [*directory.glob(".*.part"), *directory.glob("metrics*.jsonl")]:
        drop(path)


def free_name(name: str, sha256: str, taken: Mapping[str, str]) -> str:
    """The name for a file of this content: the usual one, unless run.json names another file so."""
    if taken.get(name, sha256) == sha256:
        return name
    path = Path(name)
    return path.with_name(f"{path.stem}-{sha256[:8]}{path.suffix}").as_posix()


def checksums_in(directory: Path, *names: str) -> dict[str, str]:
    """SHA-256 of files of a run, and of all files in folders of it, by their paths in its directory; as `Run.files`.

    That takes about a second a GB. What is hidden (by a file browser say, or for the hub) does not count, nor does a
    model's card.
    """
    paths = [path for name in names for path in [directory / name, *sorted((directory / name).rglob("*"))]]
    return {
        path.relative_to(directory).as_posix(): sha256_of(path)
        for path in paths
        if path.is_file() and path.name != CARD
        if not any(part.startswith(".") for part in path.relative_to(directory).parts)
    }


def check_files(run: Run, *names: str) -> None:
    """Raises: RunError: one of these files or folders of a run, or with no names any, is missing or was changed.

    A run of an earlier mslt has no checksums of its folders `model` and `merged`, and these pass.
    """
    for name in names or run.files:
        path = run.directory / name
        if not path.resolve().is_relative_to(run.directory.resolve()):
            raise RunError(f"{run.directory / RUN} names a file outside its directory: {name}.")
    found = checksums_in(run.directory, *(names or [*run.files, MODEL, MERGED]))
    for name in found.keys() | {n for n in run.files if not names or n in names or n.partition("/")[0] in names}:
        path = run.directory / name
        if name not in found:
            raise RunError(f"{path} is missing. Restore it, or run it again with --force.")
        if name not in run.files and not run.lacks_checksums:
            raise RunError(f"{path} is not of this run, which would be another one with it. Move it away.")
        if found[name] != run.files.get(name, found[name]):
            raise RunError(f"{path} is not as mslt wrote it: {CHANGED}")


def check_weights_of_run(folder: Path) -> None:
    """Raises: RunError: a model's folder is `model` or `merged` of a run, and not as the run left it."""
    folder = folder.resolve()
    if folder.name in (MODEL, MERGED) and (run := read_run(folder.parent)) is not None:
        check_files(run, folder.name)


def id_of(identity: Mapping[str, Any]) -> str:
    """The id of a run with this identity."""
    return sha256_of_json(identity)[:ID_DIGITS]


def run_folder_name(readable: str, run_id: str) -> str:
    """The name of a run's directory: for people, and cut where it is too long, but for its end, which is the id."""
    plain = re.sub(r"[\x00-\x1f\x7f]", "_", readable)  # a model's folder may have any name
    return f"{cut_name(plain, LONGEST_NAME - ID_DIGITS - 1)}_{run_id}"


def sha256_of_json(value: Any) -> str:
    """The SHA-256 of the one way in which we write JSON: sorted keys, no blanks."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def write_json(path: Path, value: Any) -> None:
    """Raises: as `run_files`."""
    with run_files(path.parent), new_file(path) as part:
        part.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def write_bytes(path: Path, data: bytes) -> None:
    """Raises: as `run_files`."""
    with run_files(path.parent), new_file(path) as part:
        part.write_bytes(data)


def parquet_of(frame: pl.DataFrame) -> bytes:
    """A table as it is kept in a run's directory."""
    data = io.BytesIO()
    frame.write_parquet(data, compression="zstd", statistics=False)
    return data.getvalue()


@contextmanager
def new_run_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the place of `path` when the block ends well. Raises: as `run_files`."""
    with run_files(path.parent), new_folder(path, replace=True) as part:
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
