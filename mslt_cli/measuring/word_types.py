"""The different words of texts, as numbers that stand for them in the store."""

import unicodedata
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from mslt_cli.languages.resolver import fold


def word_types(texts: Sequence[str] | Sequence[list[str]]) -> NDArray[np.uint64]:
    """A 64-bit hash of each different word of sentences or lists of words, ascending; see `as_word`."""
    seen = {raw for text in texts for raw in (text.split() if isinstance(text, str) else text)}
    words = {as_word(raw) for raw in seen} - {""}
    hashes = (int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "little") for word in words)
    return np.sort(np.fromiter(hashes, dtype=np.uint64, count=len(words)))


def as_word(raw: str) -> str:
    """What stands between blanks, folded and without marks at its ends; empty where it has no letter, as numbers."""
    inside = [i for i, sign in enumerate(raw) if unicodedata.category(sign)[0] in "LMN"]
    if not any(map(str.isalpha, raw)):
        return ""
    return fold(raw[inside[0] : inside[-1] + 1])
