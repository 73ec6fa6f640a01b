"""The language vectors of URIEL, read from the files of the package lang2vec.

lang2vec is never imported: its module needs a pkg_resources that setuptools no longer has, and takes
seconds to start. Its data files need numpy only.

Source:
    Littell et al. 2017, URIEL and lang2vec, EACL 2017, ACL Anthology E17-2002; lang2vec 1.1.2 (CC BY-SA 4.0).
"""

import hashlib
import importlib.metadata
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mslt_cli.errors import MissingFactsError

FEATURES = "features.npz"
"""What each of URIEL's ten sources says about each feature, -1 = nothing."""
PREDICTIONS = "feature_predictions.npz"
PREDICTED = "what no source says is predicted from the nearest languages."


class VectorSet(NamedTuple):
    """One of lang2vec's feature sets."""

    name: str
    """As lang2vec calls it."""
    file: str
    prefix: str
    """Of the features in the file that belong to the set."""
    encoding: str
    """How the store writes a vector down, see store/language_vectors.py."""
    description: str


_SYNTAX = f"Syntax: 103 binary features (WALS, SSWL, Ethnologue); {PREDICTED}"
_PHONOLOGY = f"Phonology: 28 binary features (WALS, Ethnologue); {PREDICTED}"
_INVENTORY = f"Phoneme inventory: 158 binary features (PHOIBLE); {PREDICTED}"
_FAMILY = "Family: 3,718 groups of the Glottolog tree, 1 = the language belongs to the group."
_POINTS = (
    "Geography: great-circle distance to each of 299 fixed points on Earth, divided by half of Earth's circumference."
)
VECTOR_SETS = {
    row.name: row
    for row in (
        VectorSet("syntax_knn", PREDICTIONS, "S_", "bits", _SYNTAX),
        VectorSet("phonology_knn", PREDICTIONS, "P_", "bits", _PHONOLOGY),
        VectorSet("inventory_knn", PREDICTIONS, "INV_", "bits", _INVENTORY),
        VectorSet("fam", "family_features.npz", "F_", "indices", _FAMILY),
        VectorSet("geo", "geocoord_features.npz", "GC_", "u16e4", _POINTS),
    )
}


class UrielVectors(NamedTuple):
    """The vectors of one set; rows in the order of UrielData.codes."""

    features: tuple[str, ...]
    """d names, column order."""
    matrix: NDArray[np.uint8] | NDArray[np.float32]
    """Shape (n, d); 0 or 1 as uint8, but distances in 0..1 as float32 for geo."""
    known: NDArray[np.bool_]
    """Shape (n,), False where URIEL knows nothing: a language without any family has no family vector."""
    measured_share: NDArray[np.float64]
    """Shape (n,), 0..1: share of the features that a source states, rather than a prediction."""


class UrielData(NamedTuple):
    """All that we take from lang2vec."""

    version: str
    sha256: str
    """Of the files' bytes."""
    codes: tuple[str, ...]
    """n language codes, sorted."""
    vectors: Mapping[str, UrielVectors]
    """By set."""


class _Table(NamedTuple):
    """One npz file, its rows sorted by language: each file comes in an order of its own."""

    codes: tuple[str, ...]
    features: NDArray[np.str_]
    values: NDArray[Any]
    """Shape (n, d)."""


def read_uriel() -> UrielData:
    """Read every vector set, in about a second.

    Raises:
        MissingFactsError: lang2vec is not installed, or its files differ from those of 1.1.2.
    """
    folder = _data_folder()
    files = sorted({FEATURES, *(row.file for row in VECTOR_SETS.values())})
    tables = {file: _read_table(folder / file) for file in files}
    codes = tables[FEATURES].codes
    if any(table.codes != codes for table in tables.values()):
        raise MissingFactsError("lang2vec's files do not agree on their languages. Install lang2vec==1.1.2.")
    return UrielData(
        version=importlib.metadata.version("lang2vec"),
        sha256=hashlib.sha256(b"".join((folder / file).read_bytes() for file in files)).hexdigest(),
        codes=codes,
        vectors={row.name: _vectors(row, tables[row.file], tables[FEATURES]) for row in VECTOR_SETS.values()},
    )


def _data_folder() -> Path:
    # Not by find_spec: lang2vec also installs a script lang2vec.py, which `mslt` beside it would find first.
    try:
        return Path(str(importlib.metadata.distribution("lang2vec").locate_file("lang2vec/data")))
    except importlib.metadata.PackageNotFoundError as error:
        raise MissingFactsError(
            "The language vectors need the package lang2vec. Run: pip install lang2vec==1.1.2"
        ) from error


def _read_table(path: Path) -> _Table:
    """Read one file, as small as its values allow: 0 and 1 as uint8, and of ten sources only whether one spoke."""
    if not path.is_file():
        raise MissingFactsError(f"lang2vec has no file {path}. Install lang2vec==1.1.2.")
    with np.load(path) as arrays:
        codes, features = arrays["langs"], arrays["feats"]  # (n,), (d,)
        values: Any = arrays["data"]  # (n, d, sources)
    order = np.argsort(codes)
    if path.name == FEATURES:
        values = (values >= 0).any(axis=2)
    elif path.name == VECTOR_SETS["geo"].file:
        values = values[:, :, 0]
    else:
        values = (values[:, :, 0] > 0).view(np.uint8)
    return _Table(tuple(codes[order].tolist()), features, values[order])


def _vectors(row: VectorSet, table: _Table, stated: _Table) -> UrielVectors:
    columns = np.char.startswith(table.features, row.prefix)
    own = np.char.startswith(stated.features, row.prefix)
    matrix, n = table.values[:, columns], len(table.codes)
    return UrielVectors(
        features=tuple(table.features[columns].tolist()),
        matrix=matrix,
        known=matrix.max(axis=1) > 0 if row.name == "fam" else np.ones(n, dtype=np.bool_),
        measured_share=stated.values[:, own].mean(axis=1) if row.file == PREDICTIONS else np.ones(n),
    )
