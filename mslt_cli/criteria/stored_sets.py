"""Which of the stored measurements of models is meant, and what to do if none is stored, or several are."""

from collections.abc import Sequence

from mslt_cli.criteria.request import Measured
from mslt_cli.errors import MissingFactsError, UnknownNameError, UsageError
from mslt_cli.models import MODELS, canonical_name
from mslt_cli.store.measured import MeasuredSet

FIRST_SPLIT = "train"


def choose_set(
    sets: Sequence[MeasuredSet], measured: Measured, data: str | None, *, what: str, option: str, command: str
) -> MeasuredSet:
    """Return the one stored set that is meant: of all rows, and of the split that is trained on, if nothing is said.

    Args:
        sets: what is stored.
        measured: what the user said of it.
        data: name of the task or corpus; None = whichever is stored.
        what, option, command: words for messages: "vocabularies", "--task", "vocab --task cldr".

    Raises:
        MissingFactsError, UsageError: none is stored, or several are, and it is not said which.
    """
    model, split, limit = measured.model, measured.split, measured.limit
    models = [*MODELS, *(item.model for item in sets)]
    if model is not None and model not in models:
        model = canonical_name(model)
    if model is not None and model not in models and "/" not in model:
        raise UnknownNameError("model", model, models)
    same_way = (measured.prefix, measured.special_tokens)
    sets = [item for item in sets if model in (None, item.model) and data in (None, item.data)]
    sets = [item for item in sets if (item.prefix, item.special_tokens) == same_way and split in (None, item.split)]
    if split is None:
        sets = [item for item in sets if item.split == FIRST_SPLIT] or sets
    sets = [item for item in sets if item.limit == (limit or 0)] or (sets if limit is None else [])
    if not sets:
        of = f" of {model}" if model else ""
        on = (f" on {data}" if data else "") + (f" {split}" if split else "")
        run = f"mslt fetch {command} --model {model or 'e5-small'}{_options(measured)}"
        raise MissingFactsError(f"No {what}{of}{on}{_limited(limit)} are stored. Run `{run}` first.")
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
