"""Whole experiments on a tiny model: what is trained, kept, repeated, resumed, indexed."""

import json
import os
import subprocess
import sys
import textwrap
import threading
from dataclasses import replace

import polars as pl
import pytest
from tiny_experiments import store_for

from mslt_cli.data.splits import read_data
from mslt_cli.errors import DataError, UsageError
from mslt_cli.runs.answering import Evaluation
from mslt_cli.runs.directory import RunError, check_files, read_run
from mslt_cli.runs.evaluate import evaluate_model, evaluate_run
from mslt_cli.runs.experiment import train
from mslt_cli.runs.how import How
from mslt_cli.runs.index import find_run, index_runs
from mslt_cli.runs.locks import locked
from mslt_cli.runs.plan import PAPER_LITERAL
from mslt_cli.show.scored_runs import show_runs
from mslt_cli.store.db import open_store
from mslt_cli.store.runs import find_runs
from mslt_cli.training.loop import Training
from mslt_cli.training.mixture import Sampling
from mslt_cli.training.settings import Settings

torch = pytest.importorskip("torch")

EN, DE, FR, ES, FI, TR = "eng", "deu", "fra", "spa", "fin", "tur"
QUICK = Settings(epochs=2, batch_size=4, learning_rate=1e-2)


@pytest.fixture
def run(own_store, filled_store, home, tiny, heard):
    """Trains with a store and a folder of its own; a folder that is given has another store, which knows no others."""

    def start(task, sources, **given):
        given = {"examples": 12, "settings": QUICK, "root": home / "runs", "progress": heard} | given
        store = own_store if given["root"] == home / "runs" else store_for(given["root"], filled_store)
        return train(store, task, tiny, sources, **given)

    return start


def only(done):
    (finished,) = done
    assert finished.error is None, finished.error
    return finished.outcome


def test_a_run_keeps_all_that_made_it_and_what_came_of_it(run, moods, own_store):
    outcome = only(run(moods, [(EN, DE)]))
    record, directory = outcome.run.record, outcome.run.directory
    assert outcome.status == "trained"
    assert record["name"] == "MSLT(de,en)"
    assert record["identity"]["shares"] == {"deu": 6, "eng": 6}
    assert record["training"]["steps"] == 6  # 12 examples in batches of 4, twice
    assert len((directory / "metrics.jsonl").read_text().splitlines()) == 6
    manifest = pl.read_parquet(directory / "manifest.parquet")
    assert manifest["language"].value_counts().sort("language").rows() == [("deu", 6), ("eng", 6)]
    assert manifest["id"].n_unique() == 12  # disjoint: no item in two languages
    scores = {(s["target"], s["metric"]): s for s in outcome.run.scores}
    assert set(scores) == {("fin", "accuracy"), ("tur", "accuracy")}
    for (target, _), score in scores.items():
        frame = outcome.run.predictions(score)
        assert frame["id"].to_list() == read_data(moods, target, "test")["id"].to_list()
        assert score["value"] == pytest.approx((frame["gold"] == frame["predicted"]).mean())
        assert score["low"] <= score["value"] <= score["high"]
        assert score["unseen"] and score["counts"]["majority"] == 7  # of 14: every other row is happy
    check_files(outcome.run)
    assert not (directory / "checkpoints").exists()
    with open_store(own_store) as store:
        (row,) = find_runs(store)
        assert (row.run_id, row.sources, row.examples, row.seed) == (outcome.run.run_id, ("deu", "eng"), 12, 0)
        assert store.query("SELECT iso639_3, value FROM scores ORDER BY 1") == [
            (target, scores[target, "accuracy"]["value"]) for target in ("fin", "tur")
        ]


@pytest.mark.parametrize("pairing", ["disjoint", "independent"])
def test_what_a_combination_takes_of_a_language_is_among_what_the_language_alone_takes(run, moods, pairing):
    alone, mixed = run(moods, [(EN,), (DE, EN)], sampling=Sampling(pairing=pairing))
    taken = {}
    for name, item in (("alone", alone), ("mixed", mixed)):
        manifest = pl.read_parquet(item.outcome.run.directory / "manifest.parquet")
        taken[name] = set(manifest.filter(pl.col("language") == EN)["id"])
    assert len(taken["mixed"]) == 6
    assert taken["mixed"] < taken["alone"]


