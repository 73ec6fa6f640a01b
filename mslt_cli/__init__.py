"""Which languages to train a multilingual model on (Lim et al. 2024), as a library.

`mslt_cli.select(store, pool, k, ...)` is what `mslt select` calls; `fetch_data`, `fetch_model`, `fetch_vocabularies`,
`fetch_embeddings`, `fetch_vectors`, `fetch_uriel_plus` and `index_runs` are what `mslt fetch` does, `train` is
`mslt train`, `search_combinations` is its `--search`, `evaluate_run`, `evaluate_model` and `compare_runs` are
`mslt eval`, `probe` is `mslt probe`, and `report` is `mslt report`.
`open_store()` opens the store; `fill_languages()` and `fill_results()` fill it.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mslt_cli.criteria.own_vectors import fetch_uriel_plus as fetch_uriel_plus
    from mslt_cli.criteria.own_vectors import fetch_vectors as fetch_vectors
    from mslt_cli.criteria.request import Measured as Measured
    from mslt_cli.data.splits import fetch_data as fetch_data
    from mslt_cli.data.splits import read_data as read_data
    from mslt_cli.measuring.mixing import probe as probe
    from mslt_cli.measuring.per_language import fetch_embeddings as fetch_embeddings
    from mslt_cli.measuring.per_language import fetch_vocabularies as fetch_vocabularies
    from mslt_cli.measuring.sentence_vectors import aligned_sentences as aligned_sentences
    from mslt_cli.models.find import fetch_model as fetch_model
    from mslt_cli.probing.embeddings import EmbeddingOptions as EmbeddingOptions
    from mslt_cli.probing.pairs import ProbeOptions as ProbeOptions
    from mslt_cli.reports.views import report as report
    from mslt_cli.runs.compare import compare_runs as compare_runs
    from mslt_cli.runs.evaluate import evaluate_model as evaluate_model
    from mslt_cli.runs.evaluate import evaluate_run as evaluate_run
    from mslt_cli.runs.experiment import train as train
    from mslt_cli.runs.index import index_runs as index_runs
    from mslt_cli.runs.plan import Experiment as Experiment
    from mslt_cli.runs.search_runs import search_combinations as search_combinations
    from mslt_cli.selection import Selection as Selection
    from mslt_cli.selection import select as select
    from mslt_cli.store.db import open_store as open_store
    from mslt_cli.store.fill import fill_languages as fill_languages
    from mslt_cli.store.results import fill_results as fill_results
    from mslt_cli.tasks import find_task as find_task

try:  # only a wheel has its version (hatch_build.py): to look it up in the metadata would slow each start
    from mslt_cli.version import __version__ as __version__
except ImportError:
    __version__ = "0+checkout"

_HOME = {
    "EmbeddingOptions": "probing.embeddings",
    "Experiment": "runs.plan",
    "Measured": "criteria.request",
    "ProbeOptions": "probing.pairs",
    "Selection": "selection",
    "aligned_sentences": "measuring.sentence_vectors",
    "compare_runs": "runs.compare",
    "evaluate_model": "runs.evaluate",
    "evaluate_run": "runs.evaluate",
    "fetch_data": "data.splits",
    "fetch_embeddings": "measuring.per_language",
    "fetch_model": "models.find",
    "fetch_uriel_plus": "criteria.own_vectors",
    "fetch_vectors": "criteria.own_vectors",
    "fetch_vocabularies": "measuring.per_language",
    "fill_languages": "store.fill",
    "fill_results": "store.results",
    "find_task": "tasks",
    "index_runs": "runs.index",
    "open_store": "store.db",
    "probe": "measuring.mixing",
    "read_data": "data.splits",
    "report": "reports.views",
    "search_combinations": "runs.search_runs",
    "select": "selection",
    "train": "runs.experiment",
}
__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    # Imported when first used: the commands' start-up pays only for what they run.
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(f"mslt_cli.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
