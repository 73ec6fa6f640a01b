"""Plan many runs: which combinations and seeds, with what of each, all checked before the first step."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, combinations
from math import comb

from mslt_cli.criteria.request import members_of
from mslt_cli.data.prepared import read_record
from mslt_cli.data.splits import ensure_data
from mslt_cli.errors import DataError, UnknownNameError, UsageError
from mslt_cli.evaluation.reading import Reading
from mslt_cli.fields import check_fields, words_as_toml
from mslt_cli.languages.pools import split_names
from mslt_cli.models import resolve_head
from mslt_cli.models.decoder import require_decoder
from mslt_cli.models.find import Model
from mslt_cli.progress import QUIET, Progress
from mslt_cli.runs.answering import Evaluation, read_part, unite_evaluations
from mslt_cli.runs.session import decide_precision
from mslt_cli.runs.spec import TrainSpec, describe_model
from mslt_cli.store.db import Store
from mslt_cli.store.languages import resolver
from mslt_cli.tasks.task import Task
from mslt_cli.training.mixture import Sampling, equal_shares, proportional_shares, stated_shares, too_few
from mslt_cli.training.settings import Settings, preset

PAPER_LITERAL = "paper-literal"
"""Targets: "all except the ones employed as source", as the paper's wording has it for XNLI."""
ALL = "all"
"""Targets: all languages of the task."""
MOST_RUNS = 10_000
NO_SOURCES = "There are no sources. Give --sources en --sources ar,de,zh, --all-combinations, --design or --search."


@dataclass(frozen=True)
class Experiment:
    """The runs that are asked for: each combination of sources, with each seed. The fields are those of `train`."""

    task: Task
    model: Model
    sources: Sequence[Sequence[str]]
    examples: int | None = None
    seeds: Sequence[int] | Mapping[tuple[str, ...], Sequence[int]] = (0,)
    """Of all combinations, or of each (sorted ISO 639-3 codes)."""
    sampling: Sampling = Sampling()
    settings: Settings | None = None
    targets: Sequence[str] = ()
    evaluation_split: str | None = None
    evaluations: Sequence[Evaluation] = ()
    processes: int = 1
    """That train each run together."""


@dataclass(frozen=True)
class Planned:
    """A run, and what it is evaluated on: nothing, or its own task, or those that decoders are asked."""

    spec: TrainSpec
    evaluations: tuple[Evaluation, ...]
    asked: Settings
    """As the user gave them: with precision "auto", say, where `spec` has what this machine decided."""

    @property
    def stand_ins(self) -> list["Planned"]:
        """Itself, and the runs that are it under other ids: those of earlier versions; and in bf16, which a GPU chose.

        The latter where precision was left to the machine, and this one has no such GPU.
        """
        task, specs = self.spec.task, [self.spec]
        if task.meaning != task.definition:
            specs.append(replace(self.spec, task=replace(task, meaning=task.definition)))
        if self.asked.precision == "auto" and self.spec.settings.precision == "fp32":
            specs += [replace(spec, settings=replace(spec.settings, precision="bf16")) for spec in specs]
        return [replace(self, spec=spec) for spec in specs]

    @property
    def targets(self) -> tuple[str, ...]:
        """All languages that it is evaluated on."""
        return tuple(dict.fromkeys(target for evaluation in self.evaluations for target in evaluation.targets))

    def command(self, how: Sequence[str] = (), *, anywhere: bool = False) -> str:
        """A command line that does this run alone; `how` are the words that say how it is done.

        It repeats what this machine does; with `anywhere` it leaves to the machine that runs it what the user did.
        """
        return shlex.join([*self._words(anywhere), *how])

    def config(self, how: Sequence[str] = ()) -> str:
        """As `command`, as the text of a file for `mslt train --config`."""
        words = self._words(False)
        start = words.index("train") + 1
        head = f"# {self.spec.title}, run {self.spec.run_id}: {shlex.join(words[:start])} --config FILE\n"
        return head + words_as_toml([*words[start:], *how])

    def _words(self, anywhere: bool) -> list[str]:
        task, settings = self.spec.task, self.spec.settings
        if anywhere:
            settings = replace(settings, precision=self.asked.precision, micro_batch=self.asked.micro_batch)
        words = self.spec.words(settings)
        for evaluation in self.evaluations:
            if evaluation.task.kind == "multiple-choice":
                words += ["--evaluate", evaluation.task.file or evaluation.task.name]
                continue
            words += ["--targets", ",".join(map(task.code, evaluation.targets))]
            words += ["--evaluation-split", evaluation.part] if evaluation.part != task.evaluation else []
        return words


