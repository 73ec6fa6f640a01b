"""Requests to the hub: bounded tries and waits, the token for the hub alone, and a sentence for each failure.

huggingface_hub gives the session (proxies, certificates), the headers and the addresses, but its own transfer
(`http_get` of 2.4) is not used: its public arguments bound neither the wait that a 429 asks for nor its five inner
tries, which Ctrl-C could not end, and it drops up to 10 MiB whenever a connection breaks off. Its lists of files send
the token to whatever server the next page names.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import quote, urlsplit

from mslt_cli import __version__
from mslt_cli.errors import FetchError
from mslt_cli.files import sha256_of
from mslt_cli.progress import Progress

if TYPE_CHECKING:
    import httpx2

TRIES = 5
"""Fruitless tries in a row before the user gets an error."""
UNREACHED_TRIES = 3
"""The same where nobody answers: most often there is no network."""
PAUSES_S = (1.0, 2.0, 4.0, 8.0)
"""Seconds before the second try, the third, …, where the hub does not say how long to wait."""
MAX_WAIT_S = 300.0
"""The hub counts requests in windows of five minutes, so a longer wait should not be needed."""
PASSING = frozenset({408, 429, *range(500, 600)})
"""Statuses that may be gone at the next try."""
MAX_PAGES = 10_000
"""Of a list of files; the hub puts 1,000 files on a page."""
COMMIT = re.compile(r"[0-9a-f]{40}")
CHECKSUM = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
SAFE_NAME = re.compile(r"(?!\.\.?\Z)[^/\\\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
"""A part of a path: not empty, `.` or `..`, without backslashes, control characters and halves of surrogate pairs."""
MAX_NAME_BYTES = 255
"""The longest file name that common file systems accept."""

Outcome = TypeVar("Outcome")


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
        SAFE_NAME.fullmatch(name) and len(name.encode()) <= MAX_NAME_BYTES for name in path.split("/")
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
        if not (texts and isinstance(self.size_bytes, int) and self.size_bytes >= 0):
            raise ValueError

    def hash_copy(self, path: Path) -> str:
        """The checksum of a file on this machine, of the kind that the hub states for this one."""
        from huggingface_hub.utils.sha import git_hash

        return sha256_of(path) if len(self.checksum) == 64 else git_hash(path.read_bytes())


class UnreachableError(FetchError):
    """The hub does not answer, or not now; what is in the cache may still serve."""

    def __init__(self, what: str, reason: str, advice: str) -> None:
        super().__init__(f"{what}, and {reason}. {advice}.")
        self.reason = reason


class PassingError(Exception):
    """A request failed, and may not at the next try; the hub may ask to wait, and `tries` in a row are enough."""

    def __init__(self, reason: str, wait_s: float | None = None, *, tries: int = TRIES) -> None:
        self.reason, self.wait_s, self.tries = reason, wait_s, tries


class StoppedError(Exception):
    """A thread ends early because another one failed; users do not see this error."""


class Hub:
    """One repository, asked over HTTP; every method raises FetchError, or UnreachableError if it may work later.

    `again` is the command line that the user should run again if something fails; `progress` is told about waits.
    """

    def __init__(self, repository: Repository, again: str, progress: Progress) -> None:
        from huggingface_hub import constants

        self.repository, self.progress = repository, progress
        self.run = f"run `{again}`" if again else "run the same command"
        self.stop = threading.Event()
        """Set when the work has become pointless: transfers and waits end soon, with StoppedError."""
        self.endpoint, self.offline = constants.ENDPOINT, bool(constants.HF_HUB_OFFLINE)
        self.timeout_s = constants.HF_HUB_DOWNLOAD_TIMEOUT
        self.api = f"{self.endpoint}/api/{repository.kind}s/{repository.name}"
        self.page = f"{self.endpoint}/{'datasets/' if repository.kind == 'dataset' else ''}{repository.name}"

    def require_network(self, what: str) -> None:
        """Raises: UnreachableError: the user has put us offline, and `what` is not in the cache."""
        if self.offline:
            advice = f"Unset it and {self.run} once while connected"
            raise UnreachableError(f"{what} is not in the cache", "HF_HUB_OFFLINE is set", advice)

    def find_commit(self, tries: int = TRIES) -> str:
        """Ask which commit the revision stands for: 40 hex digits."""
        url = f"{self.api}/revision/{quote(self.repository.revision, safe='')}"
        answer, _ = self._ask(url, f"The {self.repository}", tries)
        commit = answer.get("sha") if isinstance(answer, dict) else None
        if not (isinstance(commit, str) and COMMIT.fullmatch(commit)):
            raise self._not_a_hub("it names no commit")
        return commit

    def list_files(self, commit: str) -> list[RemoteFile]:
        """Ask for the list of all files, page by page."""
        files: list[RemoteFile] = []
        query = "recursive=true&expand=false"
        for _ in range(MAX_PAGES):
            url = f"{self.api}/tree/{commit}?{query}"
            entries, next_page = self._ask(url, f"The list of files of the {self.repository}")
            if not (isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries)):
                raise self._not_a_hub("it sends something else than a list of files")
            files += [self._read_entry(entry) for entry in entries if entry.get("type") == "file"]
            if not next_page:
                return files
            # Only the query of the next page's address is used: a mirror may pass on addresses of the hub behind it,
            # and the token must not go there.
            query = urlsplit(next_page).query
        raise self._not_a_hub("its list of files has no end")

    def receive(self, commit: str, file: RemoteFile, partial: Path, advance: Callable[[float], None]) -> None:
        """Fill `partial`, which may hold the first bytes already, with a file of a commit; `advance` hears of bytes."""
        most = 0

        def append() -> None:
            nonlocal most
            for position in self._append(commit, file, partial):
                if position > most:  # a transfer may have to start anew
                    advance(position - most)
                    most = position

        self._persist(append, f"{file.path} of the {self.repository}", partial=partial, total=file.size_bytes)

    def _append(self, commit: str, file: RemoteFile, partial: Path) -> Iterator[int]:
        """Append to `partial` what one request brings, none if all is there; yield its size as it grows."""
        from huggingface_hub import hf_hub_url

        url = hf_hub_url(self.repository.name, file.path, repo_type=self.repository.kind, revision=commit)
        partial.touch()
        position = partial.stat().st_size
        if position > file.size_bytes:
            os.truncate(partial, position := 0)
        yield position
        if position == file.size_bytes:
            return
        with self._get(url, position) as response:
            goes_on = response.headers.get("Content-Range", "").startswith(f"bytes {position}-")
            if response.status_code == 416 or (response.status_code == 206 and not goes_on):
                partial.unlink()
                raise PassingError("the hub does not go on where the file stopped")
            if response.is_error:
                raise self._refusal(response, file.path)
            if response.status_code != 206:  # the server knows no ranges, and sends the whole file
                position = 0
            with partial.open("ab" if position else "wb") as target:
                for chunk in response.iter_bytes():
                    if self.stop.is_set():
                        raise StoppedError
                    position += len(chunk)
                    if position > file.size_bytes:
                        partial.unlink()
                        raise self.damaged(file, f"it has more bytes than the {file.size_bytes:,} that the hub states")
                    target.write(chunk)
                    yield position
        if position < file.size_bytes:
            raise PassingError("the connection broke off")

    def _ask(self, url: str, what: str, tries: int = TRIES) -> tuple[Any, str | None]:
        """The JSON of an answer, `what` as errors name it, and the address of the next page if there is one."""
        self.require_network(what)

        def read() -> tuple[Any, str | None]:
            with self._get(url) as response:
                if response.is_error:
                    raise self._refusal(response)
                response.read()
                return response.json(), response.links.get("next", {}).get("url")

        try:
            return self._persist(read, what, tries)
        except ValueError as error:
            raise self._not_a_hub("it sends something that is not JSON") from error

    def _persist(
        self, attempt: Callable[[], Outcome], what: str, tries: int = TRIES, partial: Path | None = None, total: int = 0
    ) -> Outcome:
        """The outcome of an attempt, repeated until `tries` in a row leave no more of `total` bytes in `partial`."""

        def measure() -> int:
            return partial.stat().st_size if partial and partial.exists() else 0

        failures, waited_s, most = 0, 0.0, measure()
        while True:
            try:
                return attempt()
            except PassingError as trouble:
                size = measure()
                failures = failures + 1 if size <= most else 0
                most = max(most, size)
                pause_s = PAUSES_S[min(failures, len(PAUSES_S)) - 1] if trouble.wait_s is None else trouble.wait_s
                waited_s += pause_s
                if failures >= min(tries, trouble.tries) or waited_s > MAX_WAIT_S:
                    first = "Wait that long" if trouble.wait_s else "Check the connection, or wait a while"
                    so_far = f"{size / 1e6:,.1f} of {total / 1e6:,.1f} MB"
                    state = f"stopped at {so_far} (it will go on from there)" if size else "is not in the cache"
                    advice = f"{first}; then {self.run} again"
                    raise UnreachableError(f"{what} {state}", trouble.reason, advice) from trouble
                if trouble.wait_s or failures == 1:
                    note = f"{trouble.reason}; {'waiting' if trouble.wait_s else 'trying again'}."
                    self.progress.note(note[0].upper() + note[1:])
                if self.stop.wait(pause_s):
                    raise StoppedError from trouble

    @contextmanager
    def _get(self, url: str, offset: int = 0) -> Iterator[httpx2.Response]:
        """Make one request, for the bytes from `offset` on, and yield the answer with its body unread."""
        import httpx2
        from huggingface_hub import get_session

        headers = self._headers | ({"Range": f"bytes={offset}-"} if offset else {})
        try:
            with get_session().stream(
                "GET", url, headers=headers, timeout=self.timeout_s, follow_redirects=True
            ) as response:
                if response.status_code in PASSING:
                    raise self._busy(response)
                yield response
        except (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError, httpx2.InvalidURL) as error:
            raise FetchError(f"{self.endpoint} is no address of a hub ({error}). Check HF_ENDPOINT.") from error
        except httpx2.TransportError as error:
            asked = urlsplit(str(error.request.url))
            where = f"the hub {self.endpoint}" if asked[:2] == urlsplit(self.endpoint)[:2] else asked.netloc
            detail = str(error) or type(error).__name__
            if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.ProxyError):
                raise PassingError(f"{where} cannot be reached ({detail})", tries=UNREACHED_TRIES) from error
            if isinstance(error, httpx2.TimeoutException):
                raise PassingError(f"{where} sends nothing for {self.timeout_s} s", tries=UNREACHED_TRIES) from error
            raise PassingError(f"the connection to {where} broke off ({detail})") from error
        except httpx2.RequestError as error:
            raise self._not_a_hub(f"its answer cannot be read: {error}") from error

    @cached_property
    def _headers(self) -> dict[str, str]:
        """With the token, if there is one; httpx2 takes it off where a redirect leads to another origin."""
        from huggingface_hub.errors import OIDCError
        from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

        try:
            headers = build_hf_headers(library_name="mslt", library_version=__version__)
        except OIDCError as error:
            raise FetchError(f"There is no token for the hub: {error}") from error
        token = headers.get("authorization", "")
        if not (token.isascii() and token.isprintable()):
            raise FetchError("The token for the hub has characters that no token has. Set HF_TOKEN to a valid one.")
        return headers | {"accept-encoding": "identity"}

    def _busy(self, response: httpx2.Response) -> PassingError:
        from huggingface_hub.utils import parse_ratelimit_headers  # type: ignore[attr-defined]

        status, after = response.status_code, response.headers.get("Retry-After", "").strip()
        wait_s = float(after) if after.isascii() and after.isdigit() else None
        limit = parse_ratelimit_headers(response.headers)
        if status == 429 and limit is not None and limit.remaining == 0:
            wait_s = float(limit.reset_in_seconds)
        says = "has had too many requests" if status == 429 else f"answers with error {status}"
        asks = f" and asks to wait {wait_s:,.0f} s" if wait_s else ""
        return PassingError(f"the hub {self.endpoint} {says}{asks}", wait_s)

    def _refusal(self, response: httpx2.Response, path: str = "") -> FetchError:
        """The error for an answer that will be the same next time."""
        code, status = response.headers.get("X-Error-Code", ""), response.status_code
        message = "".join(c if c.isprintable() else " " for c in response.headers.get("X-Error-Message", ""))[:200]
        name, page, token = str(self.repository), self.page, "HF_TOKEN to a token that may read it"
        if code == "EntryNotFound":
            return self.lacks(path)
        if code == "GatedRepo":
            text = f"The {name} is gated. Accept its terms on {page}, set {token}, and {self.run} again."
        elif code == "RevisionNotFound":
            text = f"The {name} has no revision {self.repository.revision!r} on the hub. Its branches are on {page}."
        elif message.startswith("Invalid credentials"):
            text = f"The hub does not know the token that it was sent for the {name}. "
            text += f"Set HF_TOKEN to a valid one, or unset it, and {self.run} again."
        elif code == "RepoNotFound" or status == 401:
            text = f"The hub has no {name}, or it is private. Check the name, or set {token}."
        elif status == 403:
            text = f"The hub does not give out the {name} ({message or 'error 403'}). "
            text += f"Set {token}, or ask its owners on {page}."
        else:
            return self._not_a_hub(f"it answers with error {status}{f' ({message})' if message else ''}")
        return FetchError(text)

    def lacks(self, path: str) -> FetchError:
        """The error for a file that the repository does not have."""
        revision = self.repository.revision
        return FetchError(
            f"The {self.repository} has no {path} at revision {revision!r}. "
            f"Its files are on {self.page}/tree/{quote(revision, safe='')}."
        )

    def damaged(self, file: RemoteFile, how: str) -> FetchError:
        """The error for a file whose bytes are not those that the hub states."""
        return FetchError(
            f"{file.path} of the {self.repository} arrived damaged: {how}. "
            f"It is deleted; {self.run} again to download it anew."
        )

    def _not_a_hub(self, reason: str) -> FetchError:
        return FetchError(
            f"{self.endpoint} does not answer for the {self.repository} as a hub does: {reason}. "
            "Check HF_ENDPOINT, and whether a proxy or a login page stands between."
        )

    def _read_entry(self, entry: Any) -> RemoteFile:
        stated = entry["lfs"] if isinstance(entry.get("lfs"), dict) else entry
        try:
            file = RemoteFile(entry.get("path"), stated.get("size"), stated.get("oid"))
        except ValueError:
            raise self._not_a_hub("it lists a file without path, size or checksum") from None
        self.repository.check_path(file.path)
        return file
