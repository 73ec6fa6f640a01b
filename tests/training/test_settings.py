from dataclasses import replace

import pytest

from mslt_cli.errors import UnknownNameError, UsageError
from mslt_cli.models.adapter import Adapter
from mslt_cli.training.settings import Settings, override, preset


@pytest.mark.parametrize(
    ("name", "task", "steps"),
    [
        ("paper", "wikiann", 12_500),  # ten passes over 20,000 sentences in batches of 16
        ("paper", "xnli", 243_000),
        ("paper", "pawsx", 30_000),
        ("paper-plausible", "xnli", 243_000),
        ("paper-printed", "wikiann", 243_000),
        ("paper-printed", "xnli", 12_500),
    ],
)
def test_the_paper_s_settings(name, task, steps):
    for model, rate in (("xlm-r-base", 2e-5), ("xlm-r-large", 5e-6)):
        found = preset(name, task, model)
        assert (found.steps, found.epochs, found.batch_size, found.learning_rate) == (steps, None, 16, rate)
        assert (found.weight_decay, found.max_length) == (0.01, 512)


def test_the_paper_did_not_train_on_everything():
    with pytest.raises(UsageError, match="no settings for udpos, only for wikiann, xnli, pawsx"):
        preset("paper", "udpos", "xlm-r-base")
    with pytest.raises(UnknownNameError, match="Did you mean paper"):
        preset("papr", "xnli", "xlm-r-base")


def test_what_the_user_says_comes_before_the_preset():
    found = override(preset("paper", "xnli", "xlm-r-base"), {"epochs": 2, "learning_rate": 1e-4, "warmup": None})
    assert (found.epochs, found.steps, found.learning_rate, found.warmup) == (2, None, 1e-4, 0.0)
    assert override(Settings(), {"steps": 7}).epochs is None


@pytest.mark.parametrize(
    ("micro_batch", "processes", "settled", "at_once"),
    [
        (None, 1, None, 16),
        (16, 1, None, 16),
        (99, 1, None, 16),
        (5, 1, 5, 5),
        (None, 3, None, 6),  # each process has six examples at most
        (8, 3, None, 6),
        (4, 3, 4, 4),
    ],
)
def test_a_micro_batch_counts_where_it_makes_other_parts(micro_batch, processes, settled, at_once):
    found = Settings(micro_batch=micro_batch).settle_micro_batch(processes)
    assert (found.micro_batch, found.at_once(processes)) == (settled, at_once)
    assert found.as_json().get("micro_batch") == settled
    assert ("micro_batch" in found.as_json()) == (settled is not None)
    assert Settings.from_json(found.as_json()) == found


def test_instructions_go_through_four_at_once():
    twelve = preset("paper", "bactrian", "bloom-7b1", kind="instruction")
    for given, settled, at_once in ((None, None, 4), (4, None, 4), (12, 12, 12), (99, 12, 12), (2, 2, 2)):
        found = replace(twelve, micro_batch=given).settle_micro_batch()
        assert (found.micro_batch, found.at_once()) == (settled, at_once)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"epochs": 1, "steps": 5}, "--epochs or --steps"),
        ({"epochs": 0}, "--epochs is 0"),
        ({"batch_size": 0}, "--batch-size is 0"),
        ({"learning_rate": -1e-5}, "--learning-rate is -1e-05"),
        ({"learning_rate": float("nan")}, "--learning-rate is nan"),
        ({"warmup": 1.0}, "--warmup is 1"),
        ({"dropout": 1.5}, "--dropout is 1.5"),
        ({"weight_decay": -1}, "--weight-decay is -1"),
        ({"average_checkpoints": -1}, "--average-checkpoints is -1"),
        ({"average_checkpoints": 3, "choose": "best"}, "exclude each other"),
        ({"max_length": 4}, "--max-length is 4"),
        ({"schedule": "step"}, "--schedule is 'step'; it can be linear, cosine, constant"),
        ({"precision": "fp16"}, "--precision is 'fp16'"),
    ],
)
def test_values_out_of_range_are_named(given, said):
    with pytest.raises(UsageError, match=said):
        override(Settings(), given)


def test_steps_by_hand():
    # 600 examples in batches of 16 are 38 batches, the last of 8; three times.
    assert Settings(epochs=3).total_steps(600) == 114
    assert Settings(epochs=0.5).total_steps(600) == 19
    assert Settings(epochs=None, steps=7).total_steps(600) == 7


def test_every_preset_for_instructions_is_the_paper_s():
    for name in ("default", "paper", "paper-printed"):
        s = preset(name, "bactrian", "bloom-7b1", kind="instruction")
        assert (s.batch_size, s.steps, s.epochs, s.learning_rate, s.max_length) == (12, 5000, None, 3e-4, 512)
        assert s.adapter == Adapter(rank=64, alpha=16, dropout=0.05, targets=(), four_bit=True)
        assert s.spacing == "bactrian"
        assert s.check() == Settings.from_json(s.as_json()) == s


def test_settings_of_encoders_are_written_as_before_there_were_decoders():
    assert not {"adapter", "spacing"} & Settings().as_json().keys()
    assert Settings.from_json(Settings().as_json()) == Settings()


@pytest.mark.parametrize(
    ("adapter", "given", "what"),
    [
        ({"rank": 0}, {}, "--lora-rank is 0"),
        ({"alpha": -1}, {}, "--lora-alpha is -1"),
        ({"dropout": 1.0}, {}, "--lora-dropout is 1"),
        ({}, {"spacing": "wide"}, "--spacing is 'wide'"),
        ({}, {"head": "cls"}, "--head is for encoders"),
        ({}, {"choose": "best"}, "--choose is for encoders"),
        ({}, {"average_checkpoints": 3}, "--average-checkpoints is for encoders"),
    ],
)
def test_values_that_make_no_sense_are_told(adapter, given, what):
    with pytest.raises(UsageError, match=what):
        override(preset("default", "bactrian", "x", kind="instruction"), given, adapter)


@pytest.mark.parametrize(
    ("adapter", "given"), [({"rank": 8}, {}), ({"four_bit": False}, {}), ({}, {"spacing": "printed"})]
)
def test_encoders_have_no_adapter(adapter, given):
    with pytest.raises(UsageError, match="--lora-…, --no-4bit and --spacing are for instructions"):
        override(Settings(), given, adapter)