def combinations_of(
    store: Store, task: Task, sources: Sequence[str], *, pool: str | None = None, ks: Sequence[int] = ()
) -> tuple[list[tuple[str, ...]], str]:
    """The combinations to train on, in the order in which they were named; and what standard input held.

    Args:
        sources: lists by comma; `-` stands for the lines of standard input.
        pool: all combinations of ks of these languages, as ISO 639-3 codes; `paper` = the task's sources.

    Raises:
        UsageError: nothing is named, a list is empty, or both ways are used.
    """
    if pool is not None:
        return all_combinations(pool_of(store, task, pool), ks), ""
    stdin = sys.stdin.read() if any(given.strip() == "-" for given in sources) else ""
    piped = [line for line in stdin.splitlines() if line.split("#", 1)[0].strip()]
    lines = [line for given in sources for line in (piped if given.strip() == "-" else [given])]
    if not lines:
        raise UsageError(NO_SOURCES)
    named = [tuple(split_names(line)) for line in lines]
    if () in named:
        raise UsageError(f"--sources is {lines[named.index(())]!r}, which names no language.")
    return named, stdin


def require_one_way(
    sources: Sequence[str] | None, all_combinations: bool, design: str | None, search: bool, runs_at_most: int | None
) -> None:
    """Raises: UsageError: two options say what to train on, or a search does not say how many runs it may take."""
    given = {"--sources": sources, "--all-combinations": all_combinations, "--design": design, "--search": search}
    if len(ways := [option for option, value in given.items() if value]) > 1:
        raise UsageError(f"{' and '.join(ways)} are {len(ways)} ways to say what to train on. Leave one out.")
    if search and runs_at_most is None:
        raise UsageError("--search needs --runs-at-most N: how many runs it may take in all.")
    if runs_at_most is not None and not search:
        raise UsageError("--runs-at-most goes with --search. Leave it out.")


def pool_of(store: Store, task: Task, pool: str) -> list[str]:
    """ISO 639-3 codes of the task's languages that a pool names; `paper` = the task's sources."""
    if pool == "paper":
        return sorted(task.sources)
    return sorted({task.language(member.label, resolver(store)) for member in members_of(store, pool)})


def all_combinations(pool: Sequence[str], ks: Sequence[int]) -> list[tuple[str, ...]]:
    """All sets of k out of a pool for each k, in lexicographic order.

    Raises: UsageError: a k does not fit the pool, or there would be too many.
    """
    pool = sorted(set(pool))
    if unfit := [k for k in ks if not 1 <= k <= len(pool)]:
        raise UsageError(f"-k is {unfit[0]}; the pool has {len(pool)} languages.")
    if sum(comb(len(pool), k) for k in ks) > MOST_RUNS:
        raise UsageError(f"That is more than {MOST_RUNS:,} runs. Choose some: `mslt select` ranks them.")
    return [combination for k in ks for combination in combinations(pool, k)]


def require_trainable(task: Task) -> None:
    """Raises: UsageError: nothing is trained on such a task."""
    if task.kind in ("multiple-choice", "parallel"):
        hint = " Decoders are tuned on bactrian and then asked: `mslt eval`." if task.kind == "multiple-choice" else ""
        raise UsageError(f"{task.name} is a task of {task.kind}: nothing is trained on it.{hint}")
    if "train" not in task.splits and not task.file:
        raise UsageError(
            f"{task.name} has no training data. Train on another task with its labels (--keep-model), and evaluate the "
            f"run on it: `mslt eval RUN --task {task.name}`."
        )


def require_evaluated(task: Task) -> None:
    """Raises: UsageError: nothing is evaluated on such a task."""
    if task.kind in ("instruction", "parallel"):
        hint = " Give --task xcopa,xwinograd,xstorycloze." if task.kind == "instruction" else ""
        raise UsageError(f"{task.name} is a task of {task.kind}: nothing is evaluated on it.{hint}")


def resolve_targets(task: Task, names: Sequence[str]) -> tuple[str, ...]:
    """ISO 639-3 codes of the languages that a user names, each once; PAPER_LITERAL alone stays as it is.

    Raises: UnknownNameError, DataError: a spelling means no language of the task.
    """
    if list(names) == [PAPER_LITERAL]:
        return (PAPER_LITERAL,)
    named = task.languages_named(name for name in names if name != ALL)
    return tuple(dict.fromkeys([*named, *(task.languages if ALL in names else ())]))


def note_readings(task: Task, names: Sequence[str], progress: Progress) -> None:
    """Say which spellings were read otherwise than elsewhere."""
    for text in filter(None, map(task.note_on, dict.fromkeys(names))):
        progress.note(text)


