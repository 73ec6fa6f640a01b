"""`mslt train` and `mslt eval` as users call them."""

import io
import json
import os
import random
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from in_process import run_command

pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parent.parent / "runs"))  # for its tiny model and task
from tiny_experiments import home, moods, tiny_folder  # noqa: F401

COMMAND = [sys.executable, "-m", "mslt_cli"]
QUICK = ["--examples", "12", "--epochs", "2", "--batch-size", "4", "--lr", "0.01"]


@pytest.fixture
def mslt(own_store, home, monkeypatch):  # noqa: F811
    """Runs a command with a store, runs and a cache of its own."""
    monkeypatch.setenv("MSLT_STORE", str(own_store))

    def run(*words, code=0, stdin=""):
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        done = run_command(*words, HF_HOME=str(home / "hf"))
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run


@pytest.fixture
def train(moods, tiny_folder):  # noqa: F811
    return ["train", "--task", moods.file, "--model", str(tiny_folder), *QUICK]


def test_one_run_and_the_table_of_its_scores(mslt, train, own_store):
    done = mslt(*train, "--sources", "en,German")
    head, line = (done.stdout.splitlines()[i].split() for i in (0, 2))
    assert head == ["sources", "mean", "fi", "tr", "run"]
    assert line[0] == "de,en"
    assert "1 run: moods with" in done.stderr
    assert "cut" not in done.stderr  # 40 tokens, which the model takes, are enough for these rows
    (directory,) = (own_store.parent / "runs").iterdir()
    assert directory.name.endswith(line[-1])
    again = mslt(*train, "--sources", "en,German")
    assert again.stdout == done.stdout
    assert again.stderr == ""
    quiet = mslt(*train, "-s", "en,German", "-s", "fr", "--format", "quiet")  # one is there, one is trained
    assert quiet.stdout.splitlines()[0] == line[-1]
    assert [len(run) for run in quiet.stdout.splitlines()] == [12, 12]
    assert quiet.stderr == ""


def test_a_grid_is_planned_carried_out_and_answered_again(mslt, train):
    grid = [*train, "--all-combinations", "-k", "1..2", "--pool", "de,en,fr", "--seed", "0,1"]
    plan = json.loads(mslt(*grid, "--dry-run", "--json").stdout)["plan"]
    assert [row["sources"] for row in plan[::2]] == ["de", "en", "fr", "de,en", "de,fr", "en,fr"]
    assert {row["state"] for row in plan} == {"new"}
    assert all(row["steps"] == 6 and row["tokens"] > 0 and 0 <= row["padding_share"] < 1 for row in plan)
    assert all(row["memory_bytes"] == row["memory"]["total"] > 0 and row["at_once"]["examples"] == 4 for row in plan)
    assert all(row["seconds"] is None and row["estimated_seconds"] is not None for row in plan)
    assert "on this CPU: a rough estimate from the model's shape" in mslt(*grid, "--dry-run").stdout
    one = mslt(*plan[2]["command"].split()[1:], "--json")  # each line of the plan is a command of its own
    assert json.loads(one.stdout)["runs"][0]["run_id"] == plan[2]["run_id"]
    done = mslt(*grid, "--json")
    assert "12 runs (6 combinations × 2 seeds), 1 done already" in done.stderr
    runs = json.loads(done.stdout)["runs"]
    assert [run["run_id"] for run in runs] == [row["run_id"] for row in plan]
    assert [run["status"] for run in runs].count("trained") == 11
    again = mslt(*grid, "--dry-run", "--format", "csv")
    assert again.stdout.count(",done,") == 12
    left = mslt(*grid, "--seed", "2", "--dry-run", "--format", "quiet")  # the commands of runs that are not done
    assert [line.split(" --seed ")[1][0] for line in left.stdout.splitlines()] == ["2"] * 6
    assert left.stderr == ""
    sent = mslt(*grid, "--submit", "slurm", "--precision", "fp32", "--seed", "2", "--dry-run", "--json")
    assert sum(map(len, json.loads(sent.stdout)["scripts"][0]["elements"])) == 6
    assert {run["status"] for run in json.loads(mslt(*grid, "--json").stdout)["runs"]} == {"done"}


