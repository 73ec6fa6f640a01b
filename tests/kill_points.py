"""Every moment at which a process changes a file under a folder, by Python's audit events: to be stopped there.

From a moment on `dead`, the process can change nothing there any more: each attempt raises `Killed`, so that what is on
the disk is what SIGKILL would have left, and the test that plays both processes lives on.
"""

import os
import sys

OF_PATH = {"os.mkdir", "os.remove", "os.rmdir", "os.truncate", "shutil.rmtree"}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Killed(BaseException):
    """Nothing in the product catches it."""


class KillPoints:
    """Counts the changes under a folder while it is active; `at` is the number of the one to die before."""

    def __init__(self):
        self.folder, self.at, self.seen, self.die = None, None, [], None
        sys.addaudithook(self._hear)

    def start(self, folder, at=None, die=None):
        """Begin to count; `die` is called in place of raising Killed."""
        self.folder, self.at, self.seen, self.die = str(folder), at, [], die

    def stop(self):
        self.folder = None

    def _hear(self, event, given):
        if self.folder is None:
            return
        if event == "os.rename":
            paths = given[:2]
        elif event in OF_PATH or (event == "open" and given[2] & WRITES):
            paths = given[:1]
        else:
            return
        if not any(isinstance(path, (str, os.PathLike)) and self._ours(path) for path in paths):
            return
        self.seen.append(f"{event} {os.path.basename(os.fspath(paths[-1]))}")
        if self.at is not None and len(self.seen) > self.at:
            if self.die is not None:
                self.die()
            raise Killed(self.seen[-1])

    def _ours(self, path):
        path = os.fspath(path)
        return path.startswith(self.folder) and not path.endswith(".lock")


def bytes_in(folder):
    """What a finished run's directory holds, by path: run.json without times and the resumed step."""
    import json

    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != ".lock":
            found[path.relative_to(folder).as_posix()] = path.read_bytes()
    record = json.loads(found["run.json"])
    for name in ("started_at", "finished_at", "wall_s", "sha256", "command"):
        record.pop(name)
    for name in ("resumed_at", "wall_s", "tokens_per_s"):
        record["training"].pop(name, None)
    record["files"].pop("config.toml")  # it names the folder of the task
    return found | {"run.json": json.dumps(record, sort_keys=True).encode(), "config.toml": b""}
