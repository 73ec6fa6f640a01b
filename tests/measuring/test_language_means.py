import json

import numpy as np
import pytest

from mslt_cli.errors import UsageError
from mslt_cli.measuring.per_language import fetch_embeddings
from mslt_cli.models.find import fetch_model
from mslt_cli.probing.embeddings import EmbeddingOptions
from mslt_cli.store.db import open_store
from mslt_cli.store.measured import embedding_sets, read_embeddings
from mslt_cli.store.samples import read_samples
from mslt_cli.tasks import find_task

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

TASK = """
name = "sayings"
kind = "parallel"
path = "{lang}.csv"
languages = ["en", "de"]
splits = ["test"]
"""
TEXTS = {"en": ["the cat sleeps", "the", "cat the cat the cat"], "de": ["die Katze", "schläft die Katze die Katze"]}


@pytest.fixture
def model(tmp_path):
    """A BERT of two layers, 8 wide, with random weights, and a tokenizer of whole words."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    words = ["<pad>", "<unk>", "<s>", "the", "cat", "sleeps", "die", "Katze", "schläft"]
    made = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.post_processor = processors.TemplateProcessing("<s> $A", special_tokens=[("<s>", 2)])
    folder = tmp_path / "model"
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", unk_token="<unk>", cls_token="<s>", model_max_length=32
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(words), hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16
    )
    transformers.BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    return fetch_model(str(folder))


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    (tmp_path / "sayings.toml").write_text(TASK)
    for code, texts in TEXTS.items():
        (tmp_path / f"{code}.csv").write_text("text\n" + "".join(f"{text}\n" for text in texts))
    return find_task(str(tmp_path / "sayings.toml"))


@pytest.fixture
def store(own_store):
    with open_store(own_store, write=True) as opened:
        yield opened


def alone(model, text, layer, special=True):
    """The mean hidden state of one sentence that no other stands beside."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(model.folder)
    network = transformers.AutoModel.from_pretrained(model.folder, add_pooling_layer=False).eval()
    with torch.no_grad():
        states = network(**tokenizer(text, return_tensors="pt"), output_hidden_states=True).hidden_states[layer][0]
    return states[0 if special else 1 :].mean(dim=0).numpy()


def test_what_is_stored_is_the_mean_over_sentences_in_every_layer(store, model, corpus):
    report = fetch_embeddings(store, model, corpus)
    assert report.new == {"eng", "deu"}
    (chosen,) = embedding_sets(store)
    assert (chosen.data, chosen.split, chosen.last_layer, chosen.languages) == ("sayings", "test", 2, 2)
    for layer in range(3):
        stored = read_embeddings(store, chosen, layer)
        for iso, code in (("eng", "en"), ("deu", "de")):
            by_hand = np.mean([alone(model, text, layer) for text in TEXTS[code]], axis=0)
            np.testing.assert_allclose(stored[iso].vector, by_hand, atol=1e-5)
            assert stored[iso].sentences == len(TEXTS[code])


def test_special_tokens_and_prefix_are_measurements_of_their_own(store, model, corpus):
    fetch_embeddings(store, model, corpus)
    plain = fetch_embeddings(store, model, corpus, options=EmbeddingOptions(special_tokens=False))
    by_hand = np.mean([alone(model, text, 2, special=False) for text in TEXTS["en"]], axis=0)
    np.testing.assert_allclose({e.iso639_3: e for e in plain.rows}["eng"].vector, by_hand, atol=1e-5)
    prefixed = fetch_embeddings(store, model, corpus, options=EmbeddingOptions(prefix="the "))
    by_hand = np.mean([alone(model, f"the {text}", 2) for text in TEXTS["en"]], axis=0)
    np.testing.assert_allclose({e.iso639_3: e for e in prefixed.rows}["eng"].vector, by_hand, atol=1e-5)
    assert len(embedding_sets(store)) == 3


