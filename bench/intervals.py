"""How often the 95 % intervals of `mslt probe` hold the true value, in simulated embeddings whose true value is known.

Two languages have one meaning and a spectrum that falls as 1 / rank, in 100 dimensions. For CKA they agree in 0.7 of
their deviation (true CKA 0.49); for centroids they lie a known distance apart. The biased CKA is beside it.

Run: python bench/intervals.py [--samples 200]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np

from mslt_cli.probing.cka import pairwise_cka
from mslt_cli.probing.neutrality import centroid_distance
from mslt_cli.probing.pairs import Floats, Measured, ProbeOptions

WIDTH = 100
AGREEMENT = 0.7
SCALE = 1 / np.sqrt(np.arange(1, WIDTH + 1))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=200)
    samples = parser.parse_args().samples
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
            held, values = 0, []
            for _ in range(samples):
                x, own = rng.normal(size=(2, n, WIDTH)) * SCALE
                y = AGREEMENT * x + np.sqrt(1 - AGREEMENT**2) * own + shift * spread / np.sqrt(WIDTH)
                measured = measure([x, y])[0, 1]
                low, high = measured.interval
                held += low <= true <= high
                values.append(measured.value)
            print(f"| {name} | {n} | {true:.2f} | {np.mean(values):.3f} | {100 * held / samples:.0f} % |", flush=True)


if __name__ == "__main__":
    main()
