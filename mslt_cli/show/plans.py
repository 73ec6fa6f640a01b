"""Plans: how many runs there are and what they take, before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mslt_cli.show.rows import Column, plural, show_rows
from mslt_cli.show.terminal import note

if TYPE_CHECKING:
    from mslt_cli.runs.forecast import Forecast
    from mslt_cli.runs.plan import Planned
    from mslt_cli.runs.work import State


MANY_PASSES = 20
"""So many passes over a few examples are more often a setting that was forgotten than one that was meant."""


def announce_plan(plan: Sequence[tuple[Planned, State]], seconds: float | None) -> None:
    """Say on stderr what is going to be done.

    Args:
        plan: runs of one task, model and budget, each with what is there of it.
        seconds: that the training will take; None = not known.
    """
    from mslt_cli.runs.experiment import readable_time

    if len(plan) == 1 and plan[0][1] == "done":
        return
    done, resumed = (sum(state == wanted for _, state in plan) for wanted in ("done", "goes on"))
    spec, targets = plan[0][0].spec, plan[0][0].targets
    combinations = len({item.spec.sources for item, _ in plan})
    parts = [plural(len(plan), "run")]
    if combinations < len(plan):
        parts[0] += f" ({combinations} combinations × {len(plan) // combinations} seeds)"
    parts += [f"{done:,} done already"] if done else []
    parts += [f"{resumed:,} go on"] if resumed else []
    steps = spec.settings.total_steps(spec.examples)
    what = f"{spec.examples:,} examples, {steps:,} steps each"
    passes = steps * spec.settings.batch_size / spec.examples
    what += f" ({passes:,.0f} passes over them)" if passes >= MANY_PASSES else ""
    what += f", evaluated on {plural(len(targets), 'language')}" if targets else ""
    time = f", about {readable_time(seconds)} by earlier runs" if seconds else ""
    note(f"{', '.join(parts)}: {spec.task.name} with {spec.model.name}, {what}{time}")


def show_plan(forecasts: Sequence[Forecast], form: str) -> None:
    """Print the plan on stdout, a row a run."""
    from mslt_cli.runs.experiment import readable_time

    rows: list[dict[str, Any]] = []
    for forecast in forecasts:
        planned, spec = forecast.planned, forecast.planned.spec
        rows.append(
            {
                "sources": ",".join(spec.codes),
                "seed": spec.seed,
                "state": forecast.state,
                "examples": {spec.task.code(source): n for source, n in spec.shares.items()},
                "unequal": spec.unequal,
                "steps": spec.settings.total_steps(spec.examples),
                "tokens": forecast.tokens,
                "padding_share": round(forecast.padding_share, 4),
                "seconds": None if forecast.seconds is None else round(forecast.seconds, 1),
                "targets": [e.task.code(target) for e in planned.evaluations for target in e.targets],
                "run_id": spec.run_id,
                "command": spec.command(planned.targets if spec.settings.adapter is None else ()),
            }
        )
    columns = [
        Column("sources"),
        Column("seed", right=True),
        Column("state"),
        Column("steps", ",", right=True),
        Column("tokens", ",", right=True),
        Column("padding_share", lambda share: f"{100 * share:.1f}", right=True, header="padding, %"),
        Column("seconds", readable_time, right=True, header="time"),
        Column("run_id", spare=True, header="run"),
        Column("command", csv_only=True),
    ]
    first = forecasts[0].planned.spec
    done = sum(forecast.state == "done" for forecast in forecasts)
    total = sum(row["seconds"] or 0 for row in rows)
    footer = [
        f"{plural(len(rows), 'run')} of {first.examples:,} examples, {done} of them done; {first.task.name} with"
        f" {first.model.name}." + (f" About {readable_time(total)} by earlier runs." if total else ""),
        "Each run's own command line is in --format json, jsonl and csv.",
    ]
    show_rows(columns, rows, form, key="plan", footer=footer)
