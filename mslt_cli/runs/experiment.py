"""`train`: where plans, run directories and the store meet; and what planned runs will take."""

import os
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mslt_cli.data.examples import Example
from mslt_cli.errors import MsltError
from mslt_cli.fields import check_fields
from mslt_cli.models.find import Model
from mslt_cli.models.shape import ModelShape, read_shape
from mslt_cli.progress import QUIET, SILENT, Progress, Step
from mslt_cli.runs.answering import Evaluation
from mslt_cli.runs.how import How
from mslt_cli.runs.index import Index
from mslt_cli.runs.locks import LEASE_S, POLL_S, BusyError
from mslt_cli.runs.places import Places, finished_run
from mslt_cli.runs.plan import Experiment, Planned, plan
from mslt_cli.runs.samples import (
    check_samples,
    choose_ids,
    count_cut,
    count_tokens,
    encode_examples,
    planned_tokens,
)
from mslt_cli.runs.session import Session, has_gpu_driver
from mslt_cli.runs.spec import TrainSpec
from mslt_cli.runs.work import Outcome, State, Work
from mslt_cli.store.db import open_store, store_exists
from mslt_cli.store.runs import tokens_per_s
from mslt_cli.tasks.task import Task
from mslt_cli.training.distributed import World, count_processes, join_world
from mslt_cli.training.duration import count_operations, estimate_seconds
from mslt_cli.training.memory import estimate_memory, largest_part
from mslt_cli.training.mixture import Sampling
from mslt_cli.training.settings import Settings


@dataclass(frozen=True)
class Finished:
    """What became of a planned run."""

    planned: Planned
    outcome: Outcome | None
    """None: it failed, or was left to another process."""
    error: MsltError | None = None


