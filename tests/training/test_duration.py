"""How long a training takes, before any of its kind has run."""

from dataclasses import replace

import pytest

from mslt_cli.models.adapter import Adapter
from mslt_cli.models.shape import ModelShape
from mslt_cli.training import duration
from mslt_cli.training.duration import count_operations, estimate_seconds
from mslt_cli.training.settings import Settings

SHAPE = ModelShape("bert", 2, 10, 2, 40, 50, 0.1, {"words": (50, 10), "a": (10, 10), "b": (40, 10)})


def test_operations_are_those_of_the_weights_the_attention_and_a_vocabulary():
    # 500 weights that are multiplied; attention: 2 layers x 10 wide x 8 tokens x 2 products = 320 for each token
    assert count_operations(SHAPE, Settings(), 1000, 100, 8) == 6 * (500 + 320) * 1000
    tuned = replace(Settings(), adapter=Adapter())
    assert count_operations(SHAPE, tuned, 1000, 100, 8) == 4 * ((500 + 320) * 1000 + 50 * 10 * 100)


def test_operations_of_a_real_step_are_counted_as_torch_counts_them():
    torch = pytest.importorskip("torch")
    from torch.utils.flop_counter import FlopCounterMode
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=50, hidden_size=128, num_hidden_layers=2, num_attention_heads=2, intermediate_size=512,
        max_position_embeddings=16, attn_implementation="eager",
    )  # fmt: skip
    model = BertModel(config, add_pooling_layer=False)
    with FlopCounterMode(display=False) as counter:
        model(torch.ones((4, 16), dtype=torch.long)).last_hidden_state.sum().backward()
    tensors = {name: tuple(weight.shape) for name, weight in model.named_parameters()}
    shape = ModelShape("bert", 2, 128, 2, 512, 50, 0.1, tensors)
    assert count_operations(shape, Settings(), 64, 4, 16) == pytest.approx(counter.get_total_flops(), rel=0.05)


def test_a_gpu_is_taken_for_an_a100_and_a_cpu_for_itself(monkeypatch):
    fp32, bf16 = Settings(precision="fp32"), Settings(precision="bf16")
    assert estimate_seconds(0.35 * 312e12, bf16, 1, on_gpu=True) == 1
    assert estimate_seconds(0.35 * 312e12, bf16, 1, on_gpu=True, processes=2) == 0.5
    assert estimate_seconds(0.35 * 312e12, fp32, 1, on_gpu=True) == 16
    assert estimate_seconds(1.0, bf16, 100, on_gpu=True) == 3  # small steps
    assert estimate_seconds(1.0, bf16, 100, on_gpu=False) is None
    monkeypatch.setattr(duration, "_measure_cpu", lambda: 1e9)
    assert estimate_seconds(0.6e9, fp32, 100, on_gpu=False) == 1


def test_the_speed_of_this_machine_is_measured():
    assert 1e8 < duration._measure_cpu(64, 2) < 1e15
