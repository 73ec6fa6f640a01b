"""The user's own vectors or distances: of a file (`--vectors FILE`), or kept under a name (`mslt fetch vectors`)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mslt_cli.criteria import CRITERIA, DIVERSITY, OWN_VECTORS, URIEL_PLUS
from mslt_cli.criteria.evidence import Evidence, Question, Reader
from mslt_cli.criteria.typology import distance_evidence, vector_evidence
from mslt_cli.criteria.vector_files import read_vector_file
from mslt_cli.errors import MissingFactsError, UsageError
from mslt_cli.languages.pools import Member
from mslt_cli.languages.resolver import Language
from mslt_cli.languages.subtags import standard
from mslt_cli.search.objective import PairSum
from mslt_cli.store.db import Store
from mslt_cli.store.languages import resolver
from mslt_cli.store.named_vectors import OwnVectors, keep_own_vectors, read_own_vectors

NAME = re.compile(r"\w[\w.-]*")
LEAST_SHARED = 10
"""Features of URIEL+ that have to be known of both languages of a pair."""
DISTANCES = "sum of the distances of pairs"


def fetch_vectors(store: Store, path: Path, name: str) -> OwnVectors:
    """Keep what a file of vectors or distances holds under a name, by which `select` then ranks (`by=[name]`).

    Raises:
        UsageError: the file cannot be read, or another criterion has that name.
    """
    taken = {OWN_VECTORS.name, *(used for row in CRITERIA.values() for used in (row.name, row.short))}
    if not NAME.fullmatch(name):
        raise UsageError(f"--name is {name!r}; it can have letters, digits and . _ - in it.")
    if name.casefold() in taken:
        raise UsageError(f"--name {name}: there is a criterion of that name. Choose another name.")
    own = read_vector_file(path, resolver(store))
    if keep_own_vectors(store, name, own):
        own = own._replace(notes=(*own.notes, f"the set {name!r} that was in the store is replaced."))
    return own


def fetch_uriel_plus(store: Store) -> dict[str, OwnVectors]:
    """Keep the vectors of URIEL+ as sets of the names uriel+-syntax and so on; raises as `read_uriel_plus`."""
    from mslt_cli.languages.uriel_plus import read_uriel_plus

    read = read_uriel_plus()
    origin = f"urielplus {read.version} (CC BY-SA 4.0)"
    sets = {
        f"{URIEL_PLUS}{name}": OwnVectors("vectors", origin, one.codes, one.matrix) for name, one in read.sets.items()
    }
    for name, own in sets.items():
        keep_own_vectors(store, name, own)
    return sets


@dataclass
class OwnVectorsReader(Reader):
    """Reads vectors, shape (n, d), or distances, shape (n, n)."""

    own: OwnVectors | None = None
    """What the file holds; None = what is kept under the criterion's name."""

    def __post_init__(self) -> None:
        name = self.criterion.name
        self.held = self.own or read_own_vectors(self.store, name)
        where = self.held.origin if self.own else f"the set {name!r} of vectors"
        distances = self.held.kind == "distances"
        self.lack = (
            f"no row in {where}" if distances else f"no vector in {where} (no row, or all its values are 0 or missing)"
        )
        spellings = resolver(self.store)
        self.members = [Member(label, spellings.resolve(label), named=True) for label in self.held.languages]
        self.row_of = {member.language.iso639_3: i for i, member in enumerate(self.members)}
        for code, i in list(self.row_of.items()):
            self.row_of.setdefault(standard(code), i)  # a row arb serves ar where there is no row ar
        self.criterion = self.criterion._replace(unit=DIVERSITY if self.held.kind == "vectors" else DISTANCES)
        self.known = ~np.isnan(self.held.matrix)

    def knows(self, language: Language) -> bool:
        row = self._row(language)
        return row is not None and (self.held.kind == "distances" or bool(np.nan_to_num(self.held.matrix[row]).any()))

    def mostly_imputed(self, members: Sequence[Member], least: float) -> list[int] | None:
        if self.held.kind == "distances":
            return None
        return np.flatnonzero(self.known[self._rows(members)].mean(axis=1) < least).tolist()

    def evidence(self, question: Question) -> Evidence:
        aim, held = question.aim, self.held
        sources, targets = self._rows(question.pool.members), self._rows(aim.targets)
        facts = f"{held.kind} of {held.origin}"
        for member, row in zip((*question.pool.members, *aim.targets), sources + targets, strict=True):
            if self.members[row].language.iso639_3 != member.language.iso639_3:
                facts += f", {self.members[row].label} for {member.label}"
        if held.kind == "vectors":
            facts += f" ({held.matrix.shape[1]:,} features)"
            if self.known[sources + targets].all():
                return vector_evidence(self.criterion, question, held.matrix[sources], held.matrix[targets], facts)
            labels = [member.label for member in (*question.pool.members, *aim.targets)]
            least = LEAST_SHARED if self.criterion.name.startswith(URIEL_PLUS) else 1
            facts += ", each pair by the features that are known of both" + (f", {least} at least" if least > 1 else "")
            distance = 1.0 - _cosines_of_known(held.matrix[sources + targets], labels, held.origin, least)
            n = len(sources)
            pairs, toward = distance[:n, :n], distance[:n, n:]
        else:
            pairs, toward = held.matrix[np.ix_(sources, sources)], held.matrix[np.ix_(sources, targets)]
        objective = PairSum(pairs, np.arange(len(sources)), smallest=aim.smallest)
        evidence = distance_evidence(self.criterion, question, objective, 1.0 - toward if targets else None, facts)
        if held.kind == "distances":
            unit = evidence.unit.replace("mean cosine of each target with", "mean of 1 − distance of each target to")
            evidence = evidence._replace(unit="smallest distance of a pair" if aim.smallest else unit)
        return evidence

    def _rows(self, members: Sequence[Member]) -> list[int]:
        rows = (self._row(member.language) for member in members)
        return [row for row in rows if row is not None]

    def _row(self, language: Language) -> int | None:
        code = language.iso639_3
        return self.row_of.get(code, self.row_of.get(standard(code)))


def _cosines_of_known(
    matrix: NDArray[np.float64], labels: Sequence[str], origin: str, least: int = 1
) -> NDArray[np.float64]:
    """Cosine of each pair of n vectors over the features that are known (not NaN) of both, shape (n, d) → (n, n).

    Raises:
        MissingFactsError: a pair shares fewer than the least number, or one of them is zero there.
    """
    known, values = (~np.isnan(matrix)).astype(np.float64), np.nan_to_num(matrix)
    shared = known @ known.T  # (n, n)
    length = values**2 @ known.T  # (n, n): of i over what j knows as well
    length = np.sqrt(length * length.T)
    wrong = np.argwhere(np.triu((length == 0) | (shared < least), k=1))
    if len(wrong):
        i, j = wrong[0].tolist()
        a, b = labels[i], labels[j]
        more = f" ({len(wrong):,} of {len(labels) * (len(labels) - 1) // 2:,} pairs are like this)"
        what = f"share only {shared[i, j]:.0f} of the features of {origin}, and {least} are needed"
        if length[i, j] == 0:
            what = f"share no feature in {origin} that is known of both and not 0"
        raise MissingFactsError(
            f"{a} and {b} {what}{more if len(wrong) > 1 else ''}. "
            "Take languages that are better described, as with --min-measured 0.5."
        )
    np.fill_diagonal(length, 1.0)
    cosine: NDArray[np.float64] = np.clip(values @ values.T / length, -1.0, 1.0)
    np.fill_diagonal(cosine, 1.0)
    return cosine
