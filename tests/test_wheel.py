import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    pytest.importorskip("hatchling", reason="building the wheel needs hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, check=True, cwd=ROOT, capture_output=True)
    return next(folder.glob("*.whl"))


def test_the_core_asks_for_nothing_heavy(wheel):
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(next(name for name in archive.namelist() if name.endswith("METADATA"))).decode()
    core = [line for line in metadata.splitlines() if line.startswith("Requires-Dist:") and "extra ==" not in line]
    assert len(core) == 8
    assert not any(name in line for line in core for name in ("torch", "transformers", "pandas", "datasets", "scipy"))


def test_the_wheel_states_the_licences_of_code_and_data_and_carries_their_texts(wheel):
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(next(name for name in archive.namelist() if name.endswith("METADATA"))).decode()
        texts = {Path(name).name: archive.read(name).decode() for name in archive.namelist() if "/licenses/" in name}
    assert "License-Expression: MIT AND CC-BY-SA-4.0 AND Unicode-3.0" in metadata
    assert sorted(texts) == ["CC-BY-SA-4.0.txt", "LICENSE", "Unicode-3.0.txt"]
    assert (
        "ShareAlike 4.0 International" in texts["CC-BY-SA-4.0.txt"] and "UNICODE LICENSE V3" in texts["Unicode-3.0.txt"]
    )


def test_the_wheel_carries_the_facts_and_no_tests(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    for table in ("languages", "spellings", "pretraining_sizes", "pools", "glottocodes"):
        assert f"mslt_cli/shipped/data/langs/{table}.csv" in names
        assert f"mslt_cli/shipped/data/langs/{table}.json" in names
    assert not any("tests/" in name or name.startswith(("bench", "docs", "data/")) for name in names)
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"mslt_cli"}


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
    done = subprocess.run(
        [tmp_path / "env" / "bin" / "mslt", "select", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["results"][0]["languages"] == ["ar", "de", "zh"]
