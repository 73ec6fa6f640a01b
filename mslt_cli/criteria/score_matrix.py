"""Reads a file of single-source scores: rows of source, target and score, or a table of sources × targets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mslt_cli.criteria.vector_files import code_of, number_in, read_matrix, read_rows, unknown_row
from mslt_cli.errors import UnknownNameError, UsageError
from mslt_cli.languages.resolver import Resolver, fold

HEADER = ("source", "target", "score")
MOST_NAMED = 5


@dataclass(frozen=True)
class ScoreMatrix:
    """Scores of n sources on T targets."""

    path: Path
    sources: tuple[str, ...]
    """ISO 639-3."""
    targets: tuple[str, ...]
    """ISO 639-3; some may be sources as well."""
    scores: NDArray[np.float64]
    """Shape (n, T), 0..1, NaN = missing."""
    notes: tuple[str, ...]

    def scores_of(self, sources: Sequence[str], targets: Sequence[str], code: Mapping[str, str]) -> NDArray[np.float64]:
        """Some of them, none of which may be missing; UsageError: one is, named by `code` (how the user reads it)."""
        rows, columns = [self.sources.index(x) for x in sources], [self.targets.index(x) for x in targets]
        chosen = self.scores[np.ix_(rows, columns)]
        cells = [(sources[i], targets[j]) for i, j in np.argwhere(np.isnan(chosen)).tolist()]
        missing = [f"{code.get(source, source)} on {code.get(target, target)}" for source, target in cells]
        if missing:
            more = f" and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
            raise UsageError(
                f"{self.path} has no score of {', '.join(missing[:MOST_NAMED])}{more}. Each source needs a score on "
                "each target: choose targets that all have by --target, or leave the row or column out."
            )
        return chosen


def read_score_matrix(path: Path, resolver: Resolver) -> ScoreMatrix:
    """Read a file with a header: source, target and score in any order, or sources below each other and targets beside.

    Raises:
        UsageError: the file cannot be read, or a value is no score; names row, column and value.
    """
    rows, comma = read_rows(path)
    header = [fold(cell) for cell in rows[0][1]]
    cells: dict[tuple[str, str], float] = {}
    if sorted(header) == sorted(HEADER):
        at = [header.index(name) for name in HEADER]
        for line, row in rows[1:]:
            if len(row) != len(HEADER):
                raise UsageError(f"Row {line} of {path} needs a source, a target and a score.")
            source, target, score = (row[i].strip() for i in at)
            pair = _language(path, line, source, resolver), _language(path, line, target, resolver)
            if pair in cells:
                raise UsageError(f"Row {line} of {path} is the second score of {source} on {target}. Keep one of them.")
            value = number_in(score, comma)
            if np.isinf(value):
                raise UsageError(f"Row {line} of {path}: {score!r} is not a number. Leave it empty if it is missing.")
            cells[pair] = value
    else:
        table = read_matrix(path, resolver)
        targets = [code_of(name, resolver) for name in table.header]
        for name, code in zip(table.header, targets, strict=True):
            if code is None:
                raise UsageError(
                    f"The column {name!r} of {path} is no language. A matrix of scores has the columns source, target "
                    "and score, or a row for each source and a column for each target."
                )
        for number, label in enumerate(table.labels):
            row_of = code_of(label, resolver)
            if row_of is None:
                raise unknown_row(table, number, resolver)
            for column_of, value in zip(targets, table.matrix[number].tolist(), strict=True):
                pair = row_of, str(column_of)
                if pair in cells:
                    raise UsageError(f"{path} names {' on '.join(pair)} twice. Keep one row and one column of each.")
                cells[pair] = value
    sources, targets_found = (tuple(dict.fromkeys(names)) for names in zip(*cells, strict=True))
    matrix = np.array([[cells.get((a, b), np.nan) for b in targets_found] for a in sources])
    scores, note = _as_shares(matrix, path)
    return ScoreMatrix(path, sources, targets_found, scores, (note,))


def _language(path: Path, line: int, name: str, resolver: Resolver) -> str:
    if code := code_of(name, resolver):
        return code
    try:
        return resolver.resolve(name).iso639_3
    except UnknownNameError as error:
        raise UsageError(f"Row {line} of {path}: {error}") from error


def _as_shares(matrix: NDArray[np.float64], path: Path) -> tuple[NDArray[np.float64], str]:
    """Scores as 0..1, and how they were read."""
    if np.isnan(matrix).all():
        raise UsageError(f"{path} has no score.")
    least, most = float(np.nanmin(matrix)), float(np.nanmax(matrix))
    if least < 0 or most > 100:
        wrong = least if least < 0 else most
        raise UsageError(f"{path} has the value {wrong:g}, which is no score: they are 0 to 1, or percent.")
    if most <= 1:
        return matrix, f"{path}: no score is above 1, so they are read as shares of 1."
    return matrix / 100, f"{path}: scores are read as percent ({least:g} to {most:g})."
