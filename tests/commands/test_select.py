import csv
import io
import json
import os
import pty
import signal
import subprocess
import sys
import time

import pytest

MSLT = [sys.executable, "-m", "mslt_cli"]
PAPER = "ar,de,en,es,fr,ru,zh"


@pytest.fixture
def run(filled_store):
    def run(*arguments, stdin=None, **environment):
        done = subprocess.run(
            [*MSLT, "select", "--store", str(filled_store), *arguments],
            capture_output=True,
            text=True,
            input=stdin,
            env=os.environ | {"PYTHONIOENCODING": "utf-8"} | environment,
        )
        assert "Traceback" not in done.stderr
        return done

    return run


@pytest.fixture
def found(run):
    def found(*arguments, stdin=None):
        done = run("--json", *arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr
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
    assert found("--pool", "task:pawsx", "-k", "2")["combinations"] == 10
    assert found("--pool", "task:xnli")["pool"] == PAPER.split(",")
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


# -- how it is shown -------------------------------------------------------------------------------


def test_every_format_holds_the_same_ranking(run):
    first = ["ar", "de", "zh"]
    assert run("--format", "lines").stdout.splitlines()[0] == "ar,de,zh"
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


# -- what cannot be done ---------------------------------------------------------------------------


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
        (["--by", "vocab"], "vocab needs facts that `mslt fetch vocab` fetches"),
        (["--by", "embedding"], "embedding needs facts that `mslt fetch embeddings` fetches"),
        (["--by", "l2v-syn,l2v-syntax"], "--by names l2v-syntax twice."),
        (["--pool", "eu,en,de", "--by", "l2v-family"], "Basque (eu) has no known l2v-family vector in URIEL."),
        (["--pool", "aaa,en,de", "--by", "size"], "has no size in the pretraining table of xlm-r."),
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
        (["--vectors", "/nowhere"], "--vectors /nowhere cannot be read: No such file or directory."),
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
        ("x,a\nen,one\nde,2", "Row 2 of --vectors"),
        ("x,a\nen,1\neng,2", "has two rows for 'eng' (eng)"),
        ("x,en,de\nen,0,1\nde,2,0", "must be symmetric"),
        ("x,a,b\nen,0,0\nde,2,0", "all its values are 0"),
    ],
)
def test_a_faulty_file_of_vectors_is_named_with_what_is_wrong(run, tmp_path, content, said):
    path = tmp_path / "own.csv"
    path.write_text(content)
    done = run("--vectors", str(path), "-k", "2")
    assert done.returncode == 1
    assert said in done.stderr


def test_a_folder_a_corrupt_and_a_foreign_file_are_no_stores(tmp_path):
    corrupt = tmp_path / "corrupt.db"
    corrupt.write_bytes(b"SQLite format 3\0" + b"nonsense" * 1000)
    text = tmp_path / "notes.txt"
    text.write_text("hello")
    for path in (tmp_path, corrupt, text):
        done = subprocess.run([*MSLT, "select", "--store", str(path)], capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("mslt: The store")
        assert "Traceback" not in done.stderr


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
    assert err == "mslt: stopped. Nothing is half-written; the same command starts again.\n"
