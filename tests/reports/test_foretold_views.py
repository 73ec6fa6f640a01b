"""What runs foretell, in tables: against the model called directly, and on runs whose scores a reader can work out."""

import json
import re
import shutil
from itertools import combinations
from math import nan
from pathlib import Path

import numpy as np
import pytest
from made_runs import PAPER, TRIPLES, even, made_record, ramp, save_runs, triples

from mslt_cli.errors import MissingFactsError
from mslt_cli.foretelling.exchange import weigh_exchanges
from mslt_cli.foretelling.model import fit
from mslt_cli.foretelling.observations import equal_shares
from mslt_cli.foretelling.signal import Signal
from mslt_cli.reports.score_models import describe_signal
from mslt_cli.reports.views import report
from mslt_cli.results.observations import RunsAsked, find_observations
from mslt_cli.store.db import open_store

pytestmark = pytest.mark.usefixtures("few_replays")

WORTH = dict(zip(sorted(PAPER.values()), (0.50, 0.62, 0.64, 0.44, 0.46, 0.42, 0.60), strict=True))
"""Of each language alone: ara, deu, eng, fra, rus, spa, zho."""
CODE = {iso: code for code, iso in PAPER.items()}


def scored(languages, seed=0):
    """A run whose score is the mean worth of its languages, and the luck of its seed and run, up to 2 points."""
    luck = ((7 * seed + 3 * sum(map(ord, "".join(languages)))) % 5 - 2) / 100
    return made_record(languages, even(sum(WORTH[x] for x in languages) / len(languages) + luck), seed=seed)


@pytest.fixture(scope="module")
def store_path(filled_store, tmp_path_factory):
    """The singles with one seed each, and the triples with two."""
    path = Path(shutil.copy(filled_store, tmp_path_factory.mktemp("foretold") / "store.db"))
    singles = [scored((x,)) for x in WORTH]
    save_runs(path, [*singles, *(scored(x, seed) for x in TRIPLES for seed in (0, 1))])
    return path


@pytest.fixture(scope="module")
def views(store_path):
    """Reports on them."""

    def run(*names, **given):
        with open_store(store_path) as store:
            return {table.name: table for table in report(store, names, **{"source": "runs", **given})}

    return run


@pytest.fixture(scope="module")
def tables(views):
    """All of them, made once."""
    return views("foretold", "languages", "transfer", "regret", "criteria", "best", "table1")


@pytest.fixture(scope="module")
def model(store_path):
    with open_store(store_path) as store:
        return fit(find_observations(store, RunsAsked(source="runs")).observations)


@pytest.fixture
def made(own_store):
    """Puts records into a store and reports on them."""

    def run(records, *names, **given):
        save_runs(own_store, records)
        with open_store(own_store) as store:
            return {table.name: table for table in report(store, names, **{"source": "runs", **given})}

    return run


def by(table, key):
    return {row[key].value: row for row in table.rows}


def notes_of(table):
    return " ".join(table.notes)


def test_foretold_is_each_combination_left_out(tables, model):
    (row,) = tables["foretold"].rows
    left_out = model.left_out
    of_three = (left_out.combinations > 0).sum(axis=1) == 3
    errors = 100 * (left_out.predicted - left_out.measured)[of_three]
    assert row["n"].value == 35
    assert row["rmse"].value == pytest.approx(np.sqrt((errors**2).mean()))
    for level, reach in ((50, 0.6745), (90, 1.6449)):
        held = int((np.abs(errors) <= 100 * reach * left_out.sd[of_three]).sum())
        assert row[f"inside_{level}"].more == {"held": held, "of": 35}
    each = by(tables["foretold_each"], "languages")
    assert len(each) == 35
    i = int(np.flatnonzero((left_out.combinations[:, [0, 1, 2]] > 0.3).all(axis=1))[0])  # ara, deu, eng
    assert each["ar,de,en"]["predicted"].value == pytest.approx(100 * left_out.predicted[i])
    assert each["ar,de,en"]["measured"].value == pytest.approx(100 * left_out.measured[i])
    ((_, spots),) = tables["foretold"].chart.panels
    spot = next(spot for spot in spots if spot.name == "ar,de,en")
    assert (spot.x, spot.y) == pytest.approx((100 * left_out.measured[i], 100 * left_out.predicted[i]))
    assert spot.high - spot.y == pytest.approx(100 * 1.644854 * left_out.sd[i])


