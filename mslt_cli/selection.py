"""`select`: rank the combinations of a pool, where the store's facts and the criteria meet."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mslt_cli.criteria import OF_EMBEDDINGS, OF_RUNS, OF_VOCABULARIES, OWN_VECTORS, Criterion
from mslt_cli.criteria.evidence import Evidence, Question, Reader, open_reader
from mslt_cli.criteria.quotas import read_quotas
from mslt_cli.criteria.request import (
    Aim,
    Candidates,
    Measured,
    find_positions,
    members_of,
    notes_on_unread,
    read_aim,
    read_criteria,
)
from mslt_cli.errors import MissingFactsError, UsageError
from mslt_cli.languages.pools import Pool, languages_in
from mslt_cli.search.best import Ranking, Row, competition_ranks, most_rows
from mslt_cli.search.constraints import Wanted
from mslt_cli.search.covers import Nearest
from mslt_cli.search.exhaustive import ENUMERATE_UP_TO, can_list, enumerate_all, percent_beaten, rank_by_mean_rank
from mslt_cli.store.db import Store
from mslt_cli.store.languages import resolver
from mslt_cli.store.named_vectors import own_vector_names

if TYPE_CHECKING:
    from mslt_cli.criteria.forecast import Chances, Forecast, Outlook

MOST_ROWS = 10_000
"""Rows that can be asked for where combinations are not enumerated: a search for nearly all leaves nothing out."""

MOST_NEAR = 2_000_000
"""Combinations × targets whose nearness is listed at most."""

READING_S = 1.0
"""Seconds of reading facts and working out distances that are not taken off the search's time."""

MOSTLY_IMPUTED = 0.5
"""Share of measured features below which a vector is mostly a guess from other languages."""


class Toward(NamedTuple):
    """How a combination stands to one target under one criterion."""

    value: float
    """Cosine or overlap of the target with its nearest source, or the covered share of its token ids; 0..1."""
    nearest: str | None
    """The nearest source, as the user wrote it; None for vocabularies, which all sources cover together."""


@dataclass(eq=False)
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
    toward: dict[str, dict[str, Toward]] = field(default_factory=dict)
    """By criterion and target, as the user wrote it; empty without targets."""
    outlook: "Outlook | None" = None
    """What finished runs foretell of it, where a criterion asks for that."""


