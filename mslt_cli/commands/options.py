"""Option types that several commands share, and what the shell completes them with."""

from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from mslt_cli.fields import help_of, options_of
from mslt_cli.show.terminal import keep_quiet


class Format(StrEnum):
    """How results are printed."""

    table = "table"
    json = "json"
    jsonl = "jsonl"
    csv = "csv"
    md = "md"
    lines = "lines"
    quiet = "quiet"


def quieten(form: StrEnum) -> StrEnum:
    """The form of the output, as it was given; quiet leaves out remarks and progress on stderr as well."""
    keep_quiet(form == Format.quiet)
    return form


def _complete_last(names: list[tuple[str, str]], incomplete: str) -> list[tuple[str, str]]:
    """Complete the last name of a list by comma."""
    before, comma, last = incomplete.rpartition(",")
    left = [(name, what) for name, what in names if name not in before.split(",")]
    return [(before + comma + name, what) for name, what in left if name.casefold().startswith(last.casefold())]


def complete_languages(incomplete: str) -> list[tuple[str, str]]:
    """Codes and names of languages, out of the tables that are installed."""
    from mslt_cli.languages.facts import read_facts

    languages = read_facts().languages
    names = [(language.iso639_1 or language.iso639_3, language.name) for language in languages]
    if not incomplete.rpartition(",")[2]:
        names = [(code, name) for code, name in names if len(code) == 2]
    elif "," not in incomplete and len(incomplete) > 1:
        names += [(language.name, language.iso639_3) for language in languages]
    return _complete_last(sorted(names), incomplete)


def complete_pool(incomplete: str) -> list[tuple[str, str]]:
    """Names of pools, then languages."""
    from mslt_cli.languages.facts import read_facts

    models = sorted({row.model for row in read_facts().pretraining_sizes})
    pools = sorted({row.pool for row in read_facts().pools})
    names = [("all", "all languages of URIEL"), *((model, f"pretraining languages of {model}") for model in models)]
    names += [(pool, "named pool") for pool in pools]
    return [pair for pair in names if pair[0].startswith(incomplete)] + complete_languages(incomplete)


def complete_criteria(incomplete: str) -> list[tuple[str, str]]:
    """Names of criteria, and of the sets of own vectors that the store keeps."""
    from mslt_cli.criteria import CRITERIA
    from mslt_cli.errors import StoreError
    from mslt_cli.store.db import open_store
    from mslt_cli.store.named_vectors import own_vector_names

    names = [(row.name, row.summary) for row in CRITERIA.values()]
    with suppress(StoreError), open_store() as store:
        names += [(name, "your own vectors") for name in own_vector_names(store)]
    return _complete_last(names, incomplete)


def complete_models(incomplete: str) -> list[str]:
    """Models whose pretraining data is known, or that have a name."""
    from mslt_cli.languages.facts import read_facts
    from mslt_cli.models import MODELS

    names = {row.model for row in read_facts().pretraining_sizes} | set(MODELS)
    return sorted(name for name in names if name.startswith(incomplete))


def complete_tasks(incomplete: str) -> list[str]:
    """Names of tasks."""
    from mslt_cli.tasks import TASKS

    return [name for name in TASKS if name.startswith(incomplete)]


def complete_model_names(incomplete: str) -> list[tuple[str, str]]:
    """Models that have a name."""
    from mslt_cli.models import MODELS

    return [(row.name, row.summary) for row in MODELS.values() if row.name.startswith(incomplete)]


COMPLETIONS = {
    "LANGS": complete_languages,
    "TASK": complete_tasks,
    "TASKS": complete_tasks,
    "MODEL": complete_model_names,
    "MODELS": complete_model_names,
}
"""What the shell completes an option with, by what stands for its value in the help."""


def _named(path: Path | None) -> Path | None:
    if path is not None and not path.name and not path.is_absolute():
        raise typer.BadParameter("it needs the name of a file.")
    return path


def option_for(record: type, name: str, *others: str, panel: str, min: int | None = None) -> Any:
    """The option of a record's field, which says what it is and its default; for the second place of `Annotated`.

    Args:
        record: a dataclass with described fields (see `mslt_cli.fields`).
        name: the option, without dashes.
        others: further names, with dashes.
        panel: heading in the help.
        min: least value that parses; other limits are checked by the record, whose errors say more.
    """
    about = options_of(record)[name]
    metavar = None if isinstance(about.default, bool) else about.metavar
    return typer.Option(f"--{name}", *others, metavar=metavar, help=help_of(about), rich_help_panel=panel, min=min)


