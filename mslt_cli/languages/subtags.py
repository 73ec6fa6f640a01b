"""What codes and parts of tags mean beyond one language each: data/langs/subtags.csv, read at the first question."""

from functools import cache

from mslt_cli.languages.facts import SubtagFact, read_facts_table


@cache
def _table() -> dict[tuple[str, str, str], str]:
    return {(row.kind, row.subtag, row.prefix): row.means for row in read_facts_table(SubtagFact, "subtags.csv")}


def meaning(kind: str, subtag: str, prefix: str = "") -> str | None:
    """What a code means in one respect (a `kind` of the table); None = the table has nothing of it."""
    return _table().get((kind, subtag, prefix))


def standard(iso639_3: str) -> str:
    """The code that stands for a language with two: cmn is zho, arb is ara, nob is nor. Others are themselves."""
    return meaning("same", iso639_3) or iso639_3


def macrolanguage(iso639_3: str) -> str | None:
    """The macrolanguage that a language is a part of, by ISO 639-3: yue is of zho, ind of msa."""
    return meaning("member", iso639_3)
