import numpy as np
import pytest

from mslt_cli.criteria.own_vectors import fetch_vectors
from mslt_cli.errors import UnknownNameError, UsageError
from mslt_cli.selection import select
from mslt_cli.store.db import open_store
from mslt_cli.store.named_vectors import own_vector_names, read_own_vectors


@pytest.fixture
def store(own_store):
    with open_store(own_store, write=True) as opened:
        yield opened


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("x,fr,en,de\nen,1,0,3\nde,2,3,0\nfr,0,1,2\n")
    return path


def test_a_set_is_kept_as_it_was_read_and_ranks_under_its_name(store, path):
    assert own_vector_names(store) == []
    fetch_vectors(store, path, "mine")
    path.unlink()
    found = select(store, ["en", "de", "fr"], 2, by=["mine", "l2v-syntax"])
    assert found.by == ("mine", "l2v-syntax")
    assert [(r.languages, r.scores["mine"]) for r in found.results] == [
        (("de", "en"), 3), (("de", "fr"), 2), (("en", "fr"), 1)
    ]  # fmt: skip
    assert found.evidence[0].provenance == f"distances of {path}"


def test_missing_values_are_kept_as_missing(store, path):
    path.write_text("x,a,b\nen,1,-1\nde,0,1\n")
    fetch_vectors(store, path, "mine")
    np.testing.assert_array_equal(read_own_vectors(store, "mine").matrix, [[1, np.nan], [0, 1]])


def test_the_same_name_again_replaces_the_set_and_says_so(store, path):
    assert fetch_vectors(store, path, "mine").notes == ()
    path.write_text("x,a,b\nen,1,0.5\nde,0,1\n")
    assert fetch_vectors(store, path, "mine").notes == ("the set 'mine' that was in the store is replaced.",)
    assert own_vector_names(store) == ["mine"]
    assert read_own_vectors(store, "mine").kind == "vectors"


@pytest.mark.parametrize("name", ["l2v-syntax", "l2v-geo", "vectors", "Random"])
def test_the_name_of_a_criterion_is_taken(store, path, name):
    with pytest.raises(UsageError, match="there is a criterion of that name"):
        fetch_vectors(store, path, name)


@pytest.mark.parametrize("name", ["", "a,b", "a b", "../a"])
def test_a_name_that_a_list_cannot_hold_is_refused(store, path, name):
    with pytest.raises(UsageError, match="it can have letters, digits"):
        fetch_vectors(store, path, name)


def test_a_name_that_is_not_kept_is_told_the_nearest(store, path):
    fetch_vectors(store, path, "lexical")
    with pytest.raises(UnknownNameError, match="There is no criterion 'lexcal'. Did you mean lexical"):
        select(store, by=["lexcal"])