def test_a_run_may_be_evaluated_on_the_first_rows_alone(mslt, train):
    words = [*train, "-s", "en", "--targets", "fi", "--evaluation-split", "test[:5]"]
    (row,) = json.loads(mslt(*words, "--dry-run", "--json").stdout)["plan"]
    assert row["command"].endswith("--evaluation-split 'test[:5]'")
    (run,) = json.loads(mslt(*words, "--json").stdout)["runs"]
    assert [(score["split"], score["rows"]) for score in run["scores"]] == [("test[:5]", 5)]
    assert "Did you mean test?" in mslt(*words[:-1], "tset[:5]", code=1).stderr


def test_a_planned_command_says_how_the_run_is_done(mslt, train, own_store, home):  # noqa: F811
    how = ["--keep-model", "--checkpoint-every", "2", "--device", "cpu"]
    how += ["--runs", str(home / "there, too"), "--store", str(own_store)]
    words = [*train, "-s", "en", "--targets", "es,fi", "--evaluation-split", "validation", "--micro-batch", "3", *how]
    (row,) = json.loads(mslt(*words, "--dry-run", "--json").stdout)["plan"]
    assert " --micro-batch 3 " in row["command"]
    assert row["command"].endswith("--evaluation-split validation " + shlex.join(how))
    assert row["cut"] == {}
    beyond = mslt(*words, "--dry-run", "--max-length", "512").stderr
    assert "takes 40 tokens, and --max-length is 512: longer examples are cut at 40" in beyond
    (run,) = json.loads(mslt(*shlex.split(row["command"])[1:], "--json").stdout)["runs"]
    assert run["run_id"] == row["run_id"]
    assert Path(run["directory"]).parent == home / "there, too"
    assert Path(run["directory"], "model").is_dir()
    assert run["training"]["micro_batch"] == 3
    assert [(score["target"], score["split"]) for score in run["scores"]] == [
        ("es", "validation"),
        ("fi", "validation"),
    ]
    assert json.loads(mslt(*words, "--dry-run", "--json").stdout)["plan"][0]["state"] == "done"


def test_a_planned_command_runs_from_any_folder_and_decides_nothing(mslt, home, train, monkeypatch):  # noqa: F811
    monkeypatch.chdir(home)
    model = Path(train[train.index("--model") + 1])
    (home / "model").symlink_to(model)
    words = ["train", "--task", "moods.toml", "--model", "./model", *QUICK, "-s", "en", "--lr", "0.0123456789"]
    words += ["--micro-batch", "4", "--runs", "here", "--store", "s.db"]
    (row,) = json.loads(mslt(*words, "--dry-run", "--json").stdout)["plan"]
    for there in (f"--task {home}/moods.toml", f"--model {model}", f"--runs {home}/here", f"--store {home}/s.db"):
        assert f" {there}" in row["command"]
    assert " --micro-batch 4 " in row["command"]  # the whole batch, which this machine does anyway
    assert "--precision" not in row["command"]
    (decided,) = json.loads(mslt(*words, "--dry-run", "--json", "--precision", "fp32").stdout)["plan"]
    assert " --precision fp32 " in decided["command"]
    monkeypatch.chdir("/")
    (run,) = json.loads(mslt(*shlex.split(row["command"])[1:], "--json").stdout)["runs"]
    assert run["run_id"] == row["run_id"] == decided["run_id"]
    assert " --precision fp32" in run["command"]  # what was done


def test_the_first_rows_of_each_target_are_said_and_kept_apart(mslt, train):
    (run,) = mslt(*train, "-s", "en", "--keep-model", "--format", "lines").stdout.split()
    whole = mslt("eval", run)
    first = mslt("eval", run, "--limit", "3")
    assert "moods test, only the first 3 rows of each target, accuracy, %" in first.stdout
    scores = json.loads(mslt("eval", run, "--limit", "3", "--json").stdout)["runs"][0]["scores"]
    said = [(score["target"], score["split"], score["limit"], score["rows"]) for score in scores]
    assert said == [(t, *of) for of in (("test", None, 14), ("test[:3]", 3, 3)) for t in ("fi", "tr")]
    assert mslt("eval", run).stdout == whole.stdout
    assert mslt("eval", run, "--limit", "3", "--format", "csv").stdout.startswith("limit,sources,")
    other = mslt(*train, "-s", "de", "--format", "lines").stdout.strip()
    refused = mslt("eval", "--compare", run, other, "--limit", "3", code=1).stderr
    assert "no target of moods test[:3] in common" in refused


