"""`select` with targets, vocabularies and embeddings: hand-worked numbers on a store that holds few of them."""

import numpy as np
import pytest

from mslt_cli.criteria.request import Measured
from mslt_cli.errors import MissingFactsError, UnknownNameError, UsageError
from mslt_cli.explanation import explain_best
from mslt_cli.selection import select
from mslt_cli.show.selections import summarize
from mslt_cli.store.db import open_store
from mslt_cli.store.measured import Embedding, MeasuredSet, Vocabulary, save_embeddings, save_vocabulary

# Token ids 0..9: en and de share two, zh has its own; id is what en and zh have, and one more.
IDS = {"eng": [0, 1, 2, 3], "deu": [2, 3, 4], "zho": [5, 6, 7, 8], "ind": [0, 1, 5, 9]}
# Unit vectors: cosine of id with en 0.8, with zh 0.6, with de 0.8 · 0.5 + 0.6 · √3/2.
VECTORS = {"eng": (1, 0), "deu": (0.5, 3**0.5 / 2), "zho": (0, 1), "ind": (0.8, 0.6)}
ID_DE = 0.4 + 0.3 * 3**0.5


OF_TEST, WITH_PREFIX = Measured(split="test"), Measured(prefix="query: ")
XLM_R_BASE = Measured(model="xlm-r-base")


def vocabulary(iso, ids, model="tiny", task="cldr", split="train", tokenizer="t1", limit=0):
    seen = np.zeros(10, dtype=bool)
    seen[ids] = True
    return Vocabulary(
        model, task, split, iso, tokenizer, "d", limit, 5, 5, 9, 30, 12, 0, len(ids), np.packbits(seen), "0", "now"
    )


def embeddings(iso, vector, model="tiny", corpus="pud", weights="w1", prefix="", limit=0):
    chosen = MeasuredSet(model, corpus, "test", limit, 4, prefix, True, 1)
    return [
        Embedding(chosen, layer, iso, weights, "d", 5, np.array(rows, dtype=np.float32), "0", "now")
        for layer, rows in ((0, vector[::-1]), (1, vector))
    ]


@pytest.fixture
def measured(own_store):
    with open_store(own_store, write=True) as store:
        for iso, ids in IDS.items():
            save_vocabulary(store, vocabulary(iso, ids))
        save_embeddings(store, [row for iso, vector in VECTORS.items() for row in embeddings(iso, vector)])
    with open_store(own_store) as store:
        yield store


@pytest.fixture
def writable(own_store, measured):
    with open_store(own_store, write=True) as store:
        yield store


def test_coverage_is_the_share_of_the_pools_tokens(measured):
    found = select(measured, "en,de,zh", 2, by=["vocab"])
    # All three have 9 ids (0..8). en+zh: 8 of 9; de+zh: 7; de+en: 5.
    assert [(r.languages, r.scores["vocab"]) for r in found.results] == [
        (("en", "zh"), 8 / 9),
        (("de", "zh"), 7 / 9),
        (("de", "en"), 5 / 9),
    ]
    assert "vocabulary of tiny on cldr train" in found.evidence[0].provenance


def test_the_pool_is_what_coverage_is_a_share_of(measured):
    assert select(measured, "en,de", 1, by=["vocab"]).results[0].scores == {"vocab": 4 / 5}


def test_targets_show_how_much_of_their_vocabulary_is_covered(measured):
    found = select(measured, "en,de,zh", 2, by=["vocab"], target="id")
    # id has 0 1 5 9. en+zh have 0, 1, 5; de+zh 5; de+en 0, 1.
    assert [r.toward["vocab"]["id"].value for r in found.results] == [3 / 4, 1 / 4, 2 / 4]
    assert found.results[0].scores["vocab"] == 8 / 9


def test_covering_the_targets_vocabulary_ranks_by_their_mean(measured):
    found = select(measured, "en,de", 1, by=["vocab"], target="id,zh", objective="cover")
    # en has half of id and nothing of zh: 1/4; de nothing of either.
    assert [(r.languages, r.scores["vocab"]) for r in found.results] == [(("en",), 0.25), (("de",), 0.0)]


