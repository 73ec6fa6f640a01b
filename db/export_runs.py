"""Writes the results that ship with mslt: runs.csv, scores.csv and items.csv, out of a store that has just these runs.

The store is made anew out of the folders of run directories, and all trainings in it are written.

published.csv is written by hand. The JSON files say what the columns mean; `mslt report` takes all four tables into its
store (mslt_cli/store/results.py).

Run: mslt fetch runs RUNS… --store new.db && python db/export_runs.py new.db
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

from mslt_cli.store.db import open_store

FOLDER = Path(__file__).parent
OURS = "origin = 'own' AND kind = 'train'"
SCORED = f"(run_id, origin) IN (SELECT run_id, origin FROM runs WHERE {OURS})"
TABLES = {
    "runs": ("runs", OURS, "run_id"),
    "scores": ("scores", SCORED, "run_id, task, split, scoring, iso639_3, metric"),
    "items": (
        "test_items",
        f"(data_sha256, rows) IN (SELECT data_sha256, rows FROM scores WHERE {SCORED})",
        "data_sha256, rows",
    ),
}
"""By file: the table of the store, the rows that ship, and their order."""
REPLACED = {"origin": "'shipped'", "directory": "''"}
"""What is written instead of what the store has: the directory is on the machine that made the run."""


def main() -> None:
    """Write the files, sorted by run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("--into", type=Path, default=FOLDER, help="another folder than that of this file")
    given = parser.parse_args()
    with open_store(given.store) as store:
        for file, (table, where, order) in TABLES.items():
            names = [row[1] for row in store.query(f"PRAGMA table_info({table})")]
            names = [name for name in names if table == "runs" or name != "origin"]
            chosen = ", ".join(REPLACED.get(name, name) for name in names)
            rows = store.query(f"SELECT {chosen} FROM {table} WHERE {where} ORDER BY {order}")
            _write(given.into / f"{file}.csv", names, rows)
            print(f"{file}.csv: {len(rows)} rows")


def _write(path: Path, names: list[str], rows: list[tuple[Any, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(["" if value is None else value for value in row] for row in rows)


if __name__ == "__main__":
    main()