def test_asked_again_a_run_is_answered_without_training(run, moods, monkeypatch):
    first = only(run(moods, [(EN,)]))
    monkeypatch.setattr(Training, "steps", lambda self: pytest.fail("it trains"))
    again = only(run(moods, [(EN,)]))
    assert again.status == "done"
    assert again.run.record == first.run.record


def test_force_runs_it_anew_with_the_same_result(run, moods):
    first = only(run(moods, [(EN,)]))
    again = only(run(moods, [(EN,)], how=How(force=True)))
    assert again.status == "trained"
    assert again.run.scores == first.run.scores


@pytest.mark.parametrize(
    "change",
    [
        {"seeds": (1,)},
        {"examples": 13},
        {"settings": replace(QUICK, learning_rate=2e-2)},
        {"settings": replace(QUICK, micro_batch=3)},
        {"sampling": Sampling(data_seed=5)},
        {"sampling": Sampling(oversample=True)},
    ],
    ids=str,
)
def test_whatever_determines_the_result_makes_another_run(run, moods, change):
    assert only(run(moods, [(EN,)])).run.run_id != only(run(moods, [(EN,)], **change)).run.run_id


def test_what_does_not_determine_the_result_makes_no_other_run(run, moods):
    first = only(run(moods, [(EN, DE)]))
    steps = replace(QUICK, epochs=None, steps=6)  # the same six steps
    whole = replace(QUICK, micro_batch=99)  # no batch has as many
    for change in ({"how": How(checkpoint_every=1)}, {"settings": steps}, {"settings": whole}):
        assert only(run(moods, [(DE, EN)], **change)).status == "done", change
    assert only(run(moods, [("German", "en")], targets=("Finnish", "tr"))).status == "done"
    assert only(run(moods, [(DE, EN)])).run.run_id == first.run.run_id


def test_changed_data_make_another_run(run, moods, home):
    first = only(run(moods, [(EN,)]))
    path = home / "moods" / "en" / "train.csv"
    path.write_text(path.read_text() + "new,a good,happy\n")
    from mslt_cli.data.splits import fetch_data

    fetch_data(moods, [EN], force=True)
    assert only(run(moods, [(EN,)])).run.run_id != first.run.run_id


def stop_after(monkeypatch, steps):
    """Training ends with an error after so many steps in all, as if the machine had failed."""
    taken = []
    original = Training._step

    def failing(self, *given):
        if len(taken) == steps:
            raise KeyboardInterrupt
        taken.append(1)
        return original(self, *given)

    monkeypatch.setattr(Training, "_step", failing)
    return taken


@pytest.mark.parametrize("settings", [QUICK, replace(QUICK, average_checkpoints=3), replace(QUICK, choose="best")])
@pytest.mark.parametrize("stop", [1, 3, 5])
def test_a_stopped_run_goes_on_and_ends_as_if_it_had_not_been_stopped(run, moods, home, monkeypatch, stop, settings):
    whole = only(run(moods, [(EN, DE)], root=home / "whole", settings=settings))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stop_after(patch, stop)
        run(moods, [(EN, DE)], how=How(checkpoint_every=2), settings=settings)
    with monkeypatch.context() as patch:
        taken = stop_after(patch, 100)
        resumed = only(run(moods, [(EN, DE)], how=How(checkpoint_every=2), settings=settings))
    assert len(taken) == 6 - stop // 2 * 2  # from the last multiple of two
    assert resumed.status == ("resumed" if stop > 1 else "trained")
    for name in ("metrics.jsonl", "manifest.parquet", "predictions/moods-test-fin.parquet"):
        assert (resumed.run.directory / name).read_bytes() == (whole.run.directory / name).read_bytes(), name
    assert resumed.run.scores == whole.run.scores


