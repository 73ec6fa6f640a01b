"""The criteria: what makes a combination of source languages good, before anything is trained.

`CRITERIA` lists them all. A criterion says what facts it reads and which way is better; how facts become a
value is in the modules beside this one, and how the best combination is found is in `mslt_cli.search`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mslt_cli.errors import UnknownNameError

Reads = Literal["vectors", "sizes", "scripts", "nothing", "vocabulary", "embeddings"]


@dataclass(frozen=True)
class Criterion:
    """One row of `CRITERIA`. All prefer high values; `--least` turns each around."""

    name: str
    reads: Reads
    summary: str
    unit: str
    source: str
    vector_set: str = ""
    """The set of language vectors it reads, if it reads vectors."""
    short: str = ""
    """Another name that users may write."""


_DIVERSITY = "sum of 1 − cosine over pairs"
_LIM = "Lim et al. 2024, §5.3"

CRITERIA: dict[str, Criterion] = {
    row.name: row
    for row in (
        Criterion(
            "l2v-syntax", "vectors", "different grammars", _DIVERSITY, f"{_LIM}.3", "syntax_knn", short="l2v-syn"
        ),
        Criterion(
            "l2v-phonology", "vectors", "different sound systems", _DIVERSITY, f"{_LIM}.3", "phonology_knn", "l2v-pho"
        ),
        Criterion(
            "l2v-inventory", "vectors", "different phonemes", _DIVERSITY, f"{_LIM}.3", "inventory_knn", short="l2v-inv"
        ),
        Criterion("l2v-family", "vectors", "different descent", _DIVERSITY, f"{_LIM}.3", "fam", short="l2v-fam"),
        Criterion("l2v-geography", "vectors", "far apart on the map", _DIVERSITY, f"{_LIM}.3", "geo", short="l2v-geo"),
        Criterion("size", "sizes", "most pretraining data in the model at hand", "GiB of text", f"{_LIM}.1"),
        Criterion("scripts", "scripts", "number of writing systems", "scripts", "Lim et al. 2024, §6.1"),
        Criterion("random", "nothing", "a seeded random order: the baseline", "share of combinations", "baseline"),
        Criterion(
            "vocab",
            "vocabulary",
            "share of the model's vocabulary that is covered",
            "share of token ids",
            f"{_LIM}.2",
        ),
        Criterion(
            "embedding",
            "embeddings",
            "different mean sentence embeddings",
            _DIVERSITY,
            f"{_LIM}.3",
        ),
    )
}

DEFAULT = "l2v-syntax"
"""Among the published criteria, syntax vectors chose well most evenly: ranks 3, 3, 4, 7 and 2 of 35 (Table 1)."""

OWN_VECTORS = Criterion("vectors", "vectors", "your own vectors or distances", "sum over pairs", "--vectors")
"""What `--vectors FILE` ranks by."""


def criterion(name: str) -> Criterion:
    """Return the criterion of that name or short name.

    Raises:
        UnknownNameError: there is none.
    """
    wanted = name.strip().casefold()
    for row in CRITERIA.values():
        if wanted in (row.name, row.short) and wanted:
            return row
    raise UnknownNameError("criterion", name, list(CRITERIA))
