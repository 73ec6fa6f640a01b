"""Reports on runs whose scores a reader can work out, in a real store."""

import json
import math
import shutil
from collections import Counter
from pathlib import Path

import pytest
from made_runs import PAPER, TARGETS, TRIPLES, even, made_record, ramp, save_runs, triples

from mslt_cli.errors import DataError, MissingFactsError, UnknownNameError, UsageError
from mslt_cli.reports import regret
from mslt_cli.reports.gathering import _machine_notes
from mslt_cli.reports.run_lists import list_runs, read_run_details
from mslt_cli.reports.views import VIEWS, report
from mslt_cli.selection import select
from mslt_cli.store.db import open_store
from mslt_cli.store.results import fill_results
from mslt_cli.store.runs import find_one_run, find_runs, stored_evaluations
from mslt_cli.tasks import find_task
from mslt_cli.tasks.custom import remember_own

CODE = {iso: code for code, iso in PAPER.items()}


def named(languages):
    return ",".join(sorted(CODE[x] for x in languages))


@pytest.fixture(scope="module")
def store_with_results(filled_store, tmp_path_factory):
    """A store with the paper's numbers and the runs that ship; for tests that only read it."""
    path = Path(shutil.copy(filled_store, tmp_path_factory.mktemp("reports") / "store.db"))
    fill_results(path)
    return path


@pytest.fixture
def own_store(store_with_results, tmp_path):
    """A copy of it, for a test that writes."""
    return Path(shutil.copy(store_with_results, tmp_path / "store.db"))


@pytest.fixture
def made(own_store):
    """Puts records into a store and reports on them."""

    def run(records, views, **given):
        save_runs(own_store, records)
        with open_store(own_store) as store:
            return {table.name: table for table in report(store, views, **{"source": "runs", **given})}

    return run


def by(table, key):
    return {row[key].value: row for row in table.rows}


def test_table_1_scores_and_ranks_what_select_chooses(made, own_store):
    table = made(triples(ramp()) + triples(ramp(), seed=1), ["table1"])["table1"]
    rows = {name: row["xnli.e5-small.runs"] for name, row in by(table, "method").items()}
    # The ramp: 0.50 … 0.84, so number i of the 35 has rank 35 − i.
    assert (rows["min"].value, rows["min"].more["rank"]) == (pytest.approx(50), 35)
    assert (rows["max"].value, rows["max"].more["rank"]) == (pytest.approx(84), 1)
    assert rows["random"].value == pytest.approx(67)
    with open_store(own_store) as store:
        for name in ("l2v-syntax", "l2v-inventory", "l2v-geography"):
            chosen = select(store, "paper", 3, by=[name], top=1).results[0].languages
            at = TRIPLES.index(tuple(sorted(PAPER[x] for x in chosen)))
            assert rows[name].value == pytest.approx(50 + at)
            # Every target and seed is as far behind as the next, so the test is sure of it.
            assert rows[name].text == f"{50 + at:.2f} ({35 - at})"
            assert rows[name].more["tied_for_best"] is False
            assert rows[name].more["languages"] == ",".join(chosen)
    assert any("35 of 35 combinations of 3 trained" in note for note in table.notes)
    assert not any("provisional" in note for note in table.notes)


def test_numbers_say_where_they_come_from(made):
    records = triples(ramp()) + triples(ramp(), seed=1)
    cell = by(made(records, ["table1"])["table1"], "method")["l2v-syntax"]["xnli.e5-small.runs"]
    ids = [r["run_id"] for r in records if r["name"] == "MSLT(ar,de,zh)"]
    assert cell.origin == "measured"
    assert "l2v-syntax (syntax_knn (lang2vec 1.1.2)) chooses ar,de,zh" in cell.source
    assert f"runs {ids[0]}, {ids[1]}; seeds 0, 1; 2026-11-25; mslt 0.1.0" in cell.source
    assert "accuracy on xnli test, mean over 4 targets of 400 rows" in cell.source


def test_of_a_partial_grid_ranks_are_provisional_and_what_was_not_trained_is_said(made):
    table = made(triples(ramp())[:12], ["table1"])["table1"]
    assert any("12 of 35 combinations of 3 trained: ranks are provisional" in note for note in table.notes)
    cell = by(table, "method")["l2v-inventory"]["xnli.e5-small.runs"]  # de,es,zh is not among the first twelve
    assert (cell.value, cell.text) == (None, "not trained")
    assert "chooses de,es,zh" in cell.source


