"""Which model, and which of its stored measurements, the user means."""

from __future__ import annotations

from mslt_cli.errors import MissingFactsError, UnknownNameError, UsageError
from mslt_cli.evidence.base import Measured
from mslt_cli.models import MODELS
from mslt_cli.store import languages as facts
from mslt_cli.store.db import Store
from mslt_cli.store.measured import EmbeddingSet, VocabularySet, embedding_sets, vocabulary_sets

FIRST_SPLIT = "train"


def table_of(store: Store, model: str) -> str:
    """The pretraining table of a model: `xlm-r` for xlm-r-base.

    Raises:
        UnknownNameError: there is no such model.
        MissingFactsError: its pretraining data is not known.
    """
    known = facts.model_names(store)
    name = model.strip().casefold()
    if name in known:
        return name
    if name not in MODELS:
        raise UnknownNameError("model", model, known)
    table = MODELS[name].pretraining
    if table is None:
        raise MissingFactsError(f"What {name} was trained on is not in our tables; they have {', '.join(known)}.")
    return table


def vocabulary_set(store: Store, which: Measured) -> VocabularySet:
    """The one stored vocabulary that is meant.

    Raises:
        MissingFactsError: none is stored for that model and task; says which command measures it.
        UsageError: several are, and it is not said which.
    """
    task = task_name(which.task)
    found = [item for item in vocabulary_sets(store) if which.model in (None, item.model) and task in (None, item.task)]
    if not found:
        raise MissingFactsError(
            f"No vocabulary{_of(which.model, task)} is stored. Run `mslt fetch vocab "
            f"--model {which.model or 'e5-small'} --task {which.task or 'cldr'}` first."
        )
    found = [item for item in found if item.split == FIRST_SPLIT] or found
    if len(found) > 1:
        names = ", ".join(f"{item.model} on {item.task}" for item in found)
        raise UsageError(f"Several vocabularies are stored: {names}. Say which with --model and --task.")
    return found[0]


def embedding_set(store: Store, which: Measured) -> EmbeddingSet:
    """The one stored set of embeddings that is meant.

    Raises:
        MissingFactsError: none is stored for that model and corpus; says which command measures it.
        UsageError: several are, and it is not said which.
    """
    corpus = task_name(which.corpus)
    every = [item for item in embedding_sets(store) if which.model in (None, item.model)]
    found = [item for item in every if corpus in (None, item.corpus)]
    if not found:
        raise MissingFactsError(
            f"No embeddings{_of(which.model, corpus)} are stored. Run `mslt fetch embeddings --model "
            f"{which.model or 'e5-small'} --corpus {which.corpus or 'pud'}` first."
        )
    # --task names the corpus too, where there is one of that name.
    if corpus is None and which.task is not None:
        found = [item for item in found if item.corpus == task_name(which.task)] or found
    if len(found) > 1:
        names = ", ".join(
            f"{item.model} on {item.corpus} {item.split}" + (f" with prefix {item.prefix!r}" if item.prefix else "")
            for item in found
        )
        raise UsageError(f"Several sets of embeddings are stored: {names}. Say which with --model and --corpus.")
    return found[0]


def task_name(given: str | None) -> str | None:
    """The name under which a task's measurements are stored; a user's own task is read for it."""
    if given is None or not given.endswith(".toml"):
        return given
    from mslt_cli.tasks import find_task

    return find_task(given).name


def _of(model: str | None, task: str | None) -> str:
    return (f" of {model}" if model else "") + (f" on {task}" if task else "")
