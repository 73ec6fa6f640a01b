"""How often the intervals, probabilities and tests of the model of scores are right, in simulated grids.

Grids of seven languages and six targets are drawn with known components; the model sees some runs of them and foretells
the true means of all 35 triples; and what `mslt report answer` says of the one to choose.

Run: python bench/foretell_error_rates.py [--grids 100] [--only triples|answer|signal]
"""

import argparse
from collections.abc import Callable
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mslt_cli.foretelling.choice import best_of
from mslt_cli.foretelling.fitting import COMMON, COMMON_SD, INHERITANCE, INHERITANCE_SD
from mslt_cli.foretelling.model import fit
from mslt_cli.foretelling.observations import Observations, equal_shares
from mslt_cli.foretelling.signal import find_signal
from mslt_cli.inference.distributions import NORMAL

Floats = NDArray[np.float64]
LANGUAGES, TARGETS = 7, 6
FANO = ((0, 1, 2), (0, 3, 4), (0, 5, 6), (1, 3, 5), (1, 4, 6), (2, 3, 6), (2, 4, 5))
SINGLES, PAIRS, TRIPLES = ([*combinations(range(LANGUAGES), k)] for k in (1, 2, 3))


class Truth(NamedTuple):
    """What a grid is drawn with: standard deviations in points, β, and what all pairs gain."""

    language: float
    affinity: float
    inheritance: float
    pair: float
    run: float
    sample: float
    rest: float
    draw: float = 0.5
    common: float = 5.0


TRUTHS = {
    "all alike": Truth(0, 0, 0, 0, 1.5, 0, 3),
    "languages": Truth(4, 3, 0, 0, 1.5, 0, 3),
    "languages and β = 1": Truth(4, 5, 1, 0, 1.5, 1, 3),
    "languages and β = 2": Truth(4, 5, 2, 0, 1.5, 1, 3),
    "languages, β = 1 and pairs": Truth(4, 5, 1, 6, 1.5, 1, 3),
    "noise": Truth(1, 1, 0, 0, 3, 2, 4),
    "little noise": Truth(6, 6, 1, 3, 0.7, 0.3, 2),
}
EXPECTED = "as the model expects"
DESIGNS: dict[str, tuple[list[tuple[int, ...]], int]] = {
    "7 singles": (SINGLES, 1),
    "7 balanced triples": ([*FANO], 1),
    "singles and pairs": (SINGLES + PAIRS, 1),
    "7 singles and 7 balanced triples, 2 seeds": ([*SINGLES, *FANO], 2),
    "all triples": (TRIPLES, 1),
    "all triples, 3 seeds": (TRIPLES, 3),
}


def draw_truth(rng: np.random.Generator) -> Truth:
    """Components as the model expects them before any run."""

    def sd(median: float, log_sd: float) -> float:
        return float(median * np.exp(log_sd * rng.normal()))

    return Truth(
        language=sd(4, 0.7), affinity=sd(5, 0.7), inheritance=max(0.0, rng.normal(INHERITANCE, INHERITANCE_SD)),
        pair=sd(3, 0.8), run=sd(1.66, 0.5), sample=sd(2, 0.7), rest=sd(2.8, 0.5), draw=sd(0.5, 0.8),
        common=100 * rng.normal(COMMON, COMMON_SD),
    )  # fmt: skip


def draw_grid(
    rng: np.random.Generator, truth: Truth, shown: list[tuple[int, ...]], seeds: int
) -> tuple[Observations, Floats]:
    """Runs, and the true scores of all singles and triples on each target, 0..1, shape (7 + 35, TARGETS)."""
    level = 55 + 10 * rng.normal(size=TARGETS)
    alone = truth.language * rng.normal(size=(LANGUAGES, 1)) + truth.affinity * rng.normal(size=(LANGUAGES, TARGETS))
    pair = truth.pair * rng.normal(size=(LANGUAGES, LANGUAGES))
    apart = np.abs(alone[:, None] - alone[None])  # (L, L, T)
    blending = truth.inheritance * apart + truth.common + (np.triu(pair, 1) + np.triu(pair, 1).T)[:, :, None]

    for of_target in blending.transpose(2, 0, 1):
        np.fill_diagonal(of_target, 0)

    def score(shares: Floats) -> Floats:
        scores: Floats = level + shares @ alone + np.einsum("rl,lmt,rm->rt", shares, blending, shares) / 2
        return scores

    shares = np.repeat(equal_shares(shown, LANGUAGES), seeds, axis=0)
    sample = truth.sample * rng.normal(size=(seeds, LANGUAGES))
    draws = np.tile(np.arange(seeds), len(shown))
    scores = (
        score(shares) + (shares * sample[draws]).sum(axis=1)[:, None] + truth.run * rng.normal(size=(len(shares), 1))
    )
    scores += truth.draw * rng.normal(size=seeds)[draws][:, None]
    scores += truth.rest * rng.normal(size=scores.shape)
    observations = Observations(
        tuple("abcdefg"), tuple("tuvwxy"), shares, scores / 100, tuple(map(int, draws)), items=np.full(TARGETS, 0.04**2)
    )
    return observations, score(equal_shares(SINGLES + TRIPLES, LANGUAGES)) / 100


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grids", type=int, default=100)
    parser.add_argument("--only", choices=["triples", "answer", "signal"])
    given = parser.parse_args()
    parts: dict[str, Callable[[int], None]] = {"triples": foretell_triples, "answer": answer, "signal": tell_apart}
    for name in [given.only] if given.only else parts:
        parts[name](given.grids)


