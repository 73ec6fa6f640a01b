"""The loop on a random BERT of two layers."""

import math
from dataclasses import replace

import numpy as np
import pytest

from mslt_cli.data.examples import Example
from mslt_cli.errors import ModelError
from mslt_cli.progress import Progress
from mslt_cli.training.batches import training_batches
from mslt_cli.training.distributed import World
from mslt_cli.training.loop import DivergedError, Training
from mslt_cli.training.optimizer import rate_factor
from mslt_cli.training.settings import Settings

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from mslt_cli.models.classifier import load_classifier  # noqa: E402

SETTINGS = Settings(epochs=3, batch_size=8, learning_rate=5e-3, precision="fp32")


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models") / "bert"
    config = transformers.BertConfig(
        vocab_size=24, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=40, pad_token_id=0,
    )  # fmt: skip
    transformers.BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    (folder / "tokenizer.json").write_text('{"model": {}}')
    return load_classifier(folder, "mean", ("even", "odd"), device="cpu")


def examples(n=40, seed=0):
    """Half of them hold token 5, and are odd."""
    rng = np.random.default_rng(seed)
    made = []
    for i in range(n):
        ids = rng.integers(6, 24, rng.integers(3, 15))
        if i % 2:
            ids[rng.integers(0, len(ids))] = 5
        nothing = np.empty(0, np.int32)
        made.append(Example(ids.astype(np.int32), np.zeros(len(ids), np.uint8), nothing, np.array([i % 2])))
    return made


LENGTHS = np.array([len(example.ids) for example in examples()])


def train(classifier, settings=SETTINGS, seed=0, **given):
    classifier.restart(seed, settings.dropout)
    training = Training(classifier, examples(), settings, seed, **given)
    records = list(training.steps())
    training.finish()
    return training, records


def weights(classifier):
    return {name: value.clone() for name, value in classifier.network.state_dict().items()}


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


class Heard(Progress):
    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


def test_the_loss_falls_on_what_can_be_learnt(classifier):
    _, records = train(classifier, replace(SETTINGS, epochs=12))
    losses = [record.loss for record in records]
    assert len(records) == 60 and [record.step for record in records] == list(range(1, 61))
    assert np.mean(losses[-5:]) < 0.3 < 0.6 < losses[0]


def test_the_same_seed_gives_the_same_weights_bit_by_bit(classifier):
    train(classifier)
    first = weights(classifier)
    train(classifier, seed=1)
    other = weights(classifier)
    train(classifier)
    assert same(weights(classifier), first)
    assert not same(other, first)


def test_a_restart_leaves_nothing_of_the_training_before(classifier):
    classifier.restart(0)
    fresh = weights(classifier)
    train(classifier)
    assert not same(weights(classifier), fresh)
    classifier.restart(0)
    assert same(weights(classifier), fresh)


def test_eight_at_once_and_eight_times_one_are_the_same_step(classifier):
    settings = replace(SETTINGS, dropout=0.0, epochs=1)
    _, whole = train(classifier, settings)
    expected = weights(classifier)
    _, pieces = train(classifier, replace(settings, micro_batch=1))
    assert [record.loss for record in pieces] == pytest.approx([record.loss for record in whole], rel=1e-5)
    for name, value in weights(classifier).items():
        torch.testing.assert_close(value, expected[name], atol=2e-4, rtol=1e-3)


