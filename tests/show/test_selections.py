import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest

from mslt_cli.criteria import CRITERIA
from mslt_cli.criteria.evidence import Evidence
from mslt_cli.criteria.request import Aim
from mslt_cli.explanation import explain_best
from mslt_cli.languages.pools import Member, Pool
from mslt_cli.languages.resolver import Language
from mslt_cli.search.objective import PairSum
from mslt_cli.selection import Result, Selection
from mslt_cli.show.selections import selection_as_dict, show_selection

# Unit vectors at 0, 90 and 60 degrees: cosines aa-bb 0, aa-cc 1/2, bb-cc sqrt(3)/2.
UNIT = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 3**0.5 / 2]])
PAIRS = {("aa", "bb"): 1.0, ("aa", "cc"): 0.5, ("bb", "cc"): 1 - 3**0.5 / 2}
NAMES = {"aa": "Alpha", "bb": "Be|ta", "cc": "Gamma"}


@pytest.fixture
def found():
    """Three languages, all pairs ranked; the vector of cc is a quarter measured."""
    pool = Pool(
        (
            Member("aa", Language("aaa", "aa", "Alpha", "Latn", "One")),
            Member("bb", Language("bbb", "bb", "Be|ta", "Hant", "Two")),
            Member("cc", Language("ccc", "cc", "Gamma", None, None)),
        )
    )
    objective = PairSum(1 - UNIT @ UNIT.T, np.arange(3), UNIT)
    evidence = Evidence(CRITERIA["l2v-syntax"], objective, "sum", "made up", np.array([1.0, 0.5, 0.25]))
    results = tuple(
        Result(rank, 1, pair, tuple(NAMES[label] for label in pair), {"l2v-syntax": value}, {"l2v-syntax": rank})
        for rank, (pair, value) in enumerate(PAIRS.items(), start=1)
    )
    return Selection(
        pool=pool, k=2, include=(), exclude=(), by=("l2v-syntax",), least=False, maximize="sum", combine=None,
        aim=Aim(), quotas=False, combinations=3, exact=True, proof="enumerated", gap=0.0, results=results,
        evidence=(evidence,), percentile=200 / 3, best=(0, 1),
    )  # fmt: skip


@pytest.fixture
def shown(capsys):
    def shown(found, form, explanation=None):
        show_selection(found, form, explanation)
        return capsys.readouterr().out

    return shown


def test_numbers_of_the_json_have_nine_decimals_and_no_minus_zero(found):
    whole = selection_as_dict(replace(found, gap=-0.0))
    assert whole["results"][2]["scores"] == {"l2v-syntax": 0.133974596}  # 1 - sqrt(3)/2 = 0.13397459621...
    assert str(whole["gap"]) == "0.0"
    assert whole["percentile"] == 66.666666667
    assert whole["measured_share"] == {"l2v-syntax": {"aa": 1.0, "bb": 0.5, "cc": 0.25}}
    assert "explanation" not in whole


def test_json_lines_are_the_results_one_a_line(found, shown):
    lines = shown(found, "jsonl").splitlines()
    assert [json.loads(line) for line in lines] == selection_as_dict(found)["results"]


def test_ties_that_are_too_many_to_count_are_null_in_json_and_empty_in_csv(found, shown):
    uncounted = replace(found, results=tuple(replace(result, tied=None) for result in found.results))
    assert json.loads(shown(uncounted, "json"))["results"][0]["tied"] is None
    rows = list(csv.DictReader(io.StringIO(shown(uncounted, "csv"))))
    assert [row["tied"] for row in rows] == ["", "", ""]
    assert [row["languages"] for row in rows] == ["aa,bb", "aa,cc", "bb,cc"]
    assert "More combinations tie at rank 3 than can be counted" in shown(uncounted, "table")


def test_a_bar_in_a_name_does_not_break_a_markdown_table(found, shown):
    rows = shown(found, "md").splitlines()
    assert rows[2] == r"| 1 | aa (Alpha), bb (Be\|ta) | 1.0000 |"
    assert rows[3] == "| 2 | aa (Alpha), cc (Gamma) | 0.5000 |"


def test_a_shared_rank_has_a_sign_and_cut_ties_are_said(found, shown):
    first, *_ = found.results
    tied = tuple(replace(result, rank=1, tied=5) for result in found.results)
    text = shown(replace(found, results=tied), "table")
    assert "1=" in text
    assert "5 combinations tie at rank 1; 3 of them are shown." in text
    assert "=" not in shown(replace(found, results=(first,)), "table").splitlines()[2]


def test_the_summary_says_how_sure_the_answer_is(found, shown):
    assert "exact: all were ranked; the first beats 66.7 % of random combinations." in shown(found, "table")
    proved = replace(found, proof="branch-and-bound", percentile=100.0, drawn=10_000)
    assert "exact: proved without listing them; the first beats 100.0 % of 10,000 random" in shown(proved, "table")
    stopped = replace(found, exact=False, proof="bound", gap=0.0123)
    assert "not proved: stopped at the time limit, none can be more than 1.23 % better" in shown(stopped, "table")


def test_almost_all_is_not_all(found, shown):
    assert "beats more than 99.9 % of" in shown(replace(found, percentile=99.97), "table")


def test_what_is_measured_to_less_than_a_half_is_warned_of(found, shown):
    text = shown(found, "table")
    assert "Warning: l2v-syntax is mostly imputed, not measured, for cc (25 % measured)." in text
    assert "Warning" not in shown(replace(found, results=found.results[:1]), "table")  # cc is not shown


def test_the_explanation_is_worked_by_hand(found):
    why = explain_best(found)
    assert why.languages == ("aa", "bb")
    np.testing.assert_allclose(why.similarities["l2v-syntax"], [[1, 0], [0, 1]], atol=1e-12)
    assert why.share_of_maximum == {"l2v-syntax": 1.0}  # one pair, at a right angle
    assert why.scripts == ("Latn", "Hani")  # Traditional Chinese is a variant of Hani
    assert why.families == ("One", "Two")
    assert why.measured_share == {"l2v-syntax": [1.0, 0.5]}
    (further,) = why.one_more
    assert (further.language, further.name) == ("cc", "Gamma")
    assert further.score == pytest.approx(sum(PAIRS.values()))
    assert further.adds == pytest.approx(1 / 2 + 1 - 3**0.5 / 2)


def test_what_is_not_known_of_a_language_is_called_unknown(found):
    why = explain_best(replace(found, best=(0, 2)))
    assert why.scripts == ("Latn", "unknown")
    assert why.families == ("One", "unknown")


def test_the_explanation_stands_below_the_table(found, shown):
    text = shown(found, "table", explain_best(found))
    assert "Why Alpha, Be|ta:" in text
    assert "100 % of what 2 unrelated vectors would score." in text
    assert "One more language (k = 3), l2v-syntax: cc Gamma → 1.6340 (+0.6340)." in text
