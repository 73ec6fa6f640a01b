"""The combinations that a user names: lists, lines on standard input, or all of a pool."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from mslt_cli.criteria.request import members_of
from mslt_cli.errors import DataError, UsageError
from mslt_cli.languages.pools import split_names
from mslt_cli.runs.plan import all_combinations
from mslt_cli.store.db import Store
from mslt_cli.store.languages import resolver
from mslt_cli.tasks.task import Task
from mslt_cli.training.mixture import stated_shares


def language_of(store: Store, task: Task, name: str) -> str:
    """The ISO 639-3 code of a task's language, by any of its spellings.

    Raises:
        UnknownNameError: a spelling means no language.
        DataError: the task lacks the language; says which it has.
    """
    # The data set's own code first: als is Alemannic in WikiANN, and Albanian elsewhere.
    own = {code: language for language, codes in task.languages.items() for code in codes}
    language = own.get(name) or resolver(store).resolve(name).iso639_3
    if language not in task.languages:
        has = ", ".join(sorted(task.code(language) for language in task.languages))
        raise DataError(f"{task.name} has no data in {name!r}. It has {has}.")
    return language


def combinations_of(
    store: Store,
    task: Task,
    sources: Sequence[str],
    *,
    pool: str | None = None,
    ks: Sequence[int] = (),
    read_stdin: Callable[[], str] | None = None,
) -> tuple[list[tuple[str, ...]], str]:
    """The combinations to train on, each once, in the order in which they were named.

    Args:
        store: for spellings and pools.
        task: has the languages.
        sources: lists by comma; `-` stands for the lines of standard input.
        pool: all combinations of these languages; `paper` = the task's sources.
        ks: how many languages of the pool.
        read_stdin: gives the text for `-`.

    Returns:
        ISO 639-3 codes, sorted in each; and what standard input held.

    Raises:
        UsageError: nothing is named, a list is empty or names a language twice, or both ways are used.
    """
    if pool is not None and sources:
        raise UsageError("--sources and --all-combinations are two ways to say what to train on. Leave one out.")
    if pool is not None:
        if pool == "paper":
            members = list(task.sources)
        else:
            read = read_stdin or sys.stdin.read
            members = [language_of(store, task, member.label) for member in members_of(store, pool, read)]
        return all_combinations(sorted(set(members)), ks), ""
    lines: list[str] = []
    stdin = ""
    for given in sources:
        if given.strip() == "-":
            stdin = (read_stdin or sys.stdin.read)()
            lines += [line for line in stdin.splitlines() if line.split("#", 1)[0].strip()]
        else:
            lines.append(given)
    if not lines:
        raise UsageError("There are no sources. Give --sources en --sources ar,de,zh, or --all-combinations.")
    chosen = []
    for line in lines:
        names = split_names(line)
        if not names:
            raise UsageError(f"--sources is {line!r}, which names no language.")
        codes = [language_of(store, task, name) for name in names]
        if len(set(codes)) < len(codes):
            twice = next(name for i, name in enumerate(names) if codes[i] in codes[:i])
            raise UsageError(f"--sources {line} names {twice} twice. Give it once.")
        chosen.append(tuple(sorted(codes)))
    return list(dict.fromkeys(chosen)), stdin


def shares_of(store: Store, task: Task, split: str | None) -> str | Callable[[Sequence[str]], dict[str, int]] | None:
    """What --split says: None, "sizes", or what gives the stated shares.

    Raises:
        UsageError: it is of no such form.
    """
    if split is None or split == "sizes":
        return split
    shares = stated_shares(split, lambda name: language_of(store, task, name))
    return lambda combination: shares