def test_the_newest_two_checkpoints_are_kept_as_safetensors(run, moods, home, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stop_after(patch, 5)
        run(moods, [(EN,)], how=How(checkpoint_every=1))
    (directory,) = (home / "runs").iterdir()
    assert sorted(path.name for path in (directory / "checkpoints").iterdir()) == ["000004", "000005"]
    files = {path.suffix for path in (directory / "checkpoints").rglob("*") if path.is_file()}
    assert files == {".safetensors", ".json", ".jsonl"}


def test_a_damaged_checkpoint_gives_way_to_the_one_before(run, moods, home, monkeypatch, heard):
    whole = only(run(moods, [(EN,)], root=home / "whole"))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stop_after(patch, 5)
        run(moods, [(EN,)], how=How(checkpoint_every=2))
    (directory,) = (home / "runs").iterdir()
    newest = directory / "checkpoints" / "000004" / "state.safetensors"
    newest.write_bytes(newest.read_bytes()[:100])
    assert only(run(moods, [(EN,)])).run.scores == whole.run.scores
    assert ("SSLT(en) seed 0", 6, "steps", 2) in heard.begun
    run(moods, [(EN,), (DE,)])
    assert any(begun[1:] == (2, "runs", 1) for begun in heard.begun)


def test_a_disk_that_is_full_at_a_checkpoint_does_not_stop_the_training(run, moods, monkeypatch, heard):
    import safetensors.torch

    def full(*_):  # as it was seen on a full tmpfs
        raise safetensors.SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(safetensors.torch, "save_file", full)
    outcome = only(run(moods, [(EN,)], how=How(checkpoint_every=2)))
    assert outcome.status == "trained"
    assert any("no checkpoint at step 2" in note and "the disk is full" in note for note in heard.notes), heard.notes


def test_a_diverged_run_fails_with_the_step_and_the_others_go_on(run, moods, heard, monkeypatch):
    original = Training._backward

    def poisoned(self, parts, labels):
        loss = original(self, parts, labels)
        return loss * float("nan") if self.seed == 1 and self.step == 3 else loss

    monkeypatch.setattr(Training, "_backward", poisoned)
    done = run(moods, [(EN,)], seeds=(0, 1, 2), how=How(checkpoint_every=1))
    assert [finished.error is None for finished in done] == [True, False, True]
    assert "not a finite number at step 4" in str(done[1].error)
    directory = next(d for d in done[0].outcome.run.directory.parent.iterdir() if "_s1_" in d.name)
    assert sorted(path.name for path in (directory / "checkpoints").iterdir())[-1] == "000003"  # the last good one


def test_a_run_that_another_process_does_is_waited_for_and_not_repeated(run, moods, home, monkeypatch, heard):
    first = only(run(moods, [(EN,)]))
    record = (first.run.directory / "run.json").read_text()
    (first.run.directory / "run.json").unlink()

    # Another process holds the run; it finishes while we wait.
    holding, told = threading.Event(), threading.Event()

    def other():
        with locked(first.run.directory, wait=True):
            holding.set()
            told.wait(20)
            (first.run.directory / "run.json").write_text(record)

    thread = threading.Thread(target=other)
    thread.start()
    holding.wait(20)
    monkeypatch.setattr(heard, "note", lambda text: told.set() if "waiting" in text else None)
    monkeypatch.setattr(Training, "steps", lambda self: pytest.fail("it trains"))
    assert only(run(moods, [(EN,)])).status == "done"
    thread.join()


def test_two_processes_with_one_plan_do_each_run_once(moods, own_store, home, tiny_folder):
    script = textwrap.dedent(f"""
        import sys
        from pathlib import Path
        from mslt_cli.models.find import fetch_model
        from mslt_cli.runs.experiment import train
        from mslt_cli.tasks import find_task
        from mslt_cli.training.settings import Settings
        done = train(Path({str(own_store)!r}), find_task({moods.file!r}), fetch_model({str(tiny_folder)!r}),
                     [("eng",), ("deu",), ("fra",), ("deu", "eng"), ("deu", "fra"), ("eng", "fra")],
                     examples=12, root=Path({str(home / "runs")!r}), settings=Settings(epochs=2, batch_size=4),
                     first=lambda runs: int(sys.argv[1]) * runs // 2)
        print(*(item.outcome.status for item in done))
    """)
    words = [sys.executable, "-c", script]
    both = [
        subprocess.Popen([*words, str(i)], stdout=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
        for i in range(2)
    ]
    said = [process.communicate(timeout=120)[0].split() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert [len(statuses) for statuses in said] == [6, 6]
    assert sum(statuses.count("trained") for statuses in said) == 6  # each by one of them
    with open_store(own_store) as store:
        assert len(find_runs(store)) == 6


def test_words_are_scored_by_accuracy_and_by_entities(run, names):
    outcome = only(run(names, [(EN, DE)]))
    metrics = [s["metric"] for s in outcome.run.scores if s["target"] == "fin"]
    assert not any("majority" in s["counts"] for s in outcome.run.scores)
    assert metrics == ["accuracy", "entity-f1"]
    frame = outcome.run.predictions(outcome.run.scores[0])
    assert [len(labels) for labels in frame["predicted"]] == [len(labels) for labels in frame["gold"]]


def test_the_metric_that_a_task_asks_for_comes_first_and_every_table_names_its_metrics(run, names, moods, capsys):
    task = replace(names, metric="entity-f1", further_metrics=("accuracy",))
    outcome = only(run(task, [(EN, DE)]))
    assert [s["metric"] for s in outcome.run.scores if s["target"] == "fin"] == ["entity-f1", "accuracy"]
    for of_task, ran in ((task, outcome.run), (moods, only(run(moods, [(EN,)])).run)):
        show_runs([ran], [Evaluation(of_task, "test", (FI, TR))], "table", ["trained"])
    words, sentences = capsys.readouterr().out.split("names test, %; mean over 2 targets")
    assert [line.split()[1] for line in words.splitlines()[2:4]] == ["entity-f1", "accuracy"]
    assert "of entity-f1 in one language" in sentences
    assert "moods test, accuracy, %; mean over 2 targets" in sentences
    assert "A guess" not in words and "\nA guess scores 50.00.\n" in sentences


def test_a_table_says_what_the_most_frequent_answer_scores(run, moods, capsys):
    ran = only(run(moods, [(EN,)])).run
    for score, majority in zip(ran.record["scores"], (7, 10), strict=True):  # of 14: 50 and 71.43 %
        score["counts"]["majority"] = majority
    show_runs([ran], [Evaluation(moods, "test", (FI, TR))], "table", ["trained"])
    assert "A guess scores 50.00, the most frequent answer 60.71." in capsys.readouterr().out
    del ran.record["scores"][0]["counts"]["majority"]  # as runs of earlier versions
    show_runs([ran], [Evaluation(moods, "test", (FI, TR))], "table", ["trained"])
    assert "A guess scores 50.00." in capsys.readouterr().out


def test_targets_that_are_trained_on_are_said_and_marked(run, moods, heard):
    outcome = only(run(moods, [(EN, DE)], targets=(DE, FI)))
    assert {s["target"]: s["unseen"] for s in outcome.run.scores} == {"deu": False, "fin": True}
    assert any("de, WHICH IT IS TRAINED ON" in note for note in heard.notes)


def test_paper_literal_targets_are_all_but_the_run_s_own_sources(run, moods):
    task = replace(moods, literal_targets=(EN, DE, FI))
    done = run(task, [(EN,), (DE, FR)], targets=(PAPER_LITERAL,))
    assert [item.planned.targets for item in done] == [(DE, FI), (EN, FI)]


def test_a_label_that_training_never_sees_is_said(run, moods, heard, home):
    path = home / "moods" / "en" / "train.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], *(line for line in lines[1:] if line.endswith("happy"))]) + "\n")
    only(run(moods, [(EN,)]))
    assert any("sees no sad in training, and fi has it" in note for note in heard.notes), heard.notes


def test_unequal_shares_are_marked_everywhere(run, moods, heard, own_store):
    outcome = only(run(moods, [(EN, DE)], sampling=Sampling(split={"de": 2, "English": 10})))
    assert outcome.run.identity["unequal"] and outcome.run.identity["shares"] == {"deu": 2, "eng": 10}
    assert any("unequal shares (de 2, en 10)" in note for note in heard.notes)
    assert "--split de=2,en=10" in outcome.run.record["command"]
    with open_store(own_store) as store:
        assert find_runs(store)[0].unequal


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"sources": [("swa",)]}, "moods has no data in 'swa'. It has de, en, es, fi, fr, tr."),
        ({"sources": [(EN, DE, FR)], "examples": 2}, "2 examples cannot be split over 3 sources"),
        ({"sources": [(EN,)], "examples": 49}, "en has 48 training examples, and 49 are needed"),
        (
            {"sources": [(EN, DE)], "examples": 60},
            "The sources have 48 different items between them, and 60 are needed",
        ),
        ({"sources": []}, "There are no sources"),
        ({"sources": [(EN,)], "sampling": Sampling(pairing="odd")}, "--pairing is 'odd'"),
        ({"sources": [(EN,)], "targets": ("swa",)}, "moods has no data in 'swa'"),
        ({"sources": [(EN,)], "evaluation_split": "tset"}, "Did you mean test?"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_trained(run, moods, given, said, monkeypatch):
    monkeypatch.setattr(Training, "steps", lambda self: pytest.fail("it trains"))
    with pytest.raises((DataError, UsageError, Exception), match=".*") as caught:
        run(moods, given.pop("sources"), **given)
    assert said in str(caught.value)


def test_oversampling_repeats_examples_and_is_recorded(run, moods):
    outcome = only(run(moods, [(EN,)], examples=60, sampling=Sampling(oversample=True)))
    manifest = pl.read_parquet(outcome.run.directory / "manifest.parquet")
    assert (manifest.height, manifest["id"].n_unique()) == (60, 48)
    assert outcome.run.identity["oversample"] is True


# -- directories -----------------------------------------------------------------------------------


def test_a_run_json_that_was_changed_by_hand_is_refused(run, moods):
    outcome = only(run(moods, [(EN,)]))
    path = outcome.run.directory / "run.json"
    record = json.loads(path.read_text())
    record["scores"][0]["value"] = 1.0
    path.write_text(json.dumps(record))
    with pytest.raises(RunError, match="it was changed"):
        read_run(outcome.run.directory)
    (finished,) = run(moods, [(EN,)])
    assert "it was changed" in str(finished.error)
    assert only(run(moods, [(EN,)], how=How(force=True))).run.scores == outcome.run.scores


def test_predictions_that_were_changed_are_refused(run, moods):
    outcome = only(run(moods, [(EN,)]))
    path = outcome.run.directory / "predictions" / "moods-test-fin.parquet"
    frame = pl.read_parquet(path)
    frame.with_columns(predicted=pl.col("gold")).write_parquet(path)
    with pytest.raises(RunError, match="moods-test-fin.parquet is not as mslt wrote it"):
        check_files(outcome.run)


def test_the_index_is_made_again_from_directories(run, moods, own_store, home):
    run(moods, [(EN,), (DE,)], seeds=(0, 1))
    with open_store(own_store, write=True) as store:
        before = store.query("SELECT * FROM scores ORDER BY run_id, iso639_3")
        with store.transaction() as connection:
            connection.execute("DELETE FROM runs")
        assert store.query("SELECT count(*) FROM scores") == [(0,)]
        found = index_runs(store, [home / "runs"])
        assert (len(found.runs), found.unfinished, found.refused) == (4, (), ())
        assert store.query("SELECT * FROM scores ORDER BY run_id, iso639_3") == before


def test_runs_from_another_machine_are_taken_in_and_bad_ones_named(run, moods, own_store, home):
    first, second = run(moods, [(EN,), (DE,)])
    moved = home / "elsewhere"
    (home / "runs").rename(moved)
    broken = moved / second.outcome.run.directory.name / "run.json"
    broken.write_text(broken.read_text().replace('"seed": 0', '"seed": 1'))
    with open_store(own_store, write=True) as store:
        found = index_runs(store, [moved])
        assert [run_.run_id for run_ in found.runs] == [first.outcome.run.run_id]
        assert "it was changed" in found.refused[0][1]
        assert find_run(store, first.outcome.run.run_id[:6]).directory == moved / first.outcome.run.directory.name


# -- evaluation of what is there -------------------------------------------------------------------


def test_further_targets_are_evaluated_with_kept_weights(run, moods, own_store, tiny, monkeypatch):
    kept = only(run(moods, [(EN, DE)], how=How(keep_model=True))).run
    whole = only(run(moods, [(EN, DE)], targets=(FI, TR, FR), root=kept.directory.parent.parent / "other")).run
    monkeypatch.setattr(Training, "steps", lambda self: pytest.fail("it trains"))
    more = evaluate_run(own_store, kept, tiny, Evaluation(moods, "test", (FI, FR)))
    value = {s["target"]: s["value"] for s in more.scores}
    assert value == {s["target"]: s["value"] for s in whole.scores}
    check_files(more)
    with open_store(own_store) as store:
        assert len(store.query("SELECT * FROM scores WHERE run_id = ?", (kept.run_id,))) == 3


def test_a_run_without_weights_is_trained_again_for_further_targets_and_keeps_what_it_had(run, moods, monkeypatch):
    first = only(run(moods, [(EN,)]))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stop_after(patch, 3)
        run(moods, [(EN,)], targets=(FR,), how=How(checkpoint_every=1))
    # Stopped on its way: what was asked for before is still there, whole.
    assert only(run(moods, [(EN,)])).run.record == first.run.record
    more = only(run(moods, [(EN,)], targets=(FR,)))
    assert more.status == "resumed"
    assert {s["target"] for s in more.run.scores} == {"fin", "tur", "fra"}
    assert [s for s in more.run.scores if s["target"] != "fra"] == list(first.run.scores)
    assert not list(more.run.directory.glob("new-*"))
    check_files(more.run)
    assert only(run(moods, [(EN,)], targets=(FI, FR))).status == "done"


def test_without_weights_further_targets_need_the_command_that_is_named(run, moods, own_store, tiny):
    kept = only(run(moods, [(EN,)])).run
    with pytest.raises(RunError, match="was not evaluated on fr, and its weights were not kept.*--keep-model$"):
        evaluate_run(own_store, kept, tiny, Evaluation(moods, "test", (FR,)))


def test_a_trained_model_is_evaluated_as_it_is(run, moods, own_store, home):
    from mslt_cli.models.find import fetch_model

    kept = only(run(moods, [(EN, DE)], how=How(keep_model=True))).run
    model = fetch_model(str(kept.model_folder))
    evaluation = Evaluation(moods, "test", (FI, TR))
    found = evaluate_model(own_store, model, evaluation, root=home / "runs")
    assert [s["value"] for s in found.scores] == [s["value"] for s in kept.scores]
    assert found.identity["kind"] == "eval"
    assert evaluate_model(own_store, model, evaluation, root=home / "runs").record == found.record


def test_default_targets_that_an_import_lacks_are_left_out_and_said(run, home, heard, tiny):
    from mslt_cli.data.splits import fetch_data
    from mslt_cli.tasks import find_task

    task = find_task("cldr")
    folder = home / "names"
    for code, split in (("en", "train"), ("el", "test"), ("fi", "test")):
        (folder / code).mkdir(parents=True, exist_ok=True)
        rows = [f"{code}{split}{i},good {i},{task.labels[i % 5]}\n" for i in range(20)]
        (folder / code / f"{split}.csv").write_text("id,text,label\n" + "".join(rows))
    fetch_data(task, from_path=folder)
    outcome = only(run(task, [(EN,)], examples=10))
    assert [s["target"] for s in outcome.run.scores] == ["ell", "fin"]
    assert any(note.startswith("not evaluated on he, hi, id, ja, ko, sw, th, tr: ") for note in heard.notes)
