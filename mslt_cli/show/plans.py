"""Plans: how many runs there are and what they take, before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mslt_cli.show.rows import Column, plural, show_rows, thousands
from mslt_cli.show.terminal import note

if TYPE_CHECKING:
    from mslt_cli.runs.experiment import State
    from mslt_cli.runs.plan import Planned
    from mslt_cli.runs.session import Session


MANY_PASSES = 20
"""So many passes over a few examples are more often a setting that was forgotten than one that was meant."""


def announce_plan(plan: Sequence[tuple[Planned, State]], session: Session, store: Path) -> None:
    """Say on stderr what is going to be done."""
    from mslt_cli.runs.experiment import readable_time

    if len(plan) == 1 and plan[0][1] == "done":
        return
    count = {state: sum(s == state for _, s in plan) for state in ("done", "goes on", "new")}
    spec, targets = plan[0][0].spec, plan[0][0].targets
    combinations = len({item.spec.sources for item, _ in plan})
    parts = [plural(len(plan), "run")]
    if combinations < len(plan):
        parts[0] += f" ({combinations} combinations × {len(plan) // combinations} seeds)"
    parts += [f"{count['done']:,} done already"] if count["done"] else []
    parts += [f"{count['goes on']:,} go on"] if count["goes on"] else []
    left = [item for item, state in plan if state != "done"]
    steps = spec.settings.total_steps(spec.examples)
    what = f"{spec.examples:,} examples, {steps:,} steps each"
    passes = steps * spec.settings.batch_size / spec.examples
    what += f" ({passes:,.0f} passes over them)" if passes >= MANY_PASSES else ""
    what += f", evaluated on {plural(len(targets), 'language')}" if targets else ""
    time = _expected_s(left, session, store) if left else None
    took = f", about {readable_time(time)} by earlier runs" if time else ""
    note(f"{', '.join(parts)}: {spec.task.name} with {spec.model.name}, {what}{took}")


def _expected_s(items: Sequence[Planned], session: Session, store: Path) -> float | None:
    """Seconds that runs will train, by the speed of earlier ones of the same model; None if there were none."""
    from mslt_cli.errors import MsltError
    from mslt_cli.runs.work import planned_tokens
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
    from mslt_cli.runs.experiment import readable_time
    from mslt_cli.runs.work import planned_tokens

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
                "targets": [e.task.code(target) for e in item.evaluations for target in e.targets],
                "run_id": spec.run_id,
                "command": spec.command(item.targets if spec.settings.adapter is None else ()),
            }
        )
    columns = [
        Column("sources"),
        Column("seed", right=True),
        Column("state"),
        Column("steps", thousands, right=True),
        Column("tokens", thousands, right=True),
        Column("padding_share", lambda share: f"{100 * share:.1f}", right=True, header="padding, %"),
        Column("seconds", readable_time, right=True, header="time"),
        Column("run_id", spare=True, header="run"),
    ]
    if form == "csv":
        columns.append(Column("command"))
    first = plan[0][0].spec
    done = sum(state == "done" for _, state in plan)
    total = sum(row["seconds"] or 0 for row in rows)
    footer = [
        f"{plural(len(plan), 'run')} of {first.examples:,} examples, {done} of them done; {first.task.name} with"
        f" {first.model.name}." + (f" About {readable_time(total)} by earlier runs." if total else ""),
        "Each run's own command line is in --format json, jsonl and csv.",
    ]
    show_rows(columns, rows, form, key="plan", footer=footer)
