"""`mslt train --task bactrian` and `mslt eval` of decoders, as users call them; on real data where they are."""

import csv
import gzip
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from hub_server import HubServer
from in_process import run_command
from tiny_bloom import ITEMS, make_bloom

for package in ("torch", "transformers", "peft", "bitsandbytes"):
    pytest.importorskip(package)

COMMAND = [sys.executable, "-m", "mslt_cli"]
DATA = Path(os.environ.get("MSLT_SHARED_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
QUICK = ["--examples", "12", "--steps", "4", "--batch-size", "4", "--lora-rank", "4"]


def command(*words, code=0, **environment):
    """Runs a command; in a process of its own where it must not import what this one has imported."""
    if "PYTHONPATH" in environment:
        words = [*COMMAND, *map(str, words)]
        done = subprocess.run(words, capture_output=True, text=True, env=os.environ | environment)
    else:
        done = run_command(*words, **{"HF_HOME": os.environ.get("HF_HOME", "")} | environment)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    return make_bloom(tmp_path_factory.mktemp("wide") / "bloom", hidden_size=64)


@pytest.fixture(scope="module")
def cache(tmp_path_factory, filled_store):
    """A cache with a little data of each task."""
    home = tmp_path_factory.mktemp("cache")
    environment = {"MSLT_STORE": str(filled_store), "HF_HOME": str(home / "hf"), "HF_HUB_OFFLINE": "1"}
    own = home / "own"
    own.mkdir()
    for lang in ("ar", "de", "zh"):
        rows = [{"id": f"a-{i}", "instruction": f"{lang} {i}?", "input": "", "output": lang * 3} for i in range(12)]
        (own / f"{lang}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    command("fetch", "data", "--task", "bactrian", "--from", own, **environment)
    for name in ("xcopa", "xwinograd", "xstorycloze"):
        folder = home / name
        folder.mkdir()
        for number, path in enumerate(sorted(ITEMS.glob(f"{name}_*.jsonl"))):
            code = path.stem.split("_")[1]
            kept = {"xcopa": f"test.{code}.jsonl", "xwinograd": f"{code}.jsonl", "xstorycloze": f"eval.{code}.jsonl"}
            rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
            # They are no translations of each other, so no two languages have the same ids.
            for row in rows:
                row |= {"idx": 10 * number + row["idx"]} if "idx" in row else {}
                row |= {"story_id": f"{code}-{row['story_id']}"} if "story_id" in row else {}
            (folder / kept[name]).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        command("fetch", "data", "--task", name, "--from", folder, **environment)
    return home / "hf"


@pytest.fixture
def mslt(own_store, cache, monkeypatch):
    """Runs a command with a store and runs of its own."""
    monkeypatch.setenv("MSLT_STORE", str(own_store))
    monkeypatch.setenv("HF_HOME", str(cache))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return command


def test_tuned_and_asked_beside_its_base_model(mslt, wide, own_store):
    tuned = mslt("train", "--task", "bactrian", "--model", wide, "--sources", "ar,de,zh", *QUICK)
    assert "12 examples, 4 steps each\n" in tuned.stderr
    head, line = (tuned.stdout.splitlines()[i].split() for i in (0, 2))
    assert head == ["sources", "seed", "steps", "examples", "last", "loss", "tokens/s", "run"]
    assert line[:4] == ["ar,de,zh", "0", "4", "12"]
    assert "Not evaluated yet: `mslt eval RUN --task xcopa" in " ".join(tuned.stdout.split())
    run = line[-1]
    done = mslt("eval", wide, run, "--task", "xcopa,xwinograd", "--task", "xstorycloze", "--targets", "et,id,jp")
    tables = [text.split()[:1] for text in done.stdout.splitlines() if text.startswith("sources")]
    assert len(tables) == 3
    for name, count in (("xcopa", 2), ("xwinograd", 1), ("xstorycloze", 1)):
        assert f"mean over {count} target" in next(t for t in done.stdout.splitlines() if t.startswith(name))
    again = mslt("eval", wide, run, "--task", "xcopa,xwinograd,xstorycloze", "--targets", "et,id,jp")
    assert again.stdout == done.stdout
    assert again.stderr == ""


def test_many_passes_over_few_examples_are_said(mslt, wide):
    words = ["train", "--task", "bactrian", "--model", wide, "--sources", "ar", "--no-4bit", *QUICK, "--steps", "60"]
    assert "12 examples, 60 steps each (20 passes over them)" in mslt(*words).stderr


def test_what_is_known_is_answered_without_torch(mslt, wide, tmp_path):
    words = ["train", "--task", "bactrian", "--model", wide, "--sources", "de", *QUICK, "--evaluate", "xcopa"]
    first = mslt(*words)
    (tmp_path / "blocked").mkdir()
    for package in ("torch", "transformers", "peft", "bitsandbytes"):
        (tmp_path / "blocked" / f"{package}.py").write_text("raise SystemExit('imported')\n")
    again = mslt(*words, PYTHONPATH=str(tmp_path / "blocked"))
    assert again.stdout == first.stdout
    run = first.stdout.splitlines()[2].split()[-1]
    known = mslt("eval", run, "--task", "xcopa", "--json", PYTHONPATH=str(tmp_path / "blocked"))
    (row,) = json.loads(known.stdout)["runs"]
    assert {score["scoring"] for score in row["scores"]} == {"letters"}
    assert row["sources"] == ["de"]


def test_a_model_is_asked_in_its_own_chat_template(mslt, wide, tmp_path):
    words = ["--task", "xcopa", "--targets", "et", "--json", "--template"]
    refused = mslt("eval", wide, *words, "auto", code=1).stderr
    assert "has no chat template" in refused and "Give --template none, or alpaca" in " ".join(refused.split())
    shutil.copytree(wide, folder := tmp_path / "chat")
    (folder / "chat_template.jinja").write_text("{{ messages[0].content }}?")

    def scores(template):
        (run,) = json.loads(mslt("eval", folder, *words, template).stdout)["runs"]
        return {score["scoring"]: score["value"] for score in run["scores"] if score["metric"] == "accuracy"}

    assert {*scores("none")} == {"letters+bare"}
    assert {*scores("auto")} == {"letters+bare", "letters+chat"}
    (path,) = Path(os.environ["MSLT_STORE"]).parent.glob("runs/*/run.json")
    before = {s["template_sha256"] for s in json.loads(path.read_text())["scores"] if s["scoring"] == "letters+chat"}
    (folder / "chat_template.jinja").write_text("{{ messages[0].content }}!")
    scores("auto")  # by another template: asked anew
    after = {s["template_sha256"] for s in json.loads(path.read_text())["scores"] if s["scoring"] == "letters+chat"}
    assert len(before) == len(after) == 1 and before != after


def test_every_form_of_the_output_has_every_task(mslt, wide):
    words = ["eval", wide, "--task", "xcopa,xwinograd", "--targets", "et,tr,en", "--scoring", "options"]
    rows = list(csv.DictReader(io.StringIO(mslt(*words, "--format", "csv").stdout)))
    assert [(row["task"], row["scoring"], row["metric"]) for row in rows] == [
        (task, "options", metric) for task in ("xcopa", "xwinograd") for metric in ("accuracy", "acc_norm")
    ]
    assert rows[0]["en"] == "" and float(rows[2]["en"]) >= 0
    runs = json.loads(mslt(*words, "--json").stdout)["runs"]
    assert [score["target"] for run in runs for score in run["scores"]] == ["et", "et", "tr", "tr", "en", "en"]
    assert mslt(*words, "--format", "lines").stdout.split() == [run["run_id"] for run in runs]


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["eval", "M", "--task", "xcopa,bactrian"], "bactrian is a task of instruction; decoders are asked tasks of"),
        (["eval", "M", "--task", "xcopa", "--targets", "fi"], "xcopa has no data in 'fi'. It has et, ht"),
        (["eval", "M", "--task", "xcopa,xwinograd", "--targets", "fi"], "has no data in 'fi'"),
        (["eval", "M", "--task", "xcopa", "--scoring", "words"], "--scoring is 'words'; it can be letters"),
        (["eval", "M", "--task", "xcopa", "--scoring", "options", "--swap"], "--swap changes nothing"),
        (["eval", "M", "--task", "bactrian"], "nothing is evaluated on it. Give --task xcopa,xwinograd,xstorycloze"),
        (["train", "--task", "xcopa", "--model", "M", "-s", "et"], "nothing is trained on it. Decoders are tuned on"),
        (["train", "--task", "bactrian", "--model", "M", "-s", "de", "--head", "cls"], "--head is for encoders"),
        (["train", "--task", "bactrian", "--model", "M", "-s", "de", "--targets", "et"], "is not evaluated on itself"),
        (
            ["train", "--task", "bactrian", "--model", "M", "-s", "de", "--evaluate", "xnli"],
            "xnli is a task of sequence",
        ),
        (
            [
                "train",
                "--task",
                "bactrian",
                "--model",
                "M",
                "-s",
                "de",
                *QUICK,
                "--lora-targets",
                "q_proj",
                "--no-4bit",
            ],
            "has no layers q_proj for --lora-targets. It has dense",
        ),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(mslt, wide, words, what):
    done = mslt(*[wide if word == "M" else word for word in words], code=1)
    assert what in " ".join(done.stderr.split())
    assert len(done.stderr.strip().splitlines()) <= 6


def test_a_question_longer_than_the_context_is_named_and_cut_when_told_to(mslt, tmp_path):
    short = make_bloom(tmp_path / "short", hidden_size=64, seq_length=70)
    words = ["eval", short, "--task", "xcopa", "--targets", "et"]
    done = mslt(*words, code=1)
    assert "Row 0 of xcopa in et has" in done.stderr and "context 70. Give --truncate" in " ".join(done.stderr.split())
    cut = mslt(*words, "--truncate")
    assert "3 rows of xcopa in et lost their beginning: 0, 1, 2" in cut.stderr
    assert "letters+truncate" in cut.stdout


def test_out_of_an_empty_cache_model_instructions_and_questions_come_from_the_hub(
    own_store, tmp_path, wide, monkeypatch
):
    rows = [json.loads(line) for line in (ITEMS / "xcopa_et.jsonl").read_text().splitlines()]
    rows = [
        {"premise": "Sadas.", "choice1": "a", "choice2": "b", "question": "cause", "label": 0, "idx": i}
        for i in range(497)
    ] + [row | {"idx": 497 + i} for i, row in enumerate(rows)]
    parquet = io.BytesIO()
    pl.DataFrame(rows).write_parquet(parquet)
    instructions = {
        f"data/{lang}.json.gz": gzip.compress(
            json.dumps(
                [{"instruction": lang, "input": "", "id": f"{lang}-{i}", "output": "ja"} for i in range(9)]
            ).encode()
        )
        for lang in ("ar", "de")
    }
    monkeypatch.setenv("MSLT_STORE", str(own_store))
    with HubServer() as hub:
        files = {path.name: path.read_bytes() for path in wide.iterdir()} | {"chat_template.jinja": b"{{ bos_token }}"}
        hub.add("model", "org/tiny", files)
        hub.add("dataset", "MBZUAI/Bactrian-X", instructions)
        hub.add("dataset", "cambridgeltl/xcopa", {"et/test-00000-of-00001.parquet": parquet.getvalue()})
        there = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "0", "NO_PROXY": "*"}
        words = ["train", "--task", "bactrian", "--model", "org/tiny", "--sources", "ar,de", *QUICK]
        run = command(*words, "--format", "lines", **there).stdout.strip()
        asked = ["eval", "org/tiny", run, "--task", "xcopa", "--targets", "et", "--json"]
        base, tuned = json.loads(command(*asked, **there).stdout)["runs"]
        seen = len(hub.asked())
    assert (base["name"], tuned["name"]) == ("org/tiny", "MSLT(ar,de)")
    assert [score["rows"] for score in base["scores"]] == [500] * 3
    assert seen
    (chat,) = (tmp_path / "hf").rglob("snapshots/*/chat_template.jinja")
    assert (chat.parent / "generation_config.json").is_file()
    chat.unlink()  # as an earlier mslt left it, which fetched no templates
    offline = {"HF_HOME": there["HF_HOME"], "HF_HUB_OFFLINE": "1"}  # and the server is gone
    assert command(*words, "--format", "lines", **offline).stdout.strip() == run
    config = json.loads((own_store.parent / "runs").glob("bactrian*/model/adapter_config.json").__next__().read_text())
    assert config["base_model_name_or_path"] == "org/tiny"


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no data in {DATA}; MSLT_SHARED_DATA says where they are")
def test_every_real_item_gets_an_answer_and_a_random_model_guesses(own_store, tmp_path, wide, monkeypatch):
    monkeypatch.setenv("MSLT_STORE", str(own_store))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    sizes = {
        ("xcopa", "validation"): dict.fromkeys(("et", "ht", "id", "it", "qu", "sw", "ta", "th", "tr", "vi", "zh"), 100),
        ("xwinograd", "test"): {"en": 2325, "fr": 83, "jp": 959, "pt": 263, "ru": 315},
    }
    for name in ("xcopa", "xwinograd"):
        command("fetch", "data", "--task", name, "--from", DATA / name)
    for (name, split), rows in sizes.items():
        words = ["eval", wide, "--task", name, "--split", split, "--targets", ",".join(rows), "--json"]
        orders = 2 if name == "xcopa" else 1  # both take minutes for the items of xwinograd
        words += ["--swap"] * (orders - 1)
        (run,) = json.loads(command(*words).stdout)["runs"]
        of_split = [score for score in run["scores"] if score["split"] == split]
        by_target = {score["target"]: score for score in of_split if score["metric"] == "accuracy"}
        assert {target: score["rows"] for target, score in by_target.items()} == rows
        assert all(score["counts"]["n"] == orders * score["rows"] for score in by_target.values())
        (mean,) = [m for m in run["means"] if (m["split"], m["metric"]) == (split, "accuracy")]
        assert mean["low"] <= 0.5 <= mean["high"]
