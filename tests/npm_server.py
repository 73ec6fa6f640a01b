"""A registry of npm on 127.0.0.1: says where packages are, and sends their tarballs; can send other things as well."""

import base64
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

from mslt_cli.hub.packages import NpmPackage


def make_tarball(files: Mapping[str, str | bytes]) -> bytes:
    """A tarball as npm makes it: all files are in the folder `package`."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for path, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(f"package/{path}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return out.getvalue()


class NpmServer:
    """Packages by name and version; `answers` are sent in place of what is at a path: status, type, body, headers."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}
        self.answers: dict[str, tuple[int, str, bytes, dict[str, str]]] = {}
        self.asked: list[tuple[str, str | None]] = []
        """Path and Authorization of each request."""
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = unquote(self.path)
                registry.asked.append((path, self.headers.get("Authorization")))
                there = path in registry.bodies
                usual = (200 if there else 404, "application/octet-stream", registry.bodies.get(path, b""), {})
                status, kind, body, headers = registry.answers.get(path, usual)
                self.send_response(status)
                for key, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
                    self.send_header(key, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *said: object) -> None:
                """Nothing on stderr."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"http://{self.host}"

    def add(self, name: str, version: str, files: Mapping[str, str | bytes], at: str = "") -> NpmPackage:
        """Put a package there, and return it with its checksum; `at` is the host that its tarball is said to be on."""
        data = make_tarball(files)
        integrity = "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()
        path = f"/{name}/-/{name.rpartition('/')[2]}-{version}.tgz"
        self.bodies[path] = data
        dist = {"tarball": f"{at or self.url}{path}", "integrity": integrity}
        self.bodies[f"/{name}/{version}"] = json.dumps({"name": name, "version": version, "dist": dist}).encode()
        return NpmPackage(name, version, integrity, len(data))

    def __enter__(self) -> "NpmServer":
        return self

    def __exit__(self, *ended: object) -> None:
        self._server.shutdown()
        self._server.server_close()
