"""`select`: rank the combinations of a pool, where the store's facts and the criteria meet."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mslt_cli.criteria import CRITERIA, DEFAULT, OWN_VECTORS, Criterion, criterion
from mslt_cli.criteria.pretraining import pretraining_size, size_of, size_unit
from mslt_cli.criteria.typology import diversity, from_distances
from mslt_cli.criteria.writing import distinct_scripts, writing_system
from mslt_cli.errors import MissingFactsError, UnknownNameError, UsageError
from mslt_cli.languages.pools import Member, Pool, expand_files, split_names
from mslt_cli.search.constraints import Caps, Wanted
from mslt_cli.search.exhaustive import all_sets
from mslt_cli.search.objective import Lot, Objective, PairSum
from mslt_cli.search.ranking import ENUMERATE_UP_TO, MOST_ROWS, Ranking, Row, competition_ranks, rank
from mslt_cli.store import languages as facts
from mslt_cli.store.db import Store
from mslt_cli.store.vectors import read_vectors, vector_set_info, without_vector

Floats = NDArray[np.float64]

RANDOM_SAMPLE = 10_000
"""Random combinations that the best one is compared with where they cannot all be listed."""

MOSTLY_IMPUTED = 0.5
"""Share of measured features below which a vector is mostly a guess from other languages."""


@dataclass(frozen=True)
class Evidence:
    """What one criterion knows about the pool."""

    criterion: Criterion
    objective: Objective
    unit: str
    provenance: str
    """Where its facts are from, with versions."""
    measured: Floats | None = None
    """Share of each language's vector that was observed, 0..1, shape (n,); None if it reads no vectors."""


@dataclass(frozen=True)
class Result:
    """One ranked combination."""

    rank: int
    tied: int | None
    languages: tuple[str, ...]
    """As the user wrote them, sorted."""
    names: tuple[str, ...]
    scores: dict[str, float]
    ranks: dict[str, int | None]
    """Rank under each criterion; None where the pool is too large to rank all combinations."""


@dataclass(frozen=True)
class Selection:
    """What `select` found, and how sure it is."""

    pool: Pool
    k: int
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    by: tuple[str, ...]
    least: bool
    maximize: str
    combine: str | None
    quotas: bool
    """Whether a quota ruled combinations out."""
    combinations: int
    """How many there are; before quotas where they were not enumerated."""
    exact: bool
    proof: str
    gap: float
    results: tuple[Result, ...]
    evidence: tuple[Evidence, ...]
    percentile: float | None
    """Share of random combinations that score worse than the best one under the first criterion, in percent."""
    notes: tuple[str, ...] = ()
    best: tuple[int, ...] = field(default=(), repr=False)
    """Positions of the best combination in the pool."""


