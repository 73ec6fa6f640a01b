"""torchrun: two processes train one run together."""

import os
import subprocess
import sys
import textwrap

import pytest

from mslt_cli.runs.directory import check_files
from mslt_cli.runs.experiment import train
from mslt_cli.training.distributed import is_first_process, is_launched
from mslt_cli.training.settings import Settings

torch = pytest.importorskip("torch")


def test_two_processes_under_torchrun_do_what_one_does(moods, tiny_folder, tiny, own_store, home, tmp_path):
    settings = "Settings(epochs=2, batch_size=5, learning_rate=1e-2, dropout=0.0)"  # an odd batch: 3 and 2
    script = tmp_path / "together.py"
    script.write_text(
        textwrap.dedent(f"""
        from pathlib import Path
        from mslt_cli.models.find import fetch_model
        from mslt_cli.runs.experiment import train
        from mslt_cli.runs.how import How
        from mslt_cli.tasks import find_task
        from mslt_cli.training.settings import Settings
        (done,) = train(Path({str(own_store)!r}), find_task({moods.file!r}), fetch_model({str(tiny_folder)!r}),
                        [("deu", "eng")], examples=22, root=Path({str(home / "two")!r}), settings={settings},
                        how=How(checkpoint_every=2, device="cpu"))
        assert done.error is None, done.error
        """)
    )
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    subprocess.run(words, check=True, timeout=200, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True)
    (alone,) = train(
        own_store,
        moods,
        tiny,
        [("deu", "eng")],
        examples=22,
        root=home / "one",
        settings=Settings(epochs=2, batch_size=5, learning_rate=1e-2, dropout=0.0),
    )
    from mslt_cli.runs.directory import read_run

    (directory,) = (home / "two").iterdir()
    together = read_run(directory)
    check_files(together)
    assert together.run_id != alone.outcome.run.run_id  # each process draws its own dropout
    assert together.record["identity"] == alone.outcome.run.record["identity"] | {"processes": 2}
    assert together.record["command"].startswith("torchrun --nproc-per-node 2 -m mslt_cli train ")
    assert together.record["environment"]["processes"] == 2
    losses = [run.record["training"]["loss"] for run in (together, alone.outcome.run)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    assert [s["value"] for s in together.scores] == [s["value"] for s in alone.outcome.run.scores]


def test_which_process_talks(monkeypatch):
    for name in ("WORLD_SIZE", "RANK"):
        monkeypatch.delenv(name, raising=False)
    assert is_first_process() and not is_launched()
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    assert is_launched() and not is_first_process()
    monkeypatch.setenv("RANK", "0")
    assert is_first_process()
