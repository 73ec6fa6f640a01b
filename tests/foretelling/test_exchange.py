"""What languages and pairs bring, against every exchange of languages there is; and how often intervals hold it."""

from itertools import combinations

import numpy as np
import pytest

from mslt_cli.foretelling.exchange import weigh_exchanges
from mslt_cli.foretelling.model import fit
from mslt_cli.foretelling.observations import Observations, equal_shares

FIVE = ("ara", "deu", "eng", "fra", "zho")


def observed(languages, members, scores):
    """Runs of combinations (places), of one seed and target."""
    shares = equal_shares(members, len(languages))
    return Observations(languages, ("fin",), shares, np.asarray(scores)[:, None], (0,) * len(members))


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(3)
    members = [[i] for i in range(5)] + [*map(list, combinations(range(5), 2))]
    return fit(observed(FIVE, members, rng.normal(0.5, 0.05, len(members))))


def foretold(model, members):
    return float(model.predict(equal_shares([list(members)], 5)).mean[0])


@pytest.mark.parametrize(("k", "fixed"), [(1, ()), (2, ()), (3, ()), (4, ()), (3, (4,)), (4, (0, 4))])
def test_the_effect_of_a_language_is_the_mean_over_all_exchanges(model, k, fixed):
    pool = [i for i in range(5) if i not in fixed]
    gains = weigh_exchanges(model, k, pool, fixed=fixed).languages
    for i, language in enumerate(pool):
        exchanges = [0.0]  # for itself
        for other in pool:
            beside = [x for x in pool if x not in (language, other)]
            rest = [*combinations(beside, k - len(fixed) - 1)]
            if other != language:
                gained = [foretold(model, (*x, *fixed, language)) - foretold(model, (*x, *fixed, other)) for x in rest]
                exchanges.append(float(np.mean(gained)))
        assert gains.mean[i] == pytest.approx(100 * sum(exchanges) / len(pool), abs=1e-6)
        assert gains.low[i] < gains.mean[i] < gains.high[i]


@pytest.mark.parametrize(("k", "fixed"), [(2, ()), (3, ()), (4, ()), (3, (4,)), (2, (4,))])
def test_languages_and_pairs_add_up_to_what_is_foretold(model, k, fixed):
    pool = [i for i in range(5) if i not in fixed]
    languages, pairs = weigh_exchanges(model, k, pool, fixed=fixed)
    every = [*combinations(range(len(pool)), k - len(fixed))]
    scores = np.array([foretold(model, (*(pool[i] for i in one), *fixed)) for one in every])
    place = {pair: i for i, pair in enumerate(combinations(range(len(pool)), 2))}
    for combination, score in zip(every, scores, strict=True):
        parts = sum(languages.mean[i] for i in combination)
        if len(combination) > 1:
            parts += sum(pairs.mean[place[pair]] for pair in combinations(combination, 2))
        assert 100 * (score - scores.mean()) == pytest.approx(parts, abs=1e-6)
    assert len(pairs.mean) == (0 if k - len(fixed) == 1 else len(place))


def test_intervals_hold_what_languages_truly_bring():
    """Thirty grids of six languages: the singles, and half of the triples, each once. bench/gains.py has more."""
    rng = np.random.default_rng(0)
    triples, held, widths = [*map(list, combinations(range(6), 3))], [], []
    for _ in range(30):
        members = [[i] for i in range(6)] + [triples[i] for i in rng.permutation(20)[:10]]
        true = rng.normal(0, 0.06, 6)
        scores = equal_shares(members, 6) @ true + 0.5 + rng.normal(0, 0.015, len(members))
        gains = weigh_exchanges(fit(observed(tuple("abcdef"), members, scores)), 3, range(6)).languages
        brings = 100 * (true - true.mean()) / 3
        held += [*((gains.low <= brings) & (brings <= gains.high))]
        widths += [*(gains.high - gains.low)]
    assert np.mean(held) >= 0.92
    assert np.mean(widths) < 5  # points; what languages truly bring has a standard deviation of 2
