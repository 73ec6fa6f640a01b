"""Loading, on random models of a few thousand weights."""

import json
import pickle
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

from mslt_cli.errors import ModelError  # noqa: E402
from mslt_cli.models.loading import load_encoder, load_network  # noqa: E402

SIZES = {"vocab_size": 8, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}


def save(model, folder):
    """A model's folder, with a tokenizer of eight words."""
    words = ["<s>", "<pad>", "</s>", "<unk>", "a", "b", "c", "d"]
    inner = tokenizers.Tokenizer(tokenizers.models.WordLevel({word: i for i, word in enumerate(words)}))
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=inner, pad_token="<pad>", unk_token="<unk>")
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)
    return folder


@pytest.fixture
def xlm_r(tmp_path):
    """With the head that it was pretrained with, and no pooler: what the hub has."""
    torch.manual_seed(0)
    config = transformers.XLMRobertaConfig(**SIZES, max_position_embeddings=20, pad_token_id=1)
    return save(transformers.XLMRobertaForMaskedLM(config), tmp_path / "xlm-r")


@pytest.fixture
def bloom(tmp_path):
    torch.manual_seed(0)
    config = transformers.BloomConfig(vocab_size=8, hidden_size=16, n_layer=2, n_head=2)
    return save(transformers.BloomForCausalLM(config), tmp_path / "bloom")


def change(folder, **settings):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))


def test_an_encoder_is_loaded_without_head_and_without_random_pooler(xlm_r):
    tokenizer, model = load_encoder(xlm_r, device="cpu")
    assert type(model) is transformers.XLMRobertaModel
    assert model.pooler is None
    assert tokenizer.pad_token_id == 1
    whole = transformers.XLMRobertaForMaskedLM.from_pretrained(xlm_r).eval()
    ids = torch.tensor([[4, 5, 6]])
    with torch.inference_mode():
        expected = whole(ids, output_hidden_states=True).hidden_states[-1]
        torch.testing.assert_close(model(ids).last_hidden_state, expected)


def test_a_decoder_is_loaded_without_its_head(bloom):
    _, model = load_encoder(bloom, device="cpu")
    assert type(model) is transformers.BloomModel


def test_on_a_cpu_it_runs_in_float32_without_dropout(xlm_r):
    change(xlm_r, dtype="bfloat16")
    _, model = load_encoder(xlm_r, device="cpu")
    assert model.dtype == torch.float32
    assert model.device.type == "cpu"
    assert not model.training
    assert model.config._attn_implementation == "sdpa"


