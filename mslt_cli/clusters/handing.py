"""Plans are handed over: what is neither done nor queued is cut into elements and submissions; and waited for."""

import shlex
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeVar

from mslt_cli.clusters.ray_tasks import RayCluster
from mslt_cli.clusters.slurm import Slurm
from mslt_cli.clusters.submissions import (
    FOLDER,
    ClusterError,
    Engine,
    Place,
    SentRun,
    Submission,
    alive_among,
    last_words,
    new_name,
    places_of_runs,
)
from mslt_cli.errors import MsltError, UnknownNameError, UsageError
from mslt_cli.progress import Progress
from mslt_cli.runs.experiment import do_runs
from mslt_cli.runs.how import How
from mslt_cli.runs.locks import locked
from mslt_cli.runs.plan import Experiment, Planned
from mslt_cli.runs.session import Session, has_gpu_driver
from mslt_cli.runs.work import State

Plan = Sequence[tuple[Planned, State]]
"""Runs, and what is there of each."""
T = TypeVar("T")
POLL_S = 15.0
"""Seconds between two looks at the cluster."""
SETTLE_S = 60.0
"""For so many seconds a run that ended on another machine may be invisible here: file systems of clusters cache."""


class Handed(NamedTuple):
    """What became of a plan."""

    submissions: list[Submission]
    done: int
    alive: int
    """Runs that were queued or running already."""


def engine_named(name: str, slurm: Sequence[str], ray: Sequence[str], precision: str) -> Engine:
    """The cluster that a user names, with its options; `precision` is what the settings say.

    Raises:
        UnknownNameError: there is no such engine.
        UsageError: options of another engine are given, or a run would be another one on the cluster than here.
    """
    if name not in ENGINES:
        raise UnknownNameError("cluster engine", name, list(ENGINES))
    given = {"slurm": slurm, "ray": ray}
    if others := [other for other, options in given.items() if options and other != name]:
        raise UsageError(f"--{others[0]} goes with --submit {others[0]}. Leave it out.")
    engine = ENGINES[name](given[name])
    if precision == "auto" and engine.wants_gpu and not has_gpu_driver():
        raise UsageError(
            "The cluster's GPUs may compute in bf16, this machine has none, and precision is a part of a run's id. "
            "Give --precision bf16, or fp32."
        )
    return engine


ENGINES: dict[str, type[Slurm] | type[RayCluster]] = {"slurm": Slurm, "ray": RayCluster}


def require_submittable(*, force: bool, jobs: int, processes: int) -> None:
    """Raises: UsageError: a plan cannot be handed over so; `jobs` are runs at once of a plan that is no search."""
    if force:
        raise UsageError("A job that is queued again would begin anew each time with --force. Leave it out.")
    if jobs > 1:
        raise UsageError("--jobs is for this machine. --slurm array=%10 says how many elements run at once.")
    if processes > 1:
        raise UsageError("torchrun would submit a plan as often as it has processes. Leave it out.")


def hand_over(
    plan: Plan,
    engine: Engine,
    root: Path,
    how: Sequence[str],
    alive: Collection[str],
    *,
    per_element: int = 1,
    dry_run: bool = False,
) -> Handed:
    """Submit the runs of a plan that are neither done nor queued or running already.

    Args:
        plan: with what is there of each run.
        root: the folder of runs, which the cluster sees at the same path.
        how: the words of each command line that say how a run is carried out.
        alive: what `handing_over` gave before the plan was made: a run that ends meanwhile is done in the plan.
        per_element: runs that an element does one after another.
        dry_run: make the submissions, write nothing and send nothing.

    Raises: ClusterError: the cluster takes no more, or cannot be asked; what was sent before is said.
    """
    root = root.resolve()
    left = [planned for planned, state in plan if state != "done" and planned.spec.folder_name not in alive]
    elements = [tuple(_sent(planned, how) for planned in group) for group in _sliced(left, per_element)]
    submissions: list[Submission] = []
    for chunk in _sliced(elements, engine.largest() or max(1, len(elements))):
        submission = Submission(engine.name, new_name(chunk), root, chunk)
        if not dry_run:
            submission = _send(submission, engine, submissions)
        submissions.append(submission)
    done = sum(state == "done" for _, state in plan)
    return Handed(submissions, done, len(plan) - done - len(left))


