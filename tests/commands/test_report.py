"""`mslt report` as users call it: what it prints, writes and refuses; pages in a real browser."""

import csv
import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from accessibility import find_faults
from browser import CHROMIUM, REASON, opened_at
from json_schemas import asks_for_json, require_schema
from made_runs import TARGETS, TRIPLES, even, made_record, ramp, save_runs, triples

from mslt_cli.cli import main
from mslt_cli.reports.views import VIEWS

pytestmark = pytest.mark.usefixtures("few_replays")

COMMAND = [sys.executable, "-m", "mslt_cli", "report"]
EVIL = '<img src=x onerror="alert(1)">&$x_1$|%'


def call(store, *words, code=0):
    """`mslt report` within this process: a tenth of the time, for what neither a terminal nor a process touches."""
    out, err = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(out),
        redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        patch.setattr(sys, "argv", ["mslt", "report", *map(str, words)])
        patch.setenv("MSLT_STORE", str(store))
        main()
    assert (ended.value.code or 0) == code, err.getvalue()
    if not code and asks_for_json(words):
        require_schema(["report", *words], out.getvalue())
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def store_with_runs(filled_store, tmp_path_factory):
    """A store with 35 triples and a single source, trained on xnli; for tests that only read it."""
    path = Path(shutil.copy(filled_store, tmp_path_factory.mktemp("reports") / "store.db"))
    save_runs(path, [*triples(ramp()), made_record(["eng"], even(0.55))])
    return path


@pytest.fixture
def own_store(store_with_runs, tmp_path):
    """A copy of it, for a test that writes."""
    return Path(shutil.copy(store_with_runs, tmp_path / "store.db"))


@pytest.fixture
def mslt(own_store):
    """Runs `mslt report` on a store with 35 triples and a single source, trained on xnli."""
    return lambda *words, **given: call(own_store, *words, **given)


def test_a_table_on_a_terminal(mslt):
    text = mslt("table1", "--source", "runs").stdout
    line = next(line for line in text.splitlines() if line.startswith("best of all"))
    assert line.split()[-2:] == ["84.00", "(1)"]
    assert "35 of 35 combinations of 3 trained" in text


def test_json_says_where_each_number_comes_from(mslt):
    table = json.loads(mslt("table1", "--json").stdout)
    assert list(table) == ["report", "title", "columns", "prose", "rows", "footnotes", "notes"]
    row = next(row for row in table["rows"] if row["method"]["value"] == "l2v-syntax")
    assert row["wikiann.published"]["value"] == 85.69 and row["wikiann.published"]["rank"] == 3
    assert row["wikiann.published"]["origin"] == "published" and "Table 1" in row["wikiann.published"]["source"]
    assert row["xnli.e5-small.runs"]["languages"] == "ar,de,zh"
    several = json.loads(mslt("table1,fig5", "--json").stdout)
    assert [one["report"] for one in several["reports"]] == ["table1", "fig5"]


def test_csv_has_a_column_for_whatever_a_cell_holds(mslt):
    rows = list(csv.DictReader(io.StringIO(mslt("table1", "--source", "runs", "--format", "csv").stdout)))
    best = next(row for row in rows if row["method"] == "max")
    assert float(best["xnli.e5-small.runs"]) == pytest.approx(84)
    assert (best["xnli.e5-small.runs.rank"], best["xnli.e5-small.runs.out_of"]) == ("1", "35")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_table_that_is_wider_than_the_terminal_is_cut_between_columns(store_with_runs, width):
    """In a real terminal of so many columns."""
    script = f"import pty, sys; pty.spawn({[*COMMAND, 'table6']!r})"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env=os.environ | {"MSLT_STORE": str(store_with_runs), "COLUMNS": str(width), "TERM": "xterm"},
        check=True,
    )
    lines = [re.sub(r"\x1b\[[\d;]*m", "", line).rstrip() for line in done.stdout.splitlines()]
    numbers = ["77.93", "85.58", "72.88", "72.26", "48.85", "48.85", "52.61", "53.33", "55.12", "56.98"]
    shown = [word for line in lines if line.startswith("embedding ") for word in line.split()[1:] if word[0].isdigit()]
    assert shown[:10] == numbers  # every number whole, each line with its label
    assert sum(line.startswith("embedding ") for line in lines) >= 2
    assert all(len(line) <= width for line in lines)


