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
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mslt_cli.errors import FetchError, MsltError

LEFT_BY = re.compile(r"~(?P<host>[^~]*)~(?P<process>\d+)~[0-9a-f]+\.part$")
"""In the name of what is being written: which machine and process writes it."""

FULL = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the disk quota is used up"}
REASONS = FULL | {
    errno.EACCES: "it may not be written",
    errno.EPERM: "it may not be written",
    errno.EROFS: "its disk is read-only",
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
    except (OSError, ValueError):
        return {}
    return notes if isinstance(notes, dict) else {}


@contextmanager
def new_folder(path: Path, *, replace: bool = False) -> Iterator[Path]:
    """Yield an empty folder beside `path`; it becomes `path` when the block ends well.

    If there is a folder already, as where another process was faster, it stays and ours is dropped; with `replace`,
    ours takes its place as a whole. Raises as `writable`.
    """
    with writable(path.parent):
        part = _beside(path)
        part.mkdir()
        try:
            yield part
            for file in part.rglob("*"):
                if file.is_file():
                    _flush(file)
            if replace and path.exists():
                os.rename(path, old := _beside(path))
                os.rename(part, path)
                shutil.rmtree(old)
                return
            try:
                os.rename(part, path)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
        finally:
            shutil.rmtree(part, ignore_errors=True)


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
    """Raise an OSError, of the number in the message, for what safetensors and tokenizers, written in Rust, raise."""
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


@contextmanager
def _replacement(path: Path) -> Iterator[Path]:
    part = _beside(path)
    part.touch()
    try:
        yield part
        _flush(part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    """A new path for what will become `path`; what killed processes of this machine left there is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    host = platform.node()
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        whose = LEFT_BY.search(left.name)
        if whose and whose["host"] == host and not _alive(int(whose["process"])):
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)
    return path.parent / f".{path.name}.~{host}~{os.getpid()}~{secrets.token_hex(4)}.part"


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
