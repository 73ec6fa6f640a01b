"""Asking the hub: bounded tries and waits, the user's token for the hub alone, and a sentence for whatever goes wrong.

huggingface_hub gives the session (proxies, certificates), the token and the addresses. The requests are our own, since
its own (2.4) forget what has arrived when they are interrupted, show a file in the cache when nothing but its size has
been checked, and wait without end for a hub that does not answer or asks for a long wait.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlsplit

from mslt_cli import __version__
from mslt_cli.errors import FetchError
from mslt_cli.hub.parallel import Stopped
from mslt_cli.hub.repository import CHECKSUM, COMMIT, RemoteFile, Repository, check_path
from mslt_cli.progress import Progress

if TYPE_CHECKING:
    import httpx2

TRIES = 5
"""How often something is tried that brings nothing, before the user hears of it."""
UNREACHED_TRIES = 3
"""The same where nobody answers at all: most often there is no network."""
PAUSES_S = (1.0, 2.0, 4.0, 8.0)
"""Seconds before the second try, the third, … where the hub does not say how long to wait."""
LONGEST_WAIT_S = 300.0
"""The hub counts requests in windows of five minutes, so nobody is kept waiting longer for the next."""
PASSING = frozenset({408, 429, *range(500, 600)})
"""Statuses that may be gone at the next try."""
MAX_REDIRECTS = 5
MAX_PAGES = 10_000
"""Of a list of files; the hub puts 1,000 files on a page."""
NONE_LEFT = re.compile(r";\s*r=0\s*;\s*t=(\d+)")
"""In `RateLimit: "api";r=0;t=55`: no request left, new ones in 55 seconds."""

Kind = TypeVar("Kind")


class UnreachableError(FetchError):
    """The hub does not answer, or not now. What is in the cache may still serve.

    Args:
        what: what was wanted: "The list of files of the data set facebook/xnli".
        reason: "the hub … cannot be reached (…)".
        advice: what to do.
    """

    def __init__(self, what: str, reason: str, advice: str) -> None:
        super().__init__(f"{what} is not in the cache, and {reason}. {advice}")
        self.reason = reason


class Passing(Exception):
    """One request failed in a way that may be gone at the next.

    Args:
        reason: "the hub … cannot be reached (…)".
        wait_s: how long the hub asks to wait; None if it does not.
        tries: after how many such failures to give up.
    """

    def __init__(self, reason: str, wait_s: float | None = None, *, tries: int = TRIES) -> None:
        super().__init__(reason)
        self.reason, self.wait_s, self.tries = reason, wait_s, tries


class Hub:
    """One repository, asked over HTTP.

    Args:
        repository: the repository and its revision.
        again: the command line that the user should run again if something fails.
        progress: hears of waits.

    Everything here raises FetchError with a sentence for the user; UnreachableError if another time may be better.
    """

    def __init__(self, repository: Repository, again: str, progress: Progress) -> None:
        from huggingface_hub import constants

        self.repository = repository
        self.run = f"run `{again}`" if again else "run the same command"
        self.progress = progress
        self.stop = threading.Event()
        """Set when nobody waits for answers any more."""
        self.endpoint = constants.ENDPOINT
        self.timeout_s = constants.HF_HUB_DOWNLOAD_TIMEOUT
        self.api = f"{self.endpoint}/api/{repository.kind}s/{repository.name}"
        self.page = f"{self.endpoint}/{'datasets/' if repository.kind == 'dataset' else ''}{repository.name}"

    def commit(self, tries: int = TRIES) -> str:
        """Ask which commit the revision stands for."""
        url = f"{self.api}/revision/{quote(self.repository.revision, safe='')}"
        sha = self._json(self._ask("GET", url, f"The {self.repository}", tries=tries), dict).get("sha")
        if not isinstance(sha, str) or not COMMIT.fullmatch(sha):
            raise self._no_hub("it names no commit")
        return sha

    def files(self, commit: str, under: str) -> list[RemoteFile]:
        """Ask for the list of files in a folder and the folders in it, page by page; empty = the whole repository."""
        url = f"{self.api}/tree/{commit}" + (f"/{quote(under, safe='')}" if under else "")
        query = "recursive=true&expand=false"
        what = f"The list of files of the {self.repository}"
        files: list[RemoteFile] = []
        for _ in range(MAX_PAGES):
            response = self._ask("GET", f"{url}?{query}", what, under)
            entries = self._json(response, list)
            files += [
                self._listed(entry) for entry in entries if isinstance(entry, dict) and entry.get("type") == "file"
            ]
            following = response.links.get("next", {}).get("url")
            if not following:
                return files
            # Only the query of the next page's address counts: a mirror passes on addresses of the hub behind it, and
            # the token must go nowhere else.
            query = urlsplit(following).query
        raise self._no_hub("its list of files has no end")

    def describe(self, commit: str, path: str) -> RemoteFile:
        """Ask for a file's size and checksum."""
        import httpx2

        url = self._url(commit, path)
        for _ in range(MAX_REDIRECTS):
            response = self._ask("HEAD", url, f"{path} of the {self.repository}", path, follow=False)
            # The checksum of a large file stands on the way to where its bytes are, that of a small one at the end.
            if "X-Linked-Etag" in response.headers or not response.has_redirect_location:
                break
            with suppress(httpx2.InvalidURL):
                url = str(response.url.join(response.headers["Location"]))
        checksum = response.headers.get("X-Linked-Etag") or response.headers.get("ETag") or ""
        checksum = checksum.removeprefix("W/").strip('"')
        size = response.headers.get("X-Linked-Size") or response.headers.get("Content-Length") or ""
        if not CHECKSUM.fullmatch(checksum) or not (size.isascii() and size.isdigit()):
            raise self._no_hub(f"it states no size and checksum of {path}")
        return RemoteFile(path, int(size), checksum)

    def transfer(self, commit: str, file: RemoteFile, partial: Path, arrived: Callable[[int], None]) -> None:
        """Fill `partial` with the bytes of a file; those that it has already are not asked for again.

        Args:
            commit: where the file is.
            file: its path, and its size.
            partial: what has arrived so far, if it is there.
            arrived: hears how many bytes there are.
        """
        patience, most = Patience(self), 0
        while True:
            position = partial.stat().st_size if partial.exists() else 0
            if position > file.size_bytes:
                partial.unlink()
                position = 0
            arrived(position)
            if position == file.size_bytes:
                partial.touch()
                return
            if position > most:
                most = position
                patience.renew()
            try:
                self._receive(commit, file, partial, position, arrived)
            except Passing as trouble:
                if not patience.wait(trouble):
                    so_far = f"{_megabytes(most)} of {_megabytes(file.size_bytes)} MB"
                    raise FetchError(
                        f"{file.path} of the {self.repository} stopped at {so_far}: {trouble.reason}. "
                        f"{self._advice(trouble)}; it goes on where it stopped."
                    ) from trouble

    def damaged(self, file: RemoteFile, digest: str) -> FetchError:
        """What is said of a file whose bytes are not those that the hub states."""
        kind = "SHA-256" if len(file.checksum) == 64 else "git SHA-1"
        return FetchError(
            f"{file.path} of the {self.repository} arrived damaged: its {kind} is {digest[:12]}…, and the hub states "
            f"{file.checksum[:12]}…. It is deleted; {self.run} again to download it anew."
        )

    def _receive(
        self, commit: str, file: RemoteFile, partial: Path, position: int, arrived: Callable[[int], None]
    ) -> None:
        """Append to `partial` what one request brings."""
        with self._answer("GET", self._url(commit, file.path), range_from=position) as response:
            goes_on = response.headers.get("Content-Range", "").startswith(f"bytes {position}-")
            if response.status_code == 416 or (response.status_code == 206 and not goes_on):
                partial.unlink(missing_ok=True)
                raise Passing("the hub does not go on where the file stopped")
            if response.is_error:
                response.read()
                raise self._refusal(response, file.path)
            if response.status_code != 206:
                position = 0
            with partial.open("ab" if position else "wb") as target:
                for chunk in response.iter_bytes():
                    if self.stop.is_set():
                        raise Stopped
                    position += len(chunk)
                    if position > file.size_bytes:
                        break
                    target.write(chunk)
                    arrived(position)
        if position > file.size_bytes:
            partial.unlink()
            raise FetchError(
                f"{file.path} of the {self.repository} arrived damaged: it has more bytes than the "
                f"{file.size_bytes:,} that the hub states. It is deleted; {self.run} again to download it anew."
            )
        if position < file.size_bytes:
            raise Passing("the connection broke off")

    def _ask(
        self, method: str, url: str, what: str, path: str = "", *, tries: int = TRIES, follow: bool = True
    ) -> httpx2.Response:
        """Return an answer that is no error, its body read.

        Args:
            method: "GET" or "HEAD".
            url: where.
            what: what is wanted, to begin a sentence with.
            path: the file or folder that it is about, if it is about one.
            tries: how often, at most.
            follow: whether to follow redirects.
        """
        patience = Patience(self, tries)
        while True:
            try:
                with self._answer(method, url, follow=follow) as response:
                    response.read()
                    if response.is_error:
                        raise self._refusal(response, path)
                    return response
            except Passing as trouble:
                if not patience.wait(trouble):
                    raise UnreachableError(what, trouble.reason, f"{self._advice(trouble)}.") from trouble

    @contextmanager
    def _answer(self, method: str, url: str, *, range_from: int = 0, follow: bool = True) -> Iterator[httpx2.Response]:
        """Make a request once and yield the answer, its body unread.

        Raises:
            Passing: there is no answer, or its body breaks off, or it is one that may be another next time.
            FetchError: the request can't be made, or its answer is none of a hub.
        """
        import httpx2
        from huggingface_hub import get_session

        headers = {"User-Agent": f"mslt/{__version__}", "Accept-Encoding": "identity"}
        if range_from:
            headers["Range"] = f"bytes={range_from}-"
        if self._token and _origin(url) == _origin(self.endpoint):
            headers["Authorization"] = f"Bearer {self._token}"
        options: dict[str, Any] = {"headers": headers, "timeout": self.timeout_s, "follow_redirects": follow}
        try:
            with get_session().stream(method, url, **options) as response:
                if response.status_code in PASSING:
                    raise self._busy(response)
                yield response
        except (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError, httpx2.InvalidURL) as error:
            raise FetchError(f"{self.endpoint} is no address of a hub ({error}). Check HF_ENDPOINT.") from error
        except httpx2.TransportError as error:
            detail = str(error) or type(error).__name__
            if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.ProxyError):
                reason = f"{self._where(error)} cannot be reached ({detail})"
            elif isinstance(error, httpx2.TimeoutException):
                reason = f"{self._where(error)} sends nothing for {self.timeout_s} s"
            else:
                reason = f"the connection to {self._where(error)} broke off ({detail})"
            raise Passing(reason, tries=TRIES if "broke off" in reason else UNREACHED_TRIES) from error
        except httpx2.RequestError as error:
            raise self._no_hub(f"its answer cannot be read: {error}") from error

    def _where(self, error: httpx2.RequestError) -> str:
        """The hub, or the other server that it sent us to."""
        with suppress(RuntimeError):  # the error is of no request
            if _origin(url := str(error.request.url)) != _origin(self.endpoint):
                return urlsplit(url).netloc
        return f"the hub {self.endpoint}"

    def _url(self, commit: str, path: str) -> str:
        from huggingface_hub import hf_hub_url

        return hf_hub_url(self.repository.name, path, repo_type=self.repository.kind, revision=commit)

    @cached_property
    def _token(self) -> str | None:
        from huggingface_hub import constants, get_token
        from huggingface_hub.errors import OIDCError

        if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN:
            return None
        try:
            token = get_token()
        except OIDCError as error:
            raise FetchError(f"There is no token for the hub: {error}") from error
        if token is not None and not (token.isascii() and token.isprintable()):
            raise FetchError("The token for the hub has characters that no token has. Set HF_TOKEN to a valid one.")
        return token

    def _busy(self, response: httpx2.Response) -> Passing:
        status, after = response.status_code, response.headers.get("Retry-After", "").strip()
        wait_s: float | None = float(after) if after.isascii() and after.isdigit() else None
        if status == 429 and (limit := NONE_LEFT.search(response.headers.get("RateLimit", ""))):
            wait_s = float(limit[1])
        says = "has had too many requests" if status == 429 else f"answers with error {status}"
        asks = f" and asks to wait {wait_s:,.0f} s" if wait_s else ""
        return Passing(f"the hub {self.endpoint} {says}{asks}", wait_s)

    def _advice(self, trouble: Passing) -> str:
        if trouble.wait_s:
            return f"Wait that long, then {self.run} again"
        return f"Check the connection, or wait a while; then {self.run} again"

    def _refusal(self, response: httpx2.Response, path: str) -> FetchError:
        """The sentence for an answer that will be the same next time."""
        code = response.headers.get("X-Error-Code", "")
        said = "".join(c if c.isprintable() else " " for c in response.headers.get("X-Error-Message", ""))[:200]
        named, revision = f"The {self.repository}", self.repository.revision
        token = "set HF_TOKEN to a token that may read it"
        if code == "GatedRepo":
            text = f"{named} is gated. Accept its terms on {self.page}, {token}, and {self.run} again."
        elif code == "RevisionNotFound":
            text = f"{named} has no revision {revision!r} on the hub. Its branches are on {self.page}."
        elif code == "EntryNotFound":
            text = f"{named} has no {path} at revision {revision!r}. "
            text += f"Its files are on {self.page}/tree/{quote(revision, safe='')}."
        elif said.startswith("Invalid credentials"):
            text = f"The hub does not know the token that it was sent for the {self.repository}. "
            text += f"Set HF_TOKEN to a valid one, or unset it, and {self.run} again."
        elif code == "RepoNotFound" or response.status_code == 401:
            text = f"The hub has no {self.repository}, or it is private. Check the name, or {token}."
        elif response.status_code == 403:
            text = f"The hub does not give out the {self.repository} ({said or 'error 403'}). "
            text += f"{token[0].upper()}{token[1:]}, or ask its owners on {self.page}."
        else:
            return self._no_hub(f"it answers with error {response.status_code}{f' ({said})' if said else ''}")
        return FetchError(text)

    def _no_hub(self, what: str) -> FetchError:
        return FetchError(
            f"{self.endpoint} does not answer for the {self.repository} as a hub does: {what}. "
            "Check HF_ENDPOINT, and whether a proxy or a login page stands between."
        )

    def _json(self, response: httpx2.Response, kind: type[Kind]) -> Kind:
        try:
            content = response.json()
        except ValueError:
            content = None
        if not isinstance(content, kind):
            raise self._no_hub("it sends something else than asked for")
        return content

    def _listed(self, entry: dict[str, Any]) -> RemoteFile:
        large = entry["lfs"] if isinstance(entry.get("lfs"), dict) else {}
        path, size, checksum = (
            entry.get("path"),
            large.get("size", entry.get("size")),
            large.get("oid", entry.get("oid")),
        )
        if not (isinstance(path, str) and isinstance(size, int) and size >= 0 and CHECKSUM.fullmatch(str(checksum))):
            raise self._no_hub("it lists a file without path, size or checksum")
        check_path(self.repository, path)
        return RemoteFile(path, size, str(checksum))


