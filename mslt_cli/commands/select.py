"""`mslt select`: ranks combinations of source languages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mslt_cli.options import (
    Format,
    FormatOption,
    SeedOption,
    StoreOption,
    complete_criteria,
    complete_languages,
    complete_models,
    complete_pool,
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
            help="l2v-syntax, l2v-phonology, l2v-inventory, l2v-family, l2v-geography, size, scripts, random or "
            "vectors. Repeat it: the first ranks, the others are shown beside it. Default: l2v-syntax.",
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
    combine: Annotated[str | None, typer.Option(metavar="borda", help="Rank by the mean rank over all --by.")] = None,
    max_per_family: Annotated[int | None, typer.Option(metavar="N", help="At most N languages of one family.")] = None,
    distinct_scripts: Annotated[
        bool, typer.Option("--distinct-scripts", help="No two languages of one writing system.")
    ] = False,
    model: Annotated[
        str, typer.Option(metavar="MODEL", autocompletion=complete_models, help="Whose pretraining data `size` means.")
    ] = "xlm-r",
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
    json_: Annotated[bool, typer.Option("--json", help="Short for --format json.")] = False,
) -> None:
    """Rank combinations of source languages, offline, before anything is trained.

    Examples:

      mslt select --pool ar,de,en,es,fr,ru,zh -k 3 --include en

      mslt select --pool xlm-r -k 4 --by l2v-syntax --by l2v-geography --explain

      mslt select --pool all -k 3 --distinct-scripts --max-per-family 1

      mslt select --pool task:xnli --least --format lines --top 5
    """
    from mslt_cli import selection
    from mslt_cli.reporting.selections import explain_best, show
    from mslt_cli.reporting.terminal import note
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
            combine=combine,
            max_per_family=max_per_family,
            distinct_scripts_only=distinct_scripts,
            model=model,
            vectors=vectors,
            seed=seed,
            top=top,
            time_limit=time_limit,
        )
    for line in found.notes:
        note(line)
    chosen = Format.json if json_ else format_
    show(found, chosen.value, explain_best(found) if explain else None)
