"""`evaluate`: runs and models as they are, on targets and tasks that they were not evaluated on before."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mslt_cli import __version__
from mslt_cli.data.splits import ensure_data
from mslt_cli.errors import UsageError
from mslt_cli.models.find import Model
from mslt_cli.models.folder import tokenizer_sha256, weights_checksum
from mslt_cli.progress import QUIET, Progress
from mslt_cli.runs.answering import Evaluation, evaluate_further, evaluated, lacking, with_scores
from mslt_cli.runs.directory import Run, RunError, check_files, locked, read_run, write_run
from mslt_cli.runs.environment import environment_of
from mslt_cli.runs.index import Index
from mslt_cli.runs.plan import require_evaluated
from mslt_cli.runs.session import Session, decided
from mslt_cli.runs.spec import FORMAT, id_of, named_task
from mslt_cli.training.distributed import ALONE
from mslt_cli.training.settings import Settings


def evaluate_run(
    store: Path,
    run: Run,
    model: Model,
    evaluation: Evaluation,
    *,
    device: str | None = None,
    session: Session | None = None,
    progress: Progress = QUIET,
) -> Run:
    """A run with scores on these targets: those that it has, and the others where its weights were kept.

    Args:
        store: path of the store.
        run: finished.
        model: what it was trained from; its tokenizer reads.
        evaluation: of a classifier on a task with the same labels; of a decoder on any task of multiple choice.
        device: as torch writes it.
        session: of the same model, where several runs share it.
        progress: hears of it.

    Raises:
        UsageError: decoders are not asked such a task, or encoders are not.
        RunError: targets are lacking, and the weights were not kept; or the directory was changed.
        DataError: data are not to be had.
    """
    require_evaluated(evaluation.task)
    if (evaluation.task.kind == "multiple-choice") != ("adapter" in run.identity["settings"]):
        raise UsageError(
            f"Run {run.run_id} was trained for {run.identity['task']['name']}, and cannot be evaluated on"
            f" {evaluation.task.name} ({evaluation.task.kind})."
        )
    for note in ensure_data(evaluation.task, evaluation.targets, evaluation.split, progress=progress)[1]:
        progress.note(note)
    session = session or Session(model, device=device, progress=progress)
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
        done = evaluate_further(read_run(run.directory) or run, [evaluation], session, progress, ALONE)
    Index(store, progress).save(done)
    return done


def evaluate_model(
    store: Path,
    model: Model,
    evaluation: Evaluation,
    *,
    root: Path,
    max_length: int = 512,
    precision: str = "auto",
    four_bit: bool = False,
    device: str | None = None,
    session: Session | None = None,
    force: bool = False,
    progress: Progress = QUIET,
) -> Run:
    """Evaluate a model as it is: a decoder, or a classifier that was trained for such a task, by whomever.

    Args:
        store: path of the store.
        model: on this machine.
        evaluation: see there.
        root: the folder of run directories.
        max_length: tokens of an example, for classifiers.
        precision: auto, fp32 or bf16.
        four_bit: whether a decoder's weights are held in 4 bits.
        device: as torch writes it.
        session: of the same model, where several evaluations share it.
        force: evaluate anew.
        progress: hears of it.

    Raises:
        ModelError: it is no decoder, or has no head for the task, or other labels.
        DataError: data are not to be had.
    """
    from mslt_cli.models.classifier import load_trained

    task = evaluation.task
    require_evaluated(task)
    asked = task.kind == "multiple-choice"
    for note in ensure_data(task, evaluation.targets, evaluation.split, progress=progress)[1]:
        progress.note(note)
    settings = decided(Settings(max_length=max_length, precision=precision), device)  # type: ignore[arg-type]
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
        "settings": {"precision": settings.precision, "four_bit": four_bit} if asked else settings.as_json(),
    }
    run_id = id_of(identity)
    short = model.name.rstrip("/").rsplit("/", 1)[-1]
    directory = root / f"eval_{task.name}_{short}_{run_id}"
    session = session or Session(model, device=device, progress=progress)
    with locked(directory, wait=True):
        known = None if force else read_run(directory)
        if known is not None and not lacking(known, evaluation, session):
            check_files(known)
            return known
        started, clock = datetime.now(UTC), time.monotonic()
        learner: Any
        if asked:
            learner = session.decoder(None, settings.precision, four_bit=four_bit)
        else:
            with progress.step(f"load {model.name}"):
                learner = load_trained(model.folder, task.kind, task.labels, device=device)
        left = evaluation if known is None else replace(evaluation, targets=lacking(known, evaluation, session))
        found = evaluated((), left, session, learner, directory, progress, settings)
        codes = ",".join(task.code(target) for target in evaluation.targets)
        command = f"mslt eval {model.name} {task.options} --targets {codes} --split {evaluation.split}"
        command += f" {evaluation.reading.options}" if evaluation.reading and evaluation.reading.options else ""
        run = write_run(
            directory,
            {
                "run_id": run_id,
                "name": model.name + (" in 4 bits" if four_bit else ""),
                "task": named_task(task),
                "identity": identity,
                "command": command + (" --4bit" if four_bit else ""),
                "environment": environment_of(learner, ALONE),
                **with_scores(
                    {name: known.record[name] for name in ("scores", "means", "files")} if known else {}, *found
                ),
                "started_at": started.isoformat(timespec="seconds"),
                "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
                "wall_s": round(time.monotonic() - clock, 3),
                "mslt_version": __version__,
            },
        )
    Index(store, progress).save(run)
    return run
