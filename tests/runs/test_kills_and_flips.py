"""Runs that are killed wherever a file changes, and files of runs with a byte flipped."""

import json
import random
import shutil
from pathlib import Path

import pytest
from kill_points import Killed, KillPoints, bytes_in
from tiny_experiments import store_for

from mslt_cli.errors import MsltError
from mslt_cli.files import new_file
from mslt_cli.measuring.sentence_vectors import make_embedder
from mslt_cli.models.find import fetch_model
from mslt_cli.runs.answering import Evaluation
from mslt_cli.runs.directory import RunError, read_run, run_folder_name, write_run
from mslt_cli.runs.evaluate import evaluate_model, evaluate_run
from mslt_cli.runs.experiment import train
from mslt_cli.runs.how import How
from mslt_cli.training.settings import Settings

pytest.importorskip("torch")
QUICK = Settings(epochs=2, batch_size=4, learning_rate=1e-2)
KEPT = How(checkpoint_every=2, keep_model=True)


@pytest.fixture(scope="module")
def points():
    return KillPoints()


@pytest.fixture
def run(filled_store, home, tiny, heard, moods):
    """Trains one run of six steps."""

    def start(root, how=KEPT, targets=("fin",), task=moods):
        given = {"examples": 12, "settings": QUICK, "progress": heard, "how": how, "targets": targets}
        (finished,) = train(store_for(home / root, filled_store), task, tiny, [("eng",)], root=home / root, **given)
        if finished.error is not None:
            raise finished.error
        return finished.outcome

    return start


def killed_at(points, folder, at, work):
    """Do some work, and die before change number `at` of the files in a folder; False: there are fewer."""
    points.start(folder, at)
    try:
        work()
    except Killed:
        return True
    finally:
        points.stop()
    return False


def test_a_run_killed_where_a_file_changes_ends_as_one_that_was_not(run, points, home):
    points.start(home / "whole")
    whole = bytes_in(run("whole").run.directory)
    points.stop()
    assert len(points.seen) > 40
    chosen = (
        random.Random(0).sample(range(len(points.seen)), 6)
        + [at for at, change in enumerate(points.seen) if change == "os.rename run.json" or "rmtree" in change][-2:]
    )
    for at in chosen:
        shutil.rmtree(home / "killed", ignore_errors=True)
        assert killed_at(points, home / "killed", at, lambda: run("killed"))
        assert bytes_in(run("killed").run.directory) == whole, at


def test_a_finished_run_that_is_trained_again_is_whole_whatever_is_killed(run, points, home):
    plain = How(checkpoint_every=2)
    run("first", plain)
    shutil.copytree(home / "first", home / "second")
    points.start(home / "second")
    whole = bytes_in(run("second", plain, ("fra",)).run.directory)
    points.stop()
    changes = points.seen
    last = next(at for at, change in enumerate(changes) if change == "os.rename run.json")
    for at in [*random.Random(1).sample(range(last), 2), last - 3, last - 1, last, last + 1]:
        shutil.rmtree(home / "again", ignore_errors=True)
        shutil.copytree(home / "first", home / "again")
        assert killed_at(points, home / "again", at, lambda: run("again", plain, ("fra",)))
        assert run("again", plain).status == "done"  # what was done is never given up
        ended = run("again", plain, ("fra",)).run
        assert bytes_in(ended.directory) == whole, changes[at]
        assert ended.record["training"]["tokens"] == json.loads(whole["run.json"])["training"]["tokens"]


