"""Kills a training and evaluation before each change of a file, goes on, and compares with one that was not killed.

Likewise the second training of a finished run, for a further target. Most kills are played in this process, where
importing torch anew would take longer than all else: from its point on, the work can change nothing on the disk any
more (`tests/kill_points.py`). Some, spread over all points, are SIGKILL in a process of its own.

Run: python bench/kills.py [--every N] [--processes N]
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[1] / "tests"), str(Path(__file__).parents[1] / "tests" / "runs")]
os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


class Bench:
    """A tiny model and task in a folder, a store, and what is done with them."""

    def __init__(self, home: Path) -> None:
        os.environ["HF_HOME"] = str(home / "hf")
        from kill_points import KillPoints  # type: ignore[import-not-found]
        from tiny_experiments import write_moods, write_tiny  # type: ignore[import-not-found]

        from mslt_cli.models.find import fetch_model
        from mslt_cli.store.fill import fill_languages

        self.home, self.store, self.points = home, home / "store.db", KillPoints()
        self.task, made = write_moods(home), home / "tiny"
        self.model = fetch_model(str(made if made.exists() else write_tiny(made)))
        if not self.store.exists():
            fill_languages(self.store)

    def train(self, root: Path, targets: tuple[str, ...], *, keep_model: bool) -> Path:
        """Train one run of six steps, with two checkpoints; its directory."""
        from mslt_cli.runs.experiment import train
        from mslt_cli.runs.how import How
        from mslt_cli.training.settings import Settings

        (finished,) = train(
            self.store, self.task, self.model, [("eng",)], root=root, examples=12, targets=targets,
            settings=Settings(epochs=2, batch_size=4, learning_rate=1e-2),
            how=How(checkpoint_every=2, keep_model=keep_model),
        )  # fmt: skip
        if finished.error is not None:
            raise finished.error
        assert finished.outcome is not None
        return finished.outcome.run.directory

    def changes(self, root: Path, work: Callable[[Path], Path]) -> tuple[list[str], dict[str, Any]]:
        """All changes of files that work makes in a folder, and what is there at the end."""
        from kill_points import bytes_in

        self.points.start(root)
        directory = work(root)
        self.points.stop()
        return [*self.points.seen], bytes_in(directory)

    def kill(self, root: Path, at: int, work: Callable[[Path], Path]) -> bool:
        """Play that work is killed before a change; whether it came so far."""
        from kill_points import Killed

        self.points.start(root, at)
        try:
            work(root)
        except Killed:
            return True
        finally:
            self.points.stop()
        return False


def try_points(bench: Bench, name: str, targets: tuple[str, ...], keep: bool, every: int, processes: int) -> None:
    """Kill at the points, go on, compare; a row of the table for each way of killing."""
    from kill_points import bytes_in

    def work(root: Path) -> Path:
        return bench.train(root, targets, keep_model=keep)

    def begin(root: Path) -> None:
        shutil.rmtree(root, ignore_errors=True)
        if before.exists():
            shutil.copytree(before, root)

    before, root = bench.home / f"before-{name}", bench.home / "killed"
    if name == "retraining":
        bench.train(before, ("fin",), keep_model=keep)
    begin(bench.home / name)
    changes, whole = bench.changes(bench.home / name, work)
    rows = {"in this process": range(0, len(changes), every)}
    if processes:
        rows["by SIGKILL"] = range(len(changes) // (2 * processes), len(changes), len(changes) // processes)
    for how, points in rows.items():
        wrong = []
        for at in points:
            begin(root)
            if how == "by SIGKILL":
                words = [__file__, "--one", str(root), "--at", str(at), "--targets", ",".join(targets)]
                done = subprocess.run(
                    [sys.executable, *words, *(["--keep"] if keep else []), "--folder", bench.home], check=False
                )
                killed = done.returncode == -signal.SIGKILL
            else:
                killed = bench.kill(root, at, work)
            if not killed or bytes_in(work(root)) != whole:
                wrong.append(f"{at} ({changes[at]})")
        print(f"| {name} | {how} | {len(changes)} | {len(points)} | {len(wrong)} {', '.join(wrong)}|", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every", type=int, default=1, help="Try each N-th change. Default: 1.")
    parser.add_argument("--processes", type=int, default=4, help="Kills by SIGKILL of each work. Default: 4.")
    for name in ("--folder", "--one"):
        parser.add_argument(name, type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--at", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--targets", help=argparse.SUPPRESS)
    parser.add_argument("--keep", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one is not None:
        bench = Bench(given.folder)
        bench.points.start(given.one, given.at, die=lambda: os.kill(os.getpid(), signal.SIGKILL))
        bench.train(given.one, tuple(given.targets.split(",")), keep_model=given.keep)
        return
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        print("| work | killed | changes of files | tried | ended otherwise |\n|---|---|--:|--:|--:|")
        try_points(bench, "training", ("fin", "tur"), True, given.every, given.processes)
        try_points(bench, "retraining", ("fra",), False, given.every, given.processes)


if __name__ == "__main__":
    main()
