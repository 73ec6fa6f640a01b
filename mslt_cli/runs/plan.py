"""Plan many runs: which combinations and seeds, with what of each, all checked before the first step."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from mslt_cli.data.prepared import read_record
from mslt_cli.data.splits import ensure_data
from mslt_cli.errors import DataError, UsageError
from mslt_cli.models import resolve_head
from mslt_cli.models.decoder import require_decoder
from mslt_cli.models.find import Model
from mslt_cli.models.folder import tokenizer_sha256, weights_checksum
from mslt_cli.progress import QUIET, Progress
from mslt_cli.runs.answering import Evaluation
from mslt_cli.runs.session import Session, decided
from mslt_cli.runs.spec import Spec
from mslt_cli.tasks.task import Task
from mslt_cli.training.mixture import PAIRINGS, Pairing, equal_shares, proportional_shares, sample, too_few
from mslt_cli.training.settings import Settings, preset

PAPER_LITERAL = "paper-literal"
"""Targets: "all except the ones employed as source", as the paper's wording has it for XNLI."""
MOST_RUNS = 10_000
CHECKED_UP_TO = 20_000
"""Examples of a run whose sample is chosen before anything is trained."""


TRAINED_KINDS = ("sequence-classification", "token-classification", "instruction")
EVALUATED_KINDS = ("sequence-classification", "token-classification", "multiple-choice")


@dataclass(frozen=True)
class Planned:
    """A run, and what it is evaluated on: nothing, or its own task, or those that decoders are asked."""

    spec: Spec
    evaluations: tuple[Evaluation, ...]

    @property
    def targets(self) -> tuple[str, ...]:
        """All languages that it is evaluated on."""
        return tuple(dict.fromkeys(target for evaluation in self.evaluations for target in evaluation.targets))


def numbers_in(text: str, option: str) -> tuple[int, ...]:
    """Whole numbers out of "0,1,2" or "1..5".

    Raises:
        UsageError: it is neither.
    """
    found: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:\s*\.\.\s*(\d+))?\s*", part)
        if match is None or (match[2] and int(match[2]) < int(match[1])):
            raise UsageError(f"{option} is {text!r}; write a number, several by comma, or a range: 0..4.")
        found += range(int(match[1]), int(match[2] or match[1]) + 1)
    return tuple(dict.fromkeys(found))


def all_combinations(pool: Sequence[str], ks: Sequence[int]) -> list[tuple[str, ...]]:
    """All sets of k out of a pool for each k, in lexicographic order.

    Raises:
        UsageError: a k does not fit the pool, or there would be too many.
    """
    chosen: list[tuple[str, ...]] = []
    for k in ks:
        if not 1 <= k <= len(pool):
            raise UsageError(f"-k is {k}; the pool has {len(pool)} languages.")
        for combination in combinations(sorted(pool), k):
            chosen.append(combination)
            if len(chosen) > MOST_RUNS:
                raise UsageError(f"That is more than {MOST_RUNS:,} runs. Choose some: `mslt select` ranks them.")
    return chosen


def require_trainable(task: Task) -> None:
    """Raises: UsageError: nothing is trained on such a task."""
    if task.kind not in TRAINED_KINDS:
        hint = " Decoders are tuned on bactrian and then asked: `mslt eval`." if task.kind == "multiple-choice" else ""
        raise UsageError(f"{task.name} is a task of {task.kind}: nothing is trained on it.{hint}")


def require_evaluated(task: Task) -> None:
    """Raises: UsageError: nothing is evaluated on such a task."""
    if task.kind not in EVALUATED_KINDS:
        hint = " Give --task xcopa,xwinograd,xstorycloze." if task.kind == "instruction" else ""
        raise UsageError(f"{task.name} is a task of {task.kind}: nothing is evaluated on it.{hint}")


def targets_of(task: Task, wanted: Sequence[str], sources: Sequence[str]) -> tuple[str, ...]:
    """The languages to evaluate on.

    Args:
        task: its own targets are the default: the paper's list without the pool, the same for all combinations.
        wanted: ISO 639-3 codes, or PAPER_LITERAL alone: all languages of the task's list but the run's sources.
        sources: of the run.
    """
    if list(wanted) == [PAPER_LITERAL]:
        everything = task.literal_targets or task.targets
        return tuple(language for language in everything if language not in sources)
    return tuple(wanted) or task.targets