def test_combinations_come_from_a_pipe_and_run_ids_go_into_one(mslt, train):
    done = mslt(*train, "--sources", "-", "--format", "lines", stdin="en\nde,fr\n\n# no run\nfr,de\n")
    ids = done.stdout.split()
    assert len(ids) == 2  # de,fr and fr,de are one
    compared = json.loads(mslt("eval", "--compare", *ids, "--json").stdout)["comparisons"]
    assert [row["target"] for row in compared] == ["fi", "tr", "mean"]
    assert compared[0]["test"].startswith("McNemar")
    assert mslt("eval", "--compare", *ids, "--format", "quiet").stdout == f"{compared[-1]['p_holm']}\n"
    assert all(row["p"] <= row["p_holm"] <= 1 and row["low"] <= row["difference"] <= row["high"] for row in compared)
    assert {row["scope"] for row in compared} == {"runs"}
    assert "of these two runs alone, on rows" in " ".join(mslt("eval", "--compare", *ids).stdout.split())


def test_seeds_compare_combinations_in_any_order_and_what_is_no_seed_is_refused(mslt, train):
    words = ("-s", "en", "-s", "de", "--seed", "0,1", "--format", "lines")
    a0, a1, b0, b1 = mslt(*train, *words).stdout.split()

    def compare(*groups, code=0):
        return mslt("eval", "--compare", *groups, *([] if code else ["--json"]), code=code)

    rows = json.loads(compare(f"{a0}+{a1}", f"{b0}+{b1}").stdout)["comparisons"]
    turned = json.loads(compare(f"{a1}+{a0}", f"{b0}+{b1}").stdout)["comparisons"]
    assert {row["scope"] for row in rows} == {"combinations"}
    assert [row["p"] for row in turned] == pytest.approx([row["p"] for row in rows])
    assert {row["scope"] for row in json.loads(compare(a0, f"{b0}+{b1}").stdout)["comparisons"]} == {"runs"}
    assert f"names the run {a0} twice" in compare(f"{a0}+{a1}", f"{b0}+{a0}", code=1).stderr
    assert f"names the run {a0} twice" in compare(a0, a0[:8], code=1).stderr
    assert f"names {a0} twice" in compare(a0, a0, code=1).stderr
    refused = compare(f"{a0}+{b1}", b0, code=1).stderr
    assert f"{a0} and {b1} are no two seeds of one combination: they differ in shares, data." in refused


def test_two_jobs_share_the_runs(mslt, train, own_store):
    if (os.cpu_count() or 1) < 2:
        pytest.skip("one core")
    done = mslt(*train, "--all-combinations", "-k", "1", "--pool", "de,en,es,fr", "--jobs", "2", "--json")
    runs = json.loads(done.stdout)["runs"]
    assert len(runs) == 4
    assert len(list((own_store.parent / "runs").iterdir())) == 4
    said = mslt(*train, "--sources", "en", "--jobs", "500", code=1)
    assert "Give at most as many" in said.stderr