def test_languages_are_weighed_at_their_share(tables, model):
    gains = weigh_exchanges(model, 3, range(7))
    rows = by(tables["languages"], "language")
    for i, language in enumerate(sorted(WORTH)):
        cell = rows[CODE[language]]["effect"]
        assert cell.value == pytest.approx(gains.languages.mean[i])
        brings = 100 * (WORTH[language] - np.mean([*WORTH.values()])) / 3
        assert cell.more["low"] < brings < cell.more["high"]
    assert [*rows] == sorted(rows, key=lambda x: -rows[x]["effect"].value)
    # One single run, and 15 triples of two seeds each.
    assert {row["runs"].value for row in rows.values()} == {31}
    pairs = by(tables["pairs"], "pair")
    assert len(pairs) == 21 and {row["runs"].value for row in pairs.values()} == {10}
    i = [*combinations(sorted(WORTH), 2)].index(("deu", "eng"))
    assert pairs["de,en"]["effect"].value == pytest.approx(gains.pairs.mean[i])
    assert [name for name, _ in tables["languages"].chart.panels[0].lines] == [*rows][::-1]


def test_languages_of_a_pool_with_one_in_every_combination(views, model):
    (table,) = views("languages", k=2, pool=["de", "en", "zh"], include=["en"]).values()
    place = {language: i for i, language in enumerate(model.observations.languages)}
    gains = weigh_exchanges(model, 2, [place["deu"], place["zho"]], fixed=[place["eng"]]).languages
    rows = by(table, "language")
    assert [rows["de"]["effect"].value, rows["zh"]["effect"].value] == pytest.approx([*gains.mean])
    assert table.title == "What a language brings at half of the data, against the mean language, points"


def test_a_language_without_a_run_is_foretold_from_its_relatives(views):
    table = views("languages", k=2, pool=["de", "en", "zh", "ja"])["languages"]
    rows = by(table, "language")
    widths = {x: rows[x]["effect"].more["high"] - rows[x]["effect"].more["low"] for x in rows}
    assert 1.5 * widths["de"] < widths["ja"]
    assert rows["ja"]["runs"].value == 0


def test_a_combination_of_all_languages_leaves_nothing_to_exchange(views):
    table = views("languages", k=7)["languages"]
    assert not table.rows and table.chart is None
    assert "of 7 languages none can take another's place in a combination of 7. Choose another -k" in notes_of(table)


def test_transfer_is_what_single_sources_score(tables, model):
    rows = by(tables["transfer"], "source")
    assert [column.name for column in tables["transfer"].columns] == [
        "series",
        "source",
        "fi",
        "hi",
        "sw",
        "tr",
        "mean",
    ]
    single = {s["target"]: s["value"] for s in scored(("deu",))["scores"]}
    for code, target in (("fi", "fin"), ("hi", "hin"), ("sw", "swa"), ("tr", "tur")):
        assert rows["de"][code].value == pytest.approx(100 * single[target])
    means = [row["mean"].value for row in tables["transfer"].rows]
    assert means == sorted(means, reverse=True)
    foretold = model.predict(equal_shares([[1]], 7)).by_target[0]  # deu
    of_model = by(tables["transfer_foretold"], "source")["de"]
    order = [model.observations.targets.index(x) for x in ("fin", "hin", "swa", "tur")]
    assert [of_model[x].value for x in ("fi", "hi", "sw", "tr")] == pytest.approx([*(100 * foretold[order])])
    measured, shrunken = tables["transfer"].chart.panels
    assert measured.title.endswith("measured") and shrunken.title.endswith("foretold by the model")
    assert measured.rows[0] == tables["transfer"].rows[0]["source"].value


def test_without_single_sources_there_is_no_transfer(made):
    (table,) = made(triples(ramp()), "transfer").values()
    assert not table.rows and table.chart is None
    assert table.notes == [
        "xnli, e5-small: no single source was trained. "
        "`mslt train --task xnli --model e5-small --examples 300 --pool ar,de,en,es,fr,ru,zh -k 1 --all-combinations` "
        "trains them."
    ]


def test_regret_sets_choices_by_runs_beside_those_without(tables):
    rows, criteria = by(tables["regret"], "choice"), by(tables["criteria"], "criterion")
    for name in ("l2v-syntax", "l2v-geography"):
        assert rows[name]["0"].value == pytest.approx(criteria[name]["regret"].value)
        assert rows[name]["5"].value is None
    means = tables["criteria"].chart.panels[0].every
    assert rows["random"]["0"].value == pytest.approx(max(means) - np.mean(means))
    numbers = [column.name for column in tables["regret"].columns][2:]
    assert numbers == ["0", "5", "7", "10", "15", "20", "70"]
    assert rows["the model"]["20"].value < 2 < rows["random"]["0"].value
    assert rows["the best run so far"]["70"].value == 0
    (panel,) = tables["regret"].chart.panels
    assert [point.x for point in dict(panel.series)["the model"]] == [5, 7, 10, 15, 20, 70]
    assert dict(panel.levels)["l2v-syntax"] == rows["l2v-syntax"]["0"].value


