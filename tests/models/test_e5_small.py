"""The whole of e5-small against what is known of it: numbers that were taken by another reader of the same file."""

import numpy as np
import pytest

from mslt_cli.models.e5_small import KNOWN_FILES, WEIGHTS_SHA256, transformers_name
from mslt_cli.models.folder import check_model_folder, weights_sha256
from mslt_cli.models.packaged import packaged_model
from mslt_cli.probing.embeddings import EmbeddingOptions, sentence_embeddings


@pytest.fixture(scope="module")
def weights(e5_small):
    """Opened: a tensor is read when it is asked for."""
    from safetensors import safe_open

    with safe_open(e5_small / "model.safetensors", framework="numpy") as file:
        yield file


@pytest.mark.parametrize(
    ("name", "elements", "mean", "deviation", "largest"),
    [
        ("emb.word", 96_014_208, -0.000123, 0.081377, 1.3447),
        ("emb.pos", 196_608, -0.000102, 0.026474, 1.1387),
        ("l0.q.w", 147_456, 0.000207, 0.100127, 0.6147),
        ("l11.fo.w", 589_824, 0.000018, 0.010940, 0.4561),
        ("l11.oln.w", 384, 0.230752, 0.023709, 0.2920),
    ],
)
def test_tensors_have_the_known_statistics(weights, name, elements, mean, deviation, largest):
    tensor = weights.get_tensor(transformers_name(name))
    assert tensor.size == elements
    assert tensor.mean(dtype=np.float64) == pytest.approx(mean, abs=5e-7)
    assert tensor.std(dtype=np.float64) == pytest.approx(deviation, abs=5e-7)
    assert np.abs(tensor).max() == pytest.approx(largest, abs=5e-5)


def test_rows_start_with_the_known_values(weights):
    word = weights.get_slice(transformers_name("emb.word"))[4, :6]
    assert word.tolist() == pytest.approx([0.0141983, 0.0141983, 0, 0, 0, 0.0141983], abs=5e-8)
    query = weights.get_slice(transformers_name("l0.q.w"))[0, :4]
    assert query.tolist() == pytest.approx([0.0806274, -0.0806274, -0.0806274, -0.3225098], abs=5e-8)


def test_the_weights_are_the_same_on_every_machine(e5_small):
    # float16 times a small integer is exact in float32, so not one bit may differ.
    assert weights_sha256(e5_small) == WEIGHTS_SHA256


