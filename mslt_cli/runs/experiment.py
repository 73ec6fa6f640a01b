"""`train` and `evaluate`: where plans, run directories and the store meet."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from mslt_cli import __version__
from mslt_cli.errors import MsltError, StoreError, UnknownNameError
from mslt_cli.fetching.data import ensure_data
from mslt_cli.models.checksums import weights_checksum
from mslt_cli.models.directory import tokenizer_sha256
from mslt_cli.models.find import Model
from mslt_cli.progress import QUIET, Progress
from mslt_cli.runs.checkpoints import last_step
from mslt_cli.runs.directory import BusyError, Run, RunError, check_files, locked, read_run, write_run
from mslt_cli.runs.evaluate import Evaluation, lacking
from mslt_cli.runs.execute import How, Outcome, carry_out, find_done
from mslt_cli.runs.plan import Planned, check_samples, plan
from mslt_cli.runs.session import Session, decided, longest
from mslt_cli.runs.spec import FORMAT, id_of, named_task
from mslt_cli.store.db import Store, open_store
from mslt_cli.store.runs import find_runs, save_run
from mslt_cli.tasks.base import Task
from mslt_cli.training.distributed import ALONE, World, joined
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
        keep_model: keep the trained weights.
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
    how = How(root, keep_model, force, checkpoint_every, micro_batch=micro_batch)
    with joined() as world:
        session = Session(model, device=f"cuda:{world.local_rank}" if _on_gpus(world) else device, progress=progress)
        states = [(item, _state(item, how, session)) for item in runs]
        if announce is not None and not announce(states, session):
            return []
        if any(state != "done" for _, state in states):
            from mslt_cli.models.encoder import device_of

            device_of(model.folder, session.device)  # for its errors
        for note in check_samples([item for item, state in states if state != "done"], session):
            progress.note(note)
        # Rotated, so that processes with one plan begin at different places.
        start = first(len(runs))
        turned = runs[start:] + runs[:start]
        done = _execute(turned, how, session, progress, world, _Index(store, progress).save)
    order = {id(item): i for i, item in enumerate(runs)}
    return sorted(done, key=lambda finished: order[id(finished.planned)])


def _on_gpus(world: World) -> bool:
    if world.size == 1:
        return False
    import torch

    return torch.cuda.is_available()


def _state(item: Planned, how: How, session: Session) -> State:
    try:
        if find_done(item.spec, item.evaluation, how, session) is not None:
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
            outcome = carry_out(item.spec, item.evaluation, replace(how, wait=wait), session, progress, world)
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


def readable_time(seconds: float) -> str:
    """ "40 s", "12 min", "3.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class _Index:
    """Writes finished runs into the store; that it cannot be written is said once, for it can be made again."""

    def __init__(self, path: Path, progress: Progress) -> None:
        self.path, self.progress, self.said = path, progress, False

    def save(self, run: Run) -> None:
        try:
            with open_store(self.path, write=True) as store:
                save_run(store, run.directory, run.record)
        except StoreError as error:
            if not self.said:
                self.progress.note(f"{error} The runs are safe: `mslt fetch runs {run.directory.parent}` indexes them.")
            self.said = True


# -- evaluation ----------------------------------------------------------------------------------------


def find_run(store: Store, name: str) -> Run | None:
    """The run that a user names by its directory or the first digits of its id; None if it is no run.

    Raises:
        RunError: the directory was changed or is gone, or several runs begin so.
    """
    path = Path(name).expanduser()
    if (path / "run.json").is_file() or ((path / "config.json").is_file() and (path / "manifest.parquet").is_file()):
        run = read_run(path)
        if run is None:
            raise RunError(f"The run in {path} has not ended. The command that started it goes on with it.")
        return run
    if len(name) < 4 or not all(c in "0123456789abcdef" for c in name):
        return None
    found = find_runs(store, prefix=name)
    if len(found) > 1:
        raise RunError(
            f"{len(found)} runs begin with {name}: {', '.join(run.run_id for run in found[:4])}. Write more."
        )
    if not found:
        return None
    run = read_run(found[0].directory)
    if run is None:
        raise RunError(f"{found[0].directory} is gone. `mslt fetch runs DIR` finds runs that were moved.")
    return run


def evaluate_run(
    store: Path,
    run: Run,
    model: Model,
    evaluation: Evaluation,
    *,
    device: str | None = None,
    progress: Progress = QUIET,
) -> Run:
    """A run with scores on these targets: those that it has, and the others where its weights were kept.

    Args:
        store: path of the store.
        run: finished.
        model: what it was trained from; its tokenizer reads.
        evaluation: a task with the same labels.

    Raises:
        RunError: targets are lacking, and the weights were not kept; or the directory was changed.
        DataError: data are not to be had.
    """
    from mslt_cli.runs.evaluate import evaluate_further

    for note in ensure_data(evaluation.task, evaluation.targets, evaluation.split, progress=progress)[1]:
        progress.note(note)
    session = Session(model, device=device, progress=progress)
    check_files(run)
    left = lacking(run, evaluation, session)
    if not left:
        return run
    if run.model_folder is None:
        codes = ", ".join(evaluation.task.code(target) for target in left)
        raise RunError(
            f"Run {run.run_id} was not evaluated on {codes}, and its weights were not kept. Train it again with:"
            f" {run.record['command']} --keep-model"
        )
    with locked(run.directory, wait=True):
        done = evaluate_further(run, evaluation, session, progress, ALONE)
    _Index(store, progress).save(done)
    return done


