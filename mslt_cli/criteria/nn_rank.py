"""Nearness by nearest neighbours: how near the sentences of a target lie to sentences of a source, in a model.

Source:
    After NN-Rank (Ebrahimi, Wiemerslage and von der Wense, EMNLP 2025, arXiv 2510.03202), which ranks sources by the
    nearest neighbours of hidden states of unlabelled target text. Formula: ours. It knows one source at a time, so that
    it does not depend on which other languages stand in the pool; and it takes whole sentences, as they are stored.
"""

import numpy as np

from mslt_cli.criteria.embedding import EmbeddingReader
from mslt_cli.criteria.evidence import Evidence, Question
from mslt_cli.criteria.nearness import nearness_evidence, require_targets
from mslt_cli.criteria.stored_sets import range_text
from mslt_cli.errors import MissingFactsError
from mslt_cli.languages.resolver import Language
from mslt_cli.store.samples import SentenceSample, read_samples


class NnRankReader(EmbeddingReader):
    """Reads the sentence vectors that are kept beside stored embeddings."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.samples = read_samples(self.store, self.set, self.layer)
        self.lack = self.lack.replace("no embedding of", "no sentence vectors of").replace("measures it", "keeps some")

    def knows(self, language: Language) -> bool:
        return language.iso639_3 in self.samples

    def evidence(self, question: Question) -> Evidence:
        require_targets(self, question)
        codes = [member.language.iso639_3 for member in (*question.pool.members, *question.aim.targets)]
        self.require_one_version(codes)
        samples, n = [self.samples[code] for code in codes], len(question.pool)
        similarity = np.empty((n, len(codes) - n))
        for t, target in enumerate(samples[n:]):
            similarity[:, t] = [mean_nearest(target, source) for source in samples[:n]]
        if np.isnan(similarity).any():
            source, t = np.argwhere(np.isnan(similarity))[0].tolist()
            raise MissingFactsError(
                f"All sentences that are kept of {question.pool.labels[source]} are translations of those of "
                f"{question.aim.targets[t].label}. Keep more, with `mslt fetch embeddings --sample`."
            )
        sizes = range_text([len(sample.vectors) for sample in samples])
        facts = f"layer {self.layer} of {self.set.model} on {sizes} sentences a language of {self.set.data}"
        facts += f" {self.set.split}"
        facts += ", translations left out" if any(sample.ids for sample in samples) else ""
        return nearness_evidence(self, question, similarity, facts)


def mean_nearest(target: SentenceSample, source: SentenceSample) -> float:
    """Mean over the target's sentences of the cosine with the nearest sentence of the source.

    A sentence's own translation, which has the same id, is no neighbour: in parallel data it would be the nearest one
    in any source that the model is well aligned with, whatever the languages are like.

    Args:
        target, source: vectors of unit length, shapes (m, d) and (n, d).

    Returns:
        −1..1, 1 = alike; NaN where every sentence of the source is a translation of each of the target.
    """
    cosine = target.vectors.astype(np.float64) @ source.vectors.T.astype(np.float64)  # (m, n)
    if target.ids and source.ids:
        cosine[np.array(target.ids)[:, None] == np.array(source.ids)] = -np.inf
    nearest = cosine.max(axis=1, initial=-np.inf)
    some = np.isfinite(nearest)
    return float(nearest[some].mean()) if some.any() else np.nan
