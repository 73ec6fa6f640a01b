"""The hub: which commit a revision stands for, which files it has, and those files into the ordinary hub cache."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path

from mslt_cli.errors import FetchError
from mslt_cli.files import cache_home, new_file, writable
from mslt_cli.hub.parallel import Workers
from mslt_cli.hub.repository import RemoteFile, Repository, check_path
from mslt_cli.hub.requests import TRIES, Hub, UnreachableError
from mslt_cli.hub.snapshots import HubCache, State, digest_of, state_of
from mslt_cli.progress import QUIET, Progress

__all__ = [
    "RemoteFile",
    "Repository",
    "UnreachableError",
    "cached",
    "commit_of",
    "download",
    "is_offline",
    "list_files",
]


def is_offline() -> bool:
    """Whether HF_HUB_OFFLINE (or TRANSFORMERS_OFFLINE) forbids the network."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def commit_of(repository: Repository, *, progress: Progress = QUIET, again: str = "") -> str:
    """Return the commit that the revision stands for: 40 hex digits.

    A commit stands for itself. What a branch stands for is asked of the hub, and remembered in the cache; offline, and
    when the hub does not answer, what was remembered holds.

    Args:
        repository: the repository and its revision.
        progress: hears of waits.
        again: the command line that the user should run again if this fails.

    Raises:
        FetchError: there is no such repository or revision, it may not be read, or the hub is not to be had.
    """
    hub, cache = _open(repository, again, progress)
    with writable(cache.root):
        commit, away = _resolve(hub, cache)
        if not away:
            cache.remember(commit)
    return commit


def list_files(
    repository: Repository, under: str = "", *, progress: Progress = QUIET, again: str = ""
) -> list[RemoteFile]:
    """Return the files of a revision, those in folders too, sorted by path.

    The files of a commit never change: their list is kept (in `mslt/listings` of HF_HOME) and not asked for again.

    Args:
        repository: the repository and its revision.
        under: a folder of it; empty = all of it.
        progress: hears of waits.
        again: the command line that the user should run again if this fails.

    Raises:
        FetchError: there is no such repository, revision or folder, it may not be read, the hub is not to be had, or it
            lists a path that would lead out of the cache (then nothing is written).
    """
    hub, cache = _open(repository, again, progress)
    under = under.strip("/")
    if under:
        check_path(repository, under)
    with writable(cache.root):
        commit, _ = _resolve(hub, cache)
        key = hashlib.sha256(under.encode()).hexdigest()[:16]
        kept = cache_home() / "listings" / cache.folder.name / commit / f"{key}.json"
        files = _kept_listing(repository, kept)
        if files is None:
            if is_offline():
                raise _offline(hub, f"The list of files of the {repository}")
            files = sorted(hub.files(commit, under), key=lambda file: file.path)
            facts = {"repository": repository.name, "commit": commit, "under": under}
            with suppress(FetchError), new_file(kept) as part:  # a cache that may not be written can still be read
                part.write_text(json.dumps(facts | {"files": [astuple(file) for file in files]}), encoding="utf-8")
    return files


def download(
    repository: Repository, paths: Sequence[str], *, progress: Progress = QUIET, workers: int = 4, again: str = ""
) -> dict[str, Path]:
    """Bring files into the hub cache and return where they lie.

    Every file is hashed: one that arrives before it can be seen in the cache, and one that is there at each call (if it
    is damaged it is downloaded anew). What has arrived of a file is kept, whatever ends the process, and the next call
    goes on from there. With a commit as revision, and all files in the cache, the hub is not asked at all.

    Where the cache has no links (HF_HUB_DISABLE_SYMLINKS, some file systems), no checksum of a cached file is on disk:
    the hub is asked for it, and when it is not to be had the file is taken as it is.

    Args:
        repository: the repository and its revision.
        paths: files of it, as `list_files` names them.
        progress: hears of the bytes as they arrive, in one step for all files.
        workers: how many files are in transfer at once.
        again: the command line that the user should run again if this fails.

    Returns:
        The file in the cache for each path, in their order.

    Raises:
        FetchError: a file is neither in the cache nor to be had, arrives damaged (it is deleted), or has a path that
            would lead out of the cache (nothing is written); or the cache cannot be written.
    """
    hub, cache = _open(repository, again, progress)
    for path in paths:
        check_path(repository, path)
    with writable(cache.root), Workers(workers, hub.stop) as threads:
        commit, away = _resolve(hub, cache)
        pointers = {path: cache.pointer(commit, path) for path in paths}
        states = dict(zip(pointers, threads.map(state_of, pointers.values()), strict=True))
        for path, pointer in pointers.items():
            if states[path] is State.DAMAGED:
                cache.drop(pointer)
                progress.note(f"{path} of the {repository} was damaged in the cache, and is dropped from it.")
        enough = {State.GOOD, State.UNKNOWN} if away else {State.GOOD}
        wanted = [path for path in pointers if states[path] not in enough]
        if wanted and is_offline():
            others = f" (nor are {len(wanted) - 1} more)" if len(wanted) > 1 else ""
            raise _offline(hub, f"{wanted[0]} of the {repository}{others}")
        if wanted:
            described = threads.map(lambda path: _describe(hub, commit, path, states[path]), wanted)
            files = [file for file in described if file is not None]
            total = sum(file.size_bytes for file in files)
            with progress.step(f"download {repository.name}", total, "bytes") as step:
                threads.map(lambda file: _fetch(hub, cache, commit, file, step.advance), files)
        elif away and not is_offline():
            progress.note(f"The {repository} is taken from the cache as it is: {away}.")
        if not away:
            cache.remember(commit)
    return pointers


