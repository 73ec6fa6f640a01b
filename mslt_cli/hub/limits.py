"""What is accepted of a hub: how often it is asked, how much it may answer, and what of its address is shown."""

from __future__ import annotations

import re
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING

from mslt_cli.hub.repository import RemoteFile

if TYPE_CHECKING:
    import httpx2

TRIES = 5
"""Fruitless tries in a row before the user gets an error."""
UNREACHED_TRIES = 3
"""The same where nobody answers: most often there is no network."""
PAUSES_S = (1.0, 2.0, 4.0, 8.0)
"""Seconds before the second try, the third, …, where the hub does not say how long to wait."""
PASSING = frozenset({408, 429, *range(500, 600)})
"""Statuses that may be gone at the next try."""
MAX_HEAD_S = 60.0
"""Beyond the timeout of huggingface_hub: to the head of an answer, and for each span in which a file has to grow."""
MAX_ANSWER_BYTES = 256_000_000
"""Of JSON, decoded, for one question: a list of a million files has about so many."""
MAX_ANSWER_S = 300.0
"""For one question, all pages together."""


class PassingError(Exception):
    """A request failed, and may not at the next try; the hub may ask to wait, and `tries` in a row are enough."""

    def __init__(self, reason: str, wait_s: float | None = None, *, tries: int = TRIES) -> None:
        self.reason, self.wait_s, self.tries = reason, wait_s, tries


class Budget:
    """What the answers to one question may take together: bytes, decoded, and time. `where` is who answers."""

    def __init__(self, where: str = "the hub") -> None:
        self.where = where
        self.bytes, self.until = 0, time.monotonic() + MAX_ANSWER_S

    def spend(self, size_bytes: int) -> None:
        """Count bytes that came. Raises: ValueError: they are too many; PassingError: they took too long."""
        self.bytes += size_bytes
        if self.bytes > MAX_ANSWER_BYTES:
            raise ValueError
        if time.monotonic() > self.until:
            raise PassingError(f"{self.where} takes more than {MAX_ANSWER_S:,.0f} s for an answer", tries=1)


def open_answer(url: str, headers: dict[str, str], timeout_s: float, where: str) -> httpx2.Response:
    """The head of an answer, its body unread; PassingError: `where` ("the hub https://…") does not come to one.

    The library limits the wait for each read, and a server that sends a byte a second, or interim answers without
    end, never comes to that limit: so a thread asks, and is left to itself when all together takes too long.
    """
    from huggingface_hub import get_session

    outcome: Future[httpx2.Response] = Future()

    def ask() -> None:
        try:
            session = get_session()
            request = session.build_request("GET", url, headers=headers, timeout=timeout_s)
            outcome.set_result(session.send(request, stream=True, follow_redirects=True))
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        return outcome.result(MAX_HEAD_S + timeout_s)
    except TimeoutError:
        outcome.add_done_callback(lambda late: None if late.exception() else late.result().close())
        raise PassingError(f"{where} does not come to an answer", tries=UNREACHED_TRIES) from None


def other_body(response: httpx2.Response, file: RemoteFile, position: int) -> str:
    """What the head of an answer states its body to be, where that is not a file from a position on; else nothing.

    So it is with the page of a captive portal.
    """
    headers, size = response.headers, file.size_bytes
    expected = size - position if response.status_code == 206 else size
    length = headers.get("Content-Length") if "Content-Encoding" not in headers else None
    total = headers.get("Content-Range", "").rpartition("/")[2]
    tags = [headers.get("ETag", ""), *(each.headers.get("X-Linked-Etag", "") for each in response.history)]
    checksums = {tag.removeprefix("W/").strip('"') for tag in tags}
    if "html" in headers.get("Content-Type", "") and not file.path.endswith((".html", ".htm")):
        return "a web page"
    if length not in (None, str(expected)) or total not in ("", "*", str(size)):
        return "a file of another size"
    if any(len(given) == len(file.checksum) == 64 and given != file.checksum for given in checksums):
        return "a file of another checksum"
    return ""


def without_password(text: str, address: str = "") -> str:
    """A text without the user's name and password in addresses, and without those that `address` has."""
    for secret in re.split(r"[:@/]", address.rpartition("@")[0])[1:]:
        text = text.replace(secret, "***") if len(secret) > 2 else text
    return re.sub(r"(?<=//)\S*@", "", text) if "//" in text else text.rpartition("@")[2]
