"""What several commands take from the user by name: a task, languages, the store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mslt_cli.store.db import Store
    from mslt_cli.tasks.base import Task


def task_of(name: str, no_repair: list[str] | None) -> Task:
    """The task that the user names, without the repairs that are switched off."""
    from mslt_cli.languages.pools import split_names
    from mslt_cli.tasks import find_task

    task = find_task(name)
    names = tuple(name for text in no_repair or () for name in split_names(text))
    return task.not_repaired(names) if names else task


def filled_store(path: Path | None, *, write: bool = False) -> Store:
    """The store, with the languages that spellings are looked up in."""
    from mslt_cli.store.db import open_store, store_path
    from mslt_cli.store.fill import ensure_filled

    path = store_path(path)
    ensure_filled(path)
    return open_store(path, write=write)


def languages_of(store: Store, task: Task, langs: list[str] | None) -> tuple[str, ...]:
    """ISO 639-3 codes of the languages that the user named; none if there are no names.

    Raises:
        UnknownNameError: a spelling means no language.
        DataError: the task lacks a language; says which it has.
    """
    from mslt_cli.languages.pools import split_names
    from mslt_cli.runs.sources import language_of

    chosen: list[str] = []
    for name in (name for text in langs or () for name in split_names(text)):
        chosen += task.languages if name == "all" else [language_of(store, task, name)]
    return tuple(dict.fromkeys(chosen))
