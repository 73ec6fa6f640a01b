"""Writes the results that ship with mslt: runs.csv and scores.csv, out of a store that has the runs.

Scores of earlier versions do not say how many rows have the most frequent answer: where the same rows are in the cache
(`mslt fetch data`), they get it.

published.csv is written by hand. runs.json and scores.json say what the columns mean; `mslt report` takes all three
tables into its store (mslt_cli/store/results.py).

Run: python db/export_runs.py STORE --task cldr --model e5-small --examples 300
"""

from __future__ import annotations

import argparse
import csv
import json
from functools import cache
from pathlib import Path
from typing import Any

from mslt_cli.data.prepared import load, require_record
from mslt_cli.runs.answering import count_majority
from mslt_cli.store.db import open_store
from mslt_cli.tasks import find_task

FOLDER = Path(__file__).parent
OURS = "kind = 'train' AND task = ? AND model = ? AND examples = ?"
REPLACED = {"origin": "'shipped'", "directory": "''"}
"""What is written instead of what the store has: the directory is on the machine that made the run."""


def main() -> None:
    """Write both files, sorted by run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("--task", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--examples", type=int, required=True)
    given = parser.parse_args()
    which = (given.task, given.model, given.examples)
    with open_store(given.store) as store:
        for table, where, order in (
            ("runs", OURS, "run_id"),
            (
                "scores",
                f"(run_id, origin) IN (SELECT run_id, origin FROM runs WHERE {OURS})",
                "run_id, scoring, iso639_3",
            ),
        ):
            names = [row[1] for row in store.query(f"PRAGMA table_info({table})")]
            names = [name for name in names if table == "runs" or name != "origin"]
            chosen = ", ".join(REPLACED.get(name, name) for name in names)
            rows = store.query(f"SELECT {chosen} FROM {table} WHERE {where} ORDER BY {order}", which)
            if table == "scores":
                rows = [tuple(_count_majority(dict(zip(names, row, strict=True))).values()) for row in rows]
            _write(FOLDER / f"{table}.csv", names, rows)
            print(f"{table}.csv: {len(rows)} rows")


def _count_majority(score: dict[str, Any]) -> dict[str, Any]:
    """A score whose counts have how many rows have the most frequent answer."""
    counts = json.loads(score["counts"])
    if score["metric"] == "accuracy" and "majority" not in counts:
        counts |= _majority_in(*(score[name] for name in ("task", "iso639_3", "split", "data_sha256")))
    return score | {"counts": json.dumps(counts, sort_keys=True)}


@cache
def _majority_in(name: str, language: str, split: str, data_sha256: str) -> dict[str, int]:
    task = find_task(name)
    record = require_record(task, language, split)
    if record.content_sha256 != data_sha256:
        raise SystemExit(f"The cached {name} {split} in {language} has other rows than were scored.")
    return count_majority(load(task, record)["label"].to_list())


def _write(path: Path, names: list[str], rows: list[tuple[Any, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(["" if value is None else value for value in row] for row in rows)


if __name__ == "__main__":
    main()
