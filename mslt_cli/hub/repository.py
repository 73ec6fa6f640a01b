"""A repository of the hub, its files, and which of their paths may be put in a folder of ours."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from mslt_cli.errors import FetchError

COMMIT = re.compile(r"[0-9a-f]{40}")
CHECKSUM = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
LONGEST_NAME_BYTES = 255
"""What file systems take."""


@dataclass(frozen=True)
class Repository:
    """A repository of the hub at one revision."""

    kind: Literal["dataset", "model"]
    name: str
    """With its owner: "facebook/xnli"."""
    revision: str = "main"
    """A commit (40 hex digits: it stands for itself), a branch, or "refs/convert/parquet"."""

    def __str__(self) -> str:
        return f"{'data set' if self.kind == 'dataset' else 'model'} {self.name}"

    @property
    def pinned(self) -> bool:
        """Whether the revision is a commit, so that its files never change."""
        return COMMIT.fullmatch(self.revision) is not None


@dataclass(frozen=True)
class RemoteFile:
    """A file as the hub states it."""

    path: str
    """From the root of the repository, with forward slashes."""
    size_bytes: int
    checksum: str
    """SHA-256 (64 hex digits) of large files, git's SHA-1 of a blob (40 hex digits) of the others."""


def check_path(repository: Repository, path: str) -> None:
    """Refuse a path that could name something outside the folder that it is put in, on any system, or nothing.

    Raises:
        FetchError: names the repository and the path.
    """
    if _leaves(path):
        raise FetchError(
            f"{path!r} of the {repository} is no path that a file may have here: it could lead out of the cache. "
            "Nothing is written; report it to the owners of the repository."
        )


def check_revision(repository: Repository) -> None:
    """Refuse a revision that could not be kept in the cache: branches are files there.

    Raises:
        FetchError: names the revision.
    """
    if _leaves(repository.revision):
        raise FetchError(f"The {repository} can have no revision {repository.revision!r}. Give a branch or a commit.")


def _leaves(path: str) -> bool:
    try:
        names = [name.encode() for name in path.split("/")]
    except UnicodeEncodeError:  # half of a surrogate pair
        return True
    return (
        any(name in (b"", b".", b"..") or len(name) > LONGEST_NAME_BYTES for name in names)
        or re.match(r"[A-Za-z]:", path) is not None
        or any(c == "\\" or ord(c) < 32 or 127 <= ord(c) < 160 for c in path)
    )
