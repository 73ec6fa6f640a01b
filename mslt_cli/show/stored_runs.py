"""Runs as the store knows them: a list, one wholly, and what differs between two."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from mslt_cli.errors import UnknownNameError, UsageError
from mslt_cli.reports.grid import flat
from mslt_cli.show.rows import Column, plural, show_rows, thousands
from mslt_cli.store import languages as facts
from mslt_cli.store.db import Store
from mslt_cli.store.runs import StoredRun, StoredScore, find_runs, stored_scores

LEAST_DIGITS = 4
SHA256_DIGITS = 64
MOST_LISTED = 100
"""Runs that a table lists."""


def show_run_list(
    store: Store,
    form: str,
    *,
    tasks: Sequence[str] = (),
    models: Sequence[str] = (),
    examples: int | None = None,
    source: str | None = None,
) -> None:
    """Print the runs of some tasks, models and budget, the newest first; own ones unless asked otherwise."""
    origin = {"shipped": "shipped", "published": "", "both": None}.get(source or "runs", "own")
    rows: list[dict[str, Any]] = []
    found = [run for run in find_runs(store) if origin in (None, run.origin)]
    by_run: dict[str, list[StoredScore]] = {}
    for score in stored_scores(store) if found else []:
        by_run.setdefault(score.run_id, []).append(score)
    for run in found:
        scores = by_run.get(run.run_id, [])
        evaluated = list(dict.fromkeys(score.task for score in scores))
        if (tasks and not {run.task, *evaluated} & set(tasks)) or (models and run.model not in models):
            continue
        if examples is not None and run.examples != examples:
            continue
        rows.append(
            {
                "run_id": run.run_id,
                "name": run.name if run.sources else f"{run.model} as it is",
                "task": run.task,
                "model": run.model,
                "examples": run.examples,
                "seed": run.seed,
                "steps": (run.identity.get("settings") or {}).get("steps"),
                "learning_rate": (run.identity.get("settings") or {}).get("learning_rate"),
                "means": _means(scores),
                "finished_at": run.finished_at,
                "wall_s": run.wall_s,
                "device": run.device,
                "origin": run.origin,
                "directory": run.directory,
            }
        )
    if form == "latex":
        raise UsageError("--format latex is for tables of scores. Take table, json, jsonl, csv or md.")
    if form == "csv":  # a line for each evaluation
        rows = [
            {**{name: row[name] for name in row if name != "means"}, **mean}
            for row in rows
            for mean in row["means"] or [dict.fromkeys(("evaluated", "scoring", "metric", "mean", "targets"))]
        ]
        show_rows([Column(name) for name in (rows[0] if rows else ("run_id",))], rows, form, key="runs")
        return
    columns = [
        *(Column("run_id", header="run"), Column("name"), Column("task"), Column("model")),
        *(Column("examples", thousands, right=True), Column("steps", thousands, right=True, spare=True)),
        Column("learning_rate", lambda x: f"{x:g}", right=True, header="rate", spare=True),
        *(Column("seed", right=True), Column("means", _said, header="mean over unseen targets, %")),
        Column("finished_at", lambda text: text[:16].replace("T", " "), header="finished", spare=True),
        Column("origin", spare=True),
    ]
    shown = f"{plural(len(rows), 'run')}."
    if form == "table" and len(rows) > MOST_LISTED:
        shown += f" The newest {MOST_LISTED} are listed; --format csv has all, --task, --model and --examples choose."
        rows = rows[:MOST_LISTED]
    if not rows:
        shown += " `mslt train` makes some; `mslt fetch runs DIR` finds those in a folder."
    show_rows(columns, rows, form, key="runs", footer=[shown])


def show_run(store: Store, names: Sequence[str], form: str) -> None:
    """Print all that the store knows of one run."""
    run = _one(store, names, 1)[0]
    code = _codes(store)
    scores = sorted(stored_scores(store, run_id=run.run_id), key=lambda s: (s.task, s.split, s.target, s.metric))
    environment = run.environment
    whole = {
        **{name: getattr(run, name) for name in ("run_id", "origin", "kind", "task", "model", "examples", "seed")},
        "name": run.name,
        "sources": [code.get(x, x) for x in run.sources],
        **{name: getattr(run, name) for name in ("directory", "command", "device", "wall_s", "finished_at")},
        "mslt_version": run.mslt_version,
        "identity": run.identity,
        "environment": environment,
        "scores": [_score_row(score, code) for score in scores],
    }
    rows = whole["scores"]
    if form in ("json", "jsonl"):
        import sys

        sys.stdout.write(json.dumps(whole, ensure_ascii=False, indent=2 if form == "json" else None) + "\n")
        return
    if form == "table":
        said = {
            **{name: whole[name] for name in whole if name not in ("identity", "environment", "scores", "sources")},
            **{f"identity.{name}": value for name, value in flat(run.identity).items()},
            **{f"environment.{name}": value for name, value in flat(environment).items()},
        }
        pairs = [
            {"what": name, "value": _text(value)} for name, value in said.items() if value not in (None, "", [], {})
        ]
        show_rows([Column("what"), Column("value")], pairs, "table", key="run")
    show_rows(_SCORE_COLUMNS, rows, form, key="scores", footer=[f"{plural(len(rows), 'score')}."])


def show_diff(store: Store, names: Sequence[str], form: str) -> None:
    """Print what differs between two runs: in what determined them, and in their scores."""
    first, other = _one(store, names, 2)
    code = _codes(store)
    both = [
        {
            **flat(run.identity),
            **{f"environment.{name}": value for name, value in flat(run.environment).items()},
        }
        for run in (first, other)
    ]
    settings = [
        {"what": name, "first": _text(both[0].get(name)), "other": _text(both[1].get(name))}
        for name in dict.fromkeys([*both[0], *both[1]])
        if both[0].get(name) != both[1].get(name)
    ]
    scores: list[dict[str, StoredScore]] = []
    for run in (first, other):
        found = stored_scores(store, run_id=run.run_id)
        found.sort(key=lambda s: (s.task, s.split, s.target, s.metric))
        scores.append({" ".join(filter(None, (s.task, s.split, s.scoring, s.metric, s.target))): s for s in found})
    rows = []
    for key in scores[0]:
        if key in scores[1]:
            a, b = scores[0][key], scores[1][key]
            row = {"task": a.task, "target": code.get(a.target, a.target), "metric": a.metric, "rows": a.rows}
            rows.append(
                {**row, "first": 100 * a.value, "other": 100 * b.value, "difference": 100 * (b.value - a.value)}
            )
    if form in ("json", "jsonl"):
        import sys

        whole = {"first": first.run_id, "other": other.run_id, "settings": settings, "scores": rows}
        sys.stdout.write(json.dumps(whole, ensure_ascii=False, indent=2 if form == "json" else None) + "\n")
        return
    if form == "csv":  # what determines them, then scores, in the same columns
        named = {"task": "", "target": "", "metric": "", "rows": None, "difference": None}
        both_parts: list[dict[str, Any]] = [{"part": "settings", **named, **row} for row in settings]
        both_parts += [
            {"part": "scores", "what": f"{row['task']} {row['target']} {row['metric']}", **row} for row in rows
        ]
        names = ("part", "what", "first", "other", "difference", "task", "target", "metric", "rows")
        show_rows([Column(name) for name in names], both_parts, form, key="differences")
        return
    columns = [Column("what"), Column("first", header=first.run_id), Column("other", header=other.run_id)]
    said = f"What determines {first.run_id} ({first.name}) and {other.run_id} ({other.name})"
    if settings:
        show_rows(columns, settings, form, key="settings", footer=[f"{said}, where they differ."])
    numbers = [Column(name, lambda x: f"{x:.2f}", right=True) for name in ("first", "other")]
    numbers.append(Column("difference", lambda x: f"{x:+.2f}", right=True))
    what = [Column("task"), Column("target"), Column("metric"), Column("rows", thousands, right=True)]
    lines = [] if settings else [f"{said} is the same."]
    lines.append(
        f"{plural(len(rows), 'score')} that both have, %; the other less the first. "
        f"`mslt eval --compare {first.run_id} {other.run_id}` tests the differences."
    )
    show_rows([*what, *numbers], rows, form, key="scores", footer=lines)


_SCORE_COLUMNS = [
    *(Column("task"), Column("split"), Column("scoring", spare=True), Column("target"), Column("metric")),
    *(Column(name, lambda x: f"{x:.2f}", right=True) for name in ("value", "low", "high")),
    Column("rows", thousands, right=True),
    Column("unseen", lambda x: "unseen" if x else "trained on", header="target was"),
]


def _score_row(score: StoredScore, code: Mapping[str, str]) -> dict[str, Any]:
    return {
        **{name: getattr(score, name) for name in ("task", "split", "scoring", "metric")},
        "target": code.get(score.target, score.target),
        **{name: 100 * getattr(score, name) for name in ("value", "low", "high")},
        "rows": score.rows,
        "unseen": bool(score.unseen),
    }


def _one(store: Store, names: Sequence[str], wanted: int) -> list[StoredRun]:
    """The runs whose ids begin so."""
    if len(names) != wanted:
        example = "run 1a2b3c4d" if wanted == 1 else "diff 1a2b3c4d 5e6f7a8b"
        raise UsageError(f"It takes {plural(wanted, 'run')}, and {len(names)} are named: `mslt report {example}`.")
    every = find_runs(store)
    out = []
    for name in names:
        found = [run for run in every if run.run_id.startswith(name) and len(name) >= LEAST_DIGITS]
        if len(found) > 1:
            listed = ", ".join(run.run_id for run in found[:4])
            raise UsageError(f"{len(found)} runs begin with {name}: {listed}. Write more of it.")
        if not found:
            hint = f"Write the first {LEAST_DIGITS} digits of its id or more; `mslt report runs` lists them."
            raise UnknownNameError("run", name, (), hint)
        out.append(found[0])
    return out


def _codes(store: Store) -> dict[str, str]:
    return {row.iso639_3: row.iso639_1 or row.iso639_3 for row in facts.all_languages(store)}


def _means(scores: Sequence[StoredScore]) -> list[dict[str, Any]]:
    """Of each evaluation the mean over targets that were not trained on, in percent, and how many these are."""
    groups: dict[tuple[str, str, str], list[float]] = {}
    for score in scores:
        if score.unseen:
            groups.setdefault((score.task, score.scoring, score.metric), []).append(score.value)
    return [
        {
            **{"evaluated": task, "scoring": scoring, "metric": metric},
            **{"mean": 100 * sum(values) / len(values), "targets": len(values)},
        }
        for (task, scoring, metric), values in groups.items()
    ]


def _said(means: Sequence[Mapping[str, Any]]) -> str:
    """ "cldr accuracy 60.18 (10)"."""
    return "; ".join(
        " ".join(filter(None, (m["evaluated"], m["scoring"], m["metric"], f"{m['mean']:.2f} ({m['targets']})")))
        for m in means
    )


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value[:12] + "…" if len(value) == SHA256_DIGITS and value.isalnum() else value
    return "" if value is None else json.dumps(value, ensure_ascii=False)
