"""Decoders through whole runs: tuned on instructions, stopped, asked, merged, answered again."""

import json
import shutil
from dataclasses import replace

import polars as pl
import pytest
from tiny_bloom import ITEMS, make_bloom
from tiny_experiments import store_for

from mslt_cli.data.examples import collate
from mslt_cli.data.splits import fetch_data
from mslt_cli.errors import MsltError, UsageError
from mslt_cli.evaluation.metrics import wilson
from mslt_cli.evaluation.reading import Reading
from mslt_cli.models.find import fetch_model
from mslt_cli.models.folder import read_tokenizer
from mslt_cli.runs.answering import Evaluation
from mslt_cli.runs.compare import compare_runs
from mslt_cli.runs.directory import RunError, check_files
from mslt_cli.runs.evaluate import evaluate_model, evaluate_run
from mslt_cli.runs.experiment import train
from mslt_cli.runs.how import How
from mslt_cli.runs.index import find_run, index_runs
from mslt_cli.store.db import open_store
from mslt_cli.tasks import find_task
from mslt_cli.training.loop import Training
from mslt_cli.training.settings import override, preset

torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
peft = pytest.importorskip("peft")
pytest.importorskip("bitsandbytes")

AR, DE, EN, ET, ZH = "ara", "deu", "eng", "est", "zho"
INSTRUCTIONS = preset("default", "bactrian", "x", kind="instruction")
QUICK = override(INSTRUCTIONS, {"steps": 6, "batch_size": 4, "learning_rate": 1e-2}, {"rank": 4, "dropout": 0.1})
QUICK_PLAIN = override(QUICK, {}, {"four_bit": False})


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """A BLOOM 64 wide: blocks of 4-bit weights hold 64."""
    return make_bloom(tmp_path_factory.mktemp("wide") / "bloom", hidden_size=64)


