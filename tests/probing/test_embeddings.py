"""Sentence embeddings, on random models of a few thousand weights: what is right for them is right for any."""

from contextlib import contextmanager

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

from mslt_cli.errors import DataError, ModelError, UsageError  # noqa: E402
from mslt_cli.probing.embeddings import (  # noqa: E402
    EmbeddingOptions,
    embedding_batches,
    mean_embeddings,
    sentence_embeddings,
)
from mslt_cli.progress import Progress, Step  # noqa: E402

SIZES = {"vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
MODELS = {
    "bert": lambda: transformers.BertConfig(**SIZES, max_position_embeddings=24, pad_token_id=1),
    "xlm-r": lambda: transformers.XLMRobertaConfig(**SIZES, max_position_embeddings=26, pad_token_id=1),
    "bloom": lambda: transformers.BloomConfig(vocab_size=40, hidden_size=16, n_layer=2, n_head=2, pad_token_id=1),
    "gpt2": lambda: transformers.GPT2Config(
        vocab_size=40, n_embd=16, n_layer=2, n_head=2, n_positions=24, bos_token_id=0, eos_token_id=0
    ),
}
WORDS = [f"w{i}" for i in range(36)]  # ids 4 to 39


def random_model(kind):
    torch.manual_seed(1)
    return transformers.AutoModel.from_config(MODELS[kind]()).eval()


@pytest.fixture(params=MODELS)
def model(request):
    return random_model(request.param)


@pytest.fixture
def bert():
    return random_model("bert")


def word_tokenizer(**names):
    """One token a word; `<s>` before and `</s>` behind."""
    vocabulary = {word: i for i, word in enumerate(["<s>", "<pad>", "</s>", "<unk>", *WORDS])}
    inner = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="<unk>"))
    inner.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    inner.post_processor = tokenizers.processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return transformers.PreTrainedTokenizerFast(tokenizer_object=inner, unk_token="<unk>", **names)


@pytest.fixture
def tokenizer():
    return word_tokenizer(pad_token="<pad>", bos_token="<s>", eos_token="</s>")


TEXTS = ["w1 w2", "w3", "w4 w5 w6 w7 w8 w9 w10 w11", "w3 w2 w1", "w12"]


def hidden_states(model, ids):
    """Of one text alone, by layer, shape (tokens, d) each."""
    with torch.inference_mode():
        states = model(torch.tensor([ids]), output_hidden_states=True).hidden_states
    return [state[0].numpy() for state in states]


def test_an_embedding_is_the_mean_over_tokens_of_the_text_alone(model, tokenizer):
    out = sentence_embeddings(model, tokenizer, TEXTS, layers="all")
    assert list(out) == [0, 1, 2]
    for i, text in enumerate(TEXTS):
        ids = [0] + [int(word[1:]) + 4 for word in text.split()] + [2]
        for layer, states in enumerate(hidden_states(model, ids)):
            expected = sum(states) / len(ids)
            np.testing.assert_allclose(out[layer][i], expected, atol=1e-5)


def test_embeddings_are_float32_in_the_order_of_the_texts(bert, tokenizer):
    out = sentence_embeddings(bert, tokenizer, TEXTS)
    assert list(out) == [2]
    assert out[2].shape == (5, 16) and out[2].dtype == np.float32
    turned = sentence_embeddings(bert, tokenizer, TEXTS[::-1])[2]
    np.testing.assert_allclose(turned[::-1], out[2], atol=1e-5)


@pytest.mark.parametrize("batch_tokens", [1, 7, 12, 1000])
def test_the_size_of_batches_changes_nothing(model, tokenizer, batch_tokens):
    expected = sentence_embeddings(model, tokenizer, TEXTS, layers="all")
    out = sentence_embeddings(model, tokenizer, TEXTS, EmbeddingOptions(batch_tokens=batch_tokens), layers="all")
    for layer in range(3):
        np.testing.assert_allclose(out[layer], expected[layer], atol=1e-5)


def test_special_tokens_are_seen_and_not_counted_if_so_asked(model, tokenizer):
    out = sentence_embeddings(model, tokenizer, TEXTS, EmbeddingOptions(special_tokens=False))[2]
    for i, text in enumerate(TEXTS):
        ids = [0] + [int(word[1:]) + 4 for word in text.split()] + [2]
        states = hidden_states(model, ids)[2]
        np.testing.assert_allclose(out[i], states[1:-1].mean(axis=0), atol=1e-5)