def targets_of(task: Task, wanted: Sequence[str], sources: Sequence[str]) -> tuple[str, ...]:
    """The languages to evaluate a run with these sources on, wanted as `resolve_targets` gives them.

    The default is the task's own targets: the paper's list without the pool, the same for all combinations.

    Raises: UsageError: there are none.
    """
    if list(wanted) == [PAPER_LITERAL]:
        wanted = [language for language in task.literal_targets or task.targets if language not in sources]
    if not (wanted or task.targets):
        raise UsageError(f"{task.name} has no targets of its own. Name them with --targets.")
    return tuple(wanted) or task.targets


def default_targets(task: Task, split: str, progress: Progress) -> tuple[str, ...]:
    """The task's targets; of data that the user imported from files, those that were among them."""
    records = {target: read_record(task, target, split) for target in task.targets}
    imported = [record for record in records.values() if record is not None and record.is_imported]
    missing = [target for target, record in records.items() if record is None]
    if not imported or not missing or task.folder:
        return task.targets
    codes = ", ".join(task.code(target) for target in missing)
    progress.note(
        f"not evaluated on {codes}: {imported[0].origin['path']}, where the data came from, has no {task.name} {split}"
        " in it. --targets names others."
    )
    return tuple(target for target in task.targets if target not in missing)


def plan_choices(
    tasks: Sequence[Task], targets: Sequence[str], reading: Reading, *, split: str | None = None, progress: Progress
) -> list[Evaluation]:
    """What decoders are asked: each task in those of the named languages that it has, or in those of the paper.

    Raises:
        UnknownNameError: a split or a language does not exist.
        DataError: a language is in none of the tasks.
        UsageError: a task is not of multiple choice.
    """
    by_task: dict[str, list[str]] = {task.name: [] for task in tasks}
    for name in targets:
        errors = []
        for task in tasks:
            try:
                by_task[task.name] += resolve_targets(task, [name])
            except (DataError, UnknownNameError) as error:
                errors.append(error)
        if errors and len(errors) == len(tasks):
            raise errors[0]
    evaluations = []
    for task in tasks:
        if task.kind != "multiple-choice":
            raise UsageError(f"{task.name} is a task of {task.kind}; decoders are asked tasks of multiple choice.")
        name = split or task.evaluation
        task.require_split(name)
        if targets and not by_task[task.name]:
            raise DataError(f"{task.name} has no data in {', '.join(targets)}. Leave it or them out.")
        chosen = tuple(dict.fromkeys(by_task[task.name])) or default_targets(task, name, progress)
        evaluations.append(Evaluation(task, name, targets_of(task, chosen, ()), reading.check()))
    return evaluations


def plan(experiment: Experiment, *, device: str | None = None, progress: Progress = QUIET) -> list[Planned]:
    """The runs of an experiment, each once. Data that are missing are fetched; all that can be checked is.

    Raises:
        UsageError, DataError, FetchError, UnknownNameError: something that is asked for does not exist or go together.
    """
    task, sampling = experiment.task, experiment.sampling
    _require_sense(experiment)
    sources = _resolve_sources(task, experiment.sources)
    note_readings(task, [*chain.from_iterable(experiment.sources), *experiment.targets], progress)
    asked = experiment.settings or preset("default", task.name, experiment.model.name, kind=task.kind)
    settings = _decide_settings(experiment, asked, device)
    evaluations = _plan_evaluations(experiment, sources, progress)
    everyone = tuple(sorted(set(chain.from_iterable(sources))))
    splits = [task.training, "validation"] if settings.choose == "best" else [task.training]
    wanted = [Evaluation(task, split, everyone) for split in splits]
    for needed in unite_evaluations([*wanted, *chain.from_iterable(evaluations.values())]):
        ensure_data(needed.task, sorted(needed.targets), needed.split, progress=progress)
    data, sizes = _read_training_data(task, everyone, settings)
    budget = experiment.examples if experiment.examples is not None else min(sizes.values())
    described_model, planned = describe_model(experiment.model), []
    for combination in sources:
        shares = _share_budget(task, combination, budget, sampling, sizes)
        seeds = experiment.seeds[combination] if isinstance(experiment.seeds, Mapping) else experiment.seeds
        for seed in dict.fromkeys(seeds):
            spec = TrainSpec(
                task=task,
                model=experiment.model,
                described_model=described_model,
                shares=shares,
                # One source as well: its sample has to hold those of the combinations that it is in.
                pairing=(sampling.pairing or "disjoint") if task.aligned else None,
                oversample=sampling.oversample,
                seed=seed,
                data_seed=seed if sampling.data_seed is None else sampling.data_seed,
                # Said in steps, so that 3 epochs and the steps that they are make one run.
                settings=replace(settings, epochs=None, steps=settings.total_steps(sum(shares.values()))),
                data={key: value for key, value in sorted(data.items()) if key.split()[0] in combination},
                processes=experiment.processes,
            )
            planned.append(Planned(spec, evaluations[combination], asked))
    return planned


