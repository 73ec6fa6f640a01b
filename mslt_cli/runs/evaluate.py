"""`evaluate_run` and `evaluate_model`: what was not evaluated yet, on targets and tasks of the user's choice."""

from dataclasses import replace
from pathlib import Path

from mslt_cli.data.splits import ensure_data
from mslt_cli.errors import UsageError
from mslt_cli.models.classifier import Classifier, load_trained
from mslt_cli.models.decoder import Decoder
from mslt_cli.models.find import Model
from mslt_cli.runs.answering import NO_RESULTS, Evaluation, Evaluator, add_results, evaluate_further
from mslt_cli.runs.directory import Run, RunError, check_files, locked, read_run, write_run
from mslt_cli.runs.environment import Stopwatch, describe_environment
from mslt_cli.runs.index import Index
from mslt_cli.runs.plan import require_evaluated
from mslt_cli.runs.session import Session, decide_precision
from mslt_cli.runs.spec import EvalSpec, checksums_of
from mslt_cli.training.distributed import ALONE
from mslt_cli.training.settings import Settings


def evaluate_run(store: Path, run: Run, model: Model, evaluation: Evaluation, *, session: Session | None = None) -> Run:
    """A run with scores on these targets: those that it has, and the others where its weights were kept.

    Args:
        store: path of the store.
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
    missing = evaluation.missing_in(run)
    if not missing:
        return run
    if run.model_folder is None:
        codes = ", ".join(evaluation.task.code(target) for target in missing)
        raise RunError(
            f"Run {run.run_id} was not evaluated on {codes}, and its weights were not kept. Train it again with:"
            f" {run.record['command']} --keep-model"
        )
    with locked(run.directory, wait=True):
        run = evaluate_further(read_run(run.directory) or run, [evaluation], session)
    Index(store, session.progress).save(run)
    return run


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
    task = evaluation.task
    spec = EvalSpec(task, model, checksums_of(model), decide_precision(settings, session.device), four_bit)
    directory = root / spec.folder_name
    with locked(directory, wait=True):
        before, missing = None if force else read_run(directory), evaluation.targets
        if before is not None:
            missing = evaluation.missing_in(before)
            if not missing:
                check_files(before)
                return before
        watch = Stopwatch()
        learner: Classifier | Decoder
        if task.kind == "multiple-choice":
            learner = session.decoder(None, spec.settings.precision, four_bit=four_bit)
        else:
            with session.progress.step(f"load {model.name}"):
                learner = load_trained(model.folder, task.kind, task.labels, device=session.device)
        evaluator = Evaluator(learner, session, spec.settings, (), directory)
        results = evaluator.evaluate(replace(evaluation, targets=missing))
        record = {
            **spec.as_record(),
            "command": spec.command(evaluation),
            "environment": describe_environment(learner, ALONE),
            **add_results(before.record if before is not None else NO_RESULTS, results),
            **watch.as_record(),
        }
        run = write_run(directory, record)
    Index(store, session.progress).save(run)
    return run


def _prepare(evaluation: Evaluation, session: Session) -> Evaluation:
    """The evaluation with ISO 639-3 codes; its data are fetched where they are not in the cache."""
    require_evaluated(evaluation.task)
    evaluation = evaluation.resolve()
    ensure_data(evaluation.task, evaluation.targets, evaluation.split, progress=session.progress)
    return evaluation
