"""Evaluate a model on targets: predictions into a run's directory, and the scores that follow from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mslt_cli.errors import ModelError
from mslt_cli.evaluation.choices import Speaker, answer
from mslt_cli.evaluation.metrics import macro, score
from mslt_cli.evaluation.predict import NO_LABEL, predict
from mslt_cli.evaluation.reading import Reading
from mslt_cli.files import sha256_of
from mslt_cli.models.adapter import ADAPTER
from mslt_cli.models.decoder import max_tokens
from mslt_cli.progress import Progress, Step
from mslt_cli.runs.directory import PREDICTIONS, Run, RunError, write_parquet, write_run
from mslt_cli.runs.scoring import bias_tables, tables_of
from mslt_cli.runs.session import Session
from mslt_cli.tasks.task import Task
from mslt_cli.training.distributed import World
from mslt_cli.training.settings import Settings

if TYPE_CHECKING:
    import polars as pl

    from mslt_cli.models.classifier import Classifier
    from mslt_cli.models.decoder import Decoder


@dataclass(frozen=True)
class Evaluation:
    """What is evaluated: a task's split in some languages, and for multiple choice how answers are read."""

    task: Task
    split: str
    targets: tuple[str, ...]
    """ISO 639-3 codes."""
    reading: Reading | None = None

    @property
    def scoring(self) -> str:
        """What tells its scores from those of other readings; empty where there is one way only."""
        return self.reading.name if self.reading is not None else ""


def lacking(run: Run, evaluation: Evaluation, session: Session) -> tuple[str, ...]:
    """The targets that a run was not evaluated on, or on other rows than there are now."""
    task, split = evaluation.task, evaluation.split
    return tuple(
        target
        for target in evaluation.targets
        if not run.has(
            task.variant, split, target, session.record(task, target, split).content_sha256, evaluation.scoring
        )
    )


def evaluated(
    sources: Sequence[str],
    evaluation: Evaluation,
    session: Session,
    learner: Classifier | Decoder,
    directory: Path,
    progress: Progress,
    settings: Settings,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, str]]:
    """Let a model answer for each target, and write its answers.

    Args:
        sources: of the run.
        evaluation: what is asked.
        session: has the data.
        learner: the model, with a head for the task or as a decoder.
        directory: of the run.
        progress: hears of it.
        settings: what it was trained with; the precision and the longest example count.

    Returns:
        The scores, one for each target and metric; their means over the targets; and the checksum of each file.
    """
    task, split = evaluation.task, evaluation.split
    scores: list[dict[str, Any]] = []
    files: dict[str, str] = {}
    tables: dict[str, dict[str, Any]] = {}
    ids: dict[str, list[str]] = {}
    total = sum(session.record(task, target, split).rows for target in evaluation.targets)
    told = f"evaluate {task.name}" + (f", {evaluation.scoring}" if evaluation.scoring else "")
    with progress.step(told, total, "rows") as step:
        for target in evaluation.targets:
            if task.kind == "multiple-choice":
                frame = _choices(evaluation, target, session, learner, settings, progress, step)
            else:
                frame = _labels(evaluation, target, session, learner, settings, step)
            parts = [task.variant, *([evaluation.scoring] if evaluation.scoring else []), split, target]
            name = f"{PREDICTIONS}/{'-'.join(parts)}.parquet"
            write_parquet(directory / name, frame)
            files[name] = sha256_of(directory / name)
            about = {
                "task": task.variant,
                "split": split,
                "scoring": evaluation.scoring,
                "target": target,
                "unseen": target not in sources,
                "data_sha256": session.record(task, target, split).content_sha256,
                "predictions": name,
            }
            ids[target] = frame["id"].to_list()
            gold, predicted = frame["gold"].to_list(), frame["predicted"].to_list()
            found = tables_of(task, gold, predicted)
            found |= bias_tables(evaluation.reading, gold, predicted) if evaluation.reading is not None else {}
            for metric, table in found.items():
                tables.setdefault(metric, {})[target] = table
                scores.append(about | asdict(score(metric, table)))
    means = [
        {"task": task.variant, "split": split, "scoring": evaluation.scoring}
        | asdict(macro(metric, by_target, ids=ids if task.aligned else None))
        | {"targets": list(by_target), "unseen": sum(target not in sources for target in by_target)}
        for metric, by_target in tables.items()
    ]
    return scores, means, files