def test_embeddings_rank_by_their_angles(measured):
    found = select(measured, "en,de,zh", 2, by=["embedding"])
    # 1 - cos: en-zh 1 - 0 = 1, de-en 1 - 1/2, de-zh 1 - sqrt(3)/2
    assert [r.languages for r in found.results] == [("en", "zh"), ("de", "en"), ("de", "zh")]
    assert [r.scores["embedding"] for r in found.results] == pytest.approx([1, 0.5, 1 - 3**0.5 / 2], abs=1e-7)


def test_the_layer_that_is_asked_for_is_read(measured):
    # Layer 0 holds the vectors with their coordinates exchanged, so angles stay; the provenance says which it was.
    found = select(measured, "en,de,zh", 2, by=["embedding"], measured=Measured(layer=0))
    assert "layer 0 of tiny on pud" in found.evidence[0].provenance
    with pytest.raises(UsageError, match="--layer is 2; tiny has layers 0"):
        select(measured, "en,de,zh", 2, by=["embedding"], measured=Measured(layer=2))


def test_the_nearest_source_of_each_target_is_named(measured):
    found = select(measured, "en,de,zh", 1, by=["embedding"], target="id", objective="cover")
    assert [r.languages for r in found.results] == [("de",), ("en",), ("zh",)]
    assert [r.scores["embedding"] for r in found.results] == pytest.approx([ID_DE, 0.8, 0.6], abs=1e-7)
    pairs = select(measured, "en,de,zh", 2, by=["embedding"], target="id", objective="cover").results
    assert [(r.languages, r.toward["embedding"]["id"].nearest) for r in pairs] == [
        (("de", "en"), "de"),
        (("de", "zh"), "de"),
        (("en", "zh"), "en"),
    ]


def test_lambda_mixes_mean_distance_and_nearness(measured):
    found = select(measured, "en,de,zh", 2, by=["embedding"], target="id", cover_share=0.25)
    value = {r.languages: r.scores["embedding"] for r in found.results}
    # 0.75 · distance + 0.25 · nearness
    assert value["en", "zh"] == pytest.approx(0.75 * 1 + 0.25 * 0.8, abs=1e-7)
    assert value["de", "en"] == pytest.approx(0.75 * 0.5 + 0.25 * ID_DE, abs=1e-7)


def test_cover_by_typology_agrees_with_a_slow_twin(measured):
    from itertools import combinations

    from mslt_cli.store.language_vectors import read_vectors

    pool, targets = ["ara", "deu", "eng", "fra", "rus", "spa", "zho"], ["ind", "kor", "tur"]
    found = select(measured, "ar,de,en,fr,ru,es,zh", 3, target="id,ko,tr", objective="cover", top=35)
    vectors = read_vectors(measured, "syntax_knn", pool + targets).matrix.astype(float)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosine = dict(zip(pool, unit[:7] @ unit[7:].T, strict=True))
    slow = {
        frozenset(chosen): float(np.mean([max(cosine[c][t] for c in chosen) for t in range(3)]))
        for chosen in combinations(pool, 3)
    }
    code = {"ar": "ara", "de": "deu", "en": "eng", "fr": "fra", "ru": "rus", "es": "spa", "zh": "zho"}
    assert len(found.results) == 35
    for result in found.results:
        assert result.scores["l2v-syntax"] == pytest.approx(slow[frozenset(code[label] for label in result.languages)])


def test_own_distances_are_nearness_too(measured, tmp_path):
    file = tmp_path / "distances.csv"
    file.write_text("language,en,de,id\nen,0,0.4,0.3\nde,0.4,0,0.1\nid,0.3,0.1,0\n")
    found = select(measured, "en,de", 1, vectors=file, target="id", objective="cover")
    assert [(r.languages, round(r.scores["vectors"], 9)) for r in found.results] == [(("de",), 0.9), (("en",), 0.7)]


