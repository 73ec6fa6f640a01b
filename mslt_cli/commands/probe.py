"""`mslt probe`: embeds parallel sentences and measures how far models mix the languages; draws maps of them."""

from pathlib import Path
from typing import Annotated

import typer

from mslt_cli.commands import options
from mslt_cli.commands.options import option

_MAPS = "Maps"


def probe_command(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL|RUN...",
            help="Models: a name, a name on the hub (org/name) or a folder. Runs that kept their weights: the start of "
            "the id, or the folder.",
        ),
    ],
    corpus: Annotated[str, option("TASK", "Task with parallel sentences, or a .toml.")] = "pud",
    langs: Annotated[list[str] | None, options.langs_option("those in the cache")] = None,
    metric: Annotated[
        str,
        option(
            "NAMES", "Metrics, by comma: cka, retrieval (higher = more mixed), langid, centroid (lower = more mixed)."
        ),
    ] = "cka",
    debiased: Annotated[
        bool,
        option(
            None,
            "CKA without its bias for few sentences, or with it and beside its value on shuffled sentences.",
            "--debiased/--biased",
        ),
    ] = True,
    csls: Annotated[
        bool, option(None, "Correct retrieval for hubs: sentences that are near to everything (CSLS).", "--csls")
    ] = False,
    resamples: Annotated[
        int, option("N", "Bootstrap resamples of the sentences, for the intervals; 0 = no intervals.", min=0)
    ] = 200,
    seed: options.SeedOption = 0,
    split: Annotated[str | None, option("NAME", "Split. Default: the corpus's test split.", panel=options.DATA)] = None,
    limit: Annotated[
        int | None, option("N", "Sentences, from the first. Default: all.", panel=options.DATA, min=4)
    ] = None,
    layers: Annotated[
        str,
        option(
            "LAYERS", "Layers: last, all, or numbers (6 or 0..12); 0 is the embedding layer.", panel=options.EMBEDDINGS
        ),
    ] = "last",
    prefix: options.PrefixOption = "",
    special_tokens: options.SpecialTokensOption = True,
    out: Annotated[Path | None, option("FILE", "Write a figure: .png, .svg or .pdf.", panel=_MAPS)] = None,
    interactive: Annotated[
        Path | None, option("FILE", "Write a page (.html) that shows each sentence on hover.", panel=_MAPS)
    ] = None,
    projection: Annotated[str, option("NAME", "Projection: tsne (t-SNE) or pca.", "--map", panel=_MAPS)] = "tsne",
    perplexity: Annotated[
        float, option("X", "Perplexity of t-SNE: about the neighbours of a sentence.", panel=_MAPS, min=1)
    ] = 30.0,
    device: options.DeviceOption = None,
    config: options.ConfigOption = None,
    store: options.StoreOption = None,
    format_: options.FormatOption = options.Format.table,
    json_: options.JsonOption = False,
) -> None:
    """Measure how far models mix languages: how alike their embeddings of the same sentences are, with 95 % intervals.

    Embeddings are computed once and kept: another metric or language embeds nothing anew.

    Examples:

      mslt probe e5-small --corpus pud --langs en,ar,id

      mslt probe xlm-r-base 1a2b3c4d 5e6f7a8b --langs en,ar,id --metric cka,retrieval,langid --out figure3.pdf

      mslt probe e5-small --layers all --metric cka,centroid --format csv
    """
    from mslt_cli.commands.arguments import filled_store, languages_of, numbers_in, task_of
    from mslt_cli.data.prepared import records
    from mslt_cli.errors import StoreError, UsageError
    from mslt_cli.files import write_whole
    from mslt_cli.languages.pools import split_names
    from mslt_cli.measuring.mixing import probe, stored_probes
    from mslt_cli.measuring.sentence_maps import map_sentences
    from mslt_cli.measuring.sentence_vectors import aligned_sentences
    from mslt_cli.models.find import fetch_model
    from mslt_cli.probing.embeddings import EmbeddingOptions, Layers
    from mslt_cli.probing.maps import PROJECTIONS, require_points
    from mslt_cli.probing.pairs import ProbeOptions
    from mslt_cli.runs.index import find_run
    from mslt_cli.show.bars import progress
    from mslt_cli.show.drawing import require_figure
    from mslt_cli.show.mixing_tables import show_probe, text_rows
    from mslt_cli.show.probe_maps import draw_maps, save_page
    from mslt_cli.store.db import open_store, store_path
    from mslt_cli.store.measured import save_probes

    form = (options.Format.json if json_ else format_).value
    if form == "lines":
        raise UsageError("--format lines is for lists of combinations. Take table, json, jsonl, csv, md or quiet.")
    if projection not in PROJECTIONS:
        raise UsageError(f"--map is {projection!r}; it can be {', '.join(PROJECTIONS)}.")
    if out is not None:
        require_figure(out)
    if interactive is not None and interactive.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"--interactive {interactive} is a page: give it a name that ends in .html.")
    path, bars, task = store_path(store), progress(), task_of(corpus, None)
    wanted: Layers = "last" if layers == "last" else "all" if layers == "all" else numbers_in(layers, "--layers")
    with filled_store(path) as opened:
        runs = {name: find_run(opened, name) for name in what}
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
    measured = probe(
        [runs[name] or fetch_model(name, progress=bars) for name in what],
        sentences,
        layers=wanted,
        metrics=split_names(metric),
        options=ProbeOptions(debiased=debiased, csls=csls, resamples=resamples, seed=seed),
        embedding=EmbeddingOptions(prefix=prefix, special_tokens=special_tokens, device=device),
        progress=bars,
    )
    try:
        with open_store(path, write=True) as opened:
            save_probes(opened, stored_probes(measured))
    except StoreError as error:
        bars.note(f"{error} The results are shown, and not stored.")
    show_probe(measured, form)
    if out is None and interactive is None:
        return
    maps = map_sentences(measured, names, projection, perplexity=perplexity, seed=seed, progress=bars)
    if out is not None:
        data, notes = draw_maps(maps, out.suffix)
        write_whole(out, data)
        for line in notes:
            bars.note(line)
        bars.remark(f"figure: {out}")
    if interactive is not None:
        save_page(interactive, maps, text_rows(measured))
        bars.remark(f"page: {interactive}")
