"""What was handed to a cluster: a file for each submission in the folder of runs, and what became of its runs.

runs/submitted/
  mslt-3f2a91.json     the runs and command lines of each element; written before the cluster hears of it
  mslt-3f2a91.sh       what sbatch was given
  mslt-3f2a91_0.log    what element 0 said

The cluster knows a submission by its name. So nothing is sent twice, whenever the process that submits is killed.
"""

import hashlib
import json
import os
import shlex
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from mslt_cli.errors import DataError, MsltError
from mslt_cli.files import write_whole
from mslt_cli.foreign import parse_json, read_text_file
from mslt_cli.runs.checkpoints import last_step
from mslt_cli.runs.directory import AGAIN, CONFIG, RUN

FOLDER = "submitted"
Alive = Literal["queued", "running"]
RunState = Literal["queued", "running", "failed", "begun", "submitted"]
"""Failed: its element ended and the run is not done. Begun: by hand. Submitted: the cluster cannot be asked here."""


class ClusterError(MsltError):
    """A cluster cannot be asked, or does not take what is handed to it."""


@dataclass(frozen=True)
class SentRun:
    """One run of an element."""

    run_id: str
    folder: str
    sources: str
    """As the data set writes them, by comma."""
    seed: int
    command: tuple[str, ...]

    @property
    def line(self) -> str:
        """Its command line."""
        return shlex.join(self.command)


Element = tuple[SentRun, ...]


