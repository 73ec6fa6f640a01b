"""A repository of the hub and the files that it lists, with the names, sizes and checksums that are accepted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mslt_cli.errors import FetchError
from mslt_cli.files import sha256_of
from mslt_cli.foreign import LONGEST_NAME

COMMIT = re.compile(r"[0-9a-f]{40}")
CHECKSUM = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
SAFE_NAME = re.compile(r"(?!\.\.?\Z)[^/\\\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
"""A part of a path: not empty, `.` or `..`, without backslashes, control characters and halves of surrogate pairs."""


@dataclass(frozen=True)
class Repository:
    """A repository of the hub at one revision: a commit (40 hex digits), a branch, or "refs/convert/parquet"."""

    kind: Literal["dataset", "model"]
    name: str
    """With its owner: "facebook/xnli"."""
    revision: str = "main"

    def __str__(self) -> str:
        return f"{'data set' if self.kind == 'dataset' else 'model'} {self.name}"

    def cache_name(self) -> str:
        """The name of its folder in the hub cache. Raises: FetchError: there can be no such repository or revision."""
        from huggingface_hub.errors import HFValidationError
        from huggingface_hub.file_download import repo_folder_name

        if not _stays_inside(self.revision):
            raise FetchError(f"The {self} can have no revision {self.revision!r}. Give a branch or a commit.")
        try:
            return repo_folder_name(repo_id=self.name, repo_type=self.kind)
        except HFValidationError:
            raise FetchError(f"There can be no {self} on the hub. Names look like facebook/xnli.") from None

    def check_path(self, path: str) -> None:
        """Raises: FetchError: the path could, on some system, name something outside the folder that it is put in."""
        if not _stays_inside(path):
            raise FetchError(
                f"{path!r} of the {self} is not a path that mslt accepts: it could lead out of the cache. "
                "Nothing is written; report it to the owners of the repository."
            )


def _stays_inside(path: str) -> bool:
    return re.match(r"[A-Za-z]:", path) is None and all(
        SAFE_NAME.fullmatch(name) and len(name.encode()) <= LONGEST_NAME for name in path.split("/")
    )


@dataclass(frozen=True)
class RemoteFile:
    """A file as the hub lists it."""

    path: str
    """From the root of the repository, with forward slashes."""
    size_bytes: int
    checksum: str
    """SHA-256 (64 hex digits) of large files, git's SHA-1 of the blob (40 hex digits) of the others."""

    def __post_init__(self) -> None:
        """Raises: ValueError: what the network or the cache holds is no path, size or checksum."""
        texts = isinstance(self.path, str) and isinstance(self.checksum, str) and CHECKSUM.fullmatch(self.checksum)
        if not (texts and type(self.size_bytes) is int and 0 <= self.size_bytes < 2**63):
            raise ValueError

    def hash_copy(self, path: Path) -> str:
        """The checksum of a file on this machine, of the kind that the hub states for this one."""
        from huggingface_hub.utils.sha import git_hash

        return sha256_of(path) if len(self.checksum) == 64 else git_hash(path.read_bytes())
