import numpy as np
import pytest

from mslt_cli.evaluation.metrics import (
    accuracy_table,
    entities,
    entity_table,
    limits,
    macro,
    metric_value,
    score,
    wilson,
)

LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")


def test_accuracy_counts_rows_or_words_and_no_label_is_wrong():
    assert accuracy_table([0, 1, 2], [0, 2, -1]).tolist() == [[1, 1], [0, 1], [0, 1]]
    # Second sentence: the third word has no token.
    assert accuracy_table([[0, 1], [2, 2, 0]], [[0, 0], [2, 2, -1]]).tolist() == [[1, 2], [2, 3]]


def test_predictions_of_another_length_are_refused():
    with pytest.raises(ValueError, match="shorter"):
        accuracy_table([[0, 1]], [[0]])
    with pytest.raises(ValueError, match="2 tags and 1 predictions"):
        entity_table(LABELS, [[0, 1]], [[0]])


def test_an_entity_goes_on_while_its_kind_does():
    tags = ["B-PER", "I-PER", "O", "I-LOC", "I-LOC", "B-LOC", "I-PER"]
    # I-LOC after O begins one; B-LOC begins another; I-PER after LOC begins one as well.
    assert entities(tags) == {("PER", 0, 1), ("LOC", 3, 4), ("LOC", 5, 5), ("PER", 6, 6)}
    assert entities([]) == set()


def test_entities_of_other_schemes_are_told_by_their_ends():
    # Of BIOES: PER 0-1, PER 2, LOC 3, LOC 4-5. Of BILOU the same with L and U.
    bioes = ["B-PER", "E-PER", "S-PER", "S-LOC", "B-LOC", "E-LOC", "O"]
    expected = {("PER", 0, 1), ("PER", 2, 2), ("LOC", 3, 3), ("LOC", 4, 5)}
    assert entities(bioes) == expected
    assert entities([tag.replace("E-", "L-").replace("S-", "U-") for tag in bioes]) == expected


def test_entities_are_those_of_seqeval():
    seqeval = pytest.importorskip("seqeval.metrics.sequence_labeling")
    rng = np.random.default_rng(0)
    for _ in range(2000):
        tags = [LABELS[i] for i in rng.integers(0, 5, rng.integers(0, 12))]
        assert entities(tags) == {tuple(entity) for entity in seqeval.get_entities(tags)}, tags


def test_entity_f1_is_that_of_seqeval():
    f1_score = pytest.importorskip("seqeval.metrics").f1_score
    rng = np.random.default_rng(1)
    gold = [rng.integers(0, 5, n).tolist() for n in rng.integers(1, 15, 80)]
    predicted = [[tag if rng.random() < 0.7 else int(rng.integers(0, 5)) for tag in tags] for tags in gold]
    named = [[[LABELS[tag] for tag in tags] for tags in some] for some in (gold, predicted)]
    found = score("entity-f1", entity_table(LABELS, gold, predicted))
    assert found.value == pytest.approx(f1_score(*named))
    assert found.low < found.value < found.high


def test_f1_by_hand():
    # Gold PER 0-1 and LOC 3; predicted PER 0-1 and PER 3: one of two and two. F1 = 2·1 / (2 + 2).
    table = entity_table(LABELS, [[1, 2, 0, 3]], [[1, 2, 0, 1]])
    assert table.tolist() == [[1, 2, 2]]
    assert float(metric_value(table.sum(axis=0))) == 0.5
    # A word without a token says O.
    assert entity_table(LABELS, [[1, 2]], [[1, -1]]).tolist() == [[0, 1, 1]]
    assert float(metric_value(np.array([0, 0, 0]))) == 0.0


def test_wilson_by_hand():
    # 8 of 10, z² = 3.8415: centre (0.8 + 0.19207) / 1.38415 = 0.71674,
    # half 1.95996 / 1.38415 · √(0.016 + 0.0096036) = 1.41600 · 0.160012 = 0.22658.
    assert wilson(8, 10) == pytest.approx((0.49016, 0.94332), abs=2e-5)
    assert wilson(0, 5)[0] == 0.0
    assert wilson(5, 5)[1] == 1.0


