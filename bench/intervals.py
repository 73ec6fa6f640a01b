"""How often 95 % intervals hold the true value: those of `mslt probe`, and those of accuracy where rows err together.

For probes embeddings are simulated whose true value is known. Two languages have one meaning and a spectrum that falls
as 1 / rank, in 100 dimensions (in 30, evenly, where languages are to be told apart). For CKA they agree in 0.7 of their
deviation (true CKA 0.49); for centroids they lie a known distance apart. The biased CKA is beside it.

Run: python bench/intervals.py [--samples 200] [--words | --shares]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from itertools import product

import numpy as np

from mslt_cli.evaluation.metrics import Table, limits, wilson
from mslt_cli.probing.cka import pairwise_cka
from mslt_cli.probing.neutrality import centroid_distance, language_identification, retrieval
from mslt_cli.probing.pairs import Floats, Measured, ProbeOptions

WIDTH = 100
AGREEMENT = 0.7
SCALE = 1 / np.sqrt(np.arange(1, WIDTH + 1))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--words", action="store_true", help="accuracy instead of probes")
    parser.add_argument("--shares", action="store_true", help="retrieval and language identification alone")
    given = parser.parse_args()
    if given.words:
        hold_words(given.samples)
        hold_premises(given.samples)
    elif given.shares:
        hold_shares(given.samples)
    else:
        hold_probes(given.samples)


def held(ends: list[tuple[float, float]], true: float) -> str:
    """The share of intervals that hold the true value, and their mean width."""
    low, high = np.array(ends).T
    return f"{100 * np.mean((low <= true) & (true <= high)):.0f} %, {100 * np.mean(high - low):.1f} points"


def bootstrap(table: Table, rng: np.random.Generator) -> tuple[float, float]:
    """The middle 95 % over resampled rows, as the interval was until 2026-11-27."""
    drawn = rng.multinomial(len(table), np.full(len(table), 1 / len(table)), size=400) @ table
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], (0.025, 0.975))
    return float(low), float(high)


def hold_words(samples: int) -> None:
    """Print the coverage where a row is a sentence of several words."""
    print("| words of a sentence | sentences | true | before: held, width | now |\n|---|--:|--:|--:|--:|")
    for kind, n, true in product(("unlike", "alike", "whole"), (5, 15, 60, 300), (0.6, 0.9, 0.98)):
        rng = np.random.default_rng(n)
        before, now = [], []
        for _ in range(samples):
            words = 1 + rng.poisson(11, n)
            easy = rng.beta(2 * true, 2 * (1 - true), n)  # each sentence
            easy = {"unlike": easy, "alike": np.full(n, true), "whole": np.where(rng.random(n) < true, 1.0, 0.0)}[kind]
            table = np.stack([rng.binomial(words, easy), words], axis=1)
            before.append(bootstrap(table, rng))
            now.append(limits(table))
        print(f"| {kind} | {n} | {100 * true:.0f} % | {held(before, true)} | {held(now, true)} |", flush=True)


def hold_premises(samples: int) -> None:
    """Print the coverage where three rows share a text."""
    print("\n| premises | judged alike | true | before: held, width | now |\n|--:|---|--:|--:|--:|")
    for n, alike, true in product((40, 833), (0.0, 0.5, 1.0), (0.5, 0.9, 0.98)):
        rng = np.random.default_rng(n)
        before, now = [], []
        for _ in range(samples):
            right = np.where(rng.random((n, 1)) < alike, rng.random((n, 1)), rng.random((n, 3))) < true
            before.append(wilson(int(right.sum()), 3 * n))
            now.append(limits(np.stack([right.sum(axis=1), np.full(n, 3)], axis=1)))
        print(
            f"| {n} | {100 * alike:.0f} % | {100 * true:.0f} % | {held(before, true)} | {held(now, true)} |", flush=True
        )


def draw_languages(rng: np.random.Generator, n: int, agreement: float, shift: float, width: int) -> list[Floats]:
    """Two languages with a common meaning; each is moved in a dimension of its own."""
    scale = 1 / np.sqrt(np.arange(1, width + 1)) if not shift else np.ones(width)
    common = agreement * rng.normal(size=(n, width))
    own = np.sqrt(1 - agreement**2) * rng.normal(size=(2, n, width))
    return [(common + noise) * scale + shift * np.eye(width)[i] for i, noise in enumerate(own)]


def hold_shares(samples: int) -> None:
    """Print the coverage of retrieval and language identification; the true value is the mean over the samples."""
    print("| what | n | true | before: held, width | now |\n|---|--:|--:|--:|--:|")
    cases: list[tuple[Callable[..., Measured], float, float, int]]
    cases = [(retrieval, agreement, 0.0, WIDTH) for agreement in (0.45, 0.6, 0.75, 0.9)]
    cases += [(language_identification, 0.7, shift, 30) for shift in (0.01, 0.5, 2.5, 5.0)]
    for (measure, agreement, shift, width), n in product(cases, (30, 121, 500)):
        rng = np.random.default_rng(n)
        drawn = (draw_languages(rng, n, agreement, shift, width) for _ in range(samples))
        found = [measure(given, "ab", ProbeOptions())[()] for given in drawn]
        true = float(np.mean([one.value for one in found]))
        before = [(float(low), float(high)) for low, high in (np.quantile(x.draws, (0.025, 0.975)) for x in found)]
        now = [one.interval for one in found]
        name = "retrieval" if measure is retrieval else "langid"
        print(f"| {name} | {n} | {true:.3f} | {held(before, true)} | {held(now, true)} |", flush=True)


def hold_probes(samples: int) -> None:
    """Print the coverage of CKA and of distances of centroids."""
    spread = float(np.linalg.norm(SCALE))
    plain = ProbeOptions(debiased=False)
    measures: dict[str, tuple[float, float, Callable[[list[Floats]], Measured]]] = {
        "biased CKA": (0.0, AGREEMENT**2, lambda given: pairwise_cka(given, "ab", plain)),
        "CKA": (0.0, AGREEMENT**2, lambda given: pairwise_cka(given, "ab")),
    }
    for true in (0.0, 0.15, 0.6):
        measures[f"centroid, {true:g}"] = (true, true, lambda given: centroid_distance(given, "ab", ProbeOptions()))
    print("| what | n | true | mean of the values | intervals that hold it |\n|---|--:|--:|--:|--:|")
    for name, (shift, true, measure) in measures.items():
        for n in (30, 121, 500):
            rng = np.random.default_rng(n)
            found, values = 0, []
            for _ in range(samples):
                x, own = rng.normal(size=(2, n, WIDTH)) * SCALE
                y = AGREEMENT * x + np.sqrt(1 - AGREEMENT**2) * own + shift * spread / np.sqrt(WIDTH)
                measured = measure([x, y])[0, 1]
                low, high = measured.interval
                found += low <= true <= high
                values.append(measured.value)
            print(f"| {name} | {n} | {true:.2f} | {np.mean(values):.3f} | {100 * found / samples:.0f} % |", flush=True)


if __name__ == "__main__":
    main()
