"""A search among combinations, with trainings whose scores follow from a known truth."""

import csv
import json
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from mslt_cli.data.splits import fetch_data
from mslt_cli.errors import MsltError, UsageError
from mslt_cli.models.find import fetch_model
from mslt_cli.results.outlook import grounds_of
from mslt_cli.runs.designs import plan_design
from mslt_cli.runs.directory import Run
from mslt_cli.runs.how import How
from mslt_cli.runs.plan import Experiment
from mslt_cli.runs.recipe import plan_recipe
from mslt_cli.runs.search_runs import search_combinations
from mslt_cli.runs.work import Outcome, Work
from mslt_cli.show.searches import search_as_dict, show_search
from mslt_cli.store.db import open_store
from mslt_cli.store.runs import find_runs
from mslt_cli.tasks import find_task
from mslt_cli.training.mixture import Sampling
from mslt_cli.training.settings import Settings

pytest.importorskip("torch")
POOL = ("ara", "deu", "eng", "fra", "rus", "spa", "zho")
TASK = """
name = "words"
kind = "sequence-classification"
path = "words/{lang}/{split}.csv"
languages = ["ar", "de", "en", "es", "fr", "ru", "zh", "fi", "tr"]
splits = ["train", "test"]
labels = ["happy", "sad"]
sources = ["ar", "de", "en", "es", "fr", "ru", "zh"]
targets = ["fi", "tr"]
"""


class Truth:
    """What combinations of the pool truly score, and trainings that score so but for the noise of runs."""

    def __init__(self, seed, language=0.09, pair=0.02, noise=0.004):
        rng = np.random.default_rng(seed)
        effects, pairs = rng.normal(0, language, 7), np.triu(rng.normal(0, pair, (7, 7)), 1)
        self.noise, self.trained = noise, []
        shares = {c: np.isin(POOL, c) / len(c) for k in (1, 2, 3) for c in combinations(POOL, k)}
        self.scores = {c: 0.6 + x @ effects + x @ pairs @ x for c, x in shares.items()}

    def lost(self, codes):
        """Points that choosing these of three costs."""
        chosen = tuple(sorted(find_task_language(code) for code in codes.split(",")))
        best = max(score for c, score in self.scores.items() if len(c) == len(chosen))
        return 100 * (best - self.scores[chosen])

    def carry_out(self, work, *, wait=False):
        """In the place of `Work.carry_out`: nothing is trained."""
        from mslt_cli.data.prepared import require_record

        spec, (evaluation,) = work.spec, work.evaluations
        rng = np.random.default_rng(int(spec.run_id, 16))
        value = self.scores[spec.sources] + rng.normal(0, self.noise)
        self.trained.append(spec.run_id)
        scores = [
            {
                **{"task": spec.task.variant, "split": evaluation.part, "scoring": "", "target": target},
                **{"metric": "accuracy", "value": value + offset, "low": value - 0.05, "high": value + 0.05},
                **{"counts": {}, "rows": 8, "unseen": True},
                "data_sha256": require_record(spec.task, target, evaluation.split).content_sha256,
            }
            for target, offset in zip(evaluation.targets, (-0.01, 0.01), strict=True)
        ]
        record = spec.description | {
            **{"environment": {"device": "cpu"}, "scores": scores, "wall_s": 1.0, "mslt_version": "0", "command": ""},
            "finished_at": f"2026-11-27T10:00:00.{len(self.trained):06d}",
        }
        return Outcome(Run(work.directory, record), "trained")


def find_task_language(code):
    return dict(zip(("ar", "de", "en", "fr", "ru", "es", "zh"), POOL, strict=True))[code]


@pytest.fixture
def words(home):
    """An experiment on a task of seven sources and two targets, for trainings that are not done."""
    (home / "words.toml").write_text(TASK)
    for lang in ("ar", "de", "en", "es", "fr", "ru", "zh", "fi", "tr"):
        folder = home / "words" / lang
        folder.mkdir(parents=True)
        for split, rows in (("train", 12), ("test", 8)):
            with (folder / f"{split}.csv").open("w", newline="") as file:
                csv.writer(file).writerows(
                    [
                        ["id", "text", "label"],
                        *([f"{lang}{split}{i}", f"good {i}", ["happy", "sad"][i % 2]] for i in range(rows)),
                    ]
                )
    task = find_task(str(home / "words.toml"))
    fetch_data(task)
    return task


