"""Carry out one run: train or go on, evaluate, and write its directory. What many runs share comes in a session."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mslt_cli import __version__
from mslt_cli.cache import sha256_of
from mslt_cli.evaluation.predict import predict
from mslt_cli.models.classifier import Classifier
from mslt_cli.progress import Progress
from mslt_cli.runs.checkpoints import drop_checkpoints, last_step, load_checkpoint, safetensors_written, save_checkpoint
from mslt_cli.runs.directory import (
    CONFIG,
    MANIFEST,
    METRICS,
    MODEL,
    PREDICTIONS,
    RUN,
    Run,
    RunError,
    check_files,
    locked,
    read_run,
    run_files,
    write_json,
    write_parquet,
    write_run,
)
from mslt_cli.runs.evaluate import Evaluation, evaluate_further, evaluated, lacking
from mslt_cli.runs.metrics_log import kept_metrics, last_line, line_of, metrics_file, metrics_writer
from mslt_cli.runs.session import LABEL_COLUMN, Session, longest
from mslt_cli.runs.spec import Spec, named_task
from mslt_cli.training.batches import Example, examples_of, planned_size
from mslt_cli.training.distributed import ALONE, World
from mslt_cli.training.loop import Training
from mslt_cli.training.mixture import sample

Status = Literal["done", "evaluated", "resumed", "trained"]
"""It was there; further targets were evaluated; it went on from a checkpoint; it was trained from the start."""
VALIDATION = "validation"


@dataclass(frozen=True)
class How:
    """What does not change a run's result."""

    root: Path
    """The folder of run directories."""
    keep_model: bool = False
    force: bool = False
    checkpoint_every: int | None = None
    """Steps; 0 = never; None = every `checkpoint_s` seconds."""
    checkpoint_s: float = 300.0
    micro_batch: int | None = None
    wait: bool = False
    """Whether to wait for another process that does the same run."""


@dataclass(frozen=True)
class Outcome:
    """What became of a run."""

    run: Run
    status: Status


def find_done(spec: Spec, evaluation: Evaluation, how: How, session: Session) -> Run | None:
    """The finished run, if its directory has all that is asked for; takes no model.

    Raises:
        RunError: its directory was changed by hand.
    """
    if how.force:
        return None
    run = read_run(how.root / spec.folder_name)
    if run is None or lacking(run, evaluation, session) or (how.keep_model and run.model_folder is None):
        return None
    check_files(run)
    return run


def carry_out(
    spec: Spec, evaluation: Evaluation, how: How, session: Session, progress: Progress, world: World = ALONE
) -> Outcome:
    """Do a run, or what is left of it.

    Raises:
        BusyError: another process is doing it, and `how.wait` is false.
        MsltError: data, model or directory cannot be used; the loss is not finite; memory does not suffice.
    """
    directory = how.root / spec.folder_name
    if not world.first:  # the first process alone holds the lock and writes
        return _work(spec, evaluation, how, session, progress, world, directory)
    with locked(directory, wait=how.wait):
        return _work(spec, evaluation, how, session, progress, world, directory)


def _work(
    spec: Spec, evaluation: Evaluation, how: How, session: Session, progress: Progress, world: World, directory: Path
) -> Outcome:
    world.wait()
    run = world.told(find_done(spec, evaluation, how, session) if world.first else None)
    if run is not None:
        return Outcome(run, "done")
    run = world.told((None if how.force else read_run(directory)) if world.first else None)
    if run is not None and run.model_folder is not None:
        return Outcome(evaluate_further(run, evaluation, session, progress, world), "evaluated")
    if how.force and world.first:
        for name in (RUN, CONFIG, MANIFEST, METRICS, f"new-{METRICS}"):
            (directory / name).unlink(missing_ok=True)
        for name in (PREDICTIONS, MODEL):
            shutil.rmtree(directory / name, ignore_errors=True)
        drop_checkpoints(directory)
    world.wait()
    return _train(spec, evaluation, how, session, progress, world, directory, run)


