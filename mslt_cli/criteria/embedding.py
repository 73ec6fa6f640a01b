"""Distances between mean sentence embeddings, as `mslt fetch embeddings` measured them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mslt_cli.criteria.evidence import Evidence, Question, Reader
from mslt_cli.criteria.stored_sets import choose_set, range_text, require_one_version, task_name
from mslt_cli.criteria.typology import vector_evidence
from mslt_cli.errors import UsageError
from mslt_cli.languages.pools import Member
from mslt_cli.languages.resolver import Language
from mslt_cli.store.measured import embedding_sets, read_embeddings


class EmbeddingReader(Reader):
    """Reads stored embeddings of one model and corpus: without a prefix, in the last layer, if nothing is said."""

    def __post_init__(self) -> None:
        sets, measured = embedding_sets(self.store), self.measured
        corpus, task = task_name(measured.corpus), task_name(measured.task)
        if corpus is None and any(item.data == task and measured.model in (None, item.model) for item in sets):
            corpus = task  # --task names the corpus too, where there is one of that name
        command = f"embeddings --corpus {measured.corpus or 'pud'}"
        self.set = choose_set(sets, measured, corpus, what="embeddings", option="--corpus", command=command)
        self.layer = self.set.last_layer if measured.layer is None else measured.layer
        if not 0 <= self.layer <= self.set.last_layer:
            raise UsageError(
                f"--layer is {self.layer}; {self.set.model} has layers 0 (the embeddings) to {self.set.last_layer}."
            )
        self.rows = read_embeddings(self.store, self.set, self.layer)
        fetch = f"mslt fetch embeddings --model {self.set.model} --corpus {self.set.data}"
        self.lack = f"no embedding of {self.set.model} on {self.set.data} (`{fetch} --langs …` measures it)"

    def knows(self, language: Language) -> bool:
        return language.iso639_3 in self.rows

    def evidence(self, question: Question) -> Evidence:
        weights = self.require_one_version(question.pool.codes)
        sizes = range_text([self.rows[code].sentences for code in question.pool.codes])
        provenance = (
            f"layer {self.layer} of {self.set.model} on {self.set.data} {self.set.split}"
            f" ({sizes} sentences a language, weights {weights[:8]})"
        )
        sources, targets = self._matrix(question.pool.members), self._matrix(question.aim.targets)
        return vector_evidence(self.criterion, question, sources, targets, provenance)

    def require_one_version(self, codes: Sequence[str]) -> str:
        """The checksum of the weights by which languages were embedded; MissingFactsError: there are two."""
        weights = [self.rows[code].weights_sha256 for code in codes]
        require_one_version(weights, "embeddings", f"mslt fetch embeddings --model {self.set.model}")
        return weights[0]

    def _matrix(self, members: Sequence[Member]) -> NDArray[np.float64]:
        return np.array([self.rows[member.language.iso639_3].vector for member in members], dtype=np.float64)