def test_one_decision_a_row_has_wilson_s_interval_and_words_a_wider_one():
    rows = np.array([[1, 1]] * 8 + [[0, 1]] * 2)
    found = score("accuracy", rows)
    assert (found.low, found.high) == wilson(8, 10)
    assert found.counts == {"correct": 8, "n": 10}
    # Ten sentences of 20 words, all right or all wrong: no more is known than of ten rows.
    words = score("accuracy", rows * 20)
    assert words.value == 0.8
    assert words.high - words.low > 4 * np.subtract(*wilson(160, 200)[::-1]) / 2


def test_limits_by_hand():
    # Sentences with 4 of 4, 4 of 4 and 1 of 4 words right: 9 of 12. Half a sentence that is right and half of one that
    # is wrong make 11 of 16, 0.6875. Squares: 2 · 1.25² + 1.75² + 2² · (0.3125² + 0.6875²) = 8.46875; times 3/2 and
    # over 16 · 0.6875 · 0.3125 they are 3.695 times those of independent words, so 12 words count as 3.2472.
    # Student's t of two sentences to spare is 4.30265.
    assert limits(np.array([[4, 4], [4, 4], [1, 4]])) == pytest.approx(wilson(0.75 * 3.2472, 3.2472, 4.30265), abs=1e-4)


def test_words_that_are_all_right_are_known_as_far_as_their_sentences_allow():
    # Ten sentences, t = 2.2622: 10 / (10 + t²) = 0.6615, as of ten words; of one sentence nothing is known.
    assert limits(np.array([[20, 20]] * 10)) == (pytest.approx(0.6615, abs=1e-4), 1.0)
    assert limits(np.array([[0, 20]] * 10)) == (0.0, pytest.approx(0.3385, abs=1e-4))
    assert limits(np.array([[20, 20]])) == limits(np.array([[0, 0]] * 5)) == (0.0, 1.0)
    # Entities: ten sentences of two each, all found, beside ninety without one.
    entity = np.array([[2, 2, 2]] * 10 + [[0, 0, 0]] * 90)
    assert score("entity-f1", entity).low == pytest.approx(0.6615, abs=1e-4)


@pytest.mark.parametrize("sentences", [5, 15, 60])
@pytest.mark.parametrize("true", [0.6, 0.9, 0.99])
def test_intervals_of_words_hold_the_true_value(sentences, true):
    """Sentences of about twelve words differ in how hard they are; a bootstrap of five holds 0.99 in a third."""
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(200):
        words = 1 + rng.poisson(11, sentences)
        right = rng.binomial(words, rng.beta(4 * true, 4 * (1 - true), sentences))
        low, high = limits(np.stack([right, words], axis=1))
        held += low <= true <= high
    assert held >= 184  # 95 % of 200 is 190


@pytest.mark.parametrize("sentences", [6, 20, 100])
@pytest.mark.parametrize("found", [0.6, 0.98])
def test_intervals_of_entity_f1_hold_the_true_value(sentences, found):
    """Sentences have up to four entities. A model finds a share of them, and some that are none."""
    rng = np.random.default_rng(5)

    def draw(n):
        gold = rng.integers(0, 5, n)
        hits = rng.binomial(gold, rng.beta(6 * found, 6 * (1 - found), n))
        return np.stack([hits, hits + rng.binomial(gold, (1 - found) / 2), gold], axis=1)

    true = float(metric_value(draw(400_000).sum(axis=0)))
    held = sum(low <= true <= high for low, high in (limits(draw(sentences)) for _ in range(200)))
    assert held >= 184


