"""Runs for every format: what each scored on each target, and how they differ."""

from collections.abc import Mapping, Sequence
from typing import Any

from mslt_cli.reports.cells import Cell, Column, columns_of, percent, plural
from mslt_cli.reports.task_facts import ChanceLevel, guess_accuracy, mean_majority
from mslt_cli.runs.answering import Evaluation
from mslt_cli.runs.compare import MEAN, Comparison
from mslt_cli.runs.directory import Run
from mslt_cli.runs.score_rows import ScoreRow, code_in, find_tasks, means_over_seeds, name_sources, score_rows
from mslt_cli.show.rows import show_rows
from mslt_cli.tasks.task import Task

MOST_SHOWN = 40
"""Runs that a table lists one by one; of more it shows the means over seeds alone."""
SCORE = ("task", "split", "scoring", "target", "metric", "value", "low", "high", "counts", "rows", "unseen")
"""What JSON has of a score."""


def run_as_dict(run: Run, status: str, tasks: Mapping[str, Task]) -> dict[str, Any]:
    """A finished run as JSON, with its status; languages are codes of these tasks (by variant), else of ISO 639-3."""

    def code(task: str, language: str) -> str:
        return code_in(tasks.get(task), language)

    own = run.identity["task"]["name"]
    examples = {code(own, source): n for source, n in (run.identity.get("shares") or {}).items()}
    training = run.record.get("training")
    if training and "cut" in training:
        training = {**training, "cut": {code(own, source): n for source, n in training["cut"].items()}}
    return {
        "run_id": run.run_id,
        "name": run.record["name"],
        "status": status,
        "sources": sorted(examples),
        "examples": examples,
        "unequal": bool(run.identity.get("unequal")),
        "seed": run.identity.get("seed"),
        "model": run.model,
        "task": own,
        "means": [
            {**mean, "scoring": mean.get("scoring", ""), "targets": [code(mean["task"], t) for t in mean["targets"]]}
            for mean in run.means
        ],
        "scores": [
            {name: score.get(name, "") for name in SCORE}
            | {"target": code(score["task"], score["target"]), "limit": score.get("limit"), "cut": score.get("cut")}
            for score in run.scores
        ],
        "training": training,
        "wall_s": run.record["wall_s"],
        "directory": str(run.directory),
        "command": run.record["command"],
    }


def show_runs(runs: Sequence[Run], evaluations: Sequence[Evaluation], form: str, statuses: Sequence[str]) -> None:
    """Print runs, each once, as it was given last, and their scores, in a table for each of some evaluations."""
    last = {run.run_id: (run, status) for run, status in zip(runs, statuses, strict=True)}
    runs = [run for run, _ in last.values()]
    if form in ("json", "jsonl", "lines", "quiet"):
        tasks = {evaluation.task.variant: evaluation.task for evaluation in evaluations} | find_tasks(runs)
        rows = [run_as_dict(run, status, tasks) for run, status in last.values()]
        show_rows([Column("run_id")], rows, form, key="runs", piped=[run.run_id for run in runs])
    elif not evaluations:
        _show_trained(runs, form)
    elif form == "csv":
        codes = dict.fromkeys(e.task.code(target) for e in evaluations for target in e.targets)
        names = ["task", "scoring"] if any(e.scoring for e in evaluations) or len(evaluations) > 1 else []
        names += ["limit"] if any(e.limit for e in evaluations) else []
        names += ["sources", "seed", "metric", "mean", *codes, "run_id"]
        rows = [_row(row, e, [*codes]) for e in evaluations for row in score_rows(runs, e)]
        show_rows(columns_of(*names), rows, form, key="runs")
    else:
        for evaluation in evaluations:
            _show_table(score_rows(runs, evaluation), evaluation, form)


def _show_trained(runs: Sequence[Run], form: str) -> None:
    """Print what training came to, of runs that were evaluated on nothing."""
    rows = [
        {**run.record["training"], "sources": name_sources(run), "seed": run.identity.get("seed"), "run_id": run.run_id}
        for run in runs
    ]
    columns = [
        Column("sources"),
        Column("seed", right=True),
        *columns_of("steps", "examples", text=",", right=True),
        Column("loss", ".3f", right=True, header="last loss"),
        Column("tokens_per_s", ",", right=True, header="tokens/s"),
        Column("run_id", spare=True, header="run"),
    ]
    hint = "`mslt eval RUN --task xcopa,xwinograd,xstorycloze`, or --evaluate xcopa with this command."
    show_rows(columns, rows, form, key="runs", footer=[f"Not evaluated yet: {hint}"])