def plan(
    task: Task,
    model: Model,
    sources: Sequence[Sequence[str]],
    *,
    examples: int | None = None,
    split: str | Callable[[Sequence[str]], dict[str, int]] | None = None,
    pairing: Pairing | None = None,
    oversample: bool = False,
    seeds: Sequence[int] = (0,),
    data_seed: int | None = None,
    settings: Settings | None = None,
    targets: Sequence[str] = (),
    evaluation_split: str | None = None,
    evaluations: Sequence[Evaluation] = (),
    device: str | None = None,
    progress: Progress = QUIET,
) -> list[Planned]:
    """The runs that are asked for, each once. Data that are missing are fetched; all that can be checked is.

    Args:
        task: of kind sequence- or token-classification, or instruction.
        model: with its weights: an encoder, or for instructions a decoder.
        sources: combinations of ISO 639-3 codes.
        examples: the budget of every run. Default: what the smallest of all sources has.
        split: None: equal shares; "sizes": in proportion to what each source has; or what gives stated shares.
        pairing: for data that are parallel, see `mixture.sample`. Default: disjoint.
        oversample: whether a source with too few examples repeats them.
        seeds: of the runs.
        data_seed: of the samples. Default: each run's seed.
        settings: see there.
        targets: ISO 639-3 codes, or PAPER_LITERAL. Default: the task's.
        evaluation_split: default: the task's.
        evaluations: for instructions, which are not evaluated on: other tasks.
        device: as torch writes it.
        progress: hears of downloads.

    Raises:
        UsageError, DataError, FetchError, UnknownNameError: something that is asked for does not exist or go together.
    """
    require_trainable(task)
    tuned = task.kind == "instruction"
    if tuned:
        require_decoder(model.files)
        if targets or evaluation_split:
            raise UsageError(f"{task.name} is not evaluated on itself: --targets goes with `mslt eval --task xcopa`.")
    split_name = evaluation_split or task.evaluation
    task.require_split(split_name)
    if not sources:
        raise UsageError("There are no sources. Give --sources en --sources ar,de,zh, or --all-combinations.")
    if pairing is not None and pairing not in PAIRINGS:
        raise UsageError(f"--pairing is {pairing!r}; it can be {', '.join(PAIRINGS)}.")
    if pairing is not None and not task.aligned:
        raise UsageError(f"--pairing is for data that are parallel, and {task.name} is not. Leave it out.")
    _require_languages(task, [*(s for c in sources for s in c), *(t for t in targets if t != PAPER_LITERAL)])
    settings = decided((settings or preset("default", task.name, model.name, kind=task.kind)).check(), device)
    if tuned != (settings.adapter is not None):
        raise UsageError("Settings with an adapter are for instructions, and those without are for encoders.")
    settings = replace(settings, head=resolve_head(model.name, task.kind, settings.head))
    chosen = list(dict.fromkeys(tuple(sorted(set(combination))) for combination in sources))
    everyone = sorted({source for combination in chosen for source in combination})
    aims: dict[tuple[str, ...], tuple[Evaluation, ...]] = dict.fromkeys(chosen, tuple(evaluations))
    if not tuned:
        targets = tuple(targets) or default_targets(task, split_name, progress)
        aims = {c: (Evaluation(task, split_name, targets_of(task, targets, c)),) for c in chosen}
    if any(not evaluation.targets for some in aims.values() for evaluation in some):
        raise UsageError(f"{task.name} has no targets of its own. Name them with --targets.")
    wanted = [(task, everyone, task.training)]
    wanted += [(task, everyone, "validation")] if settings.choose == "best" else []
    asked = {(e.task.key, e.split): (e.task, list[str]()) for some in aims.values() for e in some}
    for evaluation in (e for some in aims.values() for e in some):
        asked[evaluation.task.key, evaluation.split][1].extend(evaluation.targets)
    wanted += [(of, sorted(set(languages)), name) for (_, name), (of, languages) in asked.items()]
    for of, languages, name in wanted:
        _, notes = ensure_data(of, languages, name, progress=progress)
        for note in notes:
            progress.note(note)
    records = {source: read_record(task, source, task.training) for source in everyone}
    if missing := [task.code(source) for source, record in records.items() if record is None]:
        raise DataError(f"{task.name} has no {task.training} data in {', '.join(missing)}: it cannot be a source.")
    sizes = {source: record.rows for source, record in records.items() if record is not None}
    data = {source: record.content_sha256 for source, record in records.items() if record is not None}
    if settings.choose == "best":
        for source in everyone:
            record = read_record(task, source, "validation")
            if record is None:
                raise DataError(f"{task.name} has no validation data in {task.code(source)}: leave --choose best out.")
            data[f"{source} validation"] = record.content_sha256
    budget = examples if examples is not None else min(sizes.values())
    weights, tokenizer = weights_checksum(model.folder), tokenizer_sha256(model.folder)
    planned = []
    for combination in chosen:
        shares = _shares(task, combination, budget, split, sizes)
        for seed in dict.fromkeys(seeds):
            spec = Spec(
                *(task, model, weights, tokenizer, shares),
                unequal=max(shares.values()) - min(shares.values()) > 1,
                # One source as well: its sample has to hold those of the combinations that it is in.
                pairing=(pairing or "disjoint") if task.aligned else None,
                oversample=oversample,
                seed=seed,
                data_seed=seed if data_seed is None else data_seed,
                # Said in steps, so that 3 epochs and the steps that they are make one run.
                settings=replace(settings, epochs=None, steps=settings.total_steps(sum(shares.values()))),
                data={key: value for key, value in sorted(data.items()) if key.split()[0] in combination},
            )
            planned.append(Planned(spec, aims[combination]))
    _require_examples(planned, sizes)
    return planned


