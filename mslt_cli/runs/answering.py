"""What runs are asked, and a model that answers: predictions in a run's directory, and the scores that follow."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mslt_cli.data.prepared import require_record
from mslt_cli.data.shared_texts import ITEM, item_ids
from mslt_cli.evaluation.choices import UNREADABLE, Speaker, answer
from mslt_cli.evaluation.metrics import Table, accuracy_table, entity_table, macro, score
from mslt_cli.evaluation.predict import NO_LABEL, predict
from mslt_cli.evaluation.reading import Reading
from mslt_cli.files import cut_name
from mslt_cli.foreign import LONGEST_NAME
from mslt_cli.models.classifier import Classifier
from mslt_cli.models.decoder import Decoder, max_tokens
from mslt_cli.progress import Step
from mslt_cli.runs.directory import PREDICTIONS, Run, free_name, parquet_of, write_bytes
from mslt_cli.runs.session import Session
from mslt_cli.tasks.task import Task
from mslt_cli.training.settings import Settings

if TYPE_CHECKING:
    import polars as pl

PART = re.compile(r"(.+)\[:([1-9][0-9]*)\]")
"""The first rows of a split: test[:100]."""
Results = Mapping[str, Any]
"""A part of run.json: `scores`, one for each target and metric; `means` over the targets; and `files`, checksums."""
NORMALISED = "predicted_norm"
"""The column of predictions with the choice that acc_norm counts."""
MAX_STEM_BYTES = LONGEST_NAME - len("-12345678.parquet")
NO_RESULTS: Results = {"scores": [], "means": [], "files": {}}


def read_part(text: str) -> tuple[str, int | None]:
    """The split and the limit that `Evaluation.part` writes: ("test", 100) of "test[:100]"."""
    match = PART.fullmatch(text.strip())
    return (match[1], int(match[2])) if match else (text.strip(), None)


@dataclass(frozen=True)
class Evaluation:
    """What is evaluated: a task's split in some languages, and for multiple choice how answers are read."""

    task: Task
    split: str
    targets: tuple[str, ...]
    """ISO 639-3 codes; at the library's doors any spelling."""
    reading: Reading | None = None
    limit: int | None = None
    """Only so many rows of each target, the first ones; None = all."""
    template_sha256: str = ""
    """Of the chat template that questions are put in; empty = in none, or it is not known yet."""

    @property
    def part(self) -> str:
        """The rows, as scores name them in the place of their split: "test", or "test[:100]" for the first 100."""
        return f"{self.split}[:{self.limit}]" if self.limit else self.split

    @property
    def scoring(self) -> str:
        """The name of its reading, which tells its scores from those of others; empty where there is one way only."""
        return self.reading.name if self.reading is not None else ""

    def resolve(self) -> Evaluation:
        """The same with ISO 639-3 codes. Raises: UnknownNameError, DataError: a spelling means no language of it."""
        return replace(self, targets=tuple(dict.fromkeys(self.task.language(target) for target in self.targets)))

    def covers(self, score: Mapping[str, Any]) -> bool:
        """Whether a score or a mean in run.json is of this task, these rows and this reading."""
        found = (score["task"], score["split"], score.get("scoring", ""))
        return found == (self.task.variant, self.part, self.scoring)

    def scores_in(self, run: Run) -> list[Mapping[str, Any]]:
        """The scores that a run has in this task, split and reading, on any target."""
        return [score for score in run.scores if self.covers(score)]

    def targets_in(self, run: Run) -> tuple[str, ...]:
        """The languages that a run was evaluated on, in that order."""
        return tuple(dict.fromkeys(score["target"] for score in self.scores_in(run)))

    def missing_in(self, run: Run) -> tuple[str, ...]:
        """The targets that a run was not evaluated on, or on other rows or by another chat template than now."""
        alike = [s for s in self.scores_in(run) if s.get("template_sha256", "") == self.template_sha256]
        there = {(score["target"], score["data_sha256"]) for score in alike}
        rows = {target: require_record(self.task, target, self.split).content_sha256 for target in self.targets}
        return tuple(target for target in rows if (target, rows[target]) not in there)


