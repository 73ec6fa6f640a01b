"""Heads, on random models of a few thousand weights."""

import json

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from tokenizers import Tokenizer  # noqa: E402
from tokenizers.models import WordLevel  # noqa: E402

from mslt_cli.errors import ModelError  # noqa: E402
from mslt_cli.models import resolve_head  # noqa: E402
from mslt_cli.models.classifier import load_classifier, load_trained  # noqa: E402

SIZES = {"vocab_size": 12, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
LABELS = ("entailment", "neutral", "contradiction")


@pytest.fixture(params=["bert", "xlm-roberta"])
def folder(request, tmp_path):
    torch.manual_seed(0)
    where = tmp_path / request.param
    if request.param == "bert":
        config = transformers.BertConfig(**SIZES, max_position_embeddings=20)
        transformers.BertModel(config, add_pooling_layer=False).save_pretrained(where)
    else:
        config = transformers.XLMRobertaConfig(**SIZES, max_position_embeddings=22, pad_token_id=1)
        transformers.XLMRobertaForMaskedLM(config).save_pretrained(where)
    made = Tokenizer(
        WordLevel({word: i for i, word in enumerate(("a", "<pad>", "c", "d", "<unk>"))}, unk_token="<unk>")
    )
    made.save(str(where / "tokenizer.json"))
    return where


def batch(pad):
    return {
        "input_ids": torch.tensor([[4, 5, 6, 7], [8, 9, pad, pad]]),
        "attention_mask": torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]]),
        "token_type_ids": torch.zeros(2, 4, dtype=torch.long),
    }


@pytest.mark.parametrize("head", ["auto", "cls", "mean"])
def test_only_the_head_is_new(folder, head):
    made = load_classifier(folder, head, LABELS, device="cpu")
    assert made.head_parameters
    assert all("classifier" in name or "pooler" in name for name in made.head_parameters)
    made.restart(0)
    body = transformers.AutoModel.from_pretrained(folder, add_pooling_layer=False).state_dict()
    state = made.network.state_dict()
    for name, value in body.items():
        (own,) = [key for key in state if key.endswith(name)]
        assert torch.equal(state[own], value), name
    shape = (2, 4, 3) if head == "auto" else (2, 3)
    assert made.logits(batch(made.pad_id)).shape == shape


def test_the_mean_leaves_padding_out(folder):
    made = load_classifier(folder, "mean", LABELS, device="cpu")
    made.restart(0)
    made.network.eval()
    encoder = transformers.AutoModel.from_pretrained(folder, add_pooling_layer=False).eval()
    with torch.inference_mode():
        alone = encoder(input_ids=torch.tensor([[8, 9]])).last_hidden_state.mean(dim=1)
        expected = alone @ made.network.classifier.weight.T + made.network.classifier.bias
        torch.testing.assert_close(made.logits(batch(made.pad_id))[1:], expected)


@pytest.mark.parametrize("head", ["auto", "cls", "mean"])
def test_what_was_saved_is_loaded_and_says_the_same(folder, head, tmp_path):
    made = load_classifier(folder, head, LABELS, device="cpu")
    made.restart(3)
    made.network.eval()
    kept = tmp_path / "kept"
    kept.mkdir()
    made.save(kept, folder)
    assert not [path for path in kept.iterdir() if path.suffix in (".bin", ".pt", ".pkl")]
    kind = "token-classification" if head == "auto" else "sequence-classification"
    again = load_trained(kept, kind, LABELS, device="cpu")
    assert (type(again.network), again.labels) == (type(made.network), LABELS)
    again.network.eval()
    with torch.inference_mode():
        torch.testing.assert_close(again.logits(batch(made.pad_id)), made.logits(batch(made.pad_id)))


@pytest.mark.parametrize("head", ["auto", "cls", "mean"])
def test_transformers_alone_says_the_same(folder, head, tmp_path):
    made = load_classifier(folder, head, LABELS, device="cpu")
    made.restart(3)
    made.network.eval()
    made.save(tmp_path, folder)
    words = "Token" if head == "auto" else "Sequence"
    auto_class = getattr(transformers, f"AutoModelFor{words}Classification")
    network, found = auto_class.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(found.values())
    assert network.config.id2label == dict(enumerate(LABELS))
    given = {name: batch(made.pad_id)[name] for name in made.inputs}
    with torch.inference_mode():
        torch.testing.assert_close(network.eval()(**given).logits, made.logits(batch(made.pad_id)))


