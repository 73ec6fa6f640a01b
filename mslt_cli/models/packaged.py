"""Models that are built from packages, in the cache: which packages, and whether a folder is still as it was built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from mslt_cli.errors import ModelError
from mslt_cli.files import cache_home, new_folder
from mslt_cli.models import KnownModel
from mslt_cli.models.folder import weights_checksum
from mslt_cli.progress import QUIET, Progress


class PackagedModel(NamedTuple):
    """A model that is built from packages: always the same weights and settings."""

    version: str
    """Of the packages."""
    weights_sha256: str
    settings: Mapping[str, str]
    """The texts of its JSON files, by name."""
    build: Callable[[Path, Progress], None]
    """Writes the model into an empty folder."""

    def is_as_built(self, folder: Path, weights_sha256: str | None) -> bool:
        """Whether the model in a folder is what `build` makes; its weights only if their hash is given.

        The tokenizer is not looked at: its bytes depend on the version of tokenizers, and every identity has its hash.
        """
        files = {name: folder / name for name in self.settings}
        same = all(path.is_file() and path.read_bytes() == self.settings[name].encode() for name, path in files.items())
        return same and weights_sha256 in (None, self.weights_sha256)


def packaged_model(name: str) -> PackagedModel:
    """How the model of that name is built."""
    if name == "gemma3-270m":
        from mslt_cli.models import gemma3

        return PackagedModel(gemma3.PACKAGE_VERSION, gemma3.WEIGHTS_SHA256, gemma3.SETTINGS, gemma3.build_gemma3)
    from mslt_cli.models import e5_small

    return PackagedModel(
        e5_small.PACKAGE_VERSION, e5_small.WEIGHTS_SHA256, e5_small.settings_of(), e5_small.build_e5_small
    )


def build_in_cache(
    row: KnownModel,
    *,
    tokenizer_only: bool = False,
    force: bool = False,
    accept_licence: bool = False,
    progress: Progress = QUIET,
) -> tuple[Path, str]:
    """The folder of a packaged model, built if it is not there or was changed, and the version of its packages.

    Raises: ModelError: its terms were not accepted, or what is installed cannot be used.
        MissingPackageError: a package is not installed. FetchError: the cache cannot be written.
    """
    model = packaged_model(row.name)
    folder = cache_home() / "models" / f"{row.name}-{model.version}"
    changed = False
    if folder.exists() and not force:
        try:
            changed = not model.is_as_built(folder, None if tokenizer_only else weights_checksum(folder))
        except ModelError:
            changed = True
    if changed:
        progress.note(f"The model {row.name} was changed in the cache, and is built anew.")
    if force or changed or not folder.exists():
        if row.terms:
            if not (accept_licence or folder.exists()):  # what is there was accepted
                raise ModelError(
                    f"{row.name} is under terms that are not an open-source licence ({row.licence}): {row.terms}."
                    f" Read them, and if you accept them run `mslt fetch model {row.name} --accept-licence`."
                )
            progress.note(f"{row.name} is under terms that you accepted ({row.licence}): {row.terms}")
        with new_folder(folder, replace=force or changed) as part:
            model.build(part, progress)
    return folder, model.version
