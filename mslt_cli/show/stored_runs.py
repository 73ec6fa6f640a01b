"""Runs of the store for every format: a list, one wholly, and what differs between two."""

from collections.abc import Sequence
from typing import Any

from mslt_cli.reports.cells import Column, columns_of, plural
from mslt_cli.reports.run_lists import RunDifference, TransferMean, short_text
from mslt_cli.results.comparable import flatten
from mslt_cli.runs.housekeeping import RunPlace
from mslt_cli.show.rows import Output, show, show_rows
from mslt_cli.store.runs import StoredRun, StoredScore

MOST_LISTED = 100
"""Runs that a table lists."""
LISTED: tuple[str, ...] = ("run_id", "name", "task", "model", "examples", "seed", "steps", "learning_rate", "means")
LISTED += ("finished_at", "wall_s", "device", "origin", "directory")
DETAILED: tuple[str, ...] = ("run_id", "origin", "kind", "task", "model", "examples", "seed", "name", "sources")
DETAILED += ("directory", "command", "device", "wall_s", "finished_at", "mslt_version")
"""What JSON has of a run in a list, and of one run."""


def show_run_list(runs: Sequence[tuple[StoredRun, Sequence[TransferMean]]], form: str) -> None:
    """Print a list of runs; CSV has a line for each evaluation."""
    rows = [_list_row(run, means) for run, means in runs]
    if form == "csv":
        lacking = dict.fromkeys(TransferMean._fields)
        rows = [row | mean for row in rows for mean in row["means"] or [lacking]]
        names = [name for name in (rows[0] if rows else ("run_id",)) if name != "means"]
        show_rows(columns_of(*names), rows, form, key="runs")
        return
    shared = [name for name in ("task", "model", "examples") if len({row[name] for row in rows}) == 1 < len(rows)]
    columns = [
        Column("run_id", header="run"),
        Column("name"),
        *(Column(name, spare=name in shared) for name in ("task", "model")),
        Column("examples", ",", right=True, spare="examples" in shared),
        Column("steps", ",", right=True, spare=True),
        Column("learning_rate", "g", right=True, header="rate", spare=True),
        Column("seed", right=True),
        Column("means", _means_text, header="mean over unseen targets, %"),
        Column("finished_at", lambda text: text[:16].replace("T", " "), header="finished", spare=True),
        Column("origin", spare=True),
    ]
    footer = ", ".join([plural(len(rows), "run"), *(f"{name} {rows[0][name]}" for name in shared)]) + "."
    if form == "table" and len(rows) > MOST_LISTED:
        footer += f" The newest {MOST_LISTED} are listed; --format csv has all, --task, --model and --examples choose."
        rows = rows[:MOST_LISTED]
    if not rows:
        footer += " `mslt train` makes some; `mslt fetch runs DIR` finds those in a folder."
    show_rows(columns, rows, form, key="runs", footer=[footer], piped=[run.run_id for run, _ in runs])


def _list_row(run: StoredRun, means: Sequence[TransferMean]) -> dict[str, Any]:
    settings = run.identity.get("settings") or {}
    values = run._asdict() | {name: settings.get(name) for name in ("steps", "learning_rate")}
    values["name"] = run.name if run.sources else f"{run.model} as it is"
    values["means"] = [mean._asdict() for mean in means]
    return {name: values[name] for name in LISTED}


def _means_text(means: Sequence[dict[str, Any]]) -> str:
    """ "cldr accuracy 60.18 (10)"."""
    texts = []
    for mean in means:
        words = (mean["evaluated"], mean["scoring"], mean["metric"], f"{mean['mean']:.2f} ({mean['targets']})")
        texts.append(" ".join(filter(None, words)))
    return "; ".join(texts)


