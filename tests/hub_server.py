"""A hub on 127.0.0.1: repositories out of memory, over the protocol of huggingface_hub, with faults to order."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs, quote, unquote, urlsplit

CHUNK_BYTES = 16 << 10
"""How much is written at once; a cut or a stall comes after whole chunks, or in one."""


@dataclass(frozen=True)
class Request:
    """What a client asked for."""

    method: str
    path: str
    """With its query, unquoted."""
    range: str | None
    """The Range header."""
    token: str | None
    """The Authorization header."""
    server: str
    """"hub" or "cdn"."""
    at: float
    """Seconds of a clock that only goes forward."""


@dataclass
class Fault:
    """Something that goes wrong with requests whose method and path ("GET /api/…") the pattern is found in."""

    pattern: str
    times: float
    status: int = 0
    """Answer with this status; 0 = answer, and then do what is below."""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut_after: int | None = None
    """Break the connection off after so many bytes of the body."""
    stall_after: int | None = None
    """Send so many bytes of the body, and then nothing until the server is closed."""
    change: Callable[[bytes], bytes] = bytes
    """What is sent instead of the body."""
    meet: threading.Barrier | None = None
    """Answer when so many requests wait for an answer."""


@dataclass(frozen=True)
class File:
    """A file in a repository."""

    content: bytes
    lfs: bool

    @property
    def oid(self) -> str:
        """Git's SHA-1 of what lies in git: the file, or the pointer to it."""
        content = self.content
        if self.lfs:
            text = f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {len(content)}\n"
            content = text.encode()
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def etag(self) -> str:
        return self.sha256 if self.lfs else self.oid