def test_loading_says_nothing(xlm_r):
    # transformers would show a bar, and name the weights of the head as unexpected.
    code = f"""
from pathlib import Path
from mslt_cli.models.loading import load_encoder
load_encoder(Path({str(xlm_r)!r}), device="cpu")
from transformers.utils import logging
print(logging.get_verbosity() == logging.WARNING, logging.is_progress_bar_enabled())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True"]  # as they were
    assert done.stderr == ""


class Trap:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_nothing_is_unpickled(xlm_r, tmp_path):
    sprung = tmp_path / "sprung"
    (xlm_r / "pytorch_model.bin").write_bytes(pickle.dumps(Trap(sprung)))
    load_encoder(xlm_r, device="cpu")
    (xlm_r / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="holds only pickled weights"):
        load_encoder(xlm_r, device="cpu")
    assert not sprung.exists()
    pickle.loads((xlm_r / "pytorch_model.bin").read_bytes())
    assert sprung.exists()  # the trap works


def test_code_in_the_folder_is_not_run(xlm_r, tmp_path):
    (xlm_r / "modeling_own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Own: pass\n")
    change(xlm_r, auto_map={"AutoModel": "modeling_own.Own", "AutoConfig": "modeling_own.Own"})
    with pytest.raises(ModelError, match="needs code of its own"):
        load_encoder(xlm_r, device="cpu")
    assert not (tmp_path / "ran").exists()


def test_weights_that_are_absent_are_not_made_up(bloom):
    change(bloom, n_layer=3)  # a third layer would be random: 12 tensors
    with pytest.raises(
        ModelError, match="do not fit its config.json: h.2.* is absent or of another shape, and so are 11 others."
    ):
        load_encoder(bloom, device="cpu")


def test_weights_of_another_shape_are_not_made_up(bloom):
    change(bloom, vocab_size=9)  # one more row than there is
    with pytest.raises(ModelError, match="config.json: word_embeddings.weight is absent or of another shape. Fetch"):
        load_encoder(bloom, device="cpu")


def test_an_unknown_type_of_model_is_told(xlm_r):
    change(xlm_r, model_type="xlm-s")
    with pytest.raises(ModelError, match="has no model of the type 'xlm-s', which .*config.json asks for. Upgrade"):
        load_encoder(xlm_r, device="cpu")


@pytest.mark.parametrize("settings", [{"hidden_size": "x"}, {"num_attention_heads": 3}])
def test_a_config_that_makes_no_model_is_told(xlm_r, settings):
    change(xlm_r, **settings)
    with pytest.raises(ModelError, match="transformers cannot load .*xlm-r: "):
        load_encoder(xlm_r, device="cpu")


def test_a_tokenizer_that_is_none_is_told(xlm_r):
    (xlm_r / "tokenizer.json").write_text('{"version": "1.0"}')
    with pytest.raises(ModelError, match=r"tokenizer\.json is no tokenizer: it says nothing of a model\."):
        load_encoder(xlm_r, device="cpu")
    (xlm_r / "tokenizer.json").write_text('{"model": {}}')
    with pytest.raises(ModelError, match="transformers cannot load .*xlm-r: "):
        load_encoder(xlm_r, device="cpu")


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "cpu:x"])
def test_a_device_that_is_not_there_is_told(xlm_r, device):
    with pytest.raises(ModelError, match=f"The device '{device}' cannot be used here. Give cpu"):
        load_encoder(xlm_r, device=device)


def test_what_else_is_in_the_folder_changes_nothing(bloom):
    before = load_network(bloom, "AutoModelForCausalLM", dtype=torch.float32, device=torch.device("cpu"))[0]
    (bloom / "generation_config.json").write_text('{"suppress_tokens": [4, 5], "max_length": 3}')
    (bloom / "tokenizer.model").write_text("no model of sentencepiece")
    (bloom / "vocab.txt").write_text("other")
    after = load_network(bloom, "AutoModelForCausalLM", dtype=torch.float32, device=torch.device("cpu"))[0]
    assert after.generation_config.suppress_tokens is None
    assert after.name_or_path == before.name_or_path == str(bloom)
    assert load_encoder(bloom, device="cpu")[0]("a").input_ids == [4]


def test_tokenizers_for_some_versions_of_transformers_are_not_read(bloom):
    settings = json.loads((bloom / "tokenizer_config.json").read_text())
    names = ["tokenizer.json", "tokenizer.4.0.0.json"]
    (bloom / "tokenizer_config.json").write_text(json.dumps(settings | {"fast_tokenizer_files": names}))
    assert load_encoder(bloom, device="cpu")[0]("a").input_ids == [4]  # the other one is not there, as from the hub
    (bloom / "tokenizer.4.0.0.json").write_text("{}")
    assert load_encoder(bloom, device="cpu")[0]("a").input_ids == [4]


def test_an_adapter_is_not_applied_unseen(bloom):
    peft = pytest.importorskip("peft")
    adapted = peft.get_peft_model(transformers.BloomForCausalLM.from_pretrained(bloom), peft.LoraConfig(r=2))
    adapted.save_pretrained(bloom)
    with pytest.raises(ModelError, match="holds a model and an adapter"):
        load_encoder(bloom, device="cpu")
