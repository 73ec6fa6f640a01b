"""Kills a training and evaluation before each change of a file, goes on, and compares with one that was not killed.

    python bench/kills.py [--every N] [--folder DIR]

Each run is a process of its own (a fork), ended by SIGKILL. Prints the changes after which a run did not end bit by bit
as the whole one, and how many were tried.
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "tests"), str(Path(__file__).parents[1] / "tests" / "runs")]
os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every", type=int, default=1, help="Try each N-th change.")
    parser.add_argument("--folder", type=Path, default=None, help="Where to work. Default: a temporary folder.")
    given = parser.parse_args()
    home = Path(tempfile.mkdtemp(dir=given.folder))
    os.environ["HF_HOME"] = str(home / "hf")
    from kill_points import KillPoints, bytes_in  # type: ignore[import-not-found]
    from tiny_experiments import write_moods, write_tiny  # type: ignore[import-not-found]

    from mslt_cli.models.find import fetch_model
    from mslt_cli.runs.experiment import train
    from mslt_cli.runs.how import How
    from mslt_cli.store.fill import fill_languages
    from mslt_cli.training.settings import Settings

    task, tiny = write_moods(home), fetch_model(str(write_tiny(home / "tiny")))
    store, points = home / "store.db", KillPoints()
    fill_languages(store)

    def work(root: Path) -> None:
        (finished,) = train(
            store, task, tiny, [("eng",)], root=root, examples=12, targets=("fin", "tur"),
            settings=Settings(epochs=2, batch_size=4, learning_rate=1e-2),
            how=How(checkpoint_every=2, keep_model=True),
        )  # fmt: skip
        assert finished.error is None, finished.error

    def forked(root: Path, at: int | None = None) -> int:
        if (child := os.fork()) == 0:
            try:
                points.start(root, at, die=lambda: os.kill(os.getpid(), signal.SIGKILL))
                work(root)
                os._exit(0)
            finally:
                os._exit(1)
        return os.waitpid(child, 0)[1]

    points.start(home / "whole")
    work(home / "whole")
    changes = [*points.seen]
    points.stop()
    (directory,) = (home / "whole").iterdir()
    whole, wrong = bytes_in(directory), 0
    tried = range(0, len(changes), given.every)
    for at in tried:
        root = home / "killed"
        shutil.rmtree(root, ignore_errors=True)
        killed, ended = forked(root, at), forked(root)
        same = killed == signal.SIGKILL and ended == 0 and bytes_in(root / directory.name) == whole
        wrong += not same
        if not same:
            print(f"{at:4}  {changes[at]}  killed {killed}, ended {ended}")
    print(f"{len(tried)} of {len(changes)} changes tried, {wrong} ended otherwise")
    shutil.rmtree(home)


if __name__ == "__main__":
    main()
