"""Rows of files → columns of tasks: what is accepted, and which row a refusal names."""

import math

import polars as pl
import pytest

from mslt_cli.data.columns import to_columns, with_distinct_ids
from mslt_cli.data.places import languages_of_rows
from mslt_cli.errors import DataError
from mslt_cli.tasks import find_task

XNLI = {"premise": ["p", "q"], "hypothesis": ["h", "i"], "label": [0, 2]}
NER = {"tokens": [["a", "b"], ["c"]], "ner_tags": [[0, 1], [6]]}
COPA = {"premise": ["p"], "choice1": ["a"], "choice2": ["b"], "question": ["cause"], "label": [1], "idx": [3]}


def columns(task, data, language="deu", **schema):
    frame = to_columns(find_task(task), pl.DataFrame(data, schema_overrides=schema), "x.file", language, "test", [])
    return with_distinct_ids(frame)[0]


@pytest.mark.parametrize(
    ("given", "schema"),
    [
        ([0, 2], {"label": pl.Int8}),
        ([0, 2], {"label": pl.UInt64}),
        ([0.0, 2.0], {}),
        (["entailment", " contradictory"], {}),
        (["0", "2"], {}),
        (["entailment", "contradiction"], {"label": pl.Categorical}),
        (["entailment", "contradiction"], {"label": pl.Enum(["contradiction", "entailment"])}),
    ],
)
def test_labels_are_positions_however_they_are_written(given, schema):
    frame = columns("xnli", XNLI | {"label": given}, **schema)
    assert frame.to_dict(as_series=False) == {
        "id": ["0", "1"],
        "text": ["p", "q"],
        "text_pair": ["h", "i"],
        "label": [0, 2],
    }


@pytest.mark.parametrize(
    ("tokens", "labels"),
    [
        ([["a", "b"], ["c"]], [["O", "B-PER"], ["I-LOC"]]),
        (['["a", "b"]', '["c"]'], ["[0, 1]", "[6]"]),
        (["['a', 'b']", "['c']"], ["['O', 'B-PER']", "['I-LOC']"]),
        (["a b", "c"], ["O B-PER", "I-LOC"]),
        ([["a", "b"], [], ["c"]], [["O", "B-PER"], [], ["I-LOC"]]),  # a sentence without words is none
    ],
)
def test_lists_are_lists_however_they_are_written(tokens, labels):
    frame = columns("wikiann", {"tokens": tokens, "ner_tags": labels})
    assert (frame["tokens"].to_list(), frame["labels"].to_list()) == ([["a", "b"], ["c"]], [[0, 1], [6]])
    assert frame.schema["labels"] == pl.List(pl.Int32)


@pytest.mark.parametrize(
    ("task", "data", "says"),
    [
        (
            "xnli",
            {"label": [0, 3]},
            "Row 2 of x.file has the label 3; xnli has entailment, neutral, contradiction (0 to 2).",
        ),
        ("xnli", {"label": [-1, 0]}, "Row 1 of x.file has the label -1; xnli has "),
        ("xnli", {"label": [0, 2**40]}, f"Row 2 of x.file has the label {2**40}; "),
        ("xnli", {"label": [0.5, 0.0]}, "Row 1 of x.file has the label 0.5; "),
        ("xnli", {"label": [0.0, math.nan]}, "Row 2 of x.file has the label nan; "),
        ("xnli", {"label": [0, None]}, "Row 2 of x.file has the label None; "),
        ("xnli", {"label": ["neutral", "-"]}, "Row 2 of x.file has the label '-'; "),
        ("xnli", {"label": [None, None]}, "Row 1 of x.file has the label None; "),
        ("xnli", {"label": [True, False]}, "Column label of x.file holds Boolean, not labels."),
        ("xnli", {"label": [[0], [1]]}, "Column label of x.file holds List(Int64), not labels."),
        ("xnli", {"premise": ["p", None]}, "Row 2 of x.file has no text."),
        ("xnli", {"premise": [1, 2]}, "Column premise of x.file holds Int64, not text."),
        ("xnli", {"premise": ["", " "]}, "Column premise of x.file is empty in every row."),
        ("xnli", {"premise": [{"de": "p"}] * 2}, "Column premise of x.file holds Struct({'de': String}), not text."),
        ("xnli", {"id": [[1], [2]]}, "Column id of x.file holds List(Int64), not ids."),
        ("xnli", {"id": [1, None]}, "Row 2 of x.file has nothing in column id, by which it is paired: give each row"),
        ("xnli", {"ID": ["7", "NaN"]}, "Row 2 of x.file has nothing in column ID, by which it is paired"),
        ("xnli", {"pairID": [" ", "7"]}, "Row 1 of x.file has nothing in column pairID, by which it is paired"),
        ("wikiann", {"ner_tags": [[0, 1], [7]]}, "Row 2 of x.file has the label 7; wikiann has O, B-PER, "),
        ("wikiann", {"ner_tags": [["O", "B-MISC"], ["O"]]}, "Row 1 of x.file has the label 'B-MISC'; "),
        ("wikiann", {"ner_tags": [[0, None], [0]]}, "Row 1 of x.file has the label None; "),
        ("wikiann", {"ner_tags": [[0, 1], None]}, "Row 2 of x.file has no labels."),
        ("wikiann", {"ner_tags": [[0, 1], [0, 0]]}, "Row 2 of x.file has 1 tokens and 2 labels."),
        ("wikiann", {"ner_tags": ["0 1", "[0, "]}, "Row 2 of x.file has the label '[0,'; "),
        ("wikiann", {"ner_tags": ["0 1", "[0, x]"]}, "Row 2 of x.file has '[0, x]' for ner_tags, which is no list."),
        ("wikiann", {"ner_tags": [0, 1]}, "Column ner_tags of x.file holds Int64, not lists of labels."),
        ("wikiann", {"tokens": [["a", None], ["c"]]}, "Row 1 of x.file has no tokens."),
        ("wikiann", {"tokens": [[1, 2], [3]]}, "Column tokens of x.file holds List(Int64), not lists of text."),
        (
            "wikiann",
            {"tokens": [[], []], "ner_tags": [[], []]},
            "x.file has no words: they are withheld, or it is empty.",
        ),
        ("xcopa", {"label": [2]}, "Row 1 of x.file has 2 choices, and the label 2."),
        ("xcopa", {"choice2": [None]}, "Row 1 of x.file has no choice2."),
        ("xcopa", {"question": [None]}, "Row 1 of x.file has no question."),
    ],
)
def test_what_is_wrong_is_named_with_file_and_row(task, data, says):
    good = {"xnli": XNLI, "wikiann": NER, "xcopa": COPA}[task]
    with pytest.raises(DataError) as error:
        columns(task, good | data, language=next(iter(find_task(task).languages)))
    assert str(error.value).startswith(says)