def train(
    store: Path,
    task: Task,
    model: Model,
    sources: Sequence[Sequence[str]],
    *,
    root: Path,
    examples: int | None = None,
    seeds: Sequence[int] | Mapping[tuple[str, ...], Sequence[int]] = (0,),
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

    A run that is done counts wherever its directory is, if the store knows it or it lies in `root`. A run that fails
    does not stop the others. A run that another process is doing comes last, and is waited for unless `how` says
    otherwise.

    Args:
        store: path of the store, the index over run directories.
        task: of kind sequence- or token-classification, or instruction.
        model: with its weights: an encoder, or for instructions a decoder.
        sources: combinations of languages, in any spelling.
        root: the folder of run directories.
        examples: the budget of every run. Default: what the smallest of all sources has.
        seeds: one run of each combination for each; or the seeds of each combination (sorted ISO 639-3 codes).
        settings: how a model learns. Default: the default preset.
        targets: languages to evaluate on, in any spelling; "all" or "paper-literal". Default: the task's.
        evaluation_split: the split to evaluate on, or its first rows: "test[:100]". Default: the task's.
        evaluations: for instructions, which are not evaluated on: other tasks.
        announce: is given the plan, with what is there of each run, before anything is trained; says whether to go on.
        first: which of so many runs to begin with, so that several processes share one plan.

    Returns:
        The runs in the order of the plan; none if `announce` says so.

    Raises:
        UsageError, DataError, FetchError, UnknownNameError: as `plan`; nothing has been trained then.
    """
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
        processes=count_processes(),
    )
    return do_runs(store, experiment, root=root, how=how, progress=progress, announce=announce, first=first)


def do_runs(
    store: Path,
    experiment: Experiment,
    *,
    root: Path,
    how: How = How(),
    progress: Progress = QUIET,
    announce: Callable[[list[tuple[Planned, State]], Session], bool] | None = None,
    first: Callable[[int], int] = lambda runs: 0,
    session: Session | None = None,
) -> list[Finished]:
    """As `train`, of an experiment; a session of the same model keeps what earlier calls loaded."""
    check_fields(how)
    runs = plan(experiment, device=how.device, progress=progress)
    with join_world() as world:
        session = session or Session(experiment.model, device=_device_of(world) or how.device, progress=progress)
        places = Places(root, store)
        works = [_find_work(item, places, how, session, world) for item in runs]
        states = [(work.planned, work.state) for work in works]
        if announce is not None and not announce(states, session):
            return []
        if left := [planned for planned, state in states if state != "done"]:
            from mslt_cli.models.loading import check_loadable
            from mslt_cli.runs.trackers import require_tracker

            require_tracker(how.report_to)
            check_loadable(experiment.model.folder, session.device)  # for its errors
            for note in check_samples(left, session):
                progress.note(note)
        done = [i for i, (_, state) in enumerate(states) if state == "done"]
        spec, several = runs[0].spec, len(runs) > 1
        what = f"{spec.task.name} with {spec.model.name}"
        with progress.step(what, len(runs), "runs", done=len(done)) if several else nullcontext(SILENT) as step:
            return _carry_out(works, first(len(works)), how, Index(store, progress), done, step)


def _find_work(planned: Planned, places: Places, how: How, session: Session, world: World) -> Work:
    """The work on a run where it is done, or was begun; or where runs are made, if nothing is there of it."""
    stand_ins = planned.stand_ins
    works = [
        (i, Work(item, directory, how, session, world))
        for i, item in enumerate(stand_ins)
        for directory in places.of(item.spec.run_id, item.spec.folder_name)
    ]

    def choose() -> tuple[int, Work]:
        own = works[0]
        if how.force:
            return own
        same = [(i, work) for i, work in works if work.spec.settings == own[1].spec.settings]
        others = [] if how.device else [item for item in works if item not in same]
        for item in [*same, *others]:
            run = finished_run(item[1].directory) if item[1].state == "done" else None
            if run is not None and (item in same or run.record["environment"]["device"] != "cpu"):
                return item
        begun = [(i, work) for i, work in same if os.access(work.directory, os.W_OK)]
        finished = [item for item in begun if finished_run(item[1].directory)]  # it lacks something that is asked for
        return next(iter([*finished, *(item for item in begun if item[1].state == "goes on")]), own)

    i, work = choose() if world.first else works[0]
    i, directory = world.broadcast((i, work.directory))
    return Work(stand_ins[i], directory, how, session, world)


def _device_of(world: World) -> str | None:
    """The GPU of this process, where several train together; else None."""
    if world.size == 1:
        return None
    import torch

    return f"cuda:{world.local_rank}" if torch.cuda.is_available() else None


def _carry_out(
    works: Sequence[Work], first: int, how: How, index: Index, done: Collection[int], step: Step
) -> list[Finished]:
    """Do all runs, from the one in place `first` on; those that other processes do come last, or are left to them.

    The step hears of each that was not done before.
    """
    finished: dict[int, Finished] = {}
    left = deque([*range(first, len(works)), *range(first)])
    busy: dict[int, BusyError] = {}
    waits_since = 0.0
    while left:
        if len(busy) == len(left):
            waits_since = waits_since or time.monotonic()
            if how.no_wait and works[0].world.broadcast(_all_live(busy, waits_since)):
                break
            time.sleep(POLL_S / len(left))
        i = left.popleft()
        work = works[i]
        try:
            outcome = work.carry_out()
        except BusyError as error:
            left.append(i)
            busy[i] = error
            if len(busy) == len(left) and not waits_since and not how.no_wait:
                index.progress.remark(f"waiting for {_name_busy(works, busy)}")
            continue
        except MsltError as error:
            if work.world.size > 1:  # the other processes are elsewhere in this run: the launcher ends them
                raise
            if len(works) > 1:
                index.progress.note(f"{work.spec.title} failed: {error}")
            finished[i] = Finished(work.planned, None, error)
        else:
            finished[i] = Finished(work.planned, outcome)
            if work.world.first and not how.no_index:
                index.save(outcome.run)
        busy.pop(i, None)
        if i not in done:
            step.advance()
    if left:
        index.progress.note(f"left to others: {_name_busy(works, busy)}")
    return [finished.get(i, Finished(works[i].planned, None)) for i in range(len(works))]


def _all_live(busy: Mapping[int, BusyError], since: float) -> bool:
    """Whether all other processes live, as their host says, or because we watched long enough since a moment."""
    return time.monotonic() - since > LEASE_S + POLL_S or all(error.lives for error in busy.values())


def _name_busy(works: Sequence[Work], busy: Mapping[int, BusyError]) -> str:
    """ "2 runs of other processes, first MSLT(de,en), seed 0 (node7, process 12)"."""
    i, error = next(iter(busy.items()))
    runs = "1 run of another process," if len(busy) == 1 else f"{len(busy)} runs of other processes, first"
    return f"{runs} {works[i].spec.title} ({error.holder})"


def forecast_runs(
    plan: Sequence[tuple[Planned, State]], session: Session, store: Path, how: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Say of each planned run what it is and what it takes, as rows for JSON; its command, for any machine, has the
    words of `how`.

    `tokens` are of the whole training, without padding; `padding_share` is the padding among all tokens of the batches,
    0..1; `seconds` are still to train, by an earlier run of the model; None = there was none. Estimates by the model's
    shape, None where that is not known: `estimated_seconds` of the training, roughly; `memory_bytes`, the most that it
    takes on a device at one time, and `memory` says what for.
    """
    rows = []
    shape = read_shape(session.model.files)
    on_gpu = session.device not in (None, "cpu") or (session.device is None and has_gpu_driver())
    for planned, state in plan:
        spec = planned.spec
        examples = encode_examples(spec, choose_ids(spec, session), session)
        tokens, padding_share = count_tokens(spec, examples)
        largest = largest_part(examples, spec.settings.at_once(spec.processes), on_gpu=on_gpu)
        memory = shape and estimate_memory(shape, spec.settings, largest, on_gpu=on_gpu)
        padded = tokens / (1 - padding_share)
        estimated = None if shape is None else _estimate_seconds(shape, spec, examples, padded, on_gpu)
        seconds = 0.0 if state == "done" else expected_seconds([planned], session, store)
        rows.append(
            {
                "sources": ",".join(spec.codes),
                "seed": spec.seed,
                "state": state,
                "examples": {spec.task.code(source): n for source, n in spec.shares.items()},
                "unequal": spec.unequal,
                "steps": spec.settings.total_steps(spec.examples),
                "tokens": tokens,
                "padding_share": round(padding_share, 4),
                "cut": {spec.task.code(x): n for x, n in count_cut(spec, choose_ids(spec, session), session).items()},
                "seconds": None if seconds is None else round(seconds, 1),
                "estimated_seconds": None if estimated is None or state == "done" else round(estimated, 3),
                "memory_bytes": memory and memory.total,
                "memory": memory and asdict(memory),
                "at_once": {
                    "examples": largest.rows,
                    "tokens_each": largest.length,
                    "device": "gpu" if on_gpu else "cpu",
                },
                "targets": [e.task.code(target) for e in planned.evaluations for target in e.targets],
                "run_id": spec.run_id,
                "command": planned.command(how, anywhere=True),
            }
        )
    return rows


def _estimate_seconds(
    shape: ModelShape, spec: TrainSpec, examples: Sequence[Example], tokens: float, on_gpu: bool
) -> float | None:
    """Of a training with so many tokens, padding included."""
    ids = sum(len(example.ids) for example in examples)
    labels = tokens * sum(len(example.labels) for example in examples) / ids
    operations = count_operations(shape, spec.settings, tokens, labels, ids / len(examples))
    steps = spec.settings.total_steps(spec.examples)
    return estimate_seconds(operations, spec.settings, steps, on_gpu=on_gpu, processes=spec.processes)


def expected_seconds(runs: Sequence[Planned], session: Session, store: Path) -> float | None:
    """Seconds that runs of one model will train, by the newest earlier run of it; None if there was none."""
    if not runs or not store_exists(store):
        return None
    try:
        with open_store(store) as opened:
            speed = tokens_per_s(opened, runs[0].spec.model.name)
        return sum(planned_tokens(run.spec, session)[0] for run in runs) / speed if speed else None
    except MsltError:  # the work itself says what is wrong
        return None
