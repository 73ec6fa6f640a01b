"""`train`: where plans, run directories and the store meet."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mslt_cli.errors import MsltError
from mslt_cli.fields import check_fields
from mslt_cli.models.find import Model
from mslt_cli.progress import QUIET, Progress
from mslt_cli.runs.answering import Evaluation
from mslt_cli.runs.directory import BusyError
from mslt_cli.runs.how import How
from mslt_cli.runs.index import Index
from mslt_cli.runs.plan import Experiment, Planned, plan
from mslt_cli.runs.samples import check_samples
from mslt_cli.runs.session import Session
from mslt_cli.runs.work import Outcome, State, Work
from mslt_cli.tasks.task import Task
from mslt_cli.training.distributed import World, join_world
from mslt_cli.training.mixture import Sampling
from mslt_cli.training.settings import Settings


@dataclass(frozen=True)
class Finished:
    """What became of a planned run."""

    planned: Planned
    outcome: Outcome | None
    error: MsltError | None = None


def train(
    store: Path,
    task: Task,
    model: Model,
    sources: Sequence[Sequence[str]],
    *,
    root: Path,
    examples: int | None = None,
    seeds: Sequence[int] = (0,),
    sampling: Sampling = Sampling(),
    settings: Settings | None = None,
    targets: Sequence[str] = (),
    evaluation_split: str | None = None,
    evaluations: Sequence[Evaluation] = (),
    how: How = How(),
    progress: Progress = QUIET,
    announce: Callable[[list[tuple[Planned, State]], Session], bool] | None = None,
    first: Callable[[int], int] = lambda runs: 0,
) -> list[Finished]:
    """Train on one combination or on many, evaluate each on the targets, and record all; what is done is not repeated.

    A run that fails does not stop the others. A run that another process is doing comes last, and is waited for.

    Args:
        store: path of the store, the index over run directories.
        task: of kind sequence- or token-classification, or instruction.
        model: with its weights: an encoder, or for instructions a decoder.
        sources: combinations of languages, in any spelling.
        root: the folder of run directories.
        examples: the budget of every run. Default: what the smallest of all sources has.
        seeds: one run of each combination for each.
        settings: how a model learns. Default: the default preset.
        targets: languages to evaluate on, in any spelling; "all" or "paper-literal". Default: the task's.
        evaluation_split: the split to evaluate on. Default: the task's.
        evaluations: for instructions, which are not evaluated on: other tasks.
        announce: is given the plan, with what is there of each run, before anything is trained; says whether to go on.
        first: which of so many runs to begin with, so that several processes share one plan.

    Returns:
        The runs in the order of the plan; none if `announce` says so.

    Raises:
        UsageError, DataError, FetchError, UnknownNameError: as `plan`; nothing has been trained then.
    """
    check_fields(how)
    experiment = Experiment(
        task=task,
        model=model,
        sources=sources,
        examples=examples,
        seeds=seeds,
        sampling=sampling,
        settings=settings,
        targets=targets,
        evaluation_split=evaluation_split,
        evaluations=evaluations,
    )
    runs = plan(experiment, device=how.device, progress=progress)
    with join_world() as world:
        session = Session(model, device=_device_of(world) or how.device, progress=progress)
        works = [Work(item, root, how, session, world) for item in runs]
        states = [(work.planned, work.state) for work in works]
        if announce is not None and not announce(states, session):
            return []
        if left := [planned for planned, state in states if state != "done"]:
            from mslt_cli.models.loading import check_loadable

            check_loadable(model.folder, session.device)  # for its errors
            for note in check_samples(left, session):
                progress.note(note)
        return _carry_out(works, first(len(works)), Index(store, progress))


def _device_of(world: World) -> str | None:
    """The GPU of this process, where several train together; else None."""
    if world.size == 1:
        return None
    import torch

    return f"cuda:{world.local_rank}" if torch.cuda.is_available() else None


def _carry_out(works: Sequence[Work], first: int, index: Index) -> list[Finished]:
    """Do all runs, from the one in place `first` on; those that other processes do come last."""
    finished: dict[int, Finished] = {}
    busy: list[int] = []
    trained_s: list[float] = []

    def carry_out(i: int, left: int, *, wait: bool) -> None:
        work, clock = works[i], time.monotonic()
        try:
            outcome = work.carry_out(wait=wait)
        except BusyError:
            busy.append(i)
            return
        except MsltError as error:
            if work.world.size > 1:  # the other processes are elsewhere in this run: the launcher ends them
                raise
            if len(works) > 1:
                index.progress.note(f"{work.spec.title} failed: {error}")
            finished[i] = Finished(work.planned, None, error)
            return
        finished[i] = Finished(work.planned, outcome)
        if work.world.first:
            index.save(outcome.run)
        if outcome.status == "trained":
            trained_s.append(time.monotonic() - clock)
            if len(trained_s) == 1 and left:
                index.progress.note(f"{left} more to go; that takes about {readable_time(left * trained_s[0])}")

    for turn, i in enumerate([*range(first, len(works)), *range(first)], 1):
        carry_out(i, len(works) - turn, wait=False)
    for i in busy:
        index.progress.note(f"{works[i].spec.title} is being run by another process: waiting for it")
        carry_out(i, 0, wait=True)
    return [finished[i] for i in range(len(works))]


def readable_time(seconds: float) -> str:
    """ "40 s", "12 min", "3.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