def flip(path, rng):
    data = bytearray(path.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def test_a_flipped_byte_in_a_stopped_run_changes_nothing(run, home, points, heard):
    whole = bytes_in(run("whole").run.directory)
    points.start(home / "stopped")
    run("stopped")
    points.stop()
    at = next(i for i, change in enumerate(points.seen) if change == "open .fin" or "moods-test-fin" in change)
    shutil.rmtree(home / "stopped")
    assert killed_at(points, home / "stopped", at, lambda: run("stopped"))
    rng = random.Random(2)
    (directory,) = (home / "stopped").iterdir()
    files = [path.relative_to(directory) for path in sorted(directory.rglob("*")) if path.is_file()]
    newest = [name for name in files if name.parts[0] != "checkpoints" or name.parts[1] == "000004"]
    assert {"state.safetensors", "state.json", "metrics.jsonl", "config.json"} <= {name.name for name in newest}
    for name in [*newest, None]:
        shutil.copytree(home / "stopped", home / "flipped")
        (directory,) = (home / "flipped").iterdir()
        for each in [name] if name else [file for file in files if file.parts[0] == "checkpoints"]:
            if (directory / each).stat().st_size:
                flip(directory / each, rng)
        assert bytes_in(run("flipped").run.directory) == whole, name
        shutil.rmtree(home / "flipped")
    assert any("the checkpoint of step 4 is damaged" in note for note in heard.notes)
    assert any("the checkpoint of step 4 and 2 is damaged" in note for note in heard.notes)


def test_a_flipped_byte_in_a_finished_run_is_refused_by_a_sentence(run, home, tiny, moods, own_store):
    directory = run("kept").run.directory
    rng = random.Random(3)
    files = [
        path for path in sorted(directory.rglob("*")) if path.is_file() and path.name not in (".lock", "README.md")
    ]
    assert {"model.safetensors", "config.json", "run.json", "metrics.jsonl"} <= {path.name for path in files}
    for path in files:
        before = path.read_bytes()
        flip(path, rng)
        with pytest.raises(RunError, match="was changed|cannot be read"):
            evaluate_run(own_store, read_run(directory), tiny, Evaluation(moods, "test", ("fra",)))
        with pytest.raises(MsltError):
            run("kept")
        path.write_bytes(before)
    (directory / "model" / "adapter_config.json").write_text("{}")  # transformers would look at it
    with pytest.raises(RunError, match="is not of this run"):
        evaluate_run(own_store, read_run(directory), tiny, Evaluation(moods, "test", ("fra",)))
    (directory / "model" / "adapter_config.json").unlink()
    assert run("kept").status == "done"


def test_weights_of_a_run_are_checked_where_they_are_given_as_a_model(run, home, moods, own_store):
    folder = run("kept").run.model_folder
    given = {"root": home / "as-models"}
    evaluate_model(own_store, fetch_model(str(folder)), Evaluation(moods, "test", ("fin",)), **given)
    make_embedder(fetch_model(str(folder)))
    flip_last(folder / "model.safetensors")
    with pytest.raises(RunError, match="model.safetensors is not as mslt wrote it"):
        evaluate_model(own_store, fetch_model(str(folder)), Evaluation(moods, "test", ("tur",)), **given)
    with pytest.raises(RunError, match="model.safetensors is not as mslt wrote it"):
        make_embedder(fetch_model(str(folder)))
    (home / "link").symlink_to(folder)
    with pytest.raises(RunError, match="model.safetensors is not as mslt wrote it"):
        train(own_store, moods, fetch_model(str(home / "link")), [("eng",)], examples=12, settings=QUICK, root=home)


def flip_last(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def test_weights_without_checksums_are_used_get_some_and_that_is_said(run, home, tiny, moods, own_store, heard):
    done = run("kept").run
    (directory, record) = done.directory, dict(done.record)
    record["files"] = {name: x for name, x in record["files"].items() if "model/" not in name and name != "config.json"}
    write_run(directory, record)  # as an earlier mslt did
    from mslt_cli.runs.session import Session

    session = Session(tiny, progress=heard)
    assert run("kept").status == "done"
    more = evaluate_run(own_store, read_run(directory), tiny, Evaluation(moods, "test", ("fra",)), session=session)
    assert any("kept no checksums of its weights" in note for note in heard.notes)
    assert "model/model.safetensors" in more.files and "config.json" in more.files


def test_a_disk_that_is_full_when_predictions_are_written_ends_one_run_of_a_grid(
    run, home, own_store, moods, tiny, monkeypatch
):
    original = Path.write_bytes

    def full(self, data):
        if ".moods-test-fin" in self.name and "_s1_" in str(self):
            raise OSError(28, "No space left on device")
        return original(self, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    given = {"examples": 12, "settings": QUICK, "targets": ("fin",), "seeds": (0, 1, 2)}
    done = train(own_store, moods, tiny, [("eng",)], root=home / "full", **given)
    assert [finished.error is None for finished in done] == [True, False, True]
    assert "cannot be written: the disk is full" in str(done[1].error)


def test_what_a_rust_library_says_of_a_full_disk_is_an_error_of_the_system(tmp_path):
    with pytest.raises(MsltError, match="the disk is full"), new_file(tmp_path / "x") as part:
        part.touch()
        raise RuntimeError("No space left on device (os error 28)")


def test_runs_that_a_busy_store_did_not_take_are_indexed_by_the_next_save(run, filled_store, monkeypatch, heard, home):
    from mslt_cli.errors import StoreError
    from mslt_cli.runs import index
    from mslt_cli.store.db import open_store
    from mslt_cli.store.runs import find_runs

    with monkeypatch.context() as patch:

        def busy(*_, **__):
            raise StoreError("The store is being written by another process, for more than 30 s. Try again later.")

        patch.setattr(index, "open_store", busy)
        done = run("runs")
    assert done.status == "trained" and read_run(done.run.directory) is not None
    assert [note for note in heard.notes if "The runs are safe: the same command again indexes them" in note]
    assert run("runs").status == "done"
    with open_store(store_for(home / "runs", filled_store)) as store:
        assert [row.run_id for row in find_runs(store)] == [done.run.run_id]


def test_a_long_name_is_cut_and_the_id_is_not():
    name = run_folder_name("ф" * 200 + "_tiny_eng_12_s0", "1a2b3c4d5e6f")
    assert name == "ф" * 121 + "_1a2b3c4d5e6f"  # 242 bytes of 255 − 13
    assert run_folder_name("moods_tiny_eng_12_s0", "1a2b3c4d5e6f") == "moods_tiny_eng_12_s0_1a2b3c4d5e6f"
