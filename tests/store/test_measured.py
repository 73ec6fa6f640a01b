import numpy as np
import pytest

from mslt_cli.store.db import open_store
from mslt_cli.store.measured import (
    Embedding,
    MeasuredSet,
    Vocabulary,
    embedding_sets,
    read_embeddings,
    read_vocabularies,
    save_embeddings,
    save_vocabulary,
    vocabulary_sets,
)


@pytest.fixture
def store(own_store):
    with open_store(own_store, write=True) as opened:
        yield opened


def vocabulary(iso="deu", limit=0, task="cldr"):
    bits = np.packbits(np.array([1, 0, 0, 0, 0, 0, 0, 0, 1, 1], dtype=bool))
    return Vocabulary("m", task, "train", iso, "t", "d", limit, 3, 4, 10, 40, 20, 5, 3, bits, "0", "now")


CHOSEN = MeasuredSet("m", "pud", "test", 7, 1, "query: ", False, 2)


def embedding(iso="deu", layer=2, value=0.1):
    return Embedding(CHOSEN, layer, iso, "w", "d", 7, np.array([value, -1], dtype=np.float32), "0", "now")


def test_a_vocabulary_comes_back_as_it_was_saved(store):
    save_vocabulary(store, vocabulary())
    back = read_vocabularies(store, "m", "cldr", "train")["deu"]
    assert back.token_bits.tolist() == [0b10000000, 0b11000000]
    assert back._replace(token_bits=None) == vocabulary()._replace(token_bits=None)
    assert back.fertility == 2.0  # 20 tokens of 10 words
    assert back.unknown_share == 0.25  # 5 of 20


def test_saving_again_takes_the_place_of_the_older_one_and_of_no_other(store):
    for row in (vocabulary(), vocabulary()._replace(tokens=21), vocabulary("eng"), vocabulary(task="xnli")):
        save_vocabulary(store, row)
    save_vocabulary(store, vocabulary(limit=2))  # a trial on two rows leaves the measurement of all
    assert read_vocabularies(store, "m", "cldr", "train")["deu"].tokens == 21
    assert read_vocabularies(store, "m", "cldr", "train", 2)["deu"].tokens == 20
    assert [(s.data, s.limit, s.languages) for s in vocabulary_sets(store)] == [
        ("cldr", 0, 2),
        ("cldr", 2, 1),
        ("xnli", 0, 1),
    ]


def test_embeddings_come_back_by_layer(store):
    save_embeddings(store, [embedding(), embedding(layer=0, value=0.5), embedding("eng")])
    back = read_embeddings(store, CHOSEN, 2)
    assert set(back) == {"deu", "eng"}
    assert back["deu"].vector.tolist() == embedding().vector.tolist()
    assert (back["deu"].sentences, back["deu"].layer) == (7, 2)
    assert read_embeddings(store, CHOSEN, 0)["deu"].vector[0] == 0.5
    assert read_embeddings(store, CHOSEN, 1) == {}
    assert embedding_sets(store) == [CHOSEN._replace(languages=2)]


def test_embeddings_are_saved_all_or_none(store):
    with pytest.raises(Exception, match="FOREIGN KEY"):
        save_embeddings(store, [embedding(), embedding("no language")])
    assert embedding_sets(store) == []
