"""Decoders: what is loaded, what of it is trained, what is written and read again; in 4 bits as well."""

import subprocess
import sys
import textwrap

import pytest
from tiny_bloom import fill, make_bloom

from mslt_cli.data.examples import Example, collate
from mslt_cli.errors import MissingPackageError, ModelError
from mslt_cli.models import decoder as decoders
from mslt_cli.models.adapter import Adapter, attention_layers, linear_layers
from mslt_cli.models.batching import inference
from mslt_cli.models.decoder import find_eos_id, load_decoder, max_tokens, write_merged
from mslt_cli.models.folder import check_model_folder
from mslt_cli.models.learner import score_in_float32

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
np = pytest.importorskip("numpy")
pytest.importorskip("peft")
pytest.importorskip("bitsandbytes")

PLAIN = Adapter(rank=4, four_bit=False)
IDS = torch.arange(10, 30)[None]


def logits(decoder, ids=IDS):
    decoder.network.eval()
    with torch.no_grad():
        return decoder.network(input_ids=ids).logits


def changed(decoder, seed=1):
    """An adapter that does something."""
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for _, parameter in sorted(decoder.trainable().items()):
            parameter.copy_(0.1 * torch.randn(parameter.shape, generator=rng))
    return decoder


def batch(decoder, n=3):
    """Texts of 9, 11, 13 … tokens, of which the last four are foretold."""
    made = []
    for i in range(n):
        ids = np.arange(20 + i, 29 + 3 * i, dtype=np.int32)
        positions = np.arange(len(ids) - 5, len(ids) - 1, dtype=np.int32)
        made.append(Example(ids, np.zeros(len(ids), np.uint8), positions, ids[positions + 1].astype(np.int64)))
    arrays = collate(made, decoder.pad_id)
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def test_scores_that_bfloat16_cannot_tell_apart_are_told_apart_in_inference():
    """Two ids whose scores lie around 20, where bfloat16 has steps of 0.125, and differ by 0.04: equal there."""
    rng = torch.Generator().manual_seed(0)
    head = torch.nn.Linear(64, 2, bias=False, dtype=torch.bfloat16)
    states = (1 + 0.3 * torch.randn(2000, 64, generator=rng)).bfloat16()
    with torch.no_grad():
        head.weight[0] = 20 / 64
        head.weight[1] = 20 / 64 + 0.015 * torch.randn(64, generator=rng)
    exact = states.double() @ head.weight.detach().double().T
    before = head(states)
    assert (before[:, 0] == before[:, 1]).double().mean() > 0.5
    score_in_float32(head)
    head.eval()
    for precision in ("fp32", "bf16"):  # of what is computed beside the weights
        with inference(torch.device("cpu"), precision):
            scores = head(states)
        assert scores.dtype == torch.float32
        assert (scores.argmax(dim=1) == exact.argmax(dim=1)).double().mean() > 0.999
    assert torch.equal(head.train()(states), before)  # training stays as it was


def test_decoders_score_in_float32_whatever_their_weights_are(bloom):
    decoder = load_decoder(bloom, precision="bf16", device="cpu")
    assert logits(decoder).dtype == torch.float32
    with inference(decoder.device, "bf16"):
        states = decoder.network.transformer(input_ids=IDS).last_hidden_state
        scores = decoder.network(input_ids=IDS).logits
    weight = decoder.network.get_output_embeddings().weight
    torch.testing.assert_close(scores, states.float() @ weight.float().T)


def test_only_the_adapter_of_the_fused_layer_is_trained(bloom):
    decoder = load_decoder(bloom, adapter=PLAIN, device="cpu")
    names = decoder.trainable()
    assert len(names) == 4  # two layers, two factors each
    assert all(".self_attention.query_key_value.lora_" in name for name in names)
    assert sorted(p.shape for p in names.values())[0] == (4, 32)
    assert sorted(p.shape for p in names.values())[-1] == (96, 4)  # queries, keys and values at once


@pytest.mark.parametrize("four_bit", [False, True])
def test_at_its_beginning_an_adapter_changes_nothing(bloom, four_bit):
    decoder = load_decoder(bloom, adapter=Adapter(rank=4, four_bit=four_bit), device="cpu")
    bare = load_decoder(bloom, four_bit=four_bit, device="cpu")
    changed(decoder)
    assert not torch.allclose(logits(decoder), logits(bare))
    decoder.restart(0)
    assert torch.equal(logits(decoder), logits(bare))
    first = {name: p.detach().clone() for name, p in decoder.trainable().items()}
    decoder.restart(1)
    assert any(not torch.equal(first[name], p) for name, p in decoder.trainable().items())
    decoder.restart(0)
    assert all(torch.equal(first[name], p) for name, p in decoder.trainable().items())


