"""`mslt eval`: evaluates a run, or a model as it is; and tests whether runs differ."""

from typing import Annotated

import typer

from mslt_cli.commands import options
from mslt_cli.commands.options import option, option_for
from mslt_cli.evaluation.reading import Reading
from mslt_cli.training.settings import Settings

_COMPARING, _MODELS, _DECODERS = "Comparing runs", "Models as they are", "Decoders"


def eval_command(
    context: typer.Context,
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN|MODEL...",
            help="A run by the start of its id or its folder; or a model as it is, by its folder or its hub name: "
            "a decoder, or one that was trained for the task. With --compare, runs; a+b+c are the seeds of one "
            "combination.",
        ),
    ],
    task: Annotated[
        list[str] | None,
        option("TASKS", "Task to evaluate on; for decoders also several, by comma. Default: the task of the run."),
    ] = None,
    targets: options.TargetsOption = None,
    split: options.EvaluationSplitOption = None,
    limit: Annotated[
        int | None,
        option("N", "Evaluate on the first N rows of each target alone. Default: all.", panel=options.DATA, min=1),
    ] = None,
    no_repair: options.RepairOption = None,
    compare: Annotated[
        bool,
        option(
            None,
            "Test whether each further run differs from the first: these runs, or with two seeds or more of each "
            "(a+b) their combinations. Needs no model.",
            "--compare",
            panel=_COMPARING,
        ),
    ] = False,
    resamples: Annotated[
        int, option("N", "Resamples of the bootstrap. Default: 10000.", panel=_COMPARING, min=100)
    ] = 10_000,
    seed: Annotated[int, option("N", "Seed of the bootstrap. Default: 0.", panel=_COMPARING, min=0)] = 0,
    scoring: Annotated[str | None, option_for(Reading, "scoring", panel=_DECODERS)] = None,
    swap: Annotated[bool, option_for(Reading, "swap", panel=_DECODERS)] = False,
    spacing: Annotated[str | None, option_for(Reading, "spacing", panel=_DECODERS)] = None,
    template: Annotated[str | None, option_for(Reading, "template", panel=_DECODERS)] = None,
    new_tokens: Annotated[int | None, option_for(Reading, "new-tokens", panel=_DECODERS, min=1)] = None,
    truncate: Annotated[bool, option_for(Reading, "truncate", panel=_DECODERS)] = False,
    four_bit: Annotated[
        bool,
        option(
            None,
            "Hold the weights of a decoder in 4 bits. Runs are evaluated as they were trained.",
            "--4bit",
            panel=_MODELS,
        ),
    ] = False,
    precision: Annotated[str | None, option_for(Settings, "precision", panel=_MODELS)] = None,
    max_length: Annotated[int | None, option_for(Settings, "max-length", panel=_MODELS, min=8)] = None,
    force: Annotated[
        bool, option(None, "Evaluate a model anew that was evaluated before.", "--force", panel=_MODELS)
    ] = False,
    device: options.DeviceOption = None,
    runs: options.RunsOption = None,
    store: options.StoreOption = None,
    format_: options.FormatOption = options.Format.table,
    json_: options.JsonOption = False,
) -> None:
    """Scores of runs or models on target languages, with counts and 95 % intervals; or the differences between runs.

    Predictions are kept, so runs are compared without their models.

    Examples:

      mslt eval 1a2b3c4d --targets fi,tr

      mslt eval bloom-7b1 1a2b3c4d --task xcopa,xwinograd,xstorycloze

      mslt eval bloom-560m --task xcopa --scoring options --targets all

      mslt eval ./my-chat-model --task belebele --template auto --targets de,sw --limit 100

      mslt eval --compare 1a2b3c4d 5e6f7a8b

      mslt eval ./my-xlm-r-on-xnli --task xnli --split validation
    """
    from dataclasses import replace
    from functools import lru_cache, partial

    from mslt_cli.commands.arguments import filled_store, tasks_of
    from mslt_cli.errors import UsageError
    from mslt_cli.fields import values_given
    from mslt_cli.languages.pools import languages_in
    from mslt_cli.models.find import fetch_model
    from mslt_cli.runs.answering import Evaluation, unite_evaluations
    from mslt_cli.runs.compare import compare_runs
    from mslt_cli.runs.directory import runs_root
    from mslt_cli.runs.evaluate import evaluate_model, evaluate_run
    from mslt_cli.runs.index import find_run
    from mslt_cli.runs.plan import (
        PAPER_LITERAL,
        note_readings,
        plan_choices,
        require_evaluated,
        resolve_targets,
        targets_of,
    )
    from mslt_cli.runs.session import Session
    from mslt_cli.runs.spec import find_model_of
    from mslt_cli.show.bars import progress
    from mslt_cli.show.scored_runs import show_comparison, show_runs
    from mslt_cli.store.db import store_path

    form = (options.Format.json if json_ else format_).value
    path, bars = store_path(store), progress()
    # The options of a record are read from the context: each is declared above, and its name is its field's.
    reading = Reading(**values_given(Reading, context.params)).check()
    settings = Settings(**values_given(Settings, {"precision": precision, "max_length": max_length})).check()
    tasks = tasks_of(task, no_repair)
    if compare and len(set(what)) < len(what):
        raise UsageError(f"--compare names {max(what, key=what.count)} twice. Name each run once.")
    with filled_store(path) as opened:
        groups = {text: [find_run(opened, name) for name in (text.split("+") if compare else [text])] for text in what}
    if not tasks:
        first = next((run for group in groups.values() for run in group if run is not None), None)
        if first is None:
            raise UsageError(f"{what[0]} is no run that the store knows. For a model, say --task.")
        tasks = tasks_of([first.task_name], [*first.record["task"]["without"], *(no_repair or ())])
    chosen, names = tasks[0], languages_in(targets)
    note_readings(chosen, names, bars)
    require_evaluated(chosen)
    choices = chosen.kind == "multiple-choice"
    if len(tasks) > 1 and not choices:
        raise UsageError("Several tasks at once are for decoders. Name one.")
    evaluations = plan_choices(tasks, names, reading, split=split, progress=bars) if choices else []
    evaluations = [replace(evaluation, limit=limit) for evaluation in evaluations]
    split = split or chosen.evaluation
    chosen.require_split(split)
    wanted = evaluations[0].targets if choices else resolve_targets(chosen, names)
    if compare:
        if len(tasks) > 1:
            raise UsageError("--compare takes one task at a time.")
        if missing := [text for text, group in groups.items() if None in group]:
            raise UsageError(f"--compare takes runs, and {missing[0]!r} is none that the store knows.")
        compared = {text: [run for run in group if run is not None] for text, group in groups.items()}
        common = () if not names or names == [PAPER_LITERAL] else wanted
        evaluation = Evaluation(chosen, split, common, reading if choices else None, limit)
        show_comparison(compare_runs(compared, evaluation, resamples=resamples, seed=seed), form)
        return
    open_session = lru_cache(maxsize=1)(  # one model at a time is in memory
        lambda name: Session(fetch_model(name, progress=bars), device=device, progress=bars)
    )
    evaluate = partial(evaluate_model, path, root=runs_root(runs, path), settings=settings, force=force)
    done, shown = [], []
    for text, (run,) in groups.items():
        session = open_session(text if run is None else find_model_of(run))
        if max_length is not None and run is None and not choices:
            session.note_length(settings)
        if not choices:
            sources = tuple(run.identity.get("shares") or {}) if run is not None else ()
            # A run answers with what it has, unless other targets are named.
            before = Evaluation(chosen, split, ()).targets_in(run) if run is not None else ()
            evaluations = [Evaluation(chosen, split, targets_of(chosen, wanted or before, sources), limit=limit)]
        for evaluation in evaluations:
            if run is not None and run.identity["kind"] == "train":
                run = evaluate_run(path, run, session.model, evaluation, session=session)
                done.append(run)
                continue
            in_four_bits = four_bit if run is None else bool(run.identity["settings"].get("four_bit"))
            done.append(evaluate(session.model, evaluation, four_bit=in_four_bits, session=session))
        shown += evaluations
    show_runs(done, unite_evaluations(shown), form, statuses=["evaluated"] * len(done))
