"""Carry out one run: train or go on, evaluate, and write its directory. What many runs share comes in a session."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mslt_cli import __version__
from mslt_cli.data.examples import Example, labelled_examples, next_token_examples
from mslt_cli.evaluation.predict import predict
from mslt_cli.files import new_folder, raise_os_errors, sha256_of
from mslt_cli.models.adapter import ADAPTER
from mslt_cli.models.classifier import Classifier
from mslt_cli.models.decoder import Decoder
from mslt_cli.progress import Progress
from mslt_cli.runs.answering import Evaluation, evaluate_further, evaluated, lacking, with_scores
from mslt_cli.runs.checkpoints import drop_checkpoints, last_step, load_checkpoint, save_checkpoint
from mslt_cli.runs.directory import (
    CONFIG,
    MANIFEST,
    MERGED,
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
from mslt_cli.runs.environment import environment_of
from mslt_cli.runs.metrics_log import kept_metrics, last_line, line_of, metrics_file, metrics_writer
from mslt_cli.runs.session import LABEL_COLUMN, Session
from mslt_cli.runs.spec import Spec, named_task
from mslt_cli.training.batches import count_training_tokens
from mslt_cli.training.distributed import ALONE, World
from mslt_cli.training.loop import Training
from mslt_cli.training.mixture import sample
from mslt_cli.training.settings import INSTRUCTION_MICRO_BATCH

Status = Literal["done", "evaluated", "resumed", "trained"]
"""It was there; further targets were evaluated; it went on from a checkpoint; it was trained from the start."""
VALIDATION = "validation"


@dataclass(frozen=True)
class How:
    """What does not change a run's result."""

    root: Path
    """The folder of run directories."""
    keep_model: bool = False
    """Whether a classifier's weights are kept; a decoder's adapter always is."""
    merge: bool = False
    """Whether a decoder is also written with its adapter worked in."""
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


def find_done(spec: Spec, evaluations: Sequence[Evaluation], how: How, session: Session) -> Run | None:
    """The finished run, if its directory has all that is asked for; takes no model.

    Raises:
        RunError: its directory was changed by hand.
    """
    if how.force:
        return None
    run = read_run(how.root / spec.folder_name)
    if run is None or any(lacking(run, evaluation, session) for evaluation in evaluations):
        return None
    if how.keep_model and run.model_folder is None:
        return None
    if spec.settings.adapter is not None and how.merge and not (run.directory / MERGED).is_dir():
        return None
    check_files(run)
    return run


def carry_out(
    spec: Spec,
    evaluations: Sequence[Evaluation],
    how: How,
    session: Session,
    progress: Progress,
    world: World = ALONE,
) -> Outcome:
    """Do a run, or what is left of it.

    Raises:
        BusyError: another process is doing it, and `how.wait` is false.
        MsltError: data, model or directory cannot be used; the loss is not finite; memory does not suffice.
    """
    directory = how.root / spec.folder_name
    if not world.first:  # the first process alone holds the lock and writes
        return _work(spec, evaluations, how, session, progress, world, directory)
    with locked(directory, wait=how.wait):
        return _work(spec, evaluations, how, session, progress, world, directory)


def _work(
    spec: Spec,
    evaluations: Sequence[Evaluation],
    how: How,
    session: Session,
    progress: Progress,
    world: World,
    directory: Path,
) -> Outcome:
    world.wait()
    run = world.broadcast(find_done(spec, evaluations, how, session) if world.first else None)
    if run is not None:
        return Outcome(run, "done")
    run = world.broadcast((None if how.force else read_run(directory)) if world.first else None)
    if run is not None and run.model_folder is not None:
        run = evaluate_further(run, evaluations, session, progress, world)
        if how.merge and world.first:
            _merge(directory, spec, session, progress)
        return Outcome(run, "evaluated")
    if how.force and world.first:
        for name in (RUN, CONFIG, MANIFEST, METRICS, f"new-{METRICS}"):
            (directory / name).unlink(missing_ok=True)
        for name in (PREDICTIONS, MODEL, MERGED):
            shutil.rmtree(directory / name, ignore_errors=True)
        drop_checkpoints(directory)
    world.wait()
    return _train(spec, evaluations, how, session, progress, world, directory, run)


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
        encoded = session.encoded(task, source, task.training, spec.settings)
        first = encoded.first_segments()
        segments = [int(first[place[id_]]) for id_ in ids]
        if task.kind == "instruction":
            examples += next_token_examples(encoded, segments)
        else:
            examples += labelled_examples(encoded, session.labels(task, source, task.training), segments)
    return chosen, examples


