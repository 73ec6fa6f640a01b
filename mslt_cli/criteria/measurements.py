"""Which model, and which of its stored measurements, the user means."""

from __future__ import annotations

from typing import TypeVar

from mslt_cli.criteria.evidence import Measured
from mslt_cli.errors import MissingFactsError, UnknownNameError, UsageError
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
    """The one stored vocabulary that is meant: of all rows, and of the split that is trained on, if nothing is said.

    Raises:
        UnknownNameError: there is no such model.
        MissingFactsError: none is stored for that model and task; says which command measures it.
        UsageError: several are, and it is not said which.
    """
    task = task_name(which.task)
    every = vocabulary_sets(store)
    _require_model(which.model, [item.model for item in every])
    found = [item for item in every if which.model in (None, item.model) and task in (None, item.task)]
    chosen = _wanted(found, which)
    if not chosen:
        raise _none("vocabularies", task, f"vocab --task {which.task or 'cldr'}", which)
    if len(chosen) > 1:
        raise _several("vocabularies", [(item.model, item.task, item.split, item.limit) for item in chosen], "--task")
    return chosen[0]


def embedding_set(store: Store, which: Measured) -> EmbeddingSet:
    """The one stored set of embeddings that is meant: of all rows, without a prefix, if nothing is said.

    Raises:
        UnknownNameError: there is no such model.
        MissingFactsError: none is stored for that model and corpus; says which command measures it.
        UsageError: several are, and it is not said which.
    """
    corpus = task_name(which.corpus)
    every = embedding_sets(store)
    _require_model(which.model, [item.model for item in every])
    found = [item for item in every if which.model in (None, item.model) and corpus in (None, item.corpus)]
    # --task names the corpus too, where there is one of that name.
    if corpus is None and which.task is not None:
        found = [item for item in found if item.corpus == task_name(which.task)] or found
    found = [item for item in found if (item.prefix, item.special_tokens) == (which.prefix, which.special_tokens)]
    chosen = _wanted(found, which)
    if not chosen:
        raise _none("embeddings", corpus, f"embeddings --corpus {which.corpus or 'pud'}", which)
    if len(chosen) > 1:
        raise _several("embeddings", [(item.model, item.corpus, item.split, item.limit) for item in chosen], "--corpus")
    return chosen[0]


Stored = TypeVar("Stored", VocabularySet, EmbeddingSet)


def _wanted(found: list[Stored], which: Measured) -> list[Stored]:
    """Those of the split and the limit that are asked for; else those that are trained on, and of all rows."""
    if which.split is not None:
        found = [item for item in found if item.split == which.split]
    else:
        found = [item for item in found if item.split == FIRST_SPLIT] or found
    if which.limit is not None:
        return [item for item in found if item.limit == which.limit]
    return [item for item in found if item.limit == 0] or found


def _none(what: str, data: str | None, command: str, which: Measured) -> MissingFactsError:
    of = (f" of {which.model}" if which.model else "") + (f" on {data}" if data else "")
    of += (f" {which.split}" if which.split else "") + _limited(which.limit or 0)
    run = f"mslt fetch {command} --model {which.model or 'e5-small'}{_options(which)}"
    return MissingFactsError(f"No {what}{of} are stored. Run `{run}` first.")


def _several(what: str, stored: list[tuple[str, str, str, int]], option: str) -> UsageError:
    names = ", ".join(f"{model} on {data} {split}{_limited(limit)}" for model, data, split, limit in stored)
    return UsageError(f"Several {what} are stored: {names}. Say which: --model, {option}, --split or --limit.")


def _require_model(name: str | None, stored: list[str]) -> None:
    if name is not None and name not in MODELS and name not in stored and "/" not in name:
        raise UnknownNameError("model", name, [*MODELS, *stored])


def _limited(limit: int) -> str:
    return f" (the first {limit:,} rows)" if limit else ""


def _options(which: Measured) -> str:
    """What `mslt fetch` needs to measure what is asked for."""
    options = f" --split {which.split}" if which.split else ""
    options += f" --limit {which.limit}" if which.limit else ""
    options += f" --prefix '{which.prefix}'" if which.prefix else ""
    return options + ("" if which.special_tokens else " --no-special-tokens")


def task_name(given: str | None) -> str | None:
    """The name under which a task's measurements are stored; a user's own task is read for it."""
    if given is None or not given.endswith(".toml"):
        return given
    from mslt_cli.tasks import find_task

    return find_task(given).name
