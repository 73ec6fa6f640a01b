import importlib.metadata
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mslt_cli.errors import MissingFactsError
from mslt_cli.languages import uriel


@pytest.fixture(scope="module")
def data():
    return uriel.read_uriel()


def raw(file: str) -> dict[str, np.ndarray]:
    folder = Path(str(importlib.metadata.distribution("lang2vec").locate_file("lang2vec/data")))
    with np.load(folder / file) as arrays:
        return dict(arrays)


def test_the_sets_are_those_of_lang2vec(data):
    widths = {name: len(vectors.features) for name, vectors in data.vectors.items()}
    assert widths == {"syntax_knn": 103, "phonology_knn": 28, "inventory_knn": 158, "fam": 3718, "geo": 299}
    assert len(data.codes) == 7970
    assert list(data.codes) == sorted(data.codes)
    assert data.version == "1.1.2"


@pytest.mark.parametrize("row", uriel.VECTOR_SETS.values(), ids=uriel.VECTOR_SETS)
def test_every_value_is_the_one_in_the_file(data, row):
    arrays = raw(row.file)
    vectors = data.vectors[row.name]
    columns = [i for i, feature in enumerate(arrays["feats"].tolist()) if feature.startswith(row.prefix)]
    assert vectors.features == tuple(arrays["feats"][columns].tolist())
    row_of = {code: i for i, code in enumerate(arrays["langs"].tolist())}
    expected = arrays["data"][[row_of[code] for code in data.codes]][:, columns, 0]
    np.testing.assert_array_equal(vectors.matrix, expected)


@pytest.mark.parametrize("name", ["syntax_knn", "phonology_knn", "inventory_knn"])
def test_the_measured_share_counts_the_features_that_any_source_states(data, name):
    arrays = raw("features.npz")
    own = [
        i for i, feature in enumerate(arrays["feats"].tolist()) if feature.startswith(uriel.VECTOR_SETS[name].prefix)
    ]
    for code in ("eng", "aaa", "swh", "zho"):
        values = arrays["data"][arrays["langs"].tolist().index(code)]  # (features, sources)
        stated = sum(1 for feature in own if max(values[feature]) >= 0)
        share = data.vectors[name].measured_share[data.codes.index(code)]
        assert share == pytest.approx(stated / len(own))


def test_a_language_without_any_family_is_not_known(data):
    fam = data.vectors["fam"]
    assert int((~fam.known).sum()) == 676
    assert not fam.known[data.codes.index("alb")]
    assert all(data.vectors[name].known.all() for name in uriel.VECTOR_SETS if name != "fam")


def test_lang2vec_is_never_imported():
    code = "import sys; from mslt_cli.languages.uriel import read_uriel as r; r(); assert 'lang2vec' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_script_that_lang2vec_installs_is_not_taken_for_the_package(tmp_path):
    # bin/lang2vec.py lies beside bin/mslt, whose folder is the first on the module path
    (tmp_path / "lang2vec.py").write_text("raise SystemExit('not this one')")
    code = "from mslt_cli.languages.uriel import read_uriel; assert len(read_uriel().codes) == 7970"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)


def test_without_lang2vec_the_user_learns_what_to_install(monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", missing)
    with pytest.raises(MissingFactsError, match=r"pip install lang2vec==1\.1\.2"):
        uriel.read_uriel()
