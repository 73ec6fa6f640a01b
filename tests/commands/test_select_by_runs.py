"""`select --by runs` and `--by transfer`, on made runs whose effects a reader knows; against slow, obvious twins."""

import csv
import io
import json
import re
import sys
from functools import cache
from itertools import combinations

import numpy as np
import pytest
from made_runs import PAPER, TARGETS, made_record, save_runs

from mslt_cli.cli import main
from mslt_cli.criteria import CRITERIA
from mslt_cli.criteria.evidence import open_reader
from mslt_cli.criteria.request import Measured, members_of
from mslt_cli.errors import MissingFactsError, MsltError, UsageError
from mslt_cli.foretelling.model import fit
from mslt_cli.foretelling.observations import TooFewRunsError, equal_shares
from mslt_cli.results.observations import RunsAsked, find_observations
from mslt_cli.selection import select
from mslt_cli.show.selections import selection_as_dict, show_selection, summarize
from mslt_cli.store.db import open_store

WORTH = {"ara": 4, "deu": 3, "eng": 2, "fra": -1, "rus": -2, "spa": -3, "zho": 5}
"""Points that each language adds at a full share."""
ISO = dict(PAPER)
CODE = {iso: code for code, iso in PAPER.items()}


def score(sources, target, seed, spread=1.0, noise=0.5):
    """60 %, plus the worth of the sources, plus the target's own, plus a made noise of the run and of the score."""
    rng = np.random.default_rng([seed, *(ord(letter) for letter in "".join((*sources, target)))])
    luck = np.random.default_rng([seed, *(ord(letter) for letter in "".join(sources))]).normal(0, noise)
    worth = spread * np.mean([WORTH[source] for source in sources])
    return (60 + worth + 2 * TARGETS.index(target) + luck + rng.normal(0, noise)) / 100


def made_grid(sizes=(1, 2), seeds=(0, 1), **given):
    return [
        made_record(sources, {target: score(sources, target, seed, **given) for target in TARGETS}, seed=seed)
        for size in sizes
        for sources in combinations(sorted(WORTH), size)
        for seed in seeds
    ]


@pytest.fixture(scope="module")
def grid(filled_store, tmp_path_factory):
    """A store with the singles and pairs of the paper's seven, two seeds each."""
    path = tmp_path_factory.mktemp("grid") / "store.db"
    path.write_bytes(filled_store.read_bytes())
    save_runs(path, made_grid())
    return path


def chosen(path, *given, **options):
    with open_store(path) as store:
        return select(store, *given, **options)


@cache
def shared(*given, **options):
    """The same, worked out once: for tests that ask the same of the shared grid."""
    return chosen(*given, **options)


def model_of(path, languages=(), weights=None):
    with open_store(path) as store:
        return fit(find_observations(store, RunsAsked(task="xnli"), languages).observations, weights=weights)


@pytest.fixture
def run(capsys, monkeypatch):
    """Runs `mslt select` within this process: exit code, stdout, stderr."""

    def run(path, *arguments):
        with monkeypatch.context() as patch, pytest.raises(SystemExit) as ended:
            patch.setattr(sys, "argv", ["mslt", "select", "--store", str(path), *arguments])
            main()
        return ended.value.code, *capsys.readouterr()

    return run


# -- what is ranked --------------------------------------------------------------------------------


@pytest.mark.parametrize(("k", "include"), [(1, ""), (2, ""), (3, ""), (4, "en")])
def test_the_ranking_is_that_of_a_list_of_all_that_the_model_foretells(grid, k, include):
    model = model_of(grid)
    languages = model.observations.languages
    fixed = {ISO[code] for code in include.split(",") if code}
    every = [items for items in combinations(range(7), k) if fixed <= {languages[i] for i in items}]
    foretold = model.predict(equal_shares(every, 7))
    best_first = np.argsort(-foretold.mean, kind="stable")
    found = shared(grid, "paper", k, by=("runs",), include=include, top=99)
    assert found.exact
    assert [set(row.languages) for row in found.results] == [
        {CODE[languages[i]] for i in every[place]} for place in best_first
    ]
    for row, place in zip(found.results, best_first, strict=True):
        assert row.scores["runs"] == pytest.approx(100 * foretold.mean[place], abs=1e-9)
        assert row.outlook.high - row.outlook.score == pytest.approx(100 * 1.644854 * foretold.sd[place])
        assert row.outlook.low + row.outlook.high == pytest.approx(2 * row.outlook.score)


