"""`nn-rank`, `overlap` and `word-overlap`: how near sources are to targets, by hand and by slow twins."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from mslt_cli.criteria.nn_rank import mean_nearest
from mslt_cli.criteria.overlap import overlaps
from mslt_cli.criteria.request import Measured
from mslt_cli.errors import MissingFactsError, UsageError
from mslt_cli.explanation import explain_best
from mslt_cli.measuring.word_types import as_word, word_types
from mslt_cli.reports.criteria_choices import ChoiceSetting, choice_notes, choose
from mslt_cli.selection import select
from mslt_cli.show.selections import selection_as_dict, summarize
from mslt_cli.store.db import open_store
from mslt_cli.store.measured import Embedding, MeasuredSet, Vocabulary, save_embeddings, save_vocabulary
from mslt_cli.store.samples import (
    SentenceSample,
    WordTypes,
    read_samples,
    read_words,
    save_samples,
    save_words,
)

# id shares two of four token ids with en (2·2/8), one with zh (2·1/8), which is <unk> (5), and none with de.
IDS = {"eng": [0, 1, 2, 3], "deu": [2, 3, 4], "zho": [5, 6, 7, 8], "ind": [0, 1, 5, 9], "swa": [9]}
WORDS = {"eng": ["internet"], "deu": ["internet", "haus"], "zho": ["互联网"], "ind": ["internet", "rumah"], "swa": []}
# Two sentences each, which are translations: a and b. Of de only the first is kept.
SENTENCES = {"eng": [(1, 0), (0.6, 0.8)], "zho": [(0, 1), (1, 0)], "ind": [(1, 0), (0, 1)], "deu": [(1, 0)]}
CHOSEN = MeasuredSet("tiny", "pud", "test", 0, 4, "", True, 1)


def sample(rows, ids=""):
    return SentenceSample(tuple(ids[: len(rows)]), np.array(rows, dtype=np.float32))


def keep(store, language, rows, ids="ab", weights="w1"):
    embedding = Embedding(CHOSEN, 1, language, weights, "d", 9, np.ones(2, dtype=np.float32), "0", "now")
    save_embeddings(store, [embedding, embedding._replace(layer=0)])
    save_samples(store, CHOSEN, language, {1: sample(rows, ids)})


def keep_types(store, language, ids, words, unknown=5, characters=30):
    seen = np.zeros(10, dtype=bool)
    seen[ids] = True
    bits = np.packbits(seen)
    row = Vocabulary(
        "tiny", "cldr", "train", language, "t1", "d", 0, 5, 5, 5, characters, 12, 0, len(ids), bits, "0", "now"
    )
    save_vocabulary(store, row)
    save_words(store, row, WordTypes(unknown, word_types([words])))


@pytest.fixture(scope="module")
def measured(filled_store, tmp_path_factory):
    """Path of a store, for tests that only read it."""
    path = Path(shutil.copy(filled_store, tmp_path_factory.mktemp("measured") / "store.db"))
    with open_store(path, write=True) as store:
        for language, rows in SENTENCES.items():
            keep(store, language, rows)
        for language, ids in IDS.items():
            keep_types(store, language, ids, WORDS[language])
    return path


@pytest.fixture
def store(measured):
    with open_store(measured) as opened:
        yield opened


@pytest.fixture
def writable(measured, tmp_path):
    with open_store(Path(shutil.copy(measured, tmp_path / "store.db")), write=True) as opened:
        yield opened


def scores(found, name):
    return {row.languages: pytest.approx(row.scores[name], abs=1e-3) for row in found.results}


def test_a_sentence_is_as_near_as_the_nearest_that_is_not_its_translation():
    target, source = sample(SENTENCES["ind"]), sample(SENTENCES["eng"])
    assert mean_nearest(target, source) == pytest.approx((1 + 0.8) / 2)
    target, source = sample(SENTENCES["ind"], "ab"), sample(SENTENCES["eng"], "ab")
    assert mean_nearest(target, source) == pytest.approx((0.6 + 0) / 2)
    one = sample(SENTENCES["eng"][:1], "a")
    assert mean_nearest(target, one) == pytest.approx(0)  # of the second sentence alone
    assert np.isnan(mean_nearest(one, one))


@pytest.mark.parametrize("seed", range(5))
def test_the_nearest_are_those_of_a_loop_over_all_pairs(seed):
    rng = np.random.default_rng(seed)
    rows = [rng.normal(size=(n, 3)) for n in (4, 6)]
    rows = [own / np.linalg.norm(own, axis=1, keepdims=True) for own in rows]
    target, source = sample(rows[0], "abcd"), sample(rows[1], "cdefgh")
    best = [
        max(float(x @ y) for y, j in zip(source.vectors, source.ids, strict=True) if i != j)
        for x, i in zip(target.vectors, target.ids, strict=True)
    ]
    assert mean_nearest(target, source) == pytest.approx(np.mean(best), abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_overlaps_are_those_of_sets(seed):
    rng = np.random.default_rng(seed)
    types = [
        set(rng.integers(0, 2**63, 40).tolist()[: rng.integers(1, 9)]) | {7, int(rng.integers(3))} for _ in "12345"
    ]
    found = overlaps(*([np.array(sorted(own), dtype=np.uint64) for own in part] for part in (types[:3], types[3:])))
    expected = [[2 * len(a & b) / (len(a) + len(b)) for b in types[3:]] for a in types[:3]]
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        ("«Haus»,", "haus"),
        ("2020", ""),
        ("—", ""),
        ("", ""),
        ("हिन्दी।", "हिन्दी"),
        ("E\u0301te\u0301", "\u00e9t\u00e9"),
        ("B2B", "b2b"),
    ],
)
def test_a_word_has_a_letter_and_no_marks_at_its_ends(raw, word):
    assert as_word(raw) == word


def test_words_are_counted_once_however_they_are_written():
    assert word_types(["Das Haus.", "das haus 7"]).tolist() == word_types([["haus", "das"]]).tolist()
    assert len(word_types(["Das Haus."])) == 2


def test_sources_are_ranked_by_the_nearest_of_each_target(store):
    found = select(store, "en,de,zh", 1, by=["nn-rank"], target="id")
    # zh: of a the other is (1, 0), of b it is (0, 1). de keeps a alone, which is no neighbour of a, and 0 to b.
    assert scores(found, "nn-rank") == {("zh",): 1, ("en",): 0.3, ("de",): 0}
    assert found.results[0].toward["nn-rank"]["id"].nearest == "zh"
    assert (
        found.evidence[0].provenance
        == "layer 1 of tiny on 1 to 2 sentences a language of pud test, translations left out"
    )
    assert summarize(found)[1] == "→ target: nn-rank with the nearest source."
    pairs = select(store, "en,de,zh", 2, by=["nn-rank"], target="id")
    assert scores(pairs, "nn-rank") == {("en", "zh"): 1, ("de", "zh"): 1, ("de", "en"): 0.3}
    assert select(store, "en,de", 1, by=["nn-rank"], target="id").results[0].scores == found.results[1].scores


def test_overlap_is_of_sub_words_without_the_unknown_one_and_word_overlap_of_words(store):
    found = select(store, "en,de,zh", 1, by=["overlap", "word-overlap"], target="id")
    # id has {0, 1, 9} beside <unk>: 2·2/(4+3) with en; words: {internet} and {internet, rumah} share 2·1/(1+2)
    assert scores(found, "overlap") == {("en",): 4 / 7, ("de",): 0, ("zh",): 0}
    assert scores(found, "word-overlap") == {("en",): 2 / 3, ("de",): 2 / 4, ("zh",): 0}
    assert "vocabulary of tiny on cldr train (5 rows a language" in found.evidence[0].provenance


def test_several_targets_weigh_alike_and_each_has_its_nearest_source(store):
    found = select(store, "en,de,zh", 2, by=["overlap"], target="id,sw")
    # sw has one token id, 9, which no source has
    assert found.results[0].scores["overlap"] == pytest.approx((4 / 7 + 0) / 2)
    assert selection_as_dict(found)["results"][0]["toward"]["overlap"]["id"] == {"value": 0.571428571, "nearest": "en"}
    explained = explain_best(found)
    assert explained.similarities == {} and [more.adds for more in explained.one_more] == [0]


def test_text_without_blanks_is_said_to_hide_its_words(writable):
    keep_types(writable, "zho", IDS["zho"], WORDS["zho"], characters=31)  # of 5 words
    found = select(writable, "en,zh", 1, by=["word-overlap"], target="id")
    assert found.evidence[0].provenance.endswith(
        "; zh write no blanks between words, so that little of their overlap is seen"
    )


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"by": ["nn-rank"]}, UsageError, "nn-rank says how near sources are to targets, and none is named"),
        ({"by": ["overlap"]}, UsageError, "overlap says how near sources are to targets, and none is named"),
        ({"by": ["nn-rank"], "target": "id", "cover_share": 0.5}, UsageError, "nn-rank has no distances"),
        ({"by": ["nn-rank"], "target": "ko"}, MissingFactsError, "Korean (ko) of --target has no sentence vectors of"),
        ({"by": ["overlap"], "target": "ko"}, MissingFactsError, "Korean (ko) of --target has no sub-words of tiny"),
        ({"by": ["word-overlap"], "target": "sw"}, MissingFactsError, "Swahili (sw) of --target has no words of tiny"),
        ({"by": ["nn-rank"], "target": "de", "pool": "en,zh"}, None, ""),
        ({"by": ["nn-rank"], "target": "id", "pool": "en,fr"}, MissingFactsError, "mslt fetch embeddings --model tiny"),
    ],
)
def test_what_cannot_be_done_is_said(store, arguments, error, says):
    given = {"pool": "en,de,zh", "k": 1} | arguments
    if error is None:
        assert select(store, **given).results
        return
    with pytest.raises(error) as raised:
        select(store, **given)
    assert says in str(raised.value)


def test_sentences_that_are_all_translations_are_refused(writable):
    keep(writable, "ind", [(1, 0)])
    with pytest.raises(MissingFactsError, match="All sentences that are kept of de are translations of those of id"):
        select(writable, "de,en", 1, by=["nn-rank"], target="id")


def test_two_versions_of_a_model_are_not_compared(writable):
    keep(writable, "ind", SENTENCES["ind"], weights="w2")
    with pytest.raises(MissingFactsError, match="two versions of the model"):
        select(writable, "de,en", 1, by=["nn-rank"], target="id")


def test_a_named_pool_leaves_out_what_was_not_measured(store):
    found = select(store, "xlm-r", 1, by=["nn-rank"], target="id")
    assert sorted(row.languages for row in found.results) == [("de",), ("en",), ("zh",)]
    assert any("languages with no sentence vectors of tiny on pud" in note for note in found.notes)


def test_what_is_measured_again_takes_its_sample_with_it(writable):
    # an older mslt replaces the row and knows nothing of samples
    embedding = Embedding(CHOSEN, 1, "eng", "w9", "d", 9, np.ones(2, dtype=np.float32), "0", "now")
    save_embeddings(writable, [embedding])
    assert sorted(read_samples(writable, CHOSEN, 1)) == ["deu", "ind", "zho"]
    vocabularies = MeasuredSet("tiny", "cldr", "train", 0, 5)
    keep_types(writable, "eng", [1], ["a"])
    assert len(read_words(writable, vocabularies)["eng"].words) == 1
    bits = np.packbits(np.ones(10, dtype=bool))
    row = Vocabulary("tiny", "cldr", "train", "eng", "t1", "d", 0, 5, 5, 5, 30, 12, 0, 10, bits, "0", "now")
    save_vocabulary(writable, row)
    assert "eng" not in read_words(writable, vocabularies)


def test_a_store_without_samples_says_how_to_get_them(own_store):
    with open_store(own_store, write=True) as store:
        embedding = Embedding(CHOSEN, 1, "eng", "w", "d", 9, np.ones(2, dtype=np.float32), "0", "now")
        save_embeddings(store, [embedding, embedding._replace(iso639_3="ind")])
        with pytest.raises(MissingFactsError, match="no sentence vectors of tiny on pud .`mslt fetch embeddings"):
            select(store, "en", 1, by=["nn-rank"], target="id")
        with pytest.raises(MissingFactsError, match="No vocabularies on xnli are stored. Run `mslt fetch vocab"):
            select(store, "en", 1, by=["overlap"], target="id", measured=Measured(task="xnli"))


def test_a_report_asks_for_the_nearness_to_the_targets_of_its_runs(store):
    setting = ChoiceSetting(1, ("deu", "eng", "zho"), (), "tiny", "cldr", ("ind",))
    choices = {choice.criterion: choice for choice in choose(store, setting, {"deu": "de", "eng": "en", "zho": "zh"})}
    assert {x: pytest.approx(v, abs=1e-3) for x, v in choices["nn-rank"].values.items()} == {
        ("deu",): 0,
        ("eng",): 0.3,
        ("zho",): 1,
    }
    assert choices["overlap"].most == (("eng",),)
    unknown = choose(store, setting._replace(targets=("kor",)), {})
    notes = "\n".join(choice_notes(unknown))
    assert "nn-rank is left out: Korean (kor) of --target has no sentence vectors" in notes
    assert "\noverlap is left out: Korean (kor) of --target has no sub-words" in notes


@pytest.mark.parametrize("by", ["nn-rank", "overlap", "word-overlap"])
def test_what_only_distances_have_is_said_to_have_no_effect(store, by):
    plain = select(store, "en,zh", 1, by=[by], target="id")
    given = select(store, "en,zh", 1, by=[by], target="id", objective="diverse", maximize="min")
    assert {*given.notes} - {*plain.notes} == {
        "--objective diverse has no effect: none of these criteria says how different sources are.",
        "--maximize min has no effect: none of these criteria reads distances.",
    }
    beside = select(store, "en,zh", 1, by=["l2v-syntax", by], target="id", objective="diverse", maximize="min")
    assert not any("has no effect" in said for said in beside.notes)