def _require_sense(experiment: Experiment) -> None:
    """Raises: UsageError, UnknownNameError, ModelError: things are asked for that do not go together."""
    task, sampling = experiment.task, experiment.sampling
    require_trainable(task)
    if task.kind == "instruction":
        require_decoder(experiment.model.files)
        if experiment.targets or experiment.evaluation_split:
            raise UsageError(f"{task.name} is not evaluated on itself: --targets goes with `mslt eval --task xcopa`.")
    task.require_split(read_part(experiment.evaluation_split or task.evaluation)[0])
    if not experiment.sources:
        raise UsageError(NO_SOURCES)
    check_fields(sampling)
    if sampling.pairing is not None and not task.aligned:
        raise UsageError(f"--pairing is for data that are parallel, and {task.name} is not. Leave it out.")


def _resolve_sources(task: Task, sources: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """The combinations as sorted ISO 639-3 codes, each combination once."""
    resolved: dict[tuple[str, ...], None] = {}
    task.languages_named(chain.from_iterable(sources))  # all that are misspelt, at once
    for names in sources:
        codes = [task.language(name) for name in names]
        if not codes:
            raise UsageError("--sources names no language.")
        if len(set(codes)) < len(codes):
            twice = next(name for i, name in enumerate(names) if codes[i] in codes[:i])
            raise UsageError(f"--sources {','.join(names)} names {twice} twice. Give it once.")
        resolved[tuple(sorted(codes))] = None
    return list(resolved)


def _decide_settings(experiment: Experiment, asked: Settings, device: str | None) -> Settings:
    """The settings with the head, the precision and the micro-batch that the model and this machine get."""
    task, model = experiment.task, experiment.model
    settings = decide_precision(asked.check(), device).settle_micro_batch(experiment.processes)
    if (task.kind == "instruction") != (settings.adapter is not None):
        raise UsageError("Settings with an adapter are for instructions, and those without are for encoders.")
    return replace(settings, head=resolve_head(model.name, task.kind, settings.head))


def _plan_evaluations(
    experiment: Experiment, sources: Sequence[tuple[str, ...]], progress: Progress
) -> dict[tuple[str, ...], tuple[Evaluation, ...]]:
    """What each combination is evaluated on."""
    task = experiment.task
    split, limit = read_part(experiment.evaluation_split or task.evaluation)
    if task.kind == "instruction":
        return dict.fromkeys(sources, tuple(evaluation.resolve() for evaluation in experiment.evaluations))
    targets = resolve_targets(task, experiment.targets) or default_targets(task, split, progress)
    return {c: (Evaluation(task, split, targets_of(task, targets, c), limit=limit),) for c in sources}


def _read_training_data(
    task: Task, sources: Sequence[str], settings: Settings
) -> tuple[dict[str, str], dict[str, int]]:
    """The checksums of the data that training reads, as `TrainSpec.data`; and the training rows of each source."""
    records = {s: record for s in sources if (record := read_record(task, s, task.training)) is not None}
    if missing := [task.code(source) for source in sources if source not in records]:
        raise DataError(f"{task.name} has no {task.training} data in {', '.join(missing)}: it cannot be a source.")
    data = {source: record.content_sha256 for source, record in records.items()}
    for source in sources if settings.choose == "best" else ():
        if (record := read_record(task, source, "validation")) is None:
            raise DataError(f"{task.name} has no validation data in {task.code(source)}: leave --choose best out.")
        data[f"{source} validation"] = record.content_sha256
    return data, {source: record.rows for source, record in records.items()}


def _share_budget(
    task: Task, combination: Sequence[str], budget: int, sampling: Sampling, sizes: Mapping[str, int]
) -> dict[str, int]:
    """The examples of each source."""
    if sampling.split is None:
        shares = equal_shares(budget, combination)
    elif sampling.split == "sizes":
        shares = proportional_shares(budget, {source: sizes[source] for source in combination})
    else:
        shares = stated_shares(sampling.split, task.language)
        if set(shares) != set(combination):
            codes = ", ".join(map(task.code, combination))
            raise UsageError(f"--split has to name the sources, each once: {codes}.")
    for source, share in shares.items():
        if share > sizes[source] and not sampling.oversample:
            raise too_few(task.code(source), share, sizes[source])
    return shares
