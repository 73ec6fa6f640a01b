"""What reports cost on a store with 100,000 scores, beside a process that only imports typer, rich and numpy.

Run: python bench/reports.py [--scores 100000]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np

from mslt_cli.runs.directory import id_of
from mslt_cli.store.db import insert, open_store
from mslt_cli.store.results import fill_results

POOL = ("ara", "deu", "eng", "fra", "rus", "spa", "zho")
TARGETS = ("ell", "fin", "heb", "hin", "ind", "jpn", "kor", "swa", "tha", "tur")
COMBINATIONS = [x for k in (1, 2, 3, 4, 5) for x in combinations(POOL, k)]
"""119 of them."""


def fill(path: Path, scores: int) -> int:
    """Runs of every combination, seeds and tasks until there are so many scores; returns how many."""
    fill_results(path)
    rng = np.random.default_rng(0)
    tasks = ("xnli", "wikiann", "pawsx", "udpos")
    seeds = -(-scores // (len(COMBINATIONS) * len(TARGETS) * len(tasks)))
    runs: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    for task, sources in product(tasks, COMBINATIONS):
        level = rng.normal(0.6, 0.03)
        for seed in range(seeds):
            identity = {"kind": "train", "task": {"name": task}, "model": {"name": "xlm-r-base"}, "seed": seed}
            identity |= {"shares": {x: 1200 // len(sources) for x in sources}, "settings": {"learning_rate": 2e-5}}
            run_id = id_of(identity)
            runs.append(
                {
                    "run_id": run_id,
                    "kind": "train",
                    "name": "MSLT",
                    "task": task,
                    "model": "xlm-r-base",
                    "sources": json.dumps(sources),
                    "examples": 1200,
                    "seed": seed,
                    "unequal": 0,
                    "directory": f"/runs/{run_id}",
                    "identity": json.dumps(identity),
                    "environment": "{}",
                    "device": "cuda",
                    "tokens_per_s": 900.0,
                    "wall_s": 60.0,
                    "finished_at": "2026-11-25T10:00:00",
                    "mslt_version": "0",
                    "origin": "own",
                    "command": "",
                }
            )
            for target in TARGETS:
                value = float(np.clip(level + rng.normal(0, 0.02), 0.01, 0.99))
                rows.append(
                    {
                        "run_id": run_id,
                        "task": task,
                        "split": "test",
                        "scoring": "",
                        "iso639_3": target,
                        "metric": "accuracy",
                        "value": value,
                        "low": value - 0.01,
                        "high": value + 0.01,
                        "counts": "{}",
                        "rows": 1000,
                        "unseen": 1,
                        "data_sha256": "d",
                    }
                )
    with open_store(path, write=True) as store, store.transaction() as connection:
        insert(connection, "runs", runs)
        return insert(connection, "scores", rows)


def seconds(words: list[str], rounds: int) -> float:
    """The median time of a process."""
    found = []
    for _ in range(rounds):
        clock = time.perf_counter()
        subprocess.run(words, check=True, capture_output=True)
        found.append(time.perf_counter() - clock)
    return statistics.median(found)


def main() -> None:
    """Print the times and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scores", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        n = fill(path, given.scores)
        floor = seconds([sys.executable, "-c", "import typer, rich.table, numpy"], given.rounds)
        print(f"{n:,} scores; a process that only imports typer, rich and numpy takes {floor:.2f} s")
        report = [sys.executable, "-m", "mslt_cli", "report", "--store", str(path)]
        views = ["table1", "table2", "table3", "table4", "table6", "fig4", "fig5", "fig6", "criteria", "best"]
        for words in [*([view, "--task", "xnli"] for view in views), ["table1"], ["runs"]]:
            took = seconds([*report, *words], given.rounds)
            print(f"  mslt report {' '.join(words):24} {took:6.2f} s, {took / floor:4.1f} ×")
        took = seconds([*report, "all", "--out", str(Path(folder) / "report.html")], given.rounds)
        print(f"  mslt report all --out report.html  {took:6.2f} s, {took / floor:4.1f} ×")


if __name__ == "__main__":
    main()