def test_a_column_that_is_not_there_is_named_with_what_was_looked_for_and_what_there_is():
    with pytest.raises(DataError) as error:
        columns("xnli", {"premise": ["p"], "hypo": ["h"], "gold": [0]})
    assert "has no column for label of xnli (looked for label, gold_label; it has premise, hypo, gold)." in str(
        error.value
    )
    with pytest.raises(DataError, match="looked for choices, choice1.choice2; it has premise, question, label"):
        columns("xcopa", {name: COPA[name] for name in ("premise", "question", "label")}, "est")
    with pytest.raises(DataError, match="looked for hypothesis, hypo, sentence2, text_pair; it has premise, label"):
        columns("xnli", {"premise": ["p"], "label": [0]})
    with pytest.raises(DataError, match="x.file has no rows"):
        columns("xnli", {"premise": [], "label": []})


def test_the_column_of_languages_chooses_rows_and_messages_count_all_of_the_file():
    data = XNLI | {"language": ["de", "fr"]}
    assert languages_of_rows(find_task("xnli"), pl.DataFrame(data), "x") == ["deu", "fra"]
    assert languages_of_rows(find_task("xnli"), pl.DataFrame(XNLI), "x") is None
    assert columns("xnli", data, "fra").rows() == [("0", "q", "i", 2)]
    with pytest.raises(DataError, match="Row 2 of x.file has the label 9"):
        columns("xnli", data | {"label": [0, 9]}, "fra")
    assert columns("xnli", data | {"label": [0, 9]}, "deu").height == 1  # a fault in French does not concern German
    with pytest.raises(DataError, match="x.file has no rows in ru; it has de, fr."):
        columns("xnli", data, "rus")


def test_rows_without_ids_are_numbered_and_ids_that_occur_twice_get_their_own():
    for ids in (None, [None, "a"], ["a", ""]):
        data = NER if ids is None else NER | {"id": ids}
        assert columns("wikiann", data)["id"].to_list() == ["0", "1"]
    assert columns("xnli", XNLI)["id"].to_list() == ["0", "1"]
    assert columns("xnli", XNLI | {"id": [None, ""]})["id"].to_list() == ["0", "1"]
    for name in ("ID", "Sentence_id", "guid"):
        assert columns("xnli", XNLI | {name: [5, 3]})["id"].to_list() == ["5", "3"]
    assert columns("xnli", XNLI | {"pairID": [5, 3]})["id"].to_list() == ["5", "3"]
    frame, renamed = with_distinct_ids(pl.DataFrame({"id": ["7", "7", "8", "7#2", "7"]}))
    assert (frame["id"].to_list(), renamed) == (["7", "7#2", "8", "7#2#2", "7#3"], 3)
    assert with_distinct_ids(pl.DataFrame({"id": ["1", "2"]}))[1] == 0
