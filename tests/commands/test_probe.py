"""`mslt probe` as users call it; on real sentences and the real e5-small where they are."""

import csv
import io
import json
import os
import sys
from pathlib import Path

import pytest
from in_process import run_command

sys.path.insert(0, str(Path(__file__).parent.parent / "runs"))
from tiny_experiments import WORDS, home, moods, tiny_folder  # noqa: F401

for package in ("torch", "sklearn", "matplotlib"):
    pytest.importorskip(package)

DATA = Path(os.environ.get("MSLT_SHARED_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")


@pytest.fixture
def mslt(own_store, home, monkeypatch):  # noqa: F811
    """Runs a command with a store and a cache of its own, with sixty lines of a parallel corpus in three languages."""
    monkeypatch.setenv("MSLT_STORE", str(own_store))
    (home / "pud").mkdir()
    for k, lang in enumerate(("en", "ar", "id")):
        rows = [
            f"# sent_id = n{i}\n# text = {' '.join(WORDS[(i * (k + 1) + j) % 10] for j in range(4))}\n"
            for i in range(60)
        ]
        (home / "pud" / f"{lang}_pud-ud-test.conllu").write_text(
            "".join(f"{row}1\ta\t_\tNOUN\t_\t_\t0\t_\t_\t_\n\n" for row in rows)
        )

    def run(*words, code=0):
        done = run_command(*words, HF_HOME=os.environ["HF_HOME"])
        assert done.returncode == code, done.stderr
        return done

    run("fetch", "data", "--task", "pud", "--from", home / "pud")
    return run


def test_a_model_alone(mslt, tiny_folder):  # noqa: F811
    done = mslt("probe", tiny_folder, "--langs", "en,ar,id", "--metric", "cka,retrieval,langid,centroid")
    head, *lines = [line.split() for line in done.stdout.splitlines()[:6] if "─" not in line]
    assert head == ["model", "metric", "mean", "ar–id", "en–ar", "en–id"]
    assert [line[1] for line in lines[:4]] == ["cka", "retrieval", "langid", "centroid"]
    assert "pud test, 60 sentences in en, ar, id; layer 2" in " ".join(done.stdout.split())
    again = mslt("probe", tiny_folder, "--langs", "en,ar,id", "--metric", "cka,retrieval,langid,centroid")
    assert again.stdout == done.stdout
    assert "embed" not in again.stderr


def test_runs_beside_their_model_with_figure_page_and_summary(mslt, moods, tiny_folder, tmp_path, own_store):  # noqa: F811
    train = ["train", "--task", moods.file, "--model", tiny_folder, "--sources", "en", "--sources", "de,en,es"]
    train += ["--examples", "12", "--epochs", "2", "--lr", "0.01", "--keep-model", "--format", "lines"]
    runs = mslt(*train).stdout.split()
    figure, page = tmp_path / "f.png", tmp_path / "p.html"
    words = ["probe", tiny_folder, *runs, "--langs", "en,ar,id", "--out", figure, "--interactive", page]
    done = mslt(*words, "--perplexity", "10")
    text = " ".join(done.stdout.split())
    assert "SSLT(en)" in text and "MSLT(de,en,es)" in text
    assert "mixes the languages most; it less" in text
    assert "This speaks of these runs" in text
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert "MSLT(de,en,es)" in page.read_text()
    assert f"figure: {figure}" in done.stderr
    rows = list(csv.DictReader(io.StringIO(mslt(*words[:4], "--langs", "en,ar,id", "--format", "csv").stdout)))
    assert {row["run_id"] for row in rows} == {"", *runs}
    told = json.loads(mslt(*words[:4], "--json", "--resamples", "0", "--langs", "en,ar").stdout)
    assert [m["low"] for m in told["measures"]] == [None] * 6
    of_pair = {m["model"]: m["value"] for m in told["measures"] if m["a"] is None}
    first, second, _ = told["differences"]
    assert list(first) == ["metric", "label", "less", "value", "low", "high"]
    assert (second["label"], second["less"], second["low"]) == ("MSLT(de,en,es)", str(tiny_folder), None)
    assert second["value"] == pytest.approx(of_pair["MSLT(de,en,es)"] - of_pair[str(tiny_folder)])


def test_biased_cka_stands_beside_its_value_on_shuffled_sentences(mslt, tiny_folder):  # noqa: F811
    words = ["probe", tiny_folder, "--langs", "en,ar", "--json"]
    rows = json.loads(mslt(*words, "--biased").stdout)["measures"]
    biased, shuffled = (row for row in rows if row["a"] is None)
    assert [(row["metric"], row["how"]) for row in (biased, shuffled)] == [
        ("cka", "mean, biased"),
        ("cka-shuffled", "mean, biased"),
    ]
    assert 0 < shuffled["value"] < biased["value"] and shuffled["low"] is None
    (debiased,) = (row for row in json.loads(mslt(*words).stdout)["measures"] if row["a"] is None)
    assert (debiased["metric"], debiased["how"]) == ("cka", "mean, debiased")
    assert debiased["value"] < biased["value"]
    quiet = mslt(*words[:-1], "--format", "quiet")
    assert (quiet.stdout, quiet.stderr) == (f"{debiased['value']}\n", "")
    text = " ".join(mslt(*words[:-1], "--biased").stdout.split())
    assert "biased linear CKA, higher = more mixed; biased CKA of shuffled sentences" in text


def test_all_layers_as_json(mslt, tiny_folder):  # noqa: F811
    done = mslt("probe", tiny_folder, "--layers", "all", "--json")
    measures = json.loads(done.stdout)["measures"]
    assert [m["layer"] for m in measures if m["a"] is None] == [0, 1, 2]
    keys = ["model", "base", "run_id", "layer", "metric", "a", "b", "value", "low", "high", "n", "how"]
    assert all(list(m) == keys for m in measures)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--langs", "en,sw"], "pud has no data in 'sw'"),
        (["--langs", "en"], "name two or more with --langs"),
        (["--metric", "ckb"], "There is no metric of a probe 'ckb'. Did you mean cka?"),
        (["--layers", "7"], "has no layer 7. Its layers are 0 (the embeddings) to 2."),
        (["--layers", "x"], "--layers is 'x'; write a number"),
        (["--corpus", "wikiann", "--langs", "en,de"], "wikiann has no sentences that are translations of each other"),
        (["--out", "f.gif"], "it can end in .png, .svg, .pdf"),
        (["--resamples", "5"], "5 resamples make no interval: 100 or more do"),
        (["--interactive", "p.pdf"], "is a page: give it a name that ends in .html"),
        (["--map", "umap"], "--map is 'umap'; it can be tsne, pca"),
        (["--limit", "5", "--out", "f.png"], "perplexity is 30, and there are 15 points"),
        (["--format", "lines"], "--format lines is for lists of combinations"),
        (["abcdef12"], "There is no model 'abcdef12'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_is_told_in_a_sentence(mslt, tiny_folder, words, said):  # noqa: F811
    done = mslt("probe", tiny_folder, *words, code=1)
    assert said in " ".join(done.stderr.split())
    assert done.stdout == ""


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no data in {DATA}; MSLT_SHARED_DATA says where they are")
def test_real_sentences_with_real_weights(own_store, tmp_path, e5_small, monkeypatch):
    """e5-small was trained on translations: it finds nearly every one, and its embedding layer does not."""
    monkeypatch.setenv("MSLT_STORE", str(own_store))
    environment = {"HF_HOME": str(tmp_path / "hf")}
    run_command("fetch", "data", "--task", "pud", "--from", DATA / "pud", "--langs", "en,ar", **environment)
    words = ["probe", e5_small, "--langs", "en,ar", "--layers", "0,12", "--metric", "cka,retrieval", "--limit", "50"]
    done = run_command(*words, "--json", **environment)
    assert done.returncode == 0, done.stderr
    values = {(m["metric"], m["layer"]): m for m in json.loads(done.stdout)["measures"] if m["a"] is None}
    assert values["retrieval", 12]["value"] > 0.97 > 0.6 > values["retrieval", 0]["value"]
    assert values["cka", 12]["value"] > values["cka", 0]["value"]
    assert values["cka", 12]["n"] == 50