def cached(repository: Repository, path: str) -> Path | None:
    """Return a file in the cache, or None. Nothing is asked of the hub, and nothing is hashed.

    Raises:
        FetchError: the path would lead out of the cache.
    """
    check_path(repository, path)
    cache = HubCache(repository)
    with writable(cache.root):
        commit = cache.commit()
        pointer = cache.pointer(commit, path) if commit else None
        return pointer if pointer is not None and pointer.is_file() else None


def _open(repository: Repository, again: str, progress: Progress = QUIET) -> tuple[Hub, HubCache]:
    cache = HubCache(repository)  # first: it refuses impossible names
    return Hub(repository, again, progress), cache


def _offline(hub: Hub, what: str) -> UnreachableError:
    return UnreachableError(what, "HF_HUB_OFFLINE is set", f"Unset it and {hub.run} once while connected.")


def _resolve(hub: Hub, cache: HubCache) -> tuple[str, str]:
    """The commit of the revision, and why the hub did not say so (empty: it did, or the revision is a commit)."""
    known = cache.commit()
    if is_offline():
        if known is None:
            raise _offline(hub, f"The {hub.repository}")
        return known, "HF_HUB_OFFLINE is set"
    if known is not None and hub.repository.pinned:
        return known, ""
    try:
        return hub.commit(tries=TRIES if known is None else 1), ""
    except UnreachableError as error:
        if known is None:
            raise
        return known, error.reason


def _describe(hub: Hub, commit: str, path: str, state: State) -> RemoteFile | None:
    """What the hub states of a file; None if it does not answer and the cached file must do as it is."""
    try:
        return hub.describe(commit, path)
    except UnreachableError:
        if state is State.UNKNOWN:
            return None
        raise


def _fetch(hub: Hub, cache: HubCache, commit: str, file: RemoteFile, advance: Callable[[float], None]) -> None:
    """Bring one file into the cache, verified before it can be seen there."""
    pointer, blob, partial = cache.pointer(commit, file.path), cache.blob(file.checksum), cache.partial(file.checksum)
    most = 0

    def arrived(position: int) -> None:
        nonlocal most
        if position > most:  # a transfer may have to start anew
            advance(position - most)
            most = position

    with cache.lock(file.checksum, hub.stop):
        if any(there.is_file() and digest_of(there, file.checksum) == file.checksum for there in (pointer, blob)):
            arrived(file.size_bytes)  # another commit has it, or another process was faster, or the cache has no links
        else:
            blob.parent.mkdir(parents=True, exist_ok=True)
            hub.transfer(commit, file, partial, arrived)
            digest = digest_of(partial, file.checksum)
            if digest != file.checksum:
                partial.unlink()
                raise hub.damaged(file, digest)
            with partial.open("rb") as written:
                os.fsync(written.fileno())
            os.replace(partial, blob)
        if blob.is_file():
            cache.link(blob, pointer)


def _kept_listing(repository: Repository, kept: Path) -> list[RemoteFile] | None:
    try:
        files = [RemoteFile(*row) for row in json.loads(kept.read_text(encoding="utf-8"))["files"]]
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return None
    for file in files:
        check_path(repository, file.path)
    return files
