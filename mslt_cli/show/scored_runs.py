"""Runs: what each scored on each target, and how they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mslt_cli.show.rows import Column, plural, show_rows, thousands

if TYPE_CHECKING:
    from mslt_cli.runs.answering import Evaluation
    from mslt_cli.runs.directory import Run
    from mslt_cli.runs.index import Indexed
    from mslt_cli.tasks.task import Task

MOST_SHOWN = 40
"""Runs that a table lists one by one; of more it shows the combinations alone."""


def as_dict(run: Run, status: str, tasks: Mapping[str, Task]) -> dict[str, Any]:
    """A run as JSON; languages are the data set's own codes.

    Args:
        run: finished.
        status: what became of it.
        tasks: by variant; of others the codes are ISO 639-3's.
    """
    shares: Mapping[str, int] = run.identity.get("shares") or {}

    def code(task: str, language: str) -> str:
        known = tasks.get(task)
        return known.code(language) if known is not None and language in known.languages else language

    own = run.identity["task"]["name"]
    return {
        "run_id": run.run_id,
        "name": run.record["name"],
        "status": status,
        "sources": sorted(code(own, source) for source in shares),
        "examples": {code(own, source): n for source, n in shares.items()},
        "unequal": bool(run.identity.get("unequal")),
        "seed": run.identity.get("seed"),
        "model": run.identity["model"]["name"],
        "task": run.identity["task"]["name"],
        "means": [
            {**mean, "scoring": mean.get("scoring", ""), "targets": [code(mean["task"], t) for t in mean["targets"]]}
            for mean in run.means
        ],
        "scores": [
            {
                "task": s["task"],
                "split": s["split"],
                "scoring": s.get("scoring", ""),
                "target": code(s["task"], s["target"]),
                **{name: s[name] for name in ("metric", "value", "low", "high", "counts", "rows", "unseen")},
            }
            for s in run.scores
        ],
        "training": run.record.get("training"),
        "wall_s": run.record["wall_s"],
        "directory": str(run.directory),
        "command": run.record["command"],
    }


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def show_runs(runs: Sequence[Run], evaluations: Sequence[Evaluation], form: str, statuses: Sequence[str]) -> None:
    """Print runs and their scores.

    Args:
        runs: as they are now.
        evaluations: what is shown of them, each in a table of its own; those of one task have the targets of all.
        form: of the output.
        statuses: what became of each run.
    """
    runs, statuses = _once(runs, statuses)
    if form == "lines":
        show_rows([Column("run_id")], [{"run_id": run.run_id} for run in runs], form, key="runs")
        return
    if form in ("json", "jsonl"):
        tasks = {evaluation.task.variant: evaluation.task for evaluation in evaluations} | _tasks_of(runs)
        rows = [as_dict(run, status, tasks) for run, status in zip(runs, statuses, strict=True)]
        show_rows([Column("run_id")], rows, form, key="runs")
        return
    if not evaluations:
        _show_trained(runs, form)
        return
    if form == "csv":
        rows = [row for evaluation in evaluations for row in _rows(runs, evaluation)]
        rows = [{name: v["value"] if isinstance(v, dict) else v for name, v in row.items()} for row in rows]
        codes = dict.fromkeys(e.task.code(target) for e in evaluations for target in e.targets)
        names = ["task", "scoring"] if any(e.scoring for e in evaluations) or len(evaluations) > 1 else []
        names += ["sources", "seed", "metric", "mean", *codes, "run_id"]
        show_rows([Column(name) for name in names], [dict.fromkeys(names) | row for row in rows], form, key="runs")
        return
    for evaluation in evaluations:
        _show_table(runs, evaluation, form)


def _once(runs: Sequence[Run], statuses: Sequence[str]) -> tuple[list[Run], list[str]]:
    """Each run once, as it was last."""
    last = {run.run_id: (run, status) for run, status in zip(runs, statuses, strict=True)}
    return [run for run, _ in last.values()], [status for _, status in last.values()]


def _tasks_of(runs: Sequence[Run]) -> dict[str, Task]:
    """The tasks that runs were trained for, by variant; a user's own whose file is gone is left out."""
    from mslt_cli.errors import MsltError
    from mslt_cli.tasks import find_task

    found = {}
    for run in runs:
        try:
            task = find_task(run.record["task"]["name"]).without_repairs(tuple(run.record["task"]["without"]))
        except MsltError:
            continue
        found[task.variant] = task
    return found