def test_a_run_that_fails_does_not_stop_the_others_and_the_exit_code_says_so(mslt, train):
    done = mslt(*train, "-s", "en", "-s", "de", "--lr", "1e30", "--clip", "0", code=1)
    assert "2 of 2 runs failed, first SSLT(en) seed 0: The " in done.stderr
    assert "is not a finite number at step" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-s", "sw"], "moods has no data in 'sw'. It has de, en, es, fi, fr, tr."),
        (["-s", "xx-klingon"], "There is no language 'xx-klingon'"),
        (["-s", "en,eng"], "names eng twice"),
        (["-s", "en", "--examples", "1000"], "en has 48 training examples, and 1,000 are needed"),
        (["-s", "de,en,fr", "--examples", "2"], "2 examples cannot be split over 3 sources"),
        ([], "There are no sources"),
        (["-s", "en", "--all-combinations"], "Leave one out"),
        (["--design", "3", "--search", "--runs-at-most", "9"], "--design and --search are 2 ways"),
        (["--search"], "--search needs --runs-at-most N"),
        (["--design", "3", "--runs-at-most", "9"], "--runs-at-most goes with --search"),
        (["--search", "--runs-at-most", "9", "-k", "1,2"], "-k has 2 numbers, and one is needed here"),
        (["--design", "few"], "--design is 'few'; write a number"),
        (["--design", "0"], "--design is 0; it has to be 1 or more, or singles"),
        (["--search", "--runs-at-most", "9", "-k", "9"], "-k is 9; the pool has 4 languages"),
        (["--all-combinations", "-k", "9", "--pool", "de,en"], "-k is 9; the pool has 2 languages"),
        (["-s", "en", "--preset", "paper"], "The paper has no settings for moods"),
        (["-s", "en", "--split", "de=3"], "--split has to name the sources, each once: en"),
        (["-s", "en", "--seed", "a"], "--seed is 'a'; write a number"),
        (["-s", "en", "--model", "e6-small"], "There is no model 'e6-small'"),
        (["-s", "en", "--task", "xcopa"], "nothing is trained on it. Decoders are tuned on bactrian and then asked"),
        (["-s", "en", "--device", "cuda:99"], "The device 'cuda:99' cannot be used here"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_gets_one_sentence(mslt, train, words, said):
    done = mslt(*train, *words, code=1)
    assert said in done.stderr
    assert done.stderr.splitlines()[-1].startswith("mslt: ")
    assert done.stdout == ""


def test_evaluation_names_what_it_needs(mslt, train, tiny_folder):  # noqa: F811
    assert "is no run that the store knows" in mslt("eval", "abcdef12", code=1).stderr
    ids = mslt(*train, "-s", "en", "--format", "lines").stdout.split()
    assert "--compare needs two runs" in mslt("eval", "--compare", *ids, code=1).stderr
    lacking = mslt("eval", *ids, "--targets", "es", code=1).stderr
    assert "was not evaluated on es, and its weights were not kept" in lacking
    bare = mslt("eval", str(tiny_folder), "--task", train[2], code=1).stderr
    assert "was not trained to classify sentences" in bare


def test_a_kept_model_is_evaluated_on_more_and_the_store_knows(mslt, train):
    (run,) = mslt(*train, "-s", "en", "--keep-model", "--format", "lines").stdout.split()
    scores = json.loads(mslt("eval", run, "--targets", "es,fi", "--json").stdout)["runs"][0]["scores"]
    assert {s["target"] for s in scores} == {"fi", "tr", "es"}
    assert mslt("eval", run).stdout.splitlines()[0].split() == ["sources", "mean", "es", "fi", "tr", "run"]


def test_a_run_is_evaluated_on_another_task_with_its_labels(mslt, tiny_folder, home):  # noqa: F811
    pairs = "".join(f"premise {i}\thypothesis {i}\t{i % 3}\n" for i in range(12))
    for path in ("xnli/en/train", "xnli/en/test", "xnli/tr/test", "afrixnli/yor/test", "afrixnli/zul/test"):
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / f"{path}.tsv").write_text("premise\thypothesis\tlabel\n" + pairs)
    for task in ("xnli", "afrixnli"):
        mslt("fetch", "data", "--task", task, "--from", home / task)
    words = ["train", "--model", tiny_folder, *QUICK, "--task"]
    run = mslt(*words, "xnli", "-s", "en", "--targets", "tr", "--keep-model", "--format", "lines").stdout.strip()
    shown = json.loads(mslt("eval", run, "--task", "afrixnli", "--targets", "yor,zul", "--json").stdout)["runs"][0]
    assert {(s["task"], s["target"], s["counts"]["n"]) for s in shown["scores"] if s["task"] == "afrixnli"} == {
        ("afrixnli", "yor", 12),
        ("afrixnli", "zul", 12),
    }
    refused = mslt(*words, "afrixnli", "-s", "yor", code=1).stderr
    assert "afrixnli has no training data. Train on another task with its labels" in refused


def test_the_index_comes_back_from_the_directories(mslt, train, own_store):
    (run,) = mslt(*train, "-s", "en", "--format", "lines").stdout.split()
    own_store.unlink()
    assert mslt("fetch", "runs", "--format", "lines").stdout.split() == [run]
    assert run in mslt("eval", run[:6]).stdout


