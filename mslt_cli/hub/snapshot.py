"""One commit of a repository: its list of files, and files brought into the hub cache, resumed and verified.

The layout of the cache is huggingface_hub's (refs: branch → commit; snapshots: links; blobs: files by checksum), so
that transformers, datasets and `hf cache` share the files with us.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import astuple
from itertools import compress
from pathlib import Path
from typing import TypeVar

from mslt_cli.errors import FetchError
from mslt_cli.files import cache_home, new_file, writable
from mslt_cli.hub.limits import TRIES
from mslt_cli.hub.repository import COMMIT, RemoteFile, Repository
from mslt_cli.hub.requests import Hub, StoppedError, UnreachableError
from mslt_cli.progress import QUIET, Progress

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class Snapshot:
    """The files of the commit that a revision stands for.

    The hub is asked what a branch stands for. What it answered last holds offline, and when it does not answer. The
    list of files of a commit is kept too (in `mslt/listings` of HF_HOME), so that the hub is asked nothing about a
    commit whose files are all in the cache. `workers` files are in transfer at once; `again` is as in `Hub`. Raises
    FetchError where the repository or revision cannot be had, or lists a path that leads out of the cache.
    """

    def __init__(
        self, repository: Repository, *, progress: Progress = QUIET, workers: int = 4, again: str = ""
    ) -> None:
        from huggingface_hub import constants

        self.repository, self.progress, self.workers = repository, progress, workers
        self.root = Path(constants.HF_HUB_CACHE).expanduser().absolute()
        self.folder = self.root / repository.cache_name()
        self._hub = Hub(repository, again, progress)
        with writable(self.root):
            self.commit = self._find_commit()
            self.files = {file.path: file for file in self._list_files()}
            """By path, sorted."""

    def download(self, paths: Sequence[str]) -> dict[str, Path]:
        """Bring files into the hub cache and return where they lie, by path, in the order of `paths`.

        Every file is hashed, at each call: before a new one can be seen in the cache, and to replace a damaged one.
        Whatever ends the process, the next call goes on with the bytes that have arrived. Raises FetchError where a
        file does not exist, cannot be had, or arrives damaged, or the cache cannot be written.
        """
        for path in paths:
            if path not in self.files:
                raise self._hub.lacks(path)
        with writable(self.root):
            chosen = [self.files[path] for path in dict.fromkeys(paths)]
            if wanted := list(compress(chosen, self._map(self._is_missing, chosen))):
                others = f" (nor are {len(wanted) - 1} more)" if len(wanted) > 1 else ""
                self._hub.require_network(f"{wanted[0].path} of the {self.repository}{others}")
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
        try:
            commit = self._hub.find_commit(tries=1 if remembered else TRIES)
        except UnreachableError as error:
            if not remembered:
                raise
            if not self._hub.offline:
                self.progress.note(f"The {self.repository} is taken from the cache as it is: {error.reason}.")
            return remembered
        if commit != remembered:
            with suppress(FetchError), new_file(ref) as part:  # a cache that cannot be written can still be read
                part.write_text(commit, encoding="utf-8")
        return commit

    def _list_files(self) -> list[RemoteFile]:
        kept = cache_home() / "listings" / self.folder.name / f"{self.commit}.json"
        with suppress(OSError, ValueError, TypeError, RecursionError):
            files = [RemoteFile(*row) for row in json.loads(kept.read_text(encoding="utf-8"))]
            for file in files:
                self.repository.check_path(file.path)
            return files
        files = sorted(self._hub.list_files(self.commit), key=lambda file: file.path)
        with suppress(FetchError), new_file(kept) as part:
            part.write_text(json.dumps([astuple(file) for file in files]), encoding="utf-8")
        return files

    def _pointer(self, file: RemoteFile) -> Path:
        """The file under its name: a link to its blob, or the file itself where there are no links."""
        return self.folder.joinpath("snapshots", self.commit, *file.path.split("/"))

    def _is_missing(self, file: RemoteFile) -> bool:
        """Whether the cache lacks a file; a damaged one is dropped."""
        pointer = self._pointer(file)
        try:
            if file.hash_copy(pointer) == file.checksum:
                return False
        except FileNotFoundError:  # or another process dropped it just now
            return True
        pointer.resolve().unlink(missing_ok=True)
        pointer.unlink(missing_ok=True)
        self.progress.note(f"{file.path} of the {self.repository} was damaged in the cache, and is dropped from it.")
        return True

    def _fetch(self, file: RemoteFile, advance: Callable[[float], None]) -> None:
        """Bring one file into the cache, verified before it can be seen there; `advance` hears of new bytes."""
        blob = self.folder / "blobs" / file.checksum
        partial = blob.with_name(f"{blob.name}.incomplete")  # `hf cache prune` knows the suffix
        with self._lock(file.checksum):
            there = [path for path in (self._pointer(file), blob) if path.is_file()]
            if any(file.hash_copy(path) == file.checksum for path in there):
                advance(file.size_bytes)  # another commit has it, or another process was faster
            else:
                blob.parent.mkdir(parents=True, exist_ok=True)
                self._hub.receive(self.commit, file, partial, advance)
                digest = file.hash_copy(partial)
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
