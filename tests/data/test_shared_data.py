"""Real data, where they are: counts that are known of them. MSLT_SHARED_DATA, or ../shared/data beside the checkout."""

import os
from pathlib import Path

import pytest

from mslt_cli.data.prepared import load
from mslt_cli.data.splits import fetch_data
from mslt_cli.tasks import find_task

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("MSLT_SHARED_DATA") or ROOT.parent / "shared" / "data")
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"no data in {DATA}; MSLT_SHARED_DATA says where they are")


@pytest.fixture(scope="module")
def fetched(tmp_path_factory):
    """Fetches a task from a folder of the data once; {"de test": (record, frame)}."""
    known = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HOME", str(tmp_path_factory.mktemp("hf")))

        def fetch(name, folder=None):
            if name not in known:
                task = find_task(name)
                report = fetch_data(task, from_path=DATA / (folder or name))
                known[name] = {f"{r.code} {r.split}": (r, load(task, r)) for r in report.records}
            return known[name]

        yield fetch


def each(codes, rows):
    return dict.fromkeys(codes.split(), rows)


def heights(data, split):
    return {key.split()[0]: frame.height for key, (_, frame) in data.items() if key.endswith(f" {split}")}


def test_xcopas_questions_are_repaired_in_so_many_rows(fetched):
    data = fetched("xcopa")
    repaired = {key: record.repaired["question"] for key, (record, _) in data.items() if record.repaired["question"]}
    assert repaired == {
        **{"th validation": 52, "tr validation": 52, "sw validation": 6, "id validation": 5, "it validation": 5},
        **{"th test": 250, "tr test": 51, "sw test": 37, "id test": 4},
    }
    assert heights(data, "validation") == each("et ht id it qu sw ta th tr vi zh", 100)
    assert heights(data, "test") == each("et id sw th tr", 500)
    for split, ones in (("validation", 45), ("test", 250)):  # labels are 55/45 and 250/250, the same everywhere
        frames = [frame for key, (_, frame) in data.items() if key.endswith(split)]
        assert {tuple(frame["label"]) for frame in frames} == {tuple(frames[0]["label"])}
        assert {tuple(frame["question"]) for frame in frames} == {tuple(frames[0]["question"])}
        assert frames[0]["label"].sum() == ones
        assert frames[0]["id"].to_list() == [str(i) for i in range(frames[0].height)]
    first = data["et validation"][1].row(0, named=True)
    assert (first["premise"], first["question"]) == ("Mees keeras kraani lahti.", "effect")


def test_pawsx_loses_its_untranslated_rows(fetched):
    data = fetched("pawsx")
    kept = {"en": 2_000, "fr": 1_992, "es": 1_962, "de": 1_932, "zh": 1_984, "ja": 1_980, "ko": 1_965}
    assert heights(data, "validation") == kept
    assert {code: data[f"{code} validation"][0].repaired["untranslated"] for code in kept} == {
        code: 2_000 - rows for code, rows in kept.items()
    }
    labels = {code: dict(data[f"{code} validation"][1].select("id", "label").iter_rows()) for code in kept}
    for code in kept:  # an id that is kept has the same label in every language
        assert all(labels["en"][i] == label for i, label in labels[code].items()), code


def test_xwinograd_has_its_rows_and_its_right_answers_in_either_place(fetched):
    data = fetched("xwinograd")
    assert heights(data, "test") == {"en": 2_325, "fr": 83, "jp": 959, "pt": 263, "ru": 315, "zh": 16}
    first = {code: (frame["label"] == 0).sum() for code, (_, frame) in ((k.split()[0], v) for k, v in data.items())}
    assert (first["jp"], 959 - first["jp"]) == (466, 493)
    assert (first["pt"], 263 - first["pt"]) == (132, 131)
    for _, frame in data.values():
        assert (frame["sentence"].str.count_matches("_", literal=True) == 1).all()
        assert (frame["choices"].list.len() == 2).all()
    # The paper's example: `_` in the place of それ, and the first candidate is right.
    japanese = data["jp test"][1].select("sentence", "label").rows()
    assert ("チンパンジーはリナックスを使えなかった。_が動物だからだ。", 0) in japanese


def test_pud_is_aligned_in_all_its_languages(fetched):
    data = fetched("pud")
    assert heights(data, "test") == each("ar de en es fi fr id ja ko ru th tr zh", 1_000)
    assert len({tuple(frame["id"]) for _, frame in data.values()}) == 1
    english = dict(data["en test"][1].select("id", "text").iter_rows())
    assert english["n01001011"].startswith("“While much of the digital transition is unprecedented")
    # The raw sentence, not its words: those would leave a blank before the full stop.
    assert not any(text.endswith(" .") for text in english.values())


def test_xnli_is_aligned_in_all_its_languages(fetched):
    data = fetched("xnli")
    for split, rows in (("validation", 2_490), ("test", 2_499)):
        assert heights(data, split) == each("ar bg de el en es fr hi ru sw th tr ur vi zh", rows)
        frames = [frame for key, (_, frame) in data.items() if key.endswith(split)]
        assert len({tuple(frame["label"]) for frame in frames}) == 1
        assert frames[0]["label"].value_counts().sort("label")["count"].to_list() == [rows // 3] * 3


def test_udpos_and_ner_have_their_rows_and_labels(fetched):
    udpos, ner = fetched("udpos"), fetched("wikiann", "ner")
    assert heights(udpos, "train") == {
        "ar": 6_075,
        "de": 8_000,
        "en": 8_000,
        "es": 3_375,
        "fr": 3_034,
        "ru": 8_000,
        "zh": 3_997,
    }
    assert heights(udpos, "test")["th"] == 1_000  # which is the PUD text
    pud = fetched("pud")["th test"][1]
    assert set(udpos["th test"][1]["id"]) == set(pud["id"])
    assert set(heights(ner, "train").values()) == {5_000, 3_645}
    assert heights(ner, "validation").keys() == heights(ner, "train").keys() - {"th"}
    assert set(heights(ner, "test").values()) == {1_500}
    for task, data in (("udpos", udpos), ("wikiann", ner)):
        top = len(find_task(task).labels) - 1
        for _, frame in data.values():
            labels = frame["labels"].explode()
            assert (labels.min(), labels.max() <= top, labels.null_count()) == (0, True, 0)
            assert (frame["tokens"].list.len() == frame["labels"].list.len()).all()
    # The tokens are the words themselves: no language stands before them.
    assert not ner["en test"][1]["tokens"].explode().str.starts_with("en:").any()


def test_instructions_and_stories_of_several_files_are_there(fetched):
    assert heights(fetched("bactrian", "instruct"), "train") == {
        **{"ar": 500, "de": 1_500, "en": 1_675, "es": 500, "et": 107, "fr": 431, "ru": 937, "zh": 1_675}
    }
    stories = fetched("xstorycloze", "storycloze")
    assert heights(stories, "train") == {"id": 1_000}
    assert heights(stories, "eval") == {"id": 200}
    assert set(stories["id eval"][1]["label"]) == {0, 1}


def test_sib200_is_aligned_in_languages_of_several_scripts(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    task = find_task("sib200")
    report = fetch_data(task, ["en", "ak", "twi", "nob_Latn", "zh"], from_path=DATA / "sib200")
    assert {(record.split, record.rows) for record in report.records} == {
        ("train", 701),
        ("validation", 99),
        ("test", 204),
    }
    of_test = [load(task, record).sort("id") for record in report.records if record.split == "test"]
    assert len(of_test) == 5
    assert len({tuple(zip(frame["id"], frame["label"], strict=True)) for frame in of_test}) == 1