def evaluate_model(
    store: Path,
    model: Model,
    evaluation: Evaluation,
    *,
    root: Path,
    max_length: int = 512,
    device: str | None = None,
    force: bool = False,
    progress: Progress = QUIET,
) -> Run:
    """Evaluate a model as it is: one that was trained for such a task before, by whomever.

    Raises:
        ModelError: it has no head for the task, or other labels.
        DataError: data are not to be had.
    """
    from mslt_cli.models.classifier import load_trained
    from mslt_cli.runs.evaluate import evaluated
    from mslt_cli.runs.execute import environment_of

    task = evaluation.task
    for note in ensure_data(task, evaluation.targets, evaluation.split, progress=progress)[1]:
        progress.note(note)
    settings = decided(Settings(max_length=max_length), device)
    identity: dict[str, Any] = {
        "format": FORMAT,
        "kind": "eval",
        "task": {"name": task.variant, "definition": task.definition, "labels": list(task.labels)},
        "model": {
            "name": model.name,
            "revision": model.revision,
            "weights_sha256": weights_checksum(model.folder),
            "tokenizer_sha256": tokenizer_sha256(model.folder),
        },
        "settings": asdict(settings),
    }
    run_id = id_of(identity)
    short = model.name.rstrip("/").rsplit("/", 1)[-1]
    directory = root / f"eval_{task.name}_{short}_{run_id}"
    session = Session(model, device=device, progress=progress)
    with locked(directory, wait=True):
        known = None if force else read_run(directory)
        if known is not None and not lacking(known, evaluation, session):
            check_files(known)
            return known
        started, clock = datetime.now(UTC), time.monotonic()
        with progress.step(f"load {model.name}"):
            classifier = load_trained(model.folder, task.kind, task.labels, device=device)
        left = evaluation if known is None else replace(evaluation, targets=lacking(known, evaluation, session))
        scores, means, files = evaluated(
            *((), left, session, classifier, directory, progress),
            precision=settings.precision,
            max_length=longest(model, settings),
        )
        new = {(s["task"], s["split"], s["target"]) for s in scores}
        kept = [s for s in known.scores if (s["task"], s["split"], s["target"]) not in new] if known else []
        codes = ",".join(task.code(target) for target in evaluation.targets)
        run = write_run(
            directory,
            {
                "run_id": run_id,
                "name": model.name,
                "task": named_task(task),
                "identity": identity,
                "command": f"mslt eval {model.name} {task.options} --targets {codes} --split {evaluation.split}",
                "environment": environment_of(classifier, ALONE),
                "scores": [*kept, *scores],
                "means": [*(known.means if known else ()), *means],
                "files": {**(known.record["files"] if known else {}), **files},
                "started_at": started.isoformat(timespec="seconds"),
                "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
                "wall_s": round(time.monotonic() - clock, 3),
                "mslt_version": __version__,
            },
        )
    _Index(store, progress).save(run)
    return run


# -- the index -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Indexed:
    """What `index_runs` found."""

    runs: tuple[Run, ...]
    unfinished: tuple[Path, ...]
    refused: tuple[tuple[Path, str], ...]
    """Directories that were changed by hand, and what is wrong with each."""


def index_runs(store: Store, folders: Iterable[Path]) -> Indexed:
    """Take all runs under some folders into the store, wherever they were made; the same again changes nothing.

    Args:
        store: open to write.
        folders: run directories, or folders of them.

    Raises:
        UnknownNameError: there is no such folder.
    """
    runs: list[Run] = []
    unfinished: list[Path] = []
    refused: list[tuple[Path, str]] = []
    for folder in folders:
        if not folder.is_dir():
            raise UnknownNameError("folder", str(folder), (), "Give the folder of a run, or one of many runs.")
        for directory in sorted({path.parent for name in ("run.json", "config.json") for path in folder.rglob(name)}):
            if directory.name == "model" or directory.name.startswith("."):
                continue
            try:
                run = read_run(directory)
                if run is None:
                    unfinished.append(directory)
                    continue
                check_files(run)
            except RunError as error:
                refused.append((directory, str(error)))
                continue
            save_run(store, run.directory, run.record)
            runs.append(run)
    return Indexed(tuple(runs), tuple(unfinished), tuple(refused))
