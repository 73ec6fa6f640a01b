"""The criteria: what makes a combination of source languages good, before anything is trained.

The `kind` of a criterion is the file beside this one that says what it reads, what a language may lack, and how a
combination is valued. How the best combination is found is in `mslt_cli.search`.
"""

from collections.abc import Sequence
from typing import NamedTuple

from mslt_cli.errors import UnknownNameError


class Criterion(NamedTuple):
    """One row of `CRITERIA`. All prefer high values; `--least` turns each around."""

    name: str
    kind: str
    """The file of this folder that computes it; what it reads."""
    summary: str
    unit: str
    source: str
    vector_set: str = ""
    """Of a criterion of typology: the set of language vectors."""
    short: str = ""
    """Another name that users may write."""


DIVERSITY = "sum of 1 − cosine over pairs"
OVERLAP = "mean overlap of each target with its nearest source"
RICE = "Lin et al. 2019, Rice et al. 2025"
LIM = "Lim et al. 2024, §5.3"

CRITERIA: dict[str, Criterion] = {
    row.name: row
    for row in (
        Criterion("l2v-syntax", "typology", "different grammars", DIVERSITY, f"{LIM}.3", "syntax_knn", "l2v-syn"),
        Criterion(
            "l2v-phonology", "typology", "different sound systems", DIVERSITY, f"{LIM}.3", "phonology_knn", "l2v-pho"
        ),
        Criterion("l2v-inventory", "typology", "different phonemes", DIVERSITY, f"{LIM}.3", "inventory_knn", "l2v-inv"),
        Criterion("l2v-family", "typology", "different descent", DIVERSITY, f"{LIM}.3", "fam", "l2v-fam"),
        Criterion("l2v-geography", "typology", "far apart on the map", DIVERSITY, f"{LIM}.3", "geo", "l2v-geo"),
        Criterion("size", "pretraining", "most pretraining data in the model at hand", "GiB of text", f"{LIM}.1"),
        Criterion("scripts", "writing", "number of writing systems", "scripts", "Lim et al. 2024, §6.1"),
        Criterion("random", "chance", "a seeded random order: the baseline", "share of combinations", "baseline"),
        Criterion(
            "vocab", "vocabulary", "share of the model's vocabulary that is covered", "share of token ids", f"{LIM}.2"
        ),
        Criterion("embedding", "embedding", "different mean sentence embeddings", DIVERSITY, f"{LIM}.3"),
        Criterion(
            "nn-rank",
            "nn_rank",
            "sentences near to those of the targets",
            "mean cosine of the targets' sentences with the nearest of their nearest source",
            "after Ebrahimi et al. 2025",
        ),
        Criterion("overlap", "overlap", "sub-words in common with the targets", OVERLAP, RICE),
        Criterion("word-overlap", "overlap", "words in common with the targets", OVERLAP, RICE),
        Criterion("runs", "foretold", "the score that finished runs foretell", "foretold score, %", "Scheffé 1958"),
        Criterion("transfer", "transfer", "good single sources, target by target", "score, %", "--source or --matrix"),
    )
}

OF_RUNS = ("foretold", "transfer")
"""Kinds that read scores, not facts about languages: nothing of theirs is known before something was trained."""

OF_VOCABULARIES, OF_EMBEDDINGS = ("vocabulary", "overlap"), ("embedding", "nn_rank")
"""Kinds that read what `mslt fetch vocab`, or `mslt fetch embeddings`, measured."""

OF_DISTANCES = ("typology", "own_vectors", "embedding")
"""Kinds that know a distance of each pair of sources."""

OF_TARGETS = ("nn_rank", "overlap")
"""Kinds that say how near sources are to targets, and nothing without these."""

DEFAULT = "l2v-syntax"
"""Among the published criteria, syntax vectors chose well most evenly: ranks 3, 3, 4, 7 and 2 of 35 (Table 1)."""

OWN_VECTORS = Criterion("vectors", "own_vectors", "your own vectors or distances", DIVERSITY, "--vectors")
"""What `--vectors FILE` ranks by, and, under a name of its own, each set that `mslt fetch vectors` keeps."""

URIEL_PLUS = "uriel+-"
"""What the names of URIEL+'s sets begin with, which `mslt fetch vectors --uriel-plus` keeps; no set of a user does."""


def find_criterion(name: str, others: Sequence[str] = ()) -> Criterion:
    """Return the criterion of that name or short name; UnknownNameError: there is none, nor one of the `others`."""
    wanted = name.strip().casefold()
    for row in CRITERIA.values():
        if wanted in (row.name, row.short) and wanted:
            return row
    raise UnknownNameError("criterion", name, [*CRITERIA, *others])
