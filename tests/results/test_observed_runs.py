"""Stored runs become shares, scores and draws of one grid; made runs whose numbers a reader can work out."""

import numpy as np
import pytest
from made_runs import PAPER, even, made_record, save_runs

from mslt_cli.errors import DataError, MissingFactsError, UnknownNameError, UsageError
from mslt_cli.results.kinship import typological_similarity
from mslt_cli.results.observations import RunsAsked, find_observations
from mslt_cli.store.db import open_store
from mslt_cli.store.results import fill_results


def observed(path, *records, languages=(), **asked):
    save_runs(path, records)
    with open_store(path) as store:
        return find_observations(store, RunsAsked(**asked), languages)


def test_runs_become_shares_scores_and_draws_of_all_languages(own_store):
    found = observed(
        own_store,
        made_record(("deu", "eng"), even(0.6), seed=1),
        made_record(("eng",), even(0.5)),
        made_record(("deu", "eng"), even(0.7)),
        languages=("ind", "eng"),
    )
    made = found.observations
    assert made.languages == ("deu", "eng", "ind")
    assert made.targets == ("fin", "hin", "swa", "tur")
    assert made.shares.tolist() == [[0, 1, 0], [0.5, 0.5, 0], [0.5, 0.5, 0]]
    assert made.scores.mean(axis=1) == pytest.approx([0.5, 0.7, 0.6])
    assert made.draws == ((0, 0, 300), (0, 0, 300), (1, 1, 300))
    # Each interval is 0.1 wide: a standard error of 0.05 / 1.96.
    assert made.items == pytest.approx([(0.05 / 1.959964) ** 2] * 4)
    assert found.label == "xnli, e5-small"
    assert found.unknown == ()


def test_unequal_shares_are_taken_as_they_are_and_a_remainder_is_not(own_store):
    unequal = made_record(("deu", "eng"), even(0.6))
    unequal["identity"] |= {"shares": {"deu": 225, "eng": 75}, "unequal": True}
    made = observed(own_store, unequal, made_record(("deu", "eng", "fra"), even(0.5), examples=300)).observations
    assert made.shares == pytest.approx(np.array([[0.75, 0.25, 0], [1 / 3, 1 / 3, 1 / 3]]))


def test_of_a_repeated_run_the_newest_counts(own_store):
    older = made_record(("eng",), even(0.5), mslt="older")
    newer = made_record(("eng",), even(0.6)) | {"finished_at": "2026-12-01T10:00:00+00:00"}
    older["identity"]["settings"], newer["identity"]["settings"] = {"steps": 56}, {"steps": 56}
    made = observed(own_store, older, newer).observations
    assert made.scores.mean() == pytest.approx(0.6)


def test_own_runs_go_before_those_that_ship(own_store):
    fill_results(own_store)
    with open_store(own_store) as store:
        found = find_observations(store, RunsAsked())
        assert (found.about.task, found.about.origin, found.observations.shares.shape) == ("cldr", "shipped", (174, 7))
        kinds = "cldr with e5-small; sib200 with e5-small; wikiann with e5-small"
        assert any(f"there are {kinds}: choose with --task" in note for note in found.notes)
        assert any("taken are 174 runs of 300 examples; there are also" in note for note in found.notes)
        pool = find_observations(store, RunsAsked(examples=240)).observations
        assert len(pool.languages) == 24
        with pytest.raises(MissingFactsError, match="no own runs of cldr to foretell"):
            find_observations(store, RunsAsked("runs", "cldr"))
    found = observed(own_store, made_record(("eng",), even(0.5)))
    assert (found.about.task, found.about.origin) == ("xnli", "own")
    with open_store(own_store) as store:
        assert find_observations(store, RunsAsked(task="cldr")).about.origin == "shipped"


def test_own_runs_of_what_ships_too_are_taken(own_store):
    fill_results(own_store)
    found = observed(own_store, made_record(("eng",), even(0.5), task="cldr"), task="cldr", model="e5-small")
    assert (found.about.origin, len(found.runs)) == ("own", 1)
    found = observed(own_store, made_record(("deu",), even(0.5), task="cldr"), source="shipped", task="cldr")
    assert (found.about.origin, len(found.runs)) == ("shipped", 174)


def test_targets_that_some_runs_lack_are_left_out_and_said(own_store):
    short = {target: value for target, value in even(0.5).items() if target != "swa"}
    found = observed(own_store, made_record(("eng",), even(0.5)), made_record(("deu",), short))
    assert found.observations.targets == ("fin", "hin", "tur")
    assert found.notes == ("left out, for not all runs were evaluated on them: sw",)


def test_runs_of_different_recipes_are_refused_with_the_reason(own_store):
    records = [made_record(("eng",), even(0.5)), made_record(("deu",), even(0.5), learning_rate=1e-3)]
    with pytest.raises(UsageError, match=r"differ in learning_rate: .* Choose with --where learning_rate="):
        observed(own_store, *records)
    assert len(observed(own_store, where={"learning_rate": "1e-3"}).runs) == 1
    with pytest.raises(UnknownNameError, match="no setting of these runs 'colour'"):
        observed(own_store, where={"colour": "red"})


def test_runs_of_different_budgets_and_of_several_tasks_are_refused(own_store):
    with pytest.raises(UsageError, match="different budgets"):
        observed(own_store, made_record(("eng",), even(0.5)), made_record(("deu",), even(0.5), examples=600))
    assert len(observed(own_store, examples=600).runs) == 1
    with pytest.raises(MissingFactsError, match=r"of 900 examples .* --examples 900` trains each language alone"):
        observed(own_store, examples=900)
    with pytest.raises(UsageError, match=r"pawsx with e5-small; xnli with e5-small\. Choose with --task and --model"):
        observed(own_store, made_record(("eng",), even(0.5), task="pawsx"))
    with pytest.raises(UsageError, match="--source is 'mine'"):
        observed(own_store, source="mine")


def test_runs_without_a_common_target_are_refused(own_store):
    with pytest.raises(DataError, match="no target in common"):
        observed(own_store, made_record(("eng",), {"fin": 0.5}), made_record(("deu",), {"hin": 0.5}))


def test_the_similarity_is_a_kernel_and_relatives_are_nearer(own_store):
    codes = [*sorted(PAPER.values()), "zzz"]
    with open_store(own_store) as store:
        similarity, unknown = typological_similarity(store, codes)
    assert unknown == ("zzz",)
    assert similarity[-1].tolist() == [0] * 7 + [1]
    assert np.diag(similarity) == pytest.approx(1)
    assert (similarity == similarity.T).all()
    assert np.linalg.eigvalsh(similarity).min() > -1e-9
    spa, fra, zho = (codes.index(code) for code in ("spa", "fra", "zho"))
    assert similarity[spa, fra] > similarity[spa, zho] + 0.2