def foretell_triples(grids: int) -> None:
    """Print how often intervals of all triples hold, and what the choice costs."""
    triples = equal_shares(TRIPLES, LANGUAGES)
    print("| grids | shown to the model | r | 90 % intervals hold | less a common shift | mean width | P(best) of the "
          "choice | it is the best | expected regret | regret | of a random one |")  # fmt: skip
    print("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    for name in (EXPECTED, *TRUTHS):
        for design, (shown, seeds) in DESIGNS.items():
            rng, rows = np.random.default_rng(0), []
            for _ in range(grids):
                observations, true = draw_grid(rng, TRUTHS.get(name) or draw_truth(rng), shown, seeds)
                model, true = fit(observations), true[len(SINGLES) :].mean(axis=1)
                foretold, drawn = model.predict(triples), model.draw(triples, 500, 0)
                best, chosen = best_of(drawn), int(foretold.mean.argmax())
                error = foretold.mean - true
                apart = drawn - drawn.mean(axis=1, keepdims=True)
                rank = np.corrcoef(foretold.mean, true)[0, 1] if true.std() > 0 else np.nan
                rows.append([
                    rank, (np.abs(error) <= NORMAL[90] * foretold.sd).mean(),
                    (np.abs(error - error.mean()) <= NORMAL[90] * apart.std(axis=0)).mean(),
                    200 * NORMAL[90] * foretold.sd.mean(), best.p_best[chosen], true[chosen] >= true.max() - 1e-12,
                    best.regret[chosen], 100 * (true.max() - true[chosen]), 100 * (true.max() - true.mean()),
                ])  # fmt: skip
            r = np.mean(rows, axis=0)
            print(f"| {name} | {design} | {r[0]:.2f} | {r[1]:.0%} | {r[2]:.0%} | {r[3]:.1f} | {r[4]:.0%} | {r[5]:.0%} "
                  f"| {r[6]:.2f} | {r[7]:.2f} | {r[8]:.2f} |", flush=True)  # fmt: skip


def answer(grids: int) -> None:
    """Print how often what is said of the choice is right: its score, what others lose, and the chance of better.

    The last two columns are of the page: the score of the choice on two of the targets, and what is first there.
    """
    shares, n = equal_shares(SINGLES + TRIPLES, LANGUAGES), len(SINGLES)
    some = np.array([0.5, 0.5, *[0.0] * (TARGETS - 2)])
    print("\n| grids | shown to the model | 90 % intervals hold the score of the choice | what the first triple loses "
          "| what the first language alone loses | what a random one loses | P(another is > 1 better) | it is | "
          "on two targets: the choice | the first there |")  # fmt: skip
    print("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    for name in (EXPECTED, *TRUTHS):
        for design, (shown, seeds) in DESIGNS.items():
            rng, rows = np.random.default_rng(1), []
            for _ in range(grids):
                observations, by_target = draw_grid(rng, TRUTHS.get(name) or draw_truth(rng), shown, seeds)
                model, true = fit(observations), by_target.mean(axis=1)
                foretold, drawn = model.predict(shares), model.draw(shares, 1000, 0)
                chosen = n + int(foretold.mean[n:].argmax())
                row = [abs(foretold.mean[chosen] - true[chosen]) <= NORMAL[90] * foretold.sd[chosen]]
                for other in ([n], [0], [*range(n, len(shares))]):
                    low, high = np.quantile(drawn[:, chosen] - drawn[:, other].mean(axis=1), (0.05, 0.95))
                    row.append(low <= true[chosen] - true[other].mean() <= high)
                row.append((drawn[:, n:].max(axis=1) - drawn[:, chosen] > 0.01).mean())
                row.append(true[n:].max() - true[chosen] > 0.01)
                mean, variance = foretold.by_target @ some, foretold.sd**2
                spread = (foretold.by_target_sd[:, 0] ** 2 - variance) / (1 - 1 / TARGETS)
                sd = np.sqrt(variance + (some @ some - 1 / TARGETS) * spread)
                error = np.abs(mean - by_target @ some)
                rows.append([*row, *(error[i] <= NORMAL[90] * sd[i] for i in (chosen, n + int(mean[n:].argmax())))])
            r = np.mean(rows, axis=0)
            print(f"| {name} | {design} | " + " | ".join(f"{value:.0%}" for value in r) + " |", flush=True)


def tell_apart(grids: int) -> None:
    """Of 20 times as many grids, print how often equal ones are told apart, and how often intervals hold the share."""
    print("\n| 35 triples that are not noise by | seeds | p < 0.05 | p < 0.5 | intervals hold the share | begin at 0 |")
    print("|---|--:|--:|--:|--:|--:|")
    weights, shares = np.ones(1), equal_shares(TRIPLES, LANGUAGES)
    for sd in (0.0, 1.0, 3.0):
        for seeds in (2, 3):
            rng, rows = np.random.default_rng(0), []
            for _ in range(20 * grids):
                truth = sd * rng.normal(size=(len(shares), 1))
                scores = 50 + truth + rng.normal(size=(1, seeds)) + 1.5 * rng.normal(size=(len(shares), seeds))
                signal = find_signal(Observations(tuple("abcdefg"), ("t",), np.repeat(shares, seeds, axis=0),
                    scores.reshape(-1, 1) / 100, tuple(range(seeds)) * len(shares)), weights)  # fmt: skip
                share = sd**2 / (sd**2 + 1.5**2 / seeds)
                rows.append([signal.p < 0.05, signal.p < 0.5, signal.low <= share <= signal.high, signal.low == 0])
            r = np.mean(rows, axis=0)
            print(f"| {sd} points | {seeds} | {r[0]:.1%} | {r[1]:.0%} | {r[2]:.1%} | {r[3]:.0%} |", flush=True)


if __name__ == "__main__":
    main()
