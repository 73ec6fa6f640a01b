"""What is published: the wheel, the sdist, and the version that they have."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GIT = ["git", "-c", "user.name=n", "-c", "user.email=e@example.org"]
GIT += ["-c", "tag.gpgSign=false", "-c", "commit.gpgSign=false"]


def hatch(folder, *words):
    """What hatchling prints when it is called in this folder, with no environment of its own and so no network."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SETUPTOOLS_SCM", "GIT_"))}
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", *words], cwd=folder, capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def content(wheel):
    """Its files and what is in them."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder of wheel and sdist."""
    for package in ("hatchling", "hatch_vcs", "hatch_fancy_pypi_readme"):
        pytest.importorskip(package, reason=f"building the wheel needs {package}")
    folder = tmp_path_factory.mktemp("wheel")
    hatch(ROOT, "build", "-d", str(folder))
    return folder


@pytest.fixture(scope="module")
def wheel(built):
    return next(built.glob("*.whl"))


@pytest.fixture(scope="module")
def unpacked(built, tmp_path_factory):
    """The sdist, unpacked."""
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        archive.extractall(folder := tmp_path_factory.mktemp("sdist"), filter="data")
    return next(folder.iterdir())


@pytest.fixture(scope="module")
def metadata(wheel):
    return next(text for name, text in content(wheel).items() if name.endswith("METADATA")).decode()


def test_the_core_asks_for_nothing_heavy(metadata):
    core = [line for line in metadata.splitlines() if line.startswith("Requires-Dist:") and "extra ==" not in line]
    assert len(core) == 8
    assert not any(name in line for line in core for name in ("torch", "transformers", "pandas", "datasets", "scipy"))


def test_the_wheel_states_the_licences_of_code_and_data_and_carries_their_texts(wheel, metadata):
    texts = {Path(name).name: text.decode() for name, text in content(wheel).items() if "/licenses/" in name}
    assert "License-Expression: MIT AND CC-BY-SA-4.0 AND Unicode-3.0" in metadata
    assert sorted(texts) == ["CC-BY-SA-4.0.txt", "LICENSE", "Unicode-3.0.txt"]
    assert re.findall(r"^License-File: (?:LICENSES/)?(.*)$", metadata, re.M) == ["LICENSE", *sorted(texts)[::2]]
    assert (
        "ShareAlike 4.0 International" in texts["CC-BY-SA-4.0.txt"] and "UNICODE LICENSE V3" in texts["Unicode-3.0.txt"]
    )


def test_the_wheel_carries_the_facts_and_no_tests(wheel):
    names = content(wheel)
    for table in ("languages", "spellings", "pretraining_sizes", "pools", "glottocodes"):
        assert f"mslt_cli/shipped/data/langs/{table}.csv" in names
        assert f"mslt_cli/shipped/data/langs/{table}.json" in names
    assert not any("tests/" in name or name.startswith(("bench", "docs", "data/")) for name in names)
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"mslt_cli"}


def test_the_sdist_has_what_a_reader_needs_and_builds_the_same_wheel(unpacked, wheel, tmp_path):
    held = {path.name for path in unpacked.iterdir()}
    assert held >= {"LICENSE", "LICENSES", "README.md", "RELEASING.md", "CITATION.cff", "docs", "tests", "db", "data"}
    assert (unpacked / ".agents" / "skills" / "mslt" / "SKILL.md").is_file()
    hatch(unpacked, "build", "-t", "wheel", "-d", str(tmp_path))
    (again,) = tmp_path.iterdir()
    assert again.name == wheel.name
    assert content(again) == content(wheel)


def test_the_description_leads_to_no_file_that_its_page_does_not_have(metadata):
    description = metadata.partition("\n\n")[2]
    assert "# mslt: from which languages should I train?" in description
    assert "RELEASING.md how to release it" in description  # named, where the README links it
    assert [link for link in re.findall(r"\]\(([^)]*)\)", description) if not link.startswith(("http", "#"))] == []


def test_the_version_is_the_tag_and_what_has_none_says_so(unpacked, tmp_path):
    repository = tmp_path / "repository"
    shutil.copytree(unpacked, repository)
    (repository / "PKG-INFO").unlink()
    assert hatch(repository, "version") == "0.0"  # neither git nor PKG-INFO

    def git(*words):
        subprocess.run([*GIT, *words], cwd=repository, check=True, capture_output=True)

    for name in (".gitattributes", ".git_archival.txt", ".gitignore"):
        shutil.copy(ROOT / name, repository)
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message", "first")
    assert re.fullmatch(r"0\.1\.dev\d+\+g[0-9a-f]+", hatch(repository, "version"))  # git, but no tag
    git("tag", "--annotate", "v1.2.3", "--message", "mslt 1.2.3")
    assert hatch(repository, "version") == "1.2.3"
    git("archive", "--prefix", "archive/", "--output", "../archive.tar", "HEAD")
    with tarfile.open(tmp_path / "archive.tar") as archive:
        archive.extractall(tmp_path, filter="data")
    assert hatch(tmp_path / "archive", "version") == "1.2.3"
    git("commit", "--quiet", "--allow-empty", "--message", "second")
    assert re.fullmatch(r"1\.2\.4\.dev1\+g[0-9a-f]+", hatch(repository, "version"))


def test_a_checkout_does_not_claim_the_version_of_its_last_build(wheel):
    code = "import mslt_cli; print(mslt_cli.__version__)"
    printed = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True)
    assert printed == "0+checkout\n" and not (ROOT / "mslt_cli" / "version.py").exists()


def test_it_works_installed_and_away_from_the_checkout(wheel, tmp_path):
    venv.create(tmp_path / "env", with_pip=False)  # the pip of this environment serves both
    python = tmp_path / "env" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python]
    install = [*pip, "install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    # what it depends on comes from this environment, so that no network is needed
    own = Path(
        subprocess.check_output(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
        ).strip()
    )
    borrowed = tmp_path / "borrowed"
    borrowed.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if "mslt" not in entry.name:
            (borrowed / entry.name).symlink_to(entry)
    (own / "borrowed.pth").write_text(f"{borrowed}\n")
    environment = os.environ | {"MSLT_STORE": str(tmp_path / "store.db")}
    environment.pop("PYTHONPATH", None)
    where = subprocess.check_output(
        [python, "-c", "import mslt_cli; print(mslt_cli.__file__)"], cwd=tmp_path, text=True, env=environment
    )
    assert where.startswith(str(tmp_path / "env"))
    version = subprocess.check_output(
        [tmp_path / "env" / "bin" / "mslt", "--version"], cwd=tmp_path, text=True, env=environment
    )
    assert version == f"mslt {wheel.name.split('-')[1]}\n"
    done = subprocess.run(
        [tmp_path / "env" / "bin" / "mslt", "select", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["results"][0]["languages"] == ["ar", "de", "zh"]
