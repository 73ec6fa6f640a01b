import os
import subprocess
import sys


def test_fetch_langs_fills_the_store_and_says_what_it_did(tmp_path):
    path = tmp_path / "store.db"
    command = [sys.executable, "-m", "mslt_cli", "fetch", "langs", "--store", str(path)]
    first = subprocess.run(command, capture_output=True, text=True, check=True)
    assert first.stdout.startswith(f"{path}: read data/langs and lang2vec in ")
    assert "7,970 languages, 39,174 vectors in 5 sets" in first.stdout  # 4 × 7,970 and 7,294 of known family
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert again.stdout.startswith(f"{path}: nothing to do")


def test_the_environment_names_the_store(tmp_path):
    path = tmp_path / "elsewhere.db"
    command = [sys.executable, "-m", "mslt_cli", "fetch", "langs"]
    subprocess.run(command, check=True, capture_output=True, env=os.environ | {"MSLT_STORE": str(path)})
    assert path.stat().st_size > 1_000_000
