"""Plans: how many runs there are and what they take, before anything is trained."""

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from mslt_cli.progress import readable_time
from mslt_cli.reports.cells import Column, columns_of, plural
from mslt_cli.runs.directory import AGAIN
from mslt_cli.runs.plan import Planned
from mslt_cli.runs.work import Outcome, State
from mslt_cli.show.rows import show_rows
from mslt_cli.show.terminal import remark

MANY_PASSES = 20
"""So many passes over a few examples are more often a setting that was forgotten than one that was meant."""

PARTS = ("weights", "gradients", "optimizer", "activations")
"""What memory is for, in the order in which it is said."""


def announce_plan(plan: Sequence[tuple[Planned, State]], seconds: float | None) -> None:
    """Say on stderr what is going to be done: runs of one task, model and budget, and the seconds (None = unknown)."""
    if len(plan) == 1 and plan[0][1] == "done":
        return
    states = Counter(state for _, state in plan)
    spec, targets = plan[0][0].spec, plan[0][0].targets
    combinations = len({item.spec.sources for item, _ in plan})
    count = plural(len(plan), "run")
    if combinations < len(plan):
        seeds, uneven = divmod(len(plan), combinations)
        count += f" ({combinations} combinations" + (", some with further seeds)" if uneven else f" × {seeds} seeds)")
    count += f", {states['done']:,} done already" if states["done"] else ""
    count += f", {states['goes on']:,} go on" if states["goes on"] else ""
    steps = spec.settings.total_steps(spec.examples)
    what = f"{spec.examples:,} examples, {steps:,} steps each"
    passes = steps * spec.settings.batch_size / spec.examples
    what += f" ({passes:,.0f} passes over them)" if passes >= MANY_PASSES else ""
    what += f", evaluated on {plural(len(targets), 'language')}" if targets else ""
    what += f", about {readable_time(seconds)} by earlier runs" if seconds else ""
    remark(f"{count}: {spec.task.name} with {spec.model.name}, {what}")


def note_repeats(outcomes: Sequence[Outcome]) -> None:
    """Say on stderr how each run that was trained just now is repeated; of several with the last one's file."""
    trained = [outcome.run for outcome in outcomes if outcome.status in ("trained", "resumed")]
    if trained:
        last = f"mslt train --config {shlex.quote(str(trained[-1].directory / AGAIN))}"
        remark(
            f"to repeat it: {last}"
            if len(trained) == 1
            else f"each run has its own {AGAIN}; to repeat the last: {last}"
        )


def _describe_memory(rows: Sequence[Mapping[str, Any]], precision: str) -> list[str]:
    """What the memory of the run that takes most is for."""
    row = max(rows, key=lambda row: row["memory_bytes"] or 0)
    if row["memory"] is None:
        return []
    parts = ", ".join(f"{name} {_gigabytes(row['memory'][name])}" for name in PARTS)
    most = f"{plural(row['at_once']['examples'], 'example')} of up to {row['at_once']['tokens_each']:,} tokens at once"
    where = "a GPU" if row["at_once"]["device"] == "gpu" else "the CPU (of a GPU: --device cuda --precision bf16)"
    return [f"≈ GB of memory at most, estimated from the model's shape: {parts}; {most} in {precision} on {where}."]


def _describe_time(rows: Sequence[Mapping[str, Any]]) -> str:
    """How long runs may take where none has been made yet."""
    estimated = sum(row["estimated_seconds"] or 0 for row in rows)
    if all(row["estimated_seconds"] is None for row in rows):
        return " How long they take is not known before a first run of the model here."
    where = "an A100" if rows[0]["at_once"]["device"] == "gpu" else "this CPU"
    rough = "a rough estimate from the model's shape, until there is a first run of it here"
    return f" The training takes ≈ {readable_time(estimated)} on {where}: {rough}."


def _gigabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:.1f}" if size_bytes >= 1e8 else "<0.1"


def show_plan(plan: Sequence[tuple[Planned, State]], rows: Sequence[Mapping[str, Any]], form: str) -> None:
    """Print the plan on stdout, with the row that `forecast_runs` has of each run."""
    estimates = any(row["seconds"] is None for row in rows)
    columns = [
        Column("sources"),
        Column("seed", right=True),
        Column("state"),
        *columns_of("steps", "tokens", text=",", right=True),
        Column("padding_share", lambda share: f"{100 * share:.1f}", right=True, header="padding, %"),
        Column("seconds", readable_time, right=True, header="time", csv_only=estimates),
        Column("estimated_seconds", readable_time, right=True, header="≈ time", csv_only=not estimates),
        Column("memory_bytes", _gigabytes, right=True, header="≈ GB"),
        *([Column("sd_left", ".2f", right=True, header="unknown")] if "sd_left" in rows[0] else []),
        Column("run_id", spare=True, header="run"),
        Column("command", csv_only=True),
    ]
    first = plan[0][0].spec
    done = sum(state == "done" for _, state in plan)
    about = f"{plural(len(rows), 'run')} of {first.examples:,} examples, {done} of them done; {first.task.name} with"
    about += f" {first.model.name}."
    if total := sum(row["seconds"] or 0 for row in rows):
        about += f" About {readable_time(total)} by earlier runs."
    elif done < len(rows):
        about += _describe_time(rows)
    footer = [about, *_describe_memory(rows, first.settings.precision)]
    if "sd_left" in rows[0]:
        footer.append(
            "unknown: standard deviation of the foretold score of a combination after this run and those above, points."
        )
    footer += ["Each run's own command line is in --format json, jsonl and csv."]
    left = [row["command"] for row in rows if row["state"] != "done"]
    show_rows(columns, rows, form, key="plan", footer=footer, piped=left)