def option(
    metavar: str | None,
    help: str,
    *names: str,
    panel: str | None = None,
    complete: Any = None,
    check: Any = None,
    min: float | None = None,
    max: float | None = None,
) -> Any:
    """An option that belongs to no record's field; for the second place of `Annotated`.

    Args:
        metavar: stands for the value; None for a flag.
        help: what it is, with its unit; and its default, else Typer adds it.
        names: with dashes; none = as the parameter is called.
        panel: heading in the help.
        complete: gives the values that the shell offers; default: what COMPLETIONS has for `metavar`.
        check: is given the value, and returns it.
        min, max: limits.
    """
    return typer.Option(
        *names,
        metavar=metavar,
        help=help,
        show_default="Default:" not in help,
        rich_help_panel=panel,
        autocompletion=complete or COMPLETIONS.get(metavar or ""),
        callback=check,
        min=min,
        max=max,
    )


def langs_option(default: str) -> Any:
    """The option --langs of a command that takes languages of a task; says what holds without it."""
    text = f"Languages, by comma; `all`: those of the task. Default: {default}."
    return option("LANGS", text, "--langs")


DATA, OUTPUT = "Data", "Device, store and output"
"""Headings in the help."""
StoreOption = Annotated[
    Path | None,
    option(
        "PATH", "The SQLite store. Default: $MSLT_STORE, else a file in your data folder.", check=_named, panel=OUTPUT
    ),
]
ConfigOption = Annotated[
    Path | None,
    option(
        "FILE",
        "TOML file with options of this command, by their long names; the command line counts more. Default: none.",
        panel=OUTPUT,
    ),
]
FormatOption = Annotated[
    Format,
    option(
        "NAME",
        "Form of the output: table, json, jsonl, csv, md, lines (names only), or quiet (no remarks, only what a "
        "next command needs: ids of runs, the best combination).",
        "--format",
        panel=OUTPUT,
        check=quieten,
    ),
]
SeedOption = Annotated[int, option("N", "Seed of everything that is drawn at random.", "--seed")]
JsonOption = Annotated[bool, option(None, "Short for --format json.", "--json", panel=OUTPUT)]
RunsOption = Annotated[
    Path | None,
    option("DIR", "Folder of the run directories. Default: $MSLT_RUNS, else `runs` beside the store.", panel=OUTPUT),
]
DeviceOption = Annotated[
    str | None, option("NAME", "Device as torch names it: cpu, cuda. Default: the GPU if there is one.", panel=OUTPUT)
]
RepairOption = Annotated[
    list[str] | None,
    option("NAMES", "Repairs of known faults in the data to leave out, by comma. Default: all are made.", panel=DATA),
]
EvaluationSplitOption = Annotated[
    str | None, option("SPLIT", "Split of the task to evaluate on. Default: the paper's.", panel=DATA)
]
TargetsOption = Annotated[
    list[str] | None,
    option(
        "LANGS",
        "Languages to evaluate on, by comma; `all`: those of the task; `paper-literal`: all but each run's own "
        "sources. Default: the paper's for the task.",
    ),
]
EMBEDDINGS = "Embeddings"
PrefixOption = Annotated[
    str, option("TEXT", 'Text before each sentence: "query: " for e5 models. Default: none.', panel=EMBEDDINGS)
]
SpecialTokensOption = Annotated[
    bool, option(None, "Include <s> and the like in the mean over tokens.", panel=EMBEDDINGS)
]
CLUSTER = "On a cluster"
SubmitOption = Annotated[
    str | None,
    option(
        "ENGINE",
        "Hand the runs that are not done to a cluster: slurm or ray. Default: they are done here.",
        panel=CLUSTER,
    ),
]
RunsPerTaskOption = Annotated[
    int, option("N", "Runs that an element of a job array does one after another. Default: 1.", panel=CLUSTER, min=1)
]
SlurmOption = Annotated[
    list[str] | None,
    option(
        "OPTIONS",
        "What sbatch is given: partition=gpu,time=02:00:00,gres=gpu:1. array=%10: ten at once. Default: its own.",
        panel=CLUSTER,
    ),
]
RayOption = Annotated[
    list[str] | None,
    option("RESOURCES", "What each element takes of Ray: num_gpus=1,num_cpus=4. Default: num_cpus=1.", panel=CLUSTER),
]
