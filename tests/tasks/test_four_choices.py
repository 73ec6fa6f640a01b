"""Belebele and Global-MMLU out of small files in their layouts, and their texts as lm-evaluation-harness has them."""

import json

import polars as pl
import pytest
from hub_server import HubServer
from in_process import run_command

from mslt_cli.data.prepared import load
from mslt_cli.data.shared_texts import item_ids
from mslt_cli.data.splits import fetch_data
from mslt_cli.errors import DataError
from mslt_cli.reports.task_facts import guess_accuracy
from mslt_cli.tasks import find_task
from mslt_cli.tasks.prompts import choice_prompt, choice_texts

BELEBELE, MMLU = find_task("belebele"), find_task("globalmmlu")


def passages(dialect, changes=()):
    """Three questions on two passages, as the files have them; the last with some changes."""
    rows = []
    for link, number, right in (("wiki/A", 1, "2"), ("wiki/A", 2, "4"), ("wiki/B", 1, "1")):
        answers = {f"mc_answer{i}": f"{dialect} {link} {number} {i}" for i in range(1, 5)}
        about = {"link": link, "question_number": number, "flores_passage": f"{dialect} passage {link}."}
        rows.append(about | {"question": f"{dialect} {number}? "} | answers | {"correct_answer_num": right})
        rows[-1] |= {"dialect": dialect, "ds": "2023-05-03"}
    rows[-1] |= dict(changes)
    return "".join(json.dumps(row) + "\n" for row in rows)


def questions(lang, split):
    options = {f"option_{letter}": [f"{lang} {letter} {i}" for i in range(2)] for letter in "abcd"}
    ids = [f"anatomy/{split}/{i}" for i in range(2)]
    return pl.DataFrame(
        {"sample_id": ids, "subject": ["anatomy"] * 2, "question": [f"{lang} 0", f"{lang} 1"], **options}
    ).with_columns(answer=pl.Series(["C", "A"]))


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    return tmp_path


def belebele_folder(home, **files):
    folder = home / "Belebele"
    folder.mkdir()
    for name, text in files.items():
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    return folder


def test_belebele_out_of_a_folder(home):
    names = ("deu_Latn", "arb_Arab", "arb_Latn", "zho_Hans", "zho_Hant")
    report = fetch_data(BELEBELE, from_path=belebele_folder(home, **{name: passages(name) for name in names}))
    assert [(record.language, record.split, record.rows) for record in report.records] == [
        ("ara", "test", 3),
        ("deu", "test", 3),
        ("zho", "test", 3),
    ]
    ara, deu, _ = (load(BELEBELE, record) for record in report.records)
    assert ara["flores_passage"][0] == "arb_Arab passage wiki/A."  # and not the second script's
    assert deu["id"].to_list() == ara["id"].to_list() == ["wiki/A#1", "wiki/A#2", "wiki/B#1"]
    assert deu["label"].to_list() == [1, 3, 0]
    assert item_ids(BELEBELE, deu) == ["wiki/A#1", "wiki/A#1", "wiki/B#1"]
    assert guess_accuracy(BELEBELE) == 0.25


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"correct_answer_num": "5"}, "the label 5"),
        ({"correct_answer_num": "0"}, "has the label '0'"),
        ({"mc_answer3": None}, "mc_answer3"),
        ({"flores_passage": None}, "has no flores_passage"),
        ({"link": None}, "has nothing in column id"),
    ],
)
def test_belebele_that_is_wrong_is_refused(home, changes, what):
    with pytest.raises(DataError, match=what):
        fetch_data(BELEBELE, from_path=belebele_folder(home, deu_Latn=passages("deu_Latn", changes)))


def test_a_file_of_another_language_than_its_name_says_is_refused(home):
    with pytest.raises(DataError, match="has no rows in de; it has fra_Latn"):
        fetch_data(BELEBELE, from_path=belebele_folder(home, deu_Latn=passages("fra_Latn")))


def test_rows_in_a_second_script_are_not_taken_for_the_first(home):
    text = passages("deu_Latn") + passages("arb_Latn")
    report = fetch_data(BELEBELE, from_path=belebele_folder(home, all=text))
    assert [record.language for record in report.records] == ["deu"]
    assert any("3 rows are left out" in note and "arb_Latn (3)" in note for note in report.notes)


def test_both_from_the_hub_at_their_commits(home, filled_store):
    belebele = {f"data/{name}.jsonl": passages(name).encode() for name in ("deu_Latn", "arb_Arab", "arb_Latn")}
    mmlu = {}
    for split in ("test", "dev"):
        questions("sw", split).write_parquet(path := home / f"{split}.parquet")
        mmlu[f"sw/{split}-00000-of-00001.parquet"] = path.read_bytes()
    with HubServer() as hub:
        hub.add("dataset", "facebook/belebele", belebele, revision=BELEBELE.hub.revision)
        hub.add("dataset", "CohereLabs/Global-MMLU", mmlu, revision=MMLU.hub.revision)
        there = {"HF_ENDPOINT": hub.url, "HF_HOME": str(home / "hf"), "NO_PROXY": "*", "MSLT_STORE": str(filled_store)}
        for task, langs, rows in (("belebele", "de,ar", 6), ("global-mmlu", "sw", 4)):
            done = run_command("fetch", "data", "--task", task, "--langs", langs, "--json", **there)
            assert done.returncode == 0, done.stderr
            assert sum(record["rows"] for record in json.loads(done.stdout)["data"]) == rows


def test_global_mmlu_out_of_its_files(home):
    for lang in ("de", "sw", "fil"):
        for split in ("test", "dev"):
            path = home / "mmlu" / lang / f"{split}-00000-of-00001.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            questions(lang, split).write_parquet(path)
    report = fetch_data(MMLU, from_path=home / "mmlu")
    assert {(r.language, r.split, r.rows) for r in report.records} == {
        (language, split, 2) for language in ("deu", "swa", "fil") for split in ("test", "dev")
    }
    rows = load(MMLU, next(r for r in report.records if (r.language, r.split) == ("swa", "test")))
    assert (rows["label"].to_list(), rows["id"][0]) == ([2, 0], "anatomy/test/0")
    assert rows["choices"][1].to_list() == ["sw a 1", "sw b 1", "sw c 1", "sw d 1"]
    broken = questions("de", "test").with_columns(answer=pl.lit("E"))
    broken.write_parquet(home / "mmlu" / "de" / "test-00000-of-00001.parquet")
    with pytest.raises(DataError, match="has 4 choices, and the label E"):
        fetch_data(MMLU, from_path=home / "mmlu")


def test_the_texts_are_those_of_the_harness_and_the_prompts_our_own():
    row = {"flores_passage": "It rained.", "question": "What fell? ", "choices": ["Snow", "Rain", "Hail", "Ash"]}
    before = "P: It rained.\nQ: What fell?\nA: Snow\nB: Rain\nC: Hail\nD: Ash\nAnswer:"
    assert choice_texts(BELEBELE, row, "en") == [(before, " A"), (before, " B"), (before, " C"), (before, " D")]
    before = "What fell?\nA. Snow\nB. Rain\nC. Hail\nD. Ash\nAnswer:"
    assert choice_texts(MMLU, row, "en")[3] == (before, " D")
    assert choice_prompt(BELEBELE, row, swapped=True) == (
        "### Input:\n"
        'Answer the number of option which answers the question about the text. "It rained."\n'
        "What fell? \n"
        "1. Ash\n2. Hail\n3. Rain\n4. Snow\n"
        "### Output:\n"
    )
