"""Option types that several commands share, and what the shell completes them with."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """How results are printed."""

    table = "table"
    json = "json"
    jsonl = "jsonl"
    csv = "csv"
    md = "md"
    lines = "lines"


def _complete_last(known: list[tuple[str, str]], incomplete: str) -> list[tuple[str, str]]:
    """Complete the last name of a list by comma."""
    before, comma, last = incomplete.rpartition(",")
    taken = set(before.split(","))
    folded = last.casefold()
    return [(before + comma + n, what) for n, what in known if n.casefold().startswith(folded) and n not in taken]


def complete_languages(incomplete: str) -> list[tuple[str, str]]:
    """Codes and names of languages, out of the tables that are installed."""
    from mslt_cli.languages.facts import read_facts

    known = []
    for language in read_facts().languages:
        code = language.iso639_1 or language.iso639_3
        known.append((code, language.name))
        if "," not in incomplete and len(incomplete) > 1:
            known.append((language.name, language.iso639_3))
    if not incomplete.rpartition(",")[2]:
        known = [(code, name) for code, name in known if len(code) == 2]
    return _complete_last(sorted(known), incomplete)


def complete_pool(incomplete: str) -> list[tuple[str, str]]:
    """Names of pools, then languages."""
    from mslt_cli.languages.facts import read_facts

    tables = read_facts()
    names = [("all", "all languages of URIEL")]
    names += [
        (model, f"pretraining languages of {model}")
        for model in sorted({row.model for row in tables.pretraining_sizes})
    ]
    names += [(pool, "named pool") for pool in sorted({row.pool for row in tables.pools})]
    return [pair for pair in names if pair[0].startswith(incomplete)] + complete_languages(incomplete)


def complete_criteria(incomplete: str) -> list[tuple[str, str]]:
    """Names of criteria."""
    from mslt_cli.criteria import CRITERIA

    return _complete_last([(row.name, row.summary) for row in CRITERIA.values()], incomplete)


def complete_models(incomplete: str) -> list[str]:
    """Models whose pretraining data is known, or that have a name."""
    from mslt_cli.languages.facts import read_facts
    from mslt_cli.models import MODELS

    known = {row.model for row in read_facts().pretraining_sizes} | set(MODELS)
    return sorted(name for name in known if name.startswith(incomplete))


def complete_tasks(incomplete: str) -> list[str]:
    """Names of tasks."""
    from mslt_cli.tasks import TASKS

    return [name for name in TASKS if name.startswith(incomplete)]


def complete_model_names(incomplete: str) -> list[tuple[str, str]]:
    """Models that have a name."""
    from mslt_cli.models import MODELS

    return [(row.name, row.summary) for row in MODELS.values() if row.name.startswith(incomplete)]


def _named(path: Path | None) -> Path | None:
    if path is not None and not path.name and not path.is_absolute():
        raise typer.BadParameter("it needs the name of a file.")
    return path


StoreOption = Annotated[
    Path | None,
    typer.Option(
        "--store",
        metavar="PATH",
        callback=_named,
        help="The SQLite store. Default: $MSLT_STORE, else your data folder.",
    ),
]
FormatOption = Annotated[Format, typer.Option("--format", help="How to print the results.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Seed of whatever is drawn at random.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Short for --format json.")]
RunsOption = Annotated[
    Path | None,
    typer.Option("--runs", metavar="DIR", help="The folder of runs. Default: $MSLT_RUNS, else `runs` by the store."),
]
DeviceOption = Annotated[
    str | None, typer.Option("--device", metavar="DEVICE", help="cpu, cuda. Default: the GPU if there is one.")
]
TargetsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--targets",
        metavar="LANGUAGES",
        autocompletion=complete_languages,
        help="To evaluate on, by comma. Default: the task's of the paper, without the pool; `paper-literal`: all but "
        "a run's own sources, where the paper says so (xnli).",
    ),
]
