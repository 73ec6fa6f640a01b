"""Where the store and the directories of runs disagree; and what takes runs out of the store, or deletes them."""

import glob
import json
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from mslt_cli.errors import MsltError, UnknownNameError, UsageError
from mslt_cli.files import drop
from mslt_cli.runs.directory import CONFIG, LOCK, RUN, RunError, clear_run, read_run
from mslt_cli.runs.locks import LEASE, BusyError, locked
from mslt_cli.store.db import Store
from mslt_cli.store.runs import LEAST_DIGITS, find_one_run, find_runs, forget_runs, known_directories, stored_scores

SCORED = ("task", "split", "scoring", "target", "metric", "value")
"""What tells whether store and directory have the same scores."""

GONE = "its directory is gone"


class RunPlace(NamedTuple):
    """A run and its directory, and what is to say of them."""

    run_id: str
    name: str
    """ "MSLT(ar,de,zh)"; empty where it is not known."""
    directory: str
    what: str = ""


def find_disagreements(store: Store, root: Path) -> list[RunPlace]:
    """The runs of the store whose directories are gone or say something else; then the runs of a folder that it lacks.

    Files of a run beside its run.json are not looked at: that takes a second a GB, and `fetch runs` does it.
    """
    known = {run.run_id: run for run in find_runs(store, origin="own")}
    places = {run.directory for run in known.values()}
    found: dict[str, list[RunPlace]] = {}
    for directory in sorted({path.parent for path in root.rglob(RUN)}):
        if str(directory.resolve()) in places:
            continue
        try:
            there = read_run(directory)
        except RunError as error:
            run_id = _id_in_name(directory)
            found.setdefault(run_id, []).append(RunPlace(run_id, "", str(directory), str(error)))
            continue
        if there is not None:
            run_id = there.run_id
            what = f"the store has it in {known[run_id].directory}" if run_id in known else "not in the store"
            found.setdefault(run_id, []).append(RunPlace(run_id, str(there.record["name"]), str(directory), what))
    differing = [
        RunPlace(run.run_id, run.name, run.directory, what)
        for run in known.values()
        if (what := _say_difference(store, run.run_id, Path(run.directory)))
        and (what != GONE or run.run_id not in found)
    ]
    return [*differing, *(place for here in found.values() for place in here)]


def _say_difference(store: Store, run_id: str, directory: Path) -> str:
    """What is wrong with the directory of a run that the store knows; empty if nothing is."""
    try:
        run = read_run(directory)
    except RunError as error:
        return str(error)
    if run is None:
        return GONE if not directory.is_dir() else f"{RUN} is gone"
    if run.run_id != run_id:
        return f"its directory holds run {run.run_id}"
    stored = {tuple(getattr(score, name) for name in SCORED) for score in stored_scores(store, run_id=run_id)}
    own = {tuple(score.get(name, "") for name in SCORED) for score in run.scores}
    return "" if own <= stored else "its directory has other scores"


def prune_runs(store: Store) -> list[RunPlace]:
    """Forget the own runs whose directories are gone; gives these. The store is open to write."""
    runs = [run for run in find_runs(store, origin="own") if not Path(run.directory, RUN).is_file()]
    forget_runs(store, [run.run_id for run in runs])
    return [RunPlace(run.run_id, run.name, run.directory, "forgotten") for run in runs]


def find_place(store: Store, name: str, root: Path) -> RunPlace:
    """The run that a user names by its directory or the first digits of its id.

    One that has not ended is known by its directory alone, and looked for in the folder of runs.

    Raises: UnknownNameError: there is none. UsageError: several ids begin so.
    """
    path = Path(name).expanduser().resolve()
    if name.strip() and (run_id := _id_of(path)):
        return RunPlace(run_id, path.name, str(path))
    run = find_one_run(store, name, origin="own")
    if run is None and len(name) >= LEAST_DIGITS:
        begun = [place for place in sorted(root.glob(f"*_{glob.escape(name)}*")) if _id_of(place).startswith(name)]
        if len(begun) > 1:
            raise UsageError(f"{len(begun)} runs begin with {name}: {', '.join(map(_id_of, begun))}. Write more of it.")
        for place in begun:
            return RunPlace(_id_of(place), place.name, str(place.resolve()))
    if run is None:
        hint = (
            f"Give its directory, or the first {LEAST_DIGITS} digits of its id or more; `mslt report runs` lists them."
        )
        raise UnknownNameError("run", name, (), hint)
    return RunPlace(run.run_id, run.name, run.directory)


def _id_of(directory: Path) -> str:
    """The id of the run in a directory; empty where it is none: a model's folder has a config.json too.

    A run.json that is whole says it; of a run that has not ended, or is damaged, the directory's name has to end in it.
    """
    with suppress(RunError):
        if run := read_run(directory):
            return run.run_id
    in_name = _id_in_name(directory)
    is_run = (directory / RUN).is_file() and re.fullmatch("[0-9a-f]{12}", in_name)
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        is_run = is_run or json.loads((directory / CONFIG).read_text(encoding="utf-8"))["run_id"] == in_name
    return in_name if is_run else ""


def _id_in_name(directory: Path) -> str:
    return directory.name.rpartition("_")[2]


def discard_runs(store: Store, runs: Sequence[RunPlace]) -> list[RunPlace]:
    """Delete runs: what they wrote, their directories unless something else is in them, and what the store knows.

    Args:
        store: open to write.
        runs: as `find_place` gives them.

    Raises: MsltError: one is being trained, or cannot be deleted; those before it are gone.
    """
    for run in runs:
        directory = Path(run.directory)
        if directory.is_dir():
            try:
                with locked(directory, wait=False):
                    clear_run(directory)
            except BusyError as error:
                raise MsltError(f"{error} End that first: it would go on without its directory.") from error
            for name in (LOCK, LEASE):
                drop(directory / name)
            with suppress(OSError):  # it stays where something else is in it
                directory.rmdir()
        if known_directories(store).get(run.run_id) == run.directory:
            forget_runs(store, [run.run_id])
    left = [Path(run.directory).exists() for run in runs]
    return [
        run._replace(what="deleted; files that are not of the run stay" if stays else "deleted")
        for run, stays in zip(runs, left, strict=True)
    ]
