"""Aligned data: equal ids are the same item, and no id is made up that pairs two rows which are no translations."""

import json

import pytest
from made_files import jsonl, lay_out

from mslt_cli.data.prepared import Record, records, task_folder
from mslt_cli.data.splits import ensure_data, fetch_data, read_data
from mslt_cli.errors import DataError
from mslt_cli.tasks import find_task

PARALLEL = """
name = "songs"
kind = "parallel"
path = "{lang}.jsonl"
languages = ["en", "de", "fr"]
splits = ["test"]
aligned = true
"""
CLASSES = PARALLEL.replace('"parallel"', '"sequence-classification"') + 'labels = ["sad", "glad"]\n'


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))


def rows(ids, labels=None):
    """Rows with these ids ("-" = there is no such key), and a label each."""
    made = []
    for number, id_ in enumerate(ids):
        made.append({"text": f"{number}"} | ({} if id_ == "-" else {"id": id_}))
        if labels:
            made[-1]["label"] = labels[number]
    return jsonl(*made)


def task_of(folder, toml=PARALLEL, **files):
    lay_out(folder, {"songs.toml": toml.encode(), **{f"{code}.jsonl": data for code, data in files.items()}})
    return find_task(str(folder / "songs.toml"))


def ids_of(task, *languages):
    return [read_data(task, language, "test")["id"].to_list() for language in languages]


@pytest.mark.parametrize(
    ("en", "de", "says"),
    [
        ([0, 1, 2], ["-", "-", "-"], "in de have no ids, and those in en have, so which are translations cannot be"),
        ([1, 2, 3], [None, None, None], "in de have no ids, and those in en have"),
        (["-", "-"], ["a", "b"], "in en have no ids, and those in de have"),
        (["-", "-", "-"], ["-", "-"], "there are no ids, and 3 rows in en but 2 in de, so which are translations"),
        (["a", "b"], ["a", None], "Row 2 of .*de.jsonl has nothing in column id, by which it is paired"),
        (["", "b"], ["a", "b"], "Row 1 of .*en.jsonl has nothing in column id"),
    ],
)
def test_ids_that_would_pair_other_rows_are_refused(tmp_path, en, de, says):
    task = task_of(tmp_path, en=rows(en), de=rows(de))
    with pytest.raises(DataError, match=says):
        fetch_data(task)
    assert len(list(records(task))) < 2


@pytest.mark.parametrize(
    ("en", "de", "stored"),
    [
        (["-", "-"], ["-", "-"], [["0", "1"], ["0", "1"]]),
        ([None, None], ["-", "-"], [["0", "1"], ["0", "1"]]),
        ([3, 1], [1, 2, 3], [["3", "1"], ["1", "2", "3"]]),
        (["1", "2"], [2, 1], [["1", "2"], ["2", "1"]]),
    ],
)
def test_ids_are_taken_as_they_are_or_are_row_numbers_in_all_languages(tmp_path, en, de, stored):
    task = task_of(tmp_path, en=rows(en), de=rows(de))
    assert fetch_data(task).notes[1:] == ()  # the first says that there is no French
    assert ids_of(task, "en", "de") == stored


def test_languages_that_are_fetched_one_after_the_other_are_compared_as_well(tmp_path):
    task = task_of(tmp_path, en=rows(["-", "-"]), de=rows(["-", "-", "-"]), fr=rows(["-", "-"]))
    fetch_data(task, ["en"])
    fetch_data(task, ["fr"])
    with pytest.raises(DataError, match="2 rows in en but 3 in de"):
        fetch_data(task, ["de"])
    lay_out(tmp_path, {"en.jsonl": rows(["-"] * 4), "de.jsonl": rows(["-"] * 4), "fr.jsonl": rows(["-"] * 4)})
    assert [record.rows for record in fetch_data(task, ["de"]).records] == [4]  # the others are of older files


def test_cached_data_that_cannot_be_paired_are_refused_where_they_are_used(tmp_path, monkeypatch):
    pud = find_task("pud")
    lay_out(tmp_path / "a", {"de_pud-ud-test.jsonl": rows(["x"]), "fr/test.jsonl": rows(["x"])})
    fetch_data(pud, from_path=tmp_path / "a")
    path = task_folder(pud) / "fra" / "test.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"numbered": True}))
    for languages in (["de", "fr"], []):
        with pytest.raises(DataError, match="pud test: the data in fr have no ids, and those in de have"):
            ensure_data(pud, languages, "test")
    assert [record.language for record in ensure_data(pud, ["fr"], "test")] == ["fra"]
    assert Record("pud", "fra", "fr", "test", 1, 1).numbered is None  # of what was cached before this was recorded


def test_a_few_translations_with_other_labels_are_a_note_and_many_an_error(tmp_path):
    twenty = list(range(20))
    labels = ["sad", "glad"] * 10
    task = task_of(tmp_path, CLASSES, en=rows(twenty, labels), de=rows(twenty[::-1], [*labels[:0:-1], "glad"]))
    notes = fetch_data(task).notes
    assert notes[-1] == "songs test: translations have other labels than in en: 1 of 20 in de (first: id 0)."
    lay_out(tmp_path, {"de.jsonl": rows(twenty, labels[::-1])})
    with pytest.raises(DataError, match=r"equal ids have other labels than in en: 20 of 20 in de .first: id 0."):
        fetch_data(task)
    fetch_data(task, ["en"])
    with pytest.raises(DataError, match="equal ids have other labels than in en: 20 of 20 in de"):
        fetch_data(task, ["de"])


def test_data_that_are_not_aligned_may_have_any_ids(tmp_path):
    toml = CLASSES.replace("aligned = true", "")
    task = task_of(tmp_path, toml, en=rows([1, None], ["sad", "sad"]), de=rows(["-"], ["glad"]))
    fetch_data(task)
    assert ids_of(task, "en", "de") == [["0", "1"], ["0"]]


def test_a_column_of_ids_that_the_task_names_has_to_be_there(tmp_path):
    task = task_of(tmp_path, f'{PARALLEL}columns = {{id = "nr"}}\n', en=rows(["-", "-"]), de=rows(["-", "-"]))
    with pytest.raises(DataError, match=r"en.jsonl has no column for id of songs .looked for nr; it has"):
        fetch_data(task)
    lay_out(tmp_path, {f"{code}.jsonl": jsonl({"nr": 7, "text": "a"}) for code in ("en", "de")})
    fetch_data(task)
    assert ids_of(task, "en", "de") == [["7"], ["7"]]
