"""Paths, texts, JSON and TOML that others gave: read, or refused with the reason. Nothing else reads them."""

import json
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mslt_cli.errors import UsageError

DEEPEST_NESTING = 100
"""Lists and objects in each other, at most: what is deeper can be read, but neither printed nor written again."""
LONGEST_NAME, LONGEST_PATH = 255, 4095
"""Bytes that file systems allow for a name and for a path."""
LARGEST_TEXT_BYTES = 1 << 30
"""Largest size of a text that is read as a whole."""
STREAMS = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")
"""How shells call what is piped in (`<(…)`). Other pipes may have no writer, and reading would wait for ever."""


class UnreadableError(ValueError):
    """Why something cannot be read, as the end of a sentence: "it is nested too deeply". `line` counts from 1."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.line = line


def parse_json(text: str | bytes, **options: Any) -> Any:
    """The value of a JSON text; `options` as `json.loads` takes them. UnreadableError: it is no JSON, or hostile."""
    try:
        return _require_shallow(json.loads(text, **options))
    except json.JSONDecodeError as error:
        raise UnreadableError(f"it is not JSON ({error.msg})", error.lineno) from error
    except UnicodeDecodeError as error:
        raise UnreadableError("it is not UTF-8 text") from error
    except RecursionError:
        raise UnreadableError("it is nested too deeply") from None
    except UnreadableError:
        raise
    except ValueError as error:  # json.loads says so of nothing else
        raise UnreadableError(f"it has a number of more than {sys.get_int_max_str_digits():,} digits") from error


def parse_toml(text: str) -> dict[str, Any]:
    """The tables of a TOML text. UnreadableError: it is no TOML, or hostile."""
    import tomllib

    try:
        return dict(_require_shallow(tomllib.loads(text), large=True))
    except tomllib.TOMLDecodeError as error:
        raise UnreadableError(f"it is not TOML ({error})") from error
    except RecursionError:
        raise UnreadableError("it is nested too deeply") from None
    except UnreadableError:
        raise
    except (ValueError, OverflowError) as error:  # a number of 5,000 digits, a date that there is not
        raise UnreadableError(f"it has a value that no program can hold ({str(error).partition(';')[0]})") from error


def _require_shallow(value: Any, *, large: bool = False) -> Any:
    """The value itself. UnreadableError: it is nested too deeply, or (`large`) has a whole number beyond 64 bits."""
    level = [value]
    for _ in range(DEEPEST_NESTING):
        if large and any(isinstance(part, int) and abs(part) >> 63 for part in level):
            raise UnreadableError("it has a whole number of more than 64 bits")
        inside: list[Any] = []
        for part in level:
            if isinstance(part, dict):
                inside += part.values()
            elif isinstance(part, list):
                inside += part
        level = inside if large else [part for part in inside if isinstance(part, dict | list)]
        if not level:
            return value
    raise UnreadableError("it is nested too deeply")


def read_text_file(path: Path, largest: int = LARGEST_TEXT_BYTES) -> str:
    """The text of a file, in UTF-8 with or without a mark. UnreadableError: there is none that can be read."""
    try:
        return read_file_bytes(path, largest).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableError("it is not UTF-8 text") from error


def read_file_bytes(path: Path, largest: int = LARGEST_TEXT_BYTES) -> bytes:
    """The bytes of a file, or of what the shell pipes in. UnreadableError: it is no file, too large, or unreadable."""
    try:
        if reason := why_no_file(path):
            raise UnreadableError(reason)
        with open(path, "rb") as file:
            data = file.read(largest + 1)
    except OSError as error:
        raise UnreadableError(error.strerror or str(error)) from error
    if len(data) > largest:
        raise UnreadableError(f"it has more than {largest / (1 << 20):,.0f} MiB")
    return data


def why_no_file(path: Path) -> str:
    """Why nothing is read from a path though something is there: a pipe would hang. Empty = a file, or nothing."""
    if reason := why_no_path(path):
        return reason
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        unseen = isinstance(error, FileNotFoundError | NotADirectoryError | PermissionError)  # to open it says so
        return "" if unseen else error.strerror or str(error)
    if stat.S_ISREG(mode) or str(path).startswith(STREAMS):
        return ""
    kinds: dict[Callable[[int], bool], str] = {stat.S_ISDIR: "folder", stat.S_ISFIFO: "pipe", stat.S_ISSOCK: "socket"}
    return f"it is a {next((name for is_it, name in kinds.items() if is_it(mode)), 'device')}, not a file"


def why_no_path(path: str | Path) -> str:
    """Why nothing can ever be at a path, as the end of a sentence; empty = something can."""
    text = str(path)
    if "\0" in text:
        return "its name holds a zero byte"
    whole = os.fsencode(os.path.abspath(text))
    try:
        whole.decode()
    except UnicodeDecodeError:
        return "its name is not UTF-8"
    if len(whole) > LONGEST_PATH or any(len(name) > LONGEST_NAME for name in whole.split(b"/")):
        return f"its name is too long: {LONGEST_NAME} bytes are allowed for each part"
    return ""


def require_path(path: Path, what: str) -> Path:
    """The path itself. UsageError: nothing can be there; `what` is what it is given for ("The store")."""
    if reason := why_no_path(path):
        shown = ascii(str(path))[1:-1]
        shown = shown if len(shown) < 100 else f"{shown[:60]}…{shown[-20:]}"
        raise UsageError(f"{what} {shown} cannot be used: {reason}. Give another path.")
    return path
