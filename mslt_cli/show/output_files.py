"""Files that users asked for: written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from mslt_cli.errors import MsltError


def write_whole(path: Path, data: bytes) -> None:
    """Write a file; whoever reads meanwhile has the old one, or none.

    Raises:
        MsltError: it cannot be written; says why.
    """
    part = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_file():  # /dev/stdout and its like: nothing to put in their place
            path.write_bytes(data)
            return
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(part, 0o666 & ~_umask())
        os.replace(part, path)
    except OSError as error:
        raise MsltError(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        if part and os.path.exists(part):
            os.unlink(part)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
