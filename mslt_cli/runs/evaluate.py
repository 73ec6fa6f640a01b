"""`evaluate_run` and `evaluate_model`: what was not evaluated yet, on targets and tasks of the user's choice."""

import os
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mslt_cli.data.splits import ensure_data
from mslt_cli.errors import ModelError, UsageError
from mslt_cli.files import sha256_of
from mslt_cli.models.adapter import ADAPTER
from mslt_cli.models.classifier import Classifier
from mslt_cli.models.decoder import Decoder
from mslt_cli.models.find import Model
from mslt_cli.runs.answering import NO_RESULTS, Evaluation, Evaluator
from mslt_cli.runs.directory import (
    CONFIG,
    MERGED,
    MODEL,
    Run,
    RunError,
    check_files,
    checksums_in,
    clear_run,
    drop_leftovers,
    read_run,
    run_folder_name,
    write_run,
)
from mslt_cli.runs.index import Index
from mslt_cli.runs.locks import locked
from mslt_cli.runs.model_card import write_cards
from mslt_cli.runs.places import Places, finished_run
from mslt_cli.runs.plan import require_evaluated
from mslt_cli.runs.session import Session, decide_precision
from mslt_cli.runs.spec import Stopwatch, describe_environment, describe_model, describe_run, stem_of
from mslt_cli.tasks.task import Task
from mslt_cli.training.settings import Settings


def evaluate_run(store: Path, run: Run, model: Model, evaluation: Evaluation, *, session: Session | None = None) -> Run:
    """A run with scores on these targets: those that it has, and the others where its weights were kept.

    Args:
        store: its path.
        model: what the run was trained from.
        evaluation: of a classifier on a task with the same labels; of a decoder on any task of multiple choice.
        session: of the same model, where several runs share it, or to name a device and hear of progress.

    Raises:
        UsageError: decoders are not asked such a task, or encoders are not.
        RunError: targets are lacking, and the weights were not kept; or the directory was changed.
        DataError: data are not to be had.
    """
    session = session or Session(model)
    evaluation = _prepare(evaluation, session)
    if (evaluation.task.kind == "multiple-choice") != ("adapter" in run.identity["settings"]):
        raise UsageError(
            f"Run {run.run_id} was trained for {run.identity['task']['name']}, and cannot be evaluated on"
            f" {evaluation.task.name} ({evaluation.task.kind})."
        )
    check_files(run)
    index = Index(store, session.progress)
    missing = evaluation.missing_in(run)
    if not missing:
        index.save(run)
        return run
    if run.model_folder is None:
        codes = ", ".join(evaluation.task.code(target) for target in missing)
        first = f"the first {evaluation.limit} rows of " if evaluation.limit else ""
        raise RunError(
            f"Run {run.run_id} was not evaluated on {first}{codes}, and its weights were not kept. Train it again with:"
            f" {run.record['command']} --keep-model"
        )
    with locked(run.directory, wait=True):
        run = read_run(run.directory) or run
        check_files(run)
        run = evaluate_further(run, [evaluation], session)
    index.save(run)
    return run


def evaluate_further(run: Run, evaluations: Sequence[Evaluation], session: Session) -> Run:
    """Evaluate a run whose weights were kept on the targets that it lacks; it was checked, its directory is locked.

    Raises: ModelError, RunError: the weights cannot be used.
    """
    evaluator = None
    for evaluation in evaluations:
        if missing := evaluation.missing_in(run):
            evaluator = evaluator or _load_run(run, evaluation.task, session)
            results = evaluator.evaluate(replace(evaluation, targets=missing), run.record)
            if run.lacks_checksums:
                session.progress.note(
                    f"run {run.run_id} is of an earlier mslt, which kept no checksums of its weights: from here on they"
                    " have those of today"
                )
                names = [name for name in (CONFIG, MODEL, MERGED) if (run.directory / name).exists()]
                results = {**results, "files": {**results["files"], **checksums_in(run.directory, *names)}}
            write_cards(run.directory, {**run.record, **results}, session.progress)
            run = write_run(run.directory, {**run.record, **results})
    return run


