"""From stored runs to what the model of scores is fitted to."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mslt_cli.errors import MissingFactsError, UsageError
from mslt_cli.foretelling.observations import Observations
from mslt_cli.inference.distributions import NORMAL
from mslt_cli.results.comparable import ComparableRuns, count_runs, find_comparable
from mslt_cli.results.evaluations import find_evaluations
from mslt_cli.results.kinship import typological_similarity
from mslt_cli.results.trained import draw_of
from mslt_cli.store.db import Store
from mslt_cli.store.languages import written_codes
from mslt_cli.store.runs import StoredEvaluation, StoredRun, StoredScore, find_runs, stored_evaluations, stored_scores
from mslt_cli.tasks import find_task

ORIGIN_OF = {"runs": "own", "shipped": "shipped"}
"""By source, as users name it: whose runs they are."""


class RunsAsked(NamedTuple):
    """Which runs a user means; None = all that there are."""

    source: str | None = None
    """"runs" or "shipped"; default: own ones where there are any of the task and model."""
    task: str | None = None
    model: str | None = None
    metric: str | None = None
    """Default: the task's own."""
    examples: int | None = None
    where: Mapping[str, str] = {}
    """Settings that the runs have: {"learning_rate": "1e-4"}."""


class RunsChosen(NamedTuple):
    """The comparable runs that a user means."""

    about: StoredEvaluation
    label: str
    """For people: "cldr, e5-small"."""
    found: ComparableRuns
    notes: tuple[str, ...]


class ObservedRuns(NamedTuple):
    """The runs of one grid, ready for the model of scores."""

    about: StoredEvaluation
    label: str
    """For people: "cldr, e5-small"."""
    observations: Observations
    runs: tuple[StoredRun, ...]
    """In the order of the observations' rows."""
    unknown: tuple[str, ...]
    """The languages with neither a run nor a vector, ISO 639-3: nothing is known of them."""
    notes: tuple[str, ...]


def find_observations(store: Store, asked: RunsAsked, languages: Sequence[str] = ()) -> ObservedRuns:
    """The runs that are meant, and the languages (ISO 639-3) that combinations may be made of beside theirs.

    Raises as `choose_runs`.
    """
    chosen = choose_runs(store, asked)
    observed = observe(store, chosen.about, chosen.label, chosen.found, languages)
    return observed._replace(notes=chosen.notes)


def choose_runs(store: Store, asked: RunsAsked) -> RunsChosen:
    """The runs that are meant: of one task, model, budget and recipe.

    Raises:
        UnknownNameError: a task or setting that is not known.
        MissingFactsError: there are no such runs; says which command makes them.
        UsageError: the runs are of several tasks or models, or differ in budget or recipe.
        DataError: they have no target in common.
    """
    about, notes = _choose_evaluation(stored_evaluations(store), asked)
    label = f"{about.task}, {about.model}"
    scores = stored_scores(
        store, task=about.task, split=about.split, scoring=about.scoring, metric=about.metric, origin=about.origin
    )
    runs = find_runs(store, origin=about.origin)
    found = find_comparable(
        about, label, runs, scores, written_codes(store), examples=asked.examples, where=asked.where
    )
    if not found.runs:
        raise _missing(asked, about)
    return RunsChosen(about, label, found, (*notes, *found.notes))


def observe(
    store: Store, about: StoredEvaluation, label: str, found: ComparableRuns, languages: Sequence[str] = ()
) -> ObservedRuns:
    """Comparable runs as arrays, one run for each draw of a combination: the newest; sorted by sources and draw."""
    newest: dict[tuple[tuple[tuple[str, float], ...], tuple[int, int, int]], StoredRun] = {}
    for run in found.runs:
        newest.setdefault((tuple(shares_of(run).items()), draw_of(run)), run)
    ordered = sorted(newest.items(), key=lambda item: (len(item[0][0]), item[0]))
    runs = tuple(run for _, run in ordered)
    every = tuple(sorted({*languages, *(source for run in runs for source in run.sources)}))
    place = {language: i for i, language in enumerate(every)}
    shares = np.zeros((len(runs), len(every)))
    for row, run in zip(shares, runs, strict=True):
        for language, share in shares_of(run).items():
            row[place[language]] = share
    rows = [[found.scores[run.run_id][target] for target in found.targets] for run in runs]
    similarity, unknown = typological_similarity(store, every)
    trained = {source for run in runs for source in run.sources}
    observations = Observations(
        languages=every,
        targets=found.targets,
        shares=shares,
        scores=np.array([[score.value for score in row] for row in rows]),
        draws=tuple(draw for (_, draw), _ in ordered),
        items=_item_variances(rows),
        similarity=similarity,
    )
    lacking = tuple(language for language in unknown if language not in trained)
    return ObservedRuns(about, label, observations, runs, lacking, tuple(found.notes))


