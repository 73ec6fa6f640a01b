"""Evaluate a classifier on targets: predictions into a run's directory, and the scores that follow from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mslt_cli.cache import sha256_of
from mslt_cli.evaluation.metrics import macro, score
from mslt_cli.evaluation.predict import NO_LABEL, predict
from mslt_cli.models.classifier import Classifier
from mslt_cli.progress import Progress
from mslt_cli.runs.directory import PREDICTIONS, Run, write_parquet, write_run
from mslt_cli.runs.scoring import tables_of
from mslt_cli.runs.session import Session, longest
from mslt_cli.tasks.base import Task
from mslt_cli.training.distributed import World
from mslt_cli.training.settings import Settings


@dataclass(frozen=True)
class Evaluation:
    """What is evaluated: a task's split in some languages."""

    task: Task
    split: str
    targets: tuple[str, ...]
    """ISO 639-3 codes."""


def lacking(run: Run, evaluation: Evaluation, session: Session) -> tuple[str, ...]:
    """The targets that a run was not evaluated on, or on other rows than there are now."""
    task, split = evaluation.task, evaluation.split
    return tuple(
        target
        for target in evaluation.targets
        if not run.has(task.variant, split, target, session.record(task, target, split).content_sha256)
    )


def evaluated(
    sources: Sequence[str],
    evaluation: Evaluation,
    session: Session,
    classifier: Classifier,
    directory: Path,
    progress: Progress,
    *,
    precision: str,
    max_length: int,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, str]]:
    """Predict each target and write the predictions.

    Returns:
        The scores, one for each target and metric; their means over the targets; and the checksum of each file.
    """
    import polars as pl

    task, split = evaluation.task, evaluation.split
    scores: list[dict[str, Any]] = []
    files: dict[str, str] = {}
    tables: dict[str, dict[str, Any]] = {}
    ids: dict[str, list[str]] = {}
    number = {NO_LABEL: NO_LABEL} | {i: task.labels.index(label) for i, label in enumerate(classifier.labels)}
    total = sum(session.record(task, target, split).rows for target in evaluation.targets)
    with progress.step("evaluate", total, "rows") as step:
        for target in evaluation.targets:
            gold = session.labels(task, target, split)
            words = [len(labels) for labels in gold] if task.kind == "token-classification" else None
            encoded = session.encoded(task, target, split, max_length)
            answers = predict(classifier, encoded, words, precision=precision, step=step)
            answers = [[number[a] for a in row] if words is not None else number[row] for row in answers]
            name = f"{PREDICTIONS}/{task.variant}-{split}-{target}.parquet"
            label = pl.List(pl.Int16) if words is not None else pl.Int16
            frame = pl.DataFrame(
                {"id": session.rows(task, target, split)["id"], "gold": gold, "predicted": answers},
                schema_overrides={"gold": label, "predicted": label},
            )
            write_parquet(directory / name, frame)
            files[name] = sha256_of(directory / name)
            about = {
                "task": task.variant,
                "split": split,
                "target": target,
                "unseen": target not in sources,
                "data_sha256": session.record(task, target, split).content_sha256,
                "predictions": name,
            }
            ids[target] = frame["id"].to_list()
            for metric, table in tables_of(task, gold, answers).items():
                tables.setdefault(metric, {})[target] = table
                scores.append(about | asdict(score(metric, table)))
    means = [
        {"task": task.variant, "split": split}
        | asdict(macro(metric, by_target, ids=ids if task.aligned else None))
        | {"targets": list(by_target), "unseen": sum(target not in sources for target in by_target)}
        for metric, by_target in tables.items()
    ]
    return scores, means, files


def evaluate_further(run: Run, evaluation: Evaluation, session: Session, progress: Progress, world: World) -> Run:
    """Evaluate a run whose weights were kept on the targets that it lacks.

    Raises:
        ModelError: the weights cannot be used.
    """
    from mslt_cli.models.classifier import load_trained

    if not world.first:
        return run
    assert run.model_folder is not None
    settings = Settings(**run.identity["settings"])
    with progress.step(f"load {run.record['name']}"):
        classifier = load_trained(run.model_folder, evaluation.task.kind, evaluation.task.labels, device=session.device)
    left = Evaluation(evaluation.task, evaluation.split, lacking(run, evaluation, session))
    scores, means, files = evaluated(
        *(tuple(run.identity.get("shares", ())), left, session, classifier, run.directory, progress),
        precision=settings.precision,
        max_length=longest(session.model, settings),
    )
    new = {(s["task"], s["split"], s["target"]) for s in scores}
    kept = [s for s in run.scores if (s["task"], s["split"], s["target"]) not in new]
    files = {**run.record["files"], **files}
    changed = {"scores": [*kept, *scores], "means": [*run.means, *means], "files": files}
    return write_run(run.directory, {**run.record, **changed})