def test_a_head_over_the_mean_as_an_earlier_mslt_kept_it_is_read(folder, tmp_path):
    from safetensors.torch import save_file

    made = load_classifier(folder, "mean", LABELS, device="cpu")
    made.restart(3)
    made.network.eval()
    made.network.encoder.save_pretrained(tmp_path)
    head = {name: value.contiguous() for name, value in made.network.classifier.state_dict().items()}
    save_file(head, tmp_path / "mean_head.safetensors", metadata={str(i): label for i, label in enumerate(LABELS)})
    (tmp_path / "tokenizer.json").write_text('{"model": {}}')
    again = load_trained(tmp_path, "sequence-classification", LABELS, device="cpu")
    again.network.eval()
    with torch.inference_mode():
        assert torch.equal(again.logits(batch(made.pad_id)), made.logits(batch(made.pad_id)))


@pytest.mark.parametrize("head", ["auto", "cls", "mean"])
def test_a_model_with_a_head_over_the_mean_can_be_trained_further_with_a_new_head(folder, head, tmp_path):
    first = load_classifier(folder, "mean", LABELS, device="cpu")
    first.restart(3)
    first.save(tmp_path, folder)
    made = load_classifier(tmp_path, head, LABELS, device="cpu")
    assert {name.partition(".")[0] for name in made.head_parameters} <= {"classifier", "bert"}
    assert not any(".encoder." in name or ".embeddings." in name for name in made.head_parameters)
    mine = {name.removeprefix("encoder."): value for name, value in first.network.encoder.state_dict().items()}
    theirs = made.network.state_dict()
    assert all(torch.equal(next(v for n, v in theirs.items() if n.endswith(name)), mine[name]) for name in mine)


def test_labels_in_another_order_are_told_and_others_are_refused(folder, tmp_path):
    made = load_classifier(folder, "cls", ("Neutral", "CONTRADICTION", "entailment"), device="cpu")
    made.restart(0)
    kept = tmp_path / "kept"
    kept.mkdir()
    made.save(kept, folder)
    assert load_trained(kept, "sequence-classification", LABELS).labels == ("neutral", "contradiction", "entailment")
    with pytest.raises(
        ModelError, match="knows the labels Neutral, CONTRADICTION, entailment, and the task has yes, no"
    ):
        load_trained(kept, "sequence-classification", ("yes", "no"))


def test_a_model_without_a_head_is_refused(folder):
    with pytest.raises(ModelError, match="was not trained to classify words: it has no head"):
        load_trained(folder, "token-classification", LABELS)


def test_weights_that_lack_a_part_of_the_body_are_refused(folder):
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    state = load_file(path)
    gone = next(name for name in state if "layer.1" in name and name.endswith("dense.weight"))
    save_file({name: value for name, value in state.items() if name != gone}, path, metadata={"format": "pt"})
    with pytest.raises(ModelError, match="is absent or of another shape"):
        load_classifier(folder, "auto", LABELS)


def test_a_seed_gives_a_head_and_another_another(folder):
    made = load_classifier(folder, "auto", LABELS, device="cpu")
    heads = []
    for seed in (0, 1, 0):
        made.restart(seed)
        heads.append(made.network.classifier.weight.clone())
    assert torch.equal(heads[0], heads[2]) and not torch.equal(heads[0], heads[1])
    assert made.network.classifier.bias.abs().max() == 0


def test_dropout_is_set_and_set_back(folder):
    made = load_classifier(folder, "auto", LABELS, device="cpu")
    made.restart(0, dropout=0.0)
    assert {module.p for module, _ in made._dropouts} == {0.0}
    made.restart(0)
    assert {module.p for module, _ in made._dropouts} == {0.1}


@pytest.mark.parametrize(
    ("model", "kind", "wanted", "head"),
    [
        ("e5-small", "sequence-classification", "auto", "mean"),
        ("xlm-r-base", "sequence-classification", "auto", "cls"),
        ("org/other", "sequence-classification", "auto", "cls"),
        ("xlm-r-base", "sequence-classification", "mean", "mean"),
        ("e5-small", "token-classification", "mean", "auto"),
    ],
)
def test_each_model_has_the_head_that_it_supports(model, kind, wanted, head):
    assert resolve_head(model, kind, wanted) == head


def test_the_kept_config_names_the_labels(folder, tmp_path):
    made = load_classifier(folder, "auto", LABELS, device="cpu")
    made.restart(0)
    made.save(tmp_path, folder)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["id2label"] == {str(i): label for i, label in enumerate(LABELS)}
