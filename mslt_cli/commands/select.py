"""`mslt select`: ranks combinations of source languages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mslt_cli.commands.options import (
    Format,
    FormatOption,
    JsonOption,
    SeedOption,
    StoreOption,
    complete_criteria,
    complete_languages,
    complete_models,
    complete_pool,
    complete_tasks,
)


def select_command(
    pool: Annotated[
        str,
        typer.Option(
            "--pool",
            "-p",
            metavar="LANGUAGES",
            autocompletion=complete_pool,
            help="Candidates by comma (ar,German,zh-Hans), a pool (all, xlm-r, bloom, task:xnli, paper), "
            "@file, or - for standard input.",
        ),
    ] = "paper",
    k: Annotated[int, typer.Option("-k", metavar="N", help="How many languages to choose.")] = 3,
    by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CRITERION",
            autocompletion=complete_criteria,
            help="l2v-syntax, l2v-phonology, l2v-inventory, l2v-family, l2v-geography, size, vocab, embedding, "
            "scripts, random or vectors. Repeat it: the first ranks, the others stand beside it. Default: l2v-syntax.",
        ),
    ] = None,
    include: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LANGUAGES", autocompletion=complete_languages, help="Languages that every combination holds."
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LANGUAGES", autocompletion=complete_languages, help="Languages to leave out of the pool."
        ),
    ] = None,
    least: Annotated[
        bool, typer.Option("--least", help="Put the least diverse combination first: the paper's control.")
    ] = False,
    maximize: Annotated[
        str, typer.Option(metavar="sum|min", help="Sum of the pair distances, or the smallest of them.")
    ] = "sum",
    target: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LANGUAGES",
            autocompletion=complete_languages,
            help="Languages to do well in without training on them. Each combination shows how near it is to them.",
        ),
    ] = None,
    objective: Annotated[
        str | None,
        typer.Option(
            metavar="diverse|cover", help="Different sources (the paper's), or a near source for each target."
        ),
    ] = None,
    lambda_: Annotated[
        float | None,
        typer.Option("--lambda", metavar="0..1", help="Mix of the two objectives: 0 is diverse, 1 is cover."),
    ] = None,
    combine: Annotated[str | None, typer.Option(metavar="borda", help="Rank by the mean rank over all --by.")] = None,
    max_per_family: Annotated[int | None, typer.Option(metavar="N", help="At most N languages of one family.")] = None,
    distinct_scripts: Annotated[
        bool, typer.Option("--distinct-scripts", help="No two languages of one writing system.")
    ] = False,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            autocompletion=complete_models,
            help="Model whose pretraining data (size), vocabulary or embeddings are read. Default: xlm-r for size, "
            "else the one that is stored.",
        ),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            metavar="TASK", autocompletion=complete_tasks, help="Task whose text vocab reads. Default: the one stored."
        ),
    ] = None,
    corpus: Annotated[
        str | None,
        typer.Option(
            metavar="TASK",
            autocompletion=complete_tasks,
            help="Corpus whose sentences embedding reads. Default: the one stored.",
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(metavar="SPLIT", help="Split of --task or --corpus. Default: train, or the one stored."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(metavar="N", help="Rows of each language that were measured. Default: all.")
    ] = None,
    layer: Annotated[
        int | None,
        typer.Option(metavar="N", help="Layer of the embeddings; 0 stands before the first. Default: the last."),
    ] = None,
    prefix: Annotated[str, typer.Option(metavar="TEXT", help="Text that was put before each embedded sentence.")] = "",
    special_tokens: Annotated[
        bool, typer.Option("--special-tokens/--no-special-tokens", help="Whether <s> and </s> count in the embeddings.")
    ] = True,
    vectors: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Your own vectors: CSV of languages × features, or a square distance matrix."
        ),
    ] = None,
    top: Annotated[int, typer.Option(metavar="N", help="How many combinations to show.")] = 10,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="Explain the first combination: its similarities, its coverage, and what one more language would add.",
        ),
    ] = False,
    time_limit: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", help="Time after which the search stops, with the best found and the proven gap."
        ),
    ] = 8.0,
    seed: SeedOption = 0,
    store: StoreOption = None,
    format_: FormatOption = Format.table,
    json_: JsonOption = False,
) -> None:
    """Rank combinations of source languages, offline, before anything is trained.

    Examples:

      mslt select --pool ar,de,en,es,fr,ru,zh -k 3 --include en

      mslt select --pool xlm-r -k 4 --by l2v-syntax --by l2v-geography --explain

      mslt select --pool all -k 3 --distinct-scripts --max-per-family 1

      mslt select --pool task:xnli --least --format lines --top 5

      mslt select --pool xlm-r -k 3 --target id,ko --objective cover

      mslt select --by vocab --by embedding --model e5-small --target sw
    """
    from mslt_cli.criteria.request import Measured
    from mslt_cli.selection import select
    from mslt_cli.show.selections import show_selection
    from mslt_cli.show.terminal import note
    from mslt_cli.store.db import open_store, store_path
    from mslt_cli.store.fill import ensure_filled

    path = store_path(store)
    report = ensure_filled(path)
    if report is not None and report.filled:  # empty: another process has just done it
        note(f"filled {path} ({', '.join(report.filled)}) in {report.wall_s:.1f} s; next time it is there")
    with open_store(path) as opened:
        selection = select(
            opened,
            pool,
            k,
            by=by or (),
            include=include or (),
            exclude=exclude or (),
            least=least,
            maximize=maximize,
            target=target or (),
            objective=objective,
            cover_share=lambda_,
            combine=combine,
            max_per_family=max_per_family,
            distinct_scripts_only=distinct_scripts,
            measured=Measured(model, task, corpus, split, limit, layer, prefix, special_tokens),
            vectors=vectors,
            seed=seed,
            top=top,
            time_limit=time_limit,
        )
    for line in selection.notes:
        note(line)
    form = (Format.json if json_ else format_).value
    explanation = None
    if explain:
        from mslt_cli.explanation import explain_best

        explanation = explain_best(selection)
    show_selection(selection, form, explanation)
