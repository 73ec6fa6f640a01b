"""What several commands take from the user by name: tasks, languages, numbers, the store."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mslt_cli.errors import UsageError
from mslt_cli.languages.pools import languages_in, names_in

if TYPE_CHECKING:
    from mslt_cli.store.db import Store
    from mslt_cli.tasks.task import Task

MOST_NUMBERS = 100_000
"""A longer range is a slip."""


def numbers_in(text: str, option: str) -> tuple[int, ...]:
    """Whole numbers out of "0,1,2" or "1..5".

    Raises:
        UsageError: it is neither.
    """
    numbers: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*([0-9]{1,18})(?:\s*\.\.\s*([0-9]{1,18}))?\s*", part)
        if match is None or not 0 <= int(match[2] or match[1]) - int(match[1]) < MOST_NUMBERS:
            raise UsageError(f"{option} is {text[:50]!r}; write a number, several by comma, or a range: 0..4.")
        numbers += range(int(match[1]), int(match[2] or match[1]) + 1)
    return tuple(dict.fromkeys(numbers))


def settings_in(texts: Sequence[str] | None) -> dict[str, str]:
    """What --where says: {"learning_rate": "1e-4"}; UsageError: one is no NAME=VALUE."""
    settings = {}
    for text in texts or ():
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not name or not value:
            raise UsageError(f"--where is {text!r}; write SETTING=VALUE: learning_rate=1e-4.")
        settings[name] = value
    return settings


def only_number(numbers: Sequence[int], option: str) -> int:
    """The one number of an option that takes no more here. Raises: UsageError: there are several."""
    if len(numbers) > 1:
        raise UsageError(f"{option} has {len(numbers)} numbers, and one is needed here.")
    return numbers[0]


def task_of(name: str, no_repair: Sequence[str] | None) -> Task:
    """The task that the user names, without the repairs that are switched off."""
    from mslt_cli.tasks import find_task

    repairs = tuple(names_in(no_repair))
    return find_task(name).without_repairs(repairs) if repairs else find_task(name)


def tasks_of(names: Sequence[str] | None, no_repair: Sequence[str] | None) -> list[Task]:
    """The tasks that the user names by comma, each once; a repair is switched off in those tasks that have it.

    Raises:
        UnknownNameError: there is no such task, or no task has such a repair.
    """
    from mslt_cli.tasks import find_task

    tasks = {task.name: task for task in map(find_task, names_in(names))}.values()
    off = dict.fromkeys(names_in(no_repair))
    repairs = {task.name: [repair.name for repair in task.repairs if repair.name in off] for task in tasks}
    unknown = [name for name in off if not any(name in of_task for of_task in repairs.values())]
    return [task.without_repairs((*repairs[task.name], *unknown)) if off else task for task in tasks]


def filled_store(path: Path | None, *, write: bool = False) -> Store:
    """The store, with the languages that spellings are looked up in."""
    from mslt_cli.store.db import open_store, store_path
    from mslt_cli.store.fill import ensure_filled

    path = store_path(path)
    ensure_filled(path)
    return open_store(path, write=write)


def languages_of(store: Store, task: Task, langs: Sequence[str] | None) -> tuple[str, ...]:
    """ISO 639-3 codes of the languages that the user named; none if there are no names.

    Raises:
        UnknownNameError: a spelling means no language.
        DataError: the task lacks a language; says which it has.
    """
    from mslt_cli.show.terminal import note
    from mslt_cli.store.languages import resolver

    names = languages_in(langs)
    chosen = dict.fromkeys(task.languages_named([name for name in names if name != "all"], resolver(store)))
    for text in filter(None, map(task.note_on, names)):
        note(text)
    return tuple(dict.fromkeys([*chosen, *(task.languages if "all" in names else ())]))