def chosen_examples(spec: Spec, session: Session) -> tuple[dict[str, list[str]], list[Example]]:
    """The sample of a run: ids by source, and the examples in that order.

    Raises:
        DataError: a source has too few.
    """
    task = spec.task
    rows = {source: session.rows(task, source, task.training) for source in spec.sources}
    chosen = sample(
        {source: frame["id"].to_list() for source, frame in rows.items()},
        spec.shares,
        seed=spec.data_seed,
        pairing=spec.pairing,
        oversample=spec.oversample,
    )
    examples: list[Example] = []
    for source, ids in chosen.items():
        place = {id_: i for i, id_ in enumerate(rows[source]["id"].to_list())}
        encoded = session.encoded(task, source, task.training, longest(session.model, spec.settings))
        first = encoded.first_segments()
        examples += examples_of(
            encoded, session.labels(task, source, task.training), [int(first[place[id_]]) for id_ in ids]
        )
    return chosen, examples


def planned_tokens(spec: Spec, session: Session) -> tuple[int, float]:
    """The tokens of a whole training, padding not counted; and the share of padding beside them, 0..1."""
    _, examples = chosen_examples(spec, session)
    lengths = np.array([len(example.ids) for example in examples], np.int64)
    steps, size = spec.settings.total_steps(len(examples)), spec.settings.batch_size
    return planned_size(lengths, size, spec.seed, steps)


def _train(
    spec: Spec,
    evaluation: Evaluation,
    how: How,
    session: Session,
    progress: Progress,
    world: World,
    directory: Path,
    known: Run | None,
) -> Outcome:
    """Train, evaluate and write the directory; a finished run that lacks targets (`known`) stays whole until then."""
    started, clock = datetime.now(UTC), time.monotonic()
    chosen, examples = chosen_examples(spec, session)
    classifier = session.classifier(spec.task, spec.settings)
    classifier.restart(spec.seed, spec.settings.dropout)
    training = Training(
        *(classifier, examples, spec.settings, spec.seed),
        micro_batch=how.micro_batch,
        validate=_validator(spec, session, classifier),
        world=world,
        progress=progress,
    )
    saved = load_checkpoint(directory)
    if saved is not None:
        training.resume(*saved)
        progress.note(f"{spec.label} seed {spec.seed} goes on after step {training.step:,} of {training.total:,}")
    start = training.step
    if world.first:
        write_json(directory / CONFIG, {"run_id": spec.run_id, "identity": spec.identity, "command": spec.command()})
        _write_manifest(directory, chosen)
        _warn_of_little_space(directory, training, how, progress)
    tokens, wall_s = _steps(spec, how, training, progress, world, directory)
    training.finish()
    if not world.first:
        world.wait()
        return Outcome(Run(directory, {}), "trained")
    scores, means, files = evaluated(
        *(spec.sources, evaluation, session, classifier, directory, progress),
        precision=spec.settings.precision,
        max_length=longest(session.model, spec.settings),
    )
    if how.keep_model:
        _keep_model(directory, classifier, session.model.folder)
    os.replace(metrics_file(directory), directory / METRICS)
    if known is not None:
        new = {(s["task"], s["split"], s["target"]) for s in scores}
        scores = [*(dict(s) for s in known.scores if (s["task"], s["split"], s["target"]) not in new), *scores]
        means, files = [*map(dict, known.means), *means], {**known.record["files"], **files}
    files |= {name: sha256_of(directory / name) for name in (MANIFEST, METRICS)}
    last = last_line(directory / METRICS)
    run = write_run(
        directory,
        {
            "run_id": spec.run_id,
            "name": spec.label,
            "task": named_task(spec.task),
            "identity": spec.identity,
            "command": spec.command(evaluation.targets, keep_model=how.keep_model),
            "environment": environment_of(classifier, world),
            "training": {
                "steps": training.total,
                "examples": len(examples),
                "tokens": last["tokens"],
                "padded_tokens": last["padded_tokens"],
                "loss": last["loss"],
                "best_validation": None if training.best < 0 else training.best,
                "micro_batch": training.micro_batch,
                "resumed_at": start or None,
                "wall_s": round(wall_s, 3),
                "tokens_per_s": round(tokens / max(wall_s, 1e-9), 1),
            },
            "origins": {source: session.record(spec.task, source, spec.task.training).origin for source in chosen},
            "scores": scores,
            "means": means,
            "files": files,
            "started_at": started.isoformat(timespec="seconds"),
            "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "wall_s": round(time.monotonic() - clock, 3),
            "mslt_version": __version__,
        },
    )
    drop_checkpoints(directory)
    world.wait()
    return Outcome(run, "resumed" if start else "trained")