def test_the_best_languages_come_first_and_the_worst_with_least(grid):
    assert shared(grid, "paper", 3, by=("runs",)).results[0].languages == ("ar", "de", "zh")
    assert shared(grid, "paper", 3, by=("runs",), least=True).results[0].languages == ("es", "fr", "ru")


def test_chances_are_of_all_combinations_and_sum_to_one(grid):
    found = shared(grid, "paper", 2, by=("runs",), top=99)
    outlooks = [row.outlook for row in found.results]
    assert found.chances.rivals == 21
    assert sum(one.p_best for one in outlooks) == pytest.approx(1)
    assert outlooks[0].p_best == max(one.p_best for one in outlooks)
    # What choosing another costs is what choosing the first costs, and how far it lies behind.
    for one in outlooks:
        assert one.regret - outlooks[0].regret == pytest.approx(outlooks[0].score - one.score, abs=0.1)
    assert all(one.regret >= 0 for one in outlooks)


def test_what_was_trained_stands_beside_what_is_foretold(grid):
    pairs = shared(grid, "paper", 2, by=("runs",), top=99).results
    for row in pairs:
        sources = tuple(sorted(ISO[code] for code in row.languages))
        mean = np.mean([score(sources, target, seed) for seed in (0, 1) for target in TARGETS])
        assert (row.outlook.runs, row.outlook.measured) == (2, pytest.approx(100 * mean))
    assert {row.outlook.runs for row in shared(grid, "paper", 3, by=("runs",)).results} == {0}


def test_targets_that_are_asked_for_are_weighed_alike_and_others_count_nothing(grid):
    found = shared(grid, "paper", 2, by=("runs",), target="fi,tr", top=1)
    model = model_of(grid, weights=np.array([0.5, 0, 0, 0.5]))  # fin hin swa tur
    items = [model.observations.languages.index(ISO[code]) for code in found.results[0].languages]
    assert found.results[0].scores["runs"] == pytest.approx(100 * model.predict(equal_shares([items], 7)).mean[0])
    assert found.forecast.facts["targets"] == ["fi", "tr"]


def test_other_criteria_stand_beside_it_and_it_beside_others(grid):
    found = chosen(
        grid,
        "paper",
        2,
        by=(
            "l2v-syntax",
            "runs",
            "transfer",
        ),
        top=3,
    )
    first = found.results[0]
    assert list(first.scores) == ["l2v-syntax", "runs", "transfer"]
    assert first.ranks["l2v-syntax"] == 1
    assert 1 <= first.ranks["runs"] <= 21
    assert first.outlook.score == pytest.approx(first.scores["runs"])
    assert (
        chosen(
            grid,
            "paper",
            2,
            by=(
                "runs",
                "l2v-syntax",
            ),
            combine="borda",
        )
        .results[0]
        .outlook
        is not None
    )


def test_languages_without_a_run_are_foretold_from_relatives_and_less_surely(grid):
    found = shared(grid, "ar,de,en,es,fr,ru,zh,nl,it", 1, by=("runs",), top=99)
    width = {row.languages[0]: row.outlook.high - row.outlook.low for row in found.results}
    value = {row.languages[0]: row.scores["runs"] for row in found.results}
    assert min(width["nl"], width["it"]) > 1.5 * max(width[code] for code in PAPER)
    assert value["nl"] > value["it"]  # German and English are good, Spanish and French are not


def test_targets_of_the_runs_are_no_sources(grid):
    found = shared(grid, "task:xnli", 1, by=("runs",), top=99)
    assert "vi" in found.pool.labels
    assert not {"fi", "hi", "sw", "tr"} & set(found.pool.labels)
    with pytest.raises(MissingFactsError, match=r"Finnish \(fi\) has scores in these runs as an unseen target"):
        shared(grid, "de,en,fi", 1, by=("runs",))


def test_a_pool_too_large_to_list_is_ranked_exactly(grid, monkeypatch):
    monkeypatch.setattr("mslt_cli.search.ranking.ENUMERATE_UP_TO", 0)
    pool = "ar,de,en,es,fr,ru,zh,nl,vi,it,pt,pl,ja,el,cs,uk"
    listed = chosen(grid, pool, 4, by=("runs",), top=20)
    monkeypatch.setattr("mslt_cli.selection.can_list", lambda wanted: False)
    searched = chosen(grid, pool, 4, by=("runs",), top=20)
    assert (listed.proof, searched.proof) == ("enumerated", "branch-and-bound")
    assert searched.exact
    assert [row.languages for row in searched.results] == [row.languages for row in listed.results]
    assert searched.results[0].outlook.p_best == pytest.approx(listed.results[0].outlook.p_best, abs=0.05)
    assert searched.chances.widest is None  # not all are rivals


