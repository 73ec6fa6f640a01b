"""Calls of the hub client under given settings, in this process or in one of their own."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import asdict
from pathlib import Path
from unittest import mock

from hub_server import HubServer

from mslt_cli.errors import FetchError
from mslt_cli.hub import requests
from mslt_cli.hub.repository import Repository
from mslt_cli.hub.snapshot import Snapshot
from mslt_cli.progress import Progress, Step

AGAIN = "mslt fetch data --task xnli"


class Recorder(Progress):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[list] = []

    @contextmanager
    def step(self, what: str, total: float | None = None, unit: str = "") -> Iterator[Step]:
        events = self.events
        events.append(["step", what, total, unit])

        class Counted(Step):
            def advance(self, amount: float = 1) -> None:
                events.append(["advance", amount])

        yield Counted()

    def note(self, text: str) -> None:
        self.events.append(["note", text])


def _answer(progress: Progress, what: str, repository: list[str], paths: tuple[str, ...] = ()) -> object:
    snapshot = Snapshot(Repository(*repository), progress=progress, again=AGAIN)
    if what == "download":
        return {path: str(file) for path, file in snapshot.download(paths).items()}
    return snapshot.commit if what == "commit" else [asdict(file) for file in snapshot.files.values()]


def answer_calls(calls: list[list]) -> list[dict]:
    """Open a snapshot for each call and return its commit, its files or its downloads, or the error."""
    outcomes = []
    for call in calls:
        progress = Recorder()
        try:
            outcome = {"value": _answer(progress, *call)}
        except FetchError as error:
            outcome = {"error": str(error), "kind": type(error).__name__}
        outcomes.append(outcome | {"events": progress.events})
    return outcomes


class Client:
    """A user with a cache of their own.

    Args:
        home: the HF_HOME.
    """

    def __init__(self, home: Path) -> None:
        self.home = home

    def environment(self, hub: HubServer | str, **settings: str) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGING", "XDG_"))}
        endpoint = hub if isinstance(hub, str) else hub.url
        base = {"HF_HOME": str(self.home), "HF_ENDPOINT": endpoint, "NO_PROXY": "*", "HOME": str(self.home.parent)}
        return kept | base | settings

    def run(self, hub: HubServer | str, *calls: list, **settings: str) -> list[dict]:
        """What came of each call: {"value": …} or {"error": …, "kind": …}, and what was told to `progress`."""
        from huggingface_hub import close_session, constants

        environment = self.environment(hub, **settings)
        endpoint = environment["HF_ENDPOINT"]
        patched = {  # huggingface_hub reads these settings once, when it is imported
            "ENDPOINT": endpoint,
            "HUGGINGFACE_CO_URL_TEMPLATE": endpoint + "/{repo_id}/resolve/{revision}/{filename}",
            "HF_HUB_CACHE": str(self.home / "hub"),
            "HF_TOKEN_PATH": str(self.home / "token"),
            "HF_HUB_OFFLINE": settings.get("HF_HUB_OFFLINE") == "1",
            "HF_HUB_DISABLE_SYMLINKS": settings.get("HF_HUB_DISABLE_SYMLINKS") == "1",
            "HF_HUB_DOWNLOAD_TIMEOUT": int(settings.get("HF_HUB_DOWNLOAD_TIMEOUT", "10")),
        }
        close_session()
        printed = io.StringIO()
        with (
            mock.patch.dict(os.environ, environment, clear=True),
            mock.patch.multiple(constants, **patched),
            mock.patch.object(requests, "PAUSES_S", (0, 0, 0, 0)),
            redirect_stdout(printed),
            redirect_stderr(printed),
        ):
            outcomes = answer_calls(calls)
        close_session()
        assert printed.getvalue() == "", printed.getvalue()  # no bars and no warnings of huggingface_hub
        return outcomes

    def start(self, hub: HubServer | str, *calls: list, **settings: str) -> subprocess.Popen:
        """The same in a process of its own, which prints the outcomes as JSON."""
        process = subprocess.Popen(
            [sys.executable, Path(__file__)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment(hub, **settings),
        )
        process.stdin.write(json.dumps(calls))
        process.stdin.close()
        process.stdin = None
        return process

    def visible(self) -> dict[str, bytes]:
        """Every file that somebody who looks into the cache can see, by its path in the repository."""
        shown = [path for path in self.home.glob("hub/*/snapshots/*/**/*") if path.is_file() or path.is_symlink()]
        return {"/".join(path.relative_to(self.home).parts[4:]): path.read_bytes() for path in shown}

    def blobs(self, suffix: str = "") -> list[Path]:
        return [path for path in self.home.glob("hub/*/blobs/*") if path.suffix == suffix]


if __name__ == "__main__":
    requests.PAUSES_S = (0, 0, 0, 0)
    json.dump(answer_calls(json.load(sys.stdin)), sys.stdout)
