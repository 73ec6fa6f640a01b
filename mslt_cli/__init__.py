"""Which languages to train a multilingual model on (Lim et al. 2024), as a library.

`mslt_cli.select(store, pool, k, ...)` is what `mslt select` calls; `fetch_data`, `fetch_model`, `fetch_vocabularies`,
`fetch_embeddings` and `index_runs` are what `mslt fetch` does, `train` is `mslt train`, `evaluate_run`,
`evaluate_model` and `compare_runs` are `mslt eval`, `probe` is `mslt probe`, and `report` is `mslt report`.
`open_store()` opens the store; `fill_languages()` and `fill_results()` fill it.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mslt_cli.criteria.request import Measured
    from mslt_cli.data.splits import fetch_data, read_data
    from mslt_cli.measuring.mixing import probe
    from mslt_cli.measuring.per_language import fetch_embeddings, fetch_vocabularies
    from mslt_cli.measuring.sentence_vectors import aligned_sentences
    from mslt_cli.models.find import fetch_model
    from mslt_cli.probing.embeddings import EmbeddingOptions
    from mslt_cli.probing.pairs import ProbeOptions
    from mslt_cli.reports.views import report
    from mslt_cli.runs.compare import compare_runs
    from mslt_cli.runs.evaluate import evaluate_model, evaluate_run
    from mslt_cli.runs.experiment import train
    from mslt_cli.runs.index import index_runs
    from mslt_cli.selection import Selection, select
    from mslt_cli.store.db import open_store
    from mslt_cli.store.fill import fill_languages
    from mslt_cli.store.results import fill_results
    from mslt_cli.tasks import find_task

__version__ = "0.1.0"
__all__ = [
    "EmbeddingOptions",
    "Measured",
    "ProbeOptions",
    "Selection",
    "aligned_sentences",
    "compare_runs",
    "evaluate_model",
    "evaluate_run",
    "fetch_data",
    "fetch_embeddings",
    "fetch_model",
    "fetch_vocabularies",
    "fill_languages",
    "fill_results",
    "find_task",
    "index_runs",
    "open_store",
    "probe",
    "read_data",
    "report",
    "select",
    "train",
]

_HOME = {
    "EmbeddingOptions": "mslt_cli.probing.embeddings",
    "ProbeOptions": "mslt_cli.probing.pairs",
    "aligned_sentences": "mslt_cli.measuring.sentence_vectors",
    "compare_runs": "mslt_cli.runs.compare",
    "evaluate_model": "mslt_cli.runs.evaluate",
    "evaluate_run": "mslt_cli.runs.evaluate",
    "fetch_data": "mslt_cli.data.splits",
    "fetch_embeddings": "mslt_cli.measuring.per_language",
    "fetch_model": "mslt_cli.models.find",
    "fetch_vocabularies": "mslt_cli.measuring.per_language",
    "find_task": "mslt_cli.tasks",
    "index_runs": "mslt_cli.runs.index",
    "read_data": "mslt_cli.data.splits",
    "report": "mslt_cli.reports.views",
    "Measured": "mslt_cli.criteria.request",
    "Selection": "mslt_cli.selection",
    "select": "mslt_cli.selection",
    "open_store": "mslt_cli.store.db",
    "probe": "mslt_cli.measuring.mixing",
    "fill_languages": "mslt_cli.store.fill",
    "fill_results": "mslt_cli.store.results",
    "train": "mslt_cli.runs.experiment",
}


def __getattr__(name: str) -> Any:
    # Imported when first used: the commands' start-up pays only for what they run.
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