def test_what_is_stored_is_not_measured_again_unless_it_changed(store, model, corpus, tmp_path):
    first = fetch_embeddings(store, model, corpus)
    assert fetch_embeddings(store, model, corpus).new == frozenset()
    assert fetch_embeddings(store, model, corpus).sentences_per_s is None
    (tmp_path / "de.csv").write_text("text\ndie Katze\n")
    again = fetch_embeddings(store, model, corpus)
    assert again.new == {"deu"}
    assert {e.iso639_3: e.sentences for e in again.rows} == {"eng": 3, "deu": 1}
    assert fetch_embeddings(store, model, corpus, force=True).new == first.new


def test_a_limit_takes_the_first_rows(store, model, corpus):
    report = fetch_embeddings(store, model, corpus, ("eng",), limit=1)
    np.testing.assert_allclose(report.rows[0].vector, alone(model, TEXTS["en"][0], 2), atol=1e-5)
    with pytest.raises(UsageError, match="--limit is 0"):
        fetch_embeddings(store, model, corpus, limit=0)


def test_other_weights_are_measured_again(store, model, corpus):
    from safetensors.numpy import load_file, save_file

    before = fetch_embeddings(store, model, corpus)
    weights = load_file(model.files.weights[0])
    save_file({name: 2 * tensor for name, tensor in weights.items()}, model.files.weights[0], metadata={"format": "pt"})
    after = fetch_embeddings(store, fetch_model(model.name), corpus)
    assert after.new == before.new
    assert not np.allclose(before.rows[0].vector, after.rows[0].vector)


def test_a_decoder_is_measured_by_its_own_name_of_layers(tmp_path, corpus, store, model):
    folder = tmp_path / "bloom"
    transformers.AutoTokenizer.from_pretrained(model.folder).save_pretrained(folder)
    config = transformers.BloomConfig(vocab_size=9, hidden_size=8, n_layer=1, n_head=2)
    transformers.BloomModel(config).save_pretrained(folder)
    assert "n_layer" in json.loads((folder / "config.json").read_text())
    assert fetch_embeddings(store, fetch_model(str(folder)), corpus).rows[0].set.last_layer == 1


def test_the_vectors_of_some_sentences_are_kept_in_every_layer(store, model, corpus):
    fetch_embeddings(store, model, corpus, sample=2)
    (chosen,) = embedding_sets(store)
    for layer in range(3):
        kept = read_samples(store, chosen, layer)
        assert {language: own.vectors.shape for language, own in kept.items()} == {"eng": (2, 8), "deu": (2, 8)}
        for iso, code in (("eng", "en"), ("deu", "de")):
            each = np.array([alone(model, text, layer) for text in TEXTS[code]])
            each /= np.linalg.norm(each, axis=1, keepdims=True)
            nearest = (kept[iso].vectors @ each.T).max(axis=1)
            np.testing.assert_allclose(nearest, 1, atol=2e-3)  # float16
    assert kept["eng"].ids == ()  # the corpus is not parallel
    assert fetch_embeddings(store, model, corpus, sample=1).new == frozenset()
    assert fetch_embeddings(store, model, corpus, sample=9).new == {"eng"}  # German has no more than two
    assert fetch_embeddings(store, model, corpus, sample=9).new == frozenset()
    with pytest.raises(UsageError, match="--sample is -1"):
        fetch_embeddings(store, model, corpus, sample=-1)


def test_of_parallel_sentences_the_ids_are_kept_as_well(store, model, corpus, tmp_path):
    (tmp_path / "parallel.toml").write_text(TASK.replace("sayings", "parallel") + "aligned = true\n")
    (tmp_path / "en.csv").write_text("id,text\n1,the cat\n2,the cat sleeps\n3,cat\n")
    (tmp_path / "de.csv").write_text("id,text\n3,Katze\n1,die Katze\n2,die Katze schläft\n")
    fetch_embeddings(store, model, find_task(str(tmp_path / "parallel.toml")))
    kept = read_samples(store, embedding_sets(store)[0], 2)
    assert kept["eng"].ids == ("1", "2", "3")
    assert kept["deu"].ids == ("3", "1", "2")
    np.testing.assert_allclose(
        kept["deu"].vectors[0] @ alone(model, "Katze", 2), np.linalg.norm(alone(model, "Katze", 2)), rtol=2e-3
    )