def test_csv_of_a_report_of_two_tables_is_the_first(mslt):
    done = mslt("table3", "--format", "csv")
    assert done.stdout.startswith("rank,") and done.stdout.count("\nrank") == 0
    assert "is left out: a CSV file holds one table" in done.stderr


def test_lines_are_the_first_column_and_ids_of_runs(mslt):
    assert mslt("table1", "--source", "published", "--format", "lines").stdout.splitlines()[:3] == [
        "min",
        "size",
        "vocab",
    ]
    ids = mslt("runs", "--format", "lines").stdout.split()
    assert len(ids) == 36 and made_record(["eng"], even(0.55))["run_id"] in ids


@pytest.mark.parametrize(
    ("words", "printed"),
    [
        (["run", "{0}"], "{0}\n"),
        (["diff", "{0}", "{0}"], ""),  # nothing differs
        (["runs", "--examples", "1"], ""),
        (["runs", "--unfinished"], ""),
        (["table1", "--source", "published", "--out", "{1}"], ""),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_quiet_has_ids_of_runs_and_no_remarks(mslt, tmp_path, words, printed):
    run, path = made_record(["eng"], even(0.55))["run_id"], tmp_path / "t.csv"
    done = mslt(*(word.format(run, path) for word in words), "--format", "quiet")
    assert (done.stdout, done.stderr) == (printed.format(run), "")
    assert path.exists() == ("--out" in words)


def test_quiet_says_that_a_table_needs_a_file(mslt):
    assert (
        "--format quiet has nothing to print of tables. Give --out FILE"
        in mslt("table1", "--format", "quiet", code=1).stderr
    )


def test_markdown_and_latex_are_well_formed(mslt, tmp_path):
    text = mslt("table4", "--format", "md").stdout
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in lines}) == 1 and len(lines) == 5
    mslt("table1", "--out", tmp_path / "t.tex")
    latex = (tmp_path / "t.tex").read_text()
    assert [latex.count(word) for word in (r"\toprule", r"\midrule", r"\bottomrule", r"\begin{table}")] == [1, 1, 1, 1]
    body = latex.split(r"\midrule")[1].split(r"\bottomrule")[0].strip().splitlines()
    columns = re.search(r"\\begin\{tabular\}\{([lr]+)\}", latex)[1]
    assert all(len(re.findall(r"(?<!\\)&", line)) == len(columns) - 1 for line in body)
    assert r"xcopa (paper)\textsuperscript{1,2}" in latex
    every = mslt("all", "--format", "latex").stdout
    shown = "".join(line for line in every.splitlines() if not line.startswith("  %"))
    assert shown.isascii()  # whatever fonts and engine
    assert every.count(r"\begin{table}") == every.count(r"\end{table}") == 20  # all but fig3, which has no line
    assert "\\footnotesize xnli, e5-small (own runs): accuracy on test" in latex


