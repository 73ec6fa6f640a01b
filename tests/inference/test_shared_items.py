"""Items that targets share: their noise by hand, against a slow twin, and what the tests of a grid make of it."""

import itertools

import numpy as np
import pytest

from mslt_cli.inference.crossed import CrossedDesign
from mslt_cli.inference.shared_items import SharedItems


def draw_answers(rng, n, seeds, targets, *, items=100, held=0.85, shared=0.5):
    """Answers of equal combinations, shape (n, S, T, items), and which items each target has.

    `shared`: standard deviation of how easy a combination finds an item in all targets; the latent ability has 1.
    """
    one, own = (lambda scale, *shape: scale * rng.normal(size=shape)), (n, seeds, targets, items)
    latent = one(0.5, items) + one(0.6, targets, items) + one(shared, n, 1, 1, items)
    latent = latent + one(0.09 * (targets > 1), n, 1, targets, 1)  # of one target it is the combination's own
    latent = latent + one(0.04, n, seeds, 1, 1) + one(0.15, n, seeds, 1, items) + one(0.35, *own)
    return latent + 0.3 > 0, rng.random((targets, items)) < held


def shared_items(right, held):
    """As the product has them, by combination, seed and target."""
    items = [np.flatnonzero(row) for row in held]
    answers = {
        c: {s: [run[t, items[t]] for t in range(len(items))] for s, run in enumerate(runs)}
        for c, runs in enumerate(right)
    }
    return SharedItems(answers, items)


def design_of(known):
    scores = {c: {s: np.array([a.mean() for a in run]) for s, run in runs.items()} for c, runs in known.right.items()}
    return CrossedDesign(scores, items=known)


def test_the_noise_of_items_by_hand():
    # Two combinations, one seed, two targets of two items: the first is right on the first item alone, the other on the
    # second. An item moves a score by ±1/4, in both targets alike: 2 items · 1/16 for each of 2 combinations, over
    # 2 - 1 of them, and times 2 items over 2 - 1.
    known = shared_items(np.array([[[[1, 0], [1, 0]]], [[[0, 1], [0, 1]]]], bool), np.ones((2, 2), bool))
    assert known.noise == (pytest.approx(2 / 16 * 2 * 2), 1)
    # What one gains in the one target and loses in the other is of no consequence for their mean.
    known = shared_items(np.array([[[[1, 0], [0, 1]]], [[[0, 1], [1, 0]]]], bool), np.ones((2, 2), bool))
    assert known.noise.square == 0


@pytest.mark.parametrize(("targets", "paired"), [(4, True), (4, False), (1, True)])
def test_the_noise_of_items_is_that_of_a_slow_twin(targets, paired):
    right, held = draw_answers(np.random.default_rng(0), 5, 3, targets)
    known = shared_items(right, held)
    if not paired:
        known = SharedItems(
            {c: {(c, s): run for s, run in runs.items()} for c, runs in known.right.items()}, known.items
        )
    moved = np.zeros(right.shape)
    for c, s, t in itertools.product(*map(range, right.shape[:3])):
        row = right[c, s, t, held[t]]
        moved[c, s, t, held[t]] = (row - row.mean()) / len(row)
    pairs = [(0, 0)] if targets == 1 else [(t, u) for t in range(targets) for u in range(targets) if t != u]

    def mean_product(residual):  # (T, items)
        return np.mean([residual[t] @ residual[u] for t, u in pairs])

    of_combination = moved.mean(axis=1)
    between = sum(map(mean_product, of_combination - of_combination.mean(axis=0))) / 4
    residuals, spare = moved - of_combination[:, None], 10
    if paired:
        residuals, spare = residuals - (moved.mean(axis=0) - moved.mean(axis=(0, 1)))[None], 8
    within = sum(mean_product(run) for runs in residuals for run in runs) / spare
    size = int(held.any(axis=0).sum())
    assert known.noise.square == pytest.approx((between - within / 3) * size / (size - 1))


def test_the_parts_of_the_variance_add_up_to_that_of_means():
    # The means of equal combinations spread as the noises of runs, of combination by target and of items say together.
    rng = np.random.default_rng(1)
    said, found = [], []
    for _ in range(60):
        design = design_of(shared_items(*draw_answers(rng, 8, 2, 5)))
        said.append(design.run.square / 2 + design.interaction.square / 5 + design.shared.square)
        found.append(design.means.var(ddof=1))
    assert np.mean(said) == pytest.approx(np.mean(found), rel=0.15)  # 420 degrees of freedom: ± 7 %


@pytest.mark.parametrize("targets", [1, 6])
def test_equal_combinations_are_told_apart_in_one_of_twenty_grids_where_targets_share_items(targets):
    rng = np.random.default_rng(targets)
    with_items, without, beyond = [], [], []
    for _ in range(80):
        design = design_of(shared_items(*draw_answers(rng, 6, 2, targets, shared=0.6)))
        with_items.append(design.p_all_equal() < 0.05)
        without.append(CrossedDesign(design.scores).p_all_equal() < 0.05)
        beyond += [abs(a - b) > design.detectable_difference() for a, b in itertools.combinations(design.means, 2)]
    assert np.mean(with_items) <= 0.12  # 5 % and three standard errors
    assert np.mean(without) > 0.2
    assert np.mean(beyond) < 0.08
