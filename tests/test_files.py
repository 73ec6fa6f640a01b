import os
import platform
import subprocess
import sys

import pytest

from mslt_cli.errors import FetchError
from mslt_cli.files import cache_home, cut_name, new_file, new_folder


def test_the_cache_is_in_the_hugging_face_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    assert cache_home() == tmp_path / "mslt"
    monkeypatch.delenv("HF_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_home() == tmp_path / "xdg" / "huggingface" / "mslt"


def test_a_file_is_whole_or_the_old_one(tmp_path):
    path = tmp_path / "deep" / "file"
    with new_file(path) as part:
        part.write_text("old")
    with pytest.raises(KeyError), new_file(path) as part:
        part.write_text("half")
        raise KeyError
    assert path.read_text() == "old"
    assert os.listdir(path.parent) == ["file"]


def test_a_folder_is_whole_or_not_there_and_the_first_one_stays(tmp_path):
    path = tmp_path / "model"
    with pytest.raises(KeyError), new_folder(path) as part:
        (part / "half").touch()
        raise KeyError
    assert os.listdir(tmp_path) == []
    with new_folder(path) as mine:
        with new_folder(path) as other:
            (other / "first").touch()
        (mine / "second").touch()
    assert os.listdir(path) == ["first"]
    assert os.listdir(tmp_path) == ["model"]


def test_a_folder_can_take_the_place_of_another(tmp_path):
    path = tmp_path / "model"
    for name in ("old", "new"):
        with new_folder(path, replace=True) as part:
            (part / name).touch()
    assert os.listdir(path) == ["new"]
    with pytest.raises(KeyError), new_folder(path, replace=True):
        raise KeyError
    assert os.listdir(path) == ["new"]
    assert os.listdir(tmp_path) == ["model"]


def test_what_a_killed_process_left_is_removed_by_the_next_and_what_a_living_one_writes_is_not(tmp_path):
    code = "import sys, time; from pathlib import Path; from mslt_cli.files import new_folder\n"
    code += "with new_folder(Path(sys.argv[1])) as part:\n"
    code += "    (part / 'half').touch(); print('there', flush=True); time.sleep(60)"
    running = [
        subprocess.Popen([sys.executable, "-c", code, tmp_path / "model"], stdout=subprocess.PIPE) for _ in range(2)
    ]
    assert [process.stdout.readline() for process in running] == [b"there\n"] * 2
    running[0].kill()
    running[0].wait()
    try:
        with new_folder(tmp_path / "model") as part:
            left = {path.name.split("~")[2] for path in tmp_path.glob(".model.*")}
            assert left == {str(running[1].pid), str(os.getpid())}
            (part / "whole").touch()
    finally:
        running[1].kill()
        running[1].wait()


def test_what_was_left_by_a_dead_process_of_the_same_number_is_removed(tmp_path):
    # As in a container, where each command is process 1.
    left = tmp_path / f".model.~{platform.node()[:64]}~{os.getpid()}~0a1b2c3d.part"
    left.mkdir()
    (left / "half").touch()
    with new_folder(tmp_path / "model"):
        assert not left.exists()
        with new_folder(tmp_path / "model"):
            assert len(list(tmp_path.glob(".model.*"))) == 2  # what is being written stays


def test_the_name_of_what_is_written_is_no_longer_than_a_name_may_be(tmp_path):
    with new_file(tmp_path / ("ф" * 127)) as part:
        part.write_text("whole")
    assert os.listdir(tmp_path) == ["ф" * 127]
    assert cut_name("aфф", 4) == "aф"


def test_a_cache_that_leads_nowhere_is_a_sentence(tmp_path):
    (tmp_path / "gone").symlink_to(tmp_path / "unmounted")
    for path in (tmp_path / "gone" / "mslt" / "file", tmp_path / "gone" / "file"):
        with pytest.raises(FetchError, match=r"The cache .* cannot be used: .* Set HF_HOME"), new_file(path):
            pass
