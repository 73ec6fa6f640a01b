"""Which of the stored measurements of models is meant, and what to do if none is stored, or several are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from mslt_cli.criteria.request import Measured
from mslt_cli.errors import MissingFactsError, UnknownNameError, UsageError
from mslt_cli.models import MODELS
from mslt_cli.store.measured import EmbeddingSet, VocabularySet

FIRST_SPLIT = "train"

StoredSet = TypeVar("StoredSet", VocabularySet, EmbeddingSet)


def require_model(name: str | None, sets: Sequence[VocabularySet] | Sequence[EmbeddingSet]) -> None:
    """Raises: UnknownNameError: there is no such model."""
    stored = [item.model for item in sets]
    if name is not None and name not in MODELS and name not in stored and "/" not in name:
        raise UnknownNameError("model", name, [*MODELS, *stored])


def choose_set(
    sets: Sequence[StoredSet], measured: Measured, data: str | None, *, what: str, option: str, command: str
) -> StoredSet:
    """Return the one set that is meant: of all rows, and of the split that is trained on, if nothing is said.

    Args:
        sets: what is stored.
        measured: what the user said of it.
        data: name of the task or corpus; None = whichever is stored.
        what: the user's word for such sets: "vocabularies".
        option: names the data: "--task".
        command: what measures it: "vocab --task cldr".

    Raises:
        MissingFactsError: none is stored; says which command measures it.
        UsageError: several are, and it is not said which.
    """
    sets = [item for item in sets if measured.model in (None, item.model) and data in (None, item.data)]
    if measured.split is not None:
        sets = [item for item in sets if item.split == measured.split]
    else:
        sets = [item for item in sets if item.split == FIRST_SPLIT] or sets
    if measured.limit is not None:
        sets = [item for item in sets if item.limit == measured.limit]
    else:
        sets = [item for item in sets if item.limit == 0] or sets
    if not sets:
        of = f" of {measured.model}" if measured.model else ""
        on = (f" on {data}" if data else "") + (f" {measured.split}" if measured.split else "")
        run = f"mslt fetch {command} --model {measured.model or 'e5-small'}{_options(measured)}"
        raise MissingFactsError(f"No {what}{of}{on}{_limited(measured.limit)} are stored. Run `{run}` first.")
    if len(sets) > 1:
        names = ", ".join(f"{item.model} on {item.data} {item.split}{_limited(item.limit)}" for item in sets)
        raise UsageError(f"Several {what} are stored: {names}. Say which: --model, {option}, --split or --limit.")
    return sets[0]


def require_one_version(hashes: Sequence[str], what: str, command: str) -> None:
    """Raises: MissingFactsError: what is stored is of two versions of the model; the command measures it again."""
    if len(set(hashes)) > 1:
        raise MissingFactsError(
            f"The stored {what} are of two versions of the model, and cannot be compared. Run `{command} --force`."
        )


def task_name(given: str | None) -> str | None:
    """The name under which a task's measurements are stored; a user's own task is read for it."""
    if given is None or not given.endswith(".toml"):
        return given
    from mslt_cli.tasks import find_task

    return find_task(given).name


def range_text(counts: Sequence[int]) -> str:
    """ "1,000", or "998 to 1,000"."""
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _limited(limit: int | None) -> str:
    return f" (the first {limit:,} rows)" if limit else ""


def _options(measured: Measured) -> str:
    """What `mslt fetch` needs to measure what is asked for."""
    options = f" --split {measured.split}" if measured.split else ""
    options += f" --limit {measured.limit}" if measured.limit else ""
    options += f" --prefix '{measured.prefix}'" if measured.prefix else ""
    return options + ("" if measured.special_tokens else " --no-special-tokens")