def _codes(run: Run) -> str:
    """The sources of a run, or its model's name."""
    task = _tasks_of([run]).get(run.identity["task"]["name"])
    shares = run.identity.get("shares") or {}
    codes = sorted(task.code(x) if task is not None and x in task.languages else x for x in shares)
    return (",".join(codes) or str(run.record["name"])) + (" (unequal)" if run.identity.get("unequal") else "")


def _show_trained(runs: Sequence[Run], form: str) -> None:
    """Runs that were evaluated on nothing: what their training came to."""
    rows: list[dict[str, Any]] = [
        {
            "sources": _codes(run),
            "seed": run.identity.get("seed"),
            **{name: run.record["training"][name] for name in ("steps", "examples", "loss", "tokens_per_s")},
            "run_id": run.run_id,
        }
        for run in runs
    ]
    columns = [
        *(Column("sources"), Column("seed", right=True), Column("steps", thousands, right=True)),
        Column("examples", thousands, right=True),
        Column("loss", lambda loss: f"{loss:.3f}", right=True, header="last loss"),
        Column("tokens_per_s", thousands, right=True, header="tokens/s"),
        Column("run_id", spare=True, header="run"),
    ]
    footer = [
        "Not evaluated yet: `mslt eval RUN --task xcopa,xwinograd,xstorycloze`, or --evaluate xcopa with this command."
    ]
    show_rows(columns, rows, form, key="runs", footer=footer)


def _show_table(runs: Sequence[Run], evaluation: Evaluation, form: str) -> None:
    task, targets = evaluation.task, sorted(evaluation.targets, key=evaluation.task.code)
    rows = _rows(runs, evaluation)
    rows += _over_seeds(rows)
    if len(rows) > MOST_SHOWN and form == "table":
        rows = [row for row in rows if row["seeds"] > 1] or rows
    several = len({row["metric"] for row in rows}) > 1
    seeds = len({row["seed"] for row in rows}) > 1
    columns = [Column("sources")]
    columns += [Column("seed", right=True)] if seeds else []
    columns += [Column("metric")] if several else []
    columns += [Column("mean", _with_interval, right=True)]
    columns += [Column(task.code(target), _cell, right=True) for target in targets]
    columns.append(Column("run_id", spare=True, header="run"))
    show_rows(columns, rows, form, key="runs", footer=_footer(runs, evaluation) if rows else [])


def _rows(runs: Sequence[Run], evaluation: Evaluation) -> list[dict[str, Any]]:
    """A row for each run and metric."""
    task = evaluation.task
    rows = []
    for run in runs:
        scores = run.scores_of(task.variant, evaluation.split, evaluation.scoring)
        for metric in dict.fromkeys(s["metric"] for s in scores):
            by_target = {s["target"]: s for s in scores if s["metric"] == metric and s["target"] in evaluation.targets}
            row: dict[str, Any] = {
                "task": task.variant,
                "scoring": evaluation.scoring,
                "sources": _codes(run),
                "seed": run.identity.get("seed"),
                "seeds": 1,
                "metric": metric,
                "mean": _mean_of(run, evaluation, metric, by_target),
                "run_id": run.run_id,
            }
            rows.append(row | {task.code(target): by_target.get(target) for target in evaluation.targets})
    return rows