def test_in_4_bits_the_layers_are_packed_and_the_vocabulary_is_not(bloom):
    import bitsandbytes as bnb

    decoder = load_decoder(bloom, adapter=Adapter(rank=4), device="cpu")
    packed = [m for m in decoder.network.modules() if isinstance(m, bnb.nn.Linear4bit)]
    assert len(packed) == 8
    assert {m.weight.quant_type for m in packed} == {"nf4"}
    assert all(m.weight.quant_state.nested for m in packed)  # doubly quantised
    assert decoder.network.get_input_embeddings().weight.dtype == torch.float32
    whole = logits(load_decoder(bloom, device="cpu"))
    assert 0 < (logits(decoder) - whole).abs().mean() < 0.5 * whole.abs().mean()  # near, not equal


@pytest.mark.parametrize("four_bit", [False, True])
def test_the_loss_is_that_of_transformers_on_the_same_labels(bloom, four_bit):
    decoder = load_decoder(bloom, adapter=Adapter(rank=4, dropout=0.0, four_bit=four_bit), device="cpu")
    given = batch(decoder)
    theirs = torch.full_like(given["labels"], -100)
    theirs[:, 1:] = given["labels"][:, :-1]  # they shift, ours stand at the token before
    with torch.no_grad():
        ours = decoder.loss(given) / int((given["labels"] >= 0).sum())
        plain = decoder.network(
            input_ids=given["input_ids"], attention_mask=given["attention_mask"], labels=theirs
        ).loss
        alone = sum(decoder.loss({name: a[i : i + 1] for name, a in given.items()}) for i in range(3))
    assert float(ours) == pytest.approx(float(plain), abs=1e-5)
    assert float(alone) == pytest.approx(float(decoder.loss(given)), rel=1e-5)


def test_a_batch_without_answers_has_no_loss_and_no_gradient(bloom):
    decoder = load_decoder(bloom, adapter=PLAIN, device="cpu")
    given = batch(decoder)
    for labels in (torch.full_like(given["labels"], -100), torch.full((3,), -100)):
        loss = decoder.loss(given | {"labels": labels})
        loss.backward()
        assert float(loss) == 0
    assert all(not p.grad.any() for p in decoder.trainable().values())


@pytest.mark.parametrize("four_bit", [False, True])
def test_memory_is_spared_without_another_gradient(bloom, four_bit):
    decoder = load_decoder(bloom, adapter=Adapter(rank=4, dropout=0.2, four_bit=four_bit), device="cpu")
    changed(decoder).network.train()
    gradients, passes = [], []
    layer = next(m for name, m in decoder.network.named_modules() if name.endswith("h.0.input_layernorm"))
    layer.register_forward_hook(lambda *_: passes.append(1))
    for times in (1, 2):
        torch.manual_seed(3)
        passes.clear()
        decoder.loss(batch(decoder)).backward()
        assert len(passes) == times
        gradients.append([p.grad.clone() for p in decoder.trainable().values()])
        decoder.network.zero_grad()
        first = decoder.spare_memory()
    assert not first  # the second time there is nothing left to spare
    for one, other in zip(*gradients, strict=True):
        assert one.any()
        torch.testing.assert_close(one, other)


def test_an_adapter_is_written_as_safetensors_and_read_again(bloom, tmp_path):
    one = changed(load_decoder(bloom, adapter=PLAIN, device="cpu"))
    one.save(tmp_path, "bloom-7b1")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]
    assert '"base_model_name_or_path": "bigscience/bloom-7b1"' in (tmp_path / "adapter_config.json").read_text()
    other = load_decoder(bloom, adapter=PLAIN, device="cpu")
    other.load(tmp_path)
    assert torch.equal(logits(one), logits(other))
    import peft

    bare = transformers.AutoModelForCausalLM.from_pretrained(bloom)
    theirs = peft.PeftModel.from_pretrained(bare, tmp_path).eval()
    with torch.no_grad():
        assert torch.allclose(theirs(input_ids=IDS).logits, logits(one), atol=1e-6)


