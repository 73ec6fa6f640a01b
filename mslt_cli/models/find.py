"""A model's name → its folder: built from a package, fetched from the hub, or the user's own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from mslt_cli.errors import FetchError, UnknownNameError, UsageError
from mslt_cli.files import cache_home, new_file, new_folder
from mslt_cli.models import MODELS
from mslt_cli.models.folder import ModelFiles, check_model_folder, choose_files
from mslt_cli.progress import QUIET, Progress


@dataclass(frozen=True)
class Model:
    """A model that is on this machine."""

    name: str
    """As the store knows it: a row of MODELS, a name on the hub, or the path of a folder."""
    files: ModelFiles
    revision: str
    """Commit on the hub, or version of the package; empty for the user's own folder."""

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return self.files.folder


def fetch_model(
    name: str,
    *,
    revision: str | None = None,
    tokenizer_only: bool = False,
    force: bool = False,
    workers: int = 4,
    progress: Progress = QUIET,
) -> Model:
    """Bring a model onto this machine, if it is not there, and check its files.

    Args:
        name: a row of MODELS, a name on the hub (`org/model`), or a folder.
        revision: commit, branch or tag on the hub instead of the pinned one.
        tokenizer_only: leave the weights where they are.
        force: build or check again what is there.
        workers: files that are downloaded at once.
        progress: hears of downloads.

    Raises:
        UnknownNameError: there is no such model.
        ModelError: the files cannot be used: pickled, damaged, incomplete, or with code of their own.
        FetchError: the hub cannot be reached or refuses, or the cache cannot be written.
        MissingPackageError: the package that carries the weights is not installed.
    """
    known = MODELS.get(name.strip().casefold())
    local = known.repo_id is None if known is not None else is_path(name)
    if revision is not None and local:
        raise UsageError("--revision is of the hub, and this model does not come from there. Leave it out.")
    if known is not None and known.repo_id is None:
        return _built(known.name, tokenizer_only, force, progress)
    if known is None and is_path(name):
        return Model(name, check_model_folder(Path(name), tokenizer_only=tokenizer_only), "")
    if known is None and "/" not in name:
        raise UnknownNameError("model", name, [*MODELS, "org/name of the hub", "./folder"])
    repository = known.repo_id if known is not None and known.repo_id else name
    pinned = revision or (known.revision if known is not None else None) or _kept(repository)
    return _from_hub(known.name if known else name, repository, pinned, tokenizer_only, workers, progress)


def is_path(name: str) -> bool:
    """Whether a model's name is that of a folder: `./x`, `/x`, `~/x`, or something that is there."""
    return name.startswith((".", "/", "~")) or Path(name).is_dir()


def _built(name: str, tokenizer_only: bool, force: bool, progress: Progress) -> Model:
    from mslt_cli.models.e5_small import PACKAGE_VERSION, build_e5_small

    folder = cache_home() / "models" / f"{name}-{PACKAGE_VERSION}"
    if force or not folder.exists():
        with new_folder(folder, replace=force) as part:
            build_e5_small(part, progress=progress)
    return Model(name, check_model_folder(folder, tokenizer_only=tokenizer_only), PACKAGE_VERSION)


def _from_hub(
    name: str, repository: str, revision: str | None, tokenizer_only: bool, workers: int, progress: Progress
) -> Model:
    from mslt_cli.hub.repository import Repository
    from mslt_cli.hub.snapshot import Snapshot

    snapshot = Snapshot(
        Repository("model", repository, revision or "main"),
        progress=progress,
        workers=workers,
        again=f"mslt fetch model {name}",
    )
    wanted = choose_files(list(snapshot.files), tokenizer_only=tokenizer_only, name=repository)
    files = snapshot.download(wanted)
    folder = next(iter(files.values())).parent
    checked = check_model_folder(folder, tokenizer_only=tokenizer_only)
    _keep(repository, snapshot.commit)
    return Model(name, checked, snapshot.commit)


def _pins() -> Path:
    return cache_home() / "models" / "revisions.json"


def _kept(repository: str) -> str | None:
    """The commit of an earlier fetch, so that a model stays the same until the user says otherwise."""
    try:
        known = json.loads(_pins().read_text(encoding="utf-8"))
        commit = known[repository]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return commit if isinstance(commit, str) else None


def _keep(repository: str, commit: str) -> None:
    try:
        known = json.loads(_pins().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    if known.get(repository) == commit:
        return
    try:
        with new_file(_pins()) as part:
            part.write_text(json.dumps(known | {repository: commit}, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    except FetchError:  # the model is there all the same
        return
