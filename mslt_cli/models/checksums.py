"""The checksum of a model's weights, computed once for each file: a run that is in the store is found without it."""

from __future__ import annotations

import json
from pathlib import Path

from mslt_cli.errors import FetchError
from mslt_cli.files import cache_home, new_file
from mslt_cli.models.folder import check_model_folder, weights_sha256


def weights_checksum(folder: Path) -> str:
    """What `weights_sha256` gives, remembered by the files' places, sizes and times.

    Raises:
        ModelError: there are no weights that can be loaded.
    """
    parts = []
    for path in check_model_folder(folder).weights:
        stat = path.stat()
        parts.append(f"{path.resolve()} {stat.st_size} {stat.st_mtime_ns}")
    key, kept = "\n".join(parts), cache_home() / "models" / "checksums.json"
    try:
        known = json.loads(kept.read_text(encoding="utf-8"))
        if isinstance(found := known.get(key), str):
            return found
    except (OSError, ValueError, AttributeError):
        known = {}
    checksum = weights_sha256(folder)
    try:
        with new_file(kept) as part:
            part.write_text(json.dumps(known | {key: checksum}, indent=1) + "\n", encoding="utf-8")
    except FetchError:  # it costs a second the next time
        pass
    return checksum