def _labels(
    evaluation: Evaluation, target: str, session: Session, learner: Any, settings: Settings, step: Step
) -> pl.DataFrame:
    """What a classifier says of each row, or of its words: columns id, gold, predicted."""
    import polars as pl

    task, split = evaluation.task, evaluation.split
    number = {NO_LABEL: NO_LABEL} | {i: task.labels.index(label) for i, label in enumerate(learner.labels)}
    gold = session.labels(task, target, split)
    words = [len(labels) for labels in gold] if task.kind == "token-classification" else None
    encoded = session.encoded(task, target, split, settings)
    found = predict(learner, encoded, words, precision=settings.precision, step=step)
    found = [[number[a] for a in row] if words is not None else number[row] for row in found]
    label = pl.List(pl.Int16) if words is not None else pl.Int16
    return pl.DataFrame(
        {"id": session.rows(task, target, split)["id"], "gold": gold, "predicted": found},
        schema_overrides={"gold": label, "predicted": label},
    )


def _choices(
    evaluation: Evaluation,
    target: str,
    session: Session,
    learner: Any,
    settings: Settings,
    progress: Progress,
    step: Step,
) -> pl.DataFrame:
    """What a decoder takes of each row's choices: columns id, gold, predicted; and scores, or what it wrote.

    With both orders gold and predicted hold two of each: the number of the choice, as the data count them.
    """
    import polars as pl

    task, split, reading = evaluation.task, evaluation.split, evaluation.reading
    assert reading is not None
    frame = session.rows(task, target, split)
    speaker = Speaker(learner, session.tokenizer, max_tokens(session.model.files), settings.precision)
    found = answer(speaker, task, task.code(target), frame.to_dicts(), reading, step=step)
    if found.cut:
        some = ", ".join(found.cut[:3]) + (", …" if len(found.cut) > 3 else "")
        progress.note(f"{len(found.cut)} rows of {task.name} in {task.code(target)} lost their beginning: {some}")
    gold = frame["label"].to_list()
    columns: dict[str, Any] = {"id": frame["id"]}
    if reading.swap:
        columns |= {"gold": [[label, label] for label in gold], "predicted": found.chosen}
    else:
        columns |= {"gold": gold, "predicted": [chosen[0] for chosen in found.chosen]}
    label = pl.List(pl.Int16) if reading.swap else pl.Int16
    columns |= {"scores": found.scores} if found.scores is not None else {"text": found.texts}
    return pl.DataFrame(columns, schema_overrides={"gold": label, "predicted": label})


def evaluate_further(
    run: Run, evaluations: Sequence[Evaluation], session: Session, progress: Progress, world: World
) -> Run:
    """Evaluate a run whose weights were kept on the targets that it lacks.

    Raises:
        ModelError: the weights cannot be used.
    """
    if not world.first:
        return run
    settings = Settings.from_json(run.identity["settings"])
    learner = None
    for evaluation in evaluations:
        left = lacking(run, evaluation, session)
        if left:
            learner = learner or trained(run, evaluation.task, session, progress)
            found = evaluated(
                *(tuple(run.identity.get("shares", ())), replace(evaluation, targets=left), session, learner),
                *(run.directory, progress, settings),
            )
            run = write_run(run.directory, with_scores(run.record, *found))
    return run


def with_scores(
    record: dict[str, Any] | Any, scores: list[dict[str, Any]], means: list[dict[str, Any]], files: dict[str, str]
) -> dict[str, Any]:
    """A run's record with further scores; those that are measured again take the place of what was there."""

    def place(s: Any) -> tuple[Any, ...]:
        return s["task"], s["split"], s.get("scoring", ""), s["target"]

    new = {place(s) for s in scores}
    kept = [s for s in record.get("scores", ()) if place(s) not in new]
    return {
        **record,
        "scores": [*kept, *scores],
        "means": [*record.get("means", ()), *means],
        "files": {**record.get("files", {}), **files},
    }


def trained(run: Run, task: Task, session: Session, progress: Progress) -> Classifier | Decoder:
    """A run's model, out of the weights that were kept.

    Raises:
        ModelError: the weights cannot be used.
        RunError: they are not those that the run wrote.
    """
    from mslt_cli.models.classifier import load_trained

    assert run.model_folder is not None
    settings = Settings.from_json(run.identity["settings"])
    if settings.adapter is None:
        if task.kind == "multiple-choice":
            raise ModelError(f"Run {run.run_id} is an encoder's: it cannot be asked the questions of {task.name}.")
        with progress.step(f"load {run.record['name']}"):
            return load_trained(run.model_folder, task.kind, task.labels, device=session.device)
    decoder = session.decoder(settings.adapter, settings.precision)
    path = run.model_folder / ADAPTER
    if not path.is_file() or sha256_of(path) != run.record.get("adapter_sha256"):
        raise RunError(f"{path} is missing or was changed. Restore it, or train the run again with --force.")
    decoder.load(run.model_folder)
    return decoder