def test_layer_0_is_what_the_embedding_layer_gives(bert, tokenizer):
    out = sentence_embeddings(bert, tokenizer, ["w1 w2"], layers=[0])
    with torch.inference_mode():
        expected = bert.embeddings(torch.tensor([[0, 5, 6, 2]]))[0].mean(dim=0)
    np.testing.assert_allclose(out[0][0], expected, atol=1e-6)


def test_the_last_layer_is_the_same_by_name_and_by_number(model, tokenizer):
    by_name = sentence_embeddings(model, tokenizer, TEXTS, layers="last")
    by_number = sentence_embeddings(model, tokenizer, TEXTS, layers=[2, 0])
    assert list(by_number) == [2, 0]
    np.testing.assert_array_equal(by_name[2], by_number[2])


@pytest.mark.parametrize("layer", [3, -1])
def test_a_layer_that_is_not_there_is_told(bert, tokenizer, layer):
    with pytest.raises(ModelError, match=f"has no layer {layer}. Its layers are 0 .the embeddings. to 2."):
        sentence_embeddings(bert, tokenizer, TEXTS, layers=[0, layer])


def test_a_tokenizer_without_padding_token_does_as_well(model, tokenizer):
    without = word_tokenizer()
    assert without.pad_token_id is None
    expected = sentence_embeddings(model, tokenizer, TEXTS)[2]
    np.testing.assert_allclose(sentence_embeddings(model, without, TEXTS)[2], expected, atol=1e-6)


def test_a_prefix_is_put_before_each_text_and_counted(bert, tokenizer):
    expected = sentence_embeddings(bert, tokenizer, ["w9 w1 w2", "w9 w3"])[2]
    out = sentence_embeddings(bert, tokenizer, ["w1 w2", "w3"], EmbeddingOptions(prefix="w9 "))[2]
    np.testing.assert_array_equal(out, expected)
    words = sentence_embeddings(bert, tokenizer, [["w1", "w2"], ["w3"]], EmbeddingOptions(prefix="w9 "))[2]
    np.testing.assert_array_equal(words, expected)


def test_words_get_to_the_tokenizer_as_words(bert):
    # Words with a blank in them would be two tokens in a text; one by one they are one token each, and unknown.
    tokenizer = word_tokenizer(pad_token="<pad>")
    tokenizer.backend_tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([])
    out = sentence_embeddings(bert, tokenizer, [["w1", "w2 w3"]])[2][0]
    np.testing.assert_allclose(out, hidden_states(bert, [0, 5, 3, 2])[2].mean(axis=0), atol=1e-5)


def byte_tokenizer():
    """Byte-level, as BLOOM's and GPT-2's: a blank belongs to the word behind it; no special tokens, no padding."""
    byte_level = tokenizers.pre_tokenizers.ByteLevel
    pieces = ["a", "b", "Ġ", "Ġb"]
    pieces += sorted(set(byte_level.alphabet()) - set(pieces))
    vocabulary = {piece: i for i, piece in enumerate(pieces)}
    inner = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, [("Ġ", "b")]))
    inner.pre_tokenizer = byte_level(add_prefix_space=False)
    inner.decoder = tokenizers.decoders.ByteLevel()
    return transformers.PreTrainedTokenizerFast(tokenizer_object=inner)


def test_words_are_joined_by_blanks_where_the_tokenizer_would_glue_them():
    model, tokenizer = random_model("bloom"), byte_tokenizer()
    assert tokenizer(["a", "b"], is_split_into_words=True)["input_ids"] == [0, 1]  # "ab"
    out = sentence_embeddings(model, tokenizer, [["a", "b"]])[2][0]
    np.testing.assert_allclose(out, hidden_states(model, [0, 3])[2].mean(axis=0), atol=1e-5)  # "a b"


def test_no_texts_are_an_error(bert, tokenizer):
    with pytest.raises(DataError, match="There are no sentences to embed."):
        sentence_embeddings(bert, tokenizer, [])


@pytest.mark.parametrize("prefix", ["", "w9 "])
@pytest.mark.parametrize("special_tokens", [True, False])
@pytest.mark.parametrize("texts", [["w1", "  ", "w2"], [["w1"], [], ["w2"]]], ids=["text", "words"])
def test_a_text_without_tokens_is_an_error_that_names_it(bert, tokenizer, texts, prefix, special_tokens):
    with pytest.raises(DataError, match="Sentence 2 has no tokens: it is empty, or holds nothing that"):
        sentence_embeddings(bert, tokenizer, texts, EmbeddingOptions(prefix=prefix, special_tokens=special_tokens))


