"""The tables in data/langs as records. What a column means stands in the JSON file beside each table."""

import csv
import hashlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

from mslt_cli.shipped import data_path

Row = TypeVar("Row", bound=NamedTuple)
FROM_TEXT: dict[Any, Callable[[str], Any]] = {
    str: str,
    str | None: lambda text: text or None,
    float | None: lambda text: float(text) if text else None,
}
"""What makes a field's value, by its type, of a cell."""
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


class SubtagFact(NamedTuple):
    """One row of subtags.csv, which is not stored: languages/subtags.py reads it where it is needed."""

    kind: str
    subtag: str
    prefix: str
    means: str
    source: str


class Facts(NamedTuple):
    """What the store has of data/langs."""

    languages: list[LanguageFact]
    spellings: list[SpellingFact]
    pretraining_sizes: list[PretrainingSize]
    pools: list[PoolMember]


def read_facts() -> Facts:
    """Read the four tables."""
    return Facts(
        read_facts_table(LanguageFact, "languages.csv"),
        read_facts_table(SpellingFact, "spellings.csv"),
        read_facts_table(PretrainingSize, "pretraining_sizes.csv"),
        read_facts_table(PoolMember, "pools.csv"),
    )


def all_spellings(facts: Facts) -> Iterator[SpellingFact]:
    """Yield all that may be written for a language, in the order of look-up."""
    yield from facts.spellings
    yield from (SpellingFact(row.iso639_3, row.iso639_3, "iso639_3") for row in facts.languages)
    yield from (SpellingFact(row.name, row.iso639_3, row.source.split(";")[0]) for row in facts.languages)


def facts_sha256() -> str:
    """Return the hash of the four tables' bytes: it changes when any fact does."""
    return hashlib.sha256(b"".join(data_path("langs", table).read_bytes() for table in TABLES)).hexdigest()


def read_facts_table(record: type[Row], table: str) -> list[Row]:
    """Read a table of data/langs, whose columns are the fields of the record."""
    with data_path("langs", table).open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        if (header := tuple(next(rows))) != record._fields:
            raise ValueError(f"{table} has the columns {list(header)}, not {list(record._fields)}.")
        makers = [FROM_TEXT[field_type] for field_type in record.__annotations__.values()]
        return [record._make(make(text) for make, text in zip(makers, row, strict=True)) for row in rows]
