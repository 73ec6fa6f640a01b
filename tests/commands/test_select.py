import contextlib
import csv
import io
import json
import os
import pty
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from json_schemas import require_schema
from rich.cells import cell_len

from mslt_cli.cli import main
from mslt_cli.data.splits import fetch_data
from mslt_cli.tasks import find_task

MSLT = [sys.executable, "-m", "mslt_cli"]
PAPER = "ar,de,en,es,fr,ru,zh"
CONTRACT = {"pool", "k", "include", "exclude", "by", "objective", "combinations", "exact", "proof", "gap", "results"}
"""Keys that DESIGN.md promises; they don't change within a major version."""


@pytest.fixture
def run(filled_store, capsys, monkeypatch):
    """Runs `mslt select` within this process; what needs a process of its own starts one."""

    def run(*arguments, stdin=None, **environment):
        command = ["mslt", "select", "--store", str(filled_store), *arguments]
        with monkeypatch.context() as patch, pytest.raises(SystemExit) as ended:
            patch.setattr(sys, "argv", command)
            patch.setattr(sys, "stdin", io.StringIO(stdin))
            for name, value in environment.items():
                patch.setenv(name, value)
            main()
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return subprocess.CompletedProcess(command, ended.value.code, out, err)

    return run


@pytest.fixture
def found(run):
    def found(*arguments, stdin=None):
        done = run("--json", *arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr
        require_schema(["select"], done.stdout)
        return json.loads(done.stdout)

    return found


def languages(answer):
    return [result["languages"] for result in answer["results"]]


# -- what is ranked --------------------------------------------------------------------------------


def test_the_papers_pool_is_ranked_as_the_contract_says(found):
    answer = found("--pool", PAPER, "-k", "3")
    assert list(answer)[:8] == ["pool", "k", "include", "exclude", "by", "objective", "maximize", "combine"]
    assert answer["pool"] == PAPER.split(",")
    assert (answer["combinations"], answer["exact"], answer["proof"], answer["gap"]) == (35, True, "enumerated", 0)
    first = answer["results"][0]
    assert (first["rank"], first["tied"], first["languages"]) == (1, 1, ["ar", "de", "zh"])
    assert first["scores"]["l2v-syntax"] == pytest.approx(1.196175, abs=5e-7)
    assert len(answer["results"]) == 10


def test_the_same_command_gives_the_same_bytes(run):
    assert run("--by", "random", "--json").stdout == run("--by", "random", "--json").stdout
    assert run("--by", "random", "--json").stdout != run("--by", "random", "--seed", "1", "--json").stdout


def test_included_languages_are_in_all_and_excluded_ones_in_none(found):
    answer = found("--pool", PAPER, "--include", "English", "--exclude", "zh", "--top", "99")
    assert answer["combinations"] == 10  # two of the other five
    assert all("en" in chosen and "zh" not in chosen for chosen in languages(answer))


def test_languages_are_shown_as_they_were_written_and_sorted(found):
    assert languages(found("--pool", "zh-Hans,German,ara,eng", "-k", "4")) == [["German", "ara", "eng", "zh-Hans"]]


def test_least_turns_the_order_around(found):
    most, least = found("--top", "35"), found("--top", "35", "--least")
    assert languages(least) == languages(most)[::-1]
    assert least["objective"] == "least"


def test_ties_share_a_rank_and_are_counted(found):
    ranks = [(r["rank"], r["tied"]) for r in found("--by", "l2v-fam", "--top", "35")["results"]]
    assert ranks[0][1] > 1
    for rank, tied in ranks:
        assert sum(other == rank for other, _ in ranks) == tied
        assert sum(other < rank for other, _ in ranks) == rank - 1


def test_further_criteria_stand_beside_with_their_own_ranks(found):
    answer = found("--by", "l2v-syn,size", "--by", "scripts", "--top", "35")
    assert answer["by"] == ["l2v-syntax", "size", "scripts"]
    alone = {tuple(r["languages"]): r["rank"] for r in found("--by", "size", "--top", "35")["results"]}
    assert all(r["ranks"]["size"] == alone[tuple(r["languages"])] for r in answer["results"])


def test_borda_ranks_by_the_mean_rank(found):
    answer = found("--by", "l2v-syn", "--by", "l2v-geo", "--combine", "borda", "--top", "35")
    means = [(r["ranks"]["l2v-syntax"] + r["ranks"]["l2v-geography"]) / 2 for r in answer["results"]]
    assert means == sorted(means)
    assert [r["scores"]["borda"] for r in answer["results"]] == means


def test_size_depends_on_the_model(found):
    assert languages(found("--by", "size"))[0] == ["de", "en", "ru"]
    assert languages(found("--by", "size", "--model", "bloom"))[0] == ["en", "fr", "zh"]


def test_quotas_hold_in_every_combination(found):
    answer = found("--distinct-scripts", "--max-per-family", "1", "--top", "99")
    # one each of Arabic, Russian, Chinese and the four in Latin script; Russian and those are Indo-European
    assert {frozenset(c) for c in languages(answer)} == {
        frozenset(("ar", "zh", x)) for x in ("de", "en", "es", "fr", "ru")
    }


def test_a_large_pool_is_proved_without_listing(found):
    answer = found("--pool", "xlm-r", "-k", "5", "--by", "l2v-pho", "--top", "3")
    assert (answer["exact"], answer["proof"]) == (True, "branch-and-bound")
    assert answer["combinations"] > 10**7
    assert answer["results"][0]["ranks"] == {"l2v-phonology": 1}


def test_a_search_that_is_stopped_states_its_gap(found):
    answer = found("--pool", "xlm-r", "-k", "9", "--time-limit", "0.01")
    assert (answer["exact"], answer["proof"]) == (False, "bound")
    assert 0 < answer["gap"] < 0.5


def test_named_pools_leave_out_what_is_not_known_and_say_so(run):
    done = run("--pool", "xlm-r", "-k", "2", "--by", "l2v-fam", "--format", "lines", "--top", "1")
    assert done.returncode == 0
    assert "left out 1 of 93 languages with no known l2v-family vector in URIEL: eu" in done.stderr


def test_pools_come_from_files_and_standard_input_and_names(found, run, tmp_path):
    listed = tmp_path / "pool.txt"
    listed.write_text("# sources\nالعربية\n中文, German\n", encoding="utf-8")
    assert languages(found("--pool", f"@{listed}"))[0] == ["German", "العربية", "中文"]
    assert languages(found("--pool", "-", stdin="en\nfr\nHaitian Creole\n"))[0] == ["Haitian Creole", "en", "fr"]
    assert found("--pool", "paper")["pool"] == PAPER.split(",")
    lines = run("--format", "lines", "--top", "1").stdout
    assert languages(found("--pool", "-", stdin=lines)) == [["ar", "de", "zh"]]


def test_own_vectors_and_own_distances_rank(found, tmp_path):
    features = tmp_path / "features.csv"
    features.write_text("language,a,b\nen,1,0\nde,1,1\nfr,0,2\n")
    answer = found("--vectors", str(features), "-k", "2")
    # cos(en, fr) = 0, cos(en, de) = cos(de, fr) = 1/√2
    assert languages(answer)[0] == ["en", "fr"]
    assert [r["scores"]["vectors"] for r in answer["results"]] == pytest.approx([1, 1 - 2**-0.5, 1 - 2**-0.5])
    square = tmp_path / "square.csv"
    square.write_text("x,en,de,fr\nen,0,3,1\nde,3,0,2\nfr,1,2,0\n")
    assert [r["scores"]["vectors"] for r in found("--vectors", str(square), "-k", "2")["results"]] == [3, 2, 1]


def test_a_pair_is_compared_by_the_features_that_are_known_of_both(found, tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("x,a,b,c\nen,1,0,1\nde,1,,0\nfr,0,1,-1\n")
    # en-de over a and c: cos((1,1), (1,0)) = 1/√2; en-fr over a and b: 0; de-fr over a alone, where fr is 0
    pair = ["--pool", "en,de", "--vectors", str(path), "-k", "2"]
    answer = found(*pair)
    assert answer["results"][0]["scores"]["vectors"] == pytest.approx(1 - 2**-0.5)
    assert answer["notes"] == [f"{path}: -1 is read as missing, 11.1 % of the values; the others are 0 to 1."]
    facts = f"vectors of {path} (3 features), each pair by the features that are known of both"
    assert answer["criteria"]["vectors"]["facts"] == facts
    path.write_text("x,a,b,c\nen,1,0,1\nde,1,,0\nfr,1,1,-1\n")
    near = found("--pool", "en,de", "--target", "fr", "--vectors", str(path), "-k", "1", "--objective", "cover")
    # de-fr over a: 1; en-fr over a and b: cos((1,0), (1,1)) = 1/√2
    assert [r["toward"]["vectors"]["fr"]["value"] for r in near["results"]] == pytest.approx([1, 2**-0.5])


def test_languages_that_share_no_known_feature_are_refused(run, tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("x,a,b\nen,1,\nde,,1\n")
    done = run("--vectors", str(path), "-k", "2")
    assert done.returncode == 1
    assert "de and en share no feature" in done.stderr


def test_a_row_under_the_other_code_of_a_language_serves_it_and_that_is_said(found, tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("x,a,b\nmand1415,1,0\narb,0,1\nen,1,1\n")
    answer = found("--pool", "ar,en,zh", "--vectors", str(path), "-k", "2", "--top", "1")
    assert (languages(answer), answer["results"][0]["scores"]) == ([["ar", "zh"]], {"vectors": 1.0})
    assert answer["criteria"]["vectors"]["facts"] == f"vectors of {path}, arb for ar, mand1415 for zh (2 features)"


def test_languages_of_which_little_is_known_can_be_left_out_of_own_vectors(run, tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("x,a,b,c\nen,1,,\nde,1,0,\nfr,0,1,1\nes,1,1,0\n")
    done = run("--vectors", str(path), "-k", "3", "--min-measured", "0.5", "--format", "lines")
    assert (done.returncode, done.stdout) == (0, "de,es,fr\n"), done.stderr
    assert "left out 1 of 4 languages" in done.stderr


def test_a_language_without_a_vector_is_left_out_or_refused_where_it_was_named(run, tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("x,a,b\nen,0,0\nde,2,0\nfr,0,1\nes,,\n")
    done = run("--vectors", str(path), "-k", "2", "--format", "lines")
    assert done.stdout == "de,fr\n"
    assert "left out 2 of 4 languages with no vector" in done.stderr
    done = run("--pool", "en,de", "--vectors", str(path), "-k", "2")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"English (en) has no vector in {path} (no row, or all its values are 0 or missing)." in done.stderr


def test_the_nearest_source_has_a_column_of_its_own_in_csv(run):
    done = run("--pool", "en,hi,zh", "-k", "2", "--target", "id,ko", "--format", "csv", "--top", "1")
    (row,) = csv.DictReader(io.StringIO(done.stdout))
    assert (row["l2v-syntax_to_id.nearest"], row["l2v-syntax_to_ko.nearest"]) == ("en", "hi")
    assert float(row["l2v-syntax_to_ko"]) == pytest.approx(0.75, abs=5e-4)


def test_the_footer_says_which_objective_fits_which_question(run):
    assert "diverse is for languages that are not known in advance" in run("--target", "id").stdout
    assert "not known in advance" not in run().stdout


@pytest.mark.parametrize("form", ["csv", "jsonl", "lines"])
def test_explain_says_where_it_has_no_place(run, form):
    done = run("--explain", "--format", form)
    assert done.stderr == f"mslt: --explain has no place in --format {form}; table, md and json have it.\n"
    assert done.stdout == run("--format", form).stdout


def test_explain_is_markdown_in_markdown(run):
    plain, whole = run("--format", "md").stdout, run("--format", "md", "--explain").stdout
    assert whole.startswith(plain)
    said = whole.removeprefix(plain).split("\n\n")
    assert said[0] == "\nWhy Arabic, German, Chinese:"
    assert said[1].startswith("| l2v-syntax: cosine | ar | de | zh | measured |\n")
    assert said[2] == "40 % of what 3 unrelated vectors would score."
    assert said[3].startswith("Scripts: Arab, Latn, Hani.")


def test_the_footer_says_whether_a_file_held_vectors_or_distances(run, found, tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("x,fr,en,de\nen,0.2,0,0.5\nde,0.7,0.5,0\nfr,0,0.2,0.7\n")
    assert f"(sum of the distances of pairs) first; distances of {path}; exact" in run("--vectors", str(path)).stdout
    smallest = found("--vectors", str(path), "--maximize", "min")["criteria"]["vectors"]
    assert smallest["unit"] == "smallest distance of a pair"
    cover = found("--vectors", str(path), "-k", "1", "--target", "fr", "--objective", "cover")
    assert cover["criteria"]["vectors"]["unit"] == "mean of 1 − distance of each target to its nearest source"
    assert [r["scores"]["vectors"] for r in cover["results"]] == pytest.approx([0.8, 0.3])
    path.write_text("x,a,b\nen,1,0\nde,0,1\n")
    text = run("--vectors", str(path), "-k", "2").stdout
    assert f"(sum of 1 − cosine over pairs) first; vectors of {path} (2 features); exact" in text


@pytest.mark.parametrize("extra", [[], ["--least"], ["--combine", "borda", "--by", "l2v-syn,l2v-geo"], ["--explain"]])
def test_the_json_has_every_key_of_the_contract_and_the_same_bytes_again(run, extra):
    done = run("--json", *extra)
    answer = json.loads(done.stdout)
    assert answer.keys() >= CONTRACT
    assert all(result.keys() >= {"rank", "tied", "languages", "scores"} for result in answer["results"])
    assert ("explanation" in answer) == (extra == ["--explain"])
    assert run("--json", *extra).stdout == done.stdout


def test_including_english_leaves_15_combinations(found):
    # the other two out of the other six
    answer = found("--pool", PAPER, "--include", "en", "--top", "99")
    assert (answer["combinations"], len(answer["results"]), answer["include"]) == (15, 15, ["en"])
    assert languages(answer)[0] == ["ar", "en", "zh"]


def test_top_cuts_the_list_and_changes_nothing_else(found):
    three, all_of_them = found("--top", "3"), found("--top", "35")
    assert three["results"] == all_of_them["results"][:3]
    assert three["combinations"] == all_of_them["combinations"] == 35


def test_tied_combinations_stand_in_lexicographic_order_with_competition_ranks(found):
    # Arabic, Chinese and one of the five Indo-European languages share no family node: 3 of 3, five times over.
    # Then comes rank 6, not 2.
    results = found("--by", "l2v-family", "--top", "6")["results"]
    assert [(r["rank"], r["tied"]) for r in results] == [(1, 5)] * 5 + [(6, 4)]
    assert [r["languages"] for r in results[:5]] == [["ar", x, "zh"] for x in ("de", "en", "es", "fr", "ru")]
    assert {r["scores"]["l2v-family"] for r in results[:5]} == {3.0}


def test_ranks_1_2_2_4_as_competitions_count(found, tmp_path):
    # distances: en-de 3, en-fr = en-es = 2, the others 1, so that pairs rank 1, 2, 2, 4, 4, 4
    path = tmp_path / "square.csv"
    path.write_text("x,en,de,fr,es\nen,0,3,2,2\nde,3,0,1,1\nfr,2,1,0,1\nes,2,1,1,0\n")
    results = found("--vectors", str(path), "-k", "2")["results"]
    assert [(r["rank"], r["tied"]) for r in results] == [(1, 1), (2, 2), (2, 2), (4, 3), (4, 3), (4, 3)]
    assert [r["languages"] for r in results] == [
        ["de", "en"], ["en", "es"], ["en", "fr"], ["de", "es"], ["de", "fr"], ["es", "fr"]
    ]  # fmt: skip


def test_borda_is_the_mean_of_the_ranks_of_the_single_runs(found):
    names = ["l2v-syntax", "l2v-geography", "size"]
    single = [{tuple(r["languages"]): r["rank"] for r in found("--by", n, "--top", "35")["results"]} for n in names]
    wanted = {chosen: sum(ranks[chosen] for ranks in single) / 3 for chosen in single[0]}
    results = found("--by", ",".join(names), "--combine", "borda", "--top", "35")["results"]
    assert {tuple(r["languages"]): r["scores"]["borda"] for r in results} == pytest.approx(wanted)
    for r in results:
        mean = wanted[tuple(r["languages"])]
        assert r["rank"] == 1 + sum(other < mean - 1e-9 for other in wanted.values())


def test_sizes_are_the_sums_of_the_models_table(found):
    # BLOOM has no German and no Russian, and says so: 0 rather than unknown.
    scores = {tuple(r["languages"]): r["scores"]["size"] for r in found(
        "--pool", "de,en,ru,zh", "-k", "2", "--by", "size", "--model", "bloom"
    )["results"]}  # fmt: skip
    assert scores["de", "en"] == scores["en", "ru"] > 0
    assert scores["de", "ru"] == 0
    assert scores["en", "zh"] == pytest.approx(scores["de", "en"] + scores["de", "zh"])


def test_scripts_count_simplified_and_traditional_chinese_once(found):
    answer = found("--pool", "zh-Hans,yue-Hant,ar,ru", "-k", "3", "--by", "scripts")
    scores = {frozenset(r["languages"]): r["scores"]["scripts"] for r in answer["results"]}
    assert scores[frozenset(("ar", "ru", "zh-Hans"))] == 3
    assert scores[frozenset(("ar", "yue-Hant", "zh-Hans"))] == 2


@pytest.mark.parametrize("name", ["syntax", "phonology", "inventory", "family", "geography"])
def test_short_names_are_the_same_criteria(found, name):
    assert found("--by", f"l2v-{name[:3]}") == found("--by", f"l2v-{name}")


def test_maximize_min_ranks_by_the_smallest_distance(found, tmp_path):
    # de-en-es: 5, 5, 1 (sum 11, min 1); de-en-fr: 5, 3, 2 (10, 2); de-es-fr: 5, 3, 2 (10, 2); en-es-fr: 1, 2, 2 (5, 1)
    path = tmp_path / "square.csv"
    path.write_text("x,de,en,es,fr\nde,0,5,5,3\nen,5,0,1,2\nes,5,1,0,2\nfr,3,2,2,0\n")
    by_sum = found("--vectors", str(path))
    by_min = found("--vectors", str(path), "--maximize", "min")
    assert languages(by_sum)[0] == ["de", "en", "es"]
    assert [(r["languages"], r["rank"], r["scores"]["vectors"]) for r in by_min["results"]] == [
        (["de", "en", "fr"], 1, 2), (["de", "es", "fr"], 1, 2), (["de", "en", "es"], 3, 1), (["en", "es", "fr"], 3, 1)
    ]  # fmt: skip


def test_each_quota_alone_rules_out_what_breaks_it(found):
    # one family: Arabic, Chinese and one of the five others; two of it: no combination of three of the five (10 of 35)
    assert found("--max-per-family", "1", "--top", "99")["combinations"] == 5
    assert found("--max-per-family", "2", "--top", "99")["combinations"] == 25
    # Arabic, Russian, Chinese and one of four in Latin script: 1 without, 3 pairs x 4 with
    assert found("--distinct-scripts", "--top", "99")["combinations"] == 13


def test_all_of_uriel_is_a_pool(found):
    answer = found("--pool", "all", "-k", "3", "--by", "l2v-phonology", "--top", "2")
    assert len(answer["pool"]) == 7970
    assert answer["combinations"] == 7970 * 7969 * 7968 // 6
    assert (answer["exact"], answer["proof"], answer["gap"]) == (True, "branch-and-bound", 0)


def test_the_pool_of_a_task_is_all_its_languages(found, tmp_path, monkeypatch):
    assert found("--pool", "task:pawsx", "-k", "2")["pool"] == ["de", "en", "es", "fr", "ja", "ko", "zh"]
    wikiann = found("--pool", "task:wikiann", "-k", "2", "--by", "random")["pool"]
    assert len(wikiann) == 173
    assert {"gsw", "bat-smg", "de", "map-bms"} < set(wikiann)  # not als, which is Albanian elsewhere
    by_syntax = found("--pool", "task:wikiann", "-k", "2")
    assert not {"map-bms", "bms"} & set(by_syntax["pool"])  # Banyumasan has no code, and bms is Bilma Kanuri in URIEL
    assert any("1 of 173" in note and "map-bms" in note for note in by_syntax["notes"])
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    own = 'name = "mine"\nkind = "parallel"\npath = "{lang}.csv"\nsplits = ["test"]\nsources = ["id"]\n'
    (tmp_path / "mine.toml").write_text(own + 'languages = {id = "id", xx = "Javanese", su = "su"}\n')
    assert found("--pool", f"task:{tmp_path}/mine.toml", "-k", "2")["pool"] == ["id", "jv", "su"]
    (tmp_path / "id.csv").write_text("text\nsatu\n")
    fetch_data(find_task(f"{tmp_path}/mine.toml"))
    assert found("--pool", "task:mine", "-k", "2")["pool"] == ["id", "jv", "su"]


def test_a_named_pool_and_a_language_beside_it_are_one_pool(found):
    answer = found("--pool", "task:pawsx,Chinese,sw", "-k", "2")
    assert {"Chinese", "sw"} < set(answer["pool"])
    assert "zh" not in answer["pool"]


def test_lines_of_one_command_are_the_pool_of_the_next(filled_store):
    mslt = f"{sys.executable} -m mslt_cli select --store '{filled_store}'"
    script = f"{mslt} --format lines --top 1 | {mslt} --pool - -k 2 --format lines"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert set(done.stdout.splitlines()) == {"ar,de", "ar,zh", "de,zh"}


def test_a_note_of_what_was_left_out_is_in_the_json_and_not_among_the_lines(run):
    done = run("--pool", "task:wikiann,eu", "--by", "l2v-fam")  # explicit, so that it is an error
    assert (done.returncode, done.stdout) == (1, "")
    done = run("--pool", "xlm-r", "-k", "2", "--by", "l2v-fam", "--json", "--top", "1")
    answer = json.loads(done.stdout)
    assert "eu" not in answer["pool"]
    assert [f"mslt: {note}" for note in answer["notes"]] == done.stderr.splitlines()


# -- how it is shown -------------------------------------------------------------------------------


def test_every_format_holds_the_same_ranking(run):
    first = ["ar", "de", "zh"]
    assert run("--format", "lines").stdout.splitlines()[0] == "ar,de,zh"
    quiet = run("--format", "quiet", "--explain")
    assert (quiet.stdout, quiet.stderr) == ("ar,de,zh\n", "")
    warned = run("--format", "quiet", "--by", "size", "--maximize", "min")
    assert warned.stderr.startswith("mslt: --maximize min") and len(warned.stdout.splitlines()) == 1
    rows = list(csv.DictReader(io.StringIO(run("--format", "csv").stdout)))
    assert rows[0]["languages"].split(",") == first
    assert float(rows[0]["l2v-syntax"]) == pytest.approx(1.196175, abs=5e-7)
    assert json.loads(run("--format", "jsonl").stdout.splitlines()[0])["languages"] == first
    assert run("--format", "md").stdout.splitlines()[2] == "| 1 | ar (Arabic), de (German), zh (Chinese) | 1.1962 |"
    assert "ar Arabic, de German, zh Chinese" in run().stdout


def test_explain_tells_what_the_choice_consists_of(found):
    why = found("--explain")["explanation"]
    assert why["scripts"] == ["Arab", "Latn", "Hani"]
    assert why["families"] == ["Afro-Asiatic", "Indo-European", "Sino-Tibetan"]
    cosine = why["similarities"]["l2v-syntax"]
    assert 3 - cosine[0][1] - cosine[0][2] - cosine[1][2] == pytest.approx(1.196175, abs=5e-7)
    best = found("-k", "4", "--include", "ar,de,zh")["results"][0]
    assert why["one_more"][0]["score"] == best["scores"]["l2v-syntax"]


def test_a_vector_that_is_mostly_imputed_is_warned_of(run):
    done = run("--pool", "kk,ja,km", "-k", "3")
    assert "Warning: l2v-syntax is mostly imputed, not measured, for kk (12 % measured)" in done.stdout


def test_targets_are_warned_of_as_sources_are_and_stand_in_the_json(run, found):
    # 17 of jv's 103 syntax features were observed: 16.5 %.
    arguments = ("--pool", "en,de,id", "-k", "2", "--target", "jv")
    assert "for jv (17 % measured)" in run(*arguments).stdout
    shares = found(*arguments)["measured_share"]["l2v-syntax"]
    assert set(shares) == {"en", "de", "id", "jv"}
    assert shares["jv"] == pytest.approx(17 / 103)


def test_languages_of_which_little_was_measured_can_be_left_out(found, run):
    answer = found("--pool", "en,de,jv,su", "-k", "1", "--min-measured", "0.5")
    assert answer["pool"] == ["de", "en", "su"]
    assert "left out 1 of 4 languages with less than 50 % of their vector measured: jv" in answer["notes"]
    assert "it has to be between 0 and 1" in run("--min-measured", "2").stderr
    assert "none of these criteria reads them" in run("--by", "scripts", "--min-measured", "0.5").stderr


def test_a_source_that_is_the_target_under_another_code_is_not_near_to_it(found):
    answer = found("--pool", "zh,ja,en", "-k", "2", "--target", "cmn", "--objective", "cover")
    nearest = {tuple(row["languages"]): row["toward"]["l2v-syntax"]["cmn"]["nearest"] for row in answer["results"]}
    assert nearest == {("en", "ja"): "en", ("en", "zh"): "en", ("ja", "zh"): "ja"}
    assert any("zh and the target cmn are codes of one language" in note for note in answer["notes"])
    # A part of a macrolanguage is a language of its own: it counts, with a note.
    other = found("--pool", "ms,en", "-k", "1", "--target", "id", "--objective", "cover")
    assert other["results"][0]["languages"] == ["ms"]
    assert any(note.startswith("ms is the macrolanguage of id") for note in other["notes"])


def test_a_named_pool_lacks_the_target_under_its_other_code_too(found):
    answer = found("--pool", "xlm-r", "-k", "1", "--target", "pes", "--top", "1")
    assert "fa" not in answer["pool"]
    assert "left the targets fa out of the pool." in answer["notes"]


def test_one_language_under_two_codes_in_a_pool_is_said(found):
    notes = found("--pool", "sw,swh,en", "-k", "1")["notes"]
    assert notes == ["sw and swh are codes of one language: it is in the pool twice."]


def test_the_script_of_a_region_is_what_is_sized(found):
    sizes = [
        found("--pool", f"{tag},ko", "-k", "1", "--by", "size")["results"]
        for tag in ("zh-HK", "zh-Hant", "zh-CN", "zh")
    ]
    chinese = [row["scores"]["size"] for rows in sizes for row in rows if row["languages"] != ["ko"]]
    assert chinese == pytest.approx([16.6, 16.6, 46.9, 46.9 + 16.6])


def test_files_of_languages_are_read_wherever_languages_are_named(found, tmp_path):
    (tmp_path / "some.txt").write_text("de # German\nfr\n")
    some = f"@{tmp_path / 'some.txt'}"
    assert found("--pool", PAPER, "--exclude", some)["pool"] == ["ar", "en", "es", "ru", "zh"]
    assert found("--pool", "en,es,zh", "-k", "1", "--target", some)["targets"] == ["de", "fr"]
    assert found("--pool", PAPER, "--include", some)["include"] == ["de", "fr"]


def test_pipes_and_no_color_get_no_escape_codes(run):
    assert "\x1b" not in run("--explain").stdout
    assert "\x1b" not in run("--explain", NO_COLOR="1").stdout


def test_a_narrow_terminal_loses_no_language(filled_store):
    leader, follower = pty.openpty()
    with subprocess.Popen(
        [*MSLT, "select", "--store", str(filled_store), "--top", "1"],
        stdout=follower,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"COLUMNS": "34", "TERM": "xterm", "NO_COLOR": "1"},
    ):
        os.close(follower)
        text = b""
        while True:
            try:
                chunk = os.read(leader, 4096)
            except OSError:  # the other end is closed
                break
            if not chunk:
                break
            text += chunk
    lines = text.decode().replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines()
    assert all(len(line) <= 34 for line in lines)
    whole = " ".join(" ".join(lines).split())
    for name in ("Arabic", "German", "Chinese", "1.1962"):
        assert name in whole


@pytest.fixture
def on_a_terminal(filled_store):
    def on_a_terminal(*arguments, **environment):
        leader, follower = pty.openpty()
        command = [*MSLT, "select", "--store", str(filled_store), *arguments]
        environment = os.environ | {"TERM": "xterm-256color"} | environment
        with subprocess.Popen(command, stdout=follower, stderr=subprocess.DEVNULL, env=environment) as process:
            os.close(follower)
            text = b""
            with contextlib.suppress(OSError):  # the other end is closed
                while chunk := os.read(leader, 4096):
                    text += chunk
        os.close(leader)
        assert process.returncode == 0
        return text.decode()

    return on_a_terminal


def test_wide_characters_keep_to_a_narrow_terminal_and_none_is_lost(on_a_terminal, tmp_path):
    listed = tmp_path / "pool.txt"
    listed.write_text("中文\nالعربية\n日本語\nРусский\n", encoding="utf-8")
    text = on_a_terminal("--pool", f"@{listed}", COLUMNS="40", NO_COLOR="1")
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert max(cell_len(line.rstrip("\r\n")) for line in plain.splitlines()) <= 40
    for name in ("中文", "العربية", "日本語", "Русский", "Chinese", "Arabic", "Japanese", "Russian"):
        assert name in plain
    assert "…" not in plain


def test_no_color_leaves_no_colours_on_a_terminal(on_a_terminal):
    codes = set(re.findall(r"\x1b\[([0-9;]*)m", on_a_terminal("--explain", COLUMNS="100", NO_COLOR="1")))
    assert codes <= {"", "0", "1"}  # bold is no colour


@pytest.mark.parametrize("form", ["lines", "json", "table"])
def test_labels_in_any_script_come_out_as_they_went_in(filled_store, form, tmp_path):
    own = tmp_path / "own.csv"
    own.write_text("language,a,b\n中文,1,0\nالعربية,0,1\n", encoding="utf-8")
    command = [*MSLT, "select", "--store", str(filled_store), "--vectors", str(own), "-k", "2", "--format", form]
    environment = os.environ | {"PYTHONIOENCODING": "utf-8", "LC_ALL": "C"}
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=environment)
    assert done.returncode == 0
    assert "中文" in done.stdout
    assert "العربية" in done.stdout
    assert "\x1b" not in done.stdout


def test_a_store_of_no_bytes_is_filled_and_the_filling_is_not_on_stdout(run, tmp_path):
    path = tmp_path / "store.db"
    path.touch()
    done = run("--store", str(path), "--json")
    assert json.loads(done.stdout)["results"][0]["languages"] == ["ar", "de", "zh"]
    assert done.stderr.startswith(f"mslt: filled {path}")
    again = run("--store", str(path), "--json")
    assert (again.stdout, again.stderr) == (done.stdout, "")


def test_a_store_in_a_read_only_folder_is_read(filled_store):
    # Root may write anywhere, so root runs it as somebody else, out of a folder that anybody may enter.
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        path = Path(shutil.copy(filled_store, folder / "store.db"))
        path.chmod(0o444)
        folder.chmod(0o555)
        code = f"""
import os, sys
import mslt_cli.cli, mslt_cli.selection, mslt_cli.show.selections, mslt_cli.store.fill
if os.getuid() == 0:
    os.setuid(65534)
assert not os.access({name!r}, os.W_OK)
sys.argv = ["mslt", "select", "--store", {str(path)!r}, "--format", "lines", "--top", "1"]
mslt_cli.cli.main()
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        left = os.listdir(folder)
        folder.chmod(0o755)
    assert (done.returncode, done.stdout, done.stderr, left) == (0, "ar,de,zh\n", "", ["store.db"])


def test_another_programs_database_and_a_newer_store_are_refused_in_a_sentence(run, own_store, tmp_path):
    foreign = tmp_path / "photos.db"
    with contextlib.closing(sqlite3.connect(foreign)) as connection:
        connection.execute("CREATE TABLE photos (name)")
    with contextlib.closing(sqlite3.connect(own_store)) as connection:
        connection.execute("PRAGMA user_version = 99")
    for path, said in ((foreign, "is another program's SQLite database."), (own_store, "written by a newer mslt")):
        before = path.read_bytes()
        done = run("--store", str(path))
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("mslt: ")
        assert said in done.stderr
        assert len(done.stderr.splitlines()) <= 2
        assert path.read_bytes() == before


# -- what cannot be done ---------------------------------------------------------------------------


def test_the_program_itself_ends_with_a_sentence_and_exit_code_1(filled_store):
    command = [*MSLT, "select", "--store", str(filled_store), "--pool", "Germn,en,fr"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "mslt: There is no language 'Germn'. Did you mean German?\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--pool", ""], "The pool is empty."),
        (["--pool", "ar,de"], "-k is 3, and the pool has only 2 languages."),
        (["-k", "0"], "-k is 0; a combination has at least 1 language."),
        (["-k", "-2"], "-k is -2; a combination has at least 1 language."),
        (["--include", "ja"], "'ja' of --include (Japanese) is not in the pool."),
        (["--include", "ar,de,en,es"], "--include names 4 languages, more than the 3 of -k."),
        (["--pool", "zh,zho,en"], "'zh' and 'zho' are the same language Chinese (zho). Give it once."),
        (["--pool", "zh,zh,en"], "'zh' is given twice: it is Chinese (zho). Give it once."),
        (["--pool", "Germn,en,fr"], "There is no language 'Germn'. Did you mean German?"),
        (["--pool", "task:nli"], "There is no pool 'task:nli'. Did you mean task:xnli"),
        (["--by", "l2v-sintax"], "There is no criterion 'l2v-sintax'. Did you mean l2v-syntax"),
        (["--by", "size", "--model", "xlmr"], "There is no model 'xlmr'. Did you mean xlm-r"),
        (["--by", "vocab"], "No vocabularies are stored. Run `mslt fetch vocab --task cldr --model e5-small` first."),
        (["--by", "embedding"], "No embeddings are stored. Run `mslt fetch embeddings --corpus pud --model e5-small"),
        (["--by", "l2v-syn,l2v-syntax"], "--by names l2v-syntax twice."),
        (["--pool", "eu,en,de", "--by", "l2v-family"], "Basque (eu) has no known l2v-family vector in URIEL."),
        (["--pool", "aaa,en,de", "--by", "size"], "has no size in the pretraining table of xlm-r."),
        (["--pool", "qu,en,de", "--by", "l2v-fam"], "Quechua (qu) has no known l2v-family vector in URIEL."),
        (["--exclude", PAPER], "No language is left in the pool."),
        (["--include", "en", "--exclude", "en"], "'en' of --include (English) is not in the pool."),
        (["--include", "Germn"], "There is no language 'Germn'. Did you mean German?"),
        (["--exclude", "Germn"], "There is no language 'Germn'. Did you mean German?"),
        (["--target", "Germn,Frnch"], "Did you mean German? There is no language 'Frnch'. Did you mean French?"),
        (["--pool", "xlmr"], "There is no pool or language 'xlmr'. Did you mean xlm-r?"),
        (["--include", "en,English"], "--include names English (eng) twice."),
        (["--combine", "mean", "--by", "l2v-syn,l2v-geo"], "--combine is 'mean'; it can be borda."),
        (["--time-limit", "nan"], "--time-limit is nan"),
        (["--maximize", "most"], "--maximize is 'most'; it can be sum or min."),
        (["--combine", "borda"], "--combine borda needs at least two criteria."),
        (["--pool", "all", "--by", "l2v-syn,l2v-geo", "--combine", "borda"], "--combine borda ranks all combinations"),
        (["--max-per-family", "1", "-k", "4"], "No combination of 4 languages out of this pool keeps to the quotas."),
        (["--max-per-family", "0"], "--max-per-family is 0; it has to be at least 1."),
        (["--top", "99999", "--pool", "all"], "out of 84,345,171,040 combinations it can be at most 10,000."),
        (["--seed", "-1"], "--seed is -1; it has to be at least 0."),
        (["--model", "nonsense"], "There is no model 'nonsense'."),
        (["--top", "0"], "--top is 0; it has to be at least 1."),
        (["--time-limit", "0"], "--time-limit is 0; it has to be more than 0 seconds."),
        (["--pool", "@/nowhere"], "The list of languages /nowhere cannot be read: No such file or directory."),
        (["--vectors", "/nowhere"], "/nowhere cannot be read: No such file or directory."),
        (["--by", "vectors"], "--by vectors needs --vectors FILE."),
    ],
)
def test_what_cannot_be_done_gets_a_sentence_and_exit_code_1(run, arguments, said):
    done = run(*arguments)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("mslt: ")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) <= 2


@pytest.mark.parametrize("arguments", [["-k", "three"], ["--polo", "ar"], ["--format", "xml"]])
def test_a_command_line_that_does_not_parse_is_exit_code_2(run, arguments):
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("x\n1", "needs a header"),
        ("x,a\nen,one\nde,2", "column 'a': 'one' is not a number."),
        ("x,a\nen,1\neng,2", "has two rows for one language, eng"),
        ("x,en,de\nen,0,1\nde,2,0", "must be symmetric"),
    ],
)
def test_a_faulty_file_of_vectors_is_named_with_what_is_wrong(run, tmp_path, content, said):
    path = tmp_path / "own.csv"
    path.write_text(content)
    done = run("--vectors", str(path), "-k", "2")
    assert done.returncode == 1
    assert said in done.stderr


def test_a_folder_a_corrupt_and_a_foreign_file_are_no_stores(run, tmp_path):
    corrupt = tmp_path / "corrupt.db"
    corrupt.write_bytes(b"SQLite format 3\0" + b"nonsense" * 1000)
    text = tmp_path / "notes.txt"
    text.write_text("hello")
    for path in (tmp_path, corrupt, text):
        done = run("--store", str(path))
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("mslt: The store")


def test_a_missing_store_is_filled_first_and_said_on_stderr(tmp_path):
    path = tmp_path / "new" / "store.db"
    done = subprocess.run(
        [*MSLT, "select", "--format", "lines", "--top", "1"],
        capture_output=True,
        text=True,
        env=os.environ | {"MSLT_STORE": str(path)},
    )
    assert (done.returncode, done.stdout) == (0, "ar,de,zh\n")
    assert done.stderr.startswith(f"mslt: filled {path}")


def test_a_reader_who_goes_away_is_no_error(filled_store):
    mslt = f"{sys.executable} -m mslt_cli select --store '{filled_store}' --pool xlm-r --top 4000 -k 2 --format lines"
    script = f"{mslt} | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1


def test_ctrl_c_ends_with_130_and_a_sentence(filled_store):
    command = [*MSLT, "select", "--store", str(filled_store), "--pool", "all", "-k", "5", "--time-limit", "60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        time.sleep(2.0)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert out == ""
    assert err == "mslt: stopped. Nothing is half-written; the same command goes on or starts again.\n"