@pytest.fixture
def search(own_store, home, words, tiny_folder, monkeypatch):
    """Searches among combinations with trainings of a truth."""
    model = fetch_model(str(tiny_folder))
    monkeypatch.setattr("mslt_cli.models.loading.check_loadable", lambda *_: None)
    monkeypatch.setattr("mslt_cli.runs.index.read_answers", lambda run: {})
    monkeypatch.setattr("mslt_cli.runs.plan.ensure_data", lambda *_, **given: None)  # it is there

    def start(truth, store=None, *, k=3, pool=POOL, runs_at_most=14, **given):
        monkeypatch.setattr(Work, "carry_out", lambda work, wait=False: truth.carry_out(work))
        fields = {name: given.pop(name) for name in ("seeds", "sampling", "targets", "processes") if name in given}
        experiment = Experiment(words, model, (), 12, settings=Settings(epochs=1, batch_size=4), **fields)
        given = {"root": home / "runs"} | given
        return search_combinations(store or own_store, experiment, pool, k, runs_at_most=runs_at_most, **given)

    return start


def as_dict(found):
    """What JSON has of it."""
    return search_as_dict(found, grounds_of(found.standing.model, len(found.standing.weighed[0])))


def fresh(filled_store, tmp_path, name):
    """A store of its own."""
    import shutil

    return shutil.copy(filled_store, tmp_path / f"{name}.db")


def test_it_finds_a_combination_near_the_best_with_a_third_of_the_runs(search, filled_store, tmp_path):
    lost, blind, runs = [], [], []
    for seed in range(3):
        truth = Truth(seed)
        found = search(truth, fresh(filled_store, tmp_path, seed), runs_at_most=12)
        lost.append(truth.lost(as_dict(found)["chosen"]))
        triples = [score for c, score in truth.scores.items() if len(c) == 3]
        blind.append(100 * (max(triples) - np.mean(triples)))
        runs.append(len(truth.trained))
    assert max(runs) <= 12
    assert np.mean(lost) < 0.5 and np.mean(blind) > 5, (lost, blind)


def test_combinations_that_are_equal_are_said_to_hardly_differ_and_end_it_early(search):
    truth = Truth(0, language=0, pair=0, noise=0.002)
    found = search(truth, runs_at_most=30)
    assert found.standing.reason == "alike" and len(truth.trained) < 25
    value = as_dict(found)
    assert value["any_behind"] <= 1 < value["any_behind_at_most"]


def test_it_goes_on_as_it_would_have_without_a_kill(search, filled_store, tmp_path):
    whole = Truth(1)
    found = search(whole, fresh(filled_store, tmp_path, "whole"))

    class Killed(Truth):
        def carry_out(self, work, *, wait=False):
            if len(self.trained) in self.stops:
                self.stops.remove(len(self.trained))
                raise KeyboardInterrupt
            return super().carry_out(work)

    killed, store = Killed(1), fresh(filled_store, tmp_path, "killed")
    killed.stops = [3, 10]
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            search(killed, store)
    again = search(killed, store)
    assert killed.trained == whole.trained
    first, second = as_dict(found), as_dict(again)
    assert second["combinations"] == first["combinations"]
    assert sum(run["new"] for run in second["runs"]) < sum(run["new"] for run in first["runs"])
    once_more = search(killed, store)  # all is done
    assert len(killed.trained) == len(whole.trained) and once_more.standing.reason == found.standing.reason


def test_runs_that_are_done_count_and_those_of_other_sizes_cost_nothing(search, own_store):
    truth = Truth(2)
    search(truth, k=2, runs_at_most=9)
    pairs = len(truth.trained)
    found = search(truth, runs_at_most=9, stop_within=0)
    assert found.standing.counted == len(truth.trained) - pairs <= 9
    assert len(found.standing.observed.runs) == len(truth.trained)


def test_several_runs_are_chosen_together(search):
    batches = []
    truth = Truth(3)
    from contextlib import nullcontext

    search(
        truth,
        at_once=2,
        stop_within=0,
        helped=lambda part: nullcontext(batches.append(sum(map(len, part.seeds.values())))),
    )
    assert sum(batches) == 14 == len(set(truth.trained)) and set(batches[:3]) == {2}


