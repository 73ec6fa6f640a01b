"""`mslt eval`: evaluates a run, or a model as it is; and tests whether runs differ."""

from __future__ import annotations

from typing import Annotated

import typer

from mslt_cli.commands.options import (
    DeviceOption,
    Format,
    FormatOption,
    JsonOption,
    RunsOption,
    StoreOption,
    TargetsOption,
    complete_tasks,
)

_DECODERS = "Decoders"


def evaluate(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN|MODEL...",
            help="A run by the start of its id or its folder; or a model as it is, by its folder or its hub name: "
            "a decoder, or one that was trained for the task. For --compare, runs; a+b+c are the seeds of one "
            "combination.",
        ),
    ],
    task: Annotated[
        list[str] | None,
        typer.Option(
            "--task",
            metavar="TASKS",
            autocompletion=complete_tasks,
            help="Default: what the run was trained for. Decoders are asked several, by comma.",
        ),
    ] = None,
    targets: TargetsOption = None,
    split: Annotated[str | None, typer.Option(metavar="SPLIT", help="Default: the task's.")] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Does each further run differ from the first? Needs no model.")
    ] = False,
    resamples: Annotated[int, typer.Option(metavar="N", min=100, help="Of the bootstrap of --compare.")] = 10_000,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Of the bootstrap of --compare.")] = 0,
    scoring: Annotated[
        str,
        typer.Option(
            metavar="letters|generate|options",
            help="Is 1 or 2 likelier; which does it write; or which filled-in text is likelier, as the evaluation "
            "harness has it.",
            rich_help_panel=_DECODERS,
        ),
    ] = "letters",
    swap: Annotated[
        bool,
        typer.Option("--swap", help="Ask in both orders of the choices; both count.", rich_help_panel=_DECODERS),
    ] = False,
    spacing: Annotated[
        str,
        typer.Option(
            metavar="printed|bactrian",
            help="Of the prompts: as the paper prints them, or with Bactrian-X's blank lines.",
            rich_help_panel=_DECODERS,
        ),
    ] = "printed",
    new_tokens: Annotated[
        int,
        typer.Option(metavar="N", min=1, help="What it may write, with generate.", rich_help_panel=_DECODERS),
    ] = 8,
    truncate: Annotated[
        bool,
        typer.Option(
            "--truncate",
            help="Cut the beginning of texts that are longer than the model's context.",
            rich_help_panel=_DECODERS,
        ),
    ] = False,
    four_bit: Annotated[
        bool,
        typer.Option("--4bit", help="Hold a model as it is in 4 bits. Runs are as trained.", rich_help_panel=_DECODERS),
    ] = False,
    precision: Annotated[
        str, typer.Option(metavar="auto|fp32|bf16", help="Of a model as it is; auto: bf16 on GPUs that have it.")
    ] = "auto",
    max_length: Annotated[int, typer.Option(metavar="N", min=8, help="Tokens, for a classifier as it is.")] = 512,
    device: DeviceOption = None,
    force: Annotated[bool, typer.Option("--force", help="Evaluate a model anew.")] = False,
    no_repair: Annotated[
        list[str] | None, typer.Option("--no-repair", metavar="NAME", help="Leave a known fault of the data.")
    ] = None,
    runs: RunsOption = None,
    store: StoreOption = None,
    format_: FormatOption = Format.table,
    json_: JsonOption = False,
) -> None:
    """Scores of runs or models on target languages, with counts and 95 % intervals; or the differences between runs.

    Predictions are kept, so runs are compared without their models.

    Examples:

      mslt eval 1a2b3c4d --targets fi,tr

      mslt eval bloom-7b1 1a2b3c4d --task xcopa,xwinograd,xstorycloze

      mslt eval bloom-560m --task xcopa --scoring options --targets all

      mslt eval --compare 1a2b3c4d 5e6f7a8b

      mslt eval ./my-xlm-r-on-xnli --task xnli --split validation
    """
    from mslt_cli.commands.arguments import choice_evaluations, filled_store, languages_of, task_of
    from mslt_cli.errors import UsageError
    from mslt_cli.evaluation.choices import Reading
    from mslt_cli.languages.pools import split_names
    from mslt_cli.models.find import Model, fetch_model
    from mslt_cli.runs.answering import Evaluation
    from mslt_cli.runs.directory import Run, runs_root
    from mslt_cli.runs.evaluate import evaluate_model, evaluate_run
    from mslt_cli.runs.experiment import together
    from mslt_cli.runs.index import find_run
    from mslt_cli.runs.plan import PAPER_LITERAL, require_evaluated, targets_of
    from mslt_cli.runs.session import Session
    from mslt_cli.show.bars import progress
    from mslt_cli.show.scored_runs import show_comparisons, show_runs
    from mslt_cli.store.db import store_path

    form = (Format.json if json_ else format_).value
    path = store_path(store)
    bars = progress()
    reading = Reading(scoring, swap, spacing, new_tokens, truncate).check()  # type: ignore[arg-type]
    named = [name for text in task or () for name in split_names(text)]
    with filled_store(path) as opened:
        found = [
            [find_run(opened, name) for name in text.split("+")] if compare else [find_run(opened, text)]
            for text in what
        ]
        first = next((run for group in found for run in group if run is not None), None)
        if not named and first is None:
            raise UsageError(f"{what[0]} is no run that the store knows. For a model, say --task.")
        own = task_of(first.record["task"]["name"], [*first.record["task"]["without"]]) if first is not None else None
        chosen = task_of(named[0], None) if named else own
        assert chosen is not None
        require_evaluated(chosen)
        literal = targets == [PAPER_LITERAL]
        asked = chosen.kind == "multiple-choice"
        evaluations: list[Evaluation] = []
        if asked:
            evaluations = choice_evaluations(
                *(opened, named or [chosen.name], targets, reading), no_repair=no_repair, split=split, progress=bars
            )
            chosen = evaluations[0].task
        elif len(named) > 1:
            raise UsageError("Several tasks at once are for decoders. Name one.")
        wanted = (PAPER_LITERAL,) if literal else () if asked else languages_of(opened, chosen, targets)
    split = split or chosen.evaluation
    chosen.require_split(split)
    if compare:
        from mslt_cli.runs.compare import compare_runs

        if len(evaluations) > 1:
            raise UsageError("--compare takes one task at a time.")
        missing = [text for text, group in zip(what, found, strict=True) if None in group]
        if missing:
            raise UsageError(f"--compare takes runs, and {missing[0]!r} is none that the store knows.")
        groups = {text: [run for run in group if run is not None] for text, group in zip(what, found, strict=True)}
        comparison = compare_runs(
            *(chosen, groups, split),
            scoring=reading.name if asked else "",
            targets=() if literal or not targets else evaluations[0].targets if asked else wanted,
            resamples=resamples,
            seed=seed,
        )
        show_comparisons(comparison.rows, form, comparison.footer)
        return
    done: list[Run] = []
    shown: list[Evaluation] = []
    sessions: dict[str, tuple[Model, Session]] = {}

    def session_of(model: str) -> tuple[Model, Session]:
        if model not in sessions:
            sessions.clear()  # one model at a time is in memory
            fetched = fetch_model(model, progress=bars)
            sessions[model] = (fetched, Session(fetched, device=device, progress=bars))
        return sessions[model]

    for name, (run,) in zip(what, found, strict=True):
        if not asked:
            sources = tuple(run.identity.get("shares") or {}) if run is not None else ()
            known = run.targets(chosen.variant, split) if run is not None else ()
            # A run answers with what it has, unless other targets are named.
            aims = targets_of(chosen, wanted, sources) if wanted or not known else known
            if not aims:
                raise UsageError(f"{chosen.name} has no targets of its own. Name them with --targets.")
            evaluations = [Evaluation(chosen, split, aims)]
        for evaluation in evaluations:
            if run is not None and run.identity["kind"] == "train":
                model, session = session_of(str(run.identity["model"]["name"]))
                run = evaluate_run(path, run, model, evaluation, device=device, session=session, progress=bars)
                done.append(run)
                continue
            model, session = session_of(name if run is None else str(run.identity["model"]["name"]))
            done.append(
                evaluate_model(
                    *(path, model, evaluation),
                    root=runs_root(runs, path),
                    max_length=max_length,
                    precision=precision,
                    four_bit=four_bit if run is None else bool(run.identity["settings"].get("four_bit")),
                    device=device,
                    session=session,
                    force=force,
                    progress=bars,
                )
            )
        shown += evaluations
    show_runs(done, together(shown), form, statuses=["evaluated"] * len(done))