def test_a_target_leaves_the_named_pool_and_nothing_else(measured):
    found = select(measured, "paper", 2, target="zh")
    assert "zh" not in found.pool.labels
    assert found.notes == ("left the targets zh out of the pool.",)
    with pytest.raises(UsageError, match="zh cannot be source and target at once"):
        select(measured, "en,de,zh", 2, target="zh")


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"objective": "cover"}, UsageError, "Covering needs targets: --target id,ko"),
        ({"cover_share": 0.5}, UsageError, "Covering needs targets"),
        ({"target": "id", "cover_share": 1.5}, UsageError, "--lambda is 1.5; it has to be between 0"),
        ({"target": "id", "objective": "near"}, UsageError, "--objective is 'near'; it can be diverse, cover or mean"),
        ({"target": "id", "objective": "cover", "cover_share": 0.5}, UsageError, "leave --objective out"),
        ({"target": "id", "objective": "cover", "by": ["size"]}, UsageError, "size does not say how near"),
        ({"target": "id", "cover_share": 0.5, "by": ["vocab"]}, UsageError, "vocab has no distances"),
        ({"target": "id", "cover_share": 0.5, "maximize": "min"}, UsageError, "do not go together"),
        ({"target": "xx"}, UnknownNameError, "There is no language 'xx'"),
        ({"target": "eu", "by": ["l2v-family"]}, MissingFactsError, "Basque (eu) of --target has no known l2v-family"),
        ({"target": "ko", "by": ["vocab"]}, MissingFactsError, "Korean (ko) of --target has no vocabulary of tiny"),
        ({"by": ["vocab"], "pool": "en,fr,ru", "k": 1}, MissingFactsError, "mslt fetch vocab --model tiny --task cldr"),
        ({"by": ["vocab"], "task": "xnli"}, MissingFactsError, "No vocabularies on xnli are stored. Run `mslt fetch"),
        ({"by": ["embedding"], "corpus": "xnli"}, MissingFactsError, "No embeddings on xnli are stored."),
        ({"target": "id", "objective": "cover", "maximize": "min"}, UsageError, "--objective cover has none"),
        ({"pool": "cldr,en"}, UnknownNameError, "Did you mean task:cldr?"),
        ({"by": ["vocab"], "model": "bloom"}, UnknownNameError, "There is no model 'bloom'. Did you mean bloom"),
        ({"by": ["size"], "model": "e5-small"}, MissingFactsError, "What e5-small was trained on is not in our tables"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said(measured, arguments, error, says):
    which = Measured(**{name: arguments[name] for name in ("model", "task", "corpus") if name in arguments})
    others = {name: value for name, value in arguments.items() if not hasattr(which, name)}
    with pytest.raises(error) as raised:
        select(measured, **{"pool": "en,de,zh", "k": 2} | others, measured=which)
    assert says in str(raised.value)


def test_of_several_measurements_one_has_to_be_named(writable):
    for iso, ids in IDS.items():
        save_vocabulary(writable, vocabulary(iso, ids[:1], task="xnli"))
        save_embeddings(writable, embeddings(iso, VECTORS[iso], corpus="cldr"))
    with pytest.raises(UsageError, match="tiny on cldr train, tiny on xnli train. Say which: --model, --task"):
        select(writable, "en,de,zh", 2, by=["vocab"])
    with pytest.raises(UsageError, match="Say which: --model, --corpus"):
        select(writable, "en,de,zh", 2, by=["embedding"])
    found = select(writable, "en,de,zh", 2, by=["vocab", "embedding"], measured=Measured(task="xnli", corpus="cldr"))
    assert [r.scores["vocab"] for r in found.results] == [2 / 3] * 3  # one id each: 0, 2, 5
    assert "tiny on cldr" in found.evidence[1].provenance


def test_trials_stand_beside_the_real_measurement_and_can_be_asked_for(writable):
    for iso in IDS:
        save_vocabulary(writable, vocabulary(iso, [0], limit=3))
        save_vocabulary(writable, vocabulary(iso, [0, 1], split="test"))
        save_embeddings(writable, embeddings(iso, (1, 0), prefix="query: "))
    assert select(writable, "en,de,zh", 2, by=["vocab"]).results[0].scores["vocab"] == 8 / 9
    assert select(writable, "en,de,zh", 2, by=["vocab"], measured=Measured(limit=3)).results[0].scores["vocab"] == 1.0
    assert "cldr test" in select(writable, "en,de,zh", 2, by=["vocab"], measured=OF_TEST).evidence[0].provenance
    assert select(writable, "en,de,zh", 2, by=["embedding"]).results[0].scores["embedding"] == pytest.approx(1)
    assert (
        select(writable, "en,de,zh", 2, by=["embedding"], measured=Measured(prefix="query: "))
        .results[0]
        .scores["embedding"]
        == 0
    )
    with pytest.raises(MissingFactsError, match="--corpus pud --model e5-small --limit 9 --no-special-tokens"):
        select(writable, "en,de", 2, by=["embedding"], measured=Measured(corpus="pud", limit=9, special_tokens=False))


def test_the_split_that_is_trained_on_comes_before_others(writable):
    for iso in IDS:
        save_vocabulary(writable, vocabulary(iso, [0], split="test"))
    assert "cldr train" in select(writable, "en,de,zh", 2, by=["vocab"]).evidence[0].provenance


def test_measurements_of_two_versions_of_a_model_are_not_compared(writable):
    save_vocabulary(writable, vocabulary("deu", [0], tokenizer="t2"))
    with pytest.raises(MissingFactsError, match="two versions of the model"):
        select(writable, "en,de,zh", 2, by=["vocab"])
    save_embeddings(writable, embeddings("deu", VECTORS["deu"], weights="w2"))
    with pytest.raises(MissingFactsError, match="two versions of the model"):
        select(writable, "en,de,zh", 2, by=["embedding"])


def test_the_table_of_a_models_pretraining_is_found_by_the_models_name(measured):
    assert select(measured, "en,de,zh", 2, by=["size"], measured=XLM_R_BASE).evidence[0].provenance.endswith("of xlm-r")


def test_a_language_goes_before_a_task_of_the_same_name(measured):
    # ISO 639-3 has pud, Aput Punan, and there is a task of that name, whose pool is task:pud.
    assert select(measured, "pud,en,de", 3).results[0].names == ("German", "English", "Punan Aput")


def test_what_no_criterion_reads_is_said(measured):
    found = select(measured, "en,de,zh", 2, by=["size"], target="id", measured=Measured(task="cldr", layer=3))
    assert found.notes == (
        "--task has no effect: none of these criteria reads what models measured.",
        "--layer has no effect: none of these criteria reads what models measured.",
        "the targets are left out of the pool and no more: no criterion here says how near they are.",
    )


def test_the_explanation_says_what_each_language_brings_to_the_vocabulary(measured):
    why = explain_best(select(measured, "en,de,zh", 2, by=["vocab"]))
    # en 0 1 2 3 and zh 5 6 7 8 share nothing; together 8 of 9
    assert why.token_ids == {"vocab": [{"all": 4, "alone": 4}] * 2}
    assert why.share_of_maximum == {"vocab": 8 / 9}
    pair = explain_best(select(measured, "en,de", 2, by=["vocab"]))
    assert pair.token_ids == {"vocab": [{"all": 3, "alone": 1}, {"all": 4, "alone": 2}]}  # de 2 3 4, en 0 1 2 3


def test_a_stopped_search_over_vocabularies_says_what_greedy_guarantees(measured):
    from dataclasses import replace

    found = replace(select(measured, "en,de,zh", 2, by=["vocab"]), exact=False, proof="bound", gap=0.1)
    assert "no less than 1 − 1/e = 63.2 % of the largest" in summarize(found)[0]