def _show_table(rows: list[ScoreRow], evaluation: Evaluation, form: str) -> None:
    footer = _footer(rows, evaluation) if rows else []
    means = means_over_seeds(rows)
    rows = means if means and form == "table" and len(rows) + len(means) > MOST_SHOWN else rows + means
    codes = sorted(evaluation.task.code(target) for target in evaluation.targets)
    columns = [Column("sources", label=True)]
    columns += [Column("seed", right=True, label=True)] if len({row.seed for row in rows}) > 1 else []
    columns += [Column("metric", label=True)] if len({row.metric for row in rows}) > 1 else []
    columns += [*columns_of("mean", *codes, right=True), Column("run_id", header="run")]
    show_rows(columns, [_row(row, evaluation, codes) for row in rows], form, key="runs", footer=footer)


def _row(row: ScoreRow, evaluation: Evaluation, codes: Sequence[str]) -> dict[str, Any]:
    """A row of a table or of CSV, with a column for each of the codes; a star where the target was trained on."""
    task, mean = evaluation.task, row.mean
    ends = "" if mean.low is None or mean.high is None else f" ±{50 * (mean.high - mean.low):.1f}"
    cells = {
        task.code(target): Cell(score.value, f"{100 * score.value:.1f}" + ("" if score.unseen else "*"))
        for target, score in row.scores.items()
    }
    values = vars(row) | {"task": task.variant, "scoring": evaluation.scoring, "limit": evaluation.limit}
    return values | {"mean": Cell(mean.value, percent(mean.value) + ends), **dict.fromkeys(codes), **cells}


def _footer(rows: Sequence[ScoreRow], evaluation: Evaluation) -> list[str]:
    task, reading = evaluation.task, evaluation.reading
    metrics = [*dict.fromkeys(row.metric for row in rows)]
    shown = task.metric if task.metric in metrics else metrics[0]
    by_target = [scored for row in rows if row.metric == shown for scored in row.scores.items()]
    scores = [score for _, score in by_target]
    halves = [50 * (score.high - score.low) for score in scores if score.low is not None and score.high is not None]
    narrow, wide = min(halves), max(halves)
    about = f"±{narrow:.1f}" + (f" to ±{wide:.1f}" if wide - narrow >= 0.05 else "")
    about += f" of {shown}" if len(metrics) > 1 else ""
    first = f"only the first {plural(evaluation.limit, 'row')} of each target" if evaluation.limit else ""
    how = ", ".join(filter(None, [evaluation.scoring, first, shown if len(metrics) == 1 else ""]))
    lines = [
        f"{task.name} {evaluation.split}{how and f', {how}'}, %; mean over"
        f" {plural(len(evaluation.targets), 'target')} with its 95 % interval, which is {about} in one language.",
    ]
    if shown == "accuracy":
        majority = mean_majority((target, score.majority) for target, score in by_target)
        lines += filter(None, [ChanceLevel(guess_accuracy(task), majority).describe()])
    if reading is not None and reading.scoring != "options":
        lines.append("accuracy-gold-1, -2, …: where the right choice has this number in the prompt.")
    if "acc_norm" in metrics:
        lines.append("acc_norm: by log-likelihood per character of the choice; accuracy is what the harness calls acc.")
    lines.append("`mslt eval --compare RUN RUN` tests two runs, and with their seeds (A1+A2 B1+B2) two combinations.")
    if not all(score.unseen for score in scores):
        lines.append("* trained on this language: no transfer.")
    return lines


def show_comparison(comparison: Comparison, form: str) -> None:
    """Print differences between runs, a row for each target and for their mean."""
    several = len({row["b"] for row in comparison.rows}) > 1
    metrics = len({row["metric"] for row in comparison.rows}) > 1
    scopes = len({row["scope"] for row in comparison.rows}) > 1
    columns = [
        Column("target"),
        Column("b", header="run", csv_only=not several),
        Column("metric", csv_only=not metrics),
        Column("scope", csv_only=not scopes),
        Column("value_a", percent, right=True, header="first"),
        Column("value_b", percent, right=True, header="other"),
        Column("difference", _signed_percent, right=True),
        Column("low", _signed_percent, right=True, header="from"),
        Column("high", _signed_percent, right=True, header="to"),
        Column("p", _p_text, right=True),
        Column("p_holm", _p_text, right=True, header="p, Holm"),
        Column("test", spare=True),
    ]
    first = comparison.rows[0]
    others = [row for row in comparison.rows if row["metric"] == first["metric"]]
    means = [row["p_holm"] for row in others if row["target"] == MEAN] or [row["p_holm"] for row in others]
    show_rows(columns, comparison.rows, form, key="comparisons", footer=comparison.footer, piped=means)


def _signed_percent(value: float) -> str:
    return f"{100 * value:+.2f}"


def _p_text(value: float) -> str:
    return "<0.001" if value < 0.001 else f"{value:.3f}"
