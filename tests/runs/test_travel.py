"""Runs that travel: done wherever they lie and were made; and what keeps the store and folders of runs one."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from in_process import run_command

from mslt_cli.errors import MsltError, UnknownNameError
from mslt_cli.models.find import fetch_model
from mslt_cli.runs.directory import read_run, sha256_of_json, write_json
from mslt_cli.runs.experiment import train
from mslt_cli.runs.housekeeping import discard_runs, find_disagreements, find_place, prune_runs
from mslt_cli.runs.how import How
from mslt_cli.runs.index import index_runs
from mslt_cli.runs.locks import locked
from mslt_cli.store.db import open_store
from mslt_cli.store.runs import find_runs, save_run
from mslt_cli.tasks import find_task
from mslt_cli.training.settings import Settings

pytest.importorskip("torch")

QUICK = Settings(epochs=1, batch_size=4, learning_rate=1e-2)


@pytest.fixture
def run(own_store, home, moods, tiny):
    """Trains one run on English, or finds it."""

    def start(**given):
        given = {"store": own_store, "task": moods, "model": tiny, "settings": QUICK, "root": home / "runs"} | given
        (finished,) = train(sources=[("eng",)], examples=8, targets=("fin",), **given)
        assert finished.error is None, finished.error
        return finished.outcome

    return start


def fetch(store, folder):
    with open_store(store, write=True) as opened:
        return index_runs(opened, [folder])


def test_fetched_runs_are_done_for_the_same_plan_under_any_spelling_of_the_model(run, home, filled_store, tiny_folder):
    made = run()
    moved = home / "from cluster"
    shutil.move(made.run.directory.parent, moved)
    other = Path(shutil.copy(filled_store, home / "laptop.db"))
    fetch(other, moved)
    copy = shutil.copytree(tiny_folder, home / "another name")  # as on another machine
    found = run(store=other, model=fetch_model(str(copy)), root=home / "elsewhere")
    assert (found.status, found.run.run_id) == ("done", made.run.run_id)
    assert found.run.directory.parent == moved
    assert not (home / "elsewhere").exists()
    assert run(store=other, root=home / "elsewhere", how=How(force=True)).run.directory.parent == home / "elsewhere"


def test_runs_that_were_copied_into_the_folder_are_done_before_a_store_knows_them(run, home, filled_store, tiny_folder):
    made = run().run.directory
    shutil.copytree(tiny_folder, home / "model of theirs")
    renamed = made.rename(made.with_name("a_name_of_mine_" + made.name.rpartition("_")[2]))
    other = Path(shutil.copy(filled_store, home / "other.db"))
    assert run(store=other, model=fetch_model(str(home / "model of theirs"))).run.directory == renamed


def test_where_precision_was_left_to_the_machine_runs_of_a_gpu_are_done(run, home, own_store):
    made = run().run
    identity = made.identity | {"settings": made.identity["settings"] | {"precision": "bf16"}}
    run_id = sha256_of_json(identity)[:12]
    for device, status in (("cpu", "trained"), ("NVIDIA H100", "done")):
        record = {**made.record, "run_id": run_id, "identity": identity}
        record |= {"environment": {**made.record["environment"], "device": device}}
        there = shutil.copytree(made.directory, home / device / f"x_{run_id}")
        write_json(there / "run.json", {**record, "sha256": sha256_of_json(record)})
        fetch(own_store, there)
        if made.directory.exists():
            shutil.rmtree(made.directory)
        assert run(root=home / device / "runs").status == status, device
        asked = run(root=home / device / "decided", settings=replace(QUICK, precision="fp32")).status
        assert asked == ("done" if device == "cpu" else "trained")
        with open_store(own_store, write=True) as store:
            prune_runs(store)
            shutil.rmtree(home / device / "runs", ignore_errors=True)
            shutil.rmtree(home / device / "decided", ignore_errors=True)
            prune_runs(store)
        made = replace(made, directory=there)


def test_a_task_whose_path_is_whole_is_the_same_elsewhere_and_runs_of_earlier_versions_count(run, home, moods):
    file = home / "moods.toml"
    text = file.read_text()
    file.write_text(text.replace('"moods/{lang}', f'"{home}/moods/{{lang}}'))
    whole = find_task(str(file))
    earlier = run(task=replace(whole, meaning=whole.definition)).run.run_id
    assert run(task=whole).run.run_id == earlier
    shutil.move(home / "moods", home / "there" / "moods")
    file.write_text(text.replace('"moods/{lang}', f'"{home}/there/moods/{{lang}}'))
    moved = find_task(str(file))
    assert (moved.meaning, moved.definition == whole.definition) == (whole.meaning, False)
    assert moods.meaning == moods.definition  # ids of runs stay where the path is beside the file
    for line, same in (
        ('summary = "x"', True), ('licence = "MIT"', True), ('metric = "accuracy"', True),
        ('cluster = ["text"]', False), ("first_label = 1", False),
    ):  # fmt: skip
        file.write_text(line + "\n" + text)
        assert (find_task(str(file)).meaning == moods.meaning) is same, line


def test_a_model_has_one_name_in_a_store_that_of_its_folder_here(run, own_store, home):
    made = run().run
    with open_store(own_store, write=True) as store:
        identity = {**made.identity, "seed": 7}
        theirs = {**made.record, "identity": identity, "run_id": "7" * 12, "model": "/scratch/them/m"}
        save_run(store, home / "theirs", theirs)
        assert {row.model for row in find_runs(store)} == {made.model}
        store.connection.execute("UPDATE runs SET model = '/scratch/them/m'")
        save_run(store, made.directory, made.record)
        assert {row.model for row in find_runs(store)} == {made.model}


def test_store_and_folders_that_disagree_are_listed_and_put_right(run, own_store, home):
    first, second = run().run, run(settings=replace(QUICK, learning_rate=2e-2)).run
    root = first.directory.parent
    with open_store(own_store, write=True) as store:
        assert find_disagreements(store, root) == []
        shutil.move(first.directory, home / "gone")
        stranger = shutil.copytree(second.directory, root / "copy_of_it")
        rows = {row.directory: (row.run_id, row.what) for row in find_disagreements(store, root)}
        assert rows == {
            str(first.directory): (first.run_id, "its directory is gone"),
            str(stranger): (second.run_id, f"the store has it in {second.directory}"),
        }
        assert [place.run_id for place in prune_runs(store)] == [first.run_id]
        assert [row.run_id for row in find_runs(store)] == [second.run_id]
        assert discard_runs(store, [find_place(store, str(stranger), home / "runs")])[0].run_id == second.run_id
        assert not stranger.exists() and len(find_runs(store)) == 1  # the store's own directory is another
        with locked(second.directory, wait=False), pytest.raises(MsltError, match="is being run by another process"):
            discard_runs(store, [find_place(store, second.run_id[:6], home / "runs")])
        assert read_run(second.directory) is not None
        discard_runs(store, [find_place(store, second.run_id[:6], home / "runs")])
        assert not second.directory.exists() and find_runs(store) == []
        with pytest.raises(UnknownNameError, match="There is no run"):
            find_place(store, second.run_id[:6], root)


def test_nothing_but_what_a_run_wrote_is_deleted(run, own_store, home, tiny_folder, monkeypatch):
    made = run().run
    notes = home / "notes"
    notes.mkdir()
    (notes / "config.json").write_text("{}")
    (notes / "run.json").write_text("{}")
    with open_store(own_store, write=True) as store:
        monkeypatch.chdir(made.directory)
        for other in (tiny_folder, notes, "", " "):  # folders with a config.json; an unset variable
            with pytest.raises(UnknownNameError, match="There is no run"):
                find_place(store, str(other), made.directory.parent)
        (made.directory / "thesis.tex").write_text("mine")
        other = shutil.copytree(made.directory, made.directory.with_name("moods_5e6f7a8b9c0d"))
        (other / "run.json").unlink()
        config = json.loads((other / "config.json").read_text())
        (other / "config.json").write_text(json.dumps(config | {"run_id": "5e6f7a8b9c0d"}))
        begun = find_place(
            store, "5e6f", made.directory.parent
        )  # of one that has not ended there is its directory alone
        assert (begun.run_id, begun.directory) == ("5e6f7a8b9c0d", str(other))
        (place,) = discard_runs(store, [find_place(store, str(made.directory), home / "runs")])
        assert place.what == "deleted; files that are not of the run stay"
        assert [path.name for path in made.directory.iterdir()] == ["thesis.tex"]
        assert find_runs(store) == []


def test_a_run_is_deleted_by_whoever_says_yes(run, own_store, home):
    made = run().run
    words = ["fetch", "runs", "--store", own_store, "--json", "--discard", made.run_id[:6]]
    refused = run_command(*words, HF_HOME=str(home / "hf"))
    assert (refused.returncode, made.directory.is_dir()) == (1, True)
    assert "Give --yes" in refused.stderr
    done = run_command(*words, "--yes", HF_HOME=str(home / "hf"))
    assert json.loads(done.stdout)["runs"][0]["what"] == "deleted"
    assert not made.directory.exists()
    listed = run_command("report", "runs", "--missing", "--store", own_store, HF_HOME=str(home / "hf"))
    assert "The store and the directories of runs agree." in listed.stdout
