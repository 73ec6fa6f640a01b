"""Runs and their scores: the index over run directories. Rows ↔ records."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mslt_cli.store.db import Store

RUNS_SCHEMA = 4
"""The schema that has these tables: an older store knows no runs."""


@dataclass(frozen=True)
class IndexedRun:
    """One row of runs."""

    run_id: str
    kind: str
    name: str
    task: str
    model: str
    sources: tuple[str, ...]
    """ISO 639-3 codes, sorted; none for a model as it is."""
    examples: int | None
    seed: int | None
    unequal: bool
    directory: Path
    device: str
    tokens_per_s: float | None
    wall_s: float
    finished_at: str
    mslt_version: str


def save_run(store: Store, directory: Path, record: Mapping[str, Any]) -> None:
    """Write a finished run and its scores, in place of what was known of it.

    Args:
        store: open to write.
        directory: of the run.
        record: what its run.json holds.
    """
    identity = record["identity"]
    shares = identity.get("shares")
    training = record.get("training") or {}
    run = {
        "run_id": record["run_id"],
        "kind": identity["kind"],
        "name": record["name"],
        "task": identity["task"]["name"],
        "model": identity["model"]["name"],
        "sources": json.dumps(sorted(shares)) if shares else "[]",
        "examples": sum(shares.values()) if shares else None,
        "seed": identity.get("seed"),
        "unequal": int(bool(identity.get("unequal"))),
        "directory": str(directory.resolve()),
        "identity": json.dumps(identity, sort_keys=True, ensure_ascii=False),
        "environment": json.dumps(record["environment"], sort_keys=True, ensure_ascii=False),
        "device": str(record["environment"].get("device", "")),
        "tokens_per_s": training.get("tokens_per_s"),
        "wall_s": record["wall_s"],
        "finished_at": record["finished_at"],
        "mslt_version": record["mslt_version"],
        "origin": "own",
        "command": record["command"],
    }
    scores = [
        (
            *(record["run_id"], s["task"], s["split"], s.get("scoring", ""), s["target"], s["metric"]),
            *(s["value"], s["low"], s["high"]),
            *(json.dumps(s["counts"]), s["rows"], int(s["unseen"]), s["data_sha256"]),
        )
        for s in record["scores"]
    ]
    with store.transaction() as connection:
        connection.execute("DELETE FROM runs WHERE run_id = ?", (record["run_id"],))  # with its scores
        connection.execute(
            f"INSERT INTO runs ({', '.join(run)}) VALUES ({', '.join('?' * len(run))})", tuple(run.values())
        )
        connection.executemany(
            f"INSERT INTO scores ({', '.join(_SCORE)}) VALUES ({', '.join('?' * len(_SCORE))})", scores
        )


def find_runs(store: Store, *, prefix: str = "", task: str | None = None, model: str | None = None) -> list[IndexedRun]:
    """The own runs whose id begins so, of one task and model or of all; the newest first."""
    if store.schema_version < RUNS_SCHEMA:
        return []
    rows = store.query(
        f"SELECT {', '.join(_RUN)} FROM runs WHERE substr(run_id, 1, length(:prefix)) = :prefix"
        " AND (:task IS NULL OR task = :task) AND (:model IS NULL OR model = :model) AND directory <> ''"  # not shipped
        " ORDER BY finished_at DESC, run_id",
        {"prefix": prefix, "task": task, "model": model},
    )
    return [_run(row) for row in rows]


def _run(row: Sequence[Any]) -> IndexedRun:
    values = dict(zip(_RUN, row, strict=True))
    values["sources"] = tuple(json.loads(values["sources"]))
    values["directory"] = Path(values["directory"])
    values["unequal"] = bool(values["unequal"])
    return IndexedRun(**values)


def tokens_per_s(store: Store, model: str) -> float | None:
    """How fast a model was trained, by the newest run; None if it was not."""
    if store.schema_version < RUNS_SCHEMA:
        return None
    rows = store.query(
        "SELECT tokens_per_s FROM runs WHERE model = ? AND tokens_per_s > 0 ORDER BY finished_at DESC LIMIT 1",
        (model,),
    )
    return float(rows[0][0]) if rows else None


_RUN = tuple(IndexedRun.__dataclass_fields__)
_SCORE = (
    *("run_id", "task", "split", "scoring", "iso639_3", "metric", "value", "low", "high"),
    *("counts", "rows", "unseen", "data_sha256"),
)
