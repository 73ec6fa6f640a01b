"""`mslt train`: fine-tunes on one combination of source languages or on many, and evaluates each on the targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mslt_cli.commands import options
from mslt_cli.commands.options import option, option_for
from mslt_cli.models.adapter import Adapter
from mslt_cli.runs.how import How
from mslt_cli.training.mixture import Sampling
from mslt_cli.training.settings import Settings, override

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from mslt_cli.clusters.submissions import Engine
    from mslt_cli.runs.designs import Named
    from mslt_cli.runs.plan import Planned
    from mslt_cli.runs.session import Session
    from mslt_cli.runs.work import State

_DATA, _MANY, _TRAINING, _RUNNING = options.DATA, "Many runs", "Training", "Running"
_DECODERS = "Decoders, tuned on instructions"


def train_command(
    context: typer.Context,
    task: Annotated[str, option("TASK", "A task, or the .toml of your own.")],
    model: Annotated[str, option("MODEL", "A model: e5-small, xlm-r-base, …, org/name on the hub, or a folder.")],
    sources: Annotated[
        list[str] | None,
        option(
            "LANGS",
            "Languages that one run is trained on: en, or ar,de,zh. Repeat the option for more runs; - reads a run "
            "from each line of standard input.",
            "--sources",
            "-s",
        ),
    ] = None,
    examples: Annotated[
        int | None,
        option(
            "N",
            "Examples of a run in all, however many sources it has. Default: what the smallest source has.",
            "--examples",
            "-n",
            min=1,
        ),
    ] = None,
    targets: options.TargetsOption = None,
    seed: Annotated[list[str] | None, option("SEEDS", "Seeds, 0,1,2 or 0..4: one run for each. Default: 0.")] = None,
    split: Annotated[str | None, option_for(Sampling, "split", panel=_DATA)] = None,
    pairing: Annotated[str | None, option_for(Sampling, "pairing", panel=_DATA)] = None,
    oversample: Annotated[bool, option_for(Sampling, "oversample", panel=_DATA)] = False,
    data_seed: Annotated[int | None, option_for(Sampling, "data-seed", panel=_DATA, min=0)] = None,
    evaluation_split: Annotated[
        str | None,
        option(
            "SPLIT",
            "Split of the task to evaluate on, or its first rows: test[:100]. Default: the paper's.",
            panel=_DATA,
        ),
    ] = None,
    no_repair: options.RepairOption = None,
    all_combinations: Annotated[
        bool, option(None, "Train on all sets of -k languages of --pool.", "--all-combinations", panel=_MANY)
    ] = False,
    pool: Annotated[
        str,
        option(
            "LANGS",
            "Languages to combine, by comma. Default: paper, the sources of the task.",
            "--pool",
            "-p",
            panel=_MANY,
            complete=options.complete_pool,
        ),
    ] = "paper",
    k: Annotated[str, option("N", "Languages in a combination: 3, or 1..5. Default: 3.", "-k", panel=_MANY)] = "3",
    design: Annotated[
        str | None,
        option(
            "N|singles",
            "Train the N runs that teach most about all combinations of -k languages of --pool, those that are done "
            "included; or each language alone. Default: none.",
            panel=_MANY,
        ),
    ] = None,
    search: Annotated[
        bool,
        option(
            None,
            "Search for the best -k languages of --pool: begin with a design, then train what tells most.",
            "--search",
            panel=_MANY,
        ),
    ] = False,
    runs_at_most: Annotated[
        int | None,
        option(
            "N", "With --search: runs of combinations of -k in all, those that are done included.", panel=_MANY, min=1
        ),
    ] = None,
    stop_within: Annotated[
        float,
        option(
            "POINTS",
            "With --search: stop when the chance that another combination is better by more is under 5 %. Default: 1.",
            panel=_MANY,
        ),
    ] = 1.0,
    jobs: Annotated[
        int, option("N", "Runs at the same time, each on a GPU of its own. Default: 1.", panel=_MANY, min=1)
    ] = 1,
    dry_run: Annotated[bool, option(None, "Print the plan and train nothing.", "--dry-run", panel=_MANY)] = False,
    preset: Annotated[
        str,
        option(
            "NAME",
            "Values that the settings below start from: default (those shown here), paper (the paper's Table 5 with "
            "two rows exchanged) or paper-printed (as it is printed). Default: default.",
            panel=_TRAINING,
        ),
    ] = "default",
    epochs: Annotated[float | None, option_for(Settings, "epochs", panel=_TRAINING)] = None,
    steps: Annotated[int | None, option_for(Settings, "steps", panel=_TRAINING)] = None,
    batch_size: Annotated[int | None, option_for(Settings, "batch-size", panel=_TRAINING)] = None,
    learning_rate: Annotated[float | None, option_for(Settings, "learning-rate", "--lr", panel=_TRAINING)] = None,
    head_learning_rate: Annotated[float | None, option_for(Settings, "head-learning-rate", panel=_TRAINING)] = None,
    weight_decay: Annotated[float | None, option_for(Settings, "weight-decay", panel=_TRAINING)] = None,
    warmup: Annotated[float | None, option_for(Settings, "warmup", panel=_TRAINING)] = None,
    schedule: Annotated[str | None, option_for(Settings, "schedule", panel=_TRAINING)] = None,
    clip: Annotated[float | None, option_for(Settings, "clip", panel=_TRAINING)] = None,
    max_length: Annotated[int | None, option_for(Settings, "max-length", panel=_TRAINING)] = None,
    head: Annotated[str | None, option_for(Settings, "head", panel=_TRAINING)] = None,
    dropout: Annotated[float | None, option_for(Settings, "dropout", panel=_TRAINING)] = None,
    freeze_embeddings: Annotated[bool, option_for(Settings, "freeze-embeddings", panel=_TRAINING)] = False,
    average_checkpoints: Annotated[int | None, option_for(Settings, "average-checkpoints", panel=_TRAINING)] = None,
    choose: Annotated[str | None, option_for(Settings, "choose", panel=_TRAINING)] = None,
    evaluate_every: Annotated[int | None, option_for(Settings, "evaluate-every", panel=_TRAINING)] = None,
    validation_examples: Annotated[int | None, option_for(Settings, "validation-examples", panel=_TRAINING)] = None,
    compile: Annotated[bool, option_for(Settings, "compile", panel=_TRAINING)] = False,
    precision: Annotated[str | None, option_for(Settings, "precision", panel=_TRAINING)] = None,
    micro_batch: Annotated[int | None, option_for(Settings, "micro-batch", panel=_TRAINING, min=1)] = None,
    spacing: Annotated[str | None, option_for(Settings, "spacing", panel=_DECODERS)] = None,
    lora_rank: Annotated[int | None, option_for(Adapter, "lora-rank", panel=_DECODERS)] = None,
    lora_alpha: Annotated[int | None, option_for(Adapter, "lora-alpha", panel=_DECODERS)] = None,
    lora_dropout: Annotated[float | None, option_for(Adapter, "lora-dropout", panel=_DECODERS)] = None,
    lora_targets: Annotated[str | None, option_for(Adapter, "lora-targets", panel=_DECODERS)] = None,
    no_4bit: Annotated[bool, option_for(Adapter, "no-4bit", panel=_DECODERS)] = False,
    merge: Annotated[bool, option_for(How, "merge", panel=_DECODERS)] = False,
    evaluate: Annotated[
        list[str] | None,
        option(
            "TASKS",
            "Tasks to ask each run after training, by comma: xcopa,xwinograd,xstorycloze. Answers are read by letters; "
            "`mslt eval` has other ways. Default: none.",
            panel=_DECODERS,
        ),
    ] = None,
    keep_model: Annotated[bool, option_for(How, "keep-model", panel=_RUNNING)] = False,
    checkpoint_every: Annotated[int | None, option_for(How, "checkpoint-every", panel=_RUNNING, min=0)] = None,
    force: Annotated[bool, option_for(How, "force", panel=_RUNNING)] = False,
    report_to: Annotated[str | None, option_for(How, "report-to", panel=_RUNNING)] = None,
    submit: options.SubmitOption = None,
    slurm: options.SlurmOption = None,
    ray: options.RayOption = None,
    runs_per_task: options.RunsPerTaskOption = 1,
    no_wait: Annotated[bool, option_for(How, "no-wait", panel=_RUNNING)] = False,
    no_index: Annotated[bool, option_for(How, "no-index", panel=_RUNNING)] = False,
    device: options.DeviceOption = None,
    runs: options.RunsOption = None,
    config: options.ConfigOption = None,
    store: options.StoreOption = None,
    format_: options.FormatOption = options.Format.table,
    json_: options.JsonOption = False,
) -> None:
    """Train on source languages under one budget, evaluate on languages that nothing was trained on, record all.

    The same command again goes on where it was stopped, and repeats nothing that is done.

    Examples:

      mslt train --task cldr --model e5-small --sources en --sources ar,de,zh --examples 600

      mslt train --task xnli --model xlm-r-base --preset paper --all-combinations -k 3 --seed 0..2 --dry-run

      mslt train --task bactrian --model bloom-7b1 --sources ar,de,zh --evaluate xcopa,xwinograd,xstorycloze

      mslt train --task cldr --model e5-small --examples 300 -k 3 --search --runs-at-most 12

      mslt select --pool paper -k 3 --top 5 --format lines | mslt train --task wikiann --model xlm-r-base -s -
    """
    from contextlib import ExitStack
    from dataclasses import replace

    from mslt_cli.clusters.handing import engine_named, hand_over, handing_over, helped_by, require_submittable
    from mslt_cli.commands.arguments import filled_store, numbers_in, only_number, task_of, tasks_of
    from mslt_cli.errors import MsltError, UsageError
    from mslt_cli.evaluation.reading import Reading
    from mslt_cli.fields import values_given, words_for
    from mslt_cli.languages.pools import languages_in
    from mslt_cli.models.find import fetch_model
    from mslt_cli.progress import QUIET
    from mslt_cli.runs.answering import unite_evaluations
    from mslt_cli.runs.designs import plan_design
    from mslt_cli.runs.directory import runs_root
    from mslt_cli.runs.experiment import do_runs, expected_seconds, forecast_runs
    from mslt_cli.runs.jobs import first_run, read_runs, start_helpers, write_runs
    from mslt_cli.runs.plan import (
        Experiment,
        combinations_of,
        plan_choices,
        pool_of,
        require_one_way,
        require_trainable,
    )
    from mslt_cli.runs.recipe import plan_recipe
    from mslt_cli.runs.search_runs import first_number, search_combinations
    from mslt_cli.runs.trackers import require_tracker
    from mslt_cli.show.bars import progress
    from mslt_cli.show.cluster_runs import show_handed, show_scripts
    from mslt_cli.show.plans import announce_plan, note_repeats, show_plan
    from mslt_cli.show.scored_runs import show_runs
    from mslt_cli.show.searches import show_search
    from mslt_cli.store.db import store_path
    from mslt_cli.training.distributed import count_processes, is_first_process, is_helper
    from mslt_cli.training.settings import preset as preset_of

    form = (options.Format.json if json_ else format_).value
    talks = is_first_process() and not is_helper()
    bars = progress() if is_first_process() else QUIET
    chosen = task_of(task, no_repair)
    require_trainable(chosen)
    # The options of a record are read from the context: each is declared above, and its name is its field's.
    settings = override(
        preset_of(preset, chosen.name, model, kind=chosen.kind),
        values_given(Settings, context.params),
        values_given(Adapter, context.params),
    )
    if chosen.kind != "instruction" and (merge or evaluate):
        raise UsageError("--merge and --evaluate are for decoders that are tuned on instructions. Leave them out.")
    path, ks = store_path(store), numbers_in(k, "-k")
    root = runs_root(runs, path)
    require_one_way(sources, all_combinations, design, search, runs_at_most)
    languages: list[str] = []
    combinations: list[tuple[str, ...]] = []
    stdin = ""
    with filled_store(path) as opened:
        if search or design:
            languages = pool_of(opened, chosen, pool)
        else:
            combinations, stdin = combinations_of(
                opened, chosen, sources or (), pool=pool if all_combinations else None, ks=ks
            )

    if no_wait and jobs > 1:
        raise UsageError("--no-wait leaves runs to other processes, and those of --jobs are others. Leave one out.")
    how = How(device=device, **values_given(How, context.params))
    engine: Engine | None = None
    alive: Collection[str] = ()
    if submit is not None:
        require_submittable(force=force, jobs=1 if search else jobs, processes=count_processes())
        engine = engine_named(submit, slurm or (), ray or (), settings.precision)
        require_tracker(how.report_to)  # each job would end there
        runs, store = root, path
    elif slurm or ray or runs_per_task > 1:
        raise UsageError("--slurm, --ray and --runs-per-task go with --submit slurm or --submit ray.")
    how = replace(how, no_wait=no_wait or is_helper())  # whoever started a helper waits for all
    places = {"--device": device, "--runs": runs and runs.absolute(), "--store": store and store.absolute()}
    how_words = words_for(how, How()) + [str(w) for place in places.items() if place[1] is not None for w in place]
    experiment = Experiment(
        task=chosen,
        model=fetch_model(model, progress=bars),
        sources=combinations,
        examples=examples,
        seeds=tuple(n for text in seed or ("0",) for n in numbers_in(text, "--seed")),
        sampling=Sampling(**values_given(Sampling, context.params)),
        settings=settings,
        targets=languages_in(targets),
        evaluation_split=evaluation_split,
        evaluations=plan_choices(tasks_of(evaluate, None), (), Reading(), progress=bars),
        processes=count_processes(),
    )
    if search and not dry_run and not is_helper():
        found = search_combinations(
            path,
            experiment,
            languages,
            only_number(ks, "-k"),
            runs_at_most=runs_at_most or 0,
            stop_within=stop_within,
            root=root,
            how=how,
            progress=bars,
            at_once=jobs,
            helped=lambda chosen_here: (
                helped_by(engine, path, chosen_here, root, how, how_words, runs_per_task, bars)
                if engine
                else start_helpers(jobs, device, write_runs(chosen_here))
            ),
        )
        show_search(found, form)
        return
    left: Mapping[Named, float] = {}
    if design == "singles":
        experiment = replace(experiment, sources=[(language,) for language in languages])
    elif is_helper() and languages:
        experiment = read_runs(experiment)
    elif languages:
        size = only_number(ks, "-k") if search else max(ks)
        n = (
            first_number(len(languages), size, runs_at_most or 0)
            if search
            else only_number(numbers_in(design or "", "--design"), "--design")
        )
        planned = plan_design(path, plan_recipe(experiment, languages, size, device=device, progress=bars), ks, n)
        experiment, left = planned.experiment, planned.left
        for text in planned.notes if talks else ():
            bars.remark(text)
        stdin = write_runs(experiment)

    def announce(plan: list[tuple[Planned, State]], session: Session) -> bool:
        if talks and max_length is not None:
            session.note_length(settings)
        if engine is not None:
            handed = hand_over(plan, engine, root, how_words, alive, per_element=runs_per_task, dry_run=dry_run)
            show_scripts(handed, engine, form) if dry_run else show_handed(handed, form)
            return False
        if dry_run:
            rows = forecast_runs(plan, session, path, how_words)
            for (item, _), row in zip(plan, rows, strict=True) if left else ():
                row["sd_left"] = left[item.spec.sources, item.spec.seed]
            show_plan(plan, rows, form)
        elif talks:
            to_do = [planned for planned, state in plan if state != "done"]
            announce_plan(plan, expected_seconds(to_do, session, path))
        return not dry_run

    with ExitStack() as stack:
        if engine is not None and not dry_run:
            alive = stack.enter_context(handing_over(engine, root))
        elif talks and not dry_run:
            stack.enter_context(start_helpers(jobs, device, stdin))
        finished = do_runs(path, experiment, root=root, how=how, progress=bars, announce=announce, first=first_run)
    done = [(item.planned, item.outcome) for item in finished if item.outcome is not None]
    if talks and done:
        evaluations = unite_evaluations([evaluation for planned, _ in done for evaluation in planned.evaluations])
        statuses = [outcome.status for _, outcome in done]
        show_runs([outcome.run for _, outcome in done], evaluations, form, statuses=statuses)
        note_repeats([outcome for _, outcome in done])
    failed = [(item.planned.spec, item.error) for item in finished if item.error is not None]
    if failed and len(finished) == 1:
        raise failed[0][1]
    if failed:
        spec, error = failed[0]
        raise MsltError(f"{len(failed)} of {len(finished)} runs failed, first {spec.title}: {error}")