# -- how sure ---------------------------------------------------------------------------------------


def verdict(path, k=2):
    found = shared(path, "paper", k, by=("runs",))
    return found.chances.grounds.verdict, " ".join(summarize(found))


def test_differences_are_told_with_their_share_of_the_variance(grid):
    said, text = verdict(grid)
    assert said == "they differ"
    assert "14 own runs" not in text
    assert (
        "56 own runs of xnli, e5-small (accuracy on test, mean over fi, hi, sw, tr; 300 examples; seeds 0, 1)" in text
    )
    assert "The 21 trained combinations of 2, each left out in turn: foretold with ρ = 0.9" in text
    assert "% is no noise (95 % interval " in text
    assert "P(best) is the chance to be the best of all 21 combinations; choosing the first costs " in text


def test_combinations_that_hardly_differ_are_said_to(own_store):
    save_runs(own_store, made_grid((3,), (4, 5), spread=0.0))
    said, text = verdict(own_store, 3)
    assert said == "they hardly differ"
    widest = float(text.split("no choice is more than ")[1].split(" points")[0])
    assert 0 < widest < 3
    assert "They hardly differ: no choice is more than" in text
    assert "with 95 % probability. Take the cheapest." in text


def test_one_seed_is_too_few_to_tell(own_store):
    save_runs(own_store, made_grid((1,), (0,)))
    said, text = verdict(own_store)
    assert said == "too few runs to tell"
    assert "Too few runs to tell what is noise, for none was trained twice: train some with another --seed." in text
    assert "and of 7 that says little" in text
    answer = json.dumps(selection_as_dict(shared(own_store, "paper", 2, by=("runs",))), allow_nan=False)
    assert json.loads(answer)["foretold"]["signal"] == {
        **{"share": None, "low": None, "high": None, "p": None, "knows_noise": False}
    }


# -- which runs -------------------------------------------------------------------------------------


def test_own_runs_are_taken_unless_the_shipped_are_asked_for(grid):
    with open_store(grid) as store:
        read = [open_reader(store, CRITERIA["runs"], measured) for measured in (Measured(), Measured(source="shipped"))]
        assert [reader.runs.label for reader in read] == ["xnli, e5-small", "cldr, e5-small"]
        assert open_reader(store, CRITERIA["runs"], Measured(task="cldr")).runs.about.origin == "shipped"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "pl"}, r"Polish \(pl\) of --target has no run that was evaluated on it: there are scores on fi"),
        ({"measured": Measured(task="pawsx")}, r"no runs of pawsx .*`mslt train --task pawsx --model e5-small"),
        ({"measured": Measured(where={"learning_rate": "7"})}, "no runs with learning_rate=7"),
        ({"measured": Measured(examples=7)}, "no runs of 7 examples"),
        ({"measured": Measured(source="paper")}, "--source is 'paper'; it can be runs or shipped"),
        ({"target": "fi", "cover_share": 0.5}, "--lambda mixes distances with nearness"),
        ({"pool": "all"}, r"--by runs can foretell of up to 250 languages, and the pool has 7,\d+\. Choose a smaller"),
    ],
)
def test_runs_that_do_not_exist_are_refused_with_the_reason(grid, options, message):
    with pytest.raises(MsltError, match=message):
        chosen(grid, **({"pool": "paper", "k": 3, "by": ("runs",)} | options))


def test_one_run_is_too_few(own_store):
    save_runs(own_store, made_grid((1,), (0,))[:1])
    with pytest.raises(TooFewRunsError, match="at least 3 different combinations, and there is 1"):
        chosen(own_store, "paper", 2, by=("runs",))


def test_languages_with_neither_run_nor_vector_are_known_to_be_unknown(grid):
    # WikiANN has languages without an ISO code, of which nothing is known but their names.
    with open_store(grid) as store:
        members = members_of(store, "de,task:wikiann")
        reader = open_reader(store, CRITERIA["runs"], Measured())
        lacking = [members[i].label for i in reader.lacking(members)]
    assert 0 < len(lacking) < 20
    assert not {"de", "nl"} & {*lacking}
    assert reader.lack == "neither a run nor a vector, so that nothing is known of it"


def test_runs_that_are_no_criterion_have_no_effect_and_that_is_said(grid):
    found = chosen(grid, "paper", 3, measured=Measured(source="shipped"), objective="mean")
    assert found.notes == (
        "--source has no effect: none of these criteria reads scores.",
        "--objective has no effect: none of these criteria reads it.",
    )


