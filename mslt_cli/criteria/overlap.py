"""Nearness by shared vocabulary: the sub-words, or words, that the data of a source and of a target have in common.

Source:
    Word and sub-word overlap of LangRank (Lin et al. 2019, arXiv 1905.12688), `|A ∩ B| / (|A| + |B|)`, here doubled,
    so that equal vocabularies score 1. Of what ranks sources, Rice et al. 2025 (arXiv 2503.19979) find word overlap
    among the best.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mslt_cli.criteria.evidence import Evidence, Question
from mslt_cli.criteria.nearness import nearness_evidence, require_targets
from mslt_cli.criteria.request import listed
from mslt_cli.criteria.vocabulary import VocabularyReader
from mslt_cli.languages.pools import Member
from mslt_cli.languages.resolver import Language
from mslt_cli.search.covers import TargetCoverage
from mslt_cli.store.samples import read_words

UNSPACED = ("Hani", "Hans", "Hant", "Jpan", "Thai", "Khmr", "Laoo", "Mymr", "Tibt")
"""Scripts (ISO 15924) that write no blanks between words."""
LONG = 6.0
"""Characters a word from which text of such a script was not split into words."""


class OverlapReader(VocabularyReader):
    """Reads stored vocabularies and words of one model and task."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.of_words = self.criterion.name == "word-overlap"
        words = read_words(self.store, self.set)
        self.types = {}
        for language, own in words.items():
            ids = np.flatnonzero(np.unpackbits(self.rows[language].token_bits))
            self.types[language] = own.words if self.of_words else ids[ids != own.unknown_id]
        self.lack = self.lack.replace("no vocabulary", "no words" if self.of_words else "no sub-words")

    def knows(self, language: Language) -> bool:
        return len(self.types.get(language.iso639_3, ())) > 0

    def evidence(self, question: Question) -> Evidence:
        require_targets(self, question)
        sources, targets = question.pool.members, question.aim.targets
        similarity = overlaps(self._types(sources), self._types(targets))
        facts = self.provenance([*sources, *targets])
        if self.of_words:
            facts = facts.replace("vocabulary of", "words beside the vocabulary of")
            if unsplit := [member.label for member in (*sources, *targets) if self._is_unsplit(member.language)]:
                facts += f"; {listed(unsplit)} write no blanks between words, so that little of their overlap is seen"
        return nearness_evidence(self, question, similarity, facts)

    def _types(self, members: Sequence[Member]) -> list[NDArray[np.integer]]:
        return [self.types[member.language.iso639_3] for member in members]

    def _is_unsplit(self, language: Language) -> bool:
        row = self.rows[language.iso639_3]
        return language.script in UNSPACED and row.characters > LONG * row.words


def overlaps(sources: Sequence[NDArray[np.integer]], targets: Sequence[NDArray[np.integer]]) -> NDArray[np.float64]:
    """`2 |A ∩ B| / (|A| + |B|)` of each source's types A and each target's types B, which are numbers.

    Args:
        sources, targets: different numbers each, of n and T languages; none is empty.

    Returns:
        Shape (n, T), 0 = nothing in common, 1 = the same types.

    Example:
        >>> overlaps([np.array([1, 2, 3]), np.array([9])], [np.array([3, 4, 5])])
        array([[0.33333333],
               [0.        ]])
    """
    sizes = [len(own) for own in (*sources, *targets)]
    _, places = np.unique(
        np.concatenate([*sources, *targets]), return_inverse=True
    )  # small numbers, as covers take them
    types = np.split(places, np.cumsum(sizes)[:-1])
    n = len(sources)
    common = TargetCoverage(types[:n], types[n:]).counts(np.arange(n)[:, None])  # (n, T)
    overlap: NDArray[np.float64] = 2 * common / (np.array(sizes[:n])[:, None] + np.array(sizes[n:]))
    return overlap