def test_table_2_ranks_among_those_that_hold_a_language(made):
    tables = made(triples(ramp()), ["table2"])
    rows = by(tables["table2"], "method")
    best = max(i for i, triple in enumerate(TRIPLES) if "eng" in triple)
    assert rows["max"]["xnli.e5-small.runs"].more == {"rank": 1, "out_of": 15, "languages": named(TRIPLES[best])}
    with_zh = made([], ["table2"], include=["zh"])["table2"]
    assert with_zh.title.endswith("zh in every combination")
    assert all("zh" in row["xnli.e5-small.runs"].more.get("languages", "zh") for row in with_zh.rows)


def test_table_2_says_how_many_of_those_with_the_language_were_trained(made):
    with_en = [record for record in triples(ramp()) if "eng" in record["identity"]["shares"]]
    notes = made(with_en[:4], ["table2"])["table2"].notes
    assert any("4 of 15 combinations of 3 with en trained: ranks are provisional" in note for note in notes)


def test_the_pool_is_the_task_s_until_all_combinations_of_another_were_trained(made):
    """One combination of three is one of the 35 of xnli's seven languages, and not the choice of every criterion."""
    table = made([made_record(("deu", "eng", "spa"), even(0.5))], ["table1"])["table1"]
    assert any("1 of 35 combinations of 3 trained: ranks are provisional" in note for note in table.notes)
    assert by(table, "method")["l2v-syntax"]["xnli.e5-small.runs"].text == "not trained"
    four = [x for x in TRIPLES if set(x) <= {"deu", "eng", "fra", "spa"}]
    table = made([made_record(x, even(0.6)) for x in four], ["table1"])["table1"]
    assert any("4 of 4 combinations of 3 trained." in note for note in table.notes)
    assert by(table, "method")["l2v-syntax"]["xnli.e5-small.runs"].value is not None
    table = made([made_record(("deu", "eng", "tam"), even(0.6))], ["table1"])["table1"]
    assert any("5 of 56 combinations of 3 trained: ranks are provisional" in note for note in table.notes)


def test_no_two_evaluations_share_a_column(made):
    """Two splits of one task, and two models whose folders end alike."""
    both = triples(ramp())
    for record in both:
        record["scores"] += [dict(s, split="validation", value=s["value"] / 2, low=0) for s in record["scores"]]
    records = [*both, *triples(ramp(), model="./one/xlm"), *triples([v / 5 for v in ramp()], model="./two/xlm")]
    table = made(records, ["table1"])["table1"]
    best = {key: cell.value for key, cell in by(table, "method")["max"].items() if key != "method"}
    assert best == {
        "xnli.test.e5-small.runs": pytest.approx(84),
        "xnli.validation.e5-small.runs": pytest.approx(42),
        "xnli../one/xlm.runs": pytest.approx(84),
        "xnli../two/xlm.runs": pytest.approx(16.8),
    }
    assert len({column.header for column in table.columns}) == len(table.columns) == 5
    assert sum(note.startswith("size is left out") for note in table.notes) == 3  # once of each model, not of each grid


def test_the_newest_run_is_the_newest(made):
    records = [made_record(TRIPLES[0], even(0.5), seed=seed) for seed in range(8)]
    records[3]["finished_at"] = "2026-12-01T00:00:00+00:00"
    cell = made(records, ["best"])["best"].rows[0]["languages"]
    assert f"runs 8, the newest {records[3]['run_id']}; seeds 0, 1, 2, 3, 4, 5, 6, 7" in cell.source


def test_table_3_lists_the_best_and_counts_their_languages(made):
    tables = made(triples(ramp()), ["table3"], top=2)
    assert [row["xnli.e5-small.runs"].value for row in tables["table3"].rows] == [
        named(TRIPLES[34]),
        named(TRIPLES[33]),
    ]
    counts = {row["language"].value: row["xnli.e5-small.runs"].value for row in tables["table3_languages"].rows}
    assert counts == Counter(CODE[x] for i in (33, 34) for x in TRIPLES[i])