@pytest.mark.parametrize(("name", "begins"), [("f.png", b"\x89PNG"), ("f.svg", b"<?xml"), ("f.pdf", b"%PDF")])
def test_figures_by_the_name_of_the_file(mslt, tmp_path, name, begins):
    pytest.importorskip("matplotlib")
    done = mslt("fig6", "--out", tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(begins)
    assert done.stdout == "" and f"written: {tmp_path / name}" in done.stderr


@pytest.mark.parametrize("view", ["fig4", "fig5", "criteria", "best", "foretold", "languages", "transfer", "regret"])
def test_figures_of_runs_name_their_axes_and_what_is_shown(mslt, tmp_path, view):
    pytest.importorskip("matplotlib")
    mslt(view, "--source", "runs", "--out", tmp_path / "f.svg")
    text = (tmp_path / "f.svg").read_text()
    words = {
        "fig4": ("source languages", "score, % ± spread over combinations", "n = 35", "xnli, e5-small"),
        "fig5": ("score, %", "worst", "best", "single source"),
        "criteria": ("score, %", "l2v-syntax", "all combinations", "its choice", "mean of all"),
        "best": ("points above the best of the others, with 95 % intervals", "tied for best", "fr,ru,zh"),
        "foretold": ("measured, %", "foretold, %, with 90 % intervals", "equal", "interval holds the measured one"),
        "languages": ("points at a third of the data, with 95 % intervals", "the mean language", "zh"),
        "transfer": ("source", "target language", "score, %", "xnli, e5-small: measured", "mean", "56"),
        "regret": (
            "runs",
            "points below the best; bands: the middle 80 %",
            "the model",
            "the best run so far",
            "l2v-syntax",
            "20",
        ),
    }
    for word in words[view]:
        assert f">{word}<" in text, word


def test_the_same_numbers_make_the_same_figure(mslt, store_with_runs, tmp_path):
    pytest.importorskip("matplotlib")
    mslt("fig6", "--out", tmp_path / "a.svg")
    words = [*COMMAND, "fig6", "--out", str(tmp_path / "b.svg")]  # in a process of its own, with other hashes
    subprocess.run(words, check=True, capture_output=True, env=os.environ | {"MSLT_STORE": str(store_with_runs)})
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


# -- the page ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page(store_with_runs, tmp_path_factory):
    pytest.importorskip("matplotlib")
    folder = tmp_path_factory.mktemp("page")
    store = Path(shutil.copy(store_with_runs, folder / "store.db"))
    save_runs(store, [made_record(x, even(0.6), model=EVIL) for x in TRIPLES[:4]])
    call(store, "all", "--out", folder / "report.html")
    return folder / "report.html"


def test_a_page_holds_everything_and_loads_nothing(page):
    text = page.read_text(encoding="utf-8")
    for name in (*VIEWS, "table3_languages", "foretold_each", "pairs", "transfer_foretold"):
        assert f' id="{name}">' in text
    assert not re.search(r"<(?:script|link|img)[^>]*(?:src|href)=[\"'](?!data:)", text)
    assert not re.search(r"@import|url\(", re.sub(r"src='data:[^']*'", "", text))  # pictures load nothing by themselves
    assert text.count("src='data:image/svg+xml,") >= 5
    assert f"<code>mslt report all --out {page}</code>" in text
    assert "mslt train --task xnli --model e5-small --sources ar,de,zh" in text


def test_whatever_a_user_names_is_escaped(page):
    text = page.read_text(encoding="utf-8")
    assert EVIL not in text and "<img src=x" not in text
    assert "&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&amp;$x_1$|%" in text


def test_every_link_leads_somewhere_and_a_check_of_accessibility_finds_nothing(page):
    assert find_faults(page.read_text(encoding="utf-8")) == []


@pytest.mark.skipif(CHROMIUM is None, reason=REASON)
def test_at_no_width_the_page_scrolls_sideways_and_every_picture_is_seen(page, tmp_path):
    script = """
        const root = document.documentElement;
        found.wide = root.scrollWidth - root.clientWidth;
        found.sizes = [...document.images].map(image => image.naturalWidth);
    """
    for width, found in opened_at(page, tmp_path, script, (390, 1280, 1920)).items():
        assert found["wide"] == 0, width
        assert len(found["sizes"]) >= 5 and min(found["sizes"]) > 100, width


def test_without_matplotlib_a_page_has_its_tables(mslt, tmp_path, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n, *a: None if n == "matplotlib" else find_spec(n, *a))
    done = mslt("all", "--out", tmp_path / "r.html")
    assert "the page has no figures: they need matplotlib" in done.stderr
    assert "<figure>" not in (tmp_path / "r.html").read_text()
    done = mslt("fig6", "--out", tmp_path / "f.png", code=1)
    assert "A figure needs matplotlib" in done.stderr


# -- what there is ----------------------------------------------------------------------------------


def test_alone_it_shows_what_there_is_what_can_be_asked_and_commands_that_work(mslt, own_store):
    save_runs(own_store, [made_record((), even(0.4)), made_record(["deu"], even(0.5), examples=60)])
    whole = json.loads(mslt("--json").stdout)
    own, *others = whole["holdings"]
    assert (own["source"], own["task"], own["model"], own["runs"]) == ("runs", "xnli", "e5-small", 38)
    assert own["combinations"] == {"3": 35, "1": 2, "0": 1} and own["examples"] == [300, 60]
    assert {row["source"] for row in others} == {"shipped", "published"}
    assert [row["report"] for row in whole["reports"]][: len(VIEWS)] == [*VIEWS]
    text = mslt().stdout
    assert "38 runs, combinations: 35 of 3, 2 of 1, the model as it is" in text and "27 numbers" in text
    assert all(f"    {command}\n" in text for command in whole["examples"]) and len(whole["examples"]) == 3
    commands = [own["command"], others[-1]["command"], whole["examples"][2]]
    assert "--examples 300" in own["command"]
    assert all(mslt(*command.split()[2:]).stdout for command in commands)
    lines = mslt("--format", "lines", "--source", "both").stdout.splitlines()
    assert lines == [row["command"] for row in whole["holdings"] if row["source"] != "shipped"]
    rows = list(csv.DictReader(io.StringIO(mslt("--format", "csv", "--task", "cldr").stdout)))
    assert [(row["source"], row["task"]) for row in rows] == [("shipped", "cldr")]
    assert "There is nothing of this." in mslt("--task", "pawsx").stdout


# -- runs -------------------------------------------------------------------------------------------


def test_runs_are_listed_with_filters(mslt, own_store):
    save_runs(own_store, [made_record(TRIPLES[0], even(0.6), task="cldr", model="other", examples=60)])
    rows = json.loads(mslt("runs", "--json").stdout)["runs"]
    assert len(rows) == 37
    for words, n in (("--task xnli", 36), ("--model other", 1), ("--examples 60", 1), ("--task pawsx", 0)):
        assert len(json.loads(mslt("runs", "--json", *words.split()).stdout)["runs"]) == n
    one = next(row for row in rows if row["name"] == "MSLT(ar,de,en)" and row["task"] == "xnli")
    mean = {"evaluated": "xnli", "scoring": "", "metric": "accuracy", "mean": pytest.approx(50), "targets": 4}
    assert one["means"] == [mean]
    lines = list(csv.DictReader(io.StringIO(mslt("runs", "--format", "csv").stdout)))
    assert len(lines) == 37 and {line["targets"] for line in lines} == {"4"}
    assert next(line for line in lines if line["run_id"] == one["run_id"])["learning_rate"] == "0.0001"
    assert "`mslt train` makes some" in mslt("runs", "--task", "pawsx").stdout


def test_a_run_is_shown_wholly(mslt):
    run = made_record(TRIPLES[0], even(0.5))
    whole = json.loads(mslt("run", run["run_id"][:6], "--json").stdout)
    assert whole["identity"] == run["identity"] and whole["command"] == run["command"]
    assert [score["target"] for score in whole["scores"]] == ["fi", "hi", "sw", "tr"]
    text = mslt("run", run["run_id"]).stdout
    assert "identity.settings.learning_rate" in text and "0.0001" in text and "49.00" in text


def test_what_differs_between_two_runs(mslt, own_store):
    first, other = made_record(TRIPLES[0], even(0.5)), made_record(TRIPLES[0], even(0.53), seed=4, learning_rate=5e-5)
    save_runs(own_store, [other])
    whole = json.loads(mslt("diff", first["run_id"], other["run_id"], "--json").stdout)
    assert {row["what"]: (row["first"], row["other"]) for row in whole["settings"]} == {
        **{"seed": ("0", "4"), "data_seed": ("0", "4")},
        "settings.learning_rate": ("0.0001", "5e-05"),
    }
    assert [row["difference"] for row in whole["scores"]] == [pytest.approx(3)] * len(TARGETS)
    text = mslt("diff", first["run_id"], other["run_id"]).stdout
    assert "+3.00" in text and "mslt eval --compare" in text
    rows = list(csv.DictReader(io.StringIO(mslt("diff", first["run_id"], other["run_id"], "--format", "csv").stdout)))
    assert [row["part"] for row in rows] == ["settings"] * 3 + ["scores"] * 4
    assert "is the same." in mslt("diff", first["run_id"], first["run_id"]).stdout


# -- what cannot be ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--out", "r.html"], "--out is for one report. Name it: `mslt report` alone lists them."),
        (["--source", "mine"], "There is no source of results 'mine'."),
        (["tabel1"], "There is no report 'tabel1'. Did you mean table1"),
        (["table1", "--task", "pawsx", "--source", "runs"], "There are no own runs of pawsx. There are: xnli"),
        (["table1", "--source", "shipped", "--task", "xnli"], "There are no shipped runs of xnli"),
        (["table1", "x"], "`mslt report table1` takes no further names; 'x' is one."),
        (["table1", "--out", "t.doc"], "ends in .doc; it can end in .html, .png"),
        (["all", "--out", "f.png"], "A figure shows one report"),
        (["table1", "--out", "f.png"], "table1 is a table: --out FILE.tex, .md, .csv or .json writes it."),
        (["table1", "--task", "xnly"], "There is no task with results 'xnly'. Did you mean xnli"),
        (["table1,table4", "--format", "csv"], "A CSV file holds one table"),
        (["fig4", "--source", "published", "--out", "f.png"], "The paper prints Figure 4 without its numbers"),
        (["table1", "--out", "/proc/none/t.md"], "/proc/none/t.md cannot be written: "),
        (["all", "--out", "/proc/none/t.html"], "/proc/none/t.html cannot be written: "),
        (["table1", "--where", "lr"], "--where is 'lr'; write SETTING=VALUE"),
        (["table1", "--where", "batch_size=4", "--source", "runs"], "no own runs with batch_size=4"),
        (["table1", "--where", "lr=4", "--source", "runs"], "There is no setting of these runs 'lr'. "),
        (["run"], "It takes 1 run, and 0 are named: `mslt report run 1a2b3c4d`."),
        (["run", "zzzz"], "There is no run 'zzzz'. Write the first 4 digits"),
        (["diff", "zzzz"], "It takes 2 runs, and 1 are named"),
        (["runs", "--out", "x.csv"], "--out is for tables and figures"),
        (["table1", "--include", "xx"], "There is no language 'xx'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_is_told_in_a_sentence(mslt, words, said):
    done = mslt(*words, code=1)
    assert said in " ".join(done.stderr.split())
    assert done.stdout == ""


def test_a_report_that_fails_leaves_the_old_file(mslt, own_store, tmp_path):
    (tmp_path / "r.md").write_text("old")
    save_runs(own_store, [made_record(TRIPLES[0], even(0.9), examples=600)])
    mslt("table1", "--out", tmp_path / "r.md", code=1)
    assert (tmp_path / "r.md").read_text() == "old"
    mslt("table1", "--examples", "300", "--out", tmp_path / "r.md")
    assert "84.00" in (tmp_path / "r.md").read_text()
    assert [path.name for path in tmp_path.glob(".*")] == []