class HubServer:
    """A hub that serves what it is given, does what goes wrong on demand, and keeps a log.

        with HubServer() as hub:
            commit = hub.add("dataset", "facebook/xnli", {"en/train-00000-of-00001.parquet": b"…"})
            run_client(HF_ENDPOINT=hub.url)
            assert hub.downloads() == ["en/train-00000-of-00001.parquet"]

    It listens on two ports of 127.0.0.1, each request in a thread of its own, so a client may be a subprocess. `url` is
    the hub; `cdn_url` is where the bytes of LFS files are, another origin, as on the real hub, and it refuses tokens.

    What it serves, for models and data sets:

    - GET /api/{kind}s/{name} and /api/{kind}s/{name}/revision/{rev}: the commit;
    - GET /api/{kind}s/{name}/tree/{rev}[/{folder}]?recursive=true: files and folders, `page` of them at a time, with a
      Link header to the next page;
    - HEAD and GET /datasets/{name}/resolve/{rev}/{path} (models: /{name}/resolve/…): for an LFS file a 302 to the CDN
      with X-Linked-Etag (its SHA-256), X-Linked-Size and X-Repo-Commit; for another a relative 307 to
      /api/resolve-cache/…, which answers with ETag (git's SHA-1 of the blob) and X-Repo-Commit;
    - Range requests for the bytes (206 with Content-Range, 416 beyond the end), unless `ranges` is False.

    Revisions are branches, "refs/convert/parquet" (quoted in addresses) or commits. Errors carry X-Error-Code as the
    real hub's: RepoNotFound (401 without a token, 404 with one), RevisionNotFound, EntryNotFound, GatedRepo.

    What goes wrong, from the next request on:

    - `fail(pattern, status, …)`: answer with a status: 401, 403, 404, 429 with Retry-After, 503, …;
    - `cut(pattern, after)`: break the connection off in the body; `stall(pattern, after)`: fall silent in it;
    - `corrupt(pattern)`: send other bytes, as many; `replace(pattern, body)`: answer with another body;
    - `gather(pattern, count)`: answer when so many requests are there at once;
    - `list_also(name, path)`: have a path in the list of files that no file has;
    - `token = "hf_…"`: repositories are private to whoever sends it; `gate(name)`: nobody has accepted the terms.

    A pattern is a regular expression, looked for in the method and the unquoted path: "HEAD .*/resolve/", "GET /cdn/".
    Faults hold for `times` requests (default: all), the one that was ordered first before the others.

    Args:
        page: entries on a page of a list of files.
        ranges: whether Range headers are heeded.
        token: what a client must send in the Authorization header; None = nothing.
    """

    def __init__(self, *, page: int = 3, ranges: bool = True, token: str | None = None) -> None:
        self.page, self.ranges, self.token = page, ranges, token
        self.requests: list[Request] = []
        """All that was asked for, in order."""
        self.closing = threading.Event()
        self.links_to: str | None = None
        """The server that addresses of next pages name; None = this one. A mirror passes on those of another."""
        self._files: dict[tuple[str, str, str], dict[str, File]] = {}  # (kind, name, commit) → path → file
        self._branches: dict[tuple[str, str], dict[str, str]] = {}  # (kind, name) → branch → commit
        self._also: dict[str, list[str]] = {}
        self._gated: set[str] = set()
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._servers = {name: self._serve(name) for name in ("hub", "cdn")}
        self.url, self.cdn_url = (f"http://127.0.0.1:{s.server_address[1]}" for s in self._servers.values())

    def add(
        self,
        kind: str,
        name: str,
        files: Mapping[str, bytes],
        *,
        revision: str = "main",
        lfs: bool | Collection[str] = True,
    ) -> str:
        """Put a commit with exactly these files on a branch, and return its id. Earlier commits stay.

        Args:
            kind: "dataset" or "model".
            name: "facebook/xnli".
            files: content by path.
            revision: the branch.
            lfs: whether they are LFS files, or which of them are.
        """
        held = {p: File(c, lfs if isinstance(lfs, bool) else p in lfs) for p, c in sorted(files.items())}
        text = repr((kind, name, revision, [(path, file.etag) for path, file in held.items()]))
        commit = hashlib.sha1(text.encode()).hexdigest()
        self._files[kind, name, commit] = held
        self._branches.setdefault((kind, name), {})[revision] = commit
        return commit

    def fail(
        self,
        pattern: str,
        status: int,
        *,
        code: str = "",
        message: str = "",
        headers: Mapping[str, str] | None = None,
        times: float = float("inf"),
    ) -> None:
        """Answer with a status, X-Error-Code, X-Error-Message and further headers."""
        said = {"X-Error-Code": code, "X-Error-Message": message, **(headers or {})}
        self._order(Fault(pattern, times, status, {key: value for key, value in said.items() if value}))

    def answer_with(self, pattern: str, status: int, headers: dict[str, str], body: bytes) -> None:
        """Answer with this status, these headers and this body."""
        self._order(Fault(pattern, float("inf"), status=status, headers=headers, body=body))

    def replace(self, pattern: str, body: bytes, *, times: float = float("inf")) -> None:
        """Answer with status 200 and this body."""
        self._order(Fault(pattern, times, 200, body=body))

    def cut(self, pattern: str, after: int, *, times: float = float("inf")) -> None:
        """Break the connection off after so many bytes of the body."""
        self._order(Fault(pattern, times, cut_after=after))

    def stall(self, pattern: str, after: int, *, body: bytes | None = None, times: float = float("inf")) -> None:
        """Send so many bytes of the body (or of another), and then nothing while the server lives."""
        self._order(Fault(pattern, times, stall_after=after, change=lambda true: true if body is None else body))

    def corrupt(self, pattern: str, *, times: float = float("inf")) -> None:
        """Send as many bytes as there are, of which the last is another."""
        self._order(Fault(pattern, times, change=lambda body: body[:-1] + bytes([body[-1] ^ 1])))

    def gather(self, pattern: str, count: int) -> threading.Barrier:
        """Answer requests `count` at a time; the barrier that is returned is broken if so many never come together."""
        barrier = threading.Barrier(count)
        self._order(Fault(pattern, count, meet=barrier))
        return barrier

    def mend(self) -> None:
        """Forget all faults that were ordered by pattern."""
        with self._lock:
            self._faults.clear()

    def list_also(self, name: str, path: str) -> None:
        """Have a path in a repository's list of files."""
        self._also.setdefault(name, []).append(path)

    def gate(self, name: str) -> None:
        """Let nobody read a repository's files; the repository can be seen."""
        self._gated.add(name)

    def asked(self, pattern: str = "") -> list[str]:
        """Method and path of the requests that a pattern is found in, in order."""
        return [line for line in (f"{r.method} {r.path}" for r in self.requests) if re.search(pattern, line)]

    def downloads(self) -> list[str]:
        """Paths whose bytes were asked for (each time again), sorted."""
        served = [
            re.match(r"GET /(?:cdn|api/resolve-cache)/\w+/[^/]+/[^/]+/[0-9a-f]{40}/(.*)", a) for a in self.asked()
        ]
        return sorted(match[1] for match in served if match)

    def close(self) -> None:
        """Stop listening; what is stalled ends."""
        self.closing.set()
        for server in self._servers.values():
            server.shutdown()
            server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: object) -> None:
        self.close()

    def _serve(self, name: str) -> ThreadingHTTPServer:
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": self, "name": name}))
        server.daemon_threads = True
        server.block_on_close = False
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return server

    def _order(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def fault(self, line: str) -> Fault | None:
        """The fault that strikes a request, if one does; it has struck then."""
        with self._lock:
            for fault in self._faults:
                if fault.times > 0 and re.search(fault.pattern, line):
                    fault.times -= 1
                    return fault
        return None

    def commit(self, kind: str, name: str, revision: str) -> str | None:
        """What a revision stands for."""
        if (kind, name, revision) in self._files:
            return revision
        return self._branches[kind, name].get(revision)


class _Refused(Exception):
    def __init__(self, status: int, code: str, message: str = "") -> None:
        self.status, self.headers = status, {"X-Error-Code": code, "X-Error-Message": message or code}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: HubServer
    name: str
    strike: Fault | None

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:  # the client has gone
            self.close_connection = True

    def do_GET(self) -> None:
        token = self.headers.get("Authorization")
        line = unquote(self.path)
        self.hub.requests.append(
            Request(self.command, line, self.headers.get("Range"), token, self.name, time.monotonic())
        )
        self.strike = self.hub.fault(f"{self.command} {line}")
        if self.strike and self.strike.status:
            self.answer(self.strike.body, self.strike.headers, self.strike.status)
            return
        if self.strike and self.strike.meet:
            try:
                self.strike.meet.wait(timeout=20)
            except threading.BrokenBarrierError:
                self.strike = Fault("", 0, cut_after=0)
        try:
            if self.name == "cdn":
                if token:
                    raise _Refused(400, "InvalidArgument", "tokens of the hub have no business here")
                self.cdn()
            else:
                self.route(urlsplit(self.path), token)
        except _Refused as refused:
            self.answer(b"", refused.headers, refused.status)

    do_HEAD = do_GET

    def route(self, address, token: str | None) -> None:
        path, asked = address.path, parse_qs(address.query)
        if match := re.fullmatch(r"/api/(dataset|model)s/([^/]+/[^/]+)(?:/(revision|tree)/([^/]+)(?:/(.+))?)?", path):
            kind, name, what, revision, folder = match.groups()
            commit = self.find(kind, name, unquote(revision or "main"), token)
            if what == "tree":
                self.tree(kind, name, commit, unquote(folder or ""), asked)
            else:
                self.answer_json({"id": name, "sha": commit, "siblings": []})
        elif match := re.fullmatch(r"/(datasets/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            kind = "dataset" if match[1] else "model"
            self.resolve(kind, match[2], self.find(kind, match[2], unquote(match[3]), token), unquote(match[4]))
        elif match := re.fullmatch(r"/api/resolve-cache/(dataset|model)s/([^/]+/[^/]+)/([^/]+)/(.+)", path):
            kind, name, commit = match[1], match[2], self.find(match[1], match[2], match[3], token)
            file = self.hub._files[kind, name, commit][unquote(match[4])]
            self.answer_bytes(file.content, {"ETag": f'"{file.etag}"', "X-Repo-Commit": commit})
        else:
            raise _Refused(404, "", "Sorry, we can't find the page you are looking for.")

    def find(self, kind: str, name: str, revision: str, token: str | None) -> str:
        """The commit, if whoever asks may know of it."""
        hub = self.hub
        if token is not None and token != f"Bearer {hub.token}" and hub.token:
            raise _Refused(401, "", "Invalid credentials in Authorization header")
        if (kind, name) not in hub._branches or (hub.token and token is None):
            raise _Refused(404 if token else 401, "RepoNotFound", "Repository not found")
        commit = hub.commit(kind, name, revision)
        if commit is None:
            raise _Refused(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return commit

    def tree(self, kind: str, name: str, commit: str, folder: str, asked: dict[str, list[str]]) -> None:
        files = self.hub._files[kind, name, commit]
        inside = {p: f for p, f in files.items() if not folder or p.startswith(f"{folder}/")}
        if folder and not inside:
            raise _Refused(404, "EntryNotFound", f"{folder} does not exist on {commit}")
        above = {"/".join(p.split("/")[:depth]) for p in inside for depth in range(1, p.count("/") + 1)}
        entries = [
            {"type": "directory", "oid": hashlib.sha1(p.encode()).hexdigest(), "size": 0, "path": p}
            for p in sorted(above)
            if len(p) > len(folder)
        ]
        for path, file in inside.items():
            entry = {"type": "file", "oid": file.oid, "size": len(file.content), "path": path}
            if file.lfs:
                entry["lfs"] = {"oid": file.sha256, "size": len(file.content), "pointerSize": 134}
            entries.append(entry)
        entries += [
            {"type": "file", "oid": File(b"", False).oid, "size": 0, "path": path}
            for path in self.hub._also.get(name, [])
        ]
        start = int(asked.get("cursor", ["0"])[0])
        shown, headers = entries[start : start + self.hub.page], {}
        if start + self.hub.page < len(entries):
            query = f"recursive=true&cursor={start + self.hub.page}"
            headers["Link"] = f'<{self.hub.links_to or self.hub.url}{self.path.split("?")[0]}?{query}>; rel="next"'
        self.answer_json(shown, headers)

    def resolve(self, kind: str, name: str, commit: str, path: str) -> None:
        if name in self.hub._gated:
            raise _Refused(403, "GatedRepo", f"Access to {kind} {name} is restricted. Visit its page to ask for it.")
        file = self.hub._files[kind, name, commit].get(path)
        if file is None:
            raise _Refused(404, "EntryNotFound", "Entry not found")
        where, headers = f"{kind}s/{name}/{commit}/{quote(path)}", {"X-Repo-Commit": commit}
        if file.lfs:
            headers |= {"X-Linked-Etag": f'"{file.etag}"', "X-Linked-Size": str(len(file.content))}
            self.answer(b"", headers | {"Location": f"{self.hub.cdn_url}/cdn/{where}"}, 302)
        else:
            self.answer(b"", headers | {"Location": f"/api/resolve-cache/{where}"}, 307)

    def cdn(self) -> None:
        match = re.fullmatch(r"/cdn/(dataset|model)s/([^/]+/[^/]+)/([^/]+)/(.+)", self.path)
        if match is None:
            raise _Refused(404, "")
        file = self.hub._files[match[1], match[2], match[3]][unquote(match[4])]
        self.answer_bytes(file.content, {"ETag": f'"{hashlib.md5(file.content).hexdigest()}"'})

    def answer_bytes(self, content: bytes, headers: dict[str, str]) -> None:
        if self.strike:
            content = self.strike.change(content)
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        if asked is None or not self.hub.ranges:
            self.answer(content, headers)
        elif int(asked[1]) >= len(content):
            self.answer(b"", {"Content-Range": f"bytes */{len(content)}"}, 416)
        else:
            start = int(asked[1])
            span = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
            self.answer(content[start:], headers | span, 206)

    def answer_json(self, content: object, headers: dict[str, str] | None = None) -> None:
        self.answer(json.dumps(content).encode(), {"Content-Type": "application/json", **(headers or {})})

    def answer(self, body: bytes, headers: dict[str, str], status: int = 200) -> None:
        strike = self.strike
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        if headers.get("Transfer-Encoding") == "chunked":
            body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        after = next((a for a in (strike and strike.cut_after, strike and strike.stall_after) if a is not None), None)
        try:
            sent = body if after is None else body[:after]
            for start in range(0, len(sent), CHUNK_BYTES):
                self.wfile.write(sent[start : start + CHUNK_BYTES])
            if after is not None and strike and strike.stall_after is not None:
                self.hub.closing.wait()
            if after is not None:
                self.close_connection = True  # before all has been sent that was announced
        except ConnectionError:  # the client has had enough
            self.close_connection = True

    def log_message(self, *said: object) -> None:
        """Nothing on stderr: the log is `HubServer.requests`."""
