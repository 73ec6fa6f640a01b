"""What a run read of the rows: which were cut, and the first ones alone; and which runs are the same."""

import json
import shutil
from dataclasses import replace

import pytest

from mslt_cli.data.prepared import task_folder
from mslt_cli.models.find import fetch_model
from mslt_cli.runs.answering import Evaluation
from mslt_cli.runs.compare import compare_runs
from mslt_cli.runs.directory import RunError
from mslt_cli.runs.evaluate import evaluate_model, evaluate_run
from mslt_cli.runs.experiment import train
from mslt_cli.runs.how import How
from mslt_cli.runs.index import index_runs
from mslt_cli.runs.plan import Experiment, plan
from mslt_cli.runs.session import Session
from mslt_cli.runs.spec import describe_model
from mslt_cli.store.db import open_store
from mslt_cli.store.row_answers import stored_items, unpack_right
from mslt_cli.store.runs import stored_evaluations, stored_scores
from mslt_cli.training.settings import Settings

torch = pytest.importorskip("torch")

EN, DE, FI, TR = "eng", "deu", "fin", "tur"
QUICK = Settings(epochs=1, batch_size=4)


@pytest.fixture
def run(own_store, home, tiny, heard):
    """Trains on all 48 rows, with a store and a folder of its own."""

    def start(task, *sources, **given):
        given = {"examples": 48, "settings": QUICK, "root": home / "runs", "progress": heard} | given
        done = train(own_store, task, tiny, sources, **given)
        assert [item.error for item in done] == [None] * len(done)
        return [item.outcome.run for item in done]

    return start


def lengthen(home, language, split, rows):
    """Give some rows a text of 60 words: 62 tokens with the two special ones, where the model takes 40."""
    path = home / "moods" / language / f"{split}.csv"
    head, *lines = path.read_text().splitlines()
    for i in rows:
        id_, _, label = lines[i].split(",")
        lines[i] = ",".join([id_, " ".join(["a"] * 60), label])
    path.write_text("\n".join([head, *lines]) + "\n")


def test_rows_that_are_cut_are_counted_by_language_and_said_once(run, moods, home, heard):
    lengthen(home, "en", "train", [0, 5, 7])
    lengthen(home, "fi", "test", [2, 13])
    alone, again = run(moods, (EN,), seeds=(0, 1))
    assert alone.record["training"]["cut"] == again.record["training"]["cut"] == {"eng": 3}
    cut = {score["target"]: score["cut"] for score in alone.scores}
    assert cut == {"fin": 2, "tur": 0}
    assert [note for note in heard.notes if "were cut" in note] == [
        "SSLT(en) seed 0: 3 of 48 rows in en are longer than 40 tokens and were cut",
        "moods test: 2 of 14 rows in fi are longer than 40 tokens and were cut",
    ]


def test_of_a_sample_its_own_rows_are_counted(run, moods, home):
    lengthen(home, "en", "train", range(48))  # all of them, so any 6 are cut
    (mixed,) = run(moods, (EN, DE), examples=12)
    assert mixed.record["training"]["cut"] == {"eng": 6}


def test_of_words_the_end_is_lost_in_training_alone(run, names, home, heard):
    import polars as pl

    for language, split in (("en", "train"), ("fi", "test")):
        path = home / "names" / language / f"{split}.parquet"
        frame = pl.read_parquet(path)
        long = pl.DataFrame({"tokens": [["a"] * 60], "labels": [["O"] * 60]})
        pl.concat([long, frame.tail(-1)]).write_parquet(path)
    (found,) = run(names, (EN,), examples=24)
    assert found.record["training"]["cut"] == {"eng": 1}
    assert {score["cut"] for score in found.scores} == {0}  # the words go on in a further segment, and all get a label
    assert [note for note in heard.notes if "were cut" in note] == [
        "SSLT(en) seed 0: 1 of 24 rows in en are longer than 40 tokens and were cut"
    ]


def test_a_max_length_beyond_the_model_is_said(heard, tiny):
    session = Session(tiny, progress=heard)
    session.note_length(Settings(max_length=40))
    assert heard.notes == []
    session.note_length(Settings(max_length=41))
    assert heard.notes == [f"{tiny.name} takes 40 tokens, and --max-length is 41: longer examples are cut at 40"]


# -- what was answered right ----------------------------------------------------------------------


def test_the_store_says_which_rows_are_right_but_not_of_words(run, moods, names, own_store, home):
    (of_rows,), (of_words,) = run(moods, (EN,)), run(names, (EN,), examples=24)
    with open_store(own_store, write=True) as store:
        index_runs(store, [home / "runs"])  # once more, out of the directories
        scores, items = stored_scores(store, run_id=of_rows.run_id), stored_items(store)
        assert not any(score.right_rows for score in stored_scores(store, run_id=of_words.run_id))
    for score in of_rows.scores:
        frame = of_rows.predictions(score)
        (stored,) = (one for one in scores if one.target == score["target"])
        assert unpack_right(stored.right_rows, 14).tolist() == (frame["gold"] == frame["predicted"]).to_list()
        assert len(set(items[stored.data_sha256, 14])) == 14


# -- the first rows alone --------------------------------------------------------------------------