def test_table_4_is_the_mean_by_number_of_scripts(made):
    latin = {"deu", "eng", "spa", "fra"}
    values = [0.5 + 0.1 * (len({"Latn" if x in latin else x for x in triple}) - 1) for triple in TRIPLES]
    rows = by(made(triples(values), ["table4"])["table4"], "scripts")
    # Table 4's cases: 4, 18 and 13 combinations.
    for scripts, value, n in ((1, 50, 4), (2, 60, 18), (3, 70, 13)):
        cell = rows[scripts]["xnli.e5-small.runs"]
        assert (cell.value, cell.more["combinations"]) == (pytest.approx(value), n)
        assert cell.more["sd"] == pytest.approx(0, abs=1e-9)


def test_table_6_and_its_figure_set_the_ends_of_each_criterion_side_by_side(made, own_store):
    tables = made(triples(ramp()), ["table6", "fig6"])
    row = by(tables["table6"], "method")["l2v-syntax"]
    with open_store(own_store) as store:
        ends = [
            select(store, "paper", 3, by=["l2v-syntax"], least=x, top=1).results[0].languages for x in (True, False)
        ]
    for end, key in zip(ends, ("most-similar", "least-similar"), strict=True):
        cell = row[f"xnli.e5-small.runs.{key}"]
        assert cell.value == pytest.approx(50 + TRIPLES.index(tuple(sorted(PAPER[x] for x in end))))
    panel = tables["fig6"].chart.panels[0]
    dots = dict(panel.lines)["l2v-syntax"]
    assert [dot.value for dot in dots] == [row[f"xnli.e5-small.runs.{x}-similar"].value for x in ("most", "least")]


def test_the_line_of_a_guess_is_drawn_for_accuracy_alone(made):
    assert [name for name, _ in made(triples([0.34] * 35), ["fig6"])["fig6"].chart.panels[0].marks] == ["a guess"]
    by_f1 = triples([0.34] * 35, seed=1)
    for record in by_f1:
        record["scores"] = [{**score, "metric": "f1"} for score in record["scores"]]
    assert not made(by_f1, ["fig6"], metric="f1")["fig6"].chart.panels[0].marks


def test_what_is_better_than_a_guess_is_said_and_drawn(made):
    """Of 400 rows 160, 160, 160 and 240 have the most frequent answer: 45 % on average, where a guess has a third."""
    most = dict(zip(TARGETS, (160, 160, 160, 240), strict=True))
    now, earlier = triples([0.46] * 35, most=most), triples([0.46] * 35, seed=1)
    tables = made(now + earlier, ["fig6", "criteria"])  # the rows are the same, so one run tells it of all
    assert any(note.endswith(" A guess scores 33.33, the most frequent answer 45.00.") for note in tables["fig6"].notes)
    assert tables["fig6"].chart.panels[0].marks == [("the most frequent answer", pytest.approx(45))]
    assert [name for name, _ in tables["criteria"].chart.panels[0].marks] == ["mean of all", "the most frequent answer"]


def test_a_target_whose_labels_nobody_counted_leaves_the_guess_alone(made):
    records = triples([0.46] * 35, most=dict.fromkeys(TARGETS, 240))
    for record in records:
        del record["scores"][0]["counts"]["majority"]
    table = made(records, ["fig6"])["fig6"]
    assert any(note.endswith(" A guess scores 33.33.") for note in table.notes)


OWN_TASK = """
name = "places"
kind = "sequence-classification"
path = "{lang}.csv"
languages = ["de", "en", "es", "fr", "fi"]
splits = ["test"]
labels = ["here", "there"]
sources = ["de", "en", "es", "fr"]
"""


