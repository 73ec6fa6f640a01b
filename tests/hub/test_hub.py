"""The hub client against a hub on 127.0.0.1."""

import contextlib
import gzip
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hub_client import AGAIN, Client
from hub_server import HubServer

XNLI = ["dataset", "facebook/xnli"]
MB = 1_000_000


@pytest.fixture
def client(tmp_path):
    return Client(tmp_path / "hf")


@pytest.fixture
def hub():
    with HubServer() as server:
        yield server


def noise(size: int, seed: int = 0) -> bytes:
    return hashlib.shake_128(seed.to_bytes(4, "big")).digest(size)


def notes(outcome: dict) -> list[str]:
    return [text for kind, text, *_ in outcome["events"] if kind == "note"]


def test_a_branch_is_resolved_listed_page_by_page_and_downloaded(hub, client):
    files = {f"{code}/train-{i:05}-of-00002.parquet": noise(50, i) for code in ("ar", "de", "en") for i in range(2)}
    files |= {"README.md": b"# XNLI\n", "empty.json": b"", "pt-br/Ä é #1 100%?.txt": b"names need quoting\n"}
    commit = hub.add(*XNLI, files, lfs=[path for path in files if path.endswith(".parquet")])
    resolved, listed, got = client.run(
        hub, ["commit", XNLI], ["files", [*XNLI, commit]], ["download", [*XNLI, commit], sorted(files)]
    )
    assert resolved["value"] == commit
    assert [file["path"] for file in listed["value"]] == sorted(files)
    assert {file["path"]: file["size_bytes"] for file in listed["value"]} == {p: len(c) for p, c in files.items()}
    checksums = {file["path"]: file["checksum"] for file in listed["value"]}
    assert checksums["de/train-00000-of-00002.parquet"] == hashlib.sha256(noise(50, 0)).hexdigest()
    assert checksums["README.md"] == hashlib.sha1(b"blob 7\0# XNLI\n").hexdigest()
    # 9 files and 4 folders, 3 on a page
    assert len(hub.asked("GET /api/datasets/facebook/xnli/tree/[0-9a-f]{40}[?]")) == 5
    assert {path: Path(file).read_bytes() for path, file in got["value"].items()} == files
    assert list(got["value"]) == sorted(files)
    assert client.visible() == files
    assert (client.home / "hub/datasets--facebook--xnli/refs/main").read_text() == commit


def test_models_and_converted_data_have_addresses_of_their_own(hub, client):
    hub.add(*XNLI, {"xnli.py": b"print('never run')"}, lfs=False)
    converted = hub.add(*XNLI, {"en/train/0000.parquet": b"PAR1"}, revision="refs/convert/parquet")
    model = hub.add("model", "intfloat/multilingual-e5-small", {"config.json": b"{}"}, lfs=False)
    tree, data, weights = client.run(
        hub,
        ["files", [*XNLI, "refs/convert/parquet"]],
        ["download", [*XNLI, "refs/convert/parquet"], ["en/train/0000.parquet"]],
        ["download", ["model", "intfloat/multilingual-e5-small"], ["config.json"]],
    )
    assert [file["path"] for file in tree["value"]] == ["en/train/0000.parquet"]
    folder = client.home / "hub/datasets--facebook--xnli"
    assert Path(data["value"]["en/train/0000.parquet"]).read_bytes() == b"PAR1"
    assert data["value"]["en/train/0000.parquet"] == str(folder / "snapshots" / converted / "en/train/0000.parquet")
    assert (folder / "refs/refs/convert/parquet").read_text() == converted
    assert model in weights["value"]["config.json"]


