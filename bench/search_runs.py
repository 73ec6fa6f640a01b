"""What a search among combinations costs and finds: `mslt train --search` replayed on a finished grid and on made ones.

    python bench/search_runs.py [--store PATH] [--task cldr]

For the grid, a seed of a combination that was not trained is one that was, in an order drawn for each repetition; what
its choice costs is by the means over all seeds, whose best is partly luck. For made grids the truth is known.
"""

import argparse
from collections import Counter
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np

from mslt_cli.foretelling.design import Combination, DesignedRun, ScorePrior, design_runs
from mslt_cli.foretelling.model import fit
from mslt_cli.foretelling.next_runs import CHANCE, judge, most_telling
from mslt_cli.foretelling.observations import Floats, Observations, equal_shares
from mslt_cli.results.observations import ObservedRuns, RunsAsked, find_observations
from mslt_cli.runs.search_runs import first_number
from mslt_cli.store.db import open_store, store_path
from mslt_cli.store.fill import ensure_filled
from mslt_cli.store.results import fill_results

TRIPLES: list[Combination] = list(combinations(range(7), 3))
Score = Callable[[DesignedRun], Floats]


def search(
    score: Score, runs_at_most: int, within: float, seed: int, similarity: Floats | None = None
) -> tuple[list[tuple[int, int]], str, float]:
    """Choices (runs, place in TRIPLES) as a search goes on; why it ends; the 95 % bound on what any choice costs."""
    prior = ScorePrior(kinship=None if similarity is None else (np.eye(7) + similarity) / 2)
    shares = equal_shares(TRIPLES, 7)
    runs = design_runs(7, (3,), first_number(7, 3, runs_at_most), prior=prior, seed=seed)
    choices: list[tuple[int, int]] = []
    while True:
        trained, scores = equal_shares([run.combination for run in runs], 7), np.array([score(run) for run in runs])
        draws_of_runs = tuple(run.draw for run in runs)
        targets = tuple(map(str, range(scores.shape[1])))
        model = fit(Observations(tuple("abcdefg"), targets, trained, scores, draws_of_runs, similarity=similarity))
        draws = model.draw(shares, 2_000, seed)
        decision = judge(draws, within, range(len(TRIPLES)))
        choices.append((len(runs), decision.chosen))
        if decision.p_better < CHANCE:
            return choices, "certain", decision.at_most
        if decision.of_any <= within and not model.signal.p < CHANCE:
            return choices, "alike", decision.at_most
        if len(runs) >= runs_at_most:
            return choices, "runs", decision.at_most
        combination = TRIPLES[most_telling(draws, model.noise(shares), 1)[0]]
        draw = next(draw for draw in range(len(runs) + 1) if DesignedRun(combination, draw) not in runs)
        runs.append(DesignedRun(combination, draw))


def replay(observed: ObservedRuns, repetitions: int) -> None:
    """Print what choices cost after each number of runs."""
    observations = observed.observations
    scores: dict[Combination, list[Floats]] = {}
    for shares, row in zip(observations.shares, observations.scores, strict=True):
        scores.setdefault(tuple(np.flatnonzero(shares).tolist()), []).append(row)
    truth = np.array([np.mean(scores[triple]) for triple in TRIPLES])
    cost: dict[int, list[float]] = {}
    for repetition in range(repetitions):
        order = np.random.default_rng(repetition).permutation(min(map(len, (scores[t] for t in TRIPLES))))
        choices, _, _ = search(
            lambda run, order=order: scores[run.combination][order[run.draw % len(order)]],  # type: ignore[misc]
            20,
            0.0,
            repetition,
            observations.similarity,
        )
        for runs, chosen in choices:
            cost.setdefault(runs, []).append(100 * (truth.max() - truth[chosen]))
    print(f"{observed.label}: points that the choice costs by the means of all seeds, {repetitions} repetitions")
    for runs, costs in sorted(cost.items()):
        print(f"  {runs:3} runs  {np.mean(costs):5.2f}")
    print(f"  random    {100 * (truth.max() - truth.mean()):5.2f}")


def simulate(language: float, pair: float, noise: float, repetitions: int, runs_at_most: int) -> None:
    """Print how searches end where languages' effects and pairs' coefficients have these standard deviations."""
    ends: Counter[str] = Counter()
    runs, costs, blind, wrong, held = [], [], [], 0, []
    for repetition in range(repetitions):
        rng = np.random.default_rng(repetition)
        effects, pairs = rng.normal(0, language, 7), np.triu(rng.normal(0, pair, (7, 7)), 1)
        truth = np.array([0.55 + x @ effects + x @ pairs @ x for x in equal_shares(TRIPLES, 7)])

        def score(run: DesignedRun, truth: Floats = truth, repetition: int = repetition) -> Floats:
            own = np.random.default_rng([repetition, *run.combination, run.draw])
            scored: Floats = truth[TRIPLES.index(run.combination)] + own.normal(0, noise) + own.normal(0, 0.03, 10)
            return scored

        choices, reason, at_most = search(score, runs_at_most, 1.0, repetition)
        lost = 100 * (truth.max() - truth)
        ends[reason] += 1
        runs.append(choices[-1][0])
        costs.append(lost[choices[-1][1]])
        blind.append(lost.mean())
        wrong += reason == "certain" and lost[choices[-1][1]] > 1
        held.append((lost <= at_most).mean())
    print(
        f"  {100 * language:4.0f} {100 * pair:4.0f} {100 * noise:5.1f}  {np.mean(runs):5.1f}  {np.mean(costs):5.2f}  "
        f"{np.mean(blind):6.2f}  {100 * np.mean(held):6.1f}  {wrong:3} of {ends['certain']:<3}  {dict(ends)}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path)
    parser.add_argument("--task", default="cldr")
    parser.add_argument("--repetitions", type=int, default=24)
    given = parser.parse_args()
    path = store_path(given.store)
    ensure_filled(path)
    fill_results(path)
    with open_store(path) as store:
        replay(find_observations(store, RunsAsked("runs" if given.store else "shipped", given.task)), given.repetitions)
    print(
        "made grids, points: sd of languages, pairs, noise; runs; cost of the choice, of any; % that its bound holds;"
    )
    print("choices called certain to 1 point that cost more; ends")
    for language, pair in ((0, 0), (0.03, 0.01), (0.06, 0.03), (0.10, 0.05)):
        simulate(language, pair, 0.018, given.repetitions, 20)
    simulate(0, 0, 0.006, given.repetitions, 20)


if __name__ == "__main__":
    main()