@pytest.mark.parametrize(("true", "together"), [(0.5, 0.0), (0.5, 0.8), (0.9, 0.8), (0.98, 0.8)])
def test_intervals_of_rows_that_share_a_text_hold_the_true_value(true, together):
    """Forty premises with three hypotheses each; a share of them is judged alike in all three."""
    rng = np.random.default_rng(9)
    items, held, alone = np.repeat(np.arange(40), 3).tolist(), 0, 0
    for _ in range(200):
        right = np.where(rng.random((40, 1)) < together, rng.random((40, 1)), rng.random((40, 3))) < true
        table = np.stack([right.ravel(), np.ones(120, bool)], axis=1).astype(np.int64)
        found, rows = score("accuracy", table, items=items), score("accuracy", table)
        held += found.low <= true <= found.high
        alone += rows.low <= true <= rows.high
        assert (found.value, found.rows) == (rows.value, 120)
    assert held >= 184
    assert not together or alone < 176  # as rows on their own


def test_no_rows_are_refused():
    with pytest.raises(ValueError, match="no rows"):
        score("accuracy", np.empty((0, 2), np.int64))


def test_the_macro_mean_gives_each_target_the_same_weight():
    # 1 of 2 and 90 of 100: (0.5 + 0.9) / 2.
    tables = {"a": np.array([[1, 1], [0, 1]]), "b": np.array([[90, 100]])}
    found = macro("accuracy", tables)
    assert found.value == pytest.approx(0.7)
    assert found.targets == 2


def test_rows_of_one_item_err_together():
    # Two targets that are translations and judged alike are no more evidence than one.
    rows = np.stack([np.arange(40) % 2, np.ones(40, np.int64)], axis=1)
    ids = [f"item{i}" for i in range(40)]
    alone = score("accuracy", rows)
    paired = macro("accuracy", {"a": rows, "b": rows[::-1]}, items={"a": ids, "b": ids[::-1]})
    apart = macro("accuracy", {"a": rows, "b": rows})
    assert (paired.low, paired.high) == pytest.approx((alone.low, alone.high))
    assert apart.high - apart.low == pytest.approx((alone.high - alone.low) / np.sqrt(2))


def test_items_of_one_target_alone_do_not_make_two_targets_err_together():
    rows = np.stack([np.arange(40) % 2, np.ones(40, np.int64)], axis=1)
    apart = macro("accuracy", {"a": rows, "b": rows})
    named = macro("accuracy", dict.fromkeys("ab", rows), items={t: [f"{t}{i}" for i in range(40)] for t in "ab"})
    assert (named.low, named.high) == pytest.approx((apart.low, apart.high))


def test_a_mean_of_perfect_scores_is_no_surer_than_its_parts():
    # 35 of 35: Wilson's lower limit is 35 / (35 + z²) = 0.9011. Four independent targets halve what is below 1.
    rows = np.ones((35, 2), np.int64)
    ids = [f"item{i}" for i in range(35)]
    tables = dict.fromkeys("abcd", rows)
    assert macro("accuracy", tables, items=dict.fromkeys("abcd", ids)).low == pytest.approx(0.9011, abs=1e-4)
    assert macro("accuracy", tables).low == pytest.approx(1 - 0.0989 / 2, abs=1e-4)
    assert macro("accuracy", tables).high == 1


@pytest.mark.parametrize("true", [0.02, 0.4, 0.8, 0.98])
@pytest.mark.parametrize("together", [0.0, 0.5, 1.0])
def test_intervals_of_means_hold_the_true_mean(true, together):
    """Five targets of 60 items; a share of the items is judged alike in all of them."""
    rng = np.random.default_rng(7)
    items = [f"item{i}" for i in range(60)]
    ids = {"a": items, "b": items, "c": items, "d": items, "e": items}
    held = 0
    for _ in range(200):
        common, own = rng.random(60), rng.random((5, 60))
        right = np.where(rng.random(60) < together, common, own) < true
        tables = {
            name: np.stack([row, np.ones(60)], axis=1).astype(int) for name, row in zip("abcde", right, strict=True)
        }
        found = macro("accuracy", tables, items=ids)
        held += found.low <= true <= found.high
    assert held >= 180  # of 200; a bootstrap over items holds 70 to 75 % at the ends where items agree