def default_targets(task: Task, split: str, progress: Progress) -> tuple[str, ...]:
    """The task's targets; of data that the user imported from files, those that were among them."""
    records = {target: read_record(task, target, split) for target in task.targets}
    imported = [record for record in records.values() if record is not None and record.origin.get("kind") == "folder"]
    lacking = [target for target, record in records.items() if record is None]
    if not imported or not lacking or task.folder:
        return task.targets
    codes = ", ".join(task.code(target) for target in lacking)
    progress.note(
        f"not evaluated on {codes}: {imported[0].origin['path']}, where the data came from, has no {task.name} {split}"
        " in it. --targets names others."
    )
    return tuple(target for target in task.targets if target not in lacking)


def _shares(
    task: Task,
    combination: Sequence[str],
    budget: int,
    split: str | Callable[[Sequence[str]], dict[str, int]] | None,
    sizes: dict[str, int],
) -> dict[str, int]:
    if split is None:
        return equal_shares(budget, combination)
    if split == "sizes":
        return proportional_shares(budget, {source: sizes[source] for source in combination})
    assert not isinstance(split, str)
    shares = split(combination)
    if set(shares) != set(combination):
        codes = ", ".join(task.code(source) for source in combination)
        raise UsageError(f"--split has to name the sources, each once: {codes}.")
    return shares


def _require_languages(task: Task, languages: Sequence[str]) -> None:
    if lacking := [language for language in languages if language not in task.languages]:
        has = ", ".join(sorted(task.code(language) for language in task.languages))
        raise DataError(f"{task.name} has no data in {', '.join(dict.fromkeys(lacking))}. It has {has}.")


def _require_examples(planned: Sequence[Planned], sizes: dict[str, int]) -> None:
    """Raises: DataError: a source has too few examples; says how many there are."""
    for item in planned:
        spec = item.spec
        for source, share in spec.shares.items():
            if share > sizes[source] and not spec.oversample:
                raise too_few(spec.task.code(source), share, sizes[source])


def check_samples(planned: Sequence[Planned], session: Session) -> list[str]:
    """Choose the examples of runs, to see that there are enough; and look for labels that were never seen.

    Budgets above CHECKED_UP_TO are left out: with so many examples all labels are seen, and hashing them all for
    every combination takes minutes.

    Returns:
        Notes: on targets that are sources as well, and on labels that a target has and the training data lack.

    Raises:
        DataError: parallel sources have too few different items between them.
    """
    notes: dict[str, None] = {}
    for item in planned:
        spec = item.spec
        task = spec.task
        if spec.unequal:
            said = ", ".join(f"{task.code(source)} {n:,}" for source, n in spec.shares.items())
            notes[f"{spec.label} has unequal shares ({said}): it does not compare with runs of equal shares."] = None
        if both := [task.code(t) for t in item.targets if t in spec.sources]:
            notes[f"{spec.label} is evaluated on {', '.join(both)}, WHICH IT IS TRAINED ON: no transfer there."] = None
        if spec.examples > CHECKED_UP_TO:
            continue
        ids = {source: session.rows(task, source, task.training)["id"].to_list() for source in spec.sources}
        chosen = sample(ids, spec.shares, seed=spec.data_seed, pairing=spec.pairing, oversample=spec.oversample)
        if task.kind == "instruction":
            notes |= dict.fromkeys(_answerless(spec, chosen, ids, session))
            continue
        seen: set[int] = set()
        for source, some in chosen.items():
            wanted = set(some)
            for id_, label in zip(ids[source], session.labels(task, source, task.training), strict=True):
                if id_ in wanted:
                    seen.update(label if isinstance(label, list) else [label])
            if len(seen) == len(task.labels):
                break
        missing = [label for i, label in enumerate(task.labels) if i not in seen]
        if missing:
            for evaluation, target in ((e, target) for e in item.evaluations for target in e.targets):
                there = _labels_in(session, task, target, evaluation.split)
                lost = [label for label in missing if task.labels.index(label) in there]
                if lost:
                    notes[
                        f"{spec.label} seed {spec.seed} sees no {', '.join(lost)} in training, and {task.code(target)}"
                        " has it: it cannot be predicted."
                    ] = None
    return list(notes)


def _answerless(
    spec: Spec, chosen: Mapping[str, Sequence[str]], ids: Mapping[str, Sequence[str]], session: Session
) -> list[str]:
    """A note on instructions that fill all there is room for, so that nothing is learned from them."""
    lost = 0
    for source, some in chosen.items():
        encoded = session.encoded(spec.task, source, spec.task.training, spec.settings)
        answered = dict(zip(ids[source], np.diff(encoded.word_starts) > 0, strict=True))
        lost += sum(not answered[id_] for id_ in some)
    if not lost:
        return []
    return [
        f"{spec.label} seed {spec.seed}: {lost:,} of {spec.examples:,} instructions are longer than --max-length"
        f" {spec.settings.max_length}, so that nothing is left of their answers."
    ]


def _labels_in(session: Session, task: Task, language: str, split: str) -> set[int]:
    found: set[int] = set()
    for label in session.labels(task, language, split):
        found.update(label if isinstance(label, list) else [label])
    return found