def test_a_task_of_one_s_own_has_a_pool_while_its_file_is_there(made, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    file = tmp_path / "places.toml"
    file.write_text(OWN_TASK)
    remember_own(find_task(str(file)))
    records = [made_record(("deu", "eng"), even(0.6), task="places")]
    table = made(records, ["table1"], k=2)["table1"]
    assert any("1 of 6 combinations of 2 trained: ranks are provisional" in note for note in table.notes)
    assert any(note.endswith(" A guess scores 50.00.") for note in table.notes)
    assert by(table, "method")["max"]["places.e5-small.runs"].text == "60.00"  # of one there is no rank
    file.unlink()
    table = made([], ["table1"], k=2)["table1"]
    assert any("; 1 combination of 2 trained (the pool is not known: --pool)." in note for note in table.notes)
    table = made([], ["table1"], k=2, pool=["de", "en", "fr"])["table1"]
    assert any("1 of 3 combinations of 2 trained: ranks are provisional" in note for note in table.notes)


def test_fig_4_is_the_mean_over_combinations_of_each_size(made):
    records = [made_record([x], even(0.5)) for x in PAPER.values()]
    records += [made_record(pair, even(v)) for pair, v in ((("deu", "eng"), 0.6), (("deu", "zho"), 0.7))]
    records += triples(ramp())
    table = made(records, ["fig4"])["fig4"]
    cells = {k: row["xnli.e5-small.runs"] for k, row in by(table, "k").items()}
    assert [cells[k].value for k in (1, 2, 3)] == pytest.approx([50, 65, 67])
    assert cells[2].more["sd"] == pytest.approx(100 * math.sqrt(0.005))  # of 0.6 and 0.7
    ((_, steps),) = table.chart.series
    assert [step.n for step in steps] == [7, 2, 35]
    assert any("of 2 on 3" in note and "--pool de,en,zh compares like with like" in note for note in table.notes)
    pooled = made([], ["fig4"], pool=["de", "en", "zh"])["fig4"]
    assert [row["xnli.e5-small.runs"].more["combinations"] for row in pooled.rows] == [3, 2, 1]


def test_fig_5_sets_the_ends_beside_a_single_source(made):
    (row,) = made([*triples(ramp()), made_record(["eng"], even(0.55))], ["fig5"])["fig5"].rows
    assert [row[key].value for key in ("worst", "random", "best", "sslt", "gap")] == pytest.approx([50, 67, 84, 55, 34])
    assert row["sslt"].text == "55.00 (en)"
    (with_base,) = made([made_record([], even(0.45))], ["fig5"])["fig5"].rows
    assert with_base["base"].value == pytest.approx(45)
    table = made([], ["fig5"], source="both")["fig5"]
    assert [r["gap"].value for r in table.rows][:5] == [10.75, 2.89, 2.89, 10.06, 6.93]


def test_a_criterion_that_orders_perfectly_correlates_perfectly(made, own_store):
    with open_store(own_store) as store:
        ranked = select(store, "paper", 3, by=["l2v-syntax"], top=35).results
    place = {tuple(sorted(PAPER[x] for x in row.languages)): i for i, row in enumerate(ranked)}
    table = made(triples([0.84 - place[x] / 100 for x in TRIPLES]), ["criteria"])["criteria"]
    rows = by(table, "criterion")
    syntax, least = rows["l2v-syntax"], rows["l2v-inventory"]
    assert (syntax["spearman"].value, syntax["kendall"].value) == (pytest.approx(1), pytest.approx(1))
    assert (syntax["regret"].value, syntax["random"].value) == (pytest.approx(0), pytest.approx(1 / 35))
    # inventory chooses de,es,zh; its regret is its place in the order of syntax, in points.
    at = place[tuple(sorted(PAPER[x] for x in ("de", "es", "zh")))]
    assert least["choice"].value == "de,es,zh"
    assert least["regret"].value == pytest.approx(at)
    assert least["random"].value == pytest.approx((at + 1) / 35)
    assert -1 < least["kendall"].value < 1
    assert syntax["p"].value <= 1 / 35 < least["p"].value and syntax["p"].value < syntax["p_holm"].value <= 1
    panel = table.chart.panels[0]
    assert sorted(panel.every) == pytest.approx([50 + i for i in range(35)])


def test_combinations_that_cannot_be_told_from_the_best_are_tied(made):
    def shaken(value, seed, by_target):
        return {t: value + 0.01 * math.sin(7 * i + 3 * seed + by_target) for i, t in enumerate(TARGETS)}

    plan = {("ara", "deu", "zho"): 0.70, ("deu", "eng", "zho"): 0.699, ("deu", "eng", "fra"): 0.40}
    records = [
        made_record(x, shaken(v, seed, i), seed=seed) for i, (x, v) in enumerate(plan.items()) for seed in range(3)
    ]
    rows = by(made(records, ["best"])["best"], "languages")
    assert [row["tied"].value for row in rows.values()] == [True, True, False]
    assert rows["de,en,fr"]["p"].value < 0.01 < rows["de,en,zh"]["p"].value
    assert rows["de,en,fr"]["behind"].value == pytest.approx(30, abs=1)
    low, high = (rows["de,en,fr"]["behind"].more[x] for x in ("low", "high"))
    assert low < 30 < high


def test_published_and_own_stand_side_by_side(made):
    table = made(triples(ramp(), task="wikiann"), ["table1"], source="both", tasks=["wikiann"])["table1"]
    assert [column.name for column in table.columns] == ["method", "wikiann.published", "wikiann.e5-small.runs"]
    row = by(table, "method")["l2v-syntax"]
    assert (row["wikiann.published"].value, row["wikiann.published"].origin) == (85.69, "published")
    assert row["wikiann.e5-small.runs"].origin == "measured"
    assert row["wikiann.e5-small.runs"].value is not None


def test_without_own_runs_the_paper_is_what_there_is(store_with_results):
    with open_store(store_with_results) as store:
        (table,) = report(store, ["table1"])
    assert {column.name.split(".")[-1] for column in table.columns[1:]} == {"published"}


# -- what cannot be compared ------------------------------------------------------------------------


def test_runs_that_a_view_does_not_use_do_not_stop_it(made):
    records = [*triples(ramp()), made_record(["eng"], even(0.5), examples=600)]
    assert by(made(records, ["table1"])["table1"], "method")["max"]["xnli.e5-small.runs"].value == 84
    with pytest.raises(UsageError, match="different budgets"):
        made([], ["fig5"])
    tables = made([], ["table1", "fig5", "best"])
    assert tables["table1"].rows and tables["best"].rows
    assert not tables["fig5"].rows and "different budgets" in tables["fig5"].notes[0]


def test_runs_that_differ_in_their_sample_count_each(made):
    one, other = made_record(["eng"], even(0.5)), made_record(["eng"], even(0.6))
    other["identity"]["data_seed"] = 7
    other["run_id"] = "aaaaaaaaaaaa"
    table = made([one, other], ["best"], k=1)["best"]
    assert (table.rows[0]["score"].value, table.rows[0]["seeds"].value) == (pytest.approx(55), 2)
    assert any("seeds 0, 0 (data 7)" in note for note in table.notes)


def test_mixed_budgets_leave_no_run_out(made):
    records = [made_record(["eng"], even(v), examples=n) for v, n in ((0.5, 300), (0.7, 600))]
    table = made(records, ["best"], k=1, mix_budgets=True)["best"]
    assert table.rows[0]["score"].value == pytest.approx(60)


def test_different_budgets_are_refused_unless_forced_and_then_marked(made):
    records = [*triples(ramp()), made_record(TRIPLES[0], even(0.9), examples=600)]
    with pytest.raises(
        UsageError, match=r"different budgets.*300 \(35 runs\), 600 \(1 run\) examples. .*--examples 300"
    ):
        made(records, ["table1"])
    assert by(made([], ["table1"], examples=300)["table1"], "method")["max"]["xnli.e5-small.runs"].value == 84
    forced = made([], ["table1"], mix_budgets=True)["table1"]
    assert any("budgets are mixed (300, 600 examples)" in note for note in forced.notes)


def test_different_recipes_are_refused_with_the_way_to_choose(made):
    records = [*triples(ramp()), made_record(TRIPLES[0], even(0.9), seed=1, learning_rate=5e-5)]
    said = r"differ in learning_rate: 0.0001 \(35 runs\), 5e-05 \(1 run\). Choose with --where learning_rate=0.0001"
    with pytest.raises(UsageError, match=said):
        made(records, ["table1"])
    chosen = made([], ["table1"], where={"learning-rate": "1e-4"})["table1"]
    assert by(chosen, "method")["max"]["xnli.e5-small.runs"].value == 84
    longer = [*triples(ramp()), made_record(TRIPLES[0], even(0.9), seed=2, steps=500)]
    with pytest.raises(UsageError, match="differ in steps"):
        made(longer, ["table1"], where={"learning_rate": "1e-4"})


def test_unequal_shares_are_left_out_and_pairings_are_not_mixed(made):
    odd = made_record(TRIPLES[0], even(0.99), seed=7)
    odd["identity"]["unequal"] = True
    table = made([*triples(ramp()), odd], ["table1"])["table1"]
    assert by(table, "method")["max"]["xnli.e5-small.runs"].value == 84
    assert any("left out, for their sources have unequal shares: 1 run" in note for note in table.notes)
    same = made_record(TRIPLES[1], even(0.99), seed=8)
    same["identity"]["pairing"] = "same"
    with pytest.raises(
        UsageError, match=r"differ in pairing: disjoint \(35 runs\), same \(1 run\). .*--where pairing=disj"
    ):
        made([same, made_record(["eng"], even(0.5))], ["table1"])
    table = made([], ["fig5"], where={"pairing": "disjoint"})["fig5"]
    assert (table.rows[0]["best"].value, table.rows[0]["sslt"].value) == (84, 50)


def test_the_paper_is_shown_only_where_it_prints_what_is_asked_for(made):
    made(triples(ramp()), ["table1"])
    for given in ({"k": 2}, {"pool": ["en", "de", "fr"]}, {"include": ["zh"]}):
        tables = made([], ["table1", "table3", "table6", "fig5"], source="both", **given)
        names = [column.name for table in tables.values() for column in table.columns]
        assert not [name for name in names if "published" in name], given
    table = made([], ["table2"], source="both", include=["en"])["table2"]
    assert any("published" in column.name for column in table.columns)


def test_choices_that_tie_are_said(made):
    notes = made(triples(ramp()), ["criteria"])["criteria"].notes
    assert any("tie under l2v-family (5), scripts (13): the mean over them is shown" in note for note in notes)


def test_of_choices_that_tie_the_mean_is_shown(made):
    row = by(made(triples(ramp()), ["criteria"])["criteria"], "criterion")["scripts"]
    latin = {"deu", "eng", "spa", "fra"}
    tied = [50 + i for i, triple in enumerate(TRIPLES) if len({"x" if x in latin else x for x in triple}) == 3]
    mean = sum(tied) / 13
    assert len(tied) == 13 and row["score"].value == pytest.approx(mean)
    assert row["score"].text == f"{mean:.2f} (13 tie)"
    assert row["regret"].value == pytest.approx(84 - mean)
    assert row["random"].value == pytest.approx(sum(50 + i >= mean for i in range(35)) / 35)


def test_seeds_that_differ_are_said(made):
    records = triples(ramp()) + triples(ramp(), seed=1)[:3]
    notes = made(records, ["table1"])["table1"].notes
    assert any("seeds differ: 0 of 32 combinations; 0, 1 of 3 combinations" in note for note in notes)
    alone = made(triples(ramp(), task="pawsx"), ["best"], tasks=["pawsx"])["best"]
    assert any("one seed each: the luck of seeds is in the differences" in note for note in alone.notes)


def test_machines_of_several_kinds_are_said():
    one = {"device": "cpu", "processor": "Xeon", "threads": 1}
    assert _machine_notes([one, one, {"device": "cpu"}, one]) == []  # what is not recorded is not known to differ
    (note,) = _machine_notes([one, one, one | {"processor": "EPYC", "threads": 4}, {"device": "cpu", "threads": 4}])
    assert note.endswith("; processor: Xeon (2 runs), EPYC (1 run); threads: 1 (2 runs), 4 (2 runs)")
    gpu = {"device": "NVIDIA H100", "threads": 8}
    assert _machine_notes([gpu, gpu | {"processor": "EPYC", "threads": 16}]) == []
    assert "device: cpu (1 run), NVIDIA H100 (1 run)" in _machine_notes([one, gpu])[0]


def test_only_targets_that_all_share_and_none_was_trained_on_are_compared(made):
    values = {**even(0.6), "zho": 0.9, "tha": 0.1}
    records = [
        made_record(("ara", "deu", "fra"), values),
        made_record(("ara", "deu", "zho"), {**even(0.7), "zho": 0.9}),
    ]
    table = made(records, ["best"])["best"]
    assert by(table, "languages")["ar,de,fr"]["score"].value == pytest.approx(60)
    assert any("not all runs were evaluated on them: th" in note for note in table.notes)
    assert any("some runs were trained on them: zh" in note for note in table.notes)
    records[0]["scores"][0]["data_sha256"] = "other rows"
    table = made(records, ["best"])["best"]
    assert any("not all runs were evaluated on the same rows: fi" in note for note in table.notes)
    apart = [made_record(("deu", x), {y: 0.5}, task="pawsx") for x, y in (("eng", "fra"), ("fra", "eng"))]
    with pytest.raises(DataError, match="no target in common that none of them was trained on"):
        made(apart, ["best"], tasks=["pawsx"], k=2)


def test_what_there_is_no_run_of_is_told_with_what_there_is_and_how_to_make_it(made):
    said = (
        r"no own runs of cldr. There are: xnli with e5-small \(accuracy\). `mslt train --task cldr --model e5-small -"
    )
    with pytest.raises(MissingFactsError, match=said):
        made(triples(ramp()), ["table1"], tasks=["cldr"])
    with pytest.raises(MissingFactsError, match=r"no own runs of 5 examples.*--examples 5` makes them"):
        made([], ["table1"], examples=5)
    with pytest.raises(MissingFactsError, match="no own runs by entity-f1"):
        made([], ["table1"], metric="entity-f1")
    with pytest.raises(
        MissingFactsError, match="no own runs of combinations of 2: there are of 3. .* -k 2` makes them"
    ):
        made([], ["table1"], k=2)
    with pytest.raises(UsageError, match="--include names 4 languages, more than the 3 of -k"):
        made([], ["table1"], include=["ar", "de", "en", "zh"])
    with pytest.raises(UnknownNameError, match="no report 'table5'. Did you mean table"):
        made([], ["table5"])
    with pytest.raises(UnknownNameError, match="no source of results 'mine'"):
        made([], ["table1"], source="mine")


def test_what_lacks_the_metric_that_is_asked_for_is_named(made):
    records = [*triples(ramp()), *triples(ramp(), task="wikiann", metric="entity-f1")]
    table = made(records, ["best"], metric="entity-f1")["best"]
    assert {row["series"].value for row in table.rows} == {"wikiann.e5-small.runs"}
    assert "Left out, for lack of entity-f1: xnli with e5-small." in table.notes


def test_criteria_that_know_nothing_are_left_out_with_the_command_that_helps(made):
    table = made(triples(ramp()), ["criteria"])["criteria"]
    assert "vocab" not in by(table, "criterion")
    why = "vocab, overlap, word-overlap are left out: No vocabularies of e5-small on xnli are stored. Run `mslt fetch"
    assert any(note.startswith(why) for note in table.notes)


def test_the_models_as_they_are_and_single_sources_do_not_count_as_combinations(made):
    records = [*triples(ramp()), made_record([], even(0.99)), made_record(["eng"], even(0.98))]
    assert by(made(records, ["table1"])["table1"], "method")["max"]["xnli.e5-small.runs"].value == 84


def test_every_view_has_a_table_for_runs_and_all_cells(made, monkeypatch):
    monkeypatch.setattr(regret, "REPLAYS", 2)  # each takes a dozen fits
    records = [*triples(ramp()), made_record(["eng"], even(0.55))]
    tables = made(records, list(VIEWS))
    assert set(tables) == {*VIEWS, "table3_languages", "foretold_each", "pairs", "transfer_foretold"}
    for table in tables.values():
        assert table.columns and all(set(row) == {column.name for column in table.columns} for row in table.rows)
        json.dumps([{key: cell.value for key, cell in row.items()} for row in table.rows], allow_nan=False)
    assert any("mslt train --task xnli" in command for command in tables["table1"].commands)


def test_probes_are_the_third_figure(made, own_store):
    with open_store(own_store, write=True) as store, store.transaction() as connection:
        for label, layer, value in (("e5-small", 12, 0.7), ("e5-small", 6, 0.1), ("MSLT(de,en,es)", 12, 0.8)):
            row = (label, label, "e5-small", "", "pud", "test", '["ara", "eng"]', "mean", layer, "cka", "", "")
            row += (value, value - 0.01, value + 0.01, 1000, "d", "0.1.0", "2026-11-25T10:00:00")
            connection.execute(f"INSERT INTO probes VALUES ({', '.join('?' * len(row))})", row)
    table = made(triples(ramp()), ["fig3"])["fig3"]
    rows = {row["model"].value: row for row in table.rows}
    assert (rows["e5-small"]["value"].value, rows["MSLT(de,en,es)"]["value"].text) == (0.7, "0.800")
    assert len(table.rows) == 2  # the last layer of each
    (panel,) = table.chart.panels
    approx = pytest.approx(0.69)
    assert (panel.title, dict(panel.lines)["e5-small"][0].low) == (
        "cka, 1,000 sentences of pud, ar,en (mean, biased); layer 12",  # versions before said nothing of it
        approx,
    )


# -- what ships -------------------------------------------------------------------------------------


def test_results_that_ship_are_filled_once_and_own_ones_of_an_id_stand_beside_them(own_store, tmp_path, monkeypatch):
    import csv

    from mslt_cli.store import results

    folder = tmp_path / "db"
    shutil.copytree(results.results_path("published.csv").parent, folder)
    record = made_record(TRIPLES[0], even(0.6))
    monkeypatch.setattr(results, "results_path", folder.joinpath)
    save_runs(own_store, [record])
    with open_store(own_store) as store:
        columns = [row[1] for row in store.query("PRAGMA table_info(runs)")]
        scores = [row[1] for row in store.query("PRAGMA table_info(scores)") if row[1] != "origin"]
        own = store.query(f"SELECT {', '.join(columns)} FROM runs WHERE origin = 'own'")
        of_own = store.query(f"SELECT {', '.join(scores)} FROM scores WHERE run_id = ?", (record["run_id"],))
    other = [["ffffffffffff" if name == "run_id" else value for name, value in zip(columns, own[0], strict=True)]]
    for name, header, rows in (
        ("runs.csv", columns, [list(own[0]), *other]),
        ("scores.csv", scores, [*map(list, of_own), *(["ffffffffffff", *row[1:]] for row in of_own)]),
    ):
        rows = [
            ["shipped" if x == "own" else "" if header[i] == "directory" else x for i, x in enumerate(r)] for r in rows
        ]
        with (folder / name).open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([header, *rows])
    fill_results(own_store)
    with open_store(own_store) as store:
        origins = {(run.run_id, run.origin) for run in find_runs(store)}
        assert origins == {(record["run_id"], "own"), (record["run_id"], "shipped"), ("ffffffffffff", "shipped")}
        assert {row.origin: row.runs for row in stored_evaluations(store)} == {"own": 1, "shipped": 2}
        table = report(store, ["best"], source="shipped")[0]
        assert find_one_run(store, record["run_id"]).origin == "own"
        assert all(score.origin == "own" for score in read_run_details(store, [record["run_id"]])[1])
        assert [run.origin for run, _ in list_runs(store, tasks=[], models=[], examples=None, source="shipped")] == [
            "shipped",
            "shipped",
        ]
    assert table.rows[0]["score"].origin == "shipped"
    save_runs(own_store, [record])  # trained again: the shipped ones stay
    save_runs(own_store, [])  # unchanged: nothing is written
    with open_store(own_store) as store:
        assert len(find_runs(store)) == 3


def test_a_store_that_may_not_be_written_is_reported_on_all_the_same(filled_store, tmp_path, monkeypatch):
    from mslt_cli.errors import StoreError
    from mslt_cli.store import results

    path = Path(shutil.copy(filled_store, tmp_path / "store.db"))
    plain, before = results.fill_results, path.read_bytes()

    def refusing(given=None):
        if given == path:
            raise StoreError(f"The store {path} may not be written.")
        plain(given)

    monkeypatch.setattr(results, "fill_results", refusing)
    with results.open_with_results(path) as store:
        (table,) = report(store, ["table1"], source="published")
        assert store.path != path
    assert by(table, "method")["l2v-syntax"]["xnli.published"].value == 73.76
    assert path.read_bytes() == before and not store.path.exists()


def test_only_the_paper_is_said_where_no_runs_are_what_is_asked_for(made):
    table = made(triples(ramp()), ["table1"], source="both", examples=999)["table1"]
    assert any("These are the paper's numbers alone" in note for note in table.notes)
    table = made([], ["table1"], source="both", pool=["de", "en", "fr", "es"])["table1"]
    assert any(
        "The paper prints this for combinations of 3 out of its 7 languages alone" in note for note in table.notes
    )


def test_runs_that_ship_have_the_ids_of_what_determined_them():
    import csv

    from mslt_cli.runs.directory import id_of
    from mslt_cli.shipped import results_path

    with results_path("runs.csv").open(encoding="utf-8", newline="") as file:
        runs = list(csv.DictReader(file))
    with results_path("scores.csv").open(encoding="utf-8", newline="") as file:
        scores = list(csv.DictReader(file))
    assert {row["run_id"] for row in runs} == {row["run_id"] for row in scores}
    for row in runs:
        assert id_of(json.loads(row["identity"])) == row["run_id"]
        assert (row["origin"], row["directory"]) == ("shipped", "")
        assert row["command"].startswith("mslt train ")
    assert all(float(s["low"]) <= float(s["value"]) <= float(s["high"]) for s in scores)


def test_own_columns_stand_beside_those_of_the_paper(made):
    records = [
        made_record(x, even(0.5 + i / 100), task=task) for task in ("xcopa", "xnli") for i, x in enumerate(TRIPLES)
    ]
    names = [column.name for column in made(records, ["table1"], source="both")["table1"].columns]
    assert names[2:6] == ["xnli.published", "xnli.e5-small.runs", "xcopa.published", "xcopa.e5-small.runs"]