@pytest.fixture
def data(home):
    """Instructions in four languages, and three questions of xcopa, four of xwinograd."""
    for lang in ("ar", "de", "en", "zh"):
        rows = [
            {"id": f"alpaca-{i}", "instruction": f"{lang} {i}", "input": "x" * (i % 3), "output": lang * (1 + i % 4)}
            for i in range(12)
        ]
        (home / "own").mkdir(exist_ok=True)
        (home / "own" / f"{lang}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    fetch_data(find_task("bactrian"), from_path=home / "own")
    for name, code in (("xcopa", "et"), ("xwinograd", "en")):
        folder = home / name
        folder.mkdir()
        shutil.copy(ITEMS / f"{name}_{code}.jsonl", folder / (f"test.{code}.jsonl" if name == "xcopa" else "en.jsonl"))
        fetch_data(find_task(name), from_path=folder)
    return find_task("bactrian")


@pytest.fixture
def run(own_store, filled_store, home, data, wide, heard):
    def start(sources, **given):
        given = {"examples": 9, "settings": QUICK, "root": home / "runs", "progress": heard} | given
        store = own_store if given["root"] == home / "runs" else store_for(given["root"], filled_store)
        return train(store, data, fetch_model(str(wide)), sources, **given)

    return start


def only(done):
    (finished,) = done
    assert finished.error is None, finished.error
    return finished.outcome


def xcopa(**reading):
    return Evaluation(find_task("xcopa"), "test", (ET,), Reading(**reading))


def xwinograd(**reading):
    return Evaluation(find_task("xwinograd"), "test", (EN,), Reading(**reading))


def test_a_run_in_4_bits_keeps_its_adapter_and_what_made_it(run):
    outcome = only(run([(AR, DE, ZH)]))
    record, directory = outcome.run.record, outcome.run.directory
    assert record["name"] == "MSLT(ar,de,zh)"
    assert record["identity"]["shares"] == {"ara": 3, "deu": 3, "zho": 3}
    assert record["identity"]["settings"]["adapter"]["four_bit"] is True
    assert record["identity"]["settings"]["spacing"] == "bactrian"
    assert {path.name for path in (directory / "model").iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
        "README.md",
    }
    assert "library_name: peft" in (card := (directory / "model" / "README.md").read_text())
    assert "AutoPeftModelForCausalLM" in card and "a base model in 4 bits" in card and "    ### Input:" in card
    lines = [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert lines[-1]["loss"] < lines[0]["loss"]
    manifest = pl.read_parquet(directory / "manifest.parquet")
    assert manifest["id"].n_unique() == 9  # parallel: no item in two languages
    assert {"peft", "bitsandbytes"} <= record["environment"].keys()
    assert record["scores"] == [] and not (directory / "checkpoints").exists()
    check_files(outcome.run)


def test_what_makes_another_adapter_makes_another_run(run):
    ids = {
        only(run([(EN,)], settings=override(QUICK, change, adapter))).run.run_id
        for change, adapter in (
            ({}, {}),
            ({"spacing": "printed"}, {}),
            *(({}, change) for change in ({"rank": 8}, {"alpha": 8}, {"dropout": 0.2}, {"four_bit": False})),
        )
    }
    assert len(ids) == 6


def test_asked_again_nothing_is_trained_and_the_command_says_how_to_do_it_alone(run, monkeypatch):
    first = only(run([(AR, DE)], settings=QUICK_PLAIN))
    command = first.run.record["command"]
    for words in ("--task bactrian", "--no-4bit", "--lora-rank 4", "--lora-dropout 0.1", "--batch-size 4", "--steps 6"):
        assert words in command
    monkeypatch.setattr(Training, "steps", lambda self: pytest.fail("it trains"))
    assert only(run([(AR, DE)], settings=QUICK_PLAIN)).status == "done"


@pytest.mark.parametrize("settings", [QUICK, QUICK_PLAIN], ids=["4 bits", "unquantised"])
def test_a_stopped_run_goes_on_bit_by_bit(run, monkeypatch, home, settings):
    whole = only(run([(AR, DE)], settings=settings, root=home / "whole")).run
    plain = Training.steps

    def killed(self):
        for record in plain(self):
            if record.step == 4:
                raise KeyboardInterrupt
            yield record

    with monkeypatch.context() as patch:
        patch.setattr(Training, "steps", killed)
        with pytest.raises(KeyboardInterrupt):
            run([(AR, DE)], settings=settings, how=How(checkpoint_every=1))
    outcome = only(run([(AR, DE)], settings=settings, how=How(checkpoint_every=1)))
    assert outcome.status == "resumed"
    assert outcome.run.record["training"]["resumed_at"] == 3
    for name in ("metrics.jsonl", "manifest.parquet", "model/adapter_model.safetensors"):
        assert (outcome.run.directory / name).read_bytes() == (whole.directory / name).read_bytes(), name


def test_runs_of_one_command_are_as_each_alone(run, home):
    """The base model is shared, and was asked questions between two trainings."""
    together = run([(AR,), (DE,)], evaluations=(xcopa(),), root=home / "together")
    alone = only(run([(DE,)], root=home / "alone")).run
    name = "model/adapter_model.safetensors"
    assert (together[1].outcome.run.directory / name).read_bytes() == (alone.directory / name).read_bytes()


def test_micro_batches_do_not_change_what_is_learned_without_dropout(run):
    losses = []
    for size in (1, 4):
        settings = override(QUICK_PLAIN, {"micro_batch": size}, {"dropout": 0.0})
        done = only(run([(AR, DE)], settings=settings)).run
        lines = (done.directory / "metrics.jsonl").read_text().splitlines()
        losses.append([json.loads(line)["loss"] for line in lines])
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)


def test_questions_are_asked_after_training_or_later_with_the_same_answers(run, own_store, wide, home):
    asked = only(run([(AR, DE)], evaluations=(xcopa(), xwinograd()), root=home / "asked")).run
    later = only(run([(AR, DE)], root=home / "later")).run
    assert later.scores == []
    model = fetch_model(str(wide))
    for evaluation in (xcopa(), xwinograd()):
        later = evaluate_run(own_store, later, model, evaluation)
    assert [dict(s) for s in later.scores] == [dict(s) for s in asked.scores]
    by_task = {(s["task"], s["metric"]): s for s in later.scores}
    for task, rows in (("xcopa", 3), ("xwinograd", 4)):
        score = by_task[task, "accuracy"]
        assert (score["rows"], score["counts"]["n"], score["scoring"], score["unseen"]) == (rows, rows, "letters", True)
        assert (score["low"], score["high"]) == pytest.approx(wilson(score["counts"]["correct"], rows))
        gold = later.predictions(score)["gold"].to_list()
        assert score["counts"]["majority"] == max(gold.count(0), gold.count(1))
    parts = [by_task["xwinograd", f"accuracy-gold-{i}"]["counts"] for i in (1, 2)]
    assert [part["n"] for part in parts] == [3, 1]
    assert sum(part["correct"] for part in parts) == by_task["xwinograd", "accuracy"]["counts"]["correct"]
    frame = later.predictions(by_task["xcopa", "accuracy"])
    assert frame.columns == ["id", "gold", "predicted", "scores"]
    assert (frame["scores"].list.arg_max() == frame["predicted"]).all()
    for_hub = later.directory / "model" / ".eval_results"
    assert sorted(path.name for path in for_hub.iterdir()) == ["xcopa_letters.yaml", "xwinograd_letters.yaml"]
    check_files(later)


def test_each_reading_has_scores_of_its_own_and_all_are_indexed(run, own_store, wide, home):
    done = only(run([(AR, DE)])).run
    readings = ({}, {"swap": True}, {"scoring": "options"}, {"scoring": "generate", "swap": True})
    for reading in readings:
        done = evaluate_run(own_store, done, fetch_model(str(wide)), xcopa(**reading))
    assert len({s["predictions"] for s in done.scores}) == 4
    metrics = {}
    for score in done.scores:
        metrics.setdefault(score["scoring"], []).append(score["metric"])
    assert metrics == {
        "letters": ["accuracy", "accuracy-gold-1", "accuracy-gold-2"],
        "letters+swap": ["accuracy", "accuracy-gold-1", "accuracy-gold-2", "same-in-both-orders"],
        "options": ["accuracy", "acc_norm"],
        "generate+swap": ["accuracy", "accuracy-gold-1", "accuracy-gold-2", "unreadable", "same-in-both-orders"],
    }
    swapped = next(s for s in done.scores if s["scoring"] == "letters+swap")
    assert swapped["counts"]["n"] == 2 * swapped["rows"] == 6
    assert "majority" not in swapped["counts"]  # in both orders together either number is right as often
    with open_store(own_store, write=True) as store:
        index_runs(store, [home / "runs"])
        rows = store.query("SELECT scoring, count(*) FROM scores GROUP BY 1 ORDER BY 1")
    assert dict(rows) == {scoring: len(names) for scoring, names in metrics.items()}


def test_a_model_as_it_is_stands_beside_runs(run, own_store, wide, home):
    base = evaluate_model(own_store, fetch_model(str(wide)), xcopa(), root=home / "runs")
    assert base.record["identity"]["kind"] == "eval"
    tuned = only(run([(AR, DE)], evaluations=(xcopa(),))).run
    compared = compare_runs({"a": [base], "b": [tuned]}, replace(xcopa(), targets=()))
    assert [row["target"] for row in compared.rows] == ["et"]
    assert compared.rows[0]["test"].startswith("McNemar")
    again = evaluate_model(own_store, fetch_model(str(wide)), xcopa(), root=home / "runs")
    assert again.record == base.record
    four = evaluate_model(own_store, fetch_model(str(wide)), xcopa(), root=home / "runs", four_bit=True)
    assert four.run_id != base.run_id
    with open_store(own_store) as store:
        assert find_run(store, base.run_id[:8]).run_id == base.run_id


def test_a_run_that_changed_nothing_answers_as_its_base_model(run, own_store, wide, home):
    settings = replace(QUICK_PLAIN, learning_rate=1e-30)
    tuned = only(run([(AR,)], settings=settings, evaluations=(xwinograd(scoring="options"),))).run
    base = evaluate_model(own_store, fetch_model(str(wide)), xwinograd(scoring="options"), root=home / "runs")
    one, other = (r.predictions(r.scores[0])["scores"].to_list() for r in (tuned, base))
    for a, b in zip(one, other, strict=True):
        assert a == pytest.approx(b, abs=1e-5)


def test_merged_it_is_a_model_like_any_other(run, own_store, home):
    first = only(run([(AR, DE)], settings=QUICK_PLAIN, evaluations=(xwinograd(scoring="options"),))).run
    assert not (first.directory / "merged").exists()
    merged = only(run([(AR, DE)], settings=QUICK_PLAIN, how=How(merge=True)))
    assert merged.status == "evaluated"  # nothing was trained
    folder = merged.run.directory / "merged"
    base = evaluate_model(own_store, fetch_model(str(folder)), xwinograd(scoring="options"), root=home / "runs")
    for a, b in zip(*(r.predictions(r.scores[0])["scores"].to_list() for r in (first, base)), strict=True):
        assert a == pytest.approx(b, abs=1e-3)
    assert "AutoModelForCausalLM" in (folder / "README.md").read_text()
    network = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    adapted = peft.AutoPeftModelForCausalLM.from_pretrained(first.model_folder).eval()
    ids = transformers.AutoTokenizer.from_pretrained(folder)("The cat sat.", return_tensors="pt").input_ids
    assert ids[0].tolist() == read_tokenizer(folder).encode("The cat sat.").ids
    with torch.inference_mode():
        torch.testing.assert_close(network(ids).logits, adapted(ids).logits, atol=1e-4, rtol=1e-4)
    assert only(run([(AR, DE)], settings=QUICK_PLAIN, how=How(merge=True))).status == "done"


def test_an_adapter_that_was_changed_is_not_used(run, own_store, wide):
    done = only(run([(AR, DE)])).run
    path = done.directory / "model" / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-4] + b"\0\0\0\0")
    with pytest.raises(RunError, match="adapter_model.safetensors is not as mslt wrote it: it was changed"):
        evaluate_run(own_store, done, fetch_model(str(wide)), xcopa())


