"""A repository's folder in the ordinary hub cache: refs (branch → commit), snapshots (links) and blobs (by checksum).

The layout is huggingface_hub's, so that transformers, datasets and `hf cache` find what we put there, and we what they
put there.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from mslt_cli.errors import FetchError
from mslt_cli.files import new_file, sha256_of
from mslt_cli.hub.parallel import Stopped
from mslt_cli.hub.repository import CHECKSUM, COMMIT, Repository, check_revision

if TYPE_CHECKING:
    from filelock import BaseFileLock


class State(Enum):
    """What there is of a file in the cache."""

    MISSING = 0
    GOOD = 1
    DAMAGED = 2
    UNKNOWN = 3
    """It is there, and nothing on disk says what its checksum should be."""


class HubCache:
    """Where the files of a repository lie.

    Raises:
        FetchError: there can be no such repository or revision.
    """

    def __init__(self, repository: Repository) -> None:
        from huggingface_hub import constants
        from huggingface_hub.errors import HFValidationError
        from huggingface_hub.file_download import repo_folder_name

        check_revision(repository)
        try:
            name = repo_folder_name(repo_id=repository.name, repo_type=repository.kind)
        except HFValidationError:
            raise FetchError(f"There can be no {repository} on the hub. Names look like facebook/xnli.") from None
        self.revision = repository.revision
        self.root = Path(constants.HF_HUB_CACHE).expanduser().absolute()
        self.folder = self.root / name

    def commit(self) -> str | None:
        """The commit that the revision stands for, as far as is known here."""
        if COMMIT.fullmatch(self.revision):
            return self.revision
        try:
            text = (self.folder / "refs" / self.revision).read_text(encoding="utf-8").strip()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError, UnicodeDecodeError):
            return None
        return text if COMMIT.fullmatch(text) else None

    def remember(self, commit: str) -> None:
        """Note what the revision stands for, if the cache may be written; if not, it can still be read."""
        if self.commit() != commit:
            with suppress(FetchError), new_file(self.folder / "refs" / self.revision) as part:
                part.write_text(commit, encoding="utf-8")

    def pointer(self, commit: str, path: str) -> Path:
        """The name of a file: a link to its blob."""
        return self.folder.joinpath("snapshots", commit, *path.split("/"))

    def blob(self, checksum: str) -> Path:
        """Where the bytes of a file are, once they are verified."""
        return self.folder / "blobs" / checksum

    def partial(self, checksum: str) -> Path:
        """Where they are while they arrive; `hf cache prune` knows it by the suffix."""
        return self.folder / "blobs" / f"{checksum}.incomplete"

    def link(self, blob: Path, pointer: Path) -> None:
        """Show a verified file under its name."""
        from huggingface_hub import constants

        target = os.path.relpath(blob, pointer.parent)
        if pointer.is_symlink() and os.readlink(pointer) == target:
            return
        pointer.parent.mkdir(parents=True, exist_ok=True)
        pointer.unlink(missing_ok=True)
        if not constants.HF_HUB_DISABLE_SYMLINKS:
            with suppress(OSError):  # the file system may have no links
                pointer.symlink_to(target)
                return
        os.replace(blob, pointer)  # as huggingface_hub does then

    def drop(self, pointer: Path) -> None:
        """Delete a file, bytes and name."""
        if pointer.is_symlink():
            (pointer.parent / os.readlink(pointer)).unlink(missing_ok=True)
        pointer.unlink(missing_ok=True)

    @contextmanager
    def lock(self, checksum: str, stop: threading.Event) -> Iterator[None]:
        """Keep other processes from writing the same blob; huggingface_hub's take the same lock.

        Raises:
            Stopped: `stop` was set while waiting.
        """
        from filelock import FileLock, SoftFileLock, Timeout

        path = self.root / ".locks" / self.folder.name / f"{checksum}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        lock: BaseFileLock = FileLock(path, mode=0o664)
        while True:
            try:
                lock.acquire(timeout=1)
                break
            except Timeout:
                if stop.is_set():
                    raise Stopped from None
            except NotImplementedError:  # a file system without flock
                lock = SoftFileLock(path, mode=0o664)
        try:
            yield
        finally:
            with suppress(OSError):
                lock.release()


def state_of(pointer: Path) -> State:
    """Look at a file in the cache, and hash it."""
    try:
        if not pointer.is_file():
            return State.MISSING
        checksum = Path(os.readlink(pointer)).name if pointer.is_symlink() else ""
        if not CHECKSUM.fullmatch(checksum):
            return State.UNKNOWN
        return State.GOOD if digest_of(pointer, checksum) == checksum else State.DAMAGED
    except FileNotFoundError:  # another process dropped it in between
        return State.MISSING


def digest_of(path: Path, like: str) -> str:
    """Return the checksum of a file, of the kind that `like` is: SHA-256, or git's SHA-1 of a blob, in hex."""
    if len(like) == 64:
        return sha256_of(path)
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
