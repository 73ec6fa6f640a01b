import numpy as np
import pytest

from mslt_cli.criteria.pretraining import size_of, size_unit
from mslt_cli.languages.facts import PretrainingSize, read_facts
from mslt_cli.search.objective import ItemSum


def row(code, script, gib=None, tokens=None):
    return PretrainingSize("tiny", code, script, "", gib, tokens, None, "")


TABLE = [
    row("zho", "Hans", 40.0),
    row("zho", "Hant", 10.0),
    row("hin", "Deva", 20.0),
    row("hin", "Latn", 0.5),
    row("deu", "Latn", 60.0),
    row("mya", "Mymr", 1.5),
    row("mya", "Mymr", 0.25),
    row("que", "Latn", 0.0),
    row("xxx", "Cyrl", None),
]


@pytest.mark.parametrize(
    ("code", "script", "expected"),
    [
        ("zho", None, 50.0),  # 40 Simplified + 10 Traditional
        ("zho", "Hant", 10.0),
        ("hin", None, 20.0),  # without 0.5 romanised
        ("hin", "Latn", 0.5),
        ("hin", "Deva", 20.0),
        ("deu", None, 60.0),  # Latin is its own script: no other has a row
        ("deu", "Cyrl", None),
        ("mya", None, 1.75),  # two rows of one script
        ("que", None, 0.0),  # known to be absent
        ("xxx", None, None),  # a row, but nothing in it
        ("tam", None, None),
    ],
)
def test_a_size_is_that_of_the_scripts_that_count(code, script, expected):
    assert size_of(TABLE, code, script) == expected


def test_a_table_without_gib_is_in_million_tokens():
    table = [row("jpn", "Jpan", tokens=300.0), row("jpn", "Latn", tokens=7.0)]
    assert size_unit(table) == "million tokens"
    assert size_of(table, "jpn") == 300.0
    # One figure in GiB makes GiB the unit of all: what has tokens only is then unknown rather than mixed in.
    mixed = [*table, row("deu", "Latn", 60.0, 9.0)]
    assert size_unit(mixed) == "GiB of text"
    assert size_of(mixed, "jpn") is None
    assert size_of(mixed, "deu") == 60.0


def test_mt5_is_measured_in_million_tokens_without_romanised_text():
    table = [row for row in read_facts().pretraining_sizes if row.model == "mt5"]
    # 39 billion tokens of Chinese; the 0.2 billion of romanised Chinese only if asked for. Russian: 713 and 0.9.
    assert size_unit(table) == "million tokens"
    assert size_of(table, "zho") == 39_000
    assert size_of(table, "zho", "Latn") == 200
    assert size_of(table, "rus") == 713_000
    assert size_of(table, "rus", "Latn") == 900


def test_a_combination_has_the_sum_of_its_sizes():
    # 50 + 20 + 60
    assert ItemSum(np.array([50.0, 20.0, 60.0])).values(np.array([[0, 1, 2]])).tolist() == [130.0]
