"""What `mslt select` needs on all of URIEL, whatever is asked: memory and time, each question in its own process.

A question overruns if it takes more than 2.2 GB, or more than 3 s past its time limit, or ends with a traceback. On a
machine that is busy with other work, a question takes longer than it works: the seconds of its processor say so.

Run: python bench/limits.py [--time-limit SECONDS] [--sample N] [WORD …]; only questions that hold all the words are
asked, of these with --sample the hardest and N others.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from threading import Timer

from mslt_cli.store.fill import fill_languages

MOST_GB, MOST_S_PAST = 2.2, 3.0
LATEST_S = 30.0  # past the time limit, a question is ended
GUARD_BYTES = 6 * 2**30  # address space of a question: the machine survives one that overruns
SIZES = (2, 5, 15, 30, 100, 1000, 7000)
PLAIN = ("l2v-syntax", "l2v-phonology", "l2v-inventory", "l2v-family", "l2v-geography", "random", "scripts")
HARDEST = (
    "-k 7969",
    "-k 7000 --by l2v-geography --least",
    "-k 4 --by l2v-geography --maximize min --least",
    "-k 1000 --by l2v-family --top 10000",
    "-k 8 --by l2v-geography --top 10000",
    "-k 15 --by l2v-family",
    "-k 30 --by l2v-family",
    "-k 20 --by random --top 10000",
    "-k 7000 --by l2v-geography --maximize min",
    "-k 100 --by l2v-geography --explain",
    "-k 1000 --by l2v-syntax --explain",
    "-k 2 --by l2v-syntax --by l2v-geography --by l2v-inventory --by l2v-phonology --by l2v-family",
)
COVER = "--by l2v-syntax --target id,sw,ta --objective cover"


def questions() -> Iterator[str]:
    """What is asked, as the words of a command line."""
    for k, by, least in product(SIZES, PLAIN, ("", " --least")):
        yield f"-k {k} --by {by}{least} --top {10_000 if (k + len(by)) % 2 else 10}"
    for k, by in product((8, 1000), PLAIN):
        yield f"-k {k} --by {by} --max-per-family {1 if k < 100 else 40} --top 1000"
    for k, least in product((4, 400, 7000), ("", " --least")):
        yield f"-k {k} {COVER}{least}"
        yield f"-k {k} {COVER} --lambda 0.5{least} --top 1000"
        yield f"-k {k} --by l2v-geography --maximize min{least} --top 1000"
        yield f"-k {k} --by l2v-syntax --by random --include en,zh --exclude fr --distinct-scripts{least}"
    for by in PLAIN[:5]:
        yield f"-k 6 --by {by} --maximize min --top 10000"
    yield "-k 7970"


def ask(store: Path, question: str, time_limit: float) -> tuple[float, float, float, int, str]:
    """Peak memory in GB, seconds, those of the processor, exit code, and the last line that was said."""
    command = [sys.executable, "-m", "mslt_cli", "select", "--store", str(store), "--pool", "all", *question.split()]
    command += ["--time-limit", str(time_limit), "--format", "json"]
    start = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=said,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (GUARD_BYTES, GUARD_BYTES)),
        )
        timer = Timer(time_limit + LATEST_S, child.kill)
        timer.start()
        _, status, usage = os.wait4(child.pid, 0)
        timer.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
        took = time.perf_counter() - start
        said.seek(0)
        lines = said.read().decode(errors="replace").splitlines()
    worked = usage.ru_utime + usage.ru_stime
    return usage.ru_maxrss * 1024 / 1e9, took, worked, child.returncode, lines[-1] if lines else ""


def main() -> None:
    """Print a row for each question, and how many overran."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--time-limit", type=float, default=8.0)
    parser.add_argument("--sample", type=int)
    parser.add_argument("words", nargs="*")
    given = parser.parse_args()
    others = list(questions())
    if given.sample is not None:
        others = random.Random(0).sample(others, given.sample)
    asked = overran = busy = 0
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store.db"
        fill_languages(store)
        for question in (*HARDEST, *others):
            if not all(word in question for word in given.words):
                continue
            gb, took, worked, code, said = ask(store, question, given.time_limit)
            latest = given.time_limit + MOST_S_PAST
            over = gb > MOST_GB or took > latest or code not in (0, 1) or "Error" in said
            asked, overran, busy = asked + 1, overran + over, busy + (took > latest >= worked)
            mark = f"OVERRAN {said[:80]}" if over else said[:80] if code else ""
            print(f"{question:90s} {gb:5.2f} GB {took:6.1f} s {worked:6.1f} s worked  {code} {mark}", flush=True)
    print(f"{asked} questions, {overran} overran {MOST_GB} GB or {given.time_limit:g} + {MOST_S_PAST:g} s", end="")
    print(f", {busy} of them in time but for other work on this machine")


if __name__ == "__main__":
    main()
