import json

import numpy as np
import pytest

from mslt_cli.data.splits import fetch_data
from mslt_cli.errors import ModelError
from mslt_cli.measuring.per_language import count_tokens, fetch_vocabularies
from mslt_cli.measuring.word_types import word_types
from mslt_cli.models.find import fetch_model
from mslt_cli.models.folder import read_tokenizer, unknown_id
from mslt_cli.store.db import open_store
from mslt_cli.store.measured import read_vocabularies, vocabulary_sets
from mslt_cli.store.samples import read_words
from mslt_cli.tasks import find_task

tokenizers = pytest.importorskip("tokenizers")

WORDS = ["<unk>", "the", "cat", "die", "Katze", "schläft", "sleeps", "<s>"]

TASK = """
name = "animals"
kind = "sequence-classification"
path = "{lang}.csv"
languages = ["en", "de"]
splits = ["train"]
labels = ["no", "yes"]
"""


@pytest.fixture
def tokenizer():
    """One id a word: the id is the place in WORDS; `<s>` comes before every text if special tokens are wanted."""
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="<unk>"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.post_processor = tokenizers.processors.TemplateProcessing("<s> $A", special_tokens=[("<s>", 7)])
    return made


@pytest.fixture
def model(tokenizer, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))
    tokenizer.enable_truncation(2)  # as saved by somebody: all of a text has to be read all the same
    tokenizer.save(str(folder / "tokenizer.json"))
    return fetch_model(str(folder), tokenizer_only=True)


@pytest.fixture
def task(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    (tmp_path / "animals.toml").write_text(TASK)
    (tmp_path / "en.csv").write_text("text,label\nthe cat sleeps,yes\nthe dog,no\n")
    (tmp_path / "de.csv").write_text("text,label\ndie Katze schläft,yes\n")
    return find_task(str(tmp_path / "animals.toml"))


def test_tokens_are_counted_by_hand(tokenizer):
    counts, seen = count_tokens(tokenizer, ["the cat sleeps", "the dog"], unknown_id(tokenizer))
    # the cat sleeps | the <unk>: 5 tokens of 5 words, ids 1 2 6 and 0; `<s>` (7) is no text
    numbers = {"sentences": 2, "words": 5, "tokens": 5, "unknown_tokens": 1, "distinct_tokens": 4}
    assert counts == numbers | {"characters": len("thecatsleepsthedog")}
    assert np.flatnonzero(seen).tolist() == [0, 1, 2, 6]


def test_words_that_are_split_already_are_read_as_words(tokenizer):
    counts, seen = count_tokens(tokenizer, [["die", "Katze"], ["die"]], unknown_id(tokenizer))
    assert (counts["sentences"], counts["words"], counts["tokens"]) == (2, 3, 3)
    assert np.flatnonzero(seen).tolist() == [3, 4]


def test_a_byte_level_tokenizer_reads_words_with_the_blanks_between_them():
    text = ["the cat", "a cat"]
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300, initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet()
    )
    made.train_from_iterator(text, trainer)
    (_, running), (_, split) = (
        count_tokens(made, given, unknown_id(made)) for given in (text, [t.split() for t in text])
    )
    assert (running == split).all()
    assert unknown_id(made) is None


def test_batches_do_not_change_what_is_counted(tokenizer, monkeypatch):
    texts = [" ".join(WORDS[1 + i % 6 :]) for i in range(50)]
    whole, seen = count_tokens(tokenizer, texts, None)
    monkeypatch.setattr("mslt_cli.measuring.per_language.BATCH", 7)
    parts, seen_in_parts = count_tokens(tokenizer, texts, None)
    assert whole == parts
    assert (seen == seen_in_parts).all()


def test_vocabularies_are_stored_and_not_measured_twice(own_store, model, task):
    with open_store(own_store, write=True) as store:
        first = fetch_vocabularies(store, model, task)
        assert first.new == {"eng", "deu"}
        english = read_vocabularies(store, model.name, "animals", "train")["eng"]
        assert np.flatnonzero(np.unpackbits(english.token_bits)).tolist() == [0, 1, 2, 6]
        assert (english.distinct_tokens, english.examples, english.sentences) == (4, 2, 2)
        assert english.fertility == 1.0
        assert english.unknown_share == 0.2
        assert fetch_vocabularies(store, model, task).new == frozenset()
        assert [(s.model, s.data, s.split, s.languages) for s in vocabulary_sets(store)] == [
            (model.name, "animals", "train", 2)
        ]


def test_words_are_stored_beside_the_vocabulary_and_measured_where_they_are_missing(own_store, model, task):
    with open_store(own_store, write=True) as store:
        fetch_vocabularies(store, model, task)
        (chosen,) = vocabulary_sets(store)
        words = read_words(store, chosen)
        assert words["eng"].words.tolist() == word_types(["the cat sleeps dog"]).tolist()
        assert words["eng"].unknown_id == 0
        with store.transaction() as connection:  # as an earlier mslt left it
            connection.execute("DELETE FROM word_types WHERE iso639_3 = 'deu'")
        assert fetch_vocabularies(store, model, task).new == {"deu"}
        assert set(read_words(store, chosen)) == {"eng", "deu"}


def test_a_language_whose_data_changed_is_measured_again(own_store, model, task, tmp_path):
    with open_store(own_store, write=True) as store:
        fetch_vocabularies(store, model, task)
        (tmp_path / "de.csv").write_text("text,label\ndie Katze,yes\n")
        again = fetch_vocabularies(store, model, task)
        assert again.new == {"deu"}
        assert {v.iso639_3: v.tokens for v in again.rows} == {"eng": 5, "deu": 2}


def test_a_limit_reads_the_first_rows_and_is_another_measurement(own_store, model, task):
    with open_store(own_store, write=True) as store:
        fetch_vocabularies(store, model, task)
        limited = fetch_vocabularies(store, model, task, ("eng",), limit=1)
        assert limited.new == {"eng"}
        assert limited.rows[0].tokens == 3  # the cat sleeps


def test_a_language_of_a_stopped_run_stays(own_store, model, task, tmp_path):
    (tmp_path / "de.csv").write_text("text,label\n , yes\n,no\n")  # fails after English is done
    with open_store(own_store, write=True) as store:
        with pytest.raises(Exception, match="de.csv"):
            fetch_vocabularies(store, model, task)
        (tmp_path / "de.csv").write_text("text,label\ndie,yes\n")
        fetch_data(task)
        assert fetch_vocabularies(store, model, task, ("eng",)).rows[0].tokens == 5


def test_what_is_no_tokenizer_is_said(tmp_path):
    (tmp_path / "tokenizer.json").write_text('{"model": 1}')
    with pytest.raises(ModelError, match=r"tokenizer\.json is not a tokenizer"):
        read_tokenizer(tmp_path)


def test_data_without_a_repair_are_measured_under_a_name_of_their_own(own_store, model, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    (tmp_path / "en_train.tsv").write_text("sentence1\tsentence2\tlabel\nthe cat\tcat\t1\nNS\tthe cat\t0\n")
    tasks = [find_task("pawsx"), find_task("pawsx").without_repairs(("untranslated",))]
    with open_store(own_store, write=True) as store:
        for task in tasks:
            fetch_data(task, from_path=tmp_path / "en_train.tsv", splits=("train",))
            fetch_vocabularies(store, model, task)
        assert [s.data for s in vocabulary_sets(store)] == ["pawsx", "pawsx-no-untranslated"]
        assert [read_vocabularies(store, model.name, task.variant, "train")["eng"].tokens for task in tasks] == [
            3,
            6,
        ]  # the cat, cat | NS, the cat
