"""`mslt train`: fine-tunes on one combination of source languages or on many, and evaluates each on the targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mslt_cli.commands.options import (
    DeviceOption,
    Format,
    FormatOption,
    JsonOption,
    RunsOption,
    StoreOption,
    TargetsOption,
    complete_languages,
    complete_model_names,
    complete_pool,
    complete_tasks,
)

if TYPE_CHECKING:
    from mslt_cli.runs.experiment import State
    from mslt_cli.runs.plan import Planned
    from mslt_cli.runs.session import Session

_LEARNING, _MANY, _RECORD = "How it learns", "Many runs", "Running and recording"
_DECODERS = "Decoders, tuned on instructions"


def train(
    task: Annotated[
        str, typer.Option("--task", metavar="TASK", autocompletion=complete_tasks, help="A task, or a .toml.")
    ],
    model: Annotated[
        str,
        typer.Option(
            "--model",
            metavar="MODEL",
            autocompletion=complete_model_names,
            help="e5-small, xlm-r-base, …, org/name on the hub, or a folder.",
        ),
    ],
    sources: Annotated[
        list[str] | None,
        typer.Option(
            "--sources",
            "-s",
            metavar="LANGUAGES",
            autocompletion=complete_languages,
            help="What one run is trained on: en, or ar,de,zh. Repeat it for more runs; - reads a line for each.",
        ),
    ] = None,
    examples: Annotated[
        int | None,
        typer.Option(
            "--examples",
            "-n",
            metavar="N",
            min=1,
            help="In all, however many sources. Default: all that the smallest source has.",
        ),
    ] = None,
    targets: TargetsOption = None,
    split: Annotated[
        str | None,
        typer.Option(metavar="sizes|a=600,b=200", help="Unequal shares: in proportion to the data, or as stated."),
    ] = None,
    pairing: Annotated[
        str | None,
        typer.Option(
            metavar="disjoint|same|independent",
            help="Parallel data: each item in one source only (default), the same items in all, or as it comes.",
        ),
    ] = None,
    oversample: Annotated[
        bool, typer.Option("--oversample", help="Repeat examples where a source has too few.")
    ] = False,
    seed: Annotated[
        list[str] | None, typer.Option("--seed", metavar="N", help="0,1,2 or 0..4: a run for each. Default: 0.")
    ] = None,
    all_combinations: Annotated[
        bool, typer.Option("--all-combinations", help="All sets of -k languages of --pool.", rich_help_panel=_MANY)
    ] = False,
    pool: Annotated[
        str,
        typer.Option(
            "--pool",
            "-p",
            metavar="LANGUAGES",
            autocompletion=complete_pool,
            help="For --all-combinations. `paper`: the task's sources.",
            rich_help_panel=_MANY,
        ),
    ] = "paper",
    k: Annotated[str, typer.Option("-k", metavar="N", help="3, or 1..5.", rich_help_panel=_MANY)] = "3",
    jobs: Annotated[
        int,
        typer.Option(metavar="N", min=1, help="Runs at once, each on a GPU of its own.", rich_help_panel=_MANY),
    ] = 1,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan, and train nothing.", rich_help_panel=_MANY)
    ] = False,
    preset: Annotated[
        str,
        typer.Option(
            metavar="default|paper|paper-printed",
            help="Where the settings below start from: ours, or the paper's Table 5.",
            rich_help_panel=_LEARNING,
        ),
    ] = "default",
    epochs: Annotated[
        float | None, typer.Option(metavar="X", help="Passes over the examples.", rich_help_panel=_LEARNING)
    ] = None,
    steps: Annotated[
        int | None, typer.Option(metavar="N", help="Optimizer steps, instead.", rich_help_panel=_LEARNING)
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(metavar="N", help="Examples a step.", rich_help_panel=_LEARNING)
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option("--learning-rate", "--lr", metavar="X", rich_help_panel=_LEARNING)
    ] = None,
    head_learning_rate: Annotated[
        float | None, typer.Option(metavar="X", help="Of the new head.", rich_help_panel=_LEARNING)
    ] = None,
    weight_decay: Annotated[float | None, typer.Option(metavar="X", rich_help_panel=_LEARNING)] = None,
    warmup: Annotated[
        float | None,
        typer.Option(metavar="0..1", help="Share of the steps in which the rate rises.", rich_help_panel=_LEARNING),
    ] = None,
    schedule: Annotated[
        str | None, typer.Option(metavar="linear|cosine|constant", help="How it falls.", rich_help_panel=_LEARNING)
    ] = None,
    clip: Annotated[
        float | None, typer.Option(metavar="X", help="Longest gradient; 0: any.", rich_help_panel=_LEARNING)
    ] = None,
    max_length: Annotated[
        int | None, typer.Option(metavar="N", help="Tokens of an example.", rich_help_panel=_LEARNING)
    ] = None,
    head: Annotated[
        str | None,
        typer.Option(
            metavar="auto|cls|mean",
            help="Sentences by their first token or by the mean over all; auto: as the model was made.",
            rich_help_panel=_LEARNING,
        ),
    ] = None,
    dropout: Annotated[
        float | None, typer.Option(metavar="0..1", help="Default: the model's.", rich_help_panel=_LEARNING)
    ] = None,
    freeze_embeddings: Annotated[
        bool, typer.Option("--freeze-embeddings", help="Leave the embeddings as they are.", rich_help_panel=_LEARNING)
    ] = False,
    average_checkpoints: Annotated[
        int | None,
        typer.Option(metavar="N", help="Average the weights at N points of the training.", rich_help_panel=_LEARNING),
    ] = None,
    choose: Annotated[
        str | None,
        typer.Option(
            metavar="last|best",
            help="Which weights count; best: on the sources' own validation data.",
            rich_help_panel=_LEARNING,
        ),
    ] = None,
    evaluate_every: Annotated[
        int | None,
        typer.Option(metavar="N", help="With --choose best: steps between two looks.", rich_help_panel=_LEARNING),
    ] = None,
    validation_examples: Annotated[
        int | None,
        typer.Option(metavar="N", help="With --choose best: of each source, at most.", rich_help_panel=_LEARNING),
    ] = None,
    compile_: Annotated[
        bool, typer.Option("--compile", help="Let torch compile the model.", rich_help_panel=_LEARNING)
    ] = False,
    precision: Annotated[
        str | None,
        typer.Option(metavar="auto|fp32|bf16", help="auto: bf16 on GPUs that have it.", rich_help_panel=_LEARNING),
    ] = None,
    spacing: Annotated[
        str | None,
        typer.Option(
            metavar="bactrian|printed",
            help="Of the prompts: Bactrian-X's blank lines, or none as the paper prints them.",
            rich_help_panel=_DECODERS,
        ),
    ] = None,
    lora_rank: Annotated[
        int | None, typer.Option(metavar="N", help="Of the adapter.", rich_help_panel=_DECODERS)
    ] = None,
    lora_alpha: Annotated[
        int | None, typer.Option(metavar="N", help="It counts alpha / rank times.", rich_help_panel=_DECODERS)
    ] = None,
    lora_dropout: Annotated[
        float | None, typer.Option(metavar="0..1", help="Of its input.", rich_help_panel=_DECODERS)
    ] = None,
    lora_targets: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Layers that it is put beside, by comma. Default: queries, keys and values.",
            rich_help_panel=_DECODERS,
        ),
    ] = None,
    no_4bit: Annotated[
        bool,
        typer.Option("--no-4bit", help="Do not hold the other weights in 4 bits.", rich_help_panel=_DECODERS),
    ] = False,
    merge: Annotated[
        bool,
        typer.Option("--merge", help="Also write the model with the adapter worked in.", rich_help_panel=_DECODERS),
    ] = False,
    evaluate: Annotated[
        list[str] | None,
        typer.Option(
            "--evaluate",
            metavar="TASKS",
            autocompletion=complete_tasks,
            help="Ask each run these: xcopa,xwinograd,xstorycloze. By letters; `mslt eval` has other ways.",
            rich_help_panel=_DECODERS,
        ),
    ] = None,
    data_seed: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="Of the samples. Default: each run's seed.", rich_help_panel=_LEARNING),
    ] = None,
    evaluation_split: Annotated[
        str | None, typer.Option(metavar="SPLIT", help="Default: the task's.", rich_help_panel=_RECORD)
    ] = None,
    keep_model: Annotated[
        bool, typer.Option("--keep-model", help="Keep the trained weights.", rich_help_panel=_RECORD)
    ] = False,
    checkpoint_every: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="Steps; 0: never. Default: five minutes.", rich_help_panel=_RECORD),
    ] = None,
    micro_batch: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Examples on the device at once.", rich_help_panel=_RECORD),
    ] = None,
    device: DeviceOption = None,
    force: Annotated[bool, typer.Option("--force", help="Run anew what is done.", rich_help_panel=_RECORD)] = False,
    no_repair: Annotated[
        list[str] | None,
        typer.Option("--no-repair", metavar="NAME", help="Leave a known fault of the data.", rich_help_panel=_RECORD),
    ] = None,
    runs: RunsOption = None,
    store: StoreOption = None,
    format_: FormatOption = Format.table,
    json_: JsonOption = False,
) -> None:
    """Train on source languages under one budget, evaluate on languages that nothing was trained on, record all.

    The same command again goes on where it was stopped, and repeats nothing that is done.

    Examples:

      mslt train --task cldr --model e5-small --sources en --sources ar,de,zh --examples 600

      mslt train --task xnli --model xlm-r-base --preset paper --all-combinations -k 3 --seed 0..2 --dry-run

      mslt train --task bactrian --model bloom-7b1 --sources ar,de,zh --evaluate xcopa,xwinograd,xstorycloze

      mslt select --pool task:wikiann -k 3 --top 5 --format lines | mslt train --task wikiann --model xlm-r-base -s -
    """
    from mslt_cli.commands.arguments import choice_evaluations, filled_store, languages_of, task_of
    from mslt_cli.errors import MsltError, UsageError
    from mslt_cli.languages.pools import split_names
    from mslt_cli.models.find import fetch_model
    from mslt_cli.progress import QUIET
    from mslt_cli.runs import jobs as parallel
    from mslt_cli.runs.combinations import combinations_of, shares_of
    from mslt_cli.runs.directory import runs_root
    from mslt_cli.runs.experiment import together
    from mslt_cli.runs.experiment import train as carry_out
    from mslt_cli.runs.plan import PAPER_LITERAL, numbers_in, require_trainable
    from mslt_cli.show.bars import progress
    from mslt_cli.show.plans import announce_plan, show_plan
    from mslt_cli.show.scored_runs import show_runs
    from mslt_cli.store.db import store_path
    from mslt_cli.training.distributed import first_process
    from mslt_cli.training.settings import overridden
    from mslt_cli.training.settings import preset as preset_of

    form = (Format.json if json_ else format_).value
    talks = first_process() and not parallel.is_helper()
    bars = progress() if first_process() else QUIET
    chosen = task_of(task, no_repair)
    require_trainable(chosen)
    settings = overridden(
        preset_of(preset, chosen.name, model, kind=chosen.kind),
        adapter={
            "rank": lora_rank,
            "alpha": lora_alpha,
            "dropout": lora_dropout,
            "targets": tuple(split_names(lora_targets)) if lora_targets else None,
            "four_bit": False if no_4bit else None,
        },
        spacing=spacing,
        epochs=epochs,
        steps=steps,
        batch_size=batch_size,
        learning_rate=learning_rate,
        head_learning_rate=head_learning_rate,
        weight_decay=weight_decay,
        warmup=warmup,
        schedule=schedule,
        clip=clip,
        max_length=max_length,
        head=head,
        dropout=dropout,
        freeze_embeddings=freeze_embeddings or None,
        average_checkpoints=average_checkpoints,
        choose=choose,
        evaluate_every=evaluate_every,
        validation_examples=validation_examples,
        compile=compile_ or None,
        precision=precision,
    )
    if chosen.kind != "instruction" and (merge or evaluate):
        raise UsageError("--merge and --evaluate are for decoders that are tuned on instructions. Leave them out.")
    path = store_path(store)
    with filled_store(path) as opened:
        combinations, stdin = combinations_of(
            opened, chosen, sources or (), pool=pool if all_combinations else None, ks=numbers_in(k, "-k")
        )
        literal = targets == [PAPER_LITERAL]
        aims = (PAPER_LITERAL,) if literal else languages_of(opened, chosen, targets)
        shares = shares_of(opened, chosen, split)
        asked = choice_evaluations(opened, evaluate or (), None, None, progress=bars)
    seeds = tuple(n for text in seed or ("0",) for n in numbers_in(text, "--seed"))
    found = fetch_model(model, progress=bars)
    helpers = parallel.start(jobs, device, stdin) if talks and not dry_run else parallel.none()

    def announce(plan: list[tuple[Planned, State]], session: Session) -> bool:
        if dry_run:
            show_plan(plan, session, store=path, form=form)
        elif talks:
            announce_plan(plan, session, path)
        return not dry_run

    with helpers:
        done = carry_out(
            path,
            chosen,
            found,
            combinations,
            root=runs_root(runs, path),
            examples=examples,
            split=shares,
            pairing=pairing,
            oversample=oversample,
            seeds=seeds,
            data_seed=data_seed,
            settings=settings,
            targets=aims,
            evaluation_split=evaluation_split,
            evaluations=asked,
            keep_model=keep_model,
            merge=merge,
            force=force,
            checkpoint_every=checkpoint_every,
            micro_batch=micro_batch,
            device=device,
            progress=bars,
            announce=announce,
            first=parallel.first_run,
        )
    if talks and any(item.outcome is not None for item in done):
        finished = [(item.planned, item.outcome) for item in done if item.outcome is not None]
        show_runs(
            [outcome.run for _, outcome in finished],
            together(evaluation for planned, _ in finished for evaluation in planned.evaluations),
            form,
            statuses=[outcome.status for _, outcome in finished],
        )
    failed = [(item.planned.spec, item.error) for item in done if item.error is not None]
    if failed and len(done) == 1:
        raise failed[0][1]
    if failed:
        spec, error = failed[0]
        raise MsltError(f"{len(failed)} of {len(done)} runs failed, first {spec.label} seed {spec.seed}: {error}")
