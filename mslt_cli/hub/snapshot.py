"""One commit of a repository: its list of files, and files brought into the hub cache, resumed and verified.

The layout of the cache is huggingface_hub's (refs: branch → commit; snapshots: links; blobs: files by checksum), so
that transformers, datasets and `hf cache` find what we put there, and we find what they put there.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import astuple
from pathlib import Path
from typing import TypeVar

from mslt_cli.errors import FetchError
from mslt_cli.files import cache_home, new_file, sha256_of, writable
from mslt_cli.hub.repository import COMMIT, RemoteFile, Repository, check_path
from mslt_cli.hub.requests import TRIES, Hub, StoppedError, UnreachableError
from mslt_cli.progress import QUIET, Progress

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class Snapshot:
    """The files of the commit that a revision stands for.

    A commit stands for itself. The hub is asked what a branch stands for, and the answer is remembered; offline, and
    when the hub does not answer, what was remembered holds. The list of files of a commit is kept too (in
    `mslt/listings` of HF_HOME), so that of a commit whose files are all in the cache the hub is asked nothing.

    Args:
        repository: the repository and its revision.
        progress: is told about waits, and about the bytes as they arrive.
        workers: files in transfer at once.
        again: the command line that the user should run again if this fails.

    Raises:
        FetchError: there is no such repository or revision, it may not be read, the hub is not to be had, or it lists a
            path that would lead out of the cache (then nothing is written).
    """

    def __init__(
        self, repository: Repository, *, progress: Progress = QUIET, workers: int = 4, again: str = ""
    ) -> None:
        from huggingface_hub import constants
        from huggingface_hub.file_download import repo_folder_name

        repository.check()
        self.repository, self.progress, self.workers = repository, progress, workers
        self.offline = bool(constants.HF_HUB_OFFLINE)
        self.root = Path(constants.HF_HUB_CACHE).expanduser().absolute()
        self.folder = self.root / repo_folder_name(repo_id=repository.name, repo_type=repository.kind)
        self._hub = Hub(repository, again, progress)
        with writable(self.root):
            self.commit = self._find_commit()
            self.files = {file.path: file for file in self._list_files()}
            """By path, sorted."""

    def download(self, paths: Sequence[str]) -> dict[str, Path]:
        """Bring files into the hub cache and return where they lie, by path, in the order of `paths`.

        Every file is hashed: one that arrives before it can be seen in the cache, and one that is there at each call
        (if it is damaged it is downloaded anew). What has arrived of a file is kept, whatever ends the process, and the
        next call goes on from there.

        Raises:
            FetchError: a file does not exist, is neither in the cache nor to be had, or arrives damaged (it is
                deleted); or the cache cannot be written.
        """
        for path in paths:
            if path not in self.files:
                raise self._hub.lacks(path)
        with writable(self.root):
            chosen = [self.files[path] for path in dict.fromkeys(paths)]
            whole = self._map(self._is_whole, chosen)
            wanted = [file for file, there in zip(chosen, whole, strict=True) if not there]
            if wanted and self.offline:
                others = f" (nor are {len(wanted) - 1} more)" if len(wanted) > 1 else ""
                raise self._no_network(f"{wanted[0].path} of the {self.repository}{others}")
            if wanted:
                total = sum(file.size_bytes for file in wanted)
                with self.progress.step(f"download {self.repository.name}", total, "bytes") as step:
                    self._map(lambda file: self._fetch(file, step.advance), wanted)
        return {path: self._pointer(self.files[path]) for path in paths}

    def _find_commit(self) -> str:
        revision = self.repository.revision
        if COMMIT.fullmatch(revision):
            return revision
        ref = self.folder / "refs" / revision
        text = ref.read_text(encoding="utf-8", errors="replace").strip() if ref.is_file() else ""
        remembered = text if COMMIT.fullmatch(text) else ""
        if self.offline and not remembered:
            raise self._no_network(f"The {self.repository}")
        if self.offline:
            return remembered
        try:
            commit = self._hub.find_commit(tries=1 if remembered else TRIES)
        except UnreachableError as error:
            if not remembered:
                raise
            self.progress.note(f"The {self.repository} is taken from the cache as it is: {error.reason}.")
            return remembered
        if commit != remembered:
            with suppress(FetchError), new_file(ref) as part:  # a cache that cannot be written can still be read
                part.write_text(commit, encoding="utf-8")
        return commit

    def _list_files(self) -> list[RemoteFile]:
        kept = cache_home() / "listings" / self.folder.name / f"{self.commit}.json"
        with suppress(OSError, ValueError, TypeError):
            files = [RemoteFile(*row) for row in json.loads(kept.read_text(encoding="utf-8"))]
            for file in files:
                check_path(self.repository, file.path)
            return files
        if self.offline:
            raise self._no_network(f"The list of files of the {self.repository}")
        files = sorted(self._hub.list_files(self.commit), key=lambda file: file.path)
        with suppress(FetchError), new_file(kept) as part:
            part.write_text(json.dumps([astuple(file) for file in files]), encoding="utf-8")
        return files

    def _no_network(self, what: str) -> UnreachableError:
        advice = f"Unset it and {self._hub.run} once while connected"
        return UnreachableError(f"{what} is not in the cache", "HF_HUB_OFFLINE is set", advice)

    def _pointer(self, file: RemoteFile) -> Path:
        """The file under its name: a link to its blob, or the file itself where there are no links."""
        return self.folder.joinpath("snapshots", self.commit, *file.path.split("/"))

    def _is_whole(self, file: RemoteFile) -> bool:
        """Whether the cache has a file; a damaged one is dropped."""
        pointer = self._pointer(file)
        try:
            if hash_like(pointer, file.checksum) == file.checksum:
                return True
        except FileNotFoundError:  # or another process dropped it just now
            return False
        pointer.resolve().unlink(missing_ok=True)
        pointer.unlink(missing_ok=True)
        self.progress.note(f"{file.path} of the {self.repository} was damaged in the cache, and is dropped from it.")
        return False

    def _fetch(self, file: RemoteFile, advance: Callable[[float], None]) -> None:
        """Bring one file into the cache, verified before it can be seen there."""
        blob = self.folder / "blobs" / file.checksum
        partial = blob.with_name(f"{blob.name}.incomplete")  # `hf cache prune` knows the suffix
        most = 0

        def arrived(position: int) -> None:
            nonlocal most
            if position > most:  # a transfer may have to start anew
                advance(position - most)
                most = position

        with self._lock(file.checksum):
            there = [path for path in (self._pointer(file), blob) if path.is_file()]
            if any(hash_like(path, file.checksum) == file.checksum for path in there):
                arrived(file.size_bytes)  # another commit has it, or another process was faster
            else:
                blob.parent.mkdir(parents=True, exist_ok=True)
                self._hub.receive(self.commit, file, partial, arrived)
                digest = hash_like(partial, file.checksum)
                if digest != file.checksum:
                    partial.unlink()
                    kind = "SHA-256" if len(file.checksum) == 64 else "git SHA-1"
                    how = f"its {kind} is {digest[:12]}…, and the hub states {file.checksum[:12]}…"
                    raise self._hub.damaged(file, how)
                with partial.open("rb") as written:
                    os.fsync(written.fileno())
                os.replace(partial, blob)
            if blob.is_file():
                _link(blob, self._pointer(file))

    @contextmanager
    def _lock(self, checksum: str) -> Iterator[None]:
        """Keep other processes from writing the same blob; huggingface_hub takes the same lock."""
        from filelock import Timeout
        from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined]

        path = self.root / ".locks" / self.folder.name / f"{checksum}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        while not self._hub.stop.is_set():
            with suppress(Timeout), WeakFileLock(path, timeout=1):
                yield
                return
        raise StoppedError

    def _map(self, work: Callable[[Item], Outcome], items: Iterable[Item]) -> list[Outcome]:
        """The outcomes for all items, in their order, made by several threads; a failure or Ctrl-C ends them soon."""
        stop = self._hub.stop

        def run(item: Item) -> Outcome:
            if stop.is_set():
                raise StoppedError
            try:
                return work(item)
            except BaseException:
                stop.set()
                raise

        with ThreadPoolExecutor(self.workers) as threads:
            futures = [threads.submit(run, item) for item in items]
            try:
                for future in as_completed(futures):
                    with suppress(StoppedError):  # the failure that stopped it follows
                        future.result()
            except BaseException:
                stop.set()
                raise
        return [future.result() for future in futures]


def _link(blob: Path, pointer: Path) -> None:
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


def hash_like(path: Path, checksum: str) -> str:
    """The checksum of a file, of the kind that `checksum` is: SHA-256, or git's SHA-1 of a blob, in hex."""
    from huggingface_hub.utils.sha import git_hash

    return sha256_of(path) if len(checksum) == 64 else git_hash(path.read_bytes())