# -- transfer ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("objective", [None, "mean"])
def test_transfer_is_the_best_or_the_mean_of_the_sources_shrunk_scores(grid, objective):
    model = model_of(grid)
    alone = 100 * model.predict(np.eye(7)).by_target  # (7, 4)
    place = {CODE[language]: i for i, language in enumerate(model.observations.languages)}
    found = chosen(grid, "paper", 3, by=("transfer",), objective=objective, top=99)
    values = []
    for row in found.results:
        of_sources = alone[[place[code] for code in row.languages]]
        values.append(of_sources.mean() if objective else of_sources.max(axis=0).mean())
        assert row.scores["transfer"] == pytest.approx(values[-1])
    assert len(values) == 35
    assert values == sorted(values, reverse=True)
    # Shrunk: less apart than what was measured.
    measured = [[np.mean([score((x,), t, s) for s in (0, 1)]) for t in sorted(TARGETS)] for x in sorted(WORTH)]
    assert alone.mean(axis=1).std() < 100 * np.mean(measured, axis=1).std()


def test_transfer_names_the_best_source_of_each_target(grid):
    found = chosen(grid, "paper", 2, by=("transfer",), target="fi,tr", objective="cover", top=1)
    assert {to.nearest for to in found.results[0].toward["transfer"].values()} <= set(found.results[0].languages)
    assert [line for line in summarize(found) if line.startswith("→")] == [
        "→ target: score of the best source by itself, %."
    ]


def test_transfer_needs_single_sources(own_store):
    save_runs(own_store, made_grid((2,), (0,)))
    with pytest.raises(MissingFactsError, match=r"No run of xnli, e5-small has a single source.* -k 1` makes them"):
        chosen(own_store, "paper", 2, by=("transfer",))
    save_runs(own_store, made_grid((1,), (0,))[:3])
    with pytest.raises(MissingFactsError, match="French .* have no run that was trained on it alone"):
        chosen(own_store, "ar,de,en,fr,zh", 2, by=("transfer",))


# -- the formats ------------------------------------------------------------------------------------


def test_json_has_what_is_foretold_and_on_what_it_rests(run, grid):
    code, out, _ = run(grid, "--by", "runs", "--json", "--top", "2")
    answer = json.loads(out)
    assert code == 0
    assert set(answer["results"][0]["outlook"]) == {"score", "low", "high", "p_best", "regret", "runs", "measured"}
    about = answer["foretold"]
    assert {"source", "task", "model", "metric", "split", "targets", "examples", "runs", "size", "combinations"} < set(
        about
    )
    assert (about["runs"], about["verdict"], about["rivals"]) == (56, "they differ", 35)
    assert set(about["signal"]) == {"share", "low", "high", "p", "knows_noise"}
    code, out, _ = run(grid, "--json")
    assert "foretold" not in out
    assert "outlook" not in out


def test_tables_csv_and_lines(capsys, grid):
    found = shared(grid, "paper", 2, by=("runs",), top=99)

    def shown(form):
        show_selection(found, form)
        return capsys.readouterr().out

    rows = list(csv.DictReader(io.StringIO(shown("csv"))))
    assert {"runs", "low", "high", "p_best", "regret", "trained", "measured"} < set(rows[0])
    assert rows[0]["trained"] == "2"
    assert float(rows[0]["low"]) < float(rows[0]["runs"]) < float(rows[0]["high"])
    header, _, first, *_ = shown("table").splitlines()
    assert header.split() == ["rank", "languages", "runs", "P(best)", "trained"]
    assert re.search(r"1 +ar Arabic, zh Chinese +\d\d\.\d\d ±\d\.\d\d +\d+ % +\d\d\.\d\d \(2 runs\)", first)
    assert shown("lines").startswith("ar,zh\n")
    assert "| P(best) |" in shown("md")


def test_one_more_language_is_foretold_too(run, grid):
    _, out, _ = run(grid, "--by", "runs", "-k", "2", "--top", "1", "--explain")
    model = model_of(grid)
    items = [model.observations.languages.index(x) for x in ("ara", "zho", "deu")]
    value = 100 * model.predict(equal_shares([items], 7)).mean[0]
    assert f"One more language (k = 3), runs: de German → {value:.4f}" in out


def test_where_and_examples_are_read_from_the_command_line(run, grid):
    code, out, _ = run(grid, "--by", "runs", "--where", "learning_rate=1e-4", "--examples", "300", "--top", "1")
    assert (code, "56 own runs" in out) == (0, True)
    code, _, err = run(grid, "--by", "runs", "--where", "learning_rate")
    assert (code, "--where is 'learning_rate'; write SETTING=VALUE" in err) == (1, True)