def test_a_text_that_grows_together_with_the_prefix_is_not_taken_for_empty():
    # "a " is two tokens, and so is "a b": its blank and its b became one.
    model, tokenizer = random_model("bloom"), byte_tokenizer()
    assert [tokenizer(text)["input_ids"] for text in ("a ", "a b")] == [[0, 2], [0, 3]]
    assert sentence_embeddings(model, tokenizer, ["b"], EmbeddingOptions(prefix="a "))[2].shape == (1, 16)
    with pytest.raises(DataError, match="Sentence 1 has no tokens"):
        sentence_embeddings(model, tokenizer, [""], EmbeddingOptions(prefix="a "))


def test_numbers_that_are_not_finite_name_the_first_sentence(bert, tokenizer):
    with torch.no_grad():
        bert.embeddings.word_embeddings.weight[4 + 3] = float("nan")  # w3: sentences 2 and 4
    with pytest.raises(ModelError, match="no finite numbers for sentence 2 in layer 2. Its weights are damaged"):
        sentence_embeddings(bert, tokenizer, TEXTS)


class Listening(Progress):
    """Remembers what it hears."""

    def __init__(self):
        self.steps, self.notes, self.done = [], [], 0.0

    @contextmanager
    def step(self, what, total=None, unit=""):
        self.steps.append((what, total, unit))
        heard = self

        class Adding(Step):
            def advance(self, amount=1):
                heard.done += amount

        yield Adding()

    def note(self, text):
        self.notes.append(text)


def test_progress_counts_every_sentence(bert, tokenizer):
    progress = Listening()
    sentence_embeddings(bert, tokenizer, TEXTS, EmbeddingOptions(batch_tokens=8), progress=progress)
    assert progress.steps == [("embed", 5, "sentences")]
    assert progress.done == 5
    assert progress.notes == []


@pytest.mark.parametrize("kind", ["bert", "xlm-r", "gpt2"])
def test_no_text_is_longer_than_the_model_has_positions_for(tokenizer, kind):
    # 24 positions; XLM-R's table has 26 rows, of which the first two are never used.
    model, progress = random_model(kind), Listening()
    texts = ["w1 " * 30, "w2"]
    out = sentence_embeddings(model, tokenizer, texts, progress=progress)[2]
    expected = hidden_states(model, [0] + [5] * 22 + [2])[2].mean(axis=0)
    np.testing.assert_allclose(out[0], expected, atol=1e-5)
    assert progress.notes == ["1 of 2 sentences are longer than 24 tokens: the rest of them is cut."]


def test_texts_are_cut_where_the_user_says(tokenizer):
    model = random_model("bloom")  # any length
    out = sentence_embeddings(model, tokenizer, ["w1 " * 30], EmbeddingOptions(max_length=5))[2]
    np.testing.assert_allclose(out[0], hidden_states(model, [0, 5, 5, 5, 2])[2].mean(axis=0), atol=1e-5)
    whole = sentence_embeddings(model, tokenizer, ["w1 " * 30])[2]
    np.testing.assert_allclose(whole[0], hidden_states(model, [0] + [5] * 30 + [2])[2].mean(axis=0), atol=1e-5)


def test_a_length_that_holds_special_tokens_only_is_refused(bert, tokenizer):
    with pytest.raises(UsageError, match="At most 2 tokens leave no room for a sentence"):
        sentence_embeddings(bert, tokenizer, TEXTS, EmbeddingOptions(max_length=2))


def test_dropout_is_off_whatever_the_model_was_left_in(bert, tokenizer):
    expected = sentence_embeddings(bert, tokenizer, TEXTS)[2]
    np.testing.assert_array_equal(sentence_embeddings(bert.train(), tokenizer, TEXTS)[2], expected)


def test_the_mean_is_taken_in_float64():
    # In float32 each 1 is lost beside 2**24: the sum would be 2**24, not 2**24 + 3.
    rows = np.array([[2.0**24], [1], [1], [1]], np.float32)
    mean = mean_embeddings([([0, 1, 2, 3], {0: rows})], Step())[0]
    assert mean.dtype == np.float64
    assert mean.tolist() == [(2**24 + 3) / 4]


def test_the_mean_of_batches_is_that_of_all_sentences(model, tokenizer):
    expected = sentence_embeddings(model, tokenizer, TEXTS, layers="all")
    progress = Listening()
    with progress.step("embed") as step:
        batches = embedding_batches(model, tokenizer, TEXTS, EmbeddingOptions(batch_tokens=8), layers="all")
        means = mean_embeddings(batches, step)
    assert progress.done == 5
    for layer in range(3):
        assert means[layer].dtype == np.float64
        np.testing.assert_allclose(means[layer], expected[layer].mean(axis=0), atol=1e-6)