def _load_run(run: Run, task: Task, session: Session) -> Evaluator:
    """A run's model, out of the weights that were kept."""
    assert run.model_folder is not None
    settings = Settings.from_json(run.identity["settings"])
    learner: Classifier | Decoder
    if settings.adapter is None:
        if task.kind == "multiple-choice":
            raise ModelError(f"Run {run.run_id} is an encoder's: it cannot be asked the questions of {task.name}.")
        learner = session.trained(task, run.model_folder, run.record["name"])
    else:
        learner = session.decoder(settings.adapter, settings.precision)
        path = run.model_folder / ADAPTER
        if not path.is_file() or sha256_of(path) != run.record.get("adapter_sha256"):  # as earlier runs have it
            raise RunError(f"{path} is missing or was changed. Restore it, or train the run again with --force.")
        learner.load(run.model_folder)
    return Evaluator(learner, session, settings, tuple(run.identity.get("shares", ())), run.directory)


def evaluate_model(
    store: Path,
    model: Model,
    evaluation: Evaluation,
    *,
    root: Path,
    settings: Settings = Settings(),
    four_bit: bool = False,
    force: bool = False,
    session: Session | None = None,
) -> Run:
    """Evaluate a model as it is: a decoder, or a classifier that was trained for such a task, by whomever.

    Args:
        store: path of the store.
        evaluation: of multiple choice for a decoder.
        root: the folder of run directories.
        settings: of these the precision counts, and for classifiers the longest example.
        four_bit: whether a decoder's weights are held in 4 bits.
        session: as for `evaluate_run`.

    Raises:
        ModelError: it is no decoder, or has no head for the task, or other labels.
        DataError: data are not to be had.
    """
    session = session or Session(model)
    evaluation = _prepare(evaluation, session)
    task, settings = evaluation.task, decide_precision(settings, session.device)
    choices = task.kind == "multiple-choice"
    counting = {"precision": settings.precision, "four_bit": four_bit} if choices else settings.as_json()
    name = model.name + (" in 4 bits" if four_bit else "")
    described, places = describe_model(model), Places(root, store)
    found: list[tuple[dict[str, Any], Path]] = []
    for meaning in dict.fromkeys([task.meaning, task.definition]):  # the latter is in ids of earlier versions
        known_so = replace(task, meaning=meaning)
        description = describe_run("eval", name, known_so, model.name, model=described, settings=counting)
        run_id = description["run_id"]
        usual = run_folder_name(f"eval_{task.name}_{stem_of(model)}", run_id)
        found += [(description, place) for place in places.of(run_id, usual)]
    done = [] if force else [one for one in found if finished_run(one[1]) and os.access(one[1], os.W_OK)]
    description, directory = (done or found)[0]
    with locked(directory, wait=True):
        before = None if force else read_run(directory)
        missing = evaluation.missing_in(before) if before is not None else evaluation.targets
        if before is not None:
            check_files(before)
        if before is not None and not missing:
            drop_leftovers(before)
            Index(store, session.progress).save(before)
            return before
        if force:
            clear_run(directory)
        watch = Stopwatch()
        learner: Classifier | Decoder
        if choices:
            learner = session.decoder(None, settings.precision, four_bit=four_bit)
        else:
            learner = session.trained(task, model.folder, model.name)
        evaluator = Evaluator(learner, session, settings, (), directory)
        asked = replace(evaluation, targets=missing)
        record = {
            **description,
            "command": _command(model, evaluation, four_bit),
            "environment": describe_environment(learner),
            **evaluator.evaluate(asked, before.record if before is not None else NO_RESULTS),
            **watch.as_record(),
        }
        run = write_run(directory, record)
    Index(store, session.progress).save(run)
    return run


def _command(model: Model, evaluation: Evaluation, four_bit: bool) -> str:
    """A command line that does this evaluation of a model as it is."""
    task = evaluation.task
    codes = ",".join(map(task.code, evaluation.targets))
    words = f"mslt eval {shlex.quote(model.name)} {task.options} --targets {codes} --split {evaluation.split}"
    words += f" {evaluation.reading.options}" if evaluation.reading and evaluation.reading.options else ""
    words += f" --limit {evaluation.limit}" if evaluation.limit else ""
    return words + (" --4bit" if four_bit else "")


def _prepare(evaluation: Evaluation, session: Session) -> Evaluation:
    """The evaluation with ISO 639-3 codes; its data are fetched where they are not in the cache."""
    require_evaluated(evaluation.task)
    evaluation = evaluation.resolve()
    ensure_data(evaluation.task, evaluation.targets, evaluation.split, progress=session.progress)
    if evaluation.reading is not None and evaluation.reading.template == "auto":
        return replace(evaluation, template_sha256=session.chat.sha256)
    return evaluation
