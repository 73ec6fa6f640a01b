"""The user's own vectors or distances, `--vectors FILE`."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mslt_cli.criteria import OWN_VECTORS
from mslt_cli.criteria.evidence import Evidence, Question, Reader
from mslt_cli.criteria.typology import distance_evidence, vector_evidence
from mslt_cli.errors import MissingFactsError, UsageError
from mslt_cli.languages.pools import Member
from mslt_cli.languages.resolver import Language, Resolver
from mslt_cli.search.objective import PairSum


class OwnVectorReader(Reader):
    """Reads a file of vectors, shape (n, d), or of distances, shape (n, n); a header, and a first column of names.

    Raises:
        UsageError: the file cannot be read, or a row is not numbers; names file and line.
        UnknownNameError: a name means no language.
    """

    def __init__(self, path: Path, resolver: Resolver) -> None:
        self.path, self.criterion, self.lack = path, OWN_VECTORS, "no row in the --vectors file"
        header, labels, self.matrix = _read_numbers(path)
        self.members = [Member(label, resolver.resolve(label)) for label in labels]
        self.row_of: dict[str, int] = {}
        for i, member in enumerate(self.members):
            code = member.language.iso639_3
            if code in self.row_of:
                raise UsageError(f"--vectors {path} has two rows for {member.label!r} ({code}).")
            self.row_of[code] = i
        self.square = header == labels
        if self.square and not _are_distances(self.matrix):
            raise UsageError(
                f"--vectors {path} names the same languages in rows and columns, so it holds distances; "
                "these must be symmetric, zero on the diagonal and not negative."
            )

    def knows(self, language: Language) -> bool:
        return language.iso639_3 in self.row_of

    def evidence(self, question: Question) -> Evidence:
        aim = question.aim
        rows, columns = self._rows(question.pool.members), self._rows(aim.targets)
        if self.square:
            pairs = PairSum(self.matrix[np.ix_(rows, rows)], np.arange(len(rows)), smallest=aim.smallest)
            similarity = 1.0 - self.matrix[np.ix_(rows, columns)] if columns else None
            return distance_evidence(self.criterion, aim, pairs, similarity, str(self.path))
        zero = [question.pool.labels[i] for i in np.flatnonzero(~self.matrix[rows].any(axis=1))]
        if zero:
            raise MissingFactsError(f"{', '.join(zero[:5])} have no vector in {self.path}: all its values are 0.")
        return vector_evidence(self.criterion, aim, self.matrix[rows], self.matrix[columns], str(self.path))

    def _rows(self, members: Sequence[Member]) -> list[int]:
        return [self.row_of[member.language.iso639_3] for member in members]


def _are_distances(matrix: NDArray[np.float64]) -> bool:
    return np.allclose(matrix, matrix.T) and np.allclose(np.diag(matrix), 0) and bool((matrix >= 0).all())


def _read_numbers(path: Path) -> tuple[list[str], list[str], NDArray[np.float64]]:
    """The names of the columns, those of the rows, and the numbers."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.reader(file) if any(cell.strip() for cell in row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not CSV in UTF-8"
        raise UsageError(f"--vectors {path} cannot be read: {reason}.") from error
    if len(rows) < 2 or len(rows[0]) < 2:
        raise UsageError(f"--vectors {path} needs a header, and a row for each language: its name, then numbers.")
    header, body = [cell.strip() for cell in rows[0][1:]], rows[1:]
    values: list[list[float]] = []
    for line, row in enumerate(body, start=2):
        try:
            numbers = [float(cell) for cell in row[1:]]
        except ValueError:
            numbers = []
        if len(numbers) != len(header) or not np.isfinite(numbers).all():
            raise UsageError(f"Row {line} of --vectors {path} needs {len(header)} numbers after the language.")
        values.append(numbers)
    return header, [row[0].strip() for row in body], np.array(values)
