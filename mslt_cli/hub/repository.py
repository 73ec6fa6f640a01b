"""A repository of the hub and its files; which names and paths are safe to use below a folder of ours."""

import re
from dataclasses import dataclass
from typing import Literal

from mslt_cli.errors import FetchError

COMMIT = re.compile(r"[0-9a-f]{40}")
CHECKSUM = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
MAX_NAME_BYTES = 255
"""The longest file name that common file systems accept."""


@dataclass(frozen=True)
class Repository:
    """A repository of the hub at one revision: a commit (40 hex digits), a branch, or "refs/convert/parquet"."""

    kind: Literal["dataset", "model"]
    name: str
    """With its owner: "facebook/xnli"."""
    revision: str = "main"

    def __str__(self) -> str:
        return f"{'data set' if self.kind == 'dataset' else 'model'} {self.name}"

    def check(self) -> None:
        """Refuse a name that no repository has, and a revision that could not be a file name in the cache.

        Raises:
            FetchError: names what is wrong.
        """
        from huggingface_hub.errors import HFValidationError
        from huggingface_hub.file_download import repo_folder_name

        try:
            repo_folder_name(repo_id=self.name, repo_type=self.kind)
        except HFValidationError:
            raise FetchError(f"There can be no {self} on the hub. Names look like facebook/xnli.") from None
        if not _stays_inside(self.revision):
            raise FetchError(f"The {self} can have no revision {self.revision!r}. Give a branch or a commit.")


@dataclass(frozen=True)
class RemoteFile:
    """A file as the hub lists it."""

    path: str
    """From the root of the repository, with forward slashes."""
    size_bytes: int
    checksum: str
    """SHA-256 (64 hex digits) of large files, git's SHA-1 of the blob (40 hex digits) of the others."""


def check_path(repository: Repository, path: str) -> None:
    """Refuse a path that could name something outside the folder that it is put in, on any operating system.

    Raises:
        FetchError: names the repository and the path.
    """
    if not _stays_inside(path):
        raise FetchError(
            f"{path!r} of the {repository} is not a path that mslt accepts: it could lead out of the cache. "
            "Nothing is written; report it to the owners of the repository."
        )


def _stays_inside(path: str) -> bool:
    try:
        names = [name.encode() for name in path.split("/")]
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return (
        all(name not in (b"", b".", b"..") and len(name) <= MAX_NAME_BYTES for name in names)
        and re.match(r"[A-Za-z]:", path) is None
        and not any(c == "\\" or ord(c) < 32 or 127 <= ord(c) < 160 for c in path)
    )