def test_instructions_without_room_for_an_answer_are_said(run, heard):
    only(run([(AR, DE)], settings=override(QUICK, {"max_length": 12})))
    assert any("longer than --max-length 12, so that nothing is left of their answers" in n for n in heard.notes)


def test_encoders_are_not_tuned_and_instructions_not_evaluated_on(run, own_store, data, tiny, wide, home, moods):
    with pytest.raises(MsltError, match="is an encoder"):
        train(own_store, data, tiny, [(AR,)], root=home / "runs", examples=3)
    with pytest.raises(UsageError, match="bactrian is not evaluated on itself"):
        run([(AR,)], targets=(DE,))
    with pytest.raises(UsageError, match="nothing is trained on it. Decoders are tuned on bactrian"):
        train(own_store, find_task("xcopa"), fetch_model(str(wide)), [(ET,)], root=home / "runs")
    with pytest.raises(UsageError, match="nothing is evaluated on it. Give --task xcopa"):
        evaluate_model(own_store, fetch_model(str(wide)), Evaluation(data, "train", (AR,)), root=home / "runs")
    done = only(run([(AR,)])).run
    with pytest.raises(UsageError, match="was trained for bactrian, and cannot be evaluated on moods"):
        evaluate_run(own_store, done, fetch_model(str(wide)), Evaluation(moods, "test", ("fin",)))


