import polars as pl
import pytest

from mslt_cli.data.columns import to_columns
from mslt_cli.data.tag_schemes import from_iob1
from mslt_cli.tasks import find_task

TASK = find_task("wikiann")


def read(*sentences):
    """The names of the labels, and what is said of them."""
    notes = []
    rows = pl.DataFrame({"tokens": [["w"] * len(tags) for tags in sentences], "ner_tags": list(sentences)})
    frame = to_columns(TASK, rows, "x.json", "eng", "test", notes)
    return [[TASK.labels[i] for i in labels] for labels in frame["labels"].to_list()], " ".join(notes)


SCHEMES = {
    # One sentence of two persons side by side, a place of three words, and one of one word.
    "IOB1": "I-PER B-PER O I-LOC I-LOC I-LOC O I-LOC",
    "BIOES": "S-PER S-PER O B-LOC I-LOC E-LOC O S-LOC",
    "BILOU": "U-PER U-PER O B-LOC I-LOC L-LOC O U-LOC",
    "BMES": "S-PER S-PER O B-LOC M-LOC E-LOC O S-LOC",
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_tags_in_another_scheme_are_read_as_iob2_and_it_is_said(scheme):
    labels, notes = read(SCHEMES[scheme].split(), ["O", "O"])
    assert labels == [["B-PER", "B-PER", "O", "B-LOC", "I-LOC", "I-LOC", "O", "B-LOC"], ["O", "O"]]
    assert f"x.json: its tags are in {scheme}; read as IOB2" in notes


def test_an_entity_that_ends_where_another_begins_is_not_one_with_it():
    assert read(["E-PER", "E-PER", "I-LOC", "E-LOC"])[0] == [["B-PER", "B-PER", "B-LOC", "I-LOC"]]


@pytest.mark.parametrize(
    "tags",
    [
        ["B-PER", "I-PER", "O", "I-LOC", "O", "I-PER"],  # some I- at the beginning are usual in WikiANN
        ["I-PER", "B-LOC"],  # another kind begins with B-
        ["O", "O"],
    ],
)
def test_iob2_stays_as_it_is(tags):
    assert read(tags) == ([tags], "")


def test_the_end_of_a_sentence_ends_its_entity_and_sentences_may_be_empty():
    rows = pl.Series("labels", [[], [1], [1, 1], [], [1]], dtype=pl.List(pl.Int32))
    found, is_iob1 = from_iob1(rows, ("O", "I-X", "B-X"))
    assert (found.to_list(), is_iob1) == ([[], [2], [2, 1], [], [2]], True)
    assert not from_iob1(rows, ("O", "I-X"))[1]  # the task has no B- to begin with


def test_sentences_without_words_are_left_out_and_counted():
    assert read(["O"], [], []) == ([["O"]], "x.json: 2 sentences without words (withheld, or empty) are left out.")
