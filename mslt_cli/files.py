"""Files that are written whole or not at all, and the cache folder that most of them are in."""

import errno
import glob
import hashlib
import json
import os
import platform
import re
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mslt_cli.errors import FetchError, MsltError
from mslt_cli.foreign import LONGEST_NAME, require_path

FULL = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the disk quota is used up"}
REASONS = FULL | {
    errno.EACCES: "it may not be written",
    errno.EPERM: "it may not be written",
    errno.EROFS: "its disk is read-only",
    errno.EIO: "its disk reports an error",
    errno.EFBIG: "a file is larger than the system allows",
    errno.EEXIST: "something on the way to it is a broken link or a file",
    errno.ENOENT: "it cannot be made there",
    errno.ELOOP: "something on the way to it is a link to itself",
    errno.ENOTDIR: "something on the way to it is a file, not a folder",
}
"""Why a folder cannot be written, by what the operating system says."""


def cache_home() -> Path:
    """Return our folder in the Hugging Face cache: `mslt` in HF_HOME, or in its default place."""
    if given := os.environ.get("HF_HOME"):
        return Path(given).expanduser() / "mslt"
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base).expanduser() if base else Path.home() / ".cache") / "huggingface" / "mslt"


def write_whole(path: Path, data: bytes) -> None:
    """Write a file of the user's; whoever reads it meanwhile sees the old one, or none. MsltError if it cannot."""
    require_path(path, "The file")
    try:
        if path.exists() and not path.is_file():  # /dev/stdout and its like: nothing to put in their place
            path.write_bytes(data)
            return
        with _replacement(path) as part:
            part.write_bytes(data)
    except OSError as error:
        raise MsltError(f"{path} cannot be written: {error.strerror}.") from error


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Yield a path beside `path`, in the cache, to write to; it takes the place of `path` when the block ends well.

    Whoever reads `path` sees the old file or the whole new one, whatever ends the block. Raises as `writable`.
    """
    with writable(path.parent), _replacement(path) as part:
        yield part


def recall(path: Path, key: str) -> str | None:
    """The value that `remember` stored under a key; None if there is none, or the file is damaged."""
    value = _read_notes(path).get(key)
    return value if isinstance(value, str) else None


def remember(path: Path, key: str, value: str) -> None:
    """Store a value under a key in a JSON file of the cache; a cache that cannot be written stays as it is."""
    notes = _read_notes(path)
    if notes.get(key) != value:
        with suppress(FetchError), new_file(path) as part:
            part.write_text(json.dumps(notes | {key: value}, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _read_notes(path: Path) -> dict[str, object]:
    try:
        notes = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return notes if isinstance(notes, dict) else {}


@contextmanager
def new_folder(path: Path, *, replace: bool = False) -> Iterator[Path]:
    """Yield an empty folder beside `path`; it becomes `path` when the block ends well.

    If there is a folder already, as where another process was faster, it stays and ours is dropped; with `replace`,
    ours takes its place as a whole. Raises as `writable`.
    """
    with writable(path.parent), _part(path, folder=True) as part:
        with raise_os_errors():
            yield part
        for file in part.rglob("*"):
            if file.is_file():
                _flush(file)
        if replace and path.exists():
            with _part(path, folder=True) as old:
                os.rename(path, old)  # over an empty folder
                os.rename(part, path)
            return
        try:
            os.rename(part, path)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise


@contextmanager
def writable(folder: Path) -> Iterator[None]:
    """Turn what the operating system says about writing a folder of the cache into a FetchError."""
    try:
        yield
    except OSError as error:
        if error.errno not in REASONS:
            raise
        remedy = "Set HF_HOME to a folder that you can write to."
        if error.errno in FULL:
            remedy = "Free some space, or set HF_HOME to a folder on another disk."
        raise FetchError(f"The cache {folder} cannot be used: {REASONS[error.errno]}. {remedy}") from error


@contextmanager
def raise_os_errors() -> Iterator[None]:
    """Raise an OSError, of the number in the message, for what safetensors, tokenizers or polars, in Rust, raise."""
    try:
        yield
    except Exception as error:
        if (code := re.search(r"os error (\d+)", str(error))) is None:
            raise
        raise OSError(int(code[1]), os.strerror(int(code[1]))) from error


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def begins_with(path: Path, start: Path) -> bool:
    """Whether the first bytes of a file are all those of another one."""
    with path.open("rb") as file, start.open("rb") as other:
        while data := other.read(1 << 20):
            if file.read(len(data)) != data:
                return False
    return True


def cut_name(name: str, most: int = LONGEST_NAME) -> str:
    """The beginning of a file's name, of so many bytes at most; no letter is cut in two."""
    return os.fsencode(name)[:most].decode(errors="ignore") if len(os.fsencode(name)) > most else name


def drop(path: Path) -> None:
    """Remove a file, or a folder with all that is in it, as far as that is possible."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


@contextmanager
def _replacement(path: Path) -> Iterator[Path]:
    with _part(path) as part:
        with raise_os_errors():
            yield part
        _flush(part)
        os.replace(part, path)


@contextmanager
def _part(path: Path, *, folder: bool = False) -> Iterator[Path]:
    """Yield a new file or folder beside what it will become: locked while the block writes it, and gone after it.

    What killed processes of this machine left there is removed. Nobody holds its lock; a process's number would not
    tell, since in a container the next process has the same one, and those of other containers cannot be seen.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    start, host = cut_name(f".{path.name}", 120), f".~{platform.node()[:64]}~"
    for left in path.parent.glob(f"{glob.escape(start)}.*.part"):
        if host in left.name:
            with suppress(OSError):  # it is being written, or is gone, or cannot be locked
                lock = _lock(left)
                drop(left)
                os.close(lock)
    held: int | None = None
    while True:
        part = path.parent / f"{start}{host}{os.getpid()}~{secrets.token_hex(4)}.part"
        part.mkdir() if folder else part.touch()
        try:
            held = _lock(part)
        except (BlockingIOError, FileNotFoundError):  # another process just took it for a leftover
            continue
        except OSError:  # a file system without locks, where nothing is taken for a leftover either
            pass
        break
    try:
        yield part
    finally:
        drop(part)
        if held is not None:
            os.close(held)


def _lock(path: Path) -> int:
    """Lock a file or folder until what is returned is closed, or the process ends. OSError: it cannot be locked."""
    if sys.platform == "win32":
        raise OSError("there are no locks of this kind")
    import fcntl

    opened = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(opened).st_ino != os.stat(path).st_ino:
            raise FileNotFoundError(path)
    except OSError:
        os.close(opened)
        raise
    return opened


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