def show_run(run: StoredRun, scores: Sequence[StoredScore], form: str) -> None:
    """Print all that the store knows of one run."""
    facts = {name: getattr(run, name) for name in DETAILED}
    rows = [
        {name: getattr(score, name) for name in ("task", "split", "scoring", "metric", "target")}
        | {name: 100 * getattr(score, name) for name in ("value", "low", "high")}
        | {"rows": score.rows, "unseen": bool(score.unseen)}
        for score in scores
    ]
    if form == "table":
        settings = flatten({"identity": run.identity, "environment": run.environment})
        pairs = [
            {"what": name, "value": short_text(value)}
            for name, value in (facts | settings).items()
            if name != "sources" and value not in (None, "", [], {})
        ]
        show_rows(columns_of("what", "value"), pairs, form, key="run")
    whole = {**facts, "identity": run.identity, "environment": run.environment, "scores": rows}
    columns = [
        *columns_of("task", "split"),
        Column("scoring", spare=True),
        *columns_of("target", "metric"),
        *columns_of("value", "low", "high", text=".2f", right=True),
        Column("rows", ",", right=True),
        Column("unseen", lambda unseen: "unseen" if unseen else "trained on", header="target was"),
    ]
    show(Output(columns, rows, whole, [whole], footer=[f"{plural(len(rows), 'score')}."], piped=[run.run_id]), form)


def show_places(places: Sequence[RunPlace], form: str, footer: str | None = None, piped: Sequence[object] = ()) -> None:
    """Print runs with their directories, and what was done with them or is wrong there."""
    columns = [Column("run_id", header="run"), *columns_of("name", "what"), Column("directory", spare=True)]
    done = f" {places[0].what}" if places else ""
    footer = footer or f"{plural(len(places), 'run')}{done}."
    show_rows(columns, [place._asdict() for place in places], form, key="runs", footer=[footer], piped=piped)


def show_disagreements(places: Sequence[RunPlace], form: str) -> None:
    """Print where store and directories disagree, and what to do about it."""
    advice = (
        f"{plural(len(places), 'run')} on which store and directories disagree. `mslt fetch runs DIR` takes in what"
        " lies in a folder, `mslt fetch runs --prune` forgets what is gone, and `mslt fetch runs --discard RUN` deletes"
        " what is bad."
    )
    ids = [place.run_id or place.directory for place in places]
    show_places(places, form, advice if places else "The store and the directories of runs agree.", ids)


def show_difference(difference: RunDifference, form: str) -> None:
    """Print what differs between two runs: what determined them, then their scores. CSV has both in one table."""
    first, other, settings = difference.first, difference.other, difference.settings
    scores = [
        {name: getattr(a, name) for name in ("task", "target", "metric", "rows")}
        | {"first": 100 * a.value, "other": 100 * b.value, "difference": 100 * (b.value - a.value)}
        for a, b in difference.scores
    ]
    if form == "csv":
        names = ("part", "what", "first", "other", "difference", "task", "target", "metric", "rows")
        parts: list[dict[str, Any]] = [{"part": "settings", **row} for row in settings]
        parts += [{"part": "scores", "what": f"{row['task']} {row['target']} {row['metric']}", **row} for row in scores]
        show_rows(columns_of(*names), [dict.fromkeys(names) | row for row in parts], form, key="parts")
        return
    what = f"What determines {first.run_id} ({first.name}) and {other.run_id} ({other.name})"
    if settings and form not in ("json", "jsonl", "quiet"):
        columns = [Column("what"), Column("first", header=first.run_id), Column("other", header=other.run_id)]
        show_rows(columns, settings, form, key="settings", footer=[f"{what}, where they differ."])
    columns = [*columns_of("task", "target", "metric"), Column("rows", ",", right=True)]
    columns += [*columns_of("first", "other", text=".2f", right=True), Column("difference", "+.2f", right=True)]
    footer = [] if settings else [f"{what} is the same."]
    footer.append(f"{plural(len(scores), 'score')} that both have, %; the other less the first.")
    footer[-1] += f" `mslt eval --compare {first.run_id} {other.run_id}` tests the differences."
    whole = {"first": first.run_id, "other": other.run_id, "settings": settings, "scores": scores}
    show(Output(columns, scores, whole, [whole], footer=footer, piped=[row["what"] for row in settings]), form)