@pytest.mark.parametrize("stop", [1, 7, 14])
@pytest.mark.parametrize("change", [{}, {"average_checkpoints": 4}, {"choose": "best", "evaluate_every": 3}], ids=str)
def test_a_training_goes_on_bit_by_bit(classifier, stop, change):
    settings = replace(SETTINGS, **change)
    scores = lambda: lambda: float(weights(classifier)["classifier.bias"][0]) % 0.1  # noqa: E731 (any number will do)
    train(classifier, settings, validate=scores())
    expected = weights(classifier)

    classifier.restart(0)
    stopped = Training(classifier, examples(), settings, 0, validate=scores())
    for _, _record in zip(range(stop), stopped.steps(), strict=False):
        pass
    assert stopped.settled and stopped.step == stop
    tensors, values = stopped.state()
    tensors = {name: value.clone() for name, value in tensors.items()}

    train(classifier, seed=9)  # something else in between
    classifier.restart(0)
    resumed = Training(classifier, examples(), settings, 0, validate=scores())
    resumed.resume(tensors, values)
    records = list(resumed.steps())
    resumed.finish()
    assert [record.step for record in records] == list(range(stop + 1, 16))
    assert same(weights(classifier), expected)


def test_the_average_is_that_of_the_weights_at_its_points(classifier):
    settings = replace(SETTINGS, average_checkpoints=3)  # of 15 steps: after 5, 10 and 15
    classifier.restart(0)
    training = Training(classifier, examples(), settings, 0)
    kept = [weights(classifier) for record in training.steps() if record.step in (5, 10, 15)]
    training.finish()
    for name, value in weights(classifier).items():
        torch.testing.assert_close(value, sum(state[name] for state in kept) / 3, msg=name)


def test_the_best_checkpoint_is_the_one_that_validates_best(classifier):
    settings = replace(SETTINGS, choose="best", evaluate_every=3)
    scores = iter([0.5, 0.8, 0.6, 0.8, 0.7])  # after 3, 6, 9, 12, 15: the first of equals counts
    classifier.restart(0)
    training = Training(classifier, examples(), settings, 0, validate=lambda: next(scores))
    seen = {}
    for record in training.steps():
        if record.validation is not None:
            seen[record.step] = weights(classifier)
    training.finish()
    assert list(seen) == [3, 6, 9, 12, 15]
    assert training.best == 0.8
    assert same(weights(classifier), seen[6])


def test_frozen_embeddings_stay_and_the_rest_learns(classifier):
    classifier.restart(0)
    before = weights(classifier)
    train(classifier, replace(SETTINGS, freeze_embeddings=True))
    after = weights(classifier)
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    assert not any("embeddings" in name for name in changed)
    assert any("layer.0" in name for name in changed) and "classifier.weight" in changed
    train(classifier)  # and the next training has them back
    assert not torch.equal(
        weights(classifier)["encoder.embeddings.word_embeddings.weight"],
        before["encoder.embeddings.word_embeddings.weight"],
    )


def test_a_loss_that_is_no_number_stops_the_training_at_its_step(classifier, monkeypatch):
    original = classifier.logits
    calls = []

    def poisoned(batch):
        calls.append(1)
        return original(batch) * (float("nan") if len(calls) == 4 else 1.0)

    monkeypatch.setattr(classifier, "logits", poisoned)
    classifier.restart(0)
    training = Training(classifier, examples(), SETTINGS, 0)
    seen = []
    with pytest.raises(DivergedError, match="loss is not a finite number at step 4"):
        seen.extend(record.step for record in training.steps())
    assert seen == [1, 2, 3]
    assert not training.settled


def out_of_memory_above(classifier, most, monkeypatch):
    original = classifier.logits

    def limited(batch):
        if len(batch["input_ids"]) > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return original(batch)

    monkeypatch.setattr(classifier, "logits", limited)


def test_parts_of_a_batch_draw_other_dropout_and_so_are_another_training(classifier):
    train(classifier)
    whole = weights(classifier)
    train(classifier, replace(SETTINGS, micro_batch=8))  # the batch
    assert same(weights(classifier), whole)
    train(classifier, replace(SETTINGS, micro_batch=4))
    assert not same(weights(classifier), whole)


def test_out_of_memory_stops_the_training_and_names_what_fits(classifier, monkeypatch):
    out_of_memory_above(classifier, 3, monkeypatch)
    said = "for 8 examples at once, at step 1. Give --micro-batch 2: that is another run"
    with pytest.raises(ModelError, match=said):
        train(classifier)
    training, records = train(classifier, replace(SETTINGS, micro_batch=2))
    assert training.micro_batch == 2 and len(records) == 15


