"""What a `mslt select` of the paper's pool costs, as a whole process, beside two others of the same kind.

One process only imports typer, rich, numpy and sqlite3: the floor of any such program. The other does the same
ranking the way it is done without mslt: lang2vec and itertools. lang2vec imports nowhere today, since its module asks
for `pkg_resources`; a small stand-in for the one function that it calls lets it run, and favours it.
The three take turns, so that a noisy machine slows all of them; the ratios are of medians.

Run: make bench
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 11
POOL = "ar,de,en,es,fr,ru,zh"

IMPORTS = "import typer, rich.table, rich.console, numpy, sqlite3"
LANG2VEC = f"""
import itertools, os, sys, types
stand_in = types.ModuleType("pkg_resources")
def resource_filename(module, path):
    return os.path.join(os.path.dirname(sys.modules[module].__file__), path)
stand_in.resource_filename = resource_filename
sys.modules["pkg_resources"] = stand_in
import numpy as np
import lang2vec.lang2vec as l2v
pool = "{POOL}".split(",")
v = l2v.get_features(pool, "syntax_knn")
u = {{p: np.array(v[p], float) / np.linalg.norm(np.array(v[p], float)) for p in pool}}
pairs = lambda chosen: itertools.combinations(chosen, 2)
rows = sorted((-sum(1 - u[a] @ u[b] for a, b in pairs(c)), c) for c in itertools.combinations(pool, 3))
print(rows[:10])
"""


def wall_s(command: list[str], environment: dict[str, str]) -> float:
    """Wall time of one process, in seconds."""
    start = time.perf_counter()
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    """Print the median times and their ratios."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"MSLT_STORE": str(Path(folder) / "store.db")}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed program is compiled once
        mslt = [str(Path(sys.executable).parent / "mslt")]
        subprocess.run([*mslt, "fetch", "langs"], check=True, env=environment, stdout=subprocess.DEVNULL)
        commands = {
            "mslt select": [*mslt, "select", "--pool", POOL, "-k", "3"],
            "import typer, rich, numpy, sqlite3": [sys.executable, "-c", IMPORTS],
            "lang2vec + itertools": [sys.executable, "-c", LANG2VEC],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for name in commands:  # a warm-up, not counted
            wall_s(commands[name], environment)
        for _ in range(ROUNDS):
            for name, command in commands.items():
                times[name].append(wall_s(command, environment))
    median = {name: statistics.median(values) for name, values in times.items()}
    print(f"whole process, median of {ROUNDS} rounds in turn, filled store, {POOL}, k = 3")
    for name, value in median.items():
        print(f"  {name:28s} {value:6.3f} s   mslt select takes {median['mslt select'] / value:5.2f} × this")


if __name__ == "__main__":
    main()
