"""The pool and what its languages lack; one piece of evidence for each criterion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mslt_cli.criteria import Criterion
from mslt_cli.criteria.evidence import Aim, Evidence, Measured
from mslt_cli.criteria.own_vectors import OwnVectors
from mslt_cli.criteria.readers import Source
from mslt_cli.criteria.writing import writing_system
from mslt_cli.errors import MissingFactsError, UsageError
from mslt_cli.languages.pools import Pool
from mslt_cli.search.constraints import Caps, Wanted
from mslt_cli.search.objective import Lot
from mslt_cli.store.db import Store


def gather(
    store: Store,
    pool: Pool,
    rows: Sequence[Criterion],
    aim: Aim,
    which: Measured,
    own: OwnVectors | None,
    notes: list[str],
) -> tuple[Pool, list[Evidence]]:
    """Read what the criteria need; languages of named pools that lack it are left out, others are an error.

    Raises:
        MissingFactsError: a language that the user named, or a target, lacks what a criterion reads.
        UnknownNameError: there is no such model.
        UsageError: a criterion cannot do what the aim asks, or nothing is left of the pool.
    """
    sources = [Source.of(store, row, which, own) for row in rows]
    for source in sources:
        pool = drop(pool, source.lacking(pool.members), source.reason, notes)
        if gone := source.lacking(aim.targets):
            names = ", ".join(f"{aim.targets[i].language.name} ({aim.targets[i].label})" for i in gone)
            has = "has" if len(gone) == 1 else "have"
            raise MissingFactsError(f"{names} of --target {has} {source.reason}. Choose other targets.")
    if not len(pool):
        raise UsageError("No language is left in the pool.")
    return pool, [source.evidence(pool, aim) for source in sources]


def finished(evidence: Evidence, wanted: Wanted, seed: int) -> Evidence:
    """A lot is drawn once the pool and k are settled."""
    if not isinstance(evidence.objective, Lot):
        return evidence
    return replace(evidence, objective=Lot(wanted.n, wanted.k, seed, wanted.fixed), provenance=f"seed {seed}")


def drop(pool: Pool, lacking: list[int], reason: str, notes: list[str]) -> Pool:
    """The pool less the languages that lack something: a note for those of named pools, an error for others."""
    asked = [pool.members[i] for i in lacking if not pool.members[i].named]
    if asked:
        who = ", ".join(f"{m.language.name} ({m.label})" for m in asked[:5])
        more = f" and {len(asked) - 5} more" if len(asked) > 5 else ""
        has = "has" if len(asked) == 1 else "have"
        raise MissingFactsError(
            f"{who}{more} {has} {reason}. Drop {'it' if len(asked) == 1 else 'them'} from the pool."
        )
    if lacking:
        some = ", ".join(pool.labels[i] for i in lacking[:5]) + (", ..." if len(lacking) > 5 else "")
        notes.append(f"left out {len(lacking)} of {len(pool)} languages with {reason}: {some}")
    return pool.without(lacking)


def with_known_quotas(pool: Pool, max_per_family: int | None, distinct: bool, notes: list[str]) -> Pool:
    """The pool less what a quota cannot be applied to."""
    if max_per_family is not None:
        if max_per_family < 1:
            raise UsageError(f"--max-per-family is {max_per_family}; it has to be at least 1.")
        lacking = [i for i, m in enumerate(pool.members) if not m.language.family]
        pool = drop(pool, lacking, "no known family", notes)
    if distinct:
        lacking = [i for i, m in enumerate(pool.members) if not m.language.script]
        pool = drop(pool, lacking, "no known script", notes)
    return pool


def quotas(pool: Pool, max_per_family: int | None, distinct: bool) -> tuple[Caps, ...]:
    """The quotas as caps on labels."""
    caps: list[Caps] = []
    if max_per_family is not None:
        families = [m.language.family or "" for m in pool.members]
        caps.append(Caps(np.unique(families, return_inverse=True)[1], max_per_family))
    if distinct:
        systems = [writing_system(m.language.script or "") for m in pool.members]
        caps.append(Caps(np.unique(systems, return_inverse=True)[1], 1))
    return tuple(caps)