def test_padded_tokens_are_those_of_all_processes(classifier, monkeypatch):
    """Each process counts the same, whichever it is; of one batch: every second example, in parts of three."""
    monkeypatch.setattr(World, "add_up", lambda self, tensors: None)
    settings = replace(SETTINGS, batch_size=8, micro_batch=3, epochs=1)
    counted = []
    for rank in range(2):
        _, records = train(classifier, settings, world=World(rank, 2))
        counted.append([record.padded_tokens for record in records])
    made = examples()
    for (_, batch), padded in zip(training_batches(LENGTHS, 8, 0, 5), counted[0], strict=True):
        lengths = [len(made[i].ids) for i in batch]
        parts = [lengths[0::2][:3], lengths[0::2][3:], lengths[1::2][:3], lengths[1::2][3:]]
        assert padded == sum(len(part) * max(part) for part in parts)
    assert counted[0] == counted[1]


def test_memory_for_not_even_one_example_is_an_error(classifier, monkeypatch):
    out_of_memory_above(classifier, 0, monkeypatch)
    with pytest.raises(ModelError, match="too little memory for a single example"):
        train(classifier)


def test_rates_by_hand():
    # 10 steps, 2 of them rising: 1/3, 2/3, then 8/8, 7/8, …, 1/8.
    assert [rate_factor(i, 10, 0.2, "linear") for i in range(4)] == pytest.approx([1 / 3, 2 / 3, 1.0, 7 / 8])
    assert rate_factor(9, 10, 0.2, "linear") == pytest.approx(1 / 8)
    assert rate_factor(6, 10, 0.2, "cosine") == pytest.approx(0.5 * (1 - math.cos(math.pi * 4 / 8)))
    assert rate_factor(6, 10, 0.2, "constant") == 1.0
    assert rate_factor(0, 1, 0.0, "linear") == 1.0


def test_rows_of_the_vocabulary_that_do_not_occur_are_left_out_without_a_difference(classifier, monkeypatch):
    few = [replace(e, ids=np.where(e.ids == 5, 5, 6 + e.ids % 3).astype(np.int32)) for e in examples()]  # ids 5 to 8
    results = []
    for settings in (SETTINGS, replace(SETTINGS, average_checkpoints=3)):
        settings = replace(settings, dropout=0.0, weight_decay=0.5)
        for trimmed in (True, False):
            with monkeypatch.context() as patch:
                if not trimmed:
                    patch.setattr("mslt_cli.training.loop._ids_to_train", lambda *_: None)
                classifier.restart(0, 0.0)
                before = weights(classifier)
                training = Training(classifier, few, settings, 0)
                size = len(classifier.network.get_input_embeddings().weight)
                assert size == (5 if trimmed else 24)  # padding and 5 to 8
                losses = [record.loss for record in training.steps()]
                training.finish()
                results.append((losses, weights(classifier)))
        (one, left), (other, whole) = results[-2:]
        assert one == pytest.approx(other, rel=1e-4)
        for name, value in left.items():
            torch.testing.assert_close(value, whole[name], atol=1e-4, rtol=1e-3, msg=name)
        rows = "encoder.embeddings.word_embeddings.weight"
        assert not torch.equal(left[rows][20], before[rows][20])  # decayed, as all weights are


def test_a_training_that_fails_leaves_the_whole_vocabulary_for_the_next(classifier, monkeypatch):
    few = [replace(e, ids=np.where(e.ids == 5, 5, 6).astype(np.int32)) for e in examples()]
    classifier.restart(0)
    fresh = weights(classifier)
    Training(classifier, few, SETTINGS, 0)
    assert len(classifier.network.get_input_embeddings().weight) < 24
    classifier.restart(0)
    assert same(weights(classifier), fresh)