def unite_evaluations(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """The evaluations of several runs: each task, rows and reading once, with all its targets."""
    groups: dict[tuple[str, str, str], list[Evaluation]] = {}
    for evaluation in evaluations:
        groups.setdefault((evaluation.task.variant, evaluation.part, evaluation.scoring), []).append(evaluation)
    targets = [tuple(dict.fromkeys(chain.from_iterable(e.targets for e in group))) for group in groups.values()]
    return [replace(group[0], targets=united) for group, united in zip(groups.values(), targets, strict=True)]


def tables_of(task: Task, gold: list[Any], answers: list[Any]) -> dict[str, Table]:
    """The counts of each metric that the task has, its own first, by row; see `evaluation.metrics`."""
    tables = {"accuracy": accuracy_table(gold, answers)}
    if "entity-f1" in (task.metric, *task.further_metrics):
        tables["entity-f1"] = entity_table(task.labels, gold, answers)
    return dict(sorted(tables.items(), key=lambda item: item[0] != task.metric))


def items_of(task: Task, target: str, answers: pl.DataFrame) -> list[str] | None:
    """The item of each row of predictions, as `macro` takes them; None where each row is an item of its own.

    Translations are one item, and so are rows that share a text (the column `item`).
    """
    if not (task.aligned or ITEM in answers.columns):
        return None
    ids: list[str] = answers[ITEM if ITEM in answers.columns else "id"].to_list()
    return ids if task.aligned else [f"{target} {item}" for item in ids]


def all_items(items: Mapping[str, list[str] | None]) -> dict[str, list[str]] | None:
    """The items of targets; None where rows are items of their own in one of them."""
    known = {target: of_target for target, of_target in items.items() if of_target is not None}
    return known if len(known) == len(items) else None


def bias_tables(reading: Reading, gold: list[Any], answers: list[Any], choices: Sequence[int]) -> dict[str, Table]:
    """What accuracy alone hides: the part of it where the right choice is the first in the prompt, the second, …; the
    share of answers that name no choice; and with both orders the share of rows with the same choice in both.

    Args:
        reading: how the answers were read.
        gold: by row, the right choice from 0, or one for each order.
        answers: likewise; −1 names no choice.
        choices: by row, how many there are.
    """
    right, chosen = (np.array(of_rows, np.int64).reshape(len(gold), -1) for of_rows in (gold, answers))
    lost = chosen == UNREADABLE
    counts: dict[str, tuple[Any, Any]] = {}  # by metric: which answers are hits, and which are counted
    if reading.scoring != "options":
        place = right.copy()
        place[:, 1:] = np.array(choices)[:, None] - 1 - right[:, 1:]  # the second order is the reverse of the first
        counts |= {
            f"accuracy-gold-{i + 1}": ((chosen == right) & (place == i), place == i) for i in range(max(choices))
        }
    if reading.scoring == "generate":
        counts["unreadable"] = (lost, np.ones_like(lost))
    if reading.swap:
        same = (chosen[:, :1] == chosen[:, 1:]) & ~lost[:, :1]
        counts["same-in-both-orders"] = (same, np.ones_like(same))
    return {
        metric: np.stack([hits.sum(axis=1), counted.sum(axis=1)], axis=1)
        for metric, (hits, counted) in counts.items()
        if counted.any()
    }


def count_majority(gold: Sequence[Any]) -> dict[str, int]:
    """How many rows have the most frequent right answer: `majority`, beside the counts of accuracy.

    It is what a model that always answers the same gets right. Nothing where rows have several answers, of words or in
    two orders.
    """
    return {} if any(isinstance(answer, list) for answer in gold) else {"majority": max(Counter(gold).values())}


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

    def evaluate(self, evaluation: Evaluation, before: Results = NO_RESULTS) -> Results:
        """Let the model answer for each target, write its answers, and add their scores to those from before.

        Scores that are measured again take the place of the old ones.
        """
        task, split = evaluation.task, evaluation.split
        scoring = [evaluation.scoring] if evaluation.scoring else []
        about: dict[str, Any] = {"task": task.variant, "split": evaluation.part, "scoring": evaluation.scoring}
        about |= {"limit": evaluation.limit} if evaluation.limit else {}
        about |= {"template_sha256": evaluation.template_sha256} if evaluation.template_sha256 else {}
        scores: list[dict[str, Any]] = []
        files: dict[str, str] = {}
        items: dict[str, list[str] | None] = {}
        tables: dict[str, dict[str, Table]] = {}
        rows = {target: require_record(task, target, split).rows for target in evaluation.targets}
        rows = {target: min(n, evaluation.limit or n) for target, n in rows.items()}
        cut: dict[str, tuple[int, int]] = {}
        with self.session.progress.step(
            ", ".join([f"evaluate {task.name}", *scoring]), sum(rows.values()), "rows"
        ) as step:
            for target in evaluation.targets:
                frame, lost = self._answer(evaluation, target, step)
                cut[target] = lost, rows[target]
                first = [f"first-{evaluation.limit}"] if evaluation.limit else []
                data = parquet_of(frame)
                sha256 = hashlib.sha256(data).hexdigest()
                end = "-" + "-".join([*scoring, split, *first, target])
                stem = cut_name(task.variant, MAX_STEM_BYTES - len(end)) + end
                name = free_name(f"{PREDICTIONS}/{stem}.parquet", sha256, before["files"])
                write_bytes(self.directory / name, data)
                files[name] = sha256
                items[target] = items_of(task, target, frame)
                answers = frame["gold"].to_list(), frame["predicted"].to_list()
                by_metric = tables_of(task, *answers)
                if NORMALISED in frame.columns:
                    by_metric["acc_norm"] = accuracy_table(answers[0], frame[NORMALISED].to_list())
                if evaluation.reading:
                    choices = self.session.rows(task, target, split)["choices"].head(frame.height).list.len().to_list()
                    by_metric |= bias_tables(evaluation.reading, *answers, choices)
                of_target = about | {
                    "target": target,
                    "unseen": target not in self.sources,
                    "data_sha256": require_record(task, target, split).content_sha256,
                    "predictions": name,
                    "cut": lost,
                }
                for metric, table in by_metric.items():
                    tables.setdefault(metric, {})[target] = table
                    scored = score(metric, table, items=items[target] if task.cluster else None)
                    counts = scored.counts | (count_majority(answers[0]) if metric == "accuracy" else {})
                    scores.append(of_target | asdict(scored) | {"counts": counts})
        if task.kind == "sequence-classification":
            self.session.note_cut(f"{task.name} {evaluation.part}", task, split, cut, self.settings)
        means = [*before["means"]]
        means += [
            about
            | asdict(macro(metric, by_target, items=all_items(items)))
            | {"targets": list(by_target), "unseen": sum(target not in self.sources for target in by_target)}
            for metric, by_target in tables.items()
        ]
        kept = [old for old in before["scores"] if not (evaluation.covers(old) and old["target"] in items)]
        dropped = {old["predictions"] for old in before["scores"]} - {old["predictions"] for old in kept}
        others = {name: sha256 for name, sha256 in before["files"].items() if name not in dropped}
        return {"scores": [*kept, *scores], "means": means, "files": others | files}

    def _answer(self, evaluation: Evaluation, target: str, step: Step) -> tuple[pl.DataFrame, int]:
        """The answers for a target, and how many rows the model did not see wholly.

        They have the columns id, item where rows share texts, gold, predicted; of choices also scores and what is
        chosen by scores per character, or what a decoder wrote.
        Gold and predicted hold a number, or a list: of each word, or with both orders of the choice in either.
        """
        import polars as pl

        task, split, reading = evaluation.task, evaluation.split, evaluation.reading
        frame, lost = self.session.rows(task, target, split), 0
        frame = frame.head(evaluation.limit) if evaluation.limit else frame
        columns: dict[str, Any] = {"id": frame["id"]}
        columns |= {ITEM: item_ids(task, frame)} if task.cluster else {}
        if task.kind == "multiple-choice":
            assert reading is not None
            several = reading.swap
            choices, lost = self._choices(task, target, frame, reading, step)
            columns |= choices
        else:
            several = task.kind == "token-classification"
            columns["gold"], columns["predicted"] = self.predict_labels(task, target, split, step, evaluation.limit)
            if not several:  # words continue in a further segment
                lost = len(self.session.encoded(task, target, split, self.settings).head(frame.height).cut)
        type_ = pl.List(pl.Int16) if several else pl.Int16
        types: dict[str, Any] = {"gold": type_, "predicted": type_, NORMALISED: pl.Int16}
        return pl.DataFrame(columns, schema_overrides={name: types[name] for name in types if name in columns}), lost

    def predict_labels(
        self, task: Task, language: str, split: str, step: Step, most: int | None = None
    ) -> tuple[list[Any], list[Any]]:
        """The labels of a split's first rows, at most so many, or of their words; and those that a classifier gives."""
        learner = self.learner
        assert isinstance(learner, Classifier)
        gold = self.session.labels(task, language, split)[:most]
        words = [len(labels) for labels in gold] if task.kind == "token-classification" else None
        encoded = self.session.encoded(task, language, split, self.settings).head(len(gold))
        labels = predict(learner, encoded, words, precision=self.settings.precision, step=step)
        number = {NO_LABEL: NO_LABEL} | {i: task.labels.index(label) for i, label in enumerate(learner.labels)}
        return gold, [[number[a] for a in row] if words is not None else number[row] for row in labels]

    def _choices(
        self, task: Task, target: str, frame: pl.DataFrame, reading: Reading, step: Step
    ) -> tuple[dict[str, list[Any] | None], int]:
        """The choice that a decoder takes for each row, by its number in the data, with the right one beside it; and
        how many rows lost their beginning."""
        session, code = self.session, task.code(target)
        assert isinstance(self.learner, Decoder)
        context, chat = max_tokens(session.model.files), session.chat if reading.template == "auto" else None
        speaker = Speaker(self.learner, session.tokenizer, context, self.settings.precision, chat)
        answers = answer(speaker, task, code, frame.to_dicts(), reading, step=step)
        if answers.cut:
            first = ", ".join(answers.cut[:3]) + (", …" if len(answers.cut) > 3 else "")
            session.progress.note(f"{len(answers.cut)} rows of {task.name} in {code} lost their beginning: {first}")
        gold, predicted = frame["label"].to_list(), answers.chosen
        further: dict[str, Any] = {"scores": answers.scores} if answers.scores is not None else {"text": answers.texts}
        further |= {NORMALISED: answers.normalised} if answers.normalised is not None else {}
        if reading.swap:
            return {"gold": [[label, label] for label in gold], "predicted": predicted, **further}, len(answers.cut)
        return {"gold": gold, "predicted": [chosen[0] for chosen in predicted], **further}, len(answers.cut)