def test_the_first_rows_alone_are_other_results(run, moods, own_store, tiny):
    (kept,) = run(moods, (EN,), how=How(keep_model=True))
    first = Evaluation(moods, "test", (FI, TR), limit=5)
    both = evaluate_run(own_store, kept, tiny, first)
    for split, rows in (("test", 14), ("test[:5]", 5)):
        assert [score["rows"] for score in both.scores if score["split"] == split] == [rows, rows]
    by_split = {score["split"]: both.predictions(score) for score in both.scores if score["target"] == FI}
    assert by_split["test[:5]"].rows() == by_split["test"].head(5).rows()
    assert [score for score in both.scores if score["split"] == "test"] == list(kept.scores)
    assert first.missing_in(both) == Evaluation(moods, "test", (FI, TR)).missing_in(both) == ()
    assert Evaluation(moods, "test", (FI, TR), limit=4).missing_in(both) == (FI, TR)
    with open_store(own_store) as store:
        assert [row.split for row in stored_evaluations(store)] == ["test", "test[:5]"]
    (plain,) = run(moods, (DE,), how=How(keep_model=True))
    compared = compare_runs({"a": [both], "b": [evaluate_run(own_store, plain, tiny, first)]}, first)
    assert [row["scope"] for row in compared.rows] == ["runs"] * 3
    assert compared.footer[0].startswith("moods test[:5], accuracy, %")


def test_a_model_as_it_is_is_evaluated_on_the_first_rows(run, moods, own_store, home):
    (kept,) = run(moods, (EN,), how=How(keep_model=True))
    model = fetch_model(str(kept.model_folder))
    found = evaluate_model(own_store, model, Evaluation(moods, "test", (FI,), limit=3), root=home / "runs")
    assert [(score["rows"], score["limit"]) for score in found.scores] == [(3, 3)]
    assert found.record["command"].endswith(" --limit 3")
    whole = evaluate_model(own_store, model, Evaluation(moods, "test", (FI,)), root=home / "runs")
    assert whole.run_id == found.run_id
    assert [score["rows"] for score in whole.scores] == [3, 14]


def test_without_weights_the_first_rows_are_named(run, moods, own_store, tiny):
    (bare,) = run(moods, (EN,), targets=(FI,))
    with pytest.raises(RunError, match="was not evaluated on the first 3 rows of tr, and its weights were not kept"):
        evaluate_run(own_store, bare, tiny, Evaluation(moods, "test", (TR,), limit=3))


# -- rows that share a text ------------------------------------------------------------------------


def test_rows_that_share_a_text_are_one_item_also_of_runs_that_did_not_write_it(run, moods, home):
    path = home / "moods" / "fi" / "test.csv"
    head, *lines = path.read_text().splitlines()
    lines = [
        ",".join([*line.split(",")[:1], lines[i // 2].split(",")[1], line.split(",")[2]])
        for i, line in enumerate(lines)
    ]
    path.write_text("\n".join([head, *lines]) + "\n")  # two rows of each text
    texts = replace(moods, cluster=("text",))
    older, other = run(moods, (EN,)), run(moods, (DE,))
    (newer,) = run(texts, (EN, DE))
    frames = [one.predictions(next(s for s in one.scores if s["target"] == FI)) for one in (older[0], newer)]
    ids = frames[1]["id"].to_list()
    assert ("item" in frames[0].columns, frames[1].columns[:2]) == (False, ["id", "item"])
    assert frames[1]["item"].to_list() == [ids[i // 2 * 2] for i in range(14)]
    groups, asked = {"a": older, "b": other}, Evaluation(texts, "test", (FI,))
    found, mixed = compare_runs(groups, asked), compare_runs({"a": older, "b": [newer]}, asked)
    assert {row["test"] for row in (*found.rows, *mixed.rows)} == {"bootstrap"}  # McNemar's is for rows of their own
    assert found.footer[-1] == "Rows of moods that share a text (text) count as one item."
    (task_folder(texts) / FI / "test.json").unlink()
    lost = compare_runs(groups, asked)
    assert lost.rows[0]["test"].startswith("McNemar")
    assert "Which do is not known in fi" in lost.footer[-1] and "mslt fetch data" in lost.footer[-1]


# -- the same run ----------------------------------------------------------------------------------


def test_a_model_s_folder_is_known_by_what_is_in_it(tiny_folder, moods, tmp_path, monkeypatch):
    shutil.copytree(tiny_folder, tmp_path / "m")
    shutil.copytree(tiny_folder, tmp_path / "elsewhere" / "n")
    monkeypatch.chdir(tmp_path)
    spelt = ["m", "./m", "m/", str(tmp_path / "m"), "elsewhere/../m", "elsewhere/n"]
    models = [fetch_model(name) for name in spelt]
    assert {model.name for model in models[:-1]} == {str(tmp_path / "m")}
    ids = {plan(Experiment(moods, model, [(EN,)], 12))[0].spec.run_id for model in models}
    assert len(ids) == 1
    # What is in it counts: here another dropout, with the same weights.
    config = json.loads((tmp_path / "m" / "config.json").read_text())
    (tmp_path / "m" / "config.json").write_text(json.dumps(config | {"hidden_dropout_prob": 0.4}))
    assert plan(Experiment(moods, fetch_model("m"), [(EN,)], 12))[0].spec.run_id not in ids


def test_a_model_with_a_name_is_known_by_it(tiny):
    from dataclasses import replace

    assert list(describe_model(replace(tiny, name="e5-small", revision="1.0")).items())[:2] == [
        ("name", "e5-small"),
        ("revision", "1.0"),
    ]


def test_runs_know_their_model_by_its_whole_path(run, moods, tiny, own_store):
    (found,) = run(moods, (EN,))
    assert found.identity["model"]["name"] == ""
    assert found.model == found.record["model"] == tiny.name
    with open_store(own_store) as store:
        assert [row.model for row in stored_evaluations(store)] == [tiny.name]
