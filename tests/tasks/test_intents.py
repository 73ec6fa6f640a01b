"""The task intents: templates as sentences, worked by hand; and what is made of the package's templates."""

from collections import defaultdict
from importlib import metadata

import pytest

from mslt_cli.errors import DataError
from mslt_cli.tasks import intents
from mslt_cli.tasks.templates import Grammar

GRAMMAR = Grammar(
    rules={"in": "(in|at)", "the": "[<my> ]lamp|light", "my": "my"},
    lists={
        "level": {"range": {"from": 0, "to": 20, "step": 10}},
        "colour": {"values": [{"in": "red[dish]"}, {"in": "(blue|azure)"}]},
        "item": {"wildcard": True},
    },
)


def fillings(template):
    return {GRAMMAR.fill(template, str(seed)) for seed in range(100)}


@pytest.mark.parametrize(
    ("template", "sentences"),
    [
        ("turn on", {"turn on"}),
        ("turn (on|off)", {"turn on", "turn off"}),
        ("[please ]turn [on|off]", {"turn", "turn on", "turn off", "please turn", "please turn on", "please turn off"}),
        ("a|b c", {"a", "b c"}),
        ("(now;here) go", {"now here go", "here now go"}),
        ("go <in>", {"go in", "go at"}),
        ("<the>", {"lamp", "my lamp", "light"}),  # a rule in a rule
        ("to {level:brightness}%", {"to 0%", "to 10%", "to 20%"}),
        ("{colour}", {"red", "reddish", "blue", "azure"}),
        ("add {item} in {area}", {"add … in …"}),  # what anybody says, and a room, which no list names
        (r"5 \[a\]", {"5 [a]"}),
        ("  much   space ", {"much space"}),
    ],
)
def test_a_template_gives_the_sentences_that_it_stands_for(template, sentences):
    assert fillings(template) == sentences


@pytest.mark.parametrize("template", ["(a", "[a|b", "a)", "{a", "<in", "<nowhere>", "(a]"])
def test_what_is_no_template_is_refused(template):
    with pytest.raises(DataError, match="template"):
        GRAMMAR.fill(template, "0")


def test_the_same_seed_gives_the_same_sentence_on_every_machine():
    made = [GRAMMAR.fill("{colour} {level} [a] (b|c)", str(seed)) for seed in range(3)]
    assert made == ["red 10 b", "reddish 0 b", "azure 0 b"]


def test_templates_are_split_and_each_split_has_one():
    split = intents.split_templates([f"template {n}" for n in range(20)] * 2)
    assert {name: len(templates) for name, templates in split.items()} == {"test": 4, "validation": 2, "train": 14}
    assert {name: len(of) for name, of in intents.split_templates(["a", "b", "c"]).items()} == {
        "test": 1,
        "validation": 1,
        "train": 1,
    }


def test_sentences_come_of_every_template_in_turn_and_none_twice():
    made = intents.fill_templates(GRAMMAR, ["go <in>", "stay", "{item}"], 3)
    assert made[0] in ("go in", "go at")
    assert made[1:] in (["stay"], ["stay", "go in"], ["stay", "go at"])  # … alone is no sentence


@pytest.fixture(scope="module")
def made():
    """{locale: {split: [(text, label)]}} of four locales; about a second."""
    try:
        metadata.version(intents.PACKAGE.name)
    except metadata.PackageNotFoundError:
        pytest.skip(f"{intents.PACKAGE.name} is not installed")
    intents.PACKAGE.bring("The task intents")
    return {locale: intents.make_sentences(locale) for locale in ("en", "he", "ru", "zh-CN")}


def test_no_sentence_is_in_two_splits_or_has_two_labels(made):
    for splits in made.values():
        places = defaultdict(set)
        for split, rows in splits.items():
            for text, label in rows:
                places[text.casefold()].add((split, label))
        assert all(len(found) == 1 for found in places.values())


def test_sizes_and_the_balance_of_labels(made):
    sizes = {locale: [len(splits[split]) for split in intents.TASK.splits] for locale, splits in made.items()}
    assert sizes == {"en": [900, 157, 306], "he": [433, 84, 177], "ru": [876, 146, 276], "zh-CN": [813, 135, 274]}
    for splits in made.values():
        labels = [label for _, label in splits["test"]]
        assert max(labels.count(label) for label in labels) / len(labels) < 0.1


def test_rows_have_ids_and_known_labels(made):
    frame = intents.build("zh-CN", "test")
    assert frame.columns == ["id", "text", "label"]
    assert frame["id"].n_unique() == frame.height
    assert {*frame["label"]} <= {*intents.TASK.labels}
    assert not frame["text"].str.contains(" ").any()  # Chinese has no spaces
    assert intents.TASK.language("German") == "deu"
