"""`mslt probe`: embeds parallel sentences and measures how far models mix the languages; maps them for the eye."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mslt_cli.commands.options import (
    DeviceOption,
    Format,
    FormatOption,
    JsonOption,
    SeedOption,
    StoreOption,
    complete_languages,
    complete_tasks,
)

_MAPS = "Maps"


def probe(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL|RUN...",
            help="Models by name, hub name or folder; runs that kept their weights by the start of their id or their "
            "folder.",
        ),
    ],
    corpus: Annotated[
        str, typer.Option("--corpus", metavar="TASK", autocompletion=complete_tasks, help="Parallel sentences.")
    ] = "pud",
    langs: Annotated[
        list[str] | None,
        typer.Option(
            "--langs",
            metavar="LANGUAGES",
            autocompletion=complete_languages,
            help="By comma. Default: all of the corpus that are in the cache.",
        ),
    ] = None,
    split: Annotated[str | None, typer.Option(metavar="SPLIT", help="Default: the corpus's.")] = None,
    limit: Annotated[int | None, typer.Option(metavar="N", min=4, help="The first sentences; default: all.")] = None,
    layers: Annotated[
        str, typer.Option(metavar="last|all|6|0..12", help="0 is what the embedding layer gives.")
    ] = "last",
    metric: Annotated[
        str,
        typer.Option(
            metavar="cka,retrieval,langid,centroid",
            help="Several by comma. cka, retrieval: higher = more mixed; langid, centroid: lower.",
        ),
    ] = "cka",
    debiased: Annotated[bool, typer.Option("--debiased", help="CKA without its bias in few sentences.")] = False,
    csls: Annotated[bool, typer.Option("--csls", help="Retrieval without hubs.")] = False,
    prefix: Annotated[str, typer.Option(metavar="TEXT", help='Before each sentence: "query: " for e5 models.')] = "",
    special_tokens: Annotated[
        bool, typer.Option("--special-tokens/--no-special-tokens", help="Whether <s> and its like count in the mean.")
    ] = True,
    resamples: Annotated[int, typer.Option(metavar="N", min=0, help="Of the bootstraps; 0: no intervals.")] = 200,
    seed: SeedOption = 0,
    device: DeviceOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="The figure: .png, .svg or .pdf.", rich_help_panel=_MAPS),
    ] = None,
    interactive: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A page by itself: hover reads the sentences.", rich_help_panel=_MAPS),
    ] = None,
    projection: Annotated[
        str, typer.Option("--map", metavar="tsne|pca", help="How maps are made.", rich_help_panel=_MAPS)
    ] = "tsne",
    perplexity: Annotated[float, typer.Option(metavar="X", min=1, help="Of t-SNE.", rich_help_panel=_MAPS)] = 30.0,
    store: StoreOption = None,
    format_: FormatOption = Format.table,
    json_: JsonOption = False,
) -> None:
    """How far models mix languages: the likeness of their embeddings of the same sentences, with 95 % intervals.

    Embeddings are made once and kept; another metric or language embeds nothing anew.

    Examples:

      mslt probe e5-small --corpus pud --langs en,ar,id

      mslt probe xlm-r-base 1a2b3c4d 5e6f7a8b --langs en,ar,id --metric cka,retrieval,langid --out figure3.pdf

      mslt probe e5-small --layers all --metric cka,centroid --format csv
    """
    from mslt_cli.commands.arguments import filled_store, languages_of, task_of
    from mslt_cli.data.prepared import records
    from mslt_cli.errors import StoreError, UsageError
    from mslt_cli.languages.pools import split_names
    from mslt_cli.measuring.mixing import probe as measure
    from mslt_cli.measuring.mixing import stored_probes
    from mslt_cli.measuring.probed import Layers, probed_model, probed_run
    from mslt_cli.models.find import fetch_model
    from mslt_cli.probing.maps import PROJECTIONS, require_points
    from mslt_cli.probing.sentences import aligned_sentences
    from mslt_cli.runs.index import find_run
    from mslt_cli.runs.plan import numbers_in
    from mslt_cli.show.bars import progress
    from mslt_cli.show.mixing_tables import show_probe
    from mslt_cli.store.db import open_store, store_path
    from mslt_cli.store.probes import save_probes

    form = (Format.json if json_ else format_).value
    if form == "lines":
        raise UsageError("--format lines is for lists of combinations. Take table, json, jsonl, csv or md.")
    if projection not in PROJECTIONS:
        raise UsageError(f"--map is {projection!r}; it can be {', '.join(PROJECTIONS)}.")
    if out is not None:
        from mslt_cli.show.probe_figure import require_figure

        require_figure(out)
    if interactive is not None and interactive.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"--interactive {interactive} is a page: give it a name that ends in .html.")
    path, bars = store_path(store), progress()
    task = task_of(corpus, None)
    chosen: Layers = "last" if layers == "last" else "all" if layers == "all" else numbers_in(layers, "--layers")
    with filled_store(path) as opened:
        found = [find_run(opened, name) for name in what]
        languages = languages_of(opened, task, langs)
        names = dict(opened.query("SELECT iso639_3, name FROM languages"))
    split = split or task.evaluation
    task.require_split(split)
    languages = languages or tuple(sorted((r.language for r in records(task) if r.split == split), key=task.code))
    if not languages:
        raise UsageError(f"No {task.name} is in the cache yet. Name languages with --langs, and they are fetched.")
    sentences = aligned_sentences(task, languages, split, limit=limit, progress=bars)
    if out is not None or interactive is not None:
        require_points(len(sentences.ids) * len(languages), projection, perplexity)  # before minutes of work
    models = []
    for name, run in zip(what, found, strict=True):
        if run is None or run.identity["kind"] == "eval":
            models.append(
                probed_model(fetch_model(name if run is None else run.identity["model"]["name"], progress=bars))
            )
        else:
            models.append(probed_run(run, fetch_model(str(run.identity["model"]["name"]), progress=bars)))
    done = measure(
        models,
        sentences,
        layers=chosen,
        metrics=split_names(metric),
        debiased=debiased,
        csls=csls,
        prefix=prefix,
        special_tokens=special_tokens,
        resamples=resamples,
        seed=seed,
        device=device,
        progress=bars,
    )
    try:
        with open_store(path, write=True) as opened:
            save_probes(opened, stored_probes(done))
    except StoreError as error:
        bars.note(f"{error} What was measured is shown, and not kept.")
    show_probe(done, form)
    if out is not None or interactive is not None:
        from mslt_cli.show.probe_maps import save_maps

        save_maps(
            done,
            figure=out,
            page=interactive,
            names=names,
            how=projection,
            perplexity=perplexity,
            seed=seed,
            progress=bars,
        )
