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
    forced = subprocess.run([*command, "--force"], capture_output=True, text=True, check=True)
    assert forced.stdout.startswith(f"{path}: read data/langs and lang2vec in ")
    assert forced.stdout.splitlines()[1] == first.stdout.splitlines()[1]  # the counts


def test_the_environment_names_the_store(tmp_path):
    path = tmp_path / "elsewhere.db"
    command = [sys.executable, "-m", "mslt_cli", "fetch", "langs"]
    subprocess.run(command, check=True, capture_output=True, env=os.environ | {"MSLT_STORE": str(path)})
    assert path.stat().st_size > 1_000_000


def test_what_is_no_store_is_kept_and_said_in_a_sentence(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("hello")
    for path in (tmp_path, text):
        command = [sys.executable, "-m", "mslt_cli", "fetch", "langs", "--store", str(path)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("mslt: The store")
        assert len(done.stderr.splitlines()) == 1
    assert text.read_text() == "hello"


def test_several_processes_may_fill_one_store_at_once(tmp_path):
    path = tmp_path / "store.db"
    command = [sys.executable, "-m", "mslt_cli", "select", "--store", str(path), "--format", "lines", "--top", "1"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    ended = [(*process.communicate(), process.returncode) for process in running]
    assert [(out, code) for out, _, code in ended] == [("ar,de,zh\n", 0)] * 3
    assert sum("filled" in err for _, err, _ in ended) == 1
