"""URIEL+ out of small made files in the layout of its package, and by a hand-worked cosine."""

import json

import numpy as np
import pytest
from in_process import run_command

from mslt_cli.criteria.own_vectors import fetch_uriel_plus, fetch_vectors
from mslt_cli.errors import MissingFactsError, UsageError
from mslt_cli.languages.uriel_plus import PREFIXES, read_uriel_plus
from mslt_cli.selection import select
from mslt_cli.store.db import open_store

LANGS = ["eng", "deu", "fra"]
FEATS = ["S_SVO", "S_SOV", "S_FIRST", "S_GENDER", "P_A", "P_B", "INV_A"]
WALS = [[1, 0, -1, 0, 1, -1, 1], [0, 0, -1, -1, -1, 1, 0], [-1, 1, 0, 1, 0, 0, -1]]
SAPHON = [[-1, -1, -1, -1, -1, 0, -1], [-1] * 7, [-1] * 7]
RULES = [
    # in WALS alone: S_FIRST stands for the two orders, which are then left out
    {
        "relationship": "exact_collapse",
        "disposition": "collapsed_into",
        "source_layer": "WALS",
        "bundled_columns": ["S_SVO", "S_SOV"],
        "targets": [{"matrix": "typological", "feature_id": "S_FIRST", "expression": "OR(S_SVO, S_SOV)"}],
    },
    {
        "relationship": "positive_implication",
        "disposition": "represented",
        "source_features": [{"id": "P_A"}],
        "targets": [{"matrix": "typological", "feature_id": "P_B"}],
    },
    {
        "relationship": "direct",
        "disposition": "represented",
        "targets": [{"matrix": "typological", "feature_id": "S_GENDER"}],
    },
]
CSV = {
    "saphon": "iso_code,glottocode,P_B\nfra,stan1290,1.0\n",
    "bdproto": "language_id,INV_A\nafro1255,1\n",  # no language of ours
    "grambank": "language_id,S_GENDER,M_CASE\nstan1295,1,1\nstan1290,0,-1\n",
    "apics": "language_id,S_GENDER\nsran1240,1\n",
    "script": "language_id,language_name,SC_ALPHABET,SC_ABJAD\nstan1293,English,1,0\nstan1295,German,1,0\n",
}
PLACES = """language_id,language_name,latitude,longitude,lineage
stan1293,English,0,0,Germanic
stan1293,English,45,90,
stan1295,German,90,0,Germanic
stan1290,French,,,
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Installs files of a version."""

    def install(version="1.3"):
        info, database = tmp_path / f"urielplus-{version}.dist-info", tmp_path / "urielplus" / "database"
        for folder in (info, database / "original_uriel", database / "urielplus_csvs"):
            folder.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: urielplus\nVersion: {version}\n")
        (tmp_path / "urielplus" / "__init__.py").write_text("raise SystemExit('imported')")
        data = np.stack([WALS, SAPHON], axis=2).astype(np.float32)
        sources = ["WALS", "PHOIBLE_SAPHON"]
        np.savez(database / "original_uriel" / "features.npz", langs=LANGS, feats=FEATS, sources=sources, data=data)
        np.savez(database / "original_uriel" / "geocoord_features.npz", feats=["GC_0_0", "GC_0_90"])
        for name, text in CSV.items():
            (database / "urielplus_csvs" / f"{name}_data.csv").write_text(text)
        (database / "urielplus_csvs" / "lang_fam_geo.csv").write_text(PLACES)
        (database / "urielplus_csvs" / "feature_mappings.json").write_text(json.dumps(RULES))
        monkeypatch.syspath_prepend(tmp_path)

    return install


def test_what_sources_say_is_put_together_by_the_rules(package):
    package()
    read = read_uriel_plus()
    assert read.version == "1.3"
    syntax = read.sets["syntax"]
    assert (syntax.codes, syntax.features) == (("eng", "deu", "fra"), ("S_FIRST", "S_GENDER"))
    # English SVO, German neither, French SOV; gender: WALS, Grambank, and in French 1 of WALS before 0 of Grambank
    np.testing.assert_array_equal(syntax.matrix, [[1, 0], [0, 1], [1, 1]])
    # P_B: English has P_A, which implies it; German by WALS; French 0 by WALS and 1 by the updated SAPHON
    np.testing.assert_array_equal(read.sets["phonology"].matrix, [[1, 1], [np.nan, 1], [0, 1]])
    assert read.sets["morphology"].codes == ("deu",)
    assert read.sets["inventory"].codes == ("eng", "deu")  # of French nothing is known
    assert read.sets["script"].features == ("SC_ALPHABET", "SC_ABJAD")


def test_distances_on_the_globe_are_shares_of_half_its_circumference(package):
    package()
    geography = read_uriel_plus().sets["geography"]
    # English lies at the first point, a quarter of the globe from the second; the pole as far from both
    assert geography.codes == ("deu", "eng")
    np.testing.assert_allclose(geography.matrix, [[0.5, 0.5], [0, 0.5]], atol=1e-12)


def test_sets_are_kept_and_ranked_by_and_pairs_need_ten_features(package, own_store):
    package()
    with open_store(own_store, write=True) as store:
        with pytest.raises(MissingFactsError, match="not in the store. Run `mslt fetch vectors --uriel-plus`"):
            select(store, "en,de,fr", 2, by=["uriel+-syntax"])
        assert len(fetch_uriel_plus(store)) == 6
        found = select(store, "en,de,fr", 2, by=["uriel+-syntax", "l2v-syntax"])
        # (1, 0), (0, 1), (1, 1): all is known, so that no least number of features applies
        assert found.results[0].languages == ("de", "en")
        assert [row.scores["uriel+-syntax"] for row in found.results] == pytest.approx([1, 1 - 0.5**0.5, 1 - 0.5**0.5])
        assert "urielplus 1.3 (CC BY-SA 4.0)" in found.evidence[0].provenance
        with pytest.raises(MissingFactsError, match="de and en share only 1 of the .* 10 are needed .3 of 3"):
            select(store, "en,de,fr", 2, by=["uriel+-phonology"])
        with pytest.raises(UsageError, match="it can have letters, digits"):
            fetch_vectors(store, own_store, "uriel+-mine")


def test_another_release_and_none_are_refused_with_what_to_install(package, monkeypatch):
    package("2.0")
    with pytest.raises(MissingFactsError, match="urielplus is installed in version 2.0, and 1.3 is read"):
        read_uriel_plus()
    monkeypatch.setattr("mslt_cli.languages.uriel_plus.PACKAGE", "urielplus-nowhere")
    with pytest.raises(MissingFactsError, match=r"the package urielplus. Run: pip install 'mslt-cli\[urielplus\]'"):
        read_uriel_plus()


def test_the_command_reads_a_file_or_the_package(package, own_store, tmp_path):
    package()
    where = {"HF_HOME": str(tmp_path / "hf"), "MSLT_STORE": str(own_store)}
    kept = run_command("fetch", "vectors", "--uriel-plus", "--format", "lines", **where)
    assert kept.stdout.split() == [f"uriel+-{name}" for name in (*PREFIXES, "geography")]
    refused = run_command("fetch", "vectors", "--uriel-plus", "--name", "mine", **where)
    assert (refused.returncode, refused.stderr) == (1, "mslt: Give a FILE and its --name, or --uriel-plus alone.\n")