def select(
    store: Store,
    pool: str | Sequence[str] = "paper",
    k: int = 3,
    *,
    by: Sequence[str] = (),
    include: str | Sequence[str] = (),
    exclude: str | Sequence[str] = (),
    least: bool = False,
    maximize: str = "sum",
    combine: str | None = None,
    max_per_family: int | None = None,
    distinct_scripts_only: bool = False,
    model: str = "xlm-r",
    vectors: Path | None = None,
    seed: int = 0,
    top: int = 10,
    time_limit: float = 8.0,
    read_stdin: Callable[[], str] = sys.stdin.read,
) -> Selection:
    """Rank the k-language combinations of a pool by one or more criteria.

    Args:
        store: an open, filled store.
        pool: languages, pool names, `@file` or `-`, as a list or one text by comma.
        k: how many languages to choose.
        by: criteria; the first ranks. Default: `l2v-syntax`, or `vectors` if those are given.
        include: languages that every combination holds.
        exclude: languages to leave out of the pool.
        least: lowest values first (the paper's control).
        maximize: "sum" of pair distances, or "min", the smallest of them.
        combine: "borda" ranks by the mean rank over all criteria.
        max_per_family: at most so many languages of one top-level family.
        distinct_scripts_only: no two languages of one writing system.
        model: whose pretraining sizes `size` reads.
        vectors: a CSV file, languages × features or a square matrix of distances.
        seed: of `random`, and of the random combinations that the best is compared with.
        top: how many combinations to return.
        time_limit: seconds after which a search returns the best found, with the proven gap.
        read_stdin: gives the text for the pool `-`.

    Raises:
        UnknownNameError: an unknown language, pool, criterion or model.
        MissingFactsError: a language lacks what a criterion or quota reads.
        UsageError: arguments that don't go together.
    """
    if top < 1:
        raise UsageError(f"--top is {top}; it has to be at least 1.")
    if seed < 0:
        raise UsageError(f"--seed is {seed}; it has to be at least 0.")
    model = model.strip().casefold()
    if model not in (known := facts.model_names(store)):
        raise UnknownNameError("model", model, known)
    if not time_limit > 0:
        raise UsageError(f"--time-limit is {time_limit:g}; it has to be more than 0 seconds.")
    own = _OwnVectors.read(store, vectors) if vectors is not None else None
    rows = _criteria(by, own is not None)
    members = _members(store, pool, read_stdin)
    if own is not None and pool == "paper":
        members = [Member(label, facts.resolve(store, label)) for label in own.labels]
    notes: list[str] = []
    candidates = _without(store, Pool.of(members), exclude, notes)
    candidates = _with_known_quotas(candidates, max_per_family, distinct_scripts_only, notes)
    candidates, evidence = _gather(store, candidates, rows, maximize, model, own, notes)
    caps = _caps(candidates, max_per_family, distinct_scripts_only)
    fixed = _positions(store, candidates, include)
    _check_sizes(candidates, k, fixed)
    wanted = Wanted(len(candidates), k, fixed, caps)
    if wanted.total > ENUMERATE_UP_TO and top > MOST_ROWS:
        raise UsageError(f"--top is {top}; out of {wanted.total:,} combinations it can be at most {MOST_ROWS:,}.")
    evidence = [_finished(item, wanted, seed) for item in evidence]
    if combine is None:
        ranking = rank(evidence[0].objective, wanted, top=top, least=least, time_limit=time_limit)
    else:
        ranking = _borda(evidence, wanted, top, least, combine)
    if not ranking.rows and not ranking.exact:
        raise UsageError(
            f"No combination of {k} languages that keeps to the quotas was found in {time_limit:g} s. "
            "Give a larger --time-limit or looser quotas."
        )
    if not ranking.rows:
        raise UsageError(f"No combination of {k} languages out of this pool keeps to the quotas.")
    best = ranking.rows[0].items
    return Selection(
        candidates,
        k,
        tuple(sorted(candidates.labels[i] for i in fixed)),
        tuple(_names(exclude)),
        tuple(row.name for row in rows),
        least,
        maximize,
        combine,
        bool(caps),
        len(ranking.values) if ranking.values is not None else wanted.total,
        ranking.exact,
        ranking.proof,
        ranking.gap,
        _results(candidates, evidence, wanted, ranking, least, combine),
        tuple(evidence),
        _percentile(evidence[0].objective, wanted, ranking, least, seed) if combine is None else None,
        tuple(notes),
        best,
    )


# -- what the user names ---------------------------------------------------------------------------


def _names(given: str | Sequence[str]) -> list[str]:
    return [name for text in ([given] if isinstance(given, str) else given) for name in split_names(text)]


def _members(store: Store, pool: str | Sequence[str], read_stdin: Callable[[], str]) -> list[Member]:
    names = expand_files(_names(pool), read_stdin)
    if not names:
        raise UsageError("The pool is empty. Give languages by comma (--pool ar,de,en), a pool's name, @file or -.")
    pools = {*facts.pool_names(store), *facts.model_names(store), "all"}
    members: list[Member] = []
    for name in names:
        if name.casefold() in pools:
            codes = set(_codes_of(store, name.casefold()))
            members += [
                Member(language.iso639_1 or language.iso639_3, language, named=True)
                for language in facts.all_languages(store)
                if language.iso639_3 in codes
            ]
        elif name.startswith("task:"):
            raise UnknownNameError("pool", name, sorted(pools))
        else:
            members.append(Member(name, facts.resolve(store, name)))
    return members


def _codes_of(store: Store, pool: str) -> Sequence[str]:
    if pool == "all":
        return facts.all_codes(store)
    if pool in facts.model_names(store):
        return facts.models_languages(store, pool)
    return facts.pool(store, pool)


def _without(store: Store, pool: Pool, exclude: str | Sequence[str], notes: list[str]) -> Pool:
    gone: list[int] = []
    for name in _names(exclude):
        code = facts.resolve(store, name).iso639_3
        if code in pool.codes:
            gone.append(pool.codes.index(code))
        else:
            notes.append(f"{name!r} of --exclude is not in the pool anyway.")
    return pool.without(gone)