def test_huggingface_hub_itself_gets_the_same_from_this_server_and_finds_what_we_put_in_the_cache(
    hub, client, tmp_path
):
    files = {"a/large.parquet": noise(100_000), "small.txt": b"small\n"}
    hub.add(*XNLI, files, lfs=["a/large.parquet"])
    client.run(hub, ["download", XNLI, list(files)])
    script = """
import huggingface_hub as hub, sys
from pathlib import Path
own = hub.snapshot_download("facebook/xnli", repo_type="dataset", cache_dir=sys.argv[1])
ours = hub.hf_hub_download("facebook/xnli", "a/large.parquet", repo_type="dataset", local_files_only=True)
report = hub.scan_cache_dir()
ours = Path(ours).parents[1]
print([Path(own, p).read_bytes() == (ours / p).read_bytes() for p in ("a/large.parquet", "small.txt")])
print(report.warnings, sum(r.nb_files for r in report.repos), len(report.incomplete_files))
"""
    command = [sys.executable, "-c", script, str(tmp_path / "own")]
    done = subprocess.run(command, env=client.environment(hub), capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[True, True]", "[] 2 0"]


def test_what_is_in_the_cache_is_not_downloaded_again_and_a_commit_not_even_asked_for(hub, client):
    files = {"a.parquet": noise(3000), "b.txt": b"text\n"}
    commit = hub.add(*XNLI, files, lfs=["a.parquet"])
    client.run(hub, ["download", XNLI, list(files)])
    hub.requests.clear()
    (branch,) = client.run(hub, ["download", XNLI, list(files)])
    assert hub.asked() == ["GET /api/datasets/facebook/xnli/revision/main"]
    assert branch["events"] == []  # no step for nothing
    (pinned,) = client.run(hub, ["download", [*XNLI, commit], list(files)])
    assert pinned["value"] == branch["value"]
    assert len(hub.requests) == 1


def test_a_new_commit_brings_only_what_has_changed(hub, client):
    old = hub.add(*XNLI, {"same.parquet": noise(2000, 1), "other.parquet": noise(2000, 2)})
    client.run(hub, ["download", XNLI, ["same.parquet", "other.parquet"]])
    new = hub.add(*XNLI, {"same.parquet": noise(2000, 1), "other.parquet": noise(2000, 3)})
    hub.requests.clear()
    (got,) = client.run(hub, ["download", XNLI, ["same.parquet", "other.parquet"]])
    assert hub.downloads() == ["other.parquet"]
    assert Path(got["value"]["other.parquet"]).read_bytes() == noise(2000, 3)
    assert all(f"/{new}/" in path for path in got["value"].values())
    folder = client.home / "hub/datasets--facebook--xnli"
    assert (folder / "refs/main").read_text() == new
    assert (folder / "snapshots" / old / "other.parquet").read_bytes() == noise(2000, 2)


def test_several_files_are_in_transfer_at_once_and_count_as_one_step(hub, client):
    files = {f"part-{i}.parquet": noise(30_000 + i, i) for i in range(9)}
    hub.add(*XNLI, files)
    together = hub.gather("GET /cdn/", 4)
    (got,) = client.run(hub, ["download", XNLI, list(files)])
    assert not together.broken
    assert {path: Path(file).read_bytes() for path, file in got["value"].items()} == files
    steps = [event for event in got["events"] if event[0] == "step"]
    assert steps == [["step", "download facebook/xnli", 9 * 30_000 + 36, "bytes"]]  # 0 + 1 + … + 8 = 36
    assert sum(event[1] for event in got["events"] if event[0] == "advance") == 9 * 30_000 + 36
    assert hub.downloads() == sorted(files)


def test_a_download_that_breaks_off_goes_on_where_it_stopped(hub, client):
    content = noise(700_000)
    hub.add(*XNLI, {"large.parquet": content})
    hub.cut("GET /cdn/", 100_000)  # each time, so 7 requests: more than fail in a row before it gives up
    (got,) = client.run(hub, ["download", XNLI, ["large.parquet"]])
    assert Path(got["value"]["large.parquet"]).read_bytes() == content
    ranges = [request.range for request in hub.requests if request.path.startswith("/cdn/")]
    assert ranges == [None, *(f"bytes={i}00000-" for i in range(1, 7))]
    assert sum(event[1] for event in got["events"] if event[0] == "advance") == 700_000


def test_a_download_that_stays_broken_says_so_and_the_same_call_goes_on(hub, client):
    content = noise(3 * MB)
    hub.add(*XNLI, {"large.parquet": content})
    hub.cut("GET /cdn/", MB, times=1)
    hub.cut("GET /cdn/", 0)
    (broken,) = client.run(hub, ["download", XNLI, ["large.parquet"]])
    assert broken["error"].startswith(
        "large.parquet of the data set facebook/xnli stopped at 1.0 of 3.0 MB (it will go on from there), and "
        f"the connection to {hub.cdn_url.removeprefix('http://')} broke off ("
    )
    assert broken["error"].endswith(f"). Check the connection, or wait a while; then run `{AGAIN}` again.")
    assert client.visible() == {}
    assert len(hub.asked("GET /cdn/")) == 1 + 5  # one that brought something, and five in a row that did not
    hub.mend()
    (got,) = client.run(hub, ["download", XNLI, ["large.parquet"]])
    assert hub.requests[-1].range == "bytes=1000000-"
    assert client.visible() == {"large.parquet": content}
    assert got["events"][1] == ["advance", MB]  # what had arrived before counts at once


def test_servers_that_know_no_ranges_or_other_ones_are_asked_for_the_whole_file(client):
    content = noise(300_000)
    with HubServer(ranges=False) as hub:
        hub.add(*XNLI, {"a.parquet": content, "b.parquet": content[::-1], "c.parquet": content[:200_000]})
        hub.cut("GET /cdn/.*/a.parquet", 100_000, times=1)
        hub.cut("GET /cdn/.*/b.parquet", 100_000)
        hub.cut("GET /cdn/.*/c.parquet", 100_000, times=1)
        hub.fail("GET /cdn/.*/c.parquet", 416, times=1)
        whole, never, beyond = client.run(hub, *(["download", XNLI, [f"{name}.parquet"]] for name in "abc"))
    assert Path(whole["value"]["a.parquet"]).read_bytes() == content
    advances = [event[1] for event in whole["events"] if event[0] == "advance"]
    assert sum(advances) == 300_000 and min(advances) > 0  # a bar that is shown never goes back
    assert "b.parquet of the data set facebook/xnli stopped at 0.1 of 0.3 MB" in never["error"]
    assert Path(beyond["value"]["c.parquet"]).read_bytes() == content[:200_000]


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_a_client_that_is_stopped_in_the_middle_leaves_nothing_half_and_goes_on_when_started_again(hub, client, ending):
    content = noise(3 * MB)
    hub.add(*XNLI, {"large.parquet": content, "next.parquet": content[:MB]})
    hub.stall("GET /cdn/.*/large", MB)
    hub.stall("GET /cdn/.*/next", 0)
    process = client.start(hub, ["download", XNLI, ["large.parquet", "next.parquet"]], HF_HUB_DOWNLOAD_TIMEOUT="1")
    deadline = time.monotonic() + 30
    while not any(part.stat().st_size > MB / 2 for part in client.blobs(".incomplete")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(ending)
    out, err = process.communicate(timeout=30)
    assert process.returncode == -ending
    assert (out, "KeyboardInterrupt" in err) == ("", ending is signal.SIGINT)
    assert client.visible() == {} and client.blobs() == []
    (arrived,) = [part.stat().st_size for part in client.blobs(".incomplete") if part.stat().st_size]
    hub.mend()
    hub.requests.clear()
    client.run(hub, ["download", XNLI, ["large.parquet", "next.parquet"]])
    assert sorted((r.path[-13:], r.range) for r in hub.requests if r.server == "cdn") == [
        ("/next.parquet", None),
        ("large.parquet", f"bytes={arrived}-"),
    ]
    assert client.visible() == {"large.parquet": content, "next.parquet": content[:MB]}
    assert client.blobs(".incomplete") == []


def test_two_processes_at_once_download_each_file_once(hub, client):
    files = {f"part-{i}.parquet": noise(400_000, i) for i in range(4)}
    hub.add(*XNLI, files)
    running = [client.start(hub, ["download", XNLI, list(files)]) for _ in range(2)]
    with ThreadPoolExecutor() as threads:
        ended = list(threads.map(lambda process: process.communicate(timeout=60), running))
    assert [err for _, err in ended] == ["", ""]
    assert [list(json.loads(out)[0]["value"]) for out, _ in ended] == [list(files)] * 2
    assert hub.downloads() == sorted(files)
    assert client.visible() == files
    assert len(client.blobs()) == 4 and all(path.is_symlink() for path in client.home.glob("hub/*/snapshots/*/*"))


def test_bytes_that_are_not_those_of_the_checksum_are_deleted_and_named(hub, client):
    large, small = noise(50_000), b"small, and not in LFS\n"
    hub.add(*XNLI, {"large.parquet": large, "small.txt": small}, lfs=["large.parquet"])
    hub.corrupt("GET /cdn/|GET /api/resolve-cache/")
    of_large, of_small = client.run(hub, ["download", XNLI, ["large.parquet"]], ["download", XNLI, ["small.txt"]])
    bad, good = (hashlib.sha256(c).hexdigest()[:12] for c in (large[:-1] + bytes([large[-1] ^ 1]), large))
    assert of_large["error"] == (
        f"large.parquet of the data set facebook/xnli arrived damaged: its SHA-256 is {bad}…, "
        f"and the hub states {good}…. It is deleted; run `{AGAIN}` again to download it anew."
    )
    blob = b"blob %d\0" % len(small)
    bad, good = (hashlib.sha1(blob + c).hexdigest()[:12] for c in (small[:-1] + bytes([small[-1] ^ 1]), small))
    assert f"its git SHA-1 is {bad}…, and the hub states {good}…" in of_small["error"]
    assert client.visible() == {} and client.blobs() == [] and client.blobs(".incomplete") == []
    hub.mend()
    hub.stall("GET /cdn/", 60_000, body=large + noise(MB), times=1)  # does not wait for the end of what is too long
    longer, got = client.run(hub, *[["download", XNLI, ["large.parquet", "small.txt"]]] * 2)
    assert "as a hub does: in place of large.parquet it sends a file of another size." in longer["error"]
    assert "value" in got
    assert client.visible() == {"large.parquet": large, "small.txt": small}


def test_a_file_that_is_damaged_in_the_cache_is_noticed_and_downloaded_again(hub, client):
    files = {
        "cut.parquet": noise(40_000, 1),
        "flipped.txt": b"forty bytes, of which one will be another",
        "good.txt": b"good",
    }
    commit = hub.add(*XNLI, files, lfs=["cut.parquet"])
    client.run(hub, ["download", XNLI, list(files)])
    snapshot = client.home / "hub/datasets--facebook--xnli/snapshots" / commit
    with (snapshot / "cut.parquet").open("r+b") as file:
        file.truncate(39_999)
    with (snapshot / "flipped.txt").open("r+b") as file:
        file.write(b"F")
    hub.requests.clear()
    (got,) = client.run(hub, ["download", [*XNLI, commit], list(files)])
    assert hub.downloads() == ["cut.parquet", "flipped.txt"]
    assert client.visible() == files
    assert sorted(notes(got)) == [
        f"{name} of the data set facebook/xnli was damaged in the cache, and is dropped from it."
        for name in ("cut.parquet", "flipped.txt")
    ]
    with (snapshot / "cut.parquet").open("r+b") as file:
        file.truncate(100)
    (offline,) = client.run(hub, ["download", [*XNLI, commit], list(files)], HF_HUB_OFFLINE="1")
    assert offline["error"] == (
        "cut.parquet of the data set facebook/xnli is not in the cache, and HF_HUB_OFFLINE is set. "
        f"Unset it and run `{AGAIN}` once while connected."
    )
    assert hashlib.sha256(files["cut.parquet"]).hexdigest() not in [blob.name for blob in client.blobs()]


HOSTILE = [
    "/etc/passwd",
    "../../.bashrc",
    "a/../../b",
    "a/./b",
    "a//b",
    "a/",
    "..\\b",
    "C:/b",
    "C:b",
    "a\0b",
    "a\nb",
    "\x1b[2Jb",
]
HOSTILE += ["", "x" * 256, "\ud800"]


def test_a_path_that_leads_out_of_the_cache_is_refused_and_nothing_is_written(hub, client):
    calls = []
    for i, path in enumerate(HOSTILE):
        name = f"mallory/data{i}"
        commit = hub.add("dataset", name, {"good.txt": b"good"})
        hub.list_also(name, path)
        calls.append(["download", ["dataset", name, commit], ["good.txt", path]])
    outcomes = client.run(hub, *calls)
    assert len(hub.asked()) == len(HOSTILE)  # the lists of files, and no file
    for i, path in enumerate(HOSTILE):
        assert outcomes[i]["error"].startswith(
            f"{path!r} of the data set mallory/data{i} is not a path that mslt accepts: it could lead out of the cache."
        )
    assert not client.home.exists()


def test_a_list_of_files_that_was_tampered_with_in_the_cache_is_refused_too(hub, client):
    commit = hub.add(*XNLI, {"good.txt": b"good"})
    client.run(hub, ["files", XNLI])
    (kept,) = client.home.glob("mslt/listings/*/*.json")
    kept.write_text(json.dumps([["../../../x", 4, "0" * 40]]))
    (refused,) = client.run(hub, ["download", [*XNLI, commit], ["../../../x"]])
    assert refused["error"].startswith("'../../../x' of the data set facebook/xnli is not a path that mslt accepts")
    rows = [7, 4, "0" * 40], [None, 4, "0" * 40], ["a", "4", "0" * 40], ["a", 4, "../x"], ["a", 4, 7], "abc", 7
    for damaged in ("{", "7", *(json.dumps([row]) for row in rows)):
        kept.write_text(damaged)
        (mended,) = client.run(hub, ["files", [*XNLI, commit]])
        assert [file["path"] for file in mended["value"]] == ["good.txt"]


def test_names_and_revisions_that_can_not_be_are_refused_unasked(hub, client):
    outcomes = client.run(
        hub,
        ["commit", ["model", "../../etc/passwd"]],
        ["commit", ["model", "two words"]],
        ["download", [*XNLI, "../../../x"], ["a"]],
        ["files", [*XNLI, ""]],
    )
    assert [outcome["error"] for outcome in outcomes] == [
        "There can be no model ../../etc/passwd on the hub. Names look like facebook/xnli.",
        "There can be no model two words on the hub. Names look like facebook/xnli.",
        "The data set facebook/xnli can have no revision '../../../x'. Give a branch or a commit.",
        "The data set facebook/xnli can have no revision ''. Give a branch or a commit.",
    ]
    assert hub.requests == [] and not client.home.exists()


def test_a_private_repository_needs_a_token_which_goes_to_the_hub_alone(hub, client):
    hub.add(*XNLI, {"a.parquet": b"a", "b.txt": b"b", "c.txt": b"c"}, lfs=["a.parquet"])
    hub.token = "hf_secret"
    calls = ["commit", XNLI], ["download", XNLI, ["a.parquet", "b.txt"]]
    for outcome in client.run(hub, *calls):
        assert outcome["error"] == (
            "The hub has no data set facebook/xnli, or it is private. "
            "Check the name, or set HF_TOKEN to a token that may read it."
        )
    for outcome in client.run(hub, *calls, HF_TOKEN="hf_other"):
        assert outcome["error"] == (
            "The hub does not know the token that it was sent for the data set facebook/xnli. "
            f"Set HF_TOKEN to a valid one, or unset it, and run `{AGAIN}` again."
        )
    (odd,) = client.run(hub, ["commit", XNLI], HF_TOKEN="hf_sécret")
    assert odd["error"] == "The token for the hub has characters that no token has. Set HF_TOKEN to a valid one."
    hub.requests.clear()
    hub.links_to = hub.cdn_url  # as a mirror might that passes on what another hub says
    assert ["value" in outcome for outcome in client.run(hub, *calls, HF_TOKEN="hf_secret")] == [True] * 2
    assert {(r.server, r.token) for r in hub.requests} == {("hub", "Bearer hf_secret"), ("cdn", None)}
    assert len(hub.asked("tree/")) == 1 and len(hub.asked("/cdn/")) == 1
    hub.fail("GET .*/resolve/.*c.txt", 302, headers={"Location": f"{hub.cdn_url}/elsewhere"})
    hub.replace("GET /elsewhere", b"C")
    (elsewhere,) = client.run(hub, ["download", XNLI, ["c.txt"]], HF_TOKEN="hf_secret")
    assert "c.txt of the data set facebook/xnli arrived damaged" in elsewhere["error"]
    assert [r.token for r in hub.requests if r.path == "/elsewhere"] == [None]


def test_what_the_hub_refuses_is_said_with_what_to_do(hub, client):
    hub.add(*XNLI, {"en/a.txt": b"a"})
    hub.add("model", "meta/llama", {"config.json": b"{}"})
    hub.gate("meta/llama")
    hub.add("dataset", "laion/art", {"a": b"a"})
    hub.fail("laion/art", 403, message="Access to this resource is disabled.")
    hub.add("dataset", "odd/one", {"a": b"a"})
    hub.fail("odd/one", 418, message="no coffee\x1b[2J")
    gone = "0" * 40
    outcomes = client.run(
        hub,
        ["commit", ["dataset", "facebook/xnlii"]],
        ["commit", [*XNLI, "refs/convert/duckdb"]],
        ["download", [*XNLI, gone], ["en/a.txt"]],
        ["download", XNLI, ["en/a.txt", "en/b.txt"]],
        ["download", ["model", "meta/llama"], ["config.json"]],
        ["commit", ["dataset", "laion/art"]],
        ["commit", ["dataset", "odd/one"]],
    )
    pages = f"{hub.url}/datasets/facebook/xnli"
    assert [outcome["error"] for outcome in outcomes] == [
        "The hub has no data set facebook/xnlii, or it is private. Check the name, or set HF_TOKEN to a token that may "
        "read it.",
        f"The data set facebook/xnli has no revision 'refs/convert/duckdb' on the hub. Its branches are on {pages}.",
        f"The data set facebook/xnli has no revision '{gone}' on the hub. Its branches are on {pages}.",
        f"The data set facebook/xnli has no en/b.txt at revision 'main'. Its files are on {pages}/tree/main.",
        f"The model meta/llama is gated. Accept its terms on {hub.url}/meta/llama, "
        f"set HF_TOKEN to a token that may read it, and run `{AGAIN}` again.",
        "The hub does not give out the data set laion/art (Access to this resource is disabled.). "
        f"Set HF_TOKEN to a token that may read it, or ask its owners on {hub.url}/datasets/laion/art.",
        f"{hub.url} does not answer for the data set odd/one as a hub does: it answers with error 418 (no coffee [2J). "
        "Check HF_ENDPOINT, and whether a proxy or a login page stands between.",
    ]
    assert client.visible() == {}


def test_a_hub_that_asks_to_wait_is_waited_for_unless_it_is_too_long(hub, client):
    hub.add(*XNLI, {"a.parquet": b"a"})
    hub.fail("GET .*/revision/", 429, headers={"Retry-After": "1"}, times=1)
    hub.fail("GET .*/tree/", 429, headers={"RateLimit": '"api";r=0;t=1'}, times=1)
    hub.fail("GET .*/resolve/", 503, times=2)
    hub.fail("GET /cdn/", 503, headers={"Retry-After": "1"}, times=1)
    (got,) = client.run(hub, ["download", XNLI, ["a.parquet"]])
    assert client.visible() == {"a.parquet": b"a"}
    assert notes(got) == [
        f"The hub {hub.url} has had too many requests and asks to wait 1 s; waiting.",
        f"The hub {hub.url} has had too many requests and asks to wait 1 s; waiting.",
        f"The hub {hub.url} answers with error 503; trying again.",
        f"The hub {hub.url} answers with error 503 and asks to wait 1 s; waiting.",
    ]
    asked = [r for r in hub.requests if "/api/datasets/" in r.path]
    assert [asked[i + 1].at - asked[i].at >= 1 for i in (0, 2)] == [True, True]

    hub.fail("GET .*/revision/", 429, headers={"Retry-After": "3600"})
    hub.fail("GET .*/tree/", 429, headers={"RateLimit": '"api";r=0;t=301'})
    commit = hub.add(*XNLI, {"b.parquet": b"b"}, revision="other")
    asked = len(hub.requests)
    long, list_of_files = client.run(hub, ["commit", [*XNLI, "other"]], ["files", [*XNLI, commit]])
    assert long["error"] == (
        f"The data set facebook/xnli is not in the cache, and the hub {hub.url} has had too many requests "
        f"and asks to wait 3,600 s. Wait that long; then run `{AGAIN}` again."
    )
    assert "The list of files of the data set facebook/xnli is not in the cache" in list_of_files["error"]
    assert "asks to wait 301 s" in list_of_files["error"]
    assert len(hub.requests) == asked + 2


def test_a_hub_that_is_down_is_tried_five_times(hub, client):
    commit = hub.add(*XNLI, {"a.parquet": b"a"})
    hub.fail("", 503)
    branch, listing = client.run(hub, ["commit", XNLI], ["download", [*XNLI, commit], ["a.parquet"]])
    down = f"is not in the cache, and the hub {hub.url} answers with error 503. "
    down += f"Check the connection, or wait a while; then run `{AGAIN}` again."
    assert branch["error"] == f"The data set facebook/xnli {down}"
    assert listing["error"] == f"The list of files of the data set facebook/xnli {down}"
    assert branch["kind"] == listing["kind"] == "UnreachableError"
    assert len(hub.requests) == 5 + 5
    hub.mend()
    hub.fail("GET .*/resolve/", 503)
    (body,) = client.run(hub, ["download", [*XNLI, commit], ["a.parquet"]])
    assert body["error"] == f"a.parquet of the data set facebook/xnli {down}"
    assert client.visible() == {}


def test_when_the_hub_does_not_answer_the_cache_does(hub, client):
    commit = hub.add(*XNLI, {"a.parquet": b"a", "b.parquet": b"b"})
    client.run(hub, ["download", XNLI, ["a.parquet"]])
    hub.requests.clear()
    hub.stall("GET /api/", 0)
    resolved, got = client.run(hub, ["commit", XNLI], ["download", XNLI, ["a.parquet"]], HF_HUB_DOWNLOAD_TIMEOUT="1")
    assert resolved["value"] == commit
    assert notes(got) == [
        f"The data set facebook/xnli is taken from the cache as it is: the hub {hub.url} sends nothing for 1 s."
    ]
    assert len(hub.requests) == 2
    hub.close()
    listed, taken, lacking, unknown = client.run(
        hub,
        ["files", XNLI],
        ["download", XNLI, ["a.parquet"]],
        ["download", XNLI, ["a.parquet", "b.parquet"]],
        ["commit", [*XNLI, "x"]],
    )
    assert [file["path"] for file in listed["value"]] == ["a.parquet", "b.parquet"]
    assert list(taken["value"]) == ["a.parquet"]
    refused = f"is not in the cache, and the hub {hub.url} cannot be reached ("
    todo = f"Connection refused). Check the connection, or wait a while; then run `{AGAIN}` again."
    for outcome, what in (lacking, "b.parquet of the data set facebook/xnli"), (unknown, "The data set facebook/xnli"):
        assert outcome["error"].startswith(f"{what} {refused}") and outcome["error"].endswith(todo)


def test_offline_the_cache_is_enough_and_the_network_is_not_touched(hub, client):
    files = {"a.parquet": noise(1000), "b.txt": b"b", "c.txt": b"c", "d.txt": b"d"}
    commit = hub.add(*XNLI, files, lfs=["a.parquet"])
    client.run(hub, ["download", XNLI, ["a.parquet", "b.txt"]])
    hub.requests.clear()
    resolved, listed, got, more = client.run(
        hub,
        ["commit", XNLI],
        ["files", XNLI],
        ["download", XNLI, ["a.parquet", "b.txt"]],
        ["download", [*XNLI, commit], ["a.parquet", "c.txt", "d.txt"]],
        HF_HUB_OFFLINE="1",
    )
    assert resolved["value"] == commit
    assert [file["path"] for file in listed["value"]] == list(files)
    assert {path: Path(file).read_bytes() for path, file in got["value"].items()} == client.visible()
    assert got["events"] == []
    assert more["error"].startswith(
        "c.txt of the data set facebook/xnli (nor are 1 more) is not in the cache, and HF_HUB"
    )
    assert hub.requests == []


def test_offline_with_nothing_in_the_cache_says_to_connect_once(hub, client):
    hub.add(*XNLI, {"a.parquet": b"a"})
    unset = f"is not in the cache, and HF_HUB_OFFLINE is set. Unset it and run `{AGAIN}` once while connected."
    pinned = [*XNLI, "0" * 40]
    branch, listing = client.run(hub, ["commit", XNLI], ["download", pinned, ["a.parquet"]], HF_HUB_OFFLINE="1")
    assert branch["error"] == f"The data set facebook/xnli {unset}"
    assert listing["error"] == f"The list of files of the data set facebook/xnli {unset}"
    assert hub.requests == [] and not client.home.exists()


def test_what_is_no_hub_is_told_from_one(hub, client):
    hub.add(*XNLI, {"a.parquet": b"a"})
    hub.replace("/revision/main", b"<html>Please log in to the airport</html>")
    hub.replace("/revision/list", b"[]")
    hub.replace("/revision/name", b'{"sha": "../../x"}')
    hub.replace("/tree/", b'[{"type": "file", "path": "a", "size": 1, "oid": "../../x"}]')
    commit = hub.commit(*XNLI, "main")
    no_json, no_object, no_commit, no_checksum = client.run(
        hub,
        *(["commit", [*XNLI, revision]] for revision in ("main", "list", "name")),
        ["files", [*XNLI, commit]],
    )
    no_hub = f"{hub.url} does not answer for the data set facebook/xnli as a hub does: "
    assert no_json["error"] == (
        f"{no_hub}it sends something that is not JSON. "
        "Check HF_ENDPOINT, and whether a proxy or a login page stands between."
    )
    assert no_object["error"].startswith(f"{no_hub}it names no commit.")
    assert no_commit["error"].startswith(f"{no_hub}it names no commit.")
    assert no_checksum["error"].startswith(f"{no_hub}it lists a file without path, size or checksum.")
    assert not client.home.exists()
    (no_address,) = client.run("localhost:1", ["commit", XNLI])
    assert no_address["error"].startswith("localhost:1 is no address of a hub (")
    assert no_address["error"].endswith("). Check HF_ENDPOINT.")


LOGIN = {"Content-Type": "text/html; charset=utf-8"}
OTHER = [
    (200, LOGIN, b"<html>Please log in</html>", "a web page"),
    (200, {}, b"short", "a file of another size"),
    (206, {"Content-Range": "bytes 100000-100004/100005"}, b"short", "a file of another size"),
    (200, {"ETag": '"' + "0" * 64 + '"'}, b"x" * 300_000, "a file of another checksum"),
]


@pytest.mark.parametrize(("status", "headers", "body", "what"), OTHER, ids=["login", "size", "range", "checksum"])
def test_what_arrived_is_kept_when_something_else_than_the_file_is_sent(hub, client, status, headers, body, what):
    content = noise(300_000)
    hub.add(*XNLI, {"large.parquet": content})
    hub.cut("GET /cdn/", 100_000, times=1)
    hub.fail("GET /cdn/", 503)
    client.run(hub, ["download", XNLI, ["large.parquet"]])
    hub.mend()
    hub.answer_with("GET /cdn/", status, headers, body)
    (refused,) = client.run(hub, ["download", XNLI, ["large.parquet"]])
    assert f"as a hub does: in place of large.parquet it sends {what}. Check HF_ENDPOINT" in refused["error"]
    assert [part.stat().st_size for part in client.blobs(".incomplete")] == [100_000]
    hub.mend()
    client.run(hub, ["download", XNLI, ["large.parquet"]])
    assert hub.requests[-1].range == "bytes=100000-"
    assert client.visible() == {"large.parquet": content}


CHUNKED = {"Transfer-Encoding": "chunked"}


@pytest.mark.parametrize("size", [30, 200_000, 300_000], ids=["short", "longer", "of its size"])
def test_what_arrived_is_kept_when_what_has_no_size_is_not_the_file(hub, client, size):
    content = noise(300_000)
    hub.add(*XNLI, {"large.parquet": content})
    hub.cut("GET /cdn/", 100_000, times=1)
    hub.fail("GET /cdn/", 503)
    client.run(hub, ["download", XNLI, ["large.parquet"]])
    hub.mend()
    hub.answer_with("GET /cdn/", 200, CHUNKED, b"x" * size)
    (refused,) = client.run(hub, ["download", XNLI, ["large.parquet"]])
    what = "sends a file of another checksum" if size == 300_000 else "the hub sends less than the file"
    assert what in refused["error"]
    assert [part.read_bytes() for part in client.blobs(".incomplete")] == [content[:100_000]]
    hub.mend()
    client.run(hub, ["download", XNLI, ["large.parquet"]])
    assert hub.requests[-1].range == "bytes=100000-"
    assert client.visible() == {"large.parquet": content}


def test_a_file_that_comes_without_its_size_is_taken(hub, client):
    content = noise(300_000)
    hub.add(*XNLI, {"large.parquet": content})
    hub.cut("GET /cdn/", 100_000, times=1)
    hub.fail("GET /cdn/", 503)
    client.run(hub, ["download", XNLI, ["large.parquet"]])
    hub.mend()
    hub.answer_with("GET /cdn/", 200, CHUNKED, content)
    client.run(hub, ["download", XNLI, ["large.parquet"]])
    assert client.visible() == {"large.parquet": content} and client.blobs(".incomplete") == []


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"sha": ' + b"7" * 5000 + b"}"], ids=["deep", "long"])
def test_json_that_no_parser_takes_is_told(hub, client, body):
    hub.add(*XNLI, {"a.parquet": b"a"})
    hub.replace("/revision/main", body)
    (refused,) = client.run(hub, ["commit", XNLI])
    assert "as a hub does: it sends something that is not JSON." in refused["error"]


def test_a_size_that_no_file_has_is_refused(hub, client):
    commit = hub.add(*XNLI, {"a.parquet": b"a"})
    hub.replace("/tree/", b'[{"type": "file", "path": "a", "size": 1%s, "oid": "%s"}]' % (b"0" * 400, b"0" * 40))
    (refused,) = client.run(hub, ["files", [*XNLI, commit]])
    assert "it lists a file without path, size or checksum" in refused["error"]


def test_an_answer_that_unpacks_without_end_is_not_swallowed(hub, client, monkeypatch):
    monkeypatch.setattr("mslt_cli.hub.limits.MAX_ANSWER_BYTES", 2_000_000)
    hub.add(*XNLI, {"a.parquet": b"a"})
    hub.answer_with("/revision/main", 200, {"Content-Encoding": "gzip"}, gzip.compress(b" " * 30_000_000))
    (refused,) = client.run(hub, ["commit", XNLI])
    assert "as a hub does: it sends more than 2 MB." in refused["error"]


def serve_slowly(chunk: bytes):
    """A server that sends a piece each tenth of a second, and its address."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=feed, args=(connection,), daemon=True).start()

    def feed(connection):
        with contextlib.suppress(OSError):
            while True:
                connection.sendall(chunk)
                time.sleep(0.1)

    threading.Thread(target=serve, daemon=True).start()
    return listener, f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("chunk", [b"H", b"HTTP/1.1 100 Continue\r\n\r\n"], ids=["a byte at a time", "continue"])
def test_a_hub_that_never_comes_to_an_answer_is_given_up(client, monkeypatch, chunk):
    monkeypatch.setattr("mslt_cli.hub.limits.MAX_HEAD_S", -0.7)
    listener, url = serve_slowly(chunk)
    with listener:
        (given_up,) = client.run(url, ["commit", XNLI], HF_HUB_DOWNLOAD_TIMEOUT="1")
    assert given_up["kind"] in ("UnreachableError", "FetchError")
    if chunk != b"H":
        assert f"the hub {url} does not come to an answer" in given_up["error"]


def test_a_body_that_trickles_is_given_up(hub, client, monkeypatch):
    monkeypatch.setattr("mslt_cli.hub.limits.MAX_ANSWER_S", -1.0)
    hub.add(*XNLI, {"a.parquet": b"a"})
    (given_up,) = client.run(hub, ["commit", XNLI])
    assert "the hub takes more than -1 s for an answer" in given_up["error"]


@pytest.mark.parametrize("host", ["127.0.0.1:9", "127.0.0.1:port"], ids=["down", "no address"])
def test_a_password_in_the_address_of_the_hub_is_not_shown(client, host):
    (down,) = client.run(f"http://anna:s3cr3t@{host}", ["commit", XNLI])
    assert host in down["error"] and "s3cr3t" not in down["error"] and "anna" not in down["error"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_full_disk_is_said_in_a_sentence(hub, client):
    hub.add(*XNLI, {"a.parquet": noise(100_000)})
    blobs = client.home / "hub/datasets--facebook--xnli/blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{hashlib.sha256(noise(100_000)).hexdigest()}.incomplete").symlink_to("/dev/full")
    (full,) = client.run(hub, ["download", XNLI, ["a.parquet"]])
    assert full["error"] == (
        f"The cache {client.home / 'hub'} cannot be used: the disk is full. Free some space, or set HF_HOME "
        "to a folder on another disk."
    )
    assert client.visible() == {}


def test_a_cache_that_is_no_folder_is_said_in_a_sentence(hub, client):
    hub.add(*XNLI, {"a.parquet": b"a"})
    client.home.write_text("a file")
    (no_folder,) = client.run(hub, ["download", XNLI, ["a.parquet"]])
    assert no_folder["error"] == (
        f"The cache {client.home / 'hub'} cannot be used: something on the way to it is a file, not a folder. "
        "Set HF_HOME to a folder that you can write to."
    )


def test_a_cache_that_may_only_be_read_is_read(hub, client):
    hub.add(*XNLI, {"a.parquet": b"a", "b.parquet": b"b"})
    client.run(hub, ["download", XNLI, ["a.parquet"]])
    hub.add(*XNLI, {"a.parquet": b"a", "b.parquet": b"b", "c.parquet": b"c"}, revision="new")
    folders = [client.home, *(path for path in client.home.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        if os.access(client.home, os.W_OK):
            pytest.skip("this user may write everywhere")
        got, more = client.run(hub, ["download", XNLI, ["a.parquet"]], ["download", XNLI, ["b.parquet"]])
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert list(got["value"]) == ["a.parquet"]
    assert more["error"].endswith(
        "cannot be used: it may not be written. Set HF_HOME to a folder that you can write to."
    )


def test_a_cache_without_links_holds_the_files_themselves(hub, client):
    files = {"a.parquet": noise(1000), "b.txt": b"b"}
    commit = hub.add(*XNLI, files, lfs=["a.parquet"])
    call, plain = ["download", [*XNLI, commit], list(files)], {"HF_HUB_DISABLE_SYMLINKS": "1"}
    client.run(hub, call, **plain)
    snapshot = client.home / "hub/datasets--facebook--xnli/snapshots" / commit
    assert client.visible() == files and not (snapshot / "a.parquet").is_symlink()
    hub.requests.clear()
    client.run(hub, call, **plain)
    assert hub.requests == []
    (snapshot / "b.txt").write_bytes(b"B")
    client.run(hub, call, **plain)
    assert hub.downloads() == ["b.txt"]
    assert client.visible() == files


def test_the_first_failure_ends_the_others_soon(hub, client):
    files = {f"part-{i}.parquet": noise(1000, i) for i in range(12)}
    hub.add(*XNLI, files)
    hub.stall("GET /cdn/.*/part-[012].parquet", 500)
    hub.corrupt("GET /cdn/.*/part-3.parquet")
    (failed,) = client.run(hub, ["download", XNLI, list(files)], HF_HUB_DOWNLOAD_TIMEOUT="1")
    assert failed["error"].startswith("part-3.parquet of the data set facebook/xnli arrived damaged")
    assert hub.downloads() == [f"part-{i}.parquet" for i in range(4)]


def test_the_server_can_be_used_from_several_threads():
    with HubServer() as hub:
        commits = set()
        threads = [threading.Thread(target=lambda: commits.add(hub.add(*XNLI, {"a": b"a"}))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(commits) == 1  # a commit's id is that of its content
