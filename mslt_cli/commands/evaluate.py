"""`mslt eval`: evaluates a run, or a model as it is; and tests whether runs differ."""

from __future__ import annotations

from typing import Annotated

import typer

from mslt_cli.options import (
    DeviceOption,
    Format,
    FormatOption,
    JsonOption,
    RunsOption,
    StoreOption,
    TargetsOption,
    complete_tasks,
)


def evaluate(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN|MODEL...",
            help="A run by the start of its id or its folder; or a model that was trained for the task, by its folder "
            "or its name on the hub. For --compare, runs; a+b+c are the seeds of one combination.",
        ),
    ],
    task: Annotated[
        str | None,
        typer.Option(
            "--task", metavar="TASK", autocompletion=complete_tasks, help="Default: what the run was trained for."
        ),
    ] = None,
    targets: TargetsOption = None,
    split: Annotated[str | None, typer.Option(metavar="SPLIT", help="Default: the task's.")] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Does each further run differ from the first? Needs no model.")
    ] = False,
    resamples: Annotated[int, typer.Option(metavar="N", min=100, help="Of the bootstrap of --compare.")] = 10_000,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Of the bootstrap of --compare.")] = 0,
    max_length: Annotated[int, typer.Option(metavar="N", min=8, help="Tokens, for a model as it is.")] = 512,
    device: DeviceOption = None,
    force: Annotated[bool, typer.Option("--force", help="Evaluate a model anew.")] = False,
    runs: RunsOption = None,
    store: StoreOption = None,
    format_: FormatOption = Format.table,
    json_: JsonOption = False,
) -> None:
    """Scores of runs or models on target languages, with counts and 95 % intervals; or the differences between runs.

    Predictions are kept, so runs are compared without their models.

    Examples:

      mslt eval 1a2b3c4d --targets fi,tr

      mslt eval --compare 1a2b3c4d 5e6f7a8b

      mslt eval ./my-xlm-r-on-xnli --task xnli --split validation
    """
    from mslt_cli.commands.named import filled_store, languages_of, task_of
    from mslt_cli.errors import UsageError
    from mslt_cli.models.find import fetch_model
    from mslt_cli.reporting.progress import progress
    from mslt_cli.reporting.runs import show_comparisons, show_runs
    from mslt_cli.runs.directory import Run, runs_root
    from mslt_cli.runs.evaluate import Evaluation
    from mslt_cli.runs.experiment import evaluate_model, evaluate_run, find_run
    from mslt_cli.runs.plan import PAPER_LITERAL, require_classification, targets_of
    from mslt_cli.store.db import store_path

    form = (Format.json if json_ else format_).value
    path = store_path(store)
    bars = progress()
    with filled_store(path) as opened:
        found = [
            [find_run(opened, name) for name in text.split("+")] if compare else [find_run(opened, text)]
            for text in what
        ]
        first = next((run for group in found for run in group if run is not None), None)
        if task is not None:
            chosen = task_of(task, None)
        elif first is not None:
            chosen = task_of(first.record["task"]["name"], first.record["task"]["without"])
        else:
            raise UsageError(f"{what[0]} is no run that the store knows. For a model, say --task.")
        require_classification(chosen)
        literal = targets == [PAPER_LITERAL]
        wanted = (PAPER_LITERAL,) if literal else languages_of(opened, chosen, targets)
    split = split or chosen.evaluation
    chosen.require_split(split)
    if compare:
        from mslt_cli.runs.compare import compare_runs

        missing = [text for text, group in zip(what, found, strict=True) if None in group]
        if missing:
            raise UsageError(f"--compare takes runs, and {missing[0]!r} is none that the store knows.")
        groups = {text: [run for run in group if run is not None] for text, group in zip(what, found, strict=True)}
        comparison = compare_runs(
            *(chosen, groups, split), targets=() if literal else wanted, resamples=resamples, seed=seed
        )
        show_comparisons(comparison.rows, form, comparison.footer)
        return
    done: list[Run] = []
    shown: dict[str, None] = {}
    for name, (run,) in zip(what, found, strict=True):
        sources = tuple(run.identity.get("shares") or {}) if run is not None else ()
        known = run.targets(chosen.variant, split) if run is not None else ()
        # A run answers with what it has, unless other targets are named.
        aims = targets_of(chosen, wanted, sources) if wanted or not known else known
        if not aims:
            raise UsageError(f"{chosen.name} has no targets of its own. Name them with --targets.")
        evaluation = Evaluation(chosen, split, aims)
        shown |= dict.fromkeys(aims)
        if run is not None:
            trained_from = fetch_model(str(run.identity["model"]["name"]), progress=bars)
            done.append(evaluate_run(path, run, trained_from, evaluation, device=device, progress=bars))
        else:
            model = fetch_model(name, progress=bars)
            done.append(
                evaluate_model(
                    *(path, model, evaluation),
                    root=runs_root(runs, path),
                    max_length=max_length,
                    device=device,
                    force=force,
                    progress=bars,
                )
            )
    show_runs(
        *(chosen, done, form), split=split, targets=sorted(shown, key=chosen.code), statuses=["evaluated"] * len(done)
    )
