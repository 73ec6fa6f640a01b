"""`mslt fetch` as users call it: from the hub (a server on 127.0.0.1), from folders, from packages; then `select`."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from hub_server import HubServer
from in_process import run_command
from made_files import parquet

from mslt_cli.tasks import TASKS

COMMAND = [sys.executable, "-m", "mslt_cli"]


def xnli(language, split="test", rows=4):
    texts = [f"{language} {split} premise {i}" for i in range(rows)]
    return parquet(premise=texts, hypothesis=[t[::-1] for t in texts], label=[i % 3 for i in range(rows)])


XNLI = {
    f"{code}/{split}-00000-of-00001.parquet": xnli(code, split)
    for code in ("ar", "de", "en", "sw")
    for split in ("train", "validation", "test")
}


@pytest.fixture
def mslt(own_store, tmp_path):
    """Runs a command with a store and a cache of its own."""

    def run(*words, code=0, **settings):
        done = run_command(*words, MSLT_STORE=str(own_store), HF_HOME=str(tmp_path / "hf"), **settings)
        assert done.returncode == code, done.stderr
        return done

    return run


@pytest.fixture
def hub():
    with HubServer() as server:
        # What the task's row pins is what this server has to have.
        from mslt_cli.tasks.xnli import TASK

        commit = server.add("dataset", "facebook/xnli", XNLI)
        server._files["dataset", "facebook/xnli", TASK.hub.revision] = server._files["dataset", "facebook/xnli", commit]
        yield server


@pytest.fixture
def e5_home(e5_small, tmp_path):
    """The cache holds e5-small, as `mslt fetch model e5-small` leaves it."""
    from mslt_cli.models.e5_small import PACKAGE_VERSION

    folder = tmp_path / "hf" / "mslt" / "models"
    folder.mkdir(parents=True)
    (folder / f"e5-small-{PACKAGE_VERSION}").symlink_to(e5_small)


# -- from the hub ----------------------------------------------------------------------------------


def test_data_come_from_the_hub_once_at_the_pinned_commit(mslt, hub):
    from mslt_cli.tasks.xnli import TASK

    first = mslt("fetch", "data", "--task", "xnli", "--langs", "de,Swahili", "--json", HF_ENDPOINT=hub.url)
    data = json.loads(first.stdout)["data"]
    assert [(d["language"], d["split"], d["rows"], d["status"]) for d in data][:2] == [
        ("de", "train", 4, "new"),
        ("de", "validation", 4, "new"),
    ]
    assert {d["origin"]["revision"] for d in data} == {TASK.hub.revision}
    assert "xnli train has other numbers of rows than expected: 4 of 392,702 in de, sw" in first.stderr
    assert len(hub.downloads()) == 6
    asked = len(hub.requests)
    again = mslt("fetch", "data", "--task", "xnli", "--langs", "de,sw", "--json", HF_ENDPOINT=hub.url)
    assert {d["status"] for d in json.loads(again.stdout)["data"]} == {"cached"}
    assert len(hub.requests) == asked
    offline = mslt("fetch", "data", "--task", "xnli", "--langs", "de,sw", "--format", "lines")
    assert offline.stdout == "de\n" * 3 + "sw\n" * 3


def test_a_data_set_that_is_not_pinned_stays_at_the_commit_of_its_first_fetch(mslt):
    def xcopa(question):
        rows = {"premise": ["p", "q"], "choice1": ["a", "b"], "choice2": ["c", "d"], "label": [0, 1], "idx": [0, 1]}
        return parquet(**rows, question=[question, "cause"], changed=[False, False])

    files = {
        f"{code}/{s}-00000-of-00001.parquet": xcopa("cause") for code in ("et", "id") for s in ("validation", "test")
    }
    thai = {f"th/{s}-00000-of-00001.parquet": xcopa("effect") for s in ("validation", "test")}
    with HubServer() as hub:
        old = hub.add("dataset", "cambridgeltl/xcopa", files | thai)
        mslt("fetch", "data", "--task", "xcopa", "--langs", "id", HF_ENDPOINT=hub.url)
        new = hub.add("dataset", "cambridgeltl/xcopa", files | thai | {"README.md": b"newer"})
        assert old != new
        done = mslt("fetch", "data", "--task", "xcopa", "--langs", "th", "--json", HF_ENDPOINT=hub.url)
        data = json.loads(done.stdout)["data"]
        assert {d["origin"]["revision"] for d in data} == {old}
        assert [d["repaired"] for d in data] == [{"question": 1}] * 2  # Estonian came along
        thai = ["fetch", "data", "--task", "xcopa", "--langs", "th", "--json"]
        kept = mslt(*thai, "--no-repair", "question", HF_ENDPOINT=hub.url)
        assert [d["repaired"] for d in json.loads(kept.stdout)["data"]] == [{}] * 2
        assert {d["origin"]["revision"] for d in json.loads(kept.stdout)["data"]} == {old}
        moved = mslt(*thai, "--revision", "main", HF_ENDPOINT=hub.url)
        assert {d["origin"]["revision"] for d in json.loads(moved.stdout)["data"]} == {new}


def test_killed_in_the_middle_the_same_command_goes_on(mslt, hub, own_store, tmp_path):
    big = parquet(premise=[os.urandom(500).hex() for _ in range(4_000)], hypothesis=["h"] * 4_000, label=[0] * 4_000)
    from mslt_cli.tasks.xnli import TASK

    files = {"en/train-00000-of-00001.parquet": big, "en/test-00000-of-00001.parquet": xnli("en")}
    commit = hub.add("dataset", "facebook/xnli", files)
    hub._files["dataset", "facebook/xnli", TASK.hub.revision] = hub._files["dataset", "facebook/xnli", commit]
    hub.stall("GET /cdn/.*train", len(big) // 2, times=1)
    words = ["fetch", "data", "--task", "xnli", "--langs", "en", "--split", "train", "--json"]
    environment = os.environ | {"MSLT_STORE": str(own_store), "HF_HOME": str(tmp_path / "hf"), "HF_ENDPOINT": hub.url}
    running = subprocess.Popen(
        [*COMMAND, *words], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:  # until half of it is on disk
        if any(p.stat().st_size >= len(big) // 2 - (1 << 16) for p in (tmp_path / "hf").rglob("*incomplete*")):
            break
        time.sleep(0.05)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert not list((tmp_path / "hf" / "mslt").rglob("*.parquet"))
    done = mslt(*words, HF_ENDPOINT=hub.url)
    assert json.loads(done.stdout)["data"][0]["rows"] == 4_000
    ranges = [r.range for r in hub.requests if r.range]
    assert ranges, "the second call asks only for the rest"


def test_offline_with_nothing_cached_the_command_to_run_is_named(mslt):
    done = mslt("fetch", "data", "--task", "xnli", "--langs", "en", code=1)
    assert "HF_HUB_OFFLINE is set" in done.stderr
    assert "mslt fetch data --task xnli" in done.stderr
    assert len(done.stderr.splitlines()) <= 2


@pytest.mark.parametrize(
    ("status", "error", "says"),
    [(401, "GatedRepo", "HF_TOKEN"), (404, "RepoNotFound", "facebook/xnli")],
)
def test_what_the_hub_refuses_is_a_sentence(mslt, hub, status, error, says):
    hub.fail("/api/datasets/facebook/xnli", status, code=error)
    hub.fail("resolve", status, code=error)
    done = mslt("fetch", "data", "--task", "xnli", "--langs", "en", code=1, HF_ENDPOINT=hub.url)
    assert done.stderr.startswith("mslt: ")
    assert says in done.stderr


def test_a_damaged_download_and_a_hostile_path_leave_nothing_behind(mslt, hub, tmp_path):
    hub.corrupt("GET /cdn/.*test", times=1)
    words = ["fetch", "data", "--task", "xnli", "--langs", "en", "--split", "test"]
    done = mslt(*words, code=1, HF_ENDPOINT=hub.url)
    assert "arrived damaged" in done.stderr
    assert not list((tmp_path / "hf" / "mslt" / "data").rglob("*.parquet"))
    mslt(*words, HF_ENDPOINT=hub.url)
    hub.add("dataset", "google-research-datasets/paws-x", {"en/test-00000-of-00001.parquet": b"x"})
    hub.list_also("google-research-datasets/paws-x", "../../../../escaped.parquet")
    done = mslt("fetch", "data", "--task", "pawsx", "--revision", "main", code=1, HF_ENDPOINT=hub.url)
    assert "escaped.parquet" in done.stderr
    assert not list(tmp_path.rglob("escaped*"))


def test_a_models_tokenizer_comes_from_the_hub_without_its_pickled_weights(mslt):
    pytest.importorskip("tokenizers")
    from tokenizers import Tokenizer, models, pre_tokenizers

    made = Tokenizer(models.WordLevel({"<unk>": 0, "premise": 1, "en": 2, "de": 3}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    files = {
        "config.json": b'{"model_type": "bert"}',
        "tokenizer.json": made.to_str().encode(),
        "pytorch_model.bin": b"\x80\x04.",
        "modeling.py": b"raise SystemExit('never run')",
    }
    with HubServer() as hub:
        hub.add("model", "me/tiny", files, lfs={"pytorch_model.bin"})
        done = mslt("fetch", "model", "me/tiny", "--tokenizer-only", HF_ENDPOINT=hub.url)
        assert "me/tiny: bert, tokenizer only" in done.stdout
        tokenizer = ("fetch", "model", "me/tiny", "--tokenizer-only")
        answer = json.loads(mslt(*tokenizer, "--json", HF_ENDPOINT=hub.url).stdout)
        assert list(answer) == ["model", "type", "revision", "weights_bytes", "folder"]
        assert (answer["model"], answer["type"], answer["weights_bytes"]) == ("me/tiny", "bert", None)
        assert mslt(*tokenizer, "--format", "lines", HF_ENDPOINT=hub.url).stdout == answer["folder"] + "\n"
        assert done.stdout.splitlines()[1] == answer["folder"] and answer["revision"] in answer["folder"]
        assert hub.downloads() == ["config.json", "tokenizer.json"]
        refused = mslt("fetch", "model", "me/tiny", code=1, HF_ENDPOINT=hub.url)
        assert "pickled weights, which mslt never loads: pytorch_model.bin" in refused.stderr


# -- without a hub ---------------------------------------------------------------------------------


def test_the_tasks_are_listed_with_what_is_cached(mslt):
    mslt("fetch", "data", "--task", "cldr", "--langs", "en,sw")
    listed = {task["task"]: task for task in json.loads(mslt("fetch", "tasks", "--json").stdout)["tasks"]}
    assert set(listed) == {*TASKS}
    assert listed["massive"]["sizes"] == {"train": 11_514, "validation": 2_033, "test": 2_974}
    assert listed["uner"]["sizes"]["test"]["ceb"] == 188
    assert listed["cldr"]["cached_languages"] == ["en", "sw"]
    assert listed["cldr"]["cached_rows"]["train"] > 2_000
    assert listed["xnli"]["cached_languages"] == []
    rows = [line.split() for line in mslt("fetch", "tasks").stdout.splitlines()]
    assert ["massive", "sequence-classification", "51", "11514/2033/2974", "CC", "BY", "4.0", "·", "·"] in rows
    assert ["xwinograd", "multiple-choice", "6", "·/·/≤2325", "CC", "BY", "4.0", "·", "·"] in rows


def test_the_whole_way_without_a_hub(mslt, e5_home):
    pytest.importorskip("torch")
    langs = "ar,de,en,zh,id"
    mslt("fetch", "data", "--task", "cldr", "--langs", langs)
    vocab = json.loads(mslt("fetch", "vocab", "--model", "e5-small", "--task", "cldr", "--json").stdout)["vocabularies"]
    assert [row["language"] for row in vocab] == ["ar", "de", "en", "id", "zh"]
    assert all(row["unknown_share"] < 0.01 and row["distinct"] > 500 for row in vocab)
    embed = ["fetch", "embeddings", "--model", "e5-small", "--corpus", "cldr", "--split", "test", "--limit", "8"]
    done = mslt(*embed, "--json")
    assert {(row["layers"], row["dimensions"], row["sentences"]) for row in json.loads(done.stdout)["embeddings"]} == {
        (13, 384, 8)
    }
    again = json.loads(mslt(*embed, "--json").stdout)["embeddings"]
    assert {row["status"] for row in again} == {"stored"}
    chosen = mslt("select", "--pool", "ar,de,en,zh", "-k", "2", "--by", "vocab,embedding", "--target", "id", "--json")
    answer = json.loads(chosen.stdout)
    assert answer["combinations"] == 6
    first = answer["results"][0]
    # What English and another have, and Indonesian shares with English more than with any other of the four.
    assert {r["languages"][0] for r in answer["results"] if r["toward"]["vocab"]["id"]["value"] > 0.5} <= {
        "ar",
        "de",
        "en",
    }
    assert 0 < first["scores"]["embedding"] < 2
    assert set(first["toward"]) == {"vocab", "embedding"}


def test_data_come_from_a_folder(mslt, tmp_path):
    for code in ("de", "en"):
        (tmp_path / "mine" / code).mkdir(parents=True)
        (tmp_path / "mine" / code / "test.parquet").write_bytes(xnli(code))
    done = mslt("fetch", "data", "--task", "xnli", "--from", tmp_path / "mine")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["de", "4", "new", "0.00"] in lines
    assert ["en", "4", "new", "0.00"] in lines
    assert "has no train data of xnli in en, de" in done.stderr or "has no train data of xnli in de, en" in done.stderr


def test_what_was_imported_without_a_split_is_said_without_asking_the_hub(mslt, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "de_test.parquet").write_bytes(xnli("de"))
    mslt("fetch", "data", "--task", "xnli", "--from", tmp_path / "mine")
    with HubServer() as hub:
        again = mslt("fetch", "data", "--task", "xnli", "--langs", "de", "--json", HF_ENDPOINT=hub.url)
        assert [(d["split"], d["status"]) for d in json.loads(again.stdout)["data"]] == [("test", "cached")]
        assert "`mslt fetch data --task xnli --langs de --split train` fetches it" in again.stderr
        for langs in ([], ["--langs", "de"]):
            done = mslt("fetch", "vocab", "--model", "e5-small", "--task", "xnli", *langs, code=1, HF_ENDPOINT=hub.url)
            assert "xnli has no train data in de: what is cached came from" in done.stderr
            assert "Choose --split test, or fetch it with `mslt fetch data --task xnli --langs de --split train`" in (
                done.stderr
            )
        assert hub.requests == []
        hub.add("dataset", "facebook/xnli", XNLI)
        asked = ["fetch", "data", "--task", "xnli", "--langs", "de", "--revision", "main", "--format", "lines"]
        assert mslt(*asked, HF_ENDPOINT=hub.url).stdout == "de\n" * 3  # who names a revision wants the hub's


def test_a_folder_called_by_a_languages_code_holds_that_language(mslt, tmp_path):
    (tmp_path / "de").mkdir()
    (tmp_path / "de" / "test.parquet").write_bytes(xnli("de"))
    for path in (tmp_path / "de", tmp_path / "de" / "test.parquet"):
        refused = mslt("fetch", "data", "--task", "xnli", "--langs", "fr", "--from", path, code=1)
        assert "It has de." in refused.stderr
        done = mslt("fetch", "data", "--task", "xnli", "--from", path, "--format", "csv")
        assert done.stdout.splitlines()[1].startswith("de,test,4,new")


def test_empty_texts_are_counted_and_kept(mslt, tmp_path):
    (tmp_path / "en.csv").write_text("premise,hypothesis,label\na,b,neutral\n,b,neutral\n,c,entailment\n")
    done = mslt("fetch", "data", "--task", "xnli", "--split", "test", "--from", tmp_path / "en.csv")
    assert "xnli test in en: text is empty in 2 rows, first in that with the id 1." in done.stderr
    assert done.stdout.splitlines()[2].split()[:2] == ["en", "3"]


def test_a_narrow_terminal_gets_fewer_columns_and_whole_words(tmp_path):
    import pty

    main, terminal = pty.openpty()
    environment = os.environ | {"COLUMNS": "60", "TERM": "dumb", "HF_HOME": str(tmp_path)}
    done = subprocess.run([*COMMAND, "fetch", "tasks"], stdout=terminal, stderr=subprocess.PIPE, env=environment)
    os.close(terminal)
    shown = b""
    with contextlib.suppress(OSError):  # the end: a terminal is read in pieces
        while piece := os.read(main, 1 << 16):
            shown += piece
    shown = shown.decode()
    os.close(main)
    assert done.returncode == 0
    assert "sequence-classification" in shown
    assert "cached" in shown
    assert "licence" not in shown


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["data", "--task", "cldr", "--revision", "main"], "--revision is of the hub, and these data do not come from"),
        (["model", "e5-small", "--revision", "main"], "--revision is for models on the hub, and this one is not"),
        (["data", "--task", "xnly"], "There is no task 'xnly'. Did you mean xnli?"),
        (["data", "--task", "xnli", "--langs", "fi"], "xnli has no data in 'fi'. It has ar, bg, de,"),
        (["data", "--task", "xnli", "--langs", "Germn"], "There is no language 'Germn'. Did you mean German"),
        (["data", "--task", "xnli", "--split", "dev"], "There is no split of xnli 'dev'."),
        (["data", "--task", "xnli", "--from", "/nowhere/at/all"], "--from /nowhere/at/all does not exist."),
        (["data", "--task", "xcopa", "--no-repair", "questions"], "There is no repair of xcopa 'questions'."),
        (["data", "--task", "./none.toml"], "The task none.toml cannot be read: No such file or directory."),
        (["model", "e5-smal"], "There is no model 'e5-smal'. Did you mean e5-small?"),
        (["model", "./nowhere"], "nowhere"),
        (["vocab", "--model", "xlm-r-base", "--task", "cldr"], "HF_HUB_OFFLINE is set"),
        (["vocab", "--model", "e5-small", "--task", "cldr", "--limit", "0"], "--limit is 0; it has to be at least 1."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_done_is_a_sentence(mslt, e5_home, words, says):
    done = mslt("fetch", *words, code=1)
    assert says in done.stderr
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) <= 2


def test_a_full_cache_folder_is_a_sentence(mslt, tmp_path):
    (tmp_path / "hf").write_text("a file where the cache should be")
    done = mslt("fetch", "data", "--task", "cldr", "--langs", "en", code=1)
    assert "cannot be used" in done.stderr
    assert "HF_HOME" in done.stderr


@pytest.mark.parametrize("words", [["fetch", "tasks"], ["select", "--json"]])
def test_output_onto_a_full_disk_is_a_sentence(own_store, words):
    with open("/dev/full", "w") as full:
        environment = os.environ | {"MSLT_STORE": str(own_store)}
        done = subprocess.run([*COMMAND, *words], stdout=full, stderr=subprocess.PIPE, text=True, env=environment)
    assert (done.returncode, done.stderr) == (1, "mslt: the output cannot be written: the disk is full.\n")
