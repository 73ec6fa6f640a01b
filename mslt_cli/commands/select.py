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


def select(
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
        typer.Option(metavar="LANGUAGES", autocompletion=complete_languages, help="In every combination."),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(metavar="LANGUAGES", autocompletion=complete_languages, help="In no combination."),
    ] = None,
    least: Annotated[bool, typer.Option("--least", help="Least diverse first: the paper's control.")] = False,
    maximize: Annotated[
        str, typer.Option(metavar="sum|min", help="Sum of the pair distances, or the smallest of them.")
    ] = "sum",
    target: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LANGUAGES",
            autocompletion=complete_languages,
            help="Languages to do well in without training on them: shown beside each combination.",
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
        typer.Option("--lambda", metavar="0..1", help="Mix of the two: 0 is diverse, 1 is cover."),
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
            help="Whose pretraining data (size), vocabulary or embeddings. Default: xlm-r, or what is stored.",
        ),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(metavar="TASK", autocompletion=complete_tasks, help="Whose text vocab is of."),
    ] = None,
    corpus: Annotated[
        str | None,
        typer.Option(metavar="TASK", autocompletion=complete_tasks, help="Whose sentences embedding is of."),
    ] = None,
    split: Annotated[
        str | None, typer.Option(metavar="SPLIT", help="Of --task or --corpus. Default: train, or what is stored.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(metavar="N", help="What was measured on the first N rows. Default: on all.")
    ] = None,
    layer: Annotated[int | None, typer.Option(metavar="N", help="Of the embeddings. Default: the last.")] = None,
    prefix: Annotated[str, typer.Option(metavar="TEXT", help="That was put before each sentence.")] = "",
    special_tokens: Annotated[
        bool, typer.Option("--special-tokens/--no-special-tokens", help="Whether <s> and </s> count in embeddings.")
    ] = True,
    vectors: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Your own vectors: CSV of languages × features, or a square distance matrix."
        ),
    ] = None,
    top: Annotated[int, typer.Option(metavar="N", help="How many combinations to show.")] = 10,
    explain: Annotated[
        bool, typer.Option("--explain", help="Why the best one: similarities, coverage, what one more would add.")
    ] = False,
    time_limit: Annotated[
        float, typer.Option(metavar="SECONDS", help="Then stop with the best found and the proven gap.")
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
    from mslt_cli import selection
    from mslt_cli.criteria.request import Measured
    from mslt_cli.explanation import explain_best
    from mslt_cli.show.selections import show
    from mslt_cli.show.terminal import note
    from mslt_cli.store.db import open_store, store_path
    from mslt_cli.store.fill import ensure_filled

    path = store_path(store)
    report = ensure_filled(path)
    if report is not None and report.filled:  # empty: another process has just done it
        note(f"filled {path} ({', '.join(report.filled)}) in {report.wall_s:.1f} s; next time it is there")
    with open_store(path) as opened:
        found = selection.select(
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
    for line in found.notes:
        note(line)
    chosen = Format.json if json_ else format_
    show(found, chosen.value, explain_best(found) if explain else None)
