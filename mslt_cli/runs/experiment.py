"""`train`: where plans, run directories and the store meet."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from mslt_cli.errors import MsltError
from mslt_cli.models.find import Model
from mslt_cli.progress import QUIET, Progress
from mslt_cli.runs.answering import Evaluation
from mslt_cli.runs.checkpoints import last_step
from mslt_cli.runs.directory import BusyError, Run, RunError
from mslt_cli.runs.index import Index
from mslt_cli.runs.plan import Planned, check_samples, plan
from mslt_cli.runs.session import Session
from mslt_cli.runs.work import How, Outcome, carry_out, find_done
from mslt_cli.tasks.task import Task
from mslt_cli.training.distributed import World, join_world
from mslt_cli.training.settings import Settings

State = Literal["done", "goes on", "new"]


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
    seeds: Sequence[int] = (0,),
    settings: Settings | None = None,
    keep_model: bool = False,
    merge: bool = False,
    force: bool = False,
    checkpoint_every: int | None = None,
    micro_batch: int | None = None,
    device: str | None = None,
    progress: Progress = QUIET,
    announce: Callable[[list[tuple[Planned, State]], Session], bool] | None = None,
    first: Callable[[int], int] = lambda runs: 0,
    **planned: Any,
) -> list[Finished]:
    """Train on one combination or on many, evaluate each on the targets, and record all; what is done is not repeated.

    A run that fails does not stop the others. A run that another process is doing comes last, and is waited for.

    Args:
        store: path of the store, the index over run directories.
        task, model, sources, seeds, settings, device, **planned: see `plan`.
        root: the folder of run directories.
        keep_model: keep the trained weights; a decoder's adapter is kept anyway.
        merge: also write a decoder with its adapter worked in.
        force: run anew what is done.
        checkpoint_every: steps; 0 = never; None = every five minutes.
        micro_batch: most examples that go through the model at once.
        progress: hears of it.
        announce: is given the plan, with what is there of each run, before anything is trained; says whether to go on.
        first: which of so many runs to begin with, so that several processes share one plan.

    Raises:
        MsltError: as `plan`; nothing has been trained then.
    """
    runs = plan(task, model, sources, seeds=seeds, settings=settings, device=device, progress=progress, **planned)
    how = How(root, keep_model, merge, force, checkpoint_every, micro_batch=micro_batch)
    with join_world() as world:
        session = Session(model, device=f"cuda:{world.local_rank}" if _on_gpus(world) else device, progress=progress)
        states = [(item, _state(item, how, session)) for item in runs]
        if announce is not None and not announce(states, session):
            return []
        if any(state != "done" for _, state in states):
            from mslt_cli.models.loading import check_loadable

            check_loadable(model.folder, session.device)  # for its errors
        for note in check_samples([item for item, state in states if state != "done"], session):
            progress.note(note)
        # Rotated, so that processes with one plan begin at different places.
        start = first(len(runs))
        turned = runs[start:] + runs[:start]
        done = _execute(turned, how, session, progress, world, Index(store, progress).save)
    order = {id(item): i for i, item in enumerate(runs)}
    return sorted(done, key=lambda finished: order[id(finished.planned)])


def _on_gpus(world: World) -> bool:
    if world.size == 1:
        return False
    import torch

    return torch.cuda.is_available()


def _state(item: Planned, how: How, session: Session) -> State:
    try:
        if find_done(item.spec, item.evaluations, how, session) is not None:
            return "done"
    except RunError:
        return "new"  # it will say what is wrong when its turn comes
    return "goes on" if last_step(how.root / item.spec.folder_name) and not how.force else "new"


def _execute(
    runs: Sequence[Planned],
    how: How,
    session: Session,
    progress: Progress,
    world: World,
    index: Callable[[Run], None],
) -> list[Finished]:
    done: list[Finished] = []
    busy: list[Planned] = []
    trained_s: list[float] = []

    def one(item: Planned, left: int, *, wait: bool) -> None:
        clock = time.monotonic()
        try:
            outcome = carry_out(item.spec, item.evaluations, replace(how, wait=wait), session, progress, world)
        except BusyError:
            busy.append(item)
            return
        except MsltError as error:
            if world.size > 1:  # the other processes are elsewhere in this run: the launcher ends them
                raise
            if len(runs) > 1:
                progress.note(f"{item.spec.label} seed {item.spec.seed} failed: {error}")
            done.append(Finished(item, None, error))
            return
        done.append(Finished(item, outcome))
        if world.first:
            index(outcome.run)
        if outcome.status == "trained":
            trained_s.append(time.monotonic() - clock)
            if len(trained_s) == 1 and left:
                progress.note(f"{left} more to go; that takes about {readable_time(left * trained_s[0])}")

    for i, item in enumerate(runs):
        one(item, len(runs) - i - 1, wait=False)
    for item in busy:
        progress.note(f"{item.spec.label} seed {item.spec.seed} is being run by another process: waiting for it")
        one(item, 0, wait=True)
    return done


def together(evaluations: Iterable[Evaluation]) -> list[Evaluation]:
    """Evaluations of several runs, each task and reading once with all its targets."""
    found: dict[tuple[str, str, str], Evaluation] = {}
    for evaluation in evaluations:
        key = (evaluation.task.variant, evaluation.split, evaluation.scoring)
        there = found.setdefault(key, evaluation)
        found[key] = replace(there, targets=tuple(dict.fromkeys([*there.targets, *evaluation.targets])))
    return list(found.values())


def readable_time(seconds: float) -> str:
    """ "40 s", "12 min", "3.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
