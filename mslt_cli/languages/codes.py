"""What a user's spelling of a language means."""

import re
import unicodedata
from typing import NamedTuple

TAG = re.compile(
    r"(?P<language>[a-z]{2,3})"
    r"(-(?P<extlang>[a-z]{3}))?"
    r"(-(?P<script>[a-z]{4}))?"
    r"(-([a-z]{2}|[0-9]{3}))?"  # region
    r"(-([a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*"  # variants
)


class Tag(NamedTuple):
    """The subtags of a language tag (BCP 47) that matter to us."""

    language: str
    """The language subtag, or the extended one where there is one: "arz" of ar-arz."""
    script: str | None
    """ISO 15924 code, in its usual case."""


def fold(spelling: str) -> str:
    """Return what two spellings share if they count as the same: NFC, without regard to case."""
    return unicodedata.normalize("NFC", spelling.strip()).casefold()


def parse_tag(spelling: str) -> Tag | None:
    """Split a tag (zh-Hans, pt-BR, en_US) into subtags, None where the spelling is no tag.

    Region and variants are dropped: what we know of a language does not depend on them.
    """
    match = TAG.fullmatch(fold(spelling).replace("_", "-"))
    if match is None:
        return None
    script = match["script"]
    return Tag(match["extlang"] or match["language"], script and script.title())
