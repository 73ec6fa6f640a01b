"""What others gave is read, or refused with a reason, and never hangs."""

import os
import socket
from pathlib import Path

import pytest

from mslt_cli.errors import UsageError
from mslt_cli.foreign import (
    UnreadableError,
    parse_json,
    parse_toml,
    read_text_file,
    require_path,
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 200 + "1" + "}" * 200, "nested too deeply"),
        ("9" * 5_000, "more than 4,300 digits"),
        (b'"\xff"', "not UTF-8"),
        ("{", "not JSON"),
    ],
)
def test_hostile_json_has_a_reason(text, reason):
    with pytest.raises(UnreadableError, match=reason):
        parse_json(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a = " + "[" * 100_000, "nested too deeply"),
        (".".join("a" * 200) + " = 1", "nested too deeply"),
        ("a = " + "9" * 5_000, "no program can hold"),
        ("a = 0x" + "f" * 5_000, "64 bits"),  # read, and then neither printed nor written
        ("a = 2024-13-45", "TOML|no program"),
        ("a = ", "not TOML"),
    ],
)
def test_hostile_toml_has_a_reason(text, reason):
    with pytest.raises(UnreadableError, match=reason):
        parse_toml(text)


def test_what_is_sound_is_read():
    assert parse_json('{"a": [[[1, null]]]}') == {"a": [[[1, None]]]}
    assert parse_toml("a.b.c = [[1], [-2]]") == {"a": {"b": {"c": [[1], [-2]]}}}


def test_only_files_are_read(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)  # names of sockets have to be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        (tmp_path / "loop").symlink_to("loop")
        (tmp_path / "latin").write_bytes(b"\xe9")
        reasons = {"pipe": "a pipe", "socket": "a socket", ".": "a folder", "/dev/zero": "a device"}
        reasons |= {"loop": "symbolic links", "latin": "not UTF-8", "none": "No such file", "n" * 300: "too long"}
        for name, reason in reasons.items():
            with pytest.raises(UnreadableError, match=reason):
                read_text_file(Path(name))
    (tmp_path / "text").write_text("\ufeffä")
    assert read_text_file(tmp_path / "text") == "ä"
    with pytest.raises(UnreadableError, match="more than"):
        read_text_file(tmp_path / "text", largest=2)


def test_what_the_shell_pipes_in_is_read():
    end, start = os.pipe()
    os.write(start, b"a,b\n")
    os.close(start)
    assert read_text_file(Path(f"/dev/fd/{end}")) == "a,b\n"
    os.close(end)


@pytest.mark.parametrize("name", ["a\0b", "a" * 300, "b" * 10 + "/" + "c" * 300, "d/" * 3_000, "\udcff"])
def test_a_path_at_which_nothing_can_be_is_refused(name):
    with pytest.raises(UsageError, match=r"The store .{1,120} cannot be used: its name "):
        require_path(Path(name), "The store")
    assert require_path(Path("a/b"), "The store") == Path("a/b")
