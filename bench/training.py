"""What `mslt train` costs beside a plain script, same model, data, steps and machine, in one run.

Two questions. How many tokens that matter (padding does not) go through a training in a second? And how long do all 35
combinations of three out of seven languages take, beside 35 processes of the plain script (bench/plain_training.py)?
Of those 35 the plain script does a few, in turn with ours, and its time is scaled up; --all does them all.

The default task needs no hub. Its examples are a handful of tokens, which flatters whoever does not pad: for real
lengths fetch one (mslt fetch data --task udpos --from …) and give --task udpos.

Run: python bench/training.py [--task udpos]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import combinations
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
POOL = ("ar", "de", "en", "es", "fr", "ru", "zh")


def run(words: list[str], environment: dict[str, str]) -> tuple[str, float]:
    """What a process prints, and its seconds."""
    clock = time.perf_counter()
    done = subprocess.run(words, check=True, env=environment, stdout=subprocess.PIPE, text=True)
    return done.stdout, time.perf_counter() - clock


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", default="cldr")
    parser.add_argument("--sources", default="ar,de,zh")
    parser.add_argument("--targets", default="fi,tr")
    parser.add_argument("--examples", type=int, default=480)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--grid-examples", type=int, default=64, help="budget of each of the 35")
    parser.add_argument("--plain", type=int, default=3, help="how many of the 35 the plain script does")
    parser.add_argument("--all", action="store_true", help="the plain script does all 35")
    parser.add_argument("--skip-grid", action="store_true")
    given = parser.parse_args()

    mslt = [sys.executable, "-m", "mslt_cli"]
    environment = dict(os.environ)
    folder = subprocess.run([*mslt, "fetch", "model", "e5-small"], check=True, capture_output=True, text=True)
    model = folder.stdout.splitlines()[-1]
    subprocess.run(
        [*mslt, "fetch", "data", "--task", given.task, "--langs", f"{','.join(POOL)},{given.targets}"],
        check=True,
        capture_output=True,
    )

    def ours(sources: list[str], examples: int, steps: int, seed: int, root: str) -> tuple[list[Any], float]:
        words = [*mslt, "train", "--task", given.task, "--model", "e5-small", "--targets", given.targets]
        words += [w for s in sources for w in ("--sources", s)] + ["--examples", str(examples), "--steps", str(steps)]
        words += ["--seed", str(seed), "--max-length", "128", "--runs", root, "--checkpoint-every", "0", "--json"]
        out, seconds = run(words, environment | {"MSLT_STORE": str(Path(root) / "store.db")})
        return json.loads(out)["runs"], seconds

    def plain(sources: str, examples: int, steps: int) -> tuple[dict[str, Any], float]:
        words = [sys.executable, str(HERE / "plain_training.py"), "--task", given.task, "--model", model]
        words += ["--sources", sources, "--examples", str(examples), "--steps", str(steps), "--targets", given.targets]
        out, seconds = run(words, environment)
        return json.loads(out), seconds

    speeds: dict[str, list[float]] = {"mslt train": [], "plain script": []}
    with tempfile.TemporaryDirectory() as root:
        for seed in range(given.rounds):
            (made,), _ = ours([given.sources], given.examples, given.steps, seed, root)
            speeds["mslt train"].append(made["training"]["tokens_per_s"])
            found, _ = plain(given.sources, given.examples, given.steps)
            speeds["plain script"].append(found["tokens"] / found["trained_s"])
        median = {name: statistics.median(values) for name, values in speeds.items()}
        a_step = made["training"]["tokens"] / made["training"]["steps"] / 16
        print(f"{given.task}, {given.sources}, {given.steps} steps of 16, {a_step:.1f} tokens an example, e5-small")
        for name, value in median.items():
            said = ", ".join(f"{speed:,.0f}" for speed in speeds[name])
            print(f"  {name:14s} {value:8,.0f} tokens that matter/s ({said})")
        print(f"  ratio {median['mslt train'] / median['plain script']:.2f} ×")
        if given.skip_grid:
            return

        grid = [",".join(combination) for combination in combinations(POOL, 3)]
        steps = given.grid_examples // 16
        _, ours_s = ours(grid, given.grid_examples, steps, 100, root)
        chosen = grid if given.all else grid[:: len(grid) // given.plain][: given.plain]
        plain_s = [plain(sources, given.grid_examples, steps)[1] for sources in chosen]
        scaled = statistics.mean(plain_s) * len(grid)
        print(
            f"\nall 35 combinations, {given.grid_examples} examples ({steps} steps) each, evaluated on {given.targets}"
        )
        print(f"  mslt train     {ours_s:8.1f} s, one process")
        said = "measured" if given.all else f"scaled up from {len(chosen)}"
        print(f"  plain script   {scaled:8.1f} s, 35 processes ({said}: {statistics.mean(plain_s):.1f} s each)")
        print(f"  ratio {scaled / ours_s:.2f} ×")


if __name__ == "__main__":
    main()