def test_a_finished_run_is_answered_without_torch(train, mslt, tmp_path):
    mslt(*train, "-s", "en")
    code = f"""
import sys
sys.argv = ["mslt", *{[*train, "-s", "en", "--format", "lines"]!r}]
from mslt_cli.cli import app
try:
    app()
except SystemExit as end:
    assert not end.code, end.code
assert "torch" not in sys.modules and "transformers" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


# -- designs and searches --------------------------------------------------------------------------


def test_a_search_trains_until_it_knows_or_may_not_and_says_what_it_chose(mslt, train):
    words = [*train, "--search", "-k", "2", "--pool", "de,en,es,fr", "--runs-at-most", "6", "--stop-within", "0"]
    first = json.loads(mslt(*words, "--dry-run", "--json").stdout)["plan"]
    assert len(first) == 4 and all(row["sd_left"] > 0 for row in first)
    done = mslt(*words, "--json")
    assert "mslt: search for the best 2 of 4 languages: moods with" in done.stderr
    assert "mslt: 0 of at most 6 runs, the first 4 a design; next " in done.stderr
    found = json.loads(done.stdout)["search"]
    assert found["counted"] == len(found["runs"]) == sum(run["new"] for run in found["runs"]) <= 6
    assert {row["run_id"] for row in first} <= {run["run_id"] for run in found["runs"]}
    assert found["chosen"] == found["combinations"][0]["languages"]
    again = mslt(*words)
    assert f"Choose {found['chosen']}. The search ended after {found['counted']} runs of at most 6: " in again.stdout
    assert "steps" not in again.stderr  # nothing is trained
    quiet = mslt(*words, "--format", "quiet")
    assert (quiet.stdout, quiet.stderr) == (f"{found['chosen']}\n", "")
    shown = json.loads(mslt(*shlex.split(found["command"])[1:], "--json").stdout)
    assert shown["by"][0] == "runs" and len(shown["results"]) == 6


def test_a_design_is_planned_trained_and_counted(mslt, train):
    design = [*train, "--design", "5", "-k", "2", "--pool", "de,en,es,fr"]
    done = mslt(*design, "--json")
    assert "1 run repeats a combination with another seed" in done.stderr
    assert "5 runs (4 combinations, some with further seeds)" in done.stderr
    runs = json.loads(done.stdout)["runs"]
    assert len(runs) == 5 and {len(run["sources"]) for run in runs} == {2}
    more = json.loads(mslt(*design[:-5], "6", *design[-4:], "--dry-run", "--json").stdout)["plan"]
    assert [row["state"] for row in more].count("done") == 5 and len(more) == 6
    singles = json.loads(mslt(*train, "--design", "singles", "--dry-run", "--json").stdout)["plan"]
    assert [row["sources"] for row in singles] == ["de", "en", "fr", "es"]  # by their ISO 639-3 codes


# -- the real model --------------------------------------------------------------------------------


@pytest.fixture
def e5_home(e5_small, home):  # noqa: F811
    """The cache holds e5-small, as `mslt fetch model e5-small` leaves it."""
    pytest.importorskip("babel")
    from mslt_cli.models.e5_small import PACKAGE_VERSION

    folder = home / "hf" / "mslt" / "models"
    folder.mkdir(parents=True)
    (folder / f"e5-small-{PACKAGE_VERSION}").symlink_to(e5_small)
    return home


def test_a_killed_run_of_the_real_model_ends_bit_by_bit_as_one_that_was_not(mslt, e5_home):
    words = ["train", "--task", "cldr", "--model", "e5-small", "-s", "de,en", "--examples", "32", "--epochs", "2"]
    words += ["--targets", "fi", "--batch-size", "8", "--freeze-embeddings"]
    step = random.randint(2, 6)  # of 8
    killed = [*COMMAND, *words, "--checkpoint-every", "1", "--runs", str(e5_home / "killed")]
    process = subprocess.Popen(killed, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 240
    while not list(e5_home.glob(f"killed/*/checkpoints/{step:06d}")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(random.random() * 0.5)  # in the midst of a step, or of the next checkpoint
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not list(e5_home.glob("killed/*/run.json"))
    ended = [
        json.loads(mslt(*words, "--runs", e5_home / name, "--store", e5_home / f"{name}.db", "--json").stdout)["runs"]
        for name in ("killed", "whole")
    ]
    (resumed,), (whole,) = ended
    assert (resumed["status"], whole["status"]) == ("resumed", "trained")
    assert resumed["training"]["resumed_at"] >= step
    assert resumed["scores"] == whole["scores"], step
    assert resumed["training"]["loss"] == whole["training"]["loss"], step
    for name in ("metrics.jsonl", "manifest.parquet", "predictions/cldr-test-fin.parquet"):
        one, other = (Path(run["directory"], name).read_bytes() for run in (resumed, whole))
        assert one == other, (name, step)
    manifest = pl.read_parquet(Path(whole["directory"], "manifest.parquet"))
    assert manifest["id"].n_unique() == 32  # cldr is parallel: each item in one language