def _steps(
    spec: Spec, how: How, training: Training, progress: Progress, world: World, directory: Path
) -> tuple[int, float]:
    """Take the steps that are left; returns the tokens of these steps, and the seconds."""
    totals = kept_metrics(directory, training.step) if world.first else {"tokens": 0, "padded_tokens": 0}
    clock = saved_at = time.monotonic()
    saved_step, tokens = training.step, 0
    what = f"{spec.label} seed {spec.seed}"
    with (
        metrics_writer(directory, world) as write,
        progress.step(what, training.total - training.step, "steps") as step,
    ):
        for record in training.steps():
            tokens += record.tokens
            totals["tokens"] += record.tokens
            totals["padded_tokens"] += record.padded_tokens
            now = time.monotonic()
            write(line_of(record) | totals)
            step.tell(f"loss {record.loss:.3f}, {tokens / max(now - clock, 1e-9):,.0f} tokens/s")
            step.advance()
            if not training.settled or training.step == training.total:
                continue
            every = how.checkpoint_every
            due = training.step - saved_step >= every if every else now - saved_at >= how.checkpoint_s
            if world.told(due) and every != 0:
                write(None)
                if world.first:
                    _checkpoint(directory, training, progress)
                saved_at, saved_step = time.monotonic(), training.step
    return tokens, time.monotonic() - clock


def _checkpoint(directory: Path, training: Training, progress: Progress) -> None:
    try:
        save_checkpoint(directory, *training.state())
    except RunError as error:  # a full disk may be emptied before the training ends
        kept = last_step(directory)
        progress.note(
            f"no checkpoint at step {training.step:,}: {error} Training goes on"
            + (f"; that of step {kept:,} is kept." if kept else "; there is none yet.")
        )


def _warn_of_little_space(directory: Path, training: Training, how: How, progress: Progress) -> None:
    size = 12 * sum(parameter.numel() for parameter in training.parameters.values())  # float32: weight, two moments
    free = shutil.disk_usage(directory).free
    if how.checkpoint_every != 0 and free < 3 * size:
        progress.note(
            f"a checkpoint takes {size / 1e9:.1f} GB, three may lie there at once, and {free / 1e9:.1f} GB are free in"
            f" {directory.parent}."
        )


def _write_manifest(directory: Path, chosen: dict[str, list[str]]) -> None:
    import polars as pl

    rows = [(source, id_) for source, ids in chosen.items() for id_ in ids]
    write_parquet(
        directory / MANIFEST,
        pl.DataFrame(rows, schema={"language": pl.String, "id": pl.String}, orient="row"),
    )


def _validator(spec: Spec, session: Session, classifier: Classifier) -> Callable[[], float] | None:
    """Accuracy on the head of each source's validation data, all examples or words counting alike."""
    if spec.settings.choose != "best":
        return None
    task, most = spec.task, spec.settings.validation_examples

    def validate() -> float:
        correct = n = 0
        for source in spec.sources:
            rows = session.rows(task, source, VALIDATION).head(most)
            gold = rows[LABEL_COLUMN[task.kind]].to_list()
            encoded = session.encoded(task, source, VALIDATION, longest(session.model, spec.settings)).head(len(gold))
            words = [len(labels) for labels in gold] if task.kind == "token-classification" else None
            answers = predict(classifier, encoded, words, precision=spec.settings.precision)
            pairs = zip(gold, answers, strict=True)
            if words is None:
                correct, n = correct + sum(a == b for a, b in pairs), n + len(gold)
            else:
                correct += sum(a == b for row, answer in pairs for a, b in zip(row, answer, strict=True))
                n += sum(words)
        return correct / n

    return validate


def _keep_model(directory: Path, classifier: Classifier, tokenizer_folder: Path) -> None:
    from mslt_cli.cache import new_folder

    with run_files(directory), new_folder(directory / MODEL, replace=True) as part, safetensors_written():
        classifier.save(part, tokenizer_folder)


def environment_of(classifier: Classifier, world: World) -> dict[str, Any]:
    import numpy
    import torch
    import transformers

    device = classifier.device
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "numpy": numpy.__version__,
        "mslt": __version__,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "processes": world.size,
        "threads": torch.get_num_threads(),
        "host": platform.node(),
        "git_commit": _git_commit(),
    }


def _git_commit() -> str | None:
    """The commit of the folder that the user works in, if it is a repository."""
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
