import json

import numpy as np
import pytest

from mslt_cli.errors import UnknownNameError
from mslt_cli.languages.uriel import VECTOR_SETS, read_uriel
from mslt_cli.store.db import open_store
from mslt_cli.store.language_vectors import decode, encode, read_vectors, vector_set_info, without_vector


@pytest.fixture(scope="module")
def store(filled_store):
    with open_store(filled_store) as store:
        yield store


def feature_names(store, vector_set):
    rows = store.query("SELECT name FROM features WHERE vector_set = ? ORDER BY position", (vector_set,))
    return tuple(name for (name,) in rows)


@pytest.fixture(scope="module")
def uriel():
    return read_uriel()


@pytest.mark.parametrize("name", VECTOR_SETS)
def test_what_is_read_is_what_lang2vec_has(store, uriel, name):
    expected = uriel.vectors[name]
    vectors = read_vectors(store, name, uriel.codes)
    assert vectors.codes == tuple(np.array(uriel.codes)[expected.known])
    assert without_vector(store, name, uriel.codes) == np.array(uriel.codes)[~expected.known].tolist()
    np.testing.assert_array_equal(vectors.matrix, expected.matrix[expected.known])
    np.testing.assert_array_equal(vectors.measured_share, expected.measured_share[expected.known])
    assert vectors.matrix.dtype == (np.float64 if name == "geo" else np.uint8)
    assert feature_names(store, name) == expected.features


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [("eng", "deu", 0.0975), ("eng", "zho", 0.2892), ("eng", "jpn", 0.4998), ("tur", "jpn", 0.2596)],
)
def test_distances_are_those_of_lang2vec(store, one, other, distance):
    a, b = read_vectors(store, "syntax_knn", [one, other]).matrix.astype(float)
    assert 1 - a @ b / np.linalg.norm(a) / np.linalg.norm(b) == pytest.approx(distance, abs=5e-5)


def test_languages_come_in_the_order_asked_for_and_missing_ones_are_named(store):
    vectors = read_vectors(store, "fam", ["zho", "alb", "deu", "xxx"])
    assert vectors.codes == ("zho", "deu")
    assert without_vector(store, "fam", ["zho", "alb", "deu", "xxx"]) == ["alb", "xxx"]
    assert vectors.matrix.shape == (2, 3718)
    again = read_vectors(store, "fam", ["deu", "zho"])
    np.testing.assert_array_equal(vectors.matrix, again.matrix[::-1])


@pytest.mark.parametrize("name", VECTOR_SETS)
def test_no_languages_make_no_rows(store, name):
    assert read_vectors(store, name, []).matrix.shape == (0, vector_set_info(store, name).n_features)


def test_an_unknown_vector_set_gets_the_nearest_names(store):
    with pytest.raises(UnknownNameError, match="There is no vector set 'syntax'. Did you mean syntax_knn"):
        read_vectors(store, "syntax", ["eng"])


@pytest.mark.parametrize("name", ["syntax_knn", "phonology_knn", "inventory_knn", "fam"])
def test_sql_users_read_the_same_features(store, name):
    rows = store.query(
        "SELECT f.name, v.value FROM features f JOIN feature_values v"
        " ON v.vector_set = f.vector_set AND v.feature = f.name"
        " WHERE f.vector_set = ? AND v.vector_set = ? AND v.iso639_3 = 'eng' ORDER BY f.position",
        (name, name),
    )
    assert tuple(feature for feature, _ in rows) == feature_names(store, name)
    assert [value for _, value in rows] == read_vectors(store, name, ["eng"]).matrix[0].tolist()


def test_bits_are_packed_from_the_highest_on():
    # 1000 0001 1 -> 0x81, 0x80
    row = np.array([[1, 0, 0, 0, 0, 0, 0, 1, 1]], dtype=np.uint8)
    assert encode(row, "bits") == [b"\x81\x80"]
    np.testing.assert_array_equal(decode([b"\x81\x80"], "bits", 9), row)


def test_indices_are_the_positions_of_the_ones():
    matrix = np.array([[0, 1, 1], [0, 0, 0], [1, 0, 0]], dtype=np.uint8)
    assert [json.loads(row) for row in encode(matrix, "indices")] == [[1, 2], [], [0]]
    np.testing.assert_array_equal(decode(encode(matrix, "indices"), "indices", 3), matrix)


def test_u16e4_holds_four_decimals_and_refuses_more():
    matrix = np.array([[0.0004, 1.0]], dtype=np.float32)
    assert encode(matrix, "u16e4") == [b"\x04\x00\x10\x27"]  # 4; 10000 = 0x2710
    np.testing.assert_array_equal(decode(encode(matrix, "u16e4"), "u16e4", 2).astype(np.float32), matrix)
    with pytest.raises(ValueError, match="four decimals"):
        encode(np.array([[0.00041]], dtype=np.float32), "u16e4")


def test_binary_encodings_refuse_other_values():
    with pytest.raises(ValueError, match="0 and 1 only"):
        encode(np.array([[2]]), "bits")