def test_what_it_says_can_be_read(search, capsys, heard):
    found = search(Truth(0), runs_at_most=12, progress=heard)
    assert "search for the best 3 of 7 languages: words with" in heard.notes[0]
    assert any(note.startswith("3 of at most 12 runs, the first 9 a design; next ") for note in heard.notes)
    assert any(" of at most 12 runs: best so far " in note for note in heard.notes)
    show_search(found, "table")
    said = " ".join(capsys.readouterr().out.split())
    value = as_dict(found)
    assert f"Choose {value['chosen']}. The search ended after {value['counted']} runs of at most 12" in said
    assert "mslt select --by runs --source runs --task" in said
    show_search(found, "json")
    shown = json.loads(capsys.readouterr().out)["search"]
    assert shown["combinations"][0]["languages"] == shown["chosen"] and len(shown["runs"]) == shown["counted"]
    assert shown["combinations"][0]["regret"] == min(row["regret"] for row in shown["combinations"])


def test_a_run_that_fails_ends_it_and_says_which(search, filled_store, tmp_path):
    truth = Truth(0)

    def fail(work):
        raise MsltError("The loss is not finite.")

    truth.carry_out = fail
    with pytest.raises(MsltError, match=r"The search stops, for MSLT\(.*\) seed 0 failed: The loss is not finite."):
        search(truth)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"runs_at_most": 3}, "--runs-at-most is 3, and at least 4 are needed"),
        ({"pool": POOL[:2]}, "-k is 3; the pool has 2 languages"),
        ({"pool": POOL[:3]}, "3 of 3 languages leave no choice"),
        ({"pool": POOL[:2], "k": 1}, "2 languages make 2 combinations of 1, too few"),
        ({"stop_within": float("nan")}, "--stop-within is nan"),
        ({"sampling": Sampling(split="sizes")}, "--split is for single combinations"),
        ({"processes": 2}, "Leave torchrun out"),
        ({"how": How(no_wait=True)}, "a search needs the scores of all its runs"),
        ({"targets": ("de", "fr")}, "No target is outside of the pool"),
    ],
    ids=str,
)
def test_what_cannot_be_searched_is_said_before_anything_is_trained(search, given, said):
    truth = Truth(0)
    with pytest.raises(UsageError) as caught:
        search(truth, **given)
    assert said in str(caught.value) and truth.trained == []


def test_runs_of_another_recipe_are_no_evidence(search, own_store, words, tiny_folder):
    truth = Truth(4)
    search(truth, runs_at_most=9, stop_within=0)
    other = Experiment(words, fetch_model(str(tiny_folder)), (), 11, settings=Settings(epochs=1, batch_size=4))
    assert plan_recipe(other, POOL, 3).find_done(own_store) is None
    same = replace(other, examples=12)
    assert len(plan_recipe(same, POOL, 3).find_done(own_store).runs) == 9
    assert plan_recipe(same, POOL[:6], 3).find_done(own_store).observations.languages == POOL[:6]
    with open_store(own_store) as store:
        assert len(find_runs(store, origin="own")) == 9


def test_a_design_counts_what_is_done_and_says_what_it_cannot_tell(search, own_store, words, tiny_folder):
    experiment = Experiment(words, fetch_model(str(tiny_folder)), (), 12, settings=Settings(epochs=1, batch_size=4))
    recipe = plan_recipe(experiment, POOL, 3)
    assert (
        "can't tell differences from noise: --design 8, or --seed 0,1,"
        in plan_design(own_store, recipe, (3,), 7).notes[0]
    )
    two = plan_design(own_store, recipe, (3,), 2)
    assert "of them is foretold what their relatives do" in two.notes[-1]
    search(Truth(4), runs_at_most=9, stop_within=0)
    design = plan_design(own_store, recipe, (3,), 12)
    assert sum(map(len, design.experiment.seeds.values())) == 12 == len(design.left)
    with open_store(own_store) as store:
        done = {(run.sources, run.seed) for run in find_runs(store, origin="own")}
    assert done <= set(design.left) and min(design.left.values()) == [*design.left.values()][-1]
    assert "9 runs are done, and --design is 5" in plan_design(own_store, recipe, (3,), 5).notes[0]
