"""Runs for every format: what each scored on each target, how they differ, and which were taken in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mslt_cli.reports.cells import Cell, percent
from mslt_cli.show.rows import Column, plural, show_rows

if TYPE_CHECKING:
    from mslt_cli.runs.answering import Evaluation
    from mslt_cli.runs.compare import Comparison
    from mslt_cli.runs.directory import Run
    from mslt_cli.runs.index import Indexed
    from mslt_cli.runs.score_rows import ScoreOrMean, ScoreRow
    from mslt_cli.tasks.task import Task

MOST_SHOWN = 40
"""Runs that a table lists one by one; of more it shows the means over seeds alone."""


def run_as_dict(run: Run, status: str, tasks: Mapping[str, Task]) -> dict[str, Any]:
    """A run as JSON; languages are the data set's own codes.

    Args:
        run: finished.
        status: what became of it.
        tasks: by variant; of others the codes are ISO 639-3's.
    """
    from mslt_cli.runs.score_rows import code_in

    shares: Mapping[str, int] = run.identity.get("shares") or {}
    own = run.identity["task"]["name"]

    def code(task: str, language: str) -> str:
        return code_in(tasks.get(task), language)

    return {
        "run_id": run.run_id,
        "name": run.record["name"],
        "status": status,
        "sources": sorted(code(own, source) for source in shares),
        "examples": {code(own, source): n for source, n in shares.items()},
        "unequal": bool(run.identity.get("unequal")),
        "seed": run.identity.get("seed"),
        "model": run.identity["model"]["name"],
        "task": own,
        "means": [
            {**mean, "scoring": mean.get("scoring", ""), "targets": [code(mean["task"], t) for t in mean["targets"]]}
            for mean in run.means
        ],
        "scores": [
            {
                "task": score["task"],
                "split": score["split"],
                "scoring": score.get("scoring", ""),
                "target": code(score["task"], score["target"]),
                **{name: score[name] for name in ("metric", "value", "low", "high", "counts", "rows", "unseen")},
            }
            for score in run.scores
        ],
        "training": run.record.get("training"),
        "wall_s": run.record["wall_s"],
        "directory": str(run.directory),
        "command": run.record["command"],
    }


def show_runs(runs: Sequence[Run], evaluations: Sequence[Evaluation], form: str, statuses: Sequence[str]) -> None:
    """Print runs and their scores, each run once.

    Args:
        runs: as they are now.
        evaluations: what is shown of them, each in a table of its own; those of one task have the targets of all.
        form: of the output.
        statuses: what became of each run.
    """
    from mslt_cli.runs.score_rows import find_tasks, score_rows

    last = {run.run_id: (run, status) for run, status in zip(runs, statuses, strict=True)}
    runs = [run for run, _ in last.values()]
    if form in ("json", "jsonl", "lines"):
        tasks = {evaluation.task.variant: evaluation.task for evaluation in evaluations} | find_tasks(runs)
        rows = [run_as_dict(run, status, tasks) for run, status in last.values()]
        show_rows([Column("run_id")], rows, form, key="runs")
    elif not evaluations:
        _show_trained(runs, form)
    elif form == "csv":
        codes = dict.fromkeys(e.task.code(target) for e in evaluations for target in e.targets)
        names = ["task", "scoring"] if any(e.scoring for e in evaluations) or len(evaluations) > 1 else []
        names += ["sources", "seed", "metric", "mean", *codes, "run_id"]
        rows = [_row(row, e, [*codes]) for e in evaluations for row in score_rows(runs, e)]
        show_rows([Column(name) for name in names], rows, form, key="runs")
    else:
        for evaluation in evaluations:
            _show_table(score_rows(runs, evaluation), evaluation, form)


def _show_trained(runs: Sequence[Run], form: str) -> None:
    """Print what training came to, of runs that were evaluated on nothing."""
    from mslt_cli.runs.score_rows import name_sources

    rows: list[dict[str, Any]] = [
        {
            "sources": name_sources(run),
            "seed": run.identity.get("seed"),
            **{name: run.record["training"][name] for name in ("steps", "examples", "loss", "tokens_per_s")},
            "run_id": run.run_id,
        }
        for run in runs
    ]
    columns = [
        Column("sources"),
        Column("seed", right=True),
        Column("steps", ",", right=True),
        Column("examples", ",", right=True),
        Column("loss", ".3f", right=True, header="last loss"),
        Column("tokens_per_s", ",", right=True, header="tokens/s"),
        Column("run_id", spare=True, header="run"),
    ]
    footer = [
        "Not evaluated yet: `mslt eval RUN --task xcopa,xwinograd,xstorycloze`, or --evaluate xcopa with this command."
    ]
    show_rows(columns, rows, form, key="runs", footer=footer)


def _show_table(rows: list[ScoreRow], evaluation: Evaluation, form: str) -> None:
    from mslt_cli.runs.score_rows import means_over_seeds

    footer = _footer(rows, evaluation) if rows else []
    means = means_over_seeds(rows)
    rows = means if means and form == "table" and len(rows) + len(means) > MOST_SHOWN else rows + means
    codes = sorted(evaluation.task.code(target) for target in evaluation.targets)
    columns = [Column("sources")]
    columns += [Column("seed", right=True)] if len({(row.seed, row.seeds) for row in rows}) > 1 else []
    columns += [Column("metric")] if len({row.metric for row in rows}) > 1 else []
    columns += [Column(name, right=True) for name in ("mean", *codes)]
    columns.append(Column("run_id", spare=True, header="run"))
    show_rows(columns, [_row(row, evaluation, codes) for row in rows], form, key="runs", footer=footer)


def _row(row: ScoreRow, evaluation: Evaluation, codes: Sequence[str]) -> dict[str, Any]:
    """A row of a table or of CSV, with a column for each of the codes."""
    task = evaluation.task
    return {
        "task": task.variant,
        "scoring": evaluation.scoring,
        "sources": row.sources,
        "seed": row.seed if row.seeds == 1 else f"mean of {row.seeds}",
        "metric": row.metric,
        "mean": Cell(row.mean.value, _mean_text(row.mean)),
        **dict.fromkeys(codes),
        **{task.code(target): Cell(score.value, _score_text(score)) for target, score in row.scores.items()},
        "run_id": row.run_id,
    }


def _mean_text(mean: ScoreOrMean) -> str:
    """ "63.36 ±0.9"."""
    if mean.low is None or mean.high is None:
        return percent(mean.value)
    return f"{percent(mean.value)} ±{50 * (mean.high - mean.low):.1f}"


def _score_text(score: ScoreOrMean) -> str:
    """ "71.2", with a star where the target was trained on."""
    return f"{100 * score.value:.1f}" + ("" if score.unseen else "*")


def _footer(rows: Sequence[ScoreRow], evaluation: Evaluation) -> list[str]:
    task = evaluation.task
    scores = [score for row in rows if row.metric == task.metric for score in row.scores.values()]
    about = _interval_widths(scores)
    how = f", {evaluation.scoring}" if evaluation.scoring else ""
    lines = [
        f"{task.name} {evaluation.split}{how}, %; mean over {plural(len(evaluation.targets), 'target')} with its"
        f" 95 % interval, which is {about} in one language.",
    ]
    if evaluation.reading is not None:
        lines += ["A guess is right in 50 %: two choices."] if len(task.choices) == 2 else []
        if evaluation.reading.scoring != "options":
            lines.append("accuracy-gold-1, -2: where the right choice stands first, and second, in the prompt.")
    lines.append("`mslt eval --compare RUN RUN` tests whether two runs differ.")
    if not all(score.unseen for score in scores):
        lines.append("* trained on this language: no transfer.")
    return lines


def _interval_widths(scores: Sequence[ScoreOrMean]) -> str:
    """ "±1.2 to ±3.4": half the narrowest and half the widest interval, in points."""
    halves = [50 * (score.high - score.low) for score in scores if score.low is not None and score.high is not None]
    low, high = min(halves), max(halves)
    return f"±{low:.1f}" + (f" to ±{high:.1f}" if high - low >= 0.05 else "")


def show_index(indexed: Indexed, form: str) -> None:
    """Print the runs that the index has taken in."""
    rows: list[dict[str, Any]] = [
        {
            "run_id": run.run_id,
            "name": run.record["name"],
            "task": run.identity["task"]["name"],
            "model": run.identity["model"]["name"],
            "seed": run.identity.get("seed"),
            "scores": len(run.scores),
            "directory": str(run.directory),
        }
        for run in indexed.runs
    ]
    columns = [
        Column("run_id", header="run"),
        Column("name"),
        Column("task"),
        Column("model"),
        Column("seed", right=True),
        Column("scores", right=True),
        Column("directory", spare=True),
    ]
    footer = [f"{plural(len(indexed.runs), 'run')} in the store."]
    if indexed.unfinished:
        footer.append(f"{len(indexed.unfinished)} have not ended; the commands that started them go on with them.")
    show_rows(columns, rows, form, key="runs", footer=footer)


def show_comparison(comparison: Comparison, form: str) -> None:
    """Print differences between runs, a row for each target and for their mean."""
    several = len({row["b"] for row in comparison.rows}) > 1
    metrics = len({row["metric"] for row in comparison.rows}) > 1
    columns = [
        Column("target"),
        Column("b", header="run", csv_only=not several),
        Column("metric", csv_only=not metrics),
        Column("value_a", percent, right=True, header="first"),
        Column("value_b", percent, right=True, header="other"),
        Column("difference", _signed_percent, right=True),
        Column("low", _signed_percent, right=True, header="from"),
        Column("high", _signed_percent, right=True, header="to"),
        Column("p", _p_text, right=True),
        Column("p_holm", _p_text, right=True, header="p, Holm"),
        Column("test", spare=True),
    ]
    show_rows(columns, comparison.rows, form, key="comparisons", footer=comparison.footer)


def _signed_percent(value: float) -> str:
    return f"{100 * value:+.2f}"


def _p_text(value: float) -> str:
    return "<0.001" if value < 0.001 else f"{value:.3f}"