class Patience:
    """How often something is tried, and how long is waited in between.

    Args:
        hub: whose `stop` ends a wait, and whose `progress` hears of the long ones.
        tries: how often in a row without anything new.
    """

    def __init__(self, hub: Hub, tries: int = TRIES) -> None:
        self.hub, self.tries = hub, tries
        self.failures, self.waited_s = 0, 0.0

    def renew(self) -> None:
        """There was something new."""
        self.failures = 0

    def wait(self, trouble: Passing) -> bool:
        """Wait before the next try; False if there should be none: too many failures, or too long a wait."""
        self.failures += 1
        if self.failures >= min(self.tries, trouble.tries):
            return False
        pause_s = PAUSES_S[min(self.failures, len(PAUSES_S)) - 1] if trouble.wait_s is None else trouble.wait_s
        self.waited_s += pause_s
        if self.waited_s > LONGEST_WAIT_S:
            return False
        if trouble.wait_s:
            self.hub.progress.note(f"{trouble.reason[0].upper()}{trouble.reason[1:]}; waiting.")
        elif self.failures == 1:
            self.hub.progress.note(f"{trouble.reason[0].upper()}{trouble.reason[1:]}; trying again.")
        if self.hub.stop.wait(pause_s):
            raise Stopped
        return True


def _origin(url: str) -> tuple[str, str]:
    return urlsplit(url)[:2]


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f}"