def test_runs_stand_beside_the_criteria_without_a_p(tables):
    row = by(tables["criteria"], "criterion")["runs"]
    assert row["spearman"].value == pytest.approx(tables["foretold"].rows[0]["spearman"].value)
    assert (row["p"].value, row["p_holm"].value) == (None, None)
    first = tables["foretold_each"].rows[0]
    assert (row["choice"].value, row["score"].value) == (
        first["languages"].value,
        pytest.approx(first["measured"].value),
    )
    assert "Made of scores, it has no p" in notes_of(tables["criteria"])


def test_the_share_that_is_not_noise_stands_beside_every_ranking(tables):
    for name in ("criteria", "best", "table1", "foretold", "languages", "regret"):
        said = "% of the variance between the 35 combinations is not noise (95 % interval"
        assert said in notes_of(tables[name]), name


@pytest.mark.parametrize(
    ("signal", "said"),
    [
        (Signal(0.91, 0.84, 0.95, 0.0, True), "91 % {of} is not noise (95 % interval 84 to 95 %)."),
        (Signal(0.1, 0, 0.4, 0.4, True), "10 % {of} is not noise (95 % interval 0 to 40 %): they hardly differ."),
        (Signal(0.4, 0, 0.9, 0.2, True), "40 % {of} is not noise (95 % interval 0 to 90 %): too few runs to tell."),
        (Signal(nan, nan, nan, nan, False), "{not_known}: too few runs to tell. Repeat some with --seed."),
    ],
)
def test_too_few_runs_and_combinations_that_hardly_differ_are_told_apart(signal, said):
    of = "of the variance between the 9 combinations"
    not_known = "what of the differences between the 9 combinations is noise is not known"
    assert describe_signal(signal, 9) == said.format(of=of, not_known=not_known)


def test_where_combinations_hardly_differ_it_is_said_how_far_they_can_be_apart(made):
    def luck(i, seed):
        return 0.6 + ((i * 7 + seed * 11 + i * seed * 5) % 13 - 6) / 400

    runs = [made_record(x, even(luck(i, seed)), seed=seed) for i, x in enumerate(TRIPLES) for seed in range(3)]
    notes = notes_of(made(runs, "foretold")["foretold"])
    assert "they hardly differ." in notes
    points = float(re.search(r"by the model no two combinations are more than (\S+) points apart", notes)[1])
    assert 0 < points < 4


def test_languages_that_one_combination_has_alone_cannot_be_foretold(made):
    table = made([scored((x,)) for x in WORTH], "foretold", k=1)["foretold"]
    assert table.rows[0]["spearman"].value < 0
    assert "7 of these 7 have a language that no other combination has." in notes_of(table)


def test_too_few_runs_say_how_many_are_needed(made):
    tables = made([scored(x) for x in TRIPLES[:2]], "foretold", "languages", "regret", "criteria")
    for name in ("foretold", "languages"):
        assert "at least 3 different combinations, and there are 2" in notes_of(tables[name])
        assert not tables[name].rows
    assert "2 combinations of 3 cannot be replayed: 3 can. `mslt train" in notes_of(tables["regret"])
    assert "runs are left out as a criterion: Foretelling" in notes_of(tables["criteria"])
    assert "runs" not in by(tables["criteria"], "criterion")


def test_single_sources_of_another_budget_take_only_what_needs_them(made):
    """The criteria are of one size: they stay, and the row of the runs says why it is missing."""
    records = [*(scored(x) for x in TRIPLES[:9]), made_record(["eng"], even(0.5), examples=600)]
    table = made(records, "criteria")["criteria"]
    assert "l2v-syntax" in by(table, "criterion") and "runs" not in by(table, "criterion")
    assert "runs are left out as a criterion: The runs of xnli, e5-small have different budgets" in notes_of(table)


def test_published_numbers_foretell_nothing(made):
    for name in ("foretold", "languages", "transfer", "regret"):
        table = made([], name, source="published")[name]
        assert not table.rows and table.chart is None
        assert notes_of(table) == (
            "Published numbers hold no scores of single combinations: what runs foretell needs runs."
        )
    with pytest.raises(MissingFactsError, match="There are no own runs of pawsx"):
        made(triples(ramp()), "foretold", tasks=["pawsx"])


def test_every_k_has_its_tables(views):
    for k in (1, 2):
        tables = views("foretold", "languages", "transfer", "regret", k=k)
        assert bool(tables["foretold"].rows) == bool(tables["regret"].rows) == (k == 1)
        assert len(tables["languages"].rows) == 7 and tables["transfer"].rows
        if k == 2:
            assert f"no combination of {k} was trained. `mslt train" in notes_of(tables["foretold"])
        for table in tables.values():
            json.dumps([{key: cell.value for key, cell in row.items()} for row in table.rows], allow_nan=False)