def _positions(store: Store, pool: Pool, include: str | Sequence[str]) -> tuple[int, ...]:
    codes = {code: i for i, code in enumerate(pool.codes)}
    fixed: list[int] = []
    for name in _names(include):
        language = facts.resolve(store, name)
        if language.iso639_3 not in codes:
            raise UsageError(f"{name!r} of --include ({language.name}) is not in the pool. Add it to --pool.")
        if codes[language.iso639_3] in fixed:
            raise UsageError(f"--include names {language.name} ({language.iso639_3}) twice. Give it once.")
        fixed.append(codes[language.iso639_3])
    return tuple(sorted(fixed))


def _check_sizes(pool: Pool, k: int, fixed: tuple[int, ...]) -> None:
    if k < 1:
        raise UsageError(f"-k is {k}; a combination has at least 1 language.")
    if k > len(pool):
        count = "1 language" if len(pool) == 1 else f"{len(pool)} languages"
        raise UsageError(f"-k is {k}, and the pool has only {count}. Choose a smaller k or add languages.")
    if len(fixed) > k:
        raise UsageError(f"--include names {len(fixed)} languages, more than the {k} of -k.")


def _criteria(by: Sequence[str], own_vectors: bool) -> list[Criterion]:
    names = [name for text in by for name in split_names(text)] or [OWN_VECTORS.name if own_vectors else DEFAULT]
    rows: list[Criterion] = []
    for name in names:
        if name == OWN_VECTORS.name:
            if not own_vectors:
                raise UsageError("--by vectors needs --vectors FILE.")
            row = OWN_VECTORS
        else:
            row = criterion(name)
        if row.lacks:
            raise MissingFactsError(
                f"{row.name} needs facts that `{row.lacks}` fetches, which this version of mslt cannot do yet. "
                f"Rank by one of {', '.join(c.name for c in CRITERIA.values() if not c.lacks)}."
            )
        if row in rows:
            raise UsageError(f"--by names {row.name} twice. Give it once.")
        rows.append(row)
    return rows


# -- what is known of them -------------------------------------------------------------------------


def _gather(
    store: Store,
    pool: Pool,
    rows: Sequence[Criterion],
    maximize: str,
    model: str,
    own: _OwnVectors | None,
    notes: list[str],
) -> tuple[Pool, list[Evidence]]:
    """Read what the criteria need; languages of named pools that lack it are left out, others are an error."""
    if maximize not in ("sum", "min"):
        raise UsageError(f"--maximize is {maximize!r}; it can be sum or min.")
    for row in rows:
        pool = _drop(pool, _lacking(store, pool, row, model, own), _reason(row, model), notes)
    evidence = [_evidence(store, pool, row, maximize == "min", model, own) for row in rows]
    return pool, evidence


def _lacking(store: Store, pool: Pool, row: Criterion, model: str, own: _OwnVectors | None) -> list[int]:
    if row is OWN_VECTORS and own is not None:
        return [i for i, code in enumerate(pool.codes) if code not in own.row_of]
    if row.reads == "vectors":
        missing = set(without_vector(store, row.vector_set, pool.codes))
        return [i for i, code in enumerate(pool.codes) if code in missing]
    if row.reads == "sizes":
        table = facts.pretraining_sizes(store, model)
        return [
            i
            for i, member in enumerate(pool.members)
            if size_of(table, member.language.iso639_3, member.language.script_asked) is None
        ]
    if row.reads == "scripts":
        return [i for i, member in enumerate(pool.members) if not member.language.script]
    return []


def _reason(row: Criterion, model: str) -> str:
    if row is OWN_VECTORS:
        return "no row in the --vectors file"
    return {
        "vectors": f"no known {row.name} vector in URIEL",
        "sizes": f"no size in the pretraining table of {model}",
        "scripts": "no known script",
    }.get(row.reads, "")


def _drop(pool: Pool, lacking: list[int], reason: str, notes: list[str]) -> Pool:
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


