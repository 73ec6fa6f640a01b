"""What runs scored in an evaluation, a row a run and metric; and the means over the seeds of a combination."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mslt_cli.errors import MsltError
from mslt_cli.runs.answering import Evaluation
from mslt_cli.runs.directory import Run
from mslt_cli.tasks import find_task
from mslt_cli.tasks.task import Task


@dataclass(frozen=True)
class ScoreOrMean:
    """A score, or a mean of scores; 0..1."""

    value: float
    low: float | None = None
    """Ends of its 95 % interval; None = not known."""
    high: float | None = None
    unseen: bool = True
    """False = the run was trained on this target."""
    majority: float | None = None
    """The share of the most frequent answer, 0..1; None = not known."""


@dataclass(frozen=True)
class ScoreRow:
    """What a run scored in one metric of an evaluation, or what the seeds of a combination scored on average."""

    sources: str
    """In the task's own codes, by comma; the model's name if there are none."""
    seed: int | str | None
    """Of the run; "mean of 3" for a mean over seeds."""
    metric: str
    mean: ScoreOrMean
    """Over the targets."""
    scores: Mapping[str, ScoreOrMean]
    """By target, ISO 639-3."""
    run_id: str
    """Empty for a mean over seeds."""


def score_rows(runs: Sequence[Run], evaluation: Evaluation) -> list[ScoreRow]:
    """Arrange the scores of runs in one evaluation, in the order of the runs.

    The mean over targets has its interval where the run was evaluated on just these.
    """
    rows = []
    for run in runs:
        by_metric: dict[str, dict[str, ScoreOrMean]] = {}
        for score in evaluation.scores_in(run):
            if score["target"] in evaluation.targets:
                most = score["counts"].get("majority")
                majority = None if most is None else most / score["rows"]
                value = ScoreOrMean(score["value"], score["low"], score["high"], bool(score["unseen"]), majority)
                by_metric.setdefault(score["metric"], {})[score["target"]] = value
        means = {
            (mean["metric"], *sorted(mean["targets"])): ScoreOrMean(mean["value"], mean["low"], mean["high"])
            for mean in reversed(run.means)  # of equals the first counts
            if evaluation.covers(mean)
        }
        for metric, scores in by_metric.items():
            mean = means.get((metric, *sorted(scores))) or _mean(scores.values())
            rows.append(ScoreRow(name_sources(run), run.identity.get("seed"), metric, mean, scores, run.run_id))
    return rows


def means_over_seeds(rows: Sequence[ScoreRow]) -> list[ScoreRow]:
    """Average the rows of each combination and metric that has several runs; the first of them says the targets."""
    groups: dict[tuple[str, str], list[ScoreRow]] = {}
    for row in rows:
        groups.setdefault((row.sources, row.metric), []).append(row)
    means = []
    for (sources, metric), group in groups.items():
        if len(group) > 1:
            scores = {
                target: _mean([row.scores[target] for row in group if target in row.scores], unseen=score.unseen)
                for target, score in group[0].scores.items()
            }
            mean = _mean([row.mean for row in group])
            means.append(ScoreRow(sources, f"mean of {len(group)}", metric, mean, scores, run_id=""))
    return means


def _mean(scores: Collection[ScoreOrMean], *, unseen: bool = True) -> ScoreOrMean:
    return ScoreOrMean(sum(score.value for score in scores) / len(scores), unseen=unseen)


def find_tasks(runs: Sequence[Run]) -> dict[str, Task]:
    """Find the tasks that runs were trained for, by variant; a user's own whose file is gone is left out."""
    tasks = {}
    for run in runs:
        try:
            task = find_task(run.record["task"]["name"]).without_repairs(tuple(run.record["task"]["without"]))
        except MsltError:
            continue
        tasks[task.variant] = task
    return tasks


def task_of_score(score: Mapping[str, Any]) -> Task | None:
    """The task of a score; None where a user's own is gone."""
    try:
        return find_task(score["task"].partition("-no-")[0])
    except MsltError:
        return None


def name_sources(run: Run) -> str:
    """Name the sources of a run by comma, in the task's own codes; without sources, the run."""
    task = find_tasks([run]).get(run.identity["task"]["name"])
    codes = sorted(code_in(task, source) for source in run.identity.get("shares") or ())
    return (",".join(codes) or str(run.record["name"])) + (" (unequal)" if run.identity.get("unequal") else "")


def code_in(task: Task | None, language: str) -> str:
    """A language's code in a task; its ISO 639-3 code where the task is not known or does not have it."""
    return task.code(language) if task is not None and language in task.languages else language
