"""A model's name → its folder: built from a package, fetched from the hub, or the user's own."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mslt_cli.errors import FetchError, UnknownNameError, UsageError
from mslt_cli.files import cache_home, recall, remember
from mslt_cli.hub.repository import Repository
from mslt_cli.hub.snapshot import Snapshot
from mslt_cli.models import MODELS, KnownModel, canonical_name, is_folder
from mslt_cli.models.folder import CHAT_TEMPLATE, GENERATION, ModelFiles, check_model_folder, choose_files
from mslt_cli.models.packaged import build_in_cache
from mslt_cli.progress import QUIET, Progress


@dataclass(frozen=True)
class Model:
    """A model that is on this machine."""

    name: str
    """What `canonical_name` gives; the store knows it by this."""
    files: ModelFiles
    revision: str
    """Commit on the hub, or version of the package; empty for the user's own folder."""

    @property
    def folder(self) -> Path:
        return self.files.folder


def fetch_model(
    name: str,
    *,
    revision: str | None = None,
    tokenizer_only: bool = False,
    force: bool = False,
    accept_licence: bool = False,
    workers: int = 4,
    progress: Progress = QUIET,
) -> Model:
    """Bring a model onto this machine, if it is not there, and check its files.

    Args:
        name: a row of MODELS, a name on the hub (`org/model`), or a folder: `./x`, `/x`, `~/x`, or one that is there.
        revision: commit, branch or tag on the hub instead of the pinned one.
        tokenizer_only: leave the weights where they are.
        force: build again what is there.
        accept_licence: whether the user accepts the terms of a model that has its own.
        workers: files that are downloaded at once.

    Raises:
        UnknownNameError: there is no such model.
        ModelError: the files cannot be used: pickled, damaged, incomplete, or with code of their own; or the model has
            terms that were not accepted.
        FetchError: the hub cannot be reached or refuses, or the cache cannot be written.
        MissingPackageError: the package that carries the weights is not installed.
    """
    known_as = canonical_name(name)
    row = MODELS.get(name.strip().casefold())
    if row is None and "/" not in name and not is_folder(name):
        raise UnknownNameError("model", name, [*MODELS, "org/name of the hub", "./folder"])
    model = row or KnownModel(known_as, summary="", repo_id=None if is_folder(name) else name)
    if model.repo_id is None:
        if revision is not None:
            raise UsageError("--revision is for models on the hub, and this one is not from there. Leave it out.")
        folder, version = Path(name).expanduser(), ""
        if row is not None:
            folder, version = build_in_cache(
                row, tokenizer_only=tokenizer_only, force=force, accept_licence=accept_licence, progress=progress
            )
        return Model(model.name, check_model_folder(folder, tokenizer_only=tokenizer_only), version)

    # The commit of the first fetch is kept, so that a model stays the same until the user says otherwise.
    commits = cache_home() / "models" / "revisions.json"
    wanted = revision or model.revision or recall(commits, model.repo_id) or "main"
    repository = Repository("model", model.repo_id, wanted)
    snapshot = Snapshot(repository, progress=progress, workers=workers, again=f"mslt fetch model {model.name}")
    chosen = choose_files(list(snapshot.files), tokenizer_only=tokenizer_only, name=model.repo_id)
    files = snapshot.download(chosen)
    for name in () if tokenizer_only else (CHAT_TEMPLATE, GENERATION):
        if name in snapshot.files:
            with suppress(FetchError):  # without them `--template auto` alone cannot be used, and says so
                snapshot.download([name])
    checked = check_model_folder(files[chosen[0]].parent, tokenizer_only=tokenizer_only)
    remember(commits, model.repo_id, snapshot.commit)
    return Model(model.name, checked, snapshot.commit)
