"""`mslt select`: ranks combinations of source languages."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from mslt_cli.commands import options
from mslt_cli.commands.options import option

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from mslt_cli.store.db import Store

_SCORE, _MEASURED = "How combinations are scored", "What models measured (size, vocab, embedding, nn-rank, overlap)"
_RUNS = "What was trained (runs, transfer)"


def _languages(help: str) -> Any:
    return option("LANGS", help)


def select_command(
    pool: Annotated[
        str,
        option(
            "LANGS",
            "Candidates, by comma (ar,German,zh-Hans), a pool (all, xlm-r, bloom, task:xnli, paper), @file, or - for "
            "standard input.",
            "--pool",
            "-p",
            complete=options.complete_pool,
        ),
    ] = "paper",
    k: Annotated[int, option("N", "Number of languages to choose.", "-k")] = 3,
    by: Annotated[
        list[str] | None,
        option(
            "NAME",
            "Criterion: l2v-syntax, l2v-phonology, l2v-inventory, l2v-family, l2v-geography, size, vocab, embedding, "
            "scripts, random, nearness to --target (nn-rank, overlap, word-overlap), vectors, a set of `mslt fetch "
            "vectors`, or what finished runs foretell: runs, transfer. Repeat it: the first ranks, the others stand "
            "beside it. Default: l2v-syntax.",
            complete=options.complete_criteria,
        ),
    ] = None,
    include: Annotated[list[str] | None, _languages("Languages that every combination holds. Default: none.")] = None,
    exclude: Annotated[list[str] | None, _languages("Languages to leave out of the pool. Default: none.")] = None,
    least: Annotated[
        bool, option(None, "Put the least diverse combination first: the paper's control.", "--least")
    ] = False,
    maximize: Annotated[
        str, option("sum|min", "Sum of the pair distances, or the smallest of them.", panel=_SCORE)
    ] = "sum",
    target: Annotated[
        list[str] | None,
        _languages(
            "Languages to do well in without training on them. Each combination shows how near it is to them. "
            "Default: none."
        ),
    ] = None,
    objective: Annotated[
        str | None,
        option(
            "NAME",
            "With --target: diverse (different sources, the paper's) or cover (a near source for each target). With "
            "--by transfer: cover (the best source for each target) or mean (of all sources). Default: diverse, and "
            "cover of transfer, nn-rank, overlap and word-overlap.",
            panel=_SCORE,
        ),
    ] = None,
    lambda_: Annotated[
        float | None,
        option("0..1", "Mix of the objectives: 0 is diverse, 1 is cover. Default: no mix.", "--lambda", panel=_SCORE),
    ] = None,
    combine: Annotated[
        str | None, option("borda", "Rank by the mean rank over all --by. Default: by the first.", panel=_SCORE)
    ] = None,
    max_per_family: Annotated[
        int | None, option("N", "At most N languages of one family. Default: no limit.", panel=_SCORE)
    ] = None,
    distinct_scripts: Annotated[
        bool, option(None, "No two languages of one writing system.", "--distinct-scripts", panel=_SCORE)
    ] = False,
    model: Annotated[
        str | None,
        option(
            "MODEL",
            "Model whose pretraining data (size), vocabulary, embeddings or runs are read. Default: xlm-r for size, "
            "else the one that is stored.",
            complete=options.complete_models,
            panel=_MEASURED,
        ),
    ] = None,
    task: Annotated[
        str | None,
        option(
            "TASK", "Task whose text vocab and overlap read, or whose runs. Default: what is stored.", panel=_MEASURED
        ),
    ] = None,
    corpus: Annotated[
        str | None,
        option("TASK", "Corpus that embedding and nn-rank read. Default: the one stored.", panel=_MEASURED),
    ] = None,
    split: Annotated[
        str | None, option("SPLIT", "Split of --task or --corpus. Default: train, or the one stored.", panel=_MEASURED)
    ] = None,
    limit: Annotated[
        int | None, option("N", "Rows of each language that were measured. Default: all.", panel=_MEASURED)
    ] = None,
    layer: Annotated[
        int | None,
        option("N", "Layer of the embeddings; 0 is the embedding layer. Default: the last.", panel=_MEASURED),
    ] = None,
    prefix: options.PrefixOption = "",
    special_tokens: options.SpecialTokensOption = True,
    source: Annotated[
        str | None,
        option(
            "runs|shipped",
            "Your own runs, or those that come with mslt. Default: your own, if --task and --model have any.",
            panel=_RUNS,
        ),
    ] = None,
    examples: Annotated[
        int | None, option("N", "Budget of the runs. Default: the one that all have.", panel=_RUNS)
    ] = None,
    where: Annotated[
        list[str] | None,
        option(
            "NAME=VALUE", "Setting that the runs have: learning_rate=1e-4. Default: any, if all agree.", panel=_RUNS
        ),
    ] = None,
    matrix: Annotated[
        Path | None,
        option(
            "FILE",
            "Single-source scores in place of runs: CSV or TSV with the columns source, target, score, or a table of "
            "sources × targets. Default: none.",
            panel=_RUNS,
        ),
    ] = None,
    vectors: Annotated[
        Path | None,
        option(
            "FILE",
            "Your own vectors: CSV or TSV of languages × features, or of distances between languages. Default: none.",
            panel=_SCORE,
        ),
    ] = None,
    top: Annotated[int, option("N", "Number of combinations to show.")] = 10,
    explain: Annotated[
        bool,
        option(
            None,
            "Explain the first combination: its similarities, its coverage, and what one more language would add.",
            "--explain",
        ),
    ] = False,
    min_measured: Annotated[
        float | None,
        option(
            "0..1",
            "Leave out languages of whose vector less than this share was measured. Default: none.",
            panel=_SCORE,
        ),
    ] = None,
    time_limit: Annotated[
        float,
        option("X", "Seconds after which the search stops, with the best found and the proven gap.", panel=_SCORE),
    ] = 8.0,
    seed: options.SeedOption = 0,
    config: options.ConfigOption = None,
    store: options.StoreOption = None,
    format_: options.FormatOption = options.Format.table,
    json_: options.JsonOption = False,
) -> None:
    """Rank combinations of source languages, offline, before anything is trained.

    Examples:

      mslt select --pool ar,de,en,es,fr,ru,zh -k 3 --include en

      mslt select --pool xlm-r -k 4 --by l2v-syntax --by l2v-geography --explain

      mslt select --pool all -k 3 --distinct-scripts --max-per-family 1

      mslt select --pool paper --least --format lines --top 5

      mslt select --pool xlm-r -k 3 --target id,ko --objective cover

      mslt select --by vocab --by embedding --model e5-small --target sw

      mslt select --by nn-rank --by overlap --model e5-small --target sw

      mslt select --by runs --by l2v-syntax --task cldr --source shipped
    """
    from mslt_cli.criteria.request import Measured
    from mslt_cli.languages.pools import names_in
    from mslt_cli.selection import select
    from mslt_cli.show.selections import show_selection
    from mslt_cli.show.terminal import note, remark
    from mslt_cli.store.db import open_store, store_path
    from mslt_cli.store.fill import ensure_filled

    reads_runs = matrix is None and any(name.strip().casefold() in ("runs", "transfer") for name in names_in(by))
    path = store_path(store)
    report = ensure_filled(path)
    if report is not None and report.filled:  # empty: another process has just done it
        remark(f"filled {path} ({', '.join(report.filled)}) in {report.wall_s:.1f} s; next time it is there")
    settings = {}
    if where:
        from mslt_cli.commands.arguments import settings_in

        settings = settings_in(where)
    if reads_runs:
        from mslt_cli.store.results import open_with_results

        opening: AbstractContextManager[Store] = open_with_results(path)  # with the runs that ship
    else:
        opening = open_store(path)
    with opening as opened:
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
            measured=Measured(
                model,
                task,
                corpus,
                split,
                limit,
                layer,
                prefix,
                special_tokens,
                source=source,
                examples=examples,
                where=settings,
                matrix=matrix,
            ),
            vectors=vectors,
            seed=seed,
            top=top,
            time_limit=time_limit,
            min_measured=min_measured,
        )
    for line in selection.notes:
        note(line)
    form = (options.Format.json if json_ else format_).value
    explanation = None
    if explain:
        from mslt_cli.explanation import can_explain, explain_best

        if can_explain(selection):
            explanation = explain_best(selection)
        else:
            note(f"--explain is left out: for {k:,} out of {len(selection.pool):,} languages it would take too long.")
    show_selection(selection, form, explanation)