def test_an_adapter_that_does_not_fit_is_told(bloom, tmp_path):
    changed(load_decoder(bloom, adapter=PLAIN, device="cpu")).save(tmp_path, "x")
    wider = load_decoder(bloom, adapter=Adapter(rank=8, four_bit=False), device="cpu")
    with pytest.raises(ModelError, match="The adapter in .* cannot be read: .*size mismatch"):
        wider.load(tmp_path)
    other = load_decoder(bloom, adapter=Adapter(rank=4, four_bit=False, targets=("dense",)), device="cpu")
    with pytest.raises(ModelError, match="does not fit the model"):
        other.load(tmp_path)
    (tmp_path / "adapter_model.safetensors").unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        wider.load(tmp_path)


@pytest.mark.parametrize("four_bit", [False, True])
def test_a_merged_model_needs_no_peft_and_is_of_the_unquantised_weights(bloom, tmp_path, four_bit):
    adapter = Adapter(rank=4, four_bit=four_bit)
    one = changed(load_decoder(bloom, adapter=adapter, device="cpu"))
    (tmp_path / "adapter").mkdir()
    (tmp_path / "merged").mkdir()
    one.save(tmp_path / "adapter", "x")
    write_merged(tmp_path / "merged", bloom, adapter, tmp_path / "adapter")
    check_model_folder(tmp_path / "merged")
    whole = load_decoder(bloom, adapter=PLAIN, device="cpu")
    whole.load(tmp_path / "adapter")
    merged = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "merged").eval()
    with torch.no_grad():
        assert torch.allclose(merged(input_ids=IDS).logits, logits(whole), atol=1e-4)


@pytest.mark.parametrize("four_bit", [False, True])
def test_weights_are_read_that_were_saved_without_the_head_and_in_half_precision(bloom, tmp_path, four_bit):
    """BLOOM's own files are such: tensors are called h.0…, and the head is the word embedding."""
    import shutil

    folder = shutil.copytree(make_bloom(tmp_path / "whole", hidden_size=64), tmp_path / "bare")
    whole = transformers.AutoModelForCausalLM.from_pretrained(folder)
    whole.transformer.half().save_pretrained(folder)
    assert "BloomModel" in (folder / "config.json").read_text()
    decoder = load_decoder(folder, four_bit=four_bit, device="cpu")
    other = load_decoder(tmp_path / "whole", four_bit=four_bit, device="cpu")
    assert (logits(decoder) - logits(other)).abs().max() < 0.05 < logits(other).abs().max()


SMALL = {"vocab_size": 50, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3}
HIDDEN = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 48}


@pytest.mark.parametrize(
    ("config", "layers"),
    [
        ("LlamaConfig", ("q_proj", "k_proj", "v_proj")),
        ("MistralConfig", ("q_proj", "k_proj", "v_proj")),
        ("Qwen2Config", ("q_proj", "k_proj", "v_proj")),
        ("GPTNeoXConfig", ("query_key_value",)),
        ("FalconConfig", ("query_key_value",)),
        ("Phi3Config", ("qkv_proj",)),
        ("GPT2Config", ("c_attn",)),
    ],
)
def test_other_architectures_have_the_layers_that_make_queries_keys_and_values(config, layers, tmp_path):
    names = {"n_embd": 32, "n_layer": 1, "n_head": 4} if config == "GPT2Config" else HIDDEN
    made = transformers.AutoModelForCausalLM.from_config(getattr(transformers, config)(**SMALL, **names))
    assert attention_layers(made, tmp_path) == layers


def test_layers_can_be_named_and_those_that_there_are_not_are_told(bloom):
    decoder = load_decoder(bloom, adapter=Adapter(rank=4, four_bit=False, targets=("dense",)), device="cpu")
    assert all(".dense.lora_" in name for name in decoder.trainable())
    with pytest.raises(ModelError, match="has no layers q_proj for --lora-targets. It has dense, dense_4h_to_h"):
        load_decoder(bloom, adapter=Adapter(rank=4, four_bit=False, targets=("q_proj",)), device="cpu")


def test_an_unknown_architecture_asks_for_names(tmp_path):
    class Odd(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.mix, self.head = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)

        def get_output_embeddings(self):
            return self.head

    assert linear_layers(Odd()) == {"mix"}
    with pytest.raises(ModelError, match="is not known. Name some with --lora-targets: mix"):
        attention_layers(Odd(), tmp_path)


def test_an_encoder_is_refused_before_anything_is_loaded(tmp_path, bloom):
    import shutil

    folder = shutil.copytree(bloom, tmp_path / "bert")
    (folder / "config.json").write_text('{"model_type": "xlm-roberta"}')
    with pytest.raises(ModelError, match=r"bert is an encoder \(xlm-roberta\): it cannot continue a text"):
        load_decoder(folder, device="cpu")