def planned_tokens(spec: Spec, session: Session) -> tuple[int, float]:
    """The tokens of a whole training, padding not counted; and the share of padding beside them, 0..1."""
    _, examples = chosen_examples(spec, session)
    lengths = np.array([len(example.ids) for example in examples], np.int64)
    steps, size = spec.settings.total_steps(len(examples)), spec.settings.batch_size
    return count_training_tokens(lengths, size, spec.seed, steps)


def _train(
    spec: Spec,
    evaluations: Sequence[Evaluation],
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
    learner: Classifier | Decoder
    if spec.settings.adapter is not None:
        learner = session.decoder(spec.settings.adapter, spec.settings.precision)
    else:
        learner = session.classifier(spec.task, spec.settings)
    learner.restart(spec.seed, spec.settings.dropout)
    training = Training(
        *(learner, examples, spec.settings, spec.seed),
        micro_batch=how.micro_batch or (INSTRUCTION_MICRO_BATCH if spec.task.kind == "instruction" else None),
        validate=_validator(spec, session, learner),
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
    record = {name: known.record[name] for name in ("scores", "means", "files")} if known is not None else {}
    for evaluation in evaluations:
        found = evaluated(spec.sources, evaluation, session, learner, directory, progress, spec.settings)
        record = with_scores(record, *found)
    adapter_sha256 = None
    if isinstance(learner, Decoder) or how.keep_model:
        _keep_model(directory, learner, session)
        adapter_sha256 = sha256_of(directory / MODEL / ADAPTER) if isinstance(learner, Decoder) else None
    os.replace(metrics_file(directory), directory / METRICS)
    files = record.get("files", {})
    own = [evaluation for evaluation in evaluations if evaluation.task == spec.task]
    files |= {name: sha256_of(directory / name) for name in (MANIFEST, METRICS)}
    last = last_line(directory / METRICS)
    run = write_run(
        directory,
        {
            "run_id": spec.run_id,
            "name": spec.label,
            "task": named_task(spec.task),
            "identity": spec.identity,
            "command": spec.command(own[0].targets if own else (), keep_model=how.keep_model),
            "environment": environment_of(learner, world),
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
            "scores": record.get("scores", []),
            "means": record.get("means", []),
            "files": files,
            **({"adapter_sha256": adapter_sha256} if adapter_sha256 else {}),
            "started_at": started.isoformat(timespec="seconds"),
            "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "wall_s": round(time.monotonic() - clock, 3),
            "mslt_version": __version__,
        },
    )
    drop_checkpoints(directory)
    if how.merge:
        _merge(directory, spec, session, progress)
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
            if world.broadcast(due) and every != 0:
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


def _validator(spec: Spec, session: Session, classifier: Any) -> Callable[[], float] | None:
    """Accuracy on the head of each source's validation data, all examples or words counting alike."""
    if spec.settings.choose != "best":
        return None
    task, most = spec.task, spec.settings.validation_examples

    def validate() -> float:
        correct = n = 0
        for source in spec.sources:
            rows = session.rows(task, source, VALIDATION).head(most)
            gold = rows[LABEL_COLUMN[task.kind]].to_list()
            encoded = session.encoded(task, source, VALIDATION, spec.settings).head(len(gold))
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


def _keep_model(directory: Path, learner: Classifier | Decoder, session: Session) -> None:
    with run_files(directory), new_folder(directory / MODEL, replace=True) as part, raise_os_errors():
        if isinstance(learner, Decoder):
            learner.save(part, session.model.name)
        else:
            learner.save(part, session.model.folder)


def _merge(directory: Path, spec: Spec, session: Session, progress: Progress) -> None:
    """Write the model with its adapter worked in, if there is an adapter and it is not there yet."""
    from mslt_cli.models.decoder import write_merged

    if spec.settings.adapter is None or (directory / MERGED).is_dir():
        return
    with (
        progress.step(f"merge {spec.label} into {spec.model.name}"),
        run_files(directory),
        new_folder(directory / MERGED, replace=True) as part,
        raise_os_errors(),
    ):
        write_merged(part, session.model.folder, spec.settings.adapter, directory / MODEL)
