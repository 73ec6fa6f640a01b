import itertools

import numpy as np
import pytest

from mslt_cli.errors import DataError, UsageError
from mslt_cli.training.mixture import PAIRINGS, equal_shares, order, proportional_shares, sample, stated_shares

POOL = ("ara", "deu", "eng", "spa", "zho")


def same_ids(n):
    return {language: [f"item{i}" for i in range(n)] for language in POOL}


def own_ids(seed, n=60):
    """Parallel data with gaps: each language has about four items in five."""
    rng = np.random.default_rng(seed)
    return {language: [f"item{i}" for i in range(n) if rng.random() < 0.8] for language in POOL}


def test_a_budget_is_split_evenly_and_the_first_give_one_more():
    # 11 = 3 + 4 + 4 would be wrong: 11 // 3 = 3, and the first 11 % 3 = 2 in sorted order give one more.
    assert equal_shares(11, ["zho", "ara", "deu"]) == {"ara": 4, "deu": 4, "zho": 3}
    assert equal_shares(1000, ["eng"]) == {"eng": 1000}
    with pytest.raises(UsageError, match="2 examples cannot be split over 3 sources"):
        equal_shares(2, ["ara", "deu", "zho"])


def test_shares_in_proportion_by_hand():
    # One each, then 7 by 60 : 30 : 10 = 4.2, 2.1, 0.7: 4, 2, 0, and the one left goes to the largest remainder, 0.7.
    assert proportional_shares(10, {"a": 60, "b": 30, "c": 10}) == {"a": 5, "b": 3, "c": 2}


@pytest.mark.parametrize("seed", range(20))
def test_shares_in_proportion_add_up(seed):
    rng = np.random.default_rng(seed)
    sizes = {language: int(rng.integers(1, 10_000)) for language in POOL}
    n = int(rng.integers(5, 500))
    shares = proportional_shares(n, sizes)
    assert sum(shares.values()) == n
    assert min(shares.values()) >= 1


def test_stated_shares_are_read_by_any_spelling():
    code = {"en": "eng", "German": "deu", "de": "deu"}.__getitem__
    assert stated_shares("en=600, German=200", code) == {"deu": 200, "eng": 600}
    with pytest.raises(UsageError, match="names de twice"):
        stated_shares("German=1,de=2", code)
    for text in ("en", "en=", "en=x", "en=0", ""):
        with pytest.raises(UsageError, match="--split is"):
            stated_shares(text, code)


def test_an_example_s_place_does_not_depend_on_the_others():
    ids = [f"item{i}" for i in range(50)]
    whole = order(ids, 3, "eng")
    assert order(ids[::-1], 3, "eng") == whole
    assert order(ids[::2], 3, "eng") == [id_ for id_ in whole if id_ in set(ids[::2])]
    assert order(ids, 4, "eng") != whole != order(ids, 3, "deu")


@pytest.mark.parametrize("pairing", [*PAIRINGS, None])
@pytest.mark.parametrize("seed", range(5))
def test_samples_are_nested(pairing, seed):
    ids = own_ids(seed)
    alone = {language: sample(ids, {language: 20}, seed=seed)[language] for language in POOL}
    if pairing is not None:  # an order that all languages share
        alone = {language: sample(ids, {language: 20}, seed=seed, pairing=pairing)[language] for language in POOL}
    for sources in itertools.combinations(POOL, 2):
        chosen = sample(ids, dict.fromkeys(sources, 10), seed=seed, pairing=pairing)
        for source in sources:
            assert len(set(chosen[source])) == 10
            if pairing != "same":  # which takes items that all sources have
                assert set(chosen[source]) <= set(alone[source]), (pairing, sources)


def test_disjoint_sources_share_no_item_and_every_combination_sees_the_same_ones():
    seen = set()
    for k in (1, 2, 3):
        for sources in itertools.combinations(POOL, k):
            chosen = sample(same_ids(60), equal_shares(30, sources), seed=1, pairing="disjoint")
            items = [id_ for ids in chosen.values() for id_ in ids]
            assert len(items) == len(set(items)) == 30
            seen.add(frozenset(items))
    assert len(seen) == 1


def test_single_sources_of_parallel_data_see_the_same_items_too():
    # A run of one source has no pairing to speak of; it is the same head of the same order.
    alone = sample(same_ids(60), {"eng": 30}, seed=1, pairing="disjoint")["eng"]
    mixed = sample(same_ids(60), equal_shares(30, ["ara", "eng"]), seed=1, pairing="disjoint")
    assert set(alone) == {id_ for ids in mixed.values() for id_ in ids}


def test_the_same_items_in_every_source():
    chosen = sample(own_ids(0), {"ara": 8, "deu": 8, "zho": 7}, seed=2, pairing="same")
    assert chosen["ara"] == chosen["deu"]
    assert chosen["zho"] == chosen["ara"][:7]


def test_a_smaller_budget_is_the_head_of_a_larger_one():
    ids = own_ids(1)
    for pairing in PAIRINGS:
        small = sample(ids, {"deu": 5, "eng": 5}, seed=0, pairing=pairing)
        large = sample(ids, {"deu": 15, "eng": 15}, seed=0, pairing=pairing)
        assert {source: ids[:5] for source, ids in large.items()} == small, pairing


def test_too_few_examples_are_counted():
    ids = {"eng": ["a", "b", "c"], "deu": ["a", "b"]}
    with pytest.raises(DataError, match="deu has 2 training examples, and 3 are needed"):
        sample(ids, {"deu": 3}, seed=0)
    with pytest.raises(DataError, match="deu has 2 training examples in all sources, and 3 are needed"):
        sample(ids, {"deu": 3, "eng": 2}, seed=0, pairing="same")
    with pytest.raises(DataError, match="have 3 different items between them, and 4 are needed"):
        sample(ids, {"deu": 2, "eng": 2}, seed=0, pairing="disjoint")


@pytest.mark.parametrize("pairing", [*PAIRINGS, None])
def test_oversampling_repeats_in_order(pairing):
    ids = {"eng": ["a", "b", "c"], "deu": ["a", "b", "c", "d", "e", "f"]}
    chosen = sample(ids, {"eng": 7, "deu": 2}, seed=0, pairing=pairing, oversample=True)
    times = {id_: chosen["eng"].count(id_) for id_ in chosen["eng"]}
    assert len(chosen["eng"]) == 7
    assert max(times.values()) - min(times.values()) <= 1
    assert len(set(chosen["deu"])) == 2