def test_a_model_that_was_changed_in_the_cache_is_noticed(e5_small, tmp_path):
    for name in ("config.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((e5_small / name).read_bytes())
    is_as_built = packaged_model("e5-small").is_as_built
    assert is_as_built(tmp_path, WEIGHTS_SHA256) and is_as_built(tmp_path, None)
    assert not is_as_built(tmp_path, "0" * 64)
    (tmp_path / "config.json").write_text((e5_small / "config.json").read_text().replace("1e-12", "1e-05"))
    assert not is_as_built(tmp_path, None)


def test_the_folder_passes_the_checks(e5_small):
    files = check_model_folder(e5_small)
    assert files.weights == (e5_small / "model.safetensors",)
    assert files.config["vocab_size"] == 250_037
    assert files.config["layer_norm_eps"] == 1e-12
    readme = (e5_small / "README.md").read_text(encoding="utf-8")
    assert "MIT licence" in readme and KNOWN_FILES[71_622_400] in readme


def test_transformers_finds_every_weight_and_no_other(e5_small):
    transformers = pytest.importorskip("transformers")
    model, info = transformers.AutoModel.from_pretrained(e5_small, add_pooling_layer=False, output_loading_info=True)
    assert not any(info.values()), info
    assert type(model).__name__ == "BertModel"
    assert sum(weight.numel() for weight in model.parameters()) == 117_505_920


SENTENCES = [
    (
        "The cat is sleeping on the sofa.",
        "0 41 1294 12 581 7515 83 198465 98 70 60228 5 2",
        [0.0575, 0.0032, -0.0296, -0.0742],
    ),
    (
        "Die Katze schläft auf dem Sofa.",
        "0 41 1294 12 622 7291 731 5094 5781 2480 644 745 157851 5 2",
        [0.1065, -0.0385, -0.0226, -0.0971],
    ),
    (
        "猫正在沙发上睡觉。",
        "0 41 1294 12 6 35076 11560 13138 3954 575 134753 30 2",
        [0.0821, -0.0002, -0.0066, -0.0612],
    ),
    (
        "القطة نائمة على الأريكة.",
        "0 41 1294 12 133380 250 167459 20098 556 3363 138151 250 5 2",
        [0.0528, 0.0038, -0.0423, -0.0839],
    ),
    (
        "Kucing itu sedang tidur di sofa.",
        "0 41 1294 12 1461 21896 752 10192 28396 45 60228 5 2",
        [0.0525, 0.0049, -0.0281, -0.0777],
    ),
]


@pytest.mark.parametrize(("text", "ids", "start"), SENTENCES, ids=["en", "de", "zh", "ar", "id"])
def test_sentences_have_the_known_ids_and_embeddings(e5_small_loaded, text, ids, start):
    tokenizer, model = e5_small_loaded
    assert tokenizer("query: " + text)["input_ids"] == [int(i) for i in ids.split()]
    embedding = sentence_embeddings(model, tokenizer, [text], EmbeddingOptions(prefix="query: "))[12][0]
    unit = embedding / np.linalg.norm(embedding)
    assert unit[:4].tolist() == pytest.approx(start, abs=6e-5)


def test_a_batch_changes_no_sentence(e5_small_loaded):
    tokenizer, model = e5_small_loaded
    texts = [text for text, *_ in SENTENCES] + ["Yes.", "no " * 100]
    together = sentence_embeddings(model, tokenizer, texts, layers=[0, 6, 12])
    for i, text in enumerate(texts):
        alone = sentence_embeddings(model, tokenizer, [text], layers=[0, 6, 12])
        for layer in (0, 6, 12):
            np.testing.assert_allclose(together[layer][i], alone[layer][0], atol=1e-5)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("a\u200db", ["▁a", "▁b"]),  # XLM-R made a blank of the zero-width joiner
        ("e\u0301", ["▁é"]),  # composed
        ("Ａ１", ["▁A", "1"]),  # full width
        (" a  b ", ["▁a", "▁b"]),
        ("", []),
        ("\u200b", []),  # the zero-width space is a blank
    ],
)
def test_texts_are_normalised_as_xlm_r_does_it(e5_small_loaded, text, tokens):
    tokenizer, _ = e5_small_loaded
    assert tokenizer.tokenize(text) == tokens


def test_special_tokens_stand_where_xlm_r_has_them(e5_small_loaded):
    tokenizer, _ = e5_small_loaded
    assert len(tokenizer) == 250_002
    assert tokenizer("cat", "dog")["input_ids"] == [0, 7515, 2, 2, 10269, 2]
    assert tokenizer.convert_tokens_to_ids(["<s>", "<pad>", "</s>", "<unk>", "<mask>"]) == [0, 1, 2, 3, 250_001]
    assert tokenizer.mask_token_id == 250_001
    assert tokenizer("a <mask> b", add_special_tokens=False)["input_ids"] == [10, 250_001, 876]
    # The blank before <mask> belongs to it.
    assert tokenizer("a <mask>", return_offsets_mapping=True)["offset_mapping"][2] == (1, 8)
    assert tokenizer.model_max_length == 512
    assert "token_type_ids" not in tokenizer("cat")
    assert tokenizer.decode(tokenizer("The cat, it sleeps.")["input_ids"], skip_special_tokens=True) == (
        "The cat, it sleeps."
    )


def test_words_that_are_given_one_by_one_each_start_anew(e5_small_loaded):
    tokenizer, _ = e5_small_loaded
    # A Chinese word has no piece that starts with ▁: it begins with a lone one, id 6.
    out = tokenizer(["猫", "正在", "cat"], is_split_into_words=True)
    assert out["input_ids"] == [0, 6, 35076, 6, 11560, 7515, 2]
    assert out.word_ids() == [None, 0, 0, 1, 1, 2, None]
