"""The one rule by which a spelling of a language is understood: a code, a name or a tag (en, eng, German, zh-Hans)."""

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import NamedTuple, TypeVar

from mslt_cli.errors import UnknownNameError
from mslt_cli.languages.facts import all_spellings, read_facts
from mslt_cli.languages.glottocodes import iso_of_glottocode
from mslt_cli.languages.subtags import meaning

Found = TypeVar("Found")
NEAR = 0.75
"""Likeness (difflib, 0..1) from which a well-known language is taken for what a user meant."""
LONGEST_CODE = 3
HINT = "Write a code (de, deu) or an English name (German)."
TAG_HINT = "A tag is a language, then its script or region: zh-Hant, pt-BR, pt-BRA, zh-Hant-TW."
TAG = re.compile(
    r"(?P<language>[a-z]{2,3})"
    r"(-(?P<extlang>[a-z]{3}))??"
    r"(-(?P<script>[a-z]{4}))?"
    r"(-(?P<region>[a-z]{2,3}|[0-9]{3}))?"
    r"(-([a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*"  # variants
)
"""A language tag (BCP 47), folded and with hyphens."""


class Tag(NamedTuple):
    """What a tag says of a language; variants are dropped, for what we know does not depend on them."""

    language: str
    """The language subtag, or the extended one where there is one: "arz" of ar-arz."""
    script: str | None
    """ISO 15924 code, in its usual case."""
    region: str | None = None
    """Two letters or three digits; USA is US."""


def parse_tag(spelling: str) -> Tag | None:
    """Split a tag (zh-Hans, pt-BR, en_USA) into subtags, None where the spelling is no tag.

    Three letters behind a language are an extended language where they are registered for it (zh-yue), else a region.
    """
    match = TAG.fullmatch(fold(spelling).replace("_", "-"))
    if not match:
        return None
    language, script, region = match["language"], match["script"], (match["region"] or "").upper() or None
    extlang = match["extlang"]
    if not (extlang or script) and region and meaning("extlang", region.lower(), language):
        extlang, region = region.lower(), None
    if extlang and not (language := meaning("extlang", extlang, language) or ""):
        return None
    if region and len(region) == 3 and region.isalpha() and not (region := meaning("region", region)):
        return None
    return Tag(language, script and script.title(), region)


def fold(spelling: str) -> str:
    """Return what two spellings share if they count as the same: NFC, without regard to case."""
    return unicodedata.normalize("NFC", spelling.strip()).casefold()


def resolve_each(resolve: Callable[[str], Found], spellings: Iterable[str]) -> list[Found]:
    """What `resolve` makes of each spelling; UnknownNameError: names every spelling that means nothing."""
    found, errors = [], []
    for spelling in spellings:
        try:
            found.append(resolve(spelling))
        except UnknownNameError as error:
            errors.append(error)
    if errors:
        raise UnknownNameError.of(errors)
    return found


@dataclass(frozen=True)
class Language:
    """A language; None = unknown."""

    iso639_3: str
    """A URIEL code."""
    iso639_1: str | None
    name: str
    """In English."""
    script: str | None
    """ISO 15924 code of its script, or of the one that was asked for."""
    family: str | None
    """Top-level family, in URIEL's naming."""
    script_asked: str | None = None
    """The script that the user named (zh-Hant), which then also is `script`."""
    given: str = field(default="", compare=False)
    """The spelling that was resolved, as the user wrote it; empty for a language that comes out of a table."""
    note: str = field(default="", compare=False)
    """What whoever wrote the spelling should know: that the code is an old one, or means another language elsewhere."""


@dataclass(frozen=True)
class Resolver:
    """Understands spellings by the table of data/langs, read from the files (`shipped`) or from a store."""

    find: Callable[[str], Language | None]
    """Takes a folded spelling (see `fold`) and gives the language that has exactly this one."""
    list_spellings: Callable[[], Iterable[tuple[str, bool]]]
    """Gives all spellings, and whether the language of each is well known: it has a two-letter code."""

    def resolve(self, spelling: str) -> Language:
        """Return the language that a user means; codes mean what they mean in lang2vec: ar is ara, zh is zho.

        Raises:
            UnknownNameError: there is no such language; names the nearest ones.
        """
        folded = fold(spelling)
        folded = iso_of_glottocode(folded) or folded
        if language := self.find(folded) or self.find(folded.replace("_", "-")):  # zh_min_nan as well
            return replace(language, given=spelling, note=self._note(folded, language))
        tag = parse_tag(spelling)
        language = self.find(tag.language) if tag else None
        if not tag or not language:
            raise self._unknown(spelling)
        of_region = meaning("script", tag.region or "", language.iso639_3)
        note = self._note(tag.language, language)
        if of_region and not tag.script and of_region != language.script:
            note = f"{spelling} is read as {tag.language}-{of_region}, the script of that region."
        asked = tag.script or of_region
        return replace(language, script=asked or language.script, script_asked=asked, given=spelling, note=note)

    def resolve_all(self, spellings: Iterable[str]) -> list[Language]:
        """The languages that a user means; UnknownNameError: names every spelling that means none."""
        return resolve_each(self.resolve, spellings)

    def _note(self, code: str, language: Language) -> str:
        """What there is to say of a folded code that means this language."""
        read = f"it is read as {language.name} ({language.iso639_3})"
        if now := meaning("replaced", code):
            return f"{code} is an old code, today it is {now.replace(', ', ' or ')}; {read}."
        other = meaning("elsewhere", code)
        if other and other != language.iso639_3 and (meant := self.find(other)):
            theirs = f"{meant.name} ({other})"
            return f"{code} is {language.name} here; among Wikipedia's codes, as in WikiANN, it is {theirs}."
        return ""

    def _unknown(self, spelling: str) -> UnknownNameError:
        if len(spelling) <= LONGEST_CODE:  # every code is near to dozens of others
            return UnknownNameError("language", spelling, (), HINT)
        if TAG.fullmatch(fold(spelling).replace("_", "-")):
            return UnknownNameError("language", spelling, (), TAG_HINT)
        names = [(name, well_known) for name, well_known in self.list_spellings() if len(name) > LONGEST_CODE]
        by_folded = {fold(name): name for name, well_known in names if well_known}
        near = difflib.get_close_matches(fold(spelling), by_folded, cutoff=NEAR)
        candidates = [by_folded[key] for key in near] or [name for name, _ in names]
        return UnknownNameError("language", spelling, candidates, HINT)


@cache
def shipped() -> Resolver:
    """The resolver over the tables that are installed, for what has no store; reads 8,000 rows at the first call."""
    facts = read_facts()
    languages = {row.iso639_3: Language(*row[:5]) for row in facts.languages}
    spellings: dict[str, tuple[str, str]] = {}
    for spelling, code, _ in all_spellings(facts):
        spellings.setdefault(fold(spelling), (spelling, code))

    def find(folded: str) -> Language | None:
        return languages[spellings[folded][1]] if folded in spellings else None

    def list_spellings() -> Iterable[tuple[str, bool]]:
        return [(spelling, languages[code].iso639_1 is not None) for spelling, code in spellings.values()]

    return Resolver(find, list_spellings)
