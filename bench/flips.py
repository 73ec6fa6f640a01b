"""Flips a bit of a byte in each file of a finished and of a stopped run, goes on, and says what came of it.

A finished run is evaluated on a further target; a stopped one is trained to its end. Outcomes: refused, by a sentence;
repaired, with the same result to the last bit; silent, with another result; traceback.

Run: python bench/flips.py [--flips N]
"""

import argparse
import random
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from kills import Bench

OUTCOMES = ("refused", "repaired", "silent", "traceback")


def flip(path: Path, rng: random.Random) -> None:
    """Flip one bit of a file."""
    data = bytearray(path.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def try_files(name: str, kept: Path, work: Callable[[Path], object], flips: int) -> None:
    """Flip each file some times in a copy of the folder of runs `kept`; a row of the table for each file."""
    from mslt_cli.errors import MsltError

    rng, root = random.Random(0), kept.with_name("flipped")

    def outcome(file: Path | None) -> str:
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(kept, root)
        if file is not None:
            flip(root / file, rng)
        try:
            ended = work(root)
        except MsltError:
            return "refused"
        except Exception as error:
            print(f"{file}: {error!r}")
            return "traceback"
        return "repaired" if file is None or ended == whole else "silent"

    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(kept, root)
    whole = work(root)
    (directory,) = kept.iterdir()
    for path in sorted(directory.rglob("*")):
        if path.is_file() and path.stat().st_size and path.name not in (".lock", "README.md"):
            counts = Counter(outcome(path.relative_to(kept)) for _ in range(flips))
            cells = " | ".join(str(counts[each] or "") for each in OUTCOMES)
            print(f"| {name} | {path.relative_to(directory)} | {flips} | {cells} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--flips", type=int, default=4, help="Flips of each file. Default: 4.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        from kill_points import bytes_in  # type: ignore[import-not-found]

        from mslt_cli.errors import MsltError
        from mslt_cli.runs.answering import Evaluation
        from mslt_cli.runs.directory import read_run
        from mslt_cli.runs.evaluate import evaluate_run

        def train(root: Path) -> Path:
            return bench.train(root, ("fin",), keep_model=True)

        def evaluate(root: Path) -> object:
            (directory,) = root.iterdir()
            if (run := read_run(directory)) is None:
                raise MsltError("There is no finished run.")
            return evaluate_run(bench.store, run, bench.model, Evaluation(bench.task, "test", ("fra",))).scores

        changes, _ = bench.changes(bench.home / "finished", train)
        at = next(i for i, change in enumerate(changes) if re.search("moods-test-fin", change))
        bench.kill(bench.home / "stopped", at, train)
        print(f"| run | file | flips | {' | '.join(OUTCOMES)} |\n|---|---|--:|" + "--:|" * len(OUTCOMES))
        try_files("finished", bench.home / "finished", evaluate, given.flips)
        try_files("stopped", bench.home / "stopped", lambda root: bytes_in(train(root)), given.flips)


if __name__ == "__main__":
    main()
