"""What planned runs will take, by the speed of earlier runs of the same model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mslt_cli.errors import MsltError
from mslt_cli.runs.plan import Planned
from mslt_cli.runs.samples import planned_tokens
from mslt_cli.runs.session import Session
from mslt_cli.runs.work import State
from mslt_cli.store.db import open_store, store_exists
from mslt_cli.store.runs import tokens_per_s


@dataclass(frozen=True)
class Forecast:
    """A planned run, what is there of it, and what it takes."""

    planned: Planned
    state: State
    tokens: int
    """Of the whole training, without padding."""
    padding_share: float
    """Padding among all tokens of the batches, 0..1."""
    seconds: float | None
    """Still to train; None = there was no earlier run of the model."""


def forecast_runs(plan: Sequence[tuple[Planned, State]], session: Session, store: Path) -> list[Forecast]:
    """Say of each planned run what it takes."""
    forecasts = []
    for planned, state in plan:
        tokens, padding_share = planned_tokens(planned.spec, session)
        seconds = 0.0 if state == "done" else expected_seconds([planned], session, store)
        forecasts.append(Forecast(planned, state, tokens, padding_share, seconds))
    return forecasts


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