def _evidence(
    store: Store, pool: Pool, row: Criterion, smallest: bool, model: str, own: _OwnVectors | None
) -> Evidence:
    if not len(pool):
        raise UsageError("No language is left in the pool.")
    if row is OWN_VECTORS and own is not None:
        return Evidence(row, own.objective(pool, smallest), row.unit, str(own.path))
    if row.reads == "vectors":
        info = vector_set_info(store, row.vector_set)
        found = read_vectors(store, row.vector_set, pool.codes)
        unit = "smallest 1 − cosine" if smallest else row.unit
        provenance = f"{info.name} ({info.provider} {info.provider_version})"
        return Evidence(row, diversity(found.matrix, smallest=smallest), unit, provenance, found.measured_share)
    if row.reads == "sizes":
        table = facts.pretraining_sizes(store, model)
        amounts = [size_of(table, m.language.iso639_3, m.language.script_asked) or 0.0 for m in pool.members]
        return Evidence(row, pretraining_size(amounts), size_unit(table), f"pretraining table of {model}")
    if row.reads == "scripts":
        scripts = [m.language.script or "" for m in pool.members]
        return Evidence(row, distinct_scripts(scripts), row.unit, "data/langs")
    return Evidence(row, Lot(len(pool), 1, 0), row.unit, "seed")


def _finished(evidence: Evidence, wanted: Wanted, seed: int) -> Evidence:
    """A lot is drawn once the pool and k are settled."""
    if not isinstance(evidence.objective, Lot):
        return evidence
    return Evidence(evidence.criterion, Lot(wanted.n, wanted.k, seed, wanted.fixed), evidence.unit, f"seed {seed}")


def _with_known_quotas(pool: Pool, max_per_family: int | None, distinct: bool, notes: list[str]) -> Pool:
    """The pool less what a quota cannot be applied to."""
    if max_per_family is not None:
        if max_per_family < 1:
            raise UsageError(f"--max-per-family is {max_per_family}; it has to be at least 1.")
        lacking = [i for i, m in enumerate(pool.members) if not m.language.family]
        pool = _drop(pool, lacking, "no known family", notes)
    if distinct:
        lacking = [i for i, m in enumerate(pool.members) if not m.language.script]
        pool = _drop(pool, lacking, "no known script", notes)
    return pool


def _caps(pool: Pool, max_per_family: int | None, distinct: bool) -> tuple[Caps, ...]:
    caps: list[Caps] = []
    if max_per_family is not None:
        families = [m.language.family or "" for m in pool.members]
        caps.append(Caps(np.unique(families, return_inverse=True)[1], max_per_family))
    if distinct:
        systems = [writing_system(m.language.script or "") for m in pool.members]
        caps.append(Caps(np.unique(systems, return_inverse=True)[1], 1))
    return tuple(caps)


# -- results ---------------------------------------------------------------------------------------


def _results(
    pool: Pool, evidence: Sequence[Evidence], wanted: Wanted, ranking: Ranking, least: bool, combine: str | None
) -> tuple[Result, ...]:
    chosen = np.array([row.items for row in ranking.rows], dtype=np.int64)
    scores = {item.criterion.name: item.objective.values(chosen) for item in evidence}
    ranks: dict[str, list[int | None]] = {}
    listed = {tuple(row): i for i, row in enumerate(ranking.sets.tolist())} if ranking.sets is not None else {}
    for number, item in enumerate(evidence):
        if number == 0 and combine is None:
            ranks[item.criterion.name] = [row.rank for row in ranking.rows]
        elif ranking.sets is None:
            ranks[item.criterion.name] = [None] * len(ranking.rows)
        else:
            every, _ = competition_ranks(item.objective.values(ranking.sets), least=least)
            ranks[item.criterion.name] = [int(every[listed[row.items]]) for row in ranking.rows]
    results = []
    for number, row in enumerate(ranking.rows):
        members = [pool.members[i] for i in row.items]
        values = {name: float(column[number]) for name, column in scores.items()}
        if combine is not None:
            values = {combine: row.value} | values
        results.append(
            Result(
                row.rank,
                row.tied,
                tuple(m.label for m in members),
                tuple(m.language.name for m in members),
                values,
                {name: column[number] for name, column in ranks.items()},
            )
        )
    return tuple(results)


def _borda(evidence: Sequence[Evidence], wanted: Wanted, top: int, least: bool, combine: str) -> Ranking:
    """Rank by the mean of the ranks under all criteria, lowest first."""
    if combine != "borda":
        raise UsageError(f"--combine is {combine!r}; it can be borda.")
    if len(evidence) < 2:
        raise UsageError("--combine borda needs at least two criteria. Give --by twice or more.")
    if wanted.total > ENUMERATE_UP_TO:
        raise UsageError(
            f"--combine borda ranks all combinations, and this pool has {wanted.total:,}; "
            f"it can do {ENUMERATE_UP_TO:,}. Choose a smaller pool or k."
        )
    sets = all_sets(wanted)
    mean = np.mean([competition_ranks(e.objective.values(sets), least=least)[0] for e in evidence], axis=0)
    ranks, tied = competition_ranks(mean, least=True)
    order = np.lexsort((np.arange(len(sets)), ranks))[:top]
    rows = [Row(tuple(sets[i].tolist()), float(mean[i]), int(ranks[i]), int(tied[i])) for i in order]
    return Ranking(rows, True, "enumerated", 0.0, sets, mean)