def test_out_of_memory_first_spares_what_can_be_computed_again(run, heard, home, monkeypatch):
    from mslt_cli.models.decoder import Decoder

    plain, rows = Decoder.loss, []

    def scarce(self, batch):
        rows.append((len(batch["input_ids"]), self.recomputes))
        if rows[-1] > (2, True) or not self.recomputes:
            raise torch.OutOfMemoryError("no")
        return plain(self, batch)

    monkeypatch.setattr(Decoder, "loss", scarce)
    (finished,) = run([(AR, DE)], settings=QUICK_PLAIN)
    assert "4 examples at once, at step 2. Give --micro-batch 2: that is another run" in str(finished.error)
    assert rows == [(1, False), (1, True), (4, True), (2, True)]  # the smaller batch of the epoch comes first
    assert any("hidden states are computed twice" in note for note in heard.notes)
    assert finished.planned.spec.run_id not in str(list(home.glob("runs/*/run.json")))
    run_ = only(run([(AR, DE)], settings=override(QUICK_PLAIN, {"micro_batch": 2}))).run
    assert run_.run_id != finished.planned.spec.run_id
    assert (run_.record["training"]["micro_batch"], run_.record["training"]["resumed_at"]) == (2, None)
    assert "--micro-batch 2" in run_.record["command"]


def test_a_step_without_any_answer_is_taken_and_changes_no_other(run, home, monkeypatch):
    """Half of the instructions have no room for their answers: nothing of them is computed."""
    from mslt_cli.runs import samples

    plain, seen = samples.next_token_examples, []

    def half(encoded, segments):
        made = plain(encoded, segments)
        return [replace(e, labels=e.labels[:0], positions=e.positions[:0]) if i % 2 else e for i, e in enumerate(made)]

    monkeypatch.setattr(samples, "next_token_examples", half)
    monkeypatch.setattr(
        "mslt_cli.training.loop.collate", lambda some, *a, **k: seen.extend(some) or collate(some, *a, **k)
    )
    done = only(run([(AR, DE)], settings=override(QUICK_PLAIN, {"batch_size": 1, "steps": 9})))
    lines = [json.loads(line) for line in (done.run.directory / "metrics.jsonl").read_text().splitlines()]
    assert len(lines) == 9
    assert {line["tokens"] > 0 for line in lines} == {line["loss"] > 0 for line in lines} == {False, True}
    assert all(len(example.labels) for example in seen)
