"""The combinations that a user names: lists, lines on standard input, or all of a pool."""

import sys
from collections.abc import Sequence
from itertools import combinations
from math import comb

from mslt_cli.criteria.request import members_of
from mslt_cli.errors import UsageError
from mslt_cli.languages.pools import split_names
from mslt_cli.runs.plan import NO_SOURCES
from mslt_cli.store.db import Store
from mslt_cli.store.languages import resolver
from mslt_cli.tasks.task import Task

MOST_RUNS = 10_000


def combinations_of(
    store: Store, task: Task, sources: Sequence[str], *, pool: str | None = None, ks: Sequence[int] = ()
) -> tuple[list[tuple[str, ...]], str]:
    """The combinations to train on, in the order in which they were named; and what standard input held.

    Args:
        store: for pools.
        task: has the languages.
        sources: lists by comma; `-` stands for the lines of standard input.
        pool: all combinations of these languages, as ISO 639-3 codes; `paper` = the task's sources.
        ks: how many languages of the pool.

    Raises:
        UsageError: nothing is named, a list is empty, or both ways are used.
    """
    if pool is not None and sources:
        raise UsageError("--sources and --all-combinations are two ways to say what to train on. Leave one out.")
    if pool == "paper":
        return all_combinations(task.sources, ks), ""
    if pool is not None:
        members = members_of(store, pool, sys.stdin.read)
        return all_combinations([task.language(member.label, resolver(store)) for member in members], ks), ""
    stdin = sys.stdin.read() if any(given.strip() == "-" for given in sources) else ""
    piped = [line for line in stdin.splitlines() if line.split("#", 1)[0].strip()]
    lines = [line for given in sources for line in (piped if given.strip() == "-" else [given])]
    if not lines:
        raise UsageError(NO_SOURCES)
    named = [tuple(split_names(line)) for line in lines]
    if () in named:
        raise UsageError(f"--sources is {lines[named.index(())]!r}, which names no language.")
    return named, stdin


def all_combinations(pool: Sequence[str], ks: Sequence[int]) -> list[tuple[str, ...]]:
    """All sets of k out of a pool for each k, in lexicographic order.

    Raises: UsageError: a k does not fit the pool, or there would be too many.
    """
    pool = sorted(set(pool))
    if unfit := [k for k in ks if not 1 <= k <= len(pool)]:
        raise UsageError(f"-k is {unfit[0]}; the pool has {len(pool)} languages.")
    if sum(comb(len(pool), k) for k in ks) > MOST_RUNS:
        raise UsageError(f"That is more than {MOST_RUNS:,} runs. Choose some: `mslt select` ranks them.")
    return [combination for k in ks for combination in combinations(pool, k)]
