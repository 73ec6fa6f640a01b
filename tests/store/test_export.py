"""The script that writes what ships in db/, and what a store takes in of it."""

import csv
import runpy
import shutil
import sys
from pathlib import Path

from made_runs import TRIPLES, even, made_record

from mslt_cli.store import results
from mslt_cli.store.db import open_store
from mslt_cli.store.results import fill_results
from mslt_cli.store.row_answers import RowAnswers, pack_items, pack_right, stored_items
from mslt_cli.store.runs import save_run, stored_scores

DB = Path(__file__).parents[2] / "db"


def test_what_is_exported_comes_back_as_shipped_with_its_answers(own_store, filled_store, tmp_path, monkeypatch):
    fill_results(own_store)  # what ships already is not exported again
    most = dict.fromkeys(even(0.5), 2)
    record, baseline = made_record(TRIPLES[0], even(0.5), rows=3, most=most), made_record((), even(0.4))
    answers = {}
    for score in record["scores"]:
        score["predictions"] = name = score["target"]
        answers[name] = RowAnswers(pack_right([True, False, name == "fin"]), pack_items(["a", "b", name]))
    with open_store(own_store, write=True) as store:
        save_run(store, tmp_path, record, answers)
        save_run(store, tmp_path, baseline)  # a model as it is does not ship
    folder = Path(shutil.copytree(DB, tmp_path / "db"))
    monkeypatch.setattr(sys, "argv", ["export_runs.py", str(own_store), "--into", str(folder)])
    runpy.run_path(str(DB / "export_runs.py"), run_name="__main__")
    monkeypatch.setattr(results, "results_path", folder.joinpath)
    with (folder / "items.csv").open(newline="") as file:
        assert [row["data_sha256"] for row in csv.DictReader(file)] == sorted(f"rows of {x}" for x in answers)
    path = Path(shutil.copy(filled_store, tmp_path / "new.db"))
    fill_results(path)
    with open_store(path) as store:
        scores, items = stored_scores(store), stored_items(store)
    assert {(score.run_id, score.origin) for score in scores} == {(record["run_id"], "shipped")}
    assert {score.target: score.right_rows for score in scores} == {name: of.right for name, of in answers.items()}
    assert len({int(item) for of_target in items.values() for item in of_target}) == 2 + len(answers)