@contextmanager
def handing_over(engine: Engine, root: Path) -> Iterator[Collection[str]]:
    """The directories of the runs that are queued or running on a cluster, by name.

    In the block nobody else hands over runs of this folder, so that two who begin at once send nothing twice.
    Raises: ClusterError.
    """
    root = root.resolve()
    with locked(root / FOLDER, wait=True):
        yield alive_among(places_of_runs(root).values(), engine)


def _send(submission: Submission, engine: Engine, before: Sequence[Submission]) -> Submission:
    """Hand one submission over, and write it down."""
    submission.write()  # first: killed between the two, it is known to have been queued or not to be there
    try:
        job = engine.submit(submission)
    except MsltError as error:
        submission.path(".json").unlink()
        if before:
            jobs = ", ".join(other.job for other in before)
            raise ClusterError(f"{error} Taken before: {jobs}. The same command again sends what is left.") from error
        raise
    submission = replace(submission, job=job)
    submission.write()
    return submission


def _sent(planned: Planned, how: Sequence[str]) -> SentRun:
    """A run as an element has it."""
    spec = planned.spec
    words = shlex.split(planned.command(how))
    if words[0] == "mslt":
        words[:1] = [sys.executable, "-m", "mslt_cli"]
    return SentRun(spec.run_id, spec.folder_name, ",".join(spec.codes), spec.seed, tuple(words))


@contextmanager
def helped_by(
    engine: Engine,
    store: Path,
    batch: Experiment,
    root: Path,
    how: How,
    words: Sequence[str],
    per_element: int,
    progress: Progress,
) -> Iterator[None]:
    """Have the runs of an experiment done by a cluster, before the block finds them done.

    Killed at any moment and called again, it sends nothing twice and goes on waiting.
    """

    def find_states() -> Plan:
        found: list[tuple[Planned, State]] = []

        def keep(plan: list[tuple[Planned, State]], _: Session) -> bool:
            found.extend(plan)
            return False

        do_runs(store, batch, root=root, how=how, announce=keep)
        return found

    with handing_over(engine, root) as alive:
        handed = hand_over(find_states(), engine, root, words, alive, per_element=per_element)
    for sent in handed.submissions:
        progress.remark(f"submitted to {engine.name}: job {sent.job}, {len(sent.elements)} elements")
    wait_for(find_states, engine, root, progress)
    yield


def wait_for(find_states: Callable[[], Plan], engine: Engine, root: Path, progress: Progress) -> None:
    """Wait until the cluster has done all runs of a plan that were handed over.

    Args:
        find_states: gives the plan with what is there of each run now.

    Raises: MsltError: runs ended without being done; says what the first of them said.
    """
    root, told = root.resolve(), ""
    places, ended_at = _of_plan(find_states(), places_of_runs(root)), 0.0
    while True:
        alive = list(alive_among(places, engine).values())
        text = f"{alive.count('queued')} queued and {alive.count('running')} running on {engine.name}"
        if alive and text != told:
            progress.remark(told := text)
        if alive:
            ended_at = 0.0
        elif not (left := _of_plan(find_states(), places_of_runs(root))):
            return
        else:
            ended_at = ended_at or time.monotonic()
            if time.monotonic() - ended_at >= SETTLE_S:
                log = left[0].submission.log(left[0].element)
                first = f"{left[0].run.sources} seed {left[0].run.seed}: {last_words(log)} (log: {log})"
                raise MsltError(f"{len(left)} runs ended without being done, first {first}")
        time.sleep(POLL_S)


def _of_plan(plan: Plan, places: Mapping[str, Place]) -> list[Place]:
    """Where the runs of a plan that are not done were sent last."""
    folders = [planned.spec.folder_name for planned, state in plan if state != "done"]
    return [places[folder] for folder in folders if folder in places]


def _sliced(items: Sequence[T], size: int) -> list[tuple[T, ...]]:
    return [tuple(items[i : i + size]) for i in range(0, len(items), size)]