# -- a matrix in place of runs ----------------------------------------------------------------------

LONG = "source;target;score\n" + "".join(
    f"{a};{b};{100 * score((ISO[a],), b, 0):.3f}\n".replace(".", ",") for a in PAPER for b in TARGETS
)
WIDE = "lang\tFinnish\thi\tsw\ttur\n" + "".join(
    f"{iso}\t" + "\t".join(f"{score((iso,), b, 0):.5f}" for b in ("fin", "hin", "swa", "tur")) + "\n"
    for iso in PAPER.values()
)


def of_matrix(path, folder, text, **options):
    file = folder / "scores.csv"
    file.write_text(text, encoding="utf-8")
    return chosen(path, "paper", 2, measured=Measured(matrix=file), **options)


@pytest.mark.parametrize("by", ["runs", "transfer"])
def test_both_forms_of_a_matrix_say_the_same_as_runs_of_single_sources(filled_store, own_store, tmp_path, by):
    save_runs(own_store, made_grid((1,), (0,)))
    of_runs = chosen(own_store, "paper", 2, by=(by,), top=99)
    long, wide = (of_matrix(filled_store, tmp_path, text, by=(by,), top=99) for text in (LONG, WIDE))
    for found in (long, wide):
        assert [row.languages for row in found.results] == [row.languages for row in of_runs.results]
        values = [[row.scores[by] for row in one.results] for one in (found, of_runs)]
        assert values[0] == pytest.approx(values[1], abs=0.3)  # runs also know the variance of their items
    assert "scores are read as percent (5" in long.notes[0]
    assert "no score is above 1, so they are read as shares of 1" in wide.notes[0]
    assert "single-source scores of 7 languages in" in long.evidence[0].provenance


def test_of_a_matrix_no_noise_is_known(filled_store, tmp_path):
    found = of_matrix(filled_store, tmp_path, WIDE, by=("runs",))
    assert "Too few runs to tell what is noise: a matrix has one score of each source." in " ".join(summarize(found))


def test_targets_that_are_sources_count_where_they_are_asked_for(filled_store, tmp_path):
    square = "x,ar,de,en,es,fr,ru,zh\n" + "".join(
        f"{a}," + ",".join("" if a == b else f"{50 + WORTH[ISO[a]]}" for b in PAPER) + "\n" for a in PAPER
    )
    with pytest.raises(UsageError, match="Each target of .* is a source as well. Say by --target"):
        of_matrix(filled_store, tmp_path, square, by=("transfer",))
    found = of_matrix(filled_store, tmp_path, square, by=("transfer",), target="es,fr", top=1)
    assert found.pool.labels == ["ar", "de", "en", "ru", "zh"]
    assert "zh" in found.results[0].languages


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LONG.replace("en;fin;", "en;fin;x"), r"Row \d+ of .*: 'x\d+,\d+' is not a number"),
        (LONG.replace("en;fin;", "en;fin;9"), "has the value 9.*, which is no score: they are 0 to 1, or percent"),
        (LONG + "en;fin;50\n", r"Row 30 of .* is the second score of en on fin. Keep one"),
        (LONG + "en;fin\n", "Row 30 of .* needs a source, a target and a score"),
        (LONG.replace("en;fin;", "en;klingonish;"), r"Row \d+ of .*: There is no language 'klingonish'"),
        ("\n".join(line for line in LONG.splitlines() if not line.startswith("en;fin")), "has no score of en on fi. "),
        (WIDE.replace("tur", "colour"), "The column 'colour' of .* is no language. A matrix of scores has the columns"),
        (WIDE.replace("eng\t", "qqqq\t"), r"Row \d of .*: There is no language 'qqqq'"),
        (WIDE.replace("tur", "fin"), "names eng on fin twice|names .* on fin twice"),
        ("lang,fi,hi\nen,,\n", "has no score"),
        ("source,target,score\n", "needs a header"),
    ],
)
def test_a_matrix_with_a_fault_is_refused_by_its_place(filled_store, tmp_path, text, message):
    with pytest.raises(UsageError, match=message):
        of_matrix(filled_store, tmp_path, text, by=("runs",))


def test_a_matrix_and_runs_exclude_each_other(filled_store, tmp_path):
    file = tmp_path / "scores.csv"
    file.write_text(WIDE)
    with pytest.raises(UsageError, match="--matrix takes the place of runs"):
        chosen(filled_store, "paper", 2, by=("runs",), measured=Measured(matrix=file, source="runs"))
