"""Writes the results that ship with mslt: runs.csv and scores.csv, out of a store that has the runs.

published.csv is written by hand. runs.json and scores.json say what the columns mean; `mslt report` takes all three
tables into its store (mslt_cli/store/results.py).

Run: python db/export_runs.py STORE --task cldr --model e5-small --examples 300
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

from mslt_cli.store.db import open_store

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
            _write(FOLDER / f"{table}.csv", names, rows)
            print(f"{table}.csv: {len(rows)} rows")


def _write(path: Path, names: list[str], rows: list[tuple[Any, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(["" if value is None else value for value in row] for row in rows)


if __name__ == "__main__":
    main()