@dataclass(eq=False)
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
    aim: Aim
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
    drawn: int = 0
    """How many random combinations these are."""
    notes: tuple[str, ...] = ()
    forecast: "Forecast | None" = field(default=None, repr=False)
    """What foretells scores, where a criterion does."""
    chances: "Chances | None" = field(default=None, repr=False)
    """How the results stand by it."""
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
    target: str | Sequence[str] = (),
    objective: str | None = None,
    cover_share: float | None = None,
    combine: str | None = None,
    max_per_family: int | None = None,
    distinct_scripts_only: bool = False,
    measured: Measured | None = None,
    vectors: Path | None = None,
    seed: int = 0,
    top: int = 10,
    time_limit: float = 8.0,
    min_measured: float | None = None,
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
        target: languages that the model should do well in; shown, and ranked by if the objective says so.
        objective: "diverse" (the paper's), or "cover": how near the nearest source is to each target, by which
            criteria that know of nothing else (nn-rank, overlap, word-overlap) rank in any case.
        cover_share: λ in 0..1 mixes them: (1 − λ) · mean pair distance + λ · nearness.
        combine: "borda" ranks by the mean rank over all criteria.
        max_per_family: at most so many languages of one top-level family.
        distinct_scripts_only: no two languages of one writing system.
        measured: which measurements of which model criteria read; default: what is stored.
        vectors: a CSV file, languages × features or a square matrix of distances.
        seed: of `random`, and of the random combinations that the best is compared with.
        top: how many combinations to return.
        time_limit: seconds after which a search returns the best found, with the proven gap; reading beyond a second
            counts, but leaves the search half of them.
        min_measured: leave out languages of whose vector less than this share (0..1) was measured.

    Raises:
        UnknownNameError: an unknown language, pool, criterion or model.
        MissingFactsError: a language lacks what a criterion or quota reads.
        UsageError: arguments that don't go together.
    """
    start = time.monotonic()
    if top < 1:
        raise UsageError(f"--top is {top}; it has to be at least 1.")
    if seed < 0:
        raise UsageError(f"--seed is {seed}; it has to be at least 0.")
    if maximize not in ("sum", "min"):
        raise UsageError(f"--maximize is {maximize!r}; it can be sum or min.")
    if not time_limit > 0:
        raise UsageError(f"--time-limit is {time_limit:g}; it has to be more than 0 seconds.")
    language, measured = resolver(store), measured or Measured()
    own_vectors = None
    if vectors is not None:
        from mslt_cli.criteria.own_vectors import OwnVectorsReader
        from mslt_cli.criteria.vector_files import read_vector_file

        own_vectors = OwnVectorsReader(store, OWN_VECTORS, measured, own=read_vector_file(vectors, language))
    criteria = read_criteria(by, own_vectors is not None, own_vector_names(store) if by else ())
    kinds = {row.kind for row in criteria}
    if measured.model is not None and not kinds & {*OF_VOCABULARIES, *OF_EMBEDDINGS, *OF_RUNS}:
        from mslt_cli.criteria.pretraining import find_table

        find_table(store, measured.model)
    aim = read_aim(languages_in(target), language, objective=objective, share=cover_share, smallest=maximize == "min")
    members = own_vectors.members if own_vectors is not None and pool == "paper" else members_of(store, pool)
    candidates = Candidates(members)
    candidates.notes += own_vectors.held.notes if own_vectors else ()
    excluded = languages_in(exclude)
    candidates.exclude(excluded, language)
    candidates.leave_out_targets(aim)
    candidates.note_readings(aim)
    quotas = read_quotas(max_per_family, distinct_scripts_only)
    for quota in quotas:
        unknown = [i for i, member in enumerate(candidates.pool.members) if not quota.label_of(member.language)]
        candidates.leave_out(unknown, f"no known {quota.what}")
    readers = [
        own_vectors if own_vectors and row == OWN_VECTORS else open_reader(store, row, measured) for row in criteria
    ]
    _require_facts(readers, candidates, aim)
    if min_measured is not None:
        _leave_out_imputed(readers, candidates, min_measured)
    chosen_from = candidates.pool
    fixed = find_positions(chosen_from, languages_in(include), language)
    _check_sizes(chosen_from, k, fixed)
    wanted = Wanted(len(chosen_from), k, fixed, tuple(quota.caps(chosen_from) for quota in quotas))
    if wanted.total > ENUMERATE_UP_TO and top > MOST_ROWS:
        raise UsageError(f"--top is {top}; out of {wanted.total:,} combinations it can be at most {MOST_ROWS:,}.")
    if combine is not None:
        _check_borda(combine, criteria, wanted)
    question = Question(chosen_from, aim, wanted, seed)
    evidence = tuple(reader.evidence(question) for reader in readers)
    first, listed = evidence[0].objective, min(top, MOST_NEAR // max(1, len(aim.targets)))
    forecast = next((item.forecast for item in evidence if item.forecast is not None), None)
    if combine is not None:
        ranking = rank_by_mean_rank([item.objective for item in evidence], wanted, top=listed, least=least)
    elif can_list(wanted):
        ranking = enumerate_all(first, wanted, top=listed, least=least)
    else:
        from mslt_cli.search.ranking import rank  # what few combinations need not wait for

        late = max(0.0, time.monotonic() - start - READING_S)
        rows = listed if forecast is None else max(listed, forecast.rivals)
        ranking = rank(first, wanted, top=rows, least=least, time_limit=max(time_limit - late, time_limit / 2))
    if not ranking.rows:
        if ranking.exact:
            raise UsageError(f"No combination of {k} languages out of this pool keeps to the quotas.")
        raise UsageError(
            f"No combination of {k} languages that keeps to the quotas was found in {time_limit:g} s. "
            "Give a larger --time-limit or looser quotas."
        )
    chances = None
    if forecast is not None:
        rivals = ranking.sets
        if rivals is None:  # the first of those that it ranks itself, else none
            rivals = _sets_of(ranking.rows if evidence[0].forecast is forecast else [], k)
        chances = forecast.chances(_sets_of(ranking.rows[:listed], k), rivals, all_listed=ranking.sets is not None)
        del ranking.rows[listed:]
    percentile, drawn = None, 0
    if combine is None and evidence[0].forecast is None:
        percentile, drawn = percent_beaten(first, wanted, ranking, least=least, seed=seed)
    if not ranking.exact and len(ranking.rows) < min(top, wanted.total):
        candidates.notes += [
            f"--top is {top:,}, and {len(ranking.rows):,} combinations are listed: "
            "for more, time or room was too short (see --time-limit)."
        ]
    elif len(ranking.rows) == min(listed, most_rows(k)) < min(top, wanted.total):
        targets = f" with {len(aim.targets):,} targets" if aim.targets else ""
        candidates.notes += [
            f"--top is {top:,}; of combinations of {k:,} languages{targets}, "
            f"the first {len(ranking.rows):,} are listed."
        ]
    return Selection(
        pool=chosen_from,
        k=k,
        include=tuple(sorted(chosen_from.labels[i] for i in fixed)),
        exclude=tuple(excluded),
        by=tuple(row.name for row in criteria),
        least=least,
        maximize=maximize,
        combine=combine,
        aim=aim,
        quotas=bool(quotas),
        combinations=len(ranking.values) if ranking.values is not None else wanted.total,
        exact=ranking.exact,
        proof=ranking.proof,
        gap=ranking.gap,
        results=_results(question, evidence, ranking, chances, least=least, combine=combine),
        evidence=evidence,
        percentile=percentile,
        drawn=drawn,
        notes=(*dict.fromkeys(candidates.notes), *notes_on_unread(criteria, aim, measured)),
        forecast=forecast,
        chances=chances,
        best=ranking.rows[0].items,
    )


def _require_facts(readers: Sequence[Reader], candidates: Candidates, aim: Aim) -> None:
    """Leave out the languages that lack what a criterion reads; for targets it is an error."""
    for reader in readers:
        candidates.notes += reader.notes
        candidates.leave_out(reader.tested(candidates.pool.members, aim), "scores in these runs as an unseen target")
        candidates.leave_out(reader.lacking(candidates.pool.members), reader.lack)
        if lacking := reader.lacking_targets(aim.targets):
            names = ", ".join(f"{aim.targets[i].language.name} ({aim.targets[i].label})" for i in lacking)
            has = "has" if len(lacking) == 1 else "have"
            raise MissingFactsError(
                f"{names} of --target {has} {reader.target_lack or reader.lack}. Choose other targets."
            )
    if not len(candidates.pool):
        raise UsageError("No language is left in the pool.")


def _leave_out_imputed(readers: Sequence[Reader], candidates: Candidates, least: float) -> None:
    """Leave out the languages of whose vector too little was measured, also those that the user named."""
    if not 0 <= least <= 1:
        raise UsageError(f"--min-measured is {least:g}; it has to be between 0 and 1.")
    low = [reader.mostly_imputed(candidates.pool.members, least) for reader in readers]
    if all(positions is None for positions in low):
        raise UsageError("--min-measured is about the vectors of URIEL, and none of these criteria reads them.")
    left_out = sorted({i for positions in low for i in positions or ()})
    candidates.drop(left_out, f"less than {100 * least:g} % of their vector measured")
    if not len(candidates.pool):
        raise UsageError(f"No language is left in the pool: --min-measured {least:g} left all out.")


def _check_sizes(pool: Pool, k: int, fixed: tuple[int, ...]) -> None:
    if k < 1:
        raise UsageError(f"-k is {k}; a combination has at least 1 language.")
    if k > len(pool):
        count = "1 language" if len(pool) == 1 else f"{len(pool)} languages"
        raise UsageError(f"-k is {k}, and the pool has only {count}. Choose a smaller k or add languages.")
    if len(fixed) > k:
        raise UsageError(f"--include names {len(fixed)} languages, more than the {k} of -k.")


def _check_borda(combine: str, criteria: Sequence[Criterion], wanted: Wanted) -> None:
    if combine != "borda":
        raise UsageError(f"--combine is {combine!r}; it can be borda.")
    if len(criteria) < 2:
        raise UsageError("--combine borda needs at least two criteria. Give --by twice or more.")
    if not can_list(wanted):
        raise UsageError(
            f"--combine borda ranks all combinations, and this pool has {wanted.total:,}; "
            f"it can do {ENUMERATE_UP_TO:,}. Choose a smaller pool or k."
        )


def _sets_of(rows: Sequence[Row], k: int) -> NDArray[np.int64]:
    return np.array([row.items for row in rows], dtype=np.int64).reshape(len(rows), k)


def _results(
    question: Question,
    evidence: Sequence[Evidence],
    ranking: Ranking,
    chances: "Chances | None",
    *,
    least: bool,
    combine: str | None,
) -> tuple[Result, ...]:
    """The ranked combinations with their value, rank and nearness under each criterion."""
    sets = _sets_of(ranking.rows, question.wanted.k)
    scores = {evidence[0].criterion.name: [row.value for row in ranking.rows]} if combine is None else {}
    scores |= {
        item.criterion.name: item.objective.values(sets).tolist()
        for item in evidence
        if item.criterion.name not in scores
    }
    ranks: dict[str, list[int | None]] = {item.criterion.name: [None] * len(sets) for item in evidence}
    if ranking.sets is not None:
        place = {tuple(items): i for i, items in enumerate(ranking.sets.tolist())}
        shown = [place[row.items] for row in ranking.rows]
        for item in evidence if combine is not None else evidence[1:]:
            all_ranks, _ = competition_ranks(item.objective.values(ranking.sets), least=least)
            ranks[item.criterion.name] = all_ranks[shown].tolist()
    if combine is not None:
        scores = {combine: [row.value for row in ranking.rows]} | scores
    else:
        ranks[evidence[0].criterion.name] = [row.rank for row in ranking.rows]
    toward = {item.criterion.name: _toward(question, item, sets) for item in evidence if item.toward is not None}
    members = [[question.pool.members[i] for i in row.items] for row in ranking.rows]
    return tuple(
        Result(
            rank=row.rank,
            tied=row.tied,
            languages=tuple(member.label for member in members[number]),
            names=tuple(member.language.name for member in members[number]),
            scores={name: values[number] for name, values in scores.items()},
            ranks={name: values[number] for name, values in ranks.items()},
            toward={name: values[number] for name, values in toward.items()},
            outlook=chances.outlooks[number] if chances is not None else None,
        )
        for number, row in enumerate(ranking.rows)
    )


def _toward(question: Question, evidence: Evidence, sets: NDArray[np.int64]) -> list[dict[str, Toward]]:
    """How each combination stands to each target."""
    labels = [target.label for target in question.aim.targets]
    if isinstance(evidence.toward, Nearest):
        names, numbers = np.array(question.pool.labels, dtype=object), np.arange(len(sets))
        values = np.empty((len(sets), len(labels)))
        nearest = np.empty(values.shape, dtype=object)
        for t, similarity in enumerate(evidence.toward.similarity.T):
            sources = sets[numbers, similarity[sets].argmax(axis=1)]
            values[:, t], nearest[:, t] = similarity[sources], names[sources]
    else:
        assert evidence.toward is not None
        values = evidence.toward.shares(sets)
        nearest = np.full(values.shape, None)
    rows = zip(values.tolist(), nearest.tolist(), strict=True)
    return [dict(zip(labels, map(Toward, *row), strict=True)) for row in rows]
