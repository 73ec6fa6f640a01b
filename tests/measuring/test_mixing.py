"""Whole probes of tiny models: aligned, embedded once, measured, stored."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mslt_cli.data.splits import fetch_data
from mslt_cli.errors import DataError, ModelError, UnknownNameError, UsageError
from mslt_cli.measuring import sentence_vectors as vectors_module
from mslt_cli.measuring.mixing import probe, stored_probes
from mslt_cli.measuring.sentence_vectors import aligned_sentences, make_embedder, sentence_vectors
from mslt_cli.models.find import fetch_model
from mslt_cli.probing.embeddings import EmbeddingOptions, sentence_embeddings
from mslt_cli.probing.pairs import ProbeOptions
from mslt_cli.runs.directory import RunError
from mslt_cli.runs.experiment import train
from mslt_cli.runs.how import How
from mslt_cli.store.db import open_store
from mslt_cli.store.measured import read_probes, save_probes
from mslt_cli.tasks import find_task
from mslt_cli.training.settings import Settings, override, preset

sys.path.insert(0, str(Path(__file__).parent.parent / "runs"))
from tiny_experiments import WORDS, heard, home, moods, tiny, tiny_folder  # noqa: F401

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")

CPU = EmbeddingOptions(device="cpu")
EN, DE, FR = "eng", "deu", "fra"
CORPUS = """
name = "lines"
kind = "parallel"
path = "lines/{lang}.jsonl"
languages = ["en", "de", "fr"]
splits = ["test"]
aligned = true
"""


def line(i, shift):
    return " ".join(WORDS[(i * 7 + k * (1 + i % 3) + shift * (k % 2)) % 10] for k in range(3 + i % 5))


@pytest.fixture
def lines(home):  # noqa: F811
    """Forty lines in English, German lacks two of them, French has one of its own."""
    (home / "lines.toml").write_text(CORPUS)
    (home / "lines").mkdir()
    for lang, shift, ids in (("en", 0, range(40)), ("de", 1, range(2, 40)), ("fr", 3, [*range(39, -1, -1), 99])):
        rows = [{"id": f"s{i}", "text": line(i, shift)} for i in ids]
        (home / "lines" / f"{lang}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return find_task(str(home / "lines.toml"))


@pytest.fixture
def sentences(lines, heard):  # noqa: F811
    return aligned_sentences(lines, (EN, DE, FR), "test", progress=heard)


@pytest.fixture
def counted(monkeypatch):
    """Counts the languages that are embedded."""
    seen = []

    def counting(*args, **given):
        seen.append(given["layers"])
        return sentence_embeddings(*args, **given)

    monkeypatch.setattr(vectors_module, "sentence_embeddings", counting)
    return seen


def test_sentences_are_those_of_all_languages_and_what_is_dropped_is_said(sentences, heard):  # noqa: F811
    assert sentences.ids == tuple(f"s{i}" for i in range(2, 40))
    for language, shift in ((EN, 0), (DE, 1), (FR, 3)):
        assert sentences.text(language) == [line(i, shift) for i in range(2, 40)]
    assert any("38 sentences are in all languages; dropped 2 in en, 3 in fr" in note for note in heard.notes)


def test_embeddings_are_made_once_and_lie_in_the_order_of_the_sentences(sentences, tiny, counted):  # noqa: F811
    model = make_embedder(tiny)
    first = sentence_vectors(model, sentences, "last", CPU)
    assert counted == [[2]] * 3
    again = sentence_vectors(model, sentences, "last", CPU)
    assert len(counted) == 3
    for language in (EN, DE, FR):
        np.testing.assert_array_equal(first[2][language], again[2][language])
    tokenizer, network = model.load("cpu")
    alone = sentence_embeddings(network, tokenizer, sentences.text(FR), layers="last")[2]
    np.testing.assert_allclose(first[2][FR], alone, atol=1e-5)
    counted.clear()
    sentence_vectors(model, sentences, "all", CPU)
    assert counted == [[0, 1]] * 3  # the last was there
    sentence_vectors(model, sentences, (2,), replace(CPU, special_tokens=False))
    assert len(counted) == 6


def test_another_language_or_metric_embeds_nothing_anew(lines, tiny, counted):  # noqa: F811
    two = aligned_sentences(lines, (EN, FR), "test")
    probe([tiny], two, metrics=("cka",), embedding=CPU)
    assert len(counted) == 2
    three = aligned_sentences(lines, (EN, DE, FR), "test")
    probe([tiny], three, metrics=("cka", "retrieval", "langid", "centroid"), embedding=CPU)
    assert len(counted) == 3
    damaged = next(make_embedder(tiny).cache.rglob("*-eng-*/002.safetensors"))
    damaged.write_bytes(damaged.read_bytes()[:50])
    probe([tiny], three, embedding=CPU)
    assert len(counted) == 4


def test_every_metric_layer_and_pair_is_there_with_its_interval(sentences, tiny):  # noqa: F811
    probed = probe([tiny], sentences, layers="all", metrics=("cka", "langid"), embedding=CPU)
    assert {m.layer for m in probed.measures} == {0, 1, 2}
    of_cka = [m for m in probed.measures if m.metric == "cka" and m.layer == 2]
    assert [(m.a, m.b) for m in of_cka] == [("", ""), (EN, DE), (EN, FR), (DE, FR)]
    assert of_cka[0].value == pytest.approx(np.mean([m.value for m in of_cka[1:]]))
    assert all(m.low <= m.value <= m.high and m.n == 38 for m in of_cka)
    assert [(m.a, m.b) for m in probed.measures if m.metric == "langid"] == [("", "")] * 3


@pytest.fixture
def trained(own_store, home, moods, tiny):  # noqa: F811
    """Runs that keep their weights."""

    def start(sources, *, head="cls", keep=True):
        settings = Settings(epochs=2, batch_size=4, learning_rate=1e-2, head=head)
        given = {"examples": 12, "settings": settings, "root": home / "runs", "how": How(keep_model=keep)}
        (done,) = train(own_store, moods, tiny, [sources], **given)
        return done.outcome.run

    return start


@pytest.mark.parametrize("head", ["cls", "mean"])
def test_runs_are_looked_at_beside_their_model_and_differences_are_paired(sentences, tiny, trained, head):  # noqa: F811
    run = trained((DE, EN), head=head)
    probed = probe([tiny, run], sentences, embedding=CPU)
    base, tuned = (m for m in probed.measures if not m.a)
    assert (tuned.label, tuned.run_id) == ("MSLT(de,en)", run.run_id)
    assert base.value != tuned.value
    (difference,) = probed.differences
    assert difference.value == pytest.approx(tuned.value - base.value)
    assert difference.low <= difference.value <= difference.high
    assert any((run.directory / "cache").rglob("002.safetensors"))
    same = probe([tiny, tiny, run], sentences, embedding=CPU)
    assert (same.differences[0].value, same.differences[0].low, same.differences[0].high) == (0, 0, 0)
    labels = list(same.vectors)
    assert [(d.label, d.less) for d in same.differences] == [
        (labels[j], labels[i]) for i, j in ((0, 1), (0, 2), (1, 2))
    ]
    assert same.differences[2].value == pytest.approx(difference.value)
    assert len(labels) == 3


def test_a_run_without_weights_names_the_command(sentences, trained):
    with pytest.raises(RunError, match="were not kept. Train it again with: mslt train .* --keep-model"):
        probe([trained((DE,), keep=False)], sentences)


def test_decoders_and_their_adapters_are_looked_at_too(sentences, own_store, home, tmp_path):  # noqa: F811
    pytest.importorskip("peft")
    from tiny_bloom import make_bloom

    model = fetch_model(str(make_bloom(tmp_path / "bloom", hidden_size=64)))
    (home / "own").mkdir()
    rows = [{"id": f"a{i}", "instruction": f"Nenne {i}.", "input": "", "output": "Klaas"} for i in range(12)]
    (home / "own" / "de.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = find_task("bactrian")
    fetch_data(task, from_path=home / "own")
    settings = preset("default", "bactrian", "x", kind="instruction")
    settings = override(settings, {"steps": 3, "batch_size": 4, "learning_rate": 1e-1}, {"rank": 4, "four_bit": False})
    (done,) = train(own_store, task, model, [(DE,)], examples=12, settings=settings, root=home / "runs")
    probed = probe([model, done.outcome.run], sentences, embedding=CPU)
    base, tuned = (m for m in probed.measures if not m.a)
    assert base.value != tuned.value
    untouched = replace(settings, learning_rate=1e-30)
    (done,) = train(own_store, task, model, [(DE,)], examples=12, settings=untouched, root=home / "runs")
    probed = probe([model, done.outcome.run], sentences, embedding=CPU)
    assert probed.differences[0].value == pytest.approx(0, abs=1e-5)


def test_models_of_different_width_stand_side_by_side(sentences, tiny, tmp_path):  # noqa: F811
    import transformers

    folder = shutil.copytree(tiny.folder, tmp_path / "wide")
    config = transformers.AutoConfig.from_pretrained(folder)
    config.hidden_size, config.num_hidden_layers = 24, 3
    transformers.BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    probed = probe([tiny, fetch_model(str(folder))], sentences, embedding=CPU)
    assert [m.layer for m in probed.measures if not m.a] == [2, 3]
    assert len(probed.differences) == 1
    with pytest.raises(ModelError, match="has no layer 3. Its layers are 0 .* to 2"):
        probe([tiny], sentences, layers=(3,), embedding=CPU)


def test_models_that_say_nothing_are_told(sentences, tiny, tmp_path):  # noqa: F811
    from safetensors.torch import load_file, save_file

    for name, change, what in (
        ("nan", lambda w: torch.full_like(w, float("nan")), "no finite numbers for sentence"),
        ("flat", torch.zeros_like, "en: All sentences have the same embedding"),
    ):
        folder = shutil.copytree(tiny.folder, tmp_path / name)
        weights = load_file(folder / "model.safetensors")
        save_file({k: change(w) for k, w in weights.items()}, folder / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises((ModelError, DataError), match=what):
            probe([fetch_model(str(folder))], sentences, embedding=CPU)


def test_what_was_measured_is_stored_and_measured_again_takes_its_place(sentences, tiny, own_store):  # noqa: F811
    probed = probe([tiny], sentences, metrics=("cka", "langid"), embedding=CPU)
    with open_store(own_store, write=True) as store:
        for _ in range(2):
            save_probes(store, stored_probes(probed))
        save_probes(store, stored_probes(probe([tiny], sentences, options=ProbeOptions(debiased=False), embedding=CPU)))
        probes = read_probes(store)
        rows = [row for row in probes if row.metric == "cka"]
        assert (len(rows), len(probes)) == (8, 13)  # four of them of shuffled sentences
    row = next(row for row in rows if (row.a, row.b, row.pooling) == ("deu", "eng", "mean, debiased"))
    measured = next(m for m in probed.measures if {m.a, m.b} == {EN, DE} and m.metric == "cka")
    assert (row.value, row.low, row.high, row.n) == (measured.value, measured.low, measured.high, 38)
    assert (row.corpus, row.languages, row.layer) == ("lines", ("deu", "eng", "fra"), 2)


def test_what_cannot_be_is_told(lines, moods, tiny, sentences, home):  # noqa: F811
    with pytest.raises(UsageError, match="name two or more"):
        aligned_sentences(lines, (EN,), "test")
    with pytest.raises(UsageError, match="wikiann has no sentences that are translations"):
        aligned_sentences(find_task("wikiann"), (EN, DE), "test")
    with pytest.raises(UnknownNameError, match="no metric of a probe 'ckb'. Did you mean cka"):
        probe([tiny], sentences, metrics=("ckb",))
    with pytest.raises(UsageError, match="There is no model"):
        probe([], sentences)
    (home / "lines" / "de.jsonl").write_text('{"id": "x1", "text": "a"}\n{"id": "x2", "text": "b"}\n')
    with pytest.raises(DataError, match="No sentence of lines test is in all of en, de"):
        aligned_sentences(lines, (EN, DE), "test")