def test_weights_that_do_not_fit_are_told(tmp_path, bloom):
    import shutil

    folder = shutil.copytree(bloom, tmp_path / "cut")
    config = (folder / "config.json").read_text().replace('"n_layer": 2', '"n_layer": 3')
    (folder / "config.json").write_text(config)
    with pytest.raises(ModelError, match="do not fit its config.json: transformer.h.2"):
        load_decoder(folder, device="cpu")


def test_a_model_without_a_pad_token_is_padded_with_another_and_gives_the_same(tmp_path, bloom):
    folder = make_bloom(tmp_path, pad_token_id=None)
    decoder = load_decoder(folder, adapter=PLAIN, device="cpu")
    assert decoder.pad_id == decoder.eos_id == 2
    with_pad = load_decoder(bloom, adapter=PLAIN, device="cpu")
    for one in (decoder, with_pad):
        one.restart(0)
        one.network.eval()
    assert float(decoder.loss(batch(decoder))) == pytest.approx(float(with_pad.loss(batch(with_pad))), rel=1e-5)


def test_the_end_of_a_text_is_the_tokenizer_s_else_the_config_s(tmp_path, bloom):
    assert find_eos_id(check_model_folder(bloom)) == 2
    folder = make_bloom(tmp_path, eos_token_id=[1, 2])
    (folder / "tokenizer_config.json").write_text("{}")
    assert find_eos_id(check_model_folder(folder)) == 1


def test_the_context_is_what_the_config_says_if_it_does(tmp_path, bloom):
    assert max_tokens(check_model_folder(bloom)) is None  # ALiBi has no longest position
    assert max_tokens(check_model_folder(make_bloom(tmp_path, seq_length=64))) == 64


@pytest.mark.parametrize("package", ["bitsandbytes", "accelerate"])
def test_4_bits_without_their_packages_name_what_is_missing(bloom, monkeypatch, package):
    real = decoders.importlib.util.find_spec
    monkeypatch.setattr(decoders.importlib.util, "find_spec", lambda name: None if name == package else real(name))
    if package == "bitsandbytes":
        monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(MissingPackageError, match="4 bits needs bitsandbytes and accelerate. Run `pip install 'mslt"):
        load_decoder(bloom, adapter=Adapter(rank=4), device="cpu")


def test_4_bits_where_they_cannot_be_had_name_the_way_out(bloom, monkeypatch, tmp_path):
    with pytest.raises(ModelError, match="not held in 4 bits on mps. Give --no-4bit"):
        decoders._quantize_to_four_bits(torch.device("mps"), torch.float32)
    (tmp_path / "bitsandbytes.py").write_text("raise RuntimeError('libcudart.so: no such file')\n")
    monkeypatch.delitem(sys.modules, "bitsandbytes")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        ModelError, match=r"bitsandbytes cannot be loaded \(libcudart.so: no such file\). Give --no-4bit"
    ):
        load_decoder(bloom, adapter=Adapter(rank=4), device="cpu")


def test_a_training_after_an_evaluation_is_as_it_would_have_been_before(bloom):
    gradients = []
    for evaluated in (False, True):
        decoder = changed(load_decoder(bloom, adapter=Adapter(rank=4, dropout=0.0), device="cpu"))
        if evaluated:
            logits(decoder)
        decoder.network.train()
        decoder.loss(batch(decoder)).backward()
        gradients.append([p.grad.clone() for p in decoder.trainable().values()])
    for one, other in zip(*gradients, strict=True):
        assert one.any()
        assert torch.equal(one, other)


def test_no_compiled_code_is_fetched_from_the_hub(bloom, tmp_path):
    """bitsandbytes asks the package `kernels` for some as soon as it is imported."""
    (tmp_path / "kernels.py").write_text("def get_kernel(*a, **k):\n    raise SystemExit('fetched')\n")
    code = f"""
        from pathlib import Path
        from mslt_cli.models.decoder import load_decoder
        from mslt_cli.models.adapter import Adapter
        for four_bit in (True, False):
            load_decoder(Path({str(bloom)!r}), adapter=Adapter(rank=4, four_bit=four_bit), device="cpu")
        import kernels
        print(kernels.__file__)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / "kernels.py")  # and others may use it
    assert "kernels" not in done.stderr


def test_weights_are_the_same_in_every_place(bloom, tmp_path):
    from mslt_cli.models.folder import weights_sha256

    assert weights_sha256(make_bloom(tmp_path)) == weights_sha256(bloom)
    assert fill  # its generator is numpy's frozen one: the record of the harness depends on it
