"""The tables in data/langs as records. What a column means stands in the JSON file beside each table."""

import csv
import hashlib
from collections.abc import Iterator
from typing import NamedTuple

from mslt_cli.shipped import data_path

TABLES = ("languages.csv", "spellings.csv", "pretraining_sizes.csv", "pools.csv")


class LanguageFact(NamedTuple):
    """One row of languages.csv; None = unknown."""

    iso639_3: str
    iso639_1: str | None
    name: str
    script: str | None
    family: str | None
    source: str


class SpellingFact(NamedTuple):
    """One row of spellings.csv."""

    spelling: str
    iso639_3: str
    source: str


class PretrainingSize(NamedTuple):
    """One row of pretraining_sizes.csv; None = unknown, 0 = known to be absent."""

    model: str
    iso639_3: str
    script: str
    label: str
    size_gib: float | None
    tokens_millions: float | None
    share_percent: float | None
    source: str


class PoolMember(NamedTuple):
    """One row of pools.csv."""

    pool: str
    iso639_3: str
    source: str


class Facts(NamedTuple):
    """All of data/langs."""

    languages: list[LanguageFact]
    spellings: list[SpellingFact]
    pretraining_sizes: list[PretrainingSize]
    pools: list[PoolMember]


def read_facts() -> Facts:
    """Read the four tables."""
    return Facts(
        languages=[
            LanguageFact(code, short or None, name, script or None, family or None, source)
            for code, short, name, script, family, source in _rows("languages.csv", LanguageFact._fields)
        ],
        spellings=[SpellingFact(*row) for row in _rows("spellings.csv", SpellingFact._fields)],
        pretraining_sizes=[
            PretrainingSize(model, code, script, label, _number(gib), _number(tokens), _number(share), source)
            for model, code, script, label, gib, tokens, share, source in _rows(
                "pretraining_sizes.csv", PretrainingSize._fields
            )
        ],
        pools=[PoolMember(*row) for row in _rows("pools.csv", PoolMember._fields)],
    )


def all_spellings(facts: Facts) -> Iterator[SpellingFact]:
    """Yield all that may be written for a language, in the order of look-up."""
    yield from facts.spellings
    for row in facts.languages:
        yield SpellingFact(row.iso639_3, row.iso639_3, "iso639_3")
    for row in facts.languages:
        yield SpellingFact(row.name, row.iso639_3, row.source.split(";")[0])


def facts_sha256() -> str:
    """Return the hash of the four tables' bytes: it changes when any fact does."""
    return hashlib.sha256(b"".join(data_path("langs", table).read_bytes() for table in TABLES)).hexdigest()


def _rows(table: str, columns: tuple[str, ...]) -> Iterator[list[str]]:
    with data_path("langs", table).open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        if tuple(header := next(rows)) != columns:
            raise ValueError(f"{table} has the columns {header}, not {list(columns)}.")
        yield from rows


def _number(text: str) -> float | None:
    return float(text) if text else None
