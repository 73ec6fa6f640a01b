"""The checksum of a model's weights, computed once for each file: a run that is in the store is found without it."""

from __future__ import annotations

from pathlib import Path

from mslt_cli.files import cache_home, recall, remember
from mslt_cli.models.folder import check_model_folder, weights_sha256


def weights_checksum(folder: Path) -> str:
    """What `weights_sha256` gives, remembered by the files' places, sizes and times.

    Raises:
        ModelError: there are no weights that can be loaded.
    """
    stats = [(path.resolve(), path.stat()) for path in check_model_folder(folder).weights]
    key = "\n".join(f"{path} {stat.st_size} {stat.st_mtime_ns}" for path, stat in stats)
    notes = cache_home() / "models" / "checksums.json"
    checksum = recall(notes, key)
    if checksum is None:
        checksum = weights_sha256(folder)
        remember(notes, key, checksum)
    return checksum
