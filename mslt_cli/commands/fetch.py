"""`mslt fetch`: fills the store."""

from __future__ import annotations

from typing import Annotated

import typer

from mslt_cli.options import StoreOption

fetch = typer.Typer(help="Fill the store: language facts and vectors.", no_args_is_help=True)


@fetch.callback()
def what() -> None:
    """Fill the store: language facts and vectors."""


@fetch.command("langs")
def fetch_langs(
    store: StoreOption = None,
    force: Annotated[bool, typer.Option("--force", help="Read everything again.")] = False,
) -> None:
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