def shares_of(run: StoredRun) -> dict[str, float]:
    """The part of the budget that each source gave, sorted; equal where they differ by the remainder alone."""
    if not run.unequal:
        return dict.fromkeys(run.sources, 1 / len(run.sources))
    examples = {source: float(n) for source, n in run.identity["shares"].items()}
    return {source: examples[source] / sum(examples.values()) for source in run.sources}


def _item_variances(scores: Sequence[Sequence[StoredScore]]) -> NDArray[np.float64]:
    """What the test items alone make of the variance of each target's score: by the intervals, which know clusters."""
    widths = np.array([[score.high - score.low for score in row] for row in scores])
    variances: NDArray[np.float64] = ((widths / (2 * NORMAL[95])) ** 2).mean(axis=0)
    return variances


def _choose_evaluation(evaluations: Sequence[StoredEvaluation], asked: RunsAsked) -> tuple[StoredEvaluation, list[str]]:
    """The evaluation that is meant, of several splits the one of most runs; and a note on the others.

    Of runs that come with mslt, the task and model of most, for nobody can know which ship.
    """
    if asked.source not in (None, *ORIGIN_OF):
        raise UsageError(f"--source is {asked.source!r}; it can be {' or '.join(ORIGIN_OF)}.")
    task = find_task(asked.task).variant if asked.task and asked.task.endswith(".toml") else asked.task
    tasks, models = [task] if task else [], [asked.model] if asked.model else []
    fitting = find_evaluations(evaluations, tasks=tasks, models=models, metric=asked.metric)
    of_origin = {origin: [row for row in fitting if row.origin == origin] for origin in ORIGIN_OF.values()}
    chosen = of_origin[ORIGIN_OF[asked.source]] if asked.source else of_origin["own"] or of_origin["shipped"]
    if not chosen:
        raise _missing(asked, None)
    chosen.sort(key=lambda row: -row.runs)
    first, kinds, notes = chosen[0], sorted({f"{row.task} with {row.model}" for row in chosen}), []
    if len(kinds) > 1 and first.origin == "own":
        raise UsageError(f"There are runs of several: {'; '.join(kinds)}. Choose with --task and --model.")
    if len(kinds) > 1:
        notes.append(f"taken are those of most runs; there are {'; '.join(kinds)}: choose with --task and --model.")
    splits = [row for row in chosen if (row.task, row.model) == (first.task, first.model)]
    if others := ", ".join(" ".join(filter(None, (row.split, row.scoring))) for row in splits[1:]):
        notes.append(f"taken are the scores on {first.split} of {count_runs(first.runs)}, not those on {others}.")
    return first, notes


def _missing(asked: RunsAsked, about: StoredEvaluation | None) -> MissingFactsError:
    """That there are no such runs, and the command that makes them."""
    whose = {"own": "own runs", "shipped": "shipped runs", None: "runs"}[ORIGIN_OF.get(asked.source or "")]
    parts = [f"of {asked.task}"] if asked.task else []
    parts += [f"with {asked.model}"] if asked.model else []
    parts += [f"by {asked.metric}"] if asked.metric else []
    parts += [f"of {asked.examples:,} examples"] if asked.examples is not None else []
    parts += [f"with {name}={value}" for name, value in asked.where.items()]
    task, model = (about.task, about.model) if about else (asked.task or "cldr", asked.model or "e5-small")
    budget = f" --examples {asked.examples}" if asked.examples is not None else ""
    return MissingFactsError(
        f"There are no {' '.join([whose, *parts])} to foretell scores from. "
        f"`mslt train --task {task} --model {model} --all-combinations -k 1{budget}` trains each language alone."
    )
