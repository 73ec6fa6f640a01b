"""CKA between all pairs of languages beside a double loop over the definition, in one run.

The loop computes each pair by itself out of centred Gram matrices, as the definition reads. Both have float64; the last
line is ours with a bootstrap of 200 resamples over and above.

Run: python bench/probing.py [--languages 13] [--sentences 1000] [--width 384]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from itertools import combinations

import numpy as np

from mslt_cli.probing.cka import pairwise_cka
from mslt_cli.probing.pairs import ProbeOptions


def naive(x: np.ndarray, y: np.ndarray) -> float:
    """By the definition."""
    n = len(x)
    h = np.eye(n) - np.ones((n, n)) / n
    k, m = h @ (x @ x.T) @ h, h @ (y @ y.T) @ h
    return float((k * m).sum() / np.sqrt((k * k).sum() * (m * m).sum()))


def seconds(work: Callable[[], object], rounds: int) -> float:
    """The median."""
    found = []
    for _ in range(rounds):
        clock = time.perf_counter()
        work()
        found.append(time.perf_counter() - clock)
    return statistics.median(found)


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--languages", type=int, default=13)
    parser.add_argument("--sentences", type=int, default=1_000)
    parser.add_argument("--width", type=int, default=384)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    meaning = rng.normal(size=(given.sentences, given.width))
    embeddings = [(meaning + rng.normal(size=meaning.shape)).astype(np.float32) for _ in range(given.languages)]
    names = [str(i) for i in range(given.languages)]
    exact = [x.astype(np.float64) for x in embeddings]
    pairs = list(combinations(range(given.languages), 2))
    ours = pairwise_cka(embeddings, names, ProbeOptions(resamples=0))
    worst = max(abs(ours[a, b].value - naive(exact[a], exact[b])) for a, b in pairs[:5])
    plain = seconds(lambda: [naive(exact[a], exact[b]) for a, b in pairs], 1)
    quick = seconds(lambda: pairwise_cka(embeddings, names, ProbeOptions(resamples=0)), given.rounds)
    whole = seconds(lambda: pairwise_cka(embeddings, names, ProbeOptions()), given.rounds)
    print(f"{given.languages} languages, {given.sentences} sentences, {given.width} wide; they differ by {worst:.0e}")
    print(f"  double loop               {plain:7.2f} s")
    print(f"  all pairs at once         {quick:7.2f} s, {plain / quick:.0f} ×")
    print(f"  with 200 resamples        {whole:7.2f} s, {plain / whole:.1f} ×")


if __name__ == "__main__":
    main()