def _percentile(objective: Objective, wanted: Wanted, ranking: Ranking, least: bool, seed: int) -> float | None:
    """Share of random combinations that the best one beats, in percent."""
    values = ranking.values
    if values is None:
        if isinstance(objective, Lot):
            return None
        values = objective.values(random_sets(wanted, RANDOM_SAMPLE, seed))
    if not len(values):
        return None
    best = ranking.rows[0].value
    beaten = values > best + 1e-9 if least else values < best - 1e-9
    return 100.0 * float(beaten.mean())


def random_sets(wanted: Wanted, count: int, seed: int) -> NDArray[np.int64]:
    """Up to `count` sets drawn evenly from those that are asked for, shape (b, k); fewer if quotas rule most out."""
    rng = np.random.default_rng(seed)
    free = np.setdiff1d(np.arange(wanted.n), wanted.fixed)
    missing = wanted.k - len(wanted.fixed)
    kept: list[NDArray[np.int64]] = []
    for _ in range(10):
        drawn = free[rng.integers(0, len(free), (2 * count, missing))]
        drawn = np.sort(drawn, axis=1)
        drawn = drawn[(np.diff(drawn, axis=1) > 0).all(axis=1)]
        fixed = np.repeat(np.array([wanted.fixed], dtype=np.int64), len(drawn), axis=0)
        sets = np.concatenate([fixed, drawn], axis=1)
        kept.append(sets[wanted.permits(sets)])
        if sum(map(len, kept)) >= count:
            break
    return np.concatenate(kept)[:count]


# -- the user's own vectors ------------------------------------------------------------------------


@dataclass(frozen=True)
class _OwnVectors:
    path: Path
    labels: list[str]
    row_of: dict[str, int]
    """Row of each ISO 639-3 code."""
    matrix: Floats
    square: bool

    @classmethod
    def read(cls, store: Store, path: Path) -> _OwnVectors:
        """Read languages × features, or a square matrix of distances, with a header and a first column of names.

        Raises:
            UsageError: the file cannot be read, or a row is not numbers; names file and line.
        """
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                rows = [row for row in csv.reader(file) if any(cell.strip() for cell in row)]
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not CSV in UTF-8"
            raise UsageError(f"--vectors {path} cannot be read: {reason}.") from error
        if len(rows) < 2 or len(rows[0]) < 2:
            raise UsageError(f"--vectors {path} needs a header, and a row for each language: its name, then numbers.")
        header, body = [cell.strip() for cell in rows[0]], rows[1:]
        values: list[list[float]] = []
        for line, row in enumerate(body, start=2):
            try:
                numbers = [float(cell) for cell in row[1:]]
            except ValueError:
                numbers = []
            if len(numbers) != len(header) - 1 or not np.isfinite(numbers).all():
                raise UsageError(f"Row {line} of --vectors {path} needs {len(header) - 1} numbers after the language.")
            values.append(numbers)
        labels = [row[0].strip() for row in body]
        matrix = np.array(values)
        codes: dict[str, int] = {}
        for i, label in enumerate(labels):
            code = facts.resolve(store, label).iso639_3
            if code in codes:
                raise UsageError(f"--vectors {path} has two rows for {label!r} ({code}).")
            codes[code] = i
        square = header[1:] == labels
        if square and not (np.allclose(matrix, matrix.T) and np.allclose(np.diag(matrix), 0) and (matrix >= 0).all()):
            raise UsageError(
                f"--vectors {path} names the same languages in rows and columns, so it holds distances; "
                "these must be symmetric, zero on the diagonal and not negative."
            )
        return cls(path, labels, codes, matrix, square)

    def objective(self, pool: Pool, smallest: bool) -> PairSum:
        rows = [self.row_of[code] for code in pool.codes]
        if self.square:
            return from_distances(self.matrix[np.ix_(rows, rows)], smallest=smallest)
        matrix = self.matrix[rows]
        zero = [pool.labels[i] for i in np.flatnonzero(~matrix.any(axis=1))]
        if zero:
            raise MissingFactsError(f"{', '.join(zero[:5])} have no vector in {self.path}: all its values are 0.")
        return diversity(matrix, smallest=smallest)
