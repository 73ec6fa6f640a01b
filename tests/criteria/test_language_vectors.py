"""The diversity of real language vectors: what the paper and DESIGN.md state, and the formula from first principles."""

import importlib.util
import itertools
import math

import numpy as np
import pytest

from mslt_cli.criteria import CRITERIA
from mslt_cli.criteria.typology import diversity
from mslt_cli.languages.uriel import VECTOR_SETS, read_uriel
from mslt_cli.search.constraints import Wanted
from mslt_cli.search.exhaustive import combinations
from mslt_cli.search.objective import PairSum
from mslt_cli.search.ranking import rank

# ar, de, en, es, fr, ru, zh in the order of these spellings; lang2vec reads ar as ara and zh as zho
POOL = {"ar": "ara", "de": "deu", "en": "eng", "es": "spa", "fr": "fra", "ru": "rus", "zh": "zho"}


@pytest.fixture(scope="module")
def vectors():
    if importlib.util.find_spec("lang2vec") is None:
        pytest.skip("lang2vec is not installed")
    data = read_uriel()
    rows = [data.codes.index(code) for code in POOL.values()]
    # the store gives geography in double precision as well
    return {
        name: data.vectors[name].matrix[rows].astype(np.float64 if name == "geo" else np.uint8) for name in VECTOR_SETS
    }


def one_minus_cosine(a, b):
    a, b = a.astype(float).tolist(), b.astype(float).tolist()
    product = math.fsum(x * y for x, y in zip(a, b, strict=True))
    return 1 - product / math.sqrt(math.fsum(x * x for x in a)) / math.sqrt(math.fsum(y * y for y in b))


def test_syntax_prefers_arabic_german_and_chinese(vectors):
    found = rank(diversity(vectors["syntax_knn"]), Wanted(7, 3), top=1)
    assert [list(POOL)[i] for i in found.rows[0].items] == ["ar", "de", "zh"]
    assert found.rows[0].value == pytest.approx(1.196175, abs=5e-7)
    assert (found.rows[0].rank, found.rows[0].tied) == (1, 1)


@pytest.mark.parametrize("name", VECTOR_SETS)
def test_every_combination_is_worth_what_the_formula_says(vectors, name):
    matrix = vectors[name]
    sets = combinations(7, 3)
    expected = [
        sum(one_minus_cosine(matrix[i], matrix[j]) for i, j in itertools.combinations(items, 2))
        for items in sets.tolist()
    ]
    np.testing.assert_allclose(diversity(matrix).values(sets), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", VECTOR_SETS)
def test_the_convex_form_is_the_same_number(vectors, name):
    # (k² − ‖Σ u‖²) / 2 for unit vectors u, DESIGN.md
    unit = vectors[name] / np.linalg.norm(vectors[name].astype(float), axis=1)[:, None]
    sets = combinations(7, 4)
    expected = (16 - (unit[sets].sum(axis=1) ** 2).sum(axis=1)) / 2
    np.testing.assert_allclose(diversity(vectors[name]).values(sets), expected, rtol=0, atol=1e-12)


def test_every_vector_criterion_reads_a_set_that_lang2vec_has():
    rows = [row for row in CRITERIA.values() if row.kind == "typology"]
    assert sorted(row.vector_set for row in rows) == sorted(VECTOR_SETS)
    assert len({name for row in CRITERIA.values() for name in (row.name, row.short) if name}) == len(CRITERIA) + 5


def test_scale_and_sign():
    # (3, 0), (0, 5), (−2, 0): cos 0, −1 and 0, so 1 + 2 + 1
    pairs = diversity(np.array([[3.0, 0.0], [0.0, 5.0], [-2.0, 0.0]]))
    assert pairs.values(np.array([[0, 1], [0, 2], [1, 2]])) == pytest.approx([1, 2, 1])
    assert pairs.values(np.array([[0, 1, 2]])) == pytest.approx([4])


def test_vectors_of_one_direction_are_at_no_distance_though_not_equal():
    pairs = diversity(np.array([[1.0, 2.0], [2.0, 4.0], [2.0, -1.0]]))
    assert len(pairs.distance) == 3  # rows differ, so they are three classes
    assert pairs.values(np.array([[0, 1]]))[0] == pytest.approx(0, abs=1e-12)
    assert pairs.values(np.array([[0, 1]]))[0] >= 0  # rounding never makes a distance negative


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_equal_rows_are_one_class_in_every_type(dtype):
    # features that fill no whole byte: 9 bits are packed into two
    rows = np.array([[1] * 9, [0] * 8 + [1], [1] * 9, [1] + [0] * 8], dtype=dtype)
    found = diversity(rows)
    assert len(found.distance) == 3
    assert found.kind[0] == found.kind[2]
    assert len(set(found.kind.tolist())) == 3
    # cos of the full row and a row of one feature: 1/√9; of the two one-feature rows: 0
    assert found.values(np.array([[0, 2], [0, 1], [1, 3]])) == pytest.approx([0, 1 - 1 / 3, 1])


def test_equal_distances_of_whole_features_come_out_equal():
    # Four rows of two features each that share one with the next: cos = 1/2, exactly, whatever the order of sums
    rows = np.array([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1], [1, 0, 0, 1]], dtype=np.uint8)
    found = diversity(rows)
    assert len(set(found.values(np.array([[0, 1], [1, 2], [2, 3], [0, 3]])).tolist())) == 1


def test_distances_of_ones_own_are_taken_as_they_are():
    own = np.array([[0.0, 7.0, 2.0], [7.0, 0.0, 4.0], [2.0, 4.0, 0.0]])
    assert PairSum(own, np.arange(3)).values(np.array([[0, 1, 2]])).tolist() == [13.0]
    assert PairSum(own, np.arange(3), smallest=True).values(np.array([[0, 1, 2]])).tolist() == [2.0]