def _over_seeds(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each combination that has several seeds."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["sources"], row["metric"]), []).append(row)
    out = []
    for some in groups.values():
        if len(some) < 2:
            continue
        mean: dict[str, Any] = {**some[0], "seed": f"mean of {len(some)}", "seeds": len(some), "run_id": ""}
        for name, value in some[0].items():
            if isinstance(value, dict):
                mean[name] = {**value, "value": _mean([row[name]["value"] for row in some if row[name]])}
        mean["mean"] = {"value": _mean([row["mean"]["value"] for row in some]), "low": None, "high": None}
        out.append(mean)
    return out


def _mean_of(
    run: Run, evaluation: Evaluation, metric: str, by_target: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """The mean over targets, with its interval where the run was evaluated on just these."""
    wanted = (evaluation.task.variant, evaluation.split, evaluation.scoring, metric)
    for mean in run.means:
        same = (mean["task"], mean["split"], mean.get("scoring", ""), mean["metric"]) == wanted
        if same and sorted(mean["targets"]) == sorted(by_target):
            return dict(mean)
    return {"value": _mean([s["value"] for s in by_target.values()]), "low": None, "high": None}


def _with_interval(mean: Mapping[str, Any]) -> str:
    """ "63.36 ±0.9"."""
    if mean["low"] is None:
        return _hundred(mean["value"])
    return f"{_hundred(mean['value'])} ±{50 * (mean['high'] - mean['low']):.1f}"


def _hundred(value: float) -> str:
    return f"{100 * value:.2f}"


def _cell(score: Mapping[str, Any]) -> str:
    """ "71.25", with a star where the target was trained on."""
    return f"{100 * score['value']:.1f}" + ("" if score["unseen"] else "*")


def _footer(runs: Sequence[Run], evaluation: Evaluation) -> list[str]:
    task, targets = evaluation.task, evaluation.targets
    scores = [
        s
        for run in runs
        for s in run.scores_of(task.variant, evaluation.split, evaluation.scoring)
        if s["target"] in targets and s["metric"] == task.metric
    ]
    wide = sorted(50 * (s["high"] - s["low"]) for s in scores)
    about = f"±{wide[0]:.1f}" + (f" to ±{wide[-1]:.1f}" if wide[-1] - wide[0] >= 0.05 else "")
    how = f", {evaluation.scoring}" if evaluation.scoring else ""
    lines = [
        f"{task.name} {evaluation.split}{how}, %; mean over {plural(len(targets), 'target')} with its 95 % interval,"
        f" which is {about} in one language.",
    ]
    if evaluation.reading is not None:
        lines += ["A guess is right in 50 %: two choices."] if len(task.choices) == 2 else []
        if evaluation.reading.scoring != "options":
            lines.append("accuracy-gold-1, -2: where the right choice stands first, and second, in the prompt.")
    lines.append("`mslt eval --compare RUN RUN` tests whether two runs differ.")
    if any(not s["unseen"] for s in scores):
        lines.append("* trained on this language: no transfer.")
    return lines


def show_index(found: Indexed, form: str) -> None:
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
        for run in found.runs
    ]
    columns = [Column("run_id", header="run"), Column("name"), Column("task"), Column("model")]
    columns += [Column("seed", right=True), Column("scores", right=True), Column("directory", spare=True)]
    footer = [f"{plural(len(found.runs), 'run')} in the store."]
    if found.unfinished:
        footer.append(f"{len(found.unfinished)} have not ended; the commands that started them go on with them.")
    show_rows(columns, rows, form, key="runs", footer=footer)


def show_comparisons(rows: Sequence[Mapping[str, Any]], form: str, footer: Sequence[str]) -> None:
    """Print differences between runs, a row for each target and for their mean."""
    several = len({row["b"] for row in rows}) > 1
    metrics = len({row["metric"] for row in rows}) > 1
    columns = [Column("target")]
    columns += [Column("b", header="run")] if several or form == "csv" else []
    columns += [Column("metric")] if metrics or form == "csv" else []
    columns += [
        Column("value_a", _hundred, right=True, header="first"),
        Column("value_b", _hundred, right=True, header="other"),
        Column("difference", _signed, right=True),
        Column("low", _signed, right=True, header="from"),
        Column("high", _signed, right=True, header="to"),
        Column("p", _p, right=True),
        Column("p_holm", _p, right=True, header="p, Holm"),
        Column("test", spare=True),
    ]
    show_rows(columns, rows, form, key="comparisons", footer=footer)


def _signed(value: float) -> str:
    return f"{100 * value:+.2f}"


def _p(value: float) -> str:
    return "<0.001" if value < 0.001 else f"{value:.3f}"
