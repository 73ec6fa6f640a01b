"""Plans and runs: how many there are and what they take; what each scored on each target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mslt_cli.reporting.rows import Column, show_rows
from mslt_cli.reporting.terminal import note

if TYPE_CHECKING:
    from mslt_cli.runs.directory import Run
    from mslt_cli.runs.experiment import Indexed, State
    from mslt_cli.runs.plan import Planned
    from mslt_cli.runs.session import Session
    from mslt_cli.tasks.base import Task

MOST_SHOWN = 40
"""Runs that a table lists one by one; of more it shows the combinations alone."""


def announce_plan(plan: Sequence[tuple[Planned, State]], session: Session, store: Path) -> None:
    """Say on stderr what is going to be done."""
    from mslt_cli.runs.experiment import readable_time

    if len(plan) == 1 and plan[0][1] == "done":
        return
    count = {state: sum(s == state for _, s in plan) for state in ("done", "goes on", "new")}
    spec, evaluation = plan[0][0].spec, plan[0][0].evaluation
    combinations = len({item.spec.sources for item, _ in plan})
    parts = [_many(len(plan), "run")]
    if combinations < len(plan):
        parts[0] += f" ({combinations} combinations × {len(plan) // combinations} seeds)"
    parts += [f"{count['done']:,} done already"] if count["done"] else []
    parts += [f"{count['goes on']:,} go on"] if count["goes on"] else []
    left = [item for item, state in plan if state != "done"]
    steps = spec.settings.total_steps(spec.examples)
    what = (
        f"{spec.examples:,} examples, {steps:,} steps each, evaluated on {_many(len(evaluation.targets), 'language')}"
    )
    time = _expected_s(left, session, store) if left else None
    took = f", about {readable_time(time)} by earlier runs" if time else ""
    note(f"{', '.join(parts)}: {spec.task.name} with {spec.model.name}, {what}{took}")


def _expected_s(items: Sequence[Planned], session: Session, store: Path) -> float | None:
    """Seconds that runs will train, by the speed of earlier ones of the same model; None if there were none."""
    from mslt_cli.errors import MsltError
    from mslt_cli.runs.execute import planned_tokens
    from mslt_cli.store.db import open_store, store_exists
    from mslt_cli.store.runs import tokens_per_s

    if not store_exists(store):
        return None
    try:
        with open_store(store) as opened:
            speed = tokens_per_s(opened, items[0].spec.model.name)
        return sum(planned_tokens(item.spec, session)[0] for item in items) / speed if speed else None
    except MsltError:  # what is wrong is said where it is needed
        return None


def show_plan(plan: Sequence[tuple[Planned, State]], session: Session, *, store: Path, form: str) -> None:
    """Print the plan on stdout, a row a run."""
    from mslt_cli.runs.execute import planned_tokens
    from mslt_cli.runs.experiment import readable_time

    rows: list[dict[str, Any]] = []
    for item, state in plan:
        spec = item.spec
        tokens, padding = planned_tokens(spec, session)
        seconds = _expected_s([item], session, store) if state != "done" else 0.0
        rows.append(
            {
                "sources": ",".join(spec.codes),
                "seed": spec.seed,
                "state": state,
                "examples": {spec.task.code(source): n for source, n in spec.shares.items()},
                "unequal": spec.unequal,
                "steps": spec.settings.total_steps(spec.examples),
                "tokens": tokens,
                "padding_share": round(padding, 4),
                "seconds": None if seconds is None else round(seconds, 1),
                "targets": [spec.task.code(target) for target in item.evaluation.targets],
                "run_id": spec.run_id,
                "command": spec.command(item.evaluation.targets),
            }
        )
    columns = [
        Column("sources"),
        Column("seed", right=True),
        Column("state"),
        Column("steps", _count, right=True),
        Column("tokens", _count, right=True),
        Column("padding_share", _percent, right=True, header="padding, %"),
        Column("seconds", readable_time, right=True, header="time"),
        Column("run_id", spare=True, header="run"),
    ]
    if form == "csv":
        columns.append(Column("command"))
    first = plan[0][0].spec
    done = sum(state == "done" for _, state in plan)
    total = sum(row["seconds"] or 0 for row in rows)
    footer = [
        f"{_many(len(plan), 'run')} of {first.examples:,} examples, {done} of them done; {first.task.name} with"
        f" {first.model.name}." + (f" About {readable_time(total)} by earlier runs." if total else ""),
        "Each run's own command line is in --format json, jsonl and csv.",
    ]
    show_rows(columns, rows, form, whole="plan", footer=footer)


def _many(n: int, what: str) -> str:
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def _count(value: float) -> str:
    return f"{value:,}"


def _percent(value: float) -> str:
    return f"{100 * value:.1f}"


def as_dict(task: Task, run: Run, status: str) -> dict[str, Any]:
    """A run as JSON; languages are the data set's own codes."""
    shares: Mapping[str, int] = run.identity.get("shares") or {}
    return {
        "run_id": run.run_id,
        "name": run.record["name"],
        "status": status,
        "sources": sorted(task.code(source) for source in shares),
        "examples": {task.code(source): n for source, n in shares.items()},
        "unequal": bool(run.identity.get("unequal")),
        "seed": run.identity.get("seed"),
        "model": run.identity["model"]["name"],
        "task": run.identity["task"]["name"],
        "means": [
            {**mean, "targets": [task.code(t) if t in task.languages else t for t in mean["targets"]]}
            for mean in run.means
        ],
        "scores": [
            {
                "task": s["task"],
                "split": s["split"],
                "target": task.code(s["target"]) if s["target"] in task.languages else s["target"],
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


def show_runs(
    task: Task, runs: Sequence[Run], form: str, *, split: str, targets: Sequence[str], statuses: Sequence[str]
) -> None:
    """Print runs and their scores on some targets.

    Args:
        task: that they were evaluated on.
        runs: with these targets.
        form: of the output.
        split: of the scores that tables show.
        targets: ISO 639-3 codes.
        statuses: what became of each run.
    """
    if form in ("json", "jsonl"):
        rows = [as_dict(task, run, status) for run, status in zip(runs, statuses, strict=True)]
        show_rows([Column("run_id")], rows, form, whole="runs")
        return
    if form == "lines":
        show_rows([Column("run_id")], [{"run_id": run.run_id} for run in runs], form, whole="runs")
        return
    rows = [_row(task, run, split, targets, metric) for run in runs for metric in _metrics(run, split)]
    rows += _over_seeds(rows) if form != "csv" else []
    if len(rows) > MOST_SHOWN and form == "table":
        rows = [row for row in rows if row["seeds"] > 1] or rows
    several = len({row["metric"] for row in rows}) > 1
    seeds = len({row["seed"] for row in rows}) > 1
    columns = [Column("sources")]
    columns += [Column("seed", right=True)] if seeds or form == "csv" else []
    columns += [Column("metric")] if several or form == "csv" else []
    columns += [Column("mean", _with_interval, right=True)]
    columns += [Column(task.code(target), _cell, right=True) for target in targets]
    columns.append(Column("run_id", spare=True, header="run"))
    if form == "csv":
        rows = [{name: v["value"] if isinstance(v, dict) else v for name, v in row.items()} for row in rows]
    show_rows(columns, rows, form, whole="runs", footer=_footer(task, runs, split, targets) if rows else [])


def _metrics(run: Run, split: str) -> list[str]:
    return list(dict.fromkeys(s["metric"] for s in run.scores if s["split"] == split))


def _row(task: Task, run: Run, split: str, targets: Sequence[str], metric: str) -> dict[str, Any]:
    by_target = {
        s["target"]: s
        for s in run.scores
        if (s["task"], s["split"], s["metric"]) == (task.variant, split, metric) and s["target"] in targets
    }
    row: dict[str, Any] = {
        "sources": ",".join(sorted(task.code(x) for x in run.identity.get("shares") or ())) or run.record["name"],
        "seed": run.identity.get("seed"),
        "seeds": 1,
        "metric": metric,
        "mean": _mean_of(run, task, split, targets, metric, by_target),
        "run_id": run.run_id,
    }
    if run.identity.get("unequal"):
        row["sources"] += " (unequal)"
    return row | {task.code(target): by_target.get(target) for target in targets}


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
    run: Run, task: Task, split: str, targets: Sequence[str], metric: str, by_target: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """The mean over targets, with its interval where the run was evaluated on just these."""
    for mean in run.means:
        same = (mean["task"], mean["split"], mean["metric"]) == (task.variant, split, metric)
        if same and sorted(mean["targets"]) == sorted(targets):
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


def _footer(task: Task, runs: Sequence[Run], split: str, targets: Sequence[str]) -> list[str]:
    scores = [s for run in runs for s in run.scores if s["split"] == split and s["target"] in targets]
    wide = sorted(50 * (s["high"] - s["low"]) for s in scores)
    about = f"±{wide[0]:.1f}" + (f" to ±{wide[-1]:.1f}" if wide[-1] - wide[0] >= 0.05 else "")
    lines = [
        f"{task.name} {split}, %; mean over {_many(len(targets), 'target')} with its 95 % interval, which is {about} in"
        " one language.",
        "`mslt eval --compare RUN RUN` tests whether two runs differ.",
    ]
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
    footer = [f"{_many(len(found.runs), 'run')} in the store."]
    if found.unfinished:
        footer.append(f"{len(found.unfinished)} have not ended; the commands that started them go on with them.")
    show_rows(columns, rows, form, whole="runs", footer=footer)


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
    show_rows(columns, rows, form, whole="comparisons", footer=footer)


def _signed(value: float) -> str:
    return f"{100 * value:+.2f}"


def _p(value: float) -> str:
    return "<0.001" if value < 0.001 else f"{value:.3f}"
