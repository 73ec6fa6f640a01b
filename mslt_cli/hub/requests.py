"""Requests to the hub: bounded tries and waits, the token for the hub alone, and a sentence for each failure.

huggingface_hub gives the session (proxies, certificates), the headers and the addresses, but its own transfer
(`http_get` of 2.4) is not used: its public arguments bound neither the wait that a 429 asks for nor its five inner
tries, which Ctrl-C could not end, and it drops up to 10 MiB whenever a connection breaks off. Its lists of files send
the token to whatever server the next page names.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlsplit

from mslt_cli import __version__
from mslt_cli.errors import FetchError
from mslt_cli.files import begins_with
from mslt_cli.hub import limits
from mslt_cli.hub.limits import (
    MAX_HEAD_S,
    PASSING,
    PAUSES_S,
    TRIES,
    UNREACHED_TRIES,
    Budget,
    PassingError,
    open_answer,
    other_body,
    without_password,
)
from mslt_cli.hub.repository import COMMIT, RemoteFile, Repository
from mslt_cli.progress import Progress

if TYPE_CHECKING:
    import httpx2

MAX_WAIT_S = 300.0
"""The hub counts requests in windows of five minutes, so a longer wait should not be needed."""
MAX_PAGES = 10_000
"""Of a list of files; the hub puts 1,000 files on a page."""
PACKINGS = ("identity", "gzip", "deflate")
"""None is asked for; these grow by no more than 1,000 times."""
LEAST_BYTES = 60_000
"""Of a file, in each span: 1 kB/s."""

Outcome = TypeVar("Outcome")


class UnreachableError(FetchError):
    """The hub does not answer, or not now; what is in the cache may still serve."""

    def __init__(self, what: str, reason: str, advice: str) -> None:
        super().__init__(f"{what}, and {reason}. {advice}.")
        self.reason = reason


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
        self._whole: set[str] = set()
        """Addresses of files that are asked for without a range, since the hub gave another one."""
        self.stop = threading.Event()
        """Set when the work has become pointless: transfers and waits end soon, with StoppedError."""
        self.endpoint, self.offline = constants.ENDPOINT, bool(constants.HF_HUB_OFFLINE)
        self.timeout_s = constants.HF_HUB_DOWNLOAD_TIMEOUT
        self.api = f"{self.endpoint}/api/{repository.kind}s/{repository.name}"
        self.shown = without_password(self.endpoint)
        """The address as it is printed."""
        self.page = f"{self.shown}/{'datasets/' if repository.kind == 'dataset' else ''}{repository.name}"

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
        budget = Budget()
        for _ in range(MAX_PAGES):
            url = f"{self.api}/tree/{commit}?{query}"
            entries, next_query = self._ask(url, f"The list of files of the {self.repository}", budget=budget)
            if not (isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries)):
                raise self._not_a_hub("it sends something else than a list of files")
            files += [self._read_entry(entry) for entry in entries if entry.get("type") == "file"]
            if not next_query:
                return files
            query = next_query
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
        with self._get(url, 0 if url in self._whole else position) as response:
            goes_on = response.headers.get("Content-Range", "").startswith(f"bytes {position}-")
            if response.status_code == 416 or (response.status_code == 206 and not goes_on):
                self._whole.add(url)  # what has arrived is kept until the whole file comes
                raise PassingError("the hub does not go on where the file stopped")
            if response.is_error:
                raise self._refusal(response, file.path)
            if other := other_body(response, file, position):
                raise self._not_a_hub(f"in place of {file.path} it sends {other}")
            goes_on = response.status_code == 206
            stated = goes_on or ("Content-Length" in response.headers and "Content-Encoding" not in response.headers)
            if stated and (goes_on or not position):
                yield from self._write(response, file, partial, position)
            else:  # the server knows no ranges, or does not say how much it sends
                yield from self._write_anew(response, file, partial, stated)
        if partial.stat().st_size < file.size_bytes:
            raise PassingError("the connection broke off")

    def _write_anew(self, response: httpx2.Response, file: RemoteFile, partial: Path, stated: bool) -> Iterator[int]:
        """Write a body from the first byte on beside `partial`, and put it in its place where no byte is lost by that.

        So it is where all has come and its checksum is right; or of a body whose size was stated to be the file's,
        where more has come than before, and it begins with that.
        """
        anew = partial.with_name(f"anew-{partial.name}")
        try:
            yield from self._write(response, file, anew, 0)
            if not stated and anew.stat().st_size < file.size_bytes:
                raise PassingError("the hub sends less than the file")
            if file.hash_copy(anew) != file.checksum:
                raise self._not_a_hub(f"in place of {file.path} it sends a file of another checksum")
        finally:
            longer = stated and anew.stat().st_size > partial.stat().st_size and begins_with(anew, partial)
            if longer or (anew.stat().st_size == file.size_bytes and file.hash_copy(anew) == file.checksum):
                os.replace(anew, partial)
            anew.unlink(missing_ok=True)

    def _write(self, response: httpx2.Response, file: RemoteFile, path: Path, position: int) -> Iterator[int]:
        """Write a body into a file from a position on; yield its size as it grows."""
        start, since, before = position, time.monotonic(), position
        with path.open("ab" if position else "wb") as target:
            for chunk in response.iter_bytes():
                if self.stop.is_set():
                    raise StoppedError
                position += len(chunk)
                if position > file.size_bytes:
                    target.truncate(start)
                    raise self.damaged(file, f"it has more bytes than the {file.size_bytes:,} that the hub states")
                target.write(chunk)
                yield position
                if time.monotonic() - since > MAX_HEAD_S + self.timeout_s:
                    if position - before < LEAST_BYTES:
                        raise PassingError("the hub sends next to nothing", tries=UNREACHED_TRIES)
                    since, before = time.monotonic(), position

    def _ask(self, url: str, what: str, tries: int = TRIES, budget: Budget | None = None) -> tuple[Any, str | None]:
        """The JSON of an answer, `what` as errors name it, and the query of the next page's address if there is one.

        Only the query is used: a mirror may pass on addresses of the hub behind it, and the token must not go there.
        """
        self.require_network(what)
        budget = budget or Budget()

        def read() -> tuple[Any, str]:
            with self._get(url) as response:
                if response.is_error:
                    raise self._refusal(response)
                body = bytearray()
                for chunk in response.iter_bytes():
                    body += chunk
                    budget.spend(len(chunk))
                return json.loads(body), urlsplit(response.links.get("next", {}).get("url", "")).query

        try:
            return self._persist(read, what, tries)
        except (ValueError, RecursionError) as error:
            endless = budget.bytes > limits.MAX_ANSWER_BYTES
            what = f"more than {limits.MAX_ANSWER_BYTES / 1e6:,.0f} MB" if endless else "something that is not JSON"
            raise self._not_a_hub(f"it sends {what}") from error

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

        headers = self._headers | ({"Range": f"bytes={offset}-"} if offset else {})
        try:
            response = open_answer(url, headers, self.timeout_s, f"the hub {self.shown}")
            try:
                if response.status_code in PASSING:
                    raise self._busy(response)
                if (packing := response.headers.get("Content-Encoding", "identity")) not in PACKINGS:
                    raise self._not_a_hub(f"it packs its answer ({packing!r})")
                yield response
            finally:
                response.close()
        except (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError, httpx2.InvalidURL) as error:
            detail = without_password(str(error), self.endpoint)
            raise FetchError(f"{self.shown} is no address of a hub ({detail}). Check HF_ENDPOINT.") from error
        except httpx2.TransportError as error:
            asked = urlsplit(str(error.request.url))
            own = asked[:2] == urlsplit(self.endpoint)[:2]
            where = f"the hub {self.shown}" if own else asked.netloc.rpartition("@")[2]
            detail = without_password(str(error), self.endpoint) or type(error).__name__
            if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.ProxyError):
                raise PassingError(f"{where} cannot be reached ({detail})", tries=UNREACHED_TRIES) from error
            if isinstance(error, httpx2.TimeoutException):
                raise PassingError(f"{where} sends nothing for {self.timeout_s} s", tries=UNREACHED_TRIES) from error
            raise PassingError(f"the connection to {where} broke off ({detail})") from error
        except httpx2.RequestError as error:
            raise self._not_a_hub(f"its answer cannot be read: {without_password(str(error))}") from error

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
        limit = None
        with suppress(ValueError):
            limit = parse_ratelimit_headers(response.headers)
        if status == 429 and limit is not None and limit.remaining == 0:
            wait_s = float(limit.reset_in_seconds)
        says = "has had too many requests" if status == 429 else f"answers with error {status}"
        asks = f" and asks to wait {wait_s:,.0f} s" if wait_s else ""
        return PassingError(f"the hub {self.shown} {says}{asks}", wait_s)

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
            f"{self.shown} does not answer for the {self.repository} as a hub does: {reason}. "
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
