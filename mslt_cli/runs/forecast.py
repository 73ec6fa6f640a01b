"""What planned runs will take, by the speed of earlier runs of the same model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mslt_cli.errors import MsltError
from mslt_cli.runs.plan import Planned
from mslt_cli.runs.samples import planned_tokens
from mslt_cli.runs.session import Session
from mslt_cli.runs.work import State
from mslt_cli.store.db import open_store, store_exists
from mslt_cli.store.runs import tokens_per_s


def forecast_runs(plan: Sequence[tuple[Planned, State]], session: Session, store: Path) -> list[dict[str, Any]]:
    """Say of each planned run what it is and what it takes.

    Returns:
        Rows for JSON. `tokens` are of the whole training, without padding; `padding_share` is the padding among all
        tokens of the batches, 0..1; `seconds` are still to train, None = there was no earlier run of the model.
    """
    rows = []
    for planned, state in plan:
        spec = planned.spec
        tokens, padding_share = planned_tokens(spec, session)
        seconds = 0.0 if state == "done" else expected_seconds([planned], session, store)
        rows.append(
            {
                "sources": ",".join(spec.codes),
                "seed": spec.seed,
                "state": state,
                "examples": {spec.task.code(source): n for source, n in spec.shares.items()},
                "unequal": spec.unequal,
                "steps": spec.settings.total_steps(spec.examples),
                "tokens": tokens,
                "padding_share": round(padding_share, 4),
                "seconds": None if seconds is None else round(seconds, 1),
                "targets": [e.task.code(target) for e in planned.evaluations for target in e.targets],
                "run_id": spec.run_id,
                "command": spec.command(planned.targets if spec.settings.adapter is None else ()),
            }
        )
    return rows


def expected_seconds(runs: Sequence[Planned], session: Session, store: Path) -> float | None:
    """Seconds that runs of one model will train, by the newest earlier run of it; None if there was none."""
    if not runs or not store_exists(store):
        return None
    try:
        with open_store(store) as opened:
            speed = tokens_per_s(opened, runs[0].spec.model.name)
        return sum(planned_tokens(run.spec, session)[0] for run in runs) / speed if speed else None
    except MsltError:  # the work itself says what is wrong
        return None