@dataclass(frozen=True)
class Submission:
    """What a cluster is given at once: elements, each of which does its runs one after another."""

    engine: str
    name: str
    root: Path
    """The folder of runs, absolute."""
    elements: tuple[Element, ...]
    job: str = ""
    """What the cluster calls it."""

    def path(self, suffix: str) -> Path:
        """The file of it that ends so."""
        return self.root / FOLDER / f"{self.name}{suffix}"

    def log(self, element: int) -> Path:
        """What an element said."""
        return self.path(f"_{element}.log")

    def write(self) -> None:
        """Write it down."""
        self.path("").parent.mkdir(parents=True, exist_ok=True)
        record = {
            "engine": self.engine,
            "job": self.job,
            "elements": [list(map(asdict, runs)) for runs in self.elements],
        }
        write_whole(self.path(".json"), (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode())


class Engine(Protocol):
    """A cluster that queues elements."""

    name: str

    def largest(self) -> int | None:
        """How many elements a submission may have; None = any number."""

    def script(self, submission: Submission) -> str:
        """What the cluster is given, for people to read."""

    def submit(self, submission: Submission) -> str:
        """Hand it over, and say what the cluster calls it. Raises: ClusterError."""

    def alive(self, submissions: Collection[Submission]) -> Mapping[tuple[str, int], Alive]:
        """The elements that have not ended, by submission's name and place. Raises: ClusterError: it can't be asked."""


class Unfinished(NamedTuple):
    """A run that is not done."""

    run_id: str
    sources: str
    seed: int
    state: RunState
    step: int
    """Of its last checkpoint."""
    job: str
    """What the cluster calls its element."""
    log: str
    said: str
    """The last thing that a run that failed said."""
    directory: str
    command: str


def new_name(elements: Sequence[Element]) -> str:
    """ "mslt-3f2a91"."""
    content = f"{[run.run_id for element in elements for run in element]} {time.time_ns()}"
    return f"mslt-{hashlib.sha256(content.encode()).hexdigest()[:6]}"


def read_submissions(root: Path) -> list[Submission]:
    """All submissions of a folder of runs, the oldest first. Raises: DataError: a file of them was changed."""
    written_at = {}
    for path in (root / FOLDER).glob("mslt-*.json"):
        with suppress(FileNotFoundError):  # a cluster refuses it just now
            written_at[path] = path.stat().st_mtime_ns
    return [_read(path, root) for path in sorted(written_at, key=lambda path: written_at[path])]


def _read(path: Path, root: Path) -> Submission:
    try:
        record = parse_json(read_text_file(path))
        elements = tuple(
            tuple(SentRun(**{**run, "command": tuple(run["command"])}) for run in element)
            for element in record["elements"]
        )
        texts = [record["engine"], record["job"]]
        for run in chain(*elements):
            texts += [run.run_id, run.folder, run.sources, *run.command]
        if not all(isinstance(text, str) for text in texts):
            raise TypeError("a text is something else")
        return Submission(record["engine"], path.stem, root, elements, record["job"])
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is not as mslt wrote it ({error}). Remove it.") from error


class Place(NamedTuple):
    """Where a run was sent last."""

    submission: Submission
    element: int
    run: SentRun


def places_of_runs(root: Path) -> dict[str, Place]:
    """Where each run was sent last, by the name of its directory."""
    return {
        run.folder: Place(submission, i, run)
        for submission in read_submissions(root)
        for i, element in enumerate(submission.elements)
        for run in element
    }


def alive_among(places: Collection[Place], engine: Engine) -> dict[str, Alive]:
    """The runs whose elements have not ended, by the names of their directories. Raises: ClusterError."""
    ours = [place for place in places if place.submission.engine == engine.name]
    alive = engine.alive({place.submission.name: place.submission for place in ours}.values()) if ours else {}
    states = {place.run.folder: alive.get((place.submission.name, place.element)) for place in ours}
    return {folder: state for folder, state in states.items() if state is not None}


def list_unfinished(root: Path, engines: Mapping[str, Engine]) -> tuple[list[Unfinished], list[str]]:
    """The runs that were begun or submitted and are not done; and why clusters cannot be asked, if so."""
    root = root.resolve()
    places = places_of_runs(root)
    alive: dict[str, Alive] = {}
    unasked, notes = set(), []
    for name in sorted({place.submission.engine for place in places.values()}):
        try:
            if name not in engines:
                raise ClusterError(f"Runs were handed to {name}, which this version of mslt does not know.")
            alive |= alive_among(places.values(), engines[name])
        except MsltError as error:
            unasked.add(name)
            notes.append(str(error))
    # Looked for after the cluster was asked: a run that ends meanwhile is done and has not failed.
    places = {name: place for name, place in places.items() if not (root / name / RUN).is_file()}
    if not {place.submission.engine for place in places.values()} & unasked:
        notes = []
    rows = []
    for folder, (submission, i, run) in places.items():
        state: RunState = alive.get(folder) or ("submitted" if submission.engine in unasked else "failed")
        log = submission.log(i)
        rows.append(
            Unfinished(
                run.run_id,
                run.sources,
                run.seed,
                state,
                last_step(root / folder),
                f"{submission.job or submission.name}_{i}",
                str(log),
                last_words(log) if state == "failed" else "",
                str(root / folder),
                run.line,
            )
        )
    return rows + list(_begun(root, places)), notes


def forget_sent(root: Path, folders: Collection[str]) -> None:
    """Take runs that were deleted out of what was handed over, so that they are listed no more; their logs stay."""
    for submission in read_submissions(root):
        elements = tuple(tuple(run for run in element if run.folder not in folders) for element in submission.elements)
        if elements != submission.elements:
            path = submission.path(".json")
            written_at = path.stat()
            replace(submission, elements=elements).write()
            os.utime(path, ns=(written_at.st_atime_ns, written_at.st_mtime_ns))  # the last one counts


def _begun(root: Path, known: Collection[str]) -> Iterator[Unfinished]:
    """Runs that were begun by hand and are not done."""
    for path in sorted(root.glob(f"*/{CONFIG}")):
        folder = path.parent
        if folder.name in known or (folder / RUN).is_file():
            continue
        try:
            config = json.loads(path.read_text(encoding="utf-8"))
            identity = config["identity"]
            run = Unfinished(
                config["run_id"],
                ",".join(identity["shares"]),
                identity["seed"],
                "begun",
                last_step(folder),
                "",
                "",
                "",
                str(folder),
                shlex.join(["mslt", "train", "--config", str(folder / AGAIN)]),
            )
        except (OSError, ValueError, KeyError, TypeError):
            continue  # a folder of something else
        yield run


def last_words(log: Path) -> str:
    """The last thing that mslt said in a log, else its last line; why there is no log, if there is none."""
    try:
        lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    except FileNotFoundError:
        return "there is no log: it never began"
    said = [line.removeprefix("mslt: ") for line in lines if line.startswith("mslt: ")] or lines
    return said[-1] if said else "it said nothing"
