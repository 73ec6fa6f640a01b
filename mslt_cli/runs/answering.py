"""One model answers for targets: predictions into a run's directory, and the scores that follow from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mslt_cli.data.prepared import require_record
from mslt_cli.errors import ModelError
from mslt_cli.evaluation.choices import UNREADABLE, Speaker, answer
from mslt_cli.evaluation.metrics import Table, accuracy_table, entity_table, macro, score
from mslt_cli.evaluation.predict import NO_LABEL, predict
from mslt_cli.evaluation.reading import Reading
from mslt_cli.files import sha256_of
from mslt_cli.models.adapter import ADAPTER
from mslt_cli.models.classifier import Classifier, load_trained
from mslt_cli.models.decoder import Decoder, max_tokens
from mslt_cli.progress import Step
from mslt_cli.runs.directory import PREDICTIONS, Run, RunError, write_parquet, write_run
from mslt_cli.runs.session import Session
from mslt_cli.tasks.task import Task
from mslt_cli.training.settings import Settings

if TYPE_CHECKING:
    import polars as pl

Results = Mapping[str, Any]
"""A part of run.json: `scores`, one for each target and metric; `means` over the targets; and `files`, checksums."""
NO_RESULTS: Results = {"scores": [], "means": [], "files": {}}


@dataclass(frozen=True)
class Evaluation:
    """What is evaluated: a task's split in some languages, and for multiple choice how answers are read."""

    task: Task
    split: str
    targets: tuple[str, ...]
    """ISO 639-3 codes; at the library's doors any spelling."""
    reading: Reading | None = None

    @property
    def scoring(self) -> str:
        """The name of its reading, which tells its scores from those of others; empty where there is one way only."""
        return self.reading.name if self.reading is not None else ""

    def resolve(self) -> Evaluation:
        """Return the same evaluation with ISO 639-3 codes.

        Raises:
            UnknownNameError, DataError: a spelling means no language of the task.
        """
        return replace(self, targets=tuple(dict.fromkeys(self.task.language(target) for target in self.targets)))

    def missing_in(self, run: Run) -> tuple[str, ...]:
        """The targets that a run was not evaluated on, or on other rows than there are now."""
        task, split = self.task, self.split
        there = {(s["target"], s["data_sha256"]) for s in run.scores_of(task.variant, split, self.scoring)}
        return tuple(t for t in self.targets if (t, require_record(task, t, split).content_sha256) not in there)


