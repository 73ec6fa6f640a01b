"""The user's own vectors or distances, `--vectors FILE`."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mslt_cli.criteria.typology import cosines, diversity, from_distances
from mslt_cli.errors import MissingFactsError, UsageError
from mslt_cli.languages.pools import Member, Pool
from mslt_cli.search.objective import PairSum
from mslt_cli.store.db import Store
from mslt_cli.store.languages import resolver

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class OwnVectors:
    """A file of vectors, or of distances."""

    path: Path
    labels: list[str]
    row_of: dict[str, int]
    """Row of each ISO 639-3 code."""
    matrix: Floats
    square: bool

    @classmethod
    def read(cls, store: Store, path: Path) -> OwnVectors:
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
            code = resolver(store).resolve(label).iso639_3
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

    def similarity(self, members: Sequence[Member], targets: Sequence[Member]) -> Floats:
        """Cosine of each language with each target, or 1 − their distance; shape (n, T)."""
        rows = [self.row_of[member.language.iso639_3] for member in members]
        columns = [self.row_of[target.language.iso639_3] for target in targets]
        if self.square:
            return 1.0 - self.matrix[np.ix_(rows, columns)]
        return cosines(self.matrix[rows], self.matrix[columns])
