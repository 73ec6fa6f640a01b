"""What files say of themselves is what counts: names of labels, second texts, languages and splits in columns."""

import io
import json

import polars as pl
import pytest
from made_files import jsonl, lay_out, lines, tsv

from mslt_cli.data.prepared import load
from mslt_cli.data.splits import fetch_data
from mslt_cli.errors import DataError
from mslt_cli.tasks import find_task

MOODS = 'name = "moods"\nkind = "sequence-classification"\nlanguages = ["en", "de"]\n'
TWO = MOODS + 'path = "{split}.csv"\nsplits = ["test"]\nlabels = ["bad", "good"]\n'
STARS = MOODS + 'path = "{lang}.*"\nsplits = ["test"]\nlabels = ["1", "2", "3"]\n'
QUIZ = 'name = "quiz"\nkind = "multiple-choice"\npath = "{lang}.csv"\nlanguages = ["en"]\nsplits = ["test"]\n'
QUIZ += '[columns]\nchoices = ["a", "b", "c"]\nlabel = "answer"\n'


@pytest.fixture
def fetch(tmp_path, monkeypatch):
    """Fetches a built-in task by its name from some files, or one's own by the text of its file; rows and notes."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    folder = tmp_path / "mine"

    def run(task, files, *columns, languages=(), splits=()):
        lay_out(folder, files)
        if task.startswith("name"):
            (folder / "task.toml").write_text(task)
        path = None if task.startswith("name") else folder
        found = find_task(task if path else str(folder / "task.toml"))
        report = fetch_data(found, languages, splits, from_path=path)
        rows = {f"{r.code} {r.split}": load(found, r).select(columns).rows() for r in report.records}
        single = {place: [row[0] for row in of_place] for place, of_place in rows.items()}
        return single if len(columns) == 1 else rows, " ".join(report.notes).replace(f"{folder}/", "")

    return run


def named(feature, **columns):
    """A parquet file of `datasets`, whose metadata describe the label."""
    out = io.BytesIO()
    features = {"info": {"features": {name: feature for name in columns if name in ("label", "upos")}}}
    pl.DataFrame(columns).write_parquet(out, metadata={"huggingface": json.dumps(features)})
    return out.getvalue()


def class_label(*names):
    return {"names": names, "_type": "ClassLabel"}


PAIR = {"premise": ["p", "q"], "hypothesis": ["h", "i"]}


def test_numbers_are_the_labels_that_the_parquet_file_names(fetch):
    other = class_label("neutral", "contradictory", "entailment")
    got, notes = fetch("xnli", {"de/test.parquet": named(other, **PAIR, label=[2, 1])}, "label")
    assert got == {"de test": [0, 2]}
    assert "numbers without names" not in notes
    wrong = {"de/test.parquet": named(class_label("yes", "no"), **PAIR, label=[0, 1])}
    with pytest.raises(DataError, match="Row 1 of .*de/test.parquet has the label 'yes'; xnli has entailment, "):
        fetch("xnli", wrong, "label")
    with pytest.raises(DataError, match=r"de/test.parquet has the number 3 for label, and names only 0 to 2"):
        fetch("xnli", {"de/test.parquet": named(other, **PAIR, label=[0, 3])}, "label")


@pytest.mark.parametrize("kind", ["Sequence", "List", "list"])
def test_lists_of_numbers_are_named_as_well(fetch, kind):
    names = class_label("NOUN", "_", "DET")
    feature = [names] if kind == "list" else {"feature": names, "_type": kind}
    file = named(feature, tokens=[["la", "casa"], [], ["sole"]], upos=[[2, 0], [], [0]])
    assert fetch("udpos", {"it/test.parquet": file}, "labels")[0] == {"it test": [[5, 7], [7]]}  # DET, NOUN


@pytest.mark.parametrize("given", [[3, 1], [3.0, 1.0], ["3", "1"], ["3.0", " 1"]], ids=str)
def test_a_number_is_a_label_where_labels_are_called_by_numbers(fetch, given):
    got, notes = fetch(STARS, {"en.jsonl": jsonl(*({"text": "x", "label": label} for label in given))}, "label")
    assert (got, notes) == ({"en test": [2, 0]}, "")
    for wrong in (0, "0", 4):
        with pytest.raises(DataError, match=f"Row 1 of .*en.jsonl has the label {wrong!r}; moods has 1, 2, 3"):
            fetch(STARS, {"en.jsonl": jsonl({"text": "x", "label": wrong})}, "label")


def test_a_number_among_the_other_spellings_is_one_in_json_too(fetch):
    task = TWO.replace("{split}.csv", "{lang}.jsonl") + 'label_spellings = {"-1" = "bad", "1" = "good"}\n'
    files = {"en.jsonl": jsonl(*({"text": "x", "label": label} for label in (1, -1)))}
    assert fetch(task, files, "label")[0] == {"en test": [1, 0]}  # by position, 1 is good and -1 is nothing
    with pytest.raises(DataError, match="has the label 0; moods has bad, good"):
        fetch(task, {"en.jsonl": jsonl({"text": "x", "label": 0})}, "label")


def test_true_and_false_may_be_labels(fetch):
    task = STARS.replace('"1", "2", "3"', '"false", "true"')
    rows = [{"text": "x", "label": label} for label in (True, False)]
    assert fetch(task, {"en.jsonl": jsonl(*rows)}, "label")[0] == {"en test": [1, 0]}


def test_numbers_without_names_are_said_once_a_task_and_kind_of_file(fetch):
    row = {"premise": "p", "hypothesis": "h"}
    files = {f"{code}/test.jsonl": jsonl(row | {"label": 2}) for code in ("de", "fr")}
    notes = fetch("xnli", files, "label")[1]
    taken = "xnli: labels in .jsonl files are numbers without names, taken as 0 = entailment, 1 = neutral, 2 = contrad"
    assert notes.count(taken) == 1
    named_rows = {f"{code}/test.jsonl": jsonl(row | {"label": "neutral"}) for code in ("de", "fr")}
    assert "numbers without names" not in fetch("xnli", named_rows, "label")[1]


@pytest.mark.parametrize(("tags", "doubtful"), [([6, 6, 0], True), ([0, 0, 6], False)])
def test_an_outside_that_is_rarer_than_an_entity_is_doubted(fetch, tags, doubtful):
    notes = fetch("wikiann", {"de/test.jsonl": jsonl({"tokens": ["a", "b", "c"], "ner_tags": tags})}, "labels")[1]
    assert ("de/test.jsonl: the numbers of its labels seem to be in another order" in notes) == doubtful
    assert ("I-LOC (2) would be more frequent than O (1)" in notes) == doubtful


@pytest.mark.parametrize("answers", ["BCA", "bca", ("(B)", "c.", "A"), "120"])
def test_answers_are_letters_or_numbers(fetch, answers):
    rows = [f"x,y,z,{answer}" for answer in answers]
    assert fetch(QUIZ, {"en.csv": lines("a,b,c,answer", *rows)}, "label")[0] == {"en test": [1, 2, 0]}
    with pytest.raises(DataError, match="Row 1 of .*en.csv has 3 choices, and the label D"):
        fetch(QUIZ, {"en.csv": lines("a,b,c,answer", "x,y,z,D")}, "label")
    with pytest.raises(DataError, match="Row 1 of .*en.csv has the label 'B', which is the number of no choice"):
        fetch(QUIZ, {"en.csv": lines("a,b,c,answer", "x,y,z,B", "x,y,z,1")}, "label")


def test_an_answer_may_be_the_text_of_its_choice_unless_it_could_be_a_number(fetch):
    rows = ["stone,crow,3,crow", "rain,4,sand,rain", "1,2,3,3"]
    assert fetch(QUIZ, {"en.csv": lines("a,b,c,answer", *rows)}, "label")[0] == {"en test": [1, 0, 2]}
    with pytest.raises(
        DataError, match="en.csv: in all rows, answer could be the number or letter of a choice and the"
    ):
        fetch(QUIZ, {"en.csv": lines("a,b,c,answer", "0,1,2,1", "2,1,0,2")}, "label")
    assert fetch(QUIZ, {"en.csv": lines("a,b,c,answer", "0,1,2,1", "5,6,7,2")}, "label")[0] == {"en test": [1, 2]}


def test_where_two_columns_could_be_meant_the_task_has_to_name_one(fetch):
    files = {"test.csv": lines("lang,text,label,gold_label", "en,a,good,bad")}
    either = "test.csv has columns called label and gold_label, and either could be its label. Name the one"
    with pytest.raises(DataError, match=either + ".* columns.label in .*task.toml says it, or remove the other"):
        fetch(TWO, files)
    assert fetch(TWO + '[columns]\nlabel = "gold_label"\n', files, "label")[0] == {"en test": [0]}
    same = {"test.csv": lines("lang,text,label,gold_label", "en,a,good,good")}
    assert fetch(TWO, same, "label")[0] == {"en test": [1]}


def test_the_tags_of_a_task_are_those_that_its_columns_are_called_by(fetch):
    both = jsonl({"tokens": ["a"], "ner_tags": [1], "pos_tags": [7]})
    assert fetch("udpos", {"de/test.jsonl": both}, "labels")[0] == {"de test": [[7]]}
    assert fetch("wikiann", {"de/test.jsonl": both}, "labels")[0] == {"de test": [[1]]}


def test_a_column_that_ones_own_task_names_is_needed_under_that_name(fetch):
    with pytest.raises(DataError, match=r"has no column for text of moods \(looked for review; it has lang, text"):
        fetch(TWO + '[columns]\ntext = "review"\n', {"test.csv": lines("lang,text,label", "en,a,good")})


@pytest.mark.parametrize("task", ["xnli", "pawsx"])
def test_a_task_of_pairs_needs_its_second_texts(fetch, task):
    label = 1
    with pytest.raises(DataError, match=f"de/test.jsonl has no column for text_pair of {task}"):
        fetch(task, {"de/test.jsonl": jsonl({"sentence1": "p", "other": "h", "label": label})})
    half = [{"sentence1": "p", "sentence2": "h", "label": label}, {"sentence1": "q", "sentence2": "", "label": label}]
    null = [half[0], {**half[1], "sentence2": None}]
    for rows in (half, null):
        files = {"de/test.jsonl": jsonl(*rows)}
        if task == "pawsx":  # the repair drops the row, and counts it
            assert fetch(task, files, "text")[0] == {"de test": ["p"]}
        else:
            with pytest.raises(DataError, match=r"Row 2 of .*de/test.jsonl has (no|an empty) text_pair"):
                fetch(task, files)


def test_a_task_of_ones_own_needs_second_texts_if_it_names_their_column(fetch):
    files = {"test.csv": lines("lang,text,sentence2,label", "en,p,h,good", "en,q,,bad")}
    notes = fetch(TWO, files, "text", "text_pair")[1]
    assert "test.csv: 1 of 2 rows have no sentence2 and are read as single texts." in notes
    with pytest.raises(DataError, match=r"Row 2 of .*test.csv has an empty text_pair \(sentence2\)"):
        fetch(TWO + '[columns]\ntext_pair = "sentence2"\n', files)


def test_languages_in_a_column_may_be_spelt_in_any_way_and_what_is_left_out_is_said(fetch):
    spelt = ["en", "EN", "eng", "en-US", "German", "de ", "nl", "", "xx"]
    got, notes = fetch(TWO, {"test.csv": lines("lang,text,label", *(f"{code},t{code},good" for code in spelt))}, "text")
    assert got == {"en test": ["ten", "tEN", "teng", "ten-US"], "de test": ["tGerman", "tde "]}
    left_out = "test.csv: 3 rows are left out, the first of them row 7, for lang names no lang of moods there: "
    assert notes.count(left_out + "nl (1), nothing (1), xx (1).") == 1
    assert fetch(TWO, {"test.csv": lines("lang,text,label", "en,a,good", "de,b,bad")}, "text")[1] == ""
    with pytest.raises(DataError, match="de/test.jsonl has no rows in de; it has fr, python"):
        rows = [{"lang": code, "premise": "p", "hypothesis": "h", "label": "neutral"} for code in ("python", "fr")]
        fetch("xnli", {"de/test.jsonl": jsonl(*rows)})


def test_a_header_may_write_language_with_a_capital_letter_and_only_once(fetch):
    files = {"test.csv": lines("Language,text,label", "en,a,good", "German,b,bad")}
    assert fetch(TWO, files, "text")[0] == {"en test": ["a"], "de test": ["b"]}
    with pytest.raises(DataError, match="test.csv has two columns called lang"):
        fetch(TWO, {"test.csv": lines("lang,text,label,lang", "en,a,good,de")})


def test_answers_of_which_none_is_the_first_choice_are_doubted(fetch):
    note = "en.csv: of 20 answers none is the first choice. If numbers of choices begin with 1"
    for first, doubtful in ((1, True), (0, False)):
        rows = [f"x,y,z,{answer}" for answer in [first, *[1, 2] * 10][:20]]
        assert (note in fetch(QUIZ, {"en.csv": lines("a,b,c,answer", *rows)}, "label")[1]) == doubtful


def test_one_file_may_hold_all_splits(fetch):
    task = TWO.replace("{split}.csv", "{lang}.csv").replace('["test"]', '["train", "dev", "test"]')
    task += '[columns]\nsplit = "part"\n'
    rows = ["training,a", "test,b", "Validation,c", "TRAIN,d", "extra,e", ",f"]
    got, notes = fetch(task, {"en.csv": lines("part,text,label", *(f"{row},good" for row in rows))}, "text")
    assert got == {"en train": ["a", "d"], "en dev": ["c"], "en test": ["b"]}
    left_out = "en.csv: 2 rows are left out, the first of them row 5, for part names no part of moods there: "
    assert notes.count(left_out + "extra (1), nothing (1).") == 1
    with pytest.raises(DataError, match=r"en.csv has no column part that names splits of moods; it has text, label"):
        fetch(task, {"en.csv": lines("text,label", "a,good")})


def test_one_file_may_hold_all_splits_and_languages(fetch):
    task = TWO.replace("{split}.csv", "all.csv").replace('["test"]', '["train", "test"]')
    task += '[columns]\nsplit = "part"\nlanguage = "code"\n'
    rows = ["en,train,a", "de,test,b", "en,train,c"]
    got, notes = fetch(task, {"all.csv": lines("code,part,text,label", *(f"{row},good" for row in rows))}, "text")
    assert got == {"en train": ["a", "c"], "de test": ["b"]}
    assert "no test data of moods in en" in notes


def test_a_column_of_splits_is_heeded_where_one_file_is_given_for_one_split(fetch):
    rows = [{"split": split, "premise": split, "hypothesis": "h", "label": "neutral"} for split in ("train", "test")]
    files = {"nli.jsonl": jsonl(*rows)}
    assert fetch("xnli", files, "text", languages=["de"], splits=["test"])[0] == {"de test": ["test"]}
    files = {"nli.jsonl": jsonl(*(row | {"split": "A"} for row in rows))}  # something else that is called a split
    assert fetch("xnli", files, "text", languages=["de"], splits=["test"])[0] == {"de test": ["train", "test"]}


@pytest.mark.parametrize("name", ["en.csv", "en.tsv", "en.jsonl"])
def test_of_two_columns_of_one_name_none_is_taken(fetch, name):
    task = TWO.replace("{split}.csv", name)
    head, row = ["text", "label", "note", "note", "text "], ["a", "good", "m", "n", "b"]
    twice = {
        "en.csv": lines(",".join(f'"{cell}"' for cell in head), ",".join(row)),
        "en.tsv": tsv(head, row),
        "en.jsonl": b'{"text": "a", "label": "good", "note": "m", "note": "n", "text": "b"}\n',
    }
    with pytest.raises(DataError, match=f"{name} has two columns called text. Rename or remove one."):
        fetch(task, {name: twice[name]}, languages=["en"])
    once = {name: twice[name].replace(b"text ", b"x").replace(b'"text": "b"', b'"x": "b"')}
    assert fetch(task, once, "text", languages=["en"])[0] == {"en test": ["a"]}


def test_ids_that_some_rows_lack_are_not_used_and_that_is_said(fetch):
    table = lines("id,lang,text,label", "x7,en,one,good", ",en,two,bad", "x9,en,three,good")
    ids, notes = fetch(TWO, {"test.csv": table}, "id")
    assert ids == {"en test": ["0", "1", "2"]}
    assert "test.csv: 1 of 3 rows have nothing in column id, so rows are numbered from 0 instead." in notes