def unite_evaluations(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """The evaluations of several runs: each task, split and reading once, with all its targets."""
    groups: dict[tuple[str, str, str], list[Evaluation]] = {}
    for evaluation in evaluations:
        groups.setdefault((evaluation.task.variant, evaluation.split, evaluation.scoring), []).append(evaluation)
    targets = [tuple(dict.fromkeys(chain.from_iterable(e.targets for e in group))) for group in groups.values()]
    return [replace(group[0], targets=united) for group, united in zip(groups.values(), targets, strict=True)]


def tables_of(task: Task, gold: list[Any], answers: list[Any]) -> dict[str, Table]:
    """The counts of each metric that the task has, by row; see `evaluation.metrics`."""
    tables = {"accuracy": accuracy_table(gold, answers)}
    if "entity-f1" in task.further_metrics:
        tables["entity-f1"] = entity_table(task.labels, gold, answers)
    return tables


def bias_tables(reading: Reading, gold: list[Any], answers: list[Any]) -> dict[str, Table]:
    """What accuracy alone hides: the part of it where the right choice stands first, and second, in the prompt; the
    share of answers that name no choice; and with both orders the share of rows with the same choice in both.

    Args:
        reading: how the answers were read.
        gold: by row, the right choice from 0, or one for each order.
        answers: likewise; −1 names no choice.
    """
    tables: dict[str, Table] = {}
    right = np.array(gold, np.int64).reshape(len(gold), -1)
    chosen = np.array(answers, np.int64).reshape(len(gold), -1)
    if reading.scoring != "options":
        place = right.copy()
        place[:, 1:] = 1 - place[:, 1:]  # in the second order
        for number in (1, 2) if right.max(initial=0) < 2 else ():
            here = place == number - 1
            if here.any():
                tables[f"accuracy-gold-{number}"] = _count_by_row((chosen == right) & here, here)
    lost = chosen == UNREADABLE
    if reading.scoring == "generate":
        tables["unreadable"] = _count_by_row(lost, np.ones_like(lost))
    if reading.swap:
        same = (chosen[:, :1] == chosen[:, 1:]) & ~lost[:, :1]
        tables["same-in-both-orders"] = _count_by_row(same, np.ones_like(same))
    return tables


def _count_by_row(hits: NDArray[np.bool_], counted: NDArray[np.bool_]) -> Table:
    return np.stack([hits.sum(axis=1), counted.sum(axis=1)], axis=1)


@dataclass(frozen=True)
class Evaluator:
    """A model that answers for targets."""

    learner: Classifier | Decoder
    """A classifier with a head for the task, or a decoder."""
    session: Session
    settings: Settings
    """The model was trained with them; the precision and the longest example count."""
    sources: Sequence[str]
    """Languages of the training, ISO 639-3; empty for a model as it is."""
    directory: Path

    def evaluate(self, evaluation: Evaluation) -> Results:
        """Let the model answer for each target, write its answers, and score them."""
        task, split = evaluation.task, evaluation.split
        predict_rows = self._choices if task.kind == "multiple-choice" else self._labels
        scores: list[dict[str, Any]] = []
        files, ids = {}, {}
        tables: dict[str, dict[str, Any]] = {}
        scoring = [evaluation.scoring] if evaluation.scoring else []
        about = {"task": task.variant, "split": split, "scoring": evaluation.scoring}
        total = sum(require_record(task, target, split).rows for target in evaluation.targets)
        with self.session.progress.step(", ".join([f"evaluate {task.name}", *scoring]), total, "rows") as step:
            for target in evaluation.targets:
                frame = predict_rows(evaluation, target, step)
                name = f"{PREDICTIONS}/{'-'.join([task.variant, *scoring, split, target])}.parquet"
                write_parquet(self.directory / name, frame)
                files[name] = sha256_of(self.directory / name)
                ids[target] = frame["id"].to_list()
                answers = frame["gold"].to_list(), frame["predicted"].to_list()
                by_metric = tables_of(task, *answers)
                by_metric |= bias_tables(evaluation.reading, *answers) if evaluation.reading else {}
                of_target = about | {
                    "target": target,
                    "unseen": target not in self.sources,
                    "data_sha256": require_record(task, target, split).content_sha256,
                    "predictions": name,
                }
                for metric, table in by_metric.items():
                    tables.setdefault(metric, {})[target] = table
                    scores.append(of_target | asdict(score(metric, table)))
        means = [
            about
            | asdict(macro(metric, by_target, ids=ids if task.aligned else None))
            | {"targets": list(by_target), "unseen": sum(target not in self.sources for target in by_target)}
            for metric, by_target in tables.items()
        ]
        return {"scores": scores, "means": means, "files": files}

    def _labels(self, evaluation: Evaluation, target: str, step: Step) -> pl.DataFrame:
        """The label of each row, or of each of its words, by a classifier: columns id, gold, predicted."""
        import polars as pl

        task, split, learner = evaluation.task, evaluation.split, self.learner
        assert isinstance(learner, Classifier)
        number = {NO_LABEL: NO_LABEL} | {i: task.labels.index(label) for i, label in enumerate(learner.labels)}
        gold = self.session.labels(task, target, split)
        words = [len(labels) for labels in gold] if task.kind == "token-classification" else None
        encoded = self.session.encoded(task, target, split, self.settings)
        labels = predict(learner, encoded, words, precision=self.settings.precision, step=step)
        labels = [[number[a] for a in row] if words is not None else number[row] for row in labels]
        columns = {"id": self.session.rows(task, target, split)["id"], "gold": gold, "predicted": labels}
        type_ = pl.List(pl.Int16) if words is not None else pl.Int16
        return pl.DataFrame(columns, schema_overrides={"gold": type_, "predicted": type_})

    def _choices(self, evaluation: Evaluation, target: str, step: Step) -> pl.DataFrame:
        """The choice that a decoder takes for each row: columns id, gold, predicted; and scores, or what it wrote.

        With both orders gold and predicted hold two of each: the number of the choice, as the data count them.
        """
        import polars as pl

        task, session, reading = evaluation.task, self.session, evaluation.reading
        assert reading is not None and isinstance(self.learner, Decoder)
        frame, code = session.rows(task, target, evaluation.split), task.code(target)
        speaker = Speaker(self.learner, session.tokenizer, max_tokens(session.model.files), self.settings.precision)
        answers = answer(speaker, task, code, frame.to_dicts(), reading, step=step)
        if answers.cut:
            first = ", ".join(answers.cut[:3]) + (", …" if len(answers.cut) > 3 else "")
            session.progress.note(f"{len(answers.cut)} rows of {task.name} in {code} lost their beginning: {first}")
        columns: dict[str, Any] = {"id": frame["id"], "gold": frame["label"].to_list(), "predicted": answers.chosen}
        if reading.swap:
            columns["gold"] = [[label, label] for label in columns["gold"]]
        else:
            columns["predicted"] = [chosen[0] for chosen in answers.chosen]
        type_ = pl.List(pl.Int16) if reading.swap else pl.Int16
        columns |= {"scores": answers.scores} if answers.scores is not None else {"text": answers.texts}
        return pl.DataFrame(columns, schema_overrides={"gold": type_, "predicted": type_})


def add_results(before: Results, new: Results) -> dict[str, Any]:
    """Both results; scores that are measured again take the place of the old ones."""

    def place(s: Mapping[str, Any]) -> tuple[Any, ...]:
        return s["task"], s["split"], s.get("scoring", ""), s["target"]

    replaced = {place(s) for s in new["scores"]}
    kept = [s for s in before["scores"] if place(s) not in replaced]
    return {
        "scores": [*kept, *new["scores"]],
        "means": [*before["means"], *new["means"]],
        "files": before["files"] | new["files"],
    }


def evaluate_further(run: Run, evaluations: Sequence[Evaluation], session: Session) -> Run:
    """Evaluate a run whose weights were kept on the targets that it lacks.

    Raises:
        ModelError, RunError: the weights cannot be used.
    """
    evaluator = None
    for evaluation in evaluations:
        if missing := evaluation.missing_in(run):
            evaluator = evaluator or _load_run(run, evaluation.task, session)
            results = evaluator.evaluate(replace(evaluation, targets=missing))
            run = write_run(run.directory, {**run.record, **add_results(run.record, results)})
    return run


def _load_run(run: Run, task: Task, session: Session) -> Evaluator:
    """A run's model, out of the weights that were kept."""
    assert run.model_folder is not None
    settings = Settings.from_json(run.identity["settings"])
    learner: Classifier | Decoder
    if settings.adapter is None:
        if task.kind == "multiple-choice":
            raise ModelError(f"Run {run.run_id} is an encoder's: it cannot be asked the questions of {task.name}.")
        with session.progress.step(f"load {run.record['name']}"):
            learner = load_trained(run.model_folder, task.kind, task.labels, device=session.device)
    else:
        learner = session.decoder(settings.adapter, settings.precision)
        path = run.model_folder / ADAPTER
        if not path.is_file() or sha256_of(path) != run.record.get("adapter_sha256"):
            raise RunError(f"{path} is missing or was changed. Restore it, or train the run again with --force.")
        learner.load(run.model_folder)
    return Evaluator(learner, session, settings, tuple(run.identity.get("shares", ())), run.directory)
