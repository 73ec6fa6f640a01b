"""Coverage of a model's vocabulary, as `mslt fetch vocab` measured it: `|∪_{L∈C} V_L| / |∪_{L∈pool} V_L|`.

Source:
    Lim et al. 2024, §5.3.2.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mslt_cli.criteria.evidence import Evidence, Question, Reader
from mslt_cli.criteria.stored_sets import choose_set, range_text, require_one_version, task_name
from mslt_cli.languages.pools import Member
from mslt_cli.languages.resolver import Language
from mslt_cli.search.covers import Coverage, TargetCoverage
from mslt_cli.search.objective import Objective
from mslt_cli.store.measured import read_vocabularies, vocabulary_sets


class VocabularyReader(Reader):
    """Reads the stored vocabularies of one model and task."""

    def __post_init__(self) -> None:
        measured = self.measured._replace(prefix="", special_tokens=True)  # what those say is of embeddings
        task, command = task_name(measured.task), f"vocab --task {measured.task or 'cldr'}"
        sets = vocabulary_sets(self.store)
        self.set = choose_set(sets, measured, task, what="vocabularies", option="--task", command=command)
        self.rows = read_vocabularies(self.store, self.set.model, self.set.data, self.set.split, self.set.limit)
        self.fetch = f"mslt fetch vocab --model {self.set.model} --task {self.set.data}"
        self.lack = f"no vocabulary of {self.set.model} on {self.set.data} (`{self.fetch} --langs …` measures it)"

    def knows(self, language: Language) -> bool:
        return language.iso639_3 in self.rows

    def evidence(self, question: Question) -> Evidence:
        aim = question.aim
        self.refuse_mix(aim)
        provenance = self.provenance(question.pool.members)
        ids = self._token_ids(question.pool.members)
        toward = TargetCoverage(ids, self._token_ids(aim.targets), question.one_language) if aim.targets else None
        objective: Objective = Coverage(ids)
        unit = self.criterion.unit
        if aim.cover and toward is not None:
            objective, unit = toward, "mean share of the targets' token ids"
        return Evidence(self.criterion, objective, unit, provenance, toward=toward)

    def provenance(self, members: Sequence[Member]) -> str:
        """Where the vocabularies of languages are from; MissingFactsError: they are of two tokenizers."""
        rows = [self.rows[member.language.iso639_3] for member in members]
        tokenizers = [row.tokenizer_sha256 for row in rows]
        require_one_version(tokenizers, "vocabularies", self.fetch)
        return (
            f"vocabulary of {self.set.model} on {self.set.data} {self.set.split}"
            f" ({range_text([row.examples for row in rows])} rows a language, tokenizer {tokenizers[0][:8]})"
        )

    def _token_ids(self, members: Sequence[Member]) -> list[NDArray[np.int64]]:
        return [np.flatnonzero(np.unpackbits(self.rows[m.language.iso639_3].token_bits)) for m in members]
