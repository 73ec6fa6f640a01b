"""The store as an index over run directories: filled as runs end or from directories, and asked for a run."""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mslt_cli.data.shared_texts import ITEM
from mslt_cli.errors import StoreError, UnknownNameError
from mslt_cli.progress import Progress
from mslt_cli.runs.directory import CONFIG, MANIFEST, MERGED, MODEL, RUN, Run, RunError, check_files, read_run
from mslt_cli.runs.spec import find_model_of
from mslt_cli.store.db import Store, open_store
from mslt_cli.store.row_answers import RowAnswers, pack_items, pack_right
from mslt_cli.store.runs import find_one_run, save_run


class Index:
    """Writes finished runs into the store; that it cannot be written is said once, for it can be made again."""

    def __init__(self, path: Path, progress: Progress) -> None:
        self.path, self.progress, self.failed = path, progress, False
        self.left: list[Run] = []
        """Those that could not be written yet."""

    def save(self, run: Run) -> None:
        """Write a run, and those that are left. A store that is busy or cannot be written leaves them for the next."""
        self.left.append(run)
        try:
            with open_store(self.path, write=True) as store:
                while self.left:
                    run = self.left[0]
                    _save(store, run)
                    self.left.pop(0)
        except StoreError as error:
            if not self.failed:
                self.progress.note(
                    f"{error} The runs are safe: the same command again indexes them, and so does"
                    f" `mslt fetch runs {shlex.quote(str(run.directory.parent))}`."
                )
            self.failed = True


def _save(store: Store, run: Run) -> None:
    """Write a run, under the name that its model has here."""
    save_run(store, run.directory, {**run.record, "model": find_model_of(run)}, read_answers(run))


def find_run(store: Store, name: str) -> Run | None:
    """The run that a user names by its directory or the first digits of its id; None if it is no run.

    Raises: RunError, UsageError: the directory was changed or is gone; several runs begin so.
    """
    path = Path(name).expanduser()
    if (path / RUN).is_file() or ((path / CONFIG).is_file() and (path / MANIFEST).is_file()):
        if (run := read_run(path)) is None:
            raise RunError(f"The run in {path} has not ended. The command that started it goes on with it.")
        return run
    stored = find_one_run(store, name, origin="own")
    run = read_run(Path(stored.directory)) if stored is not None else None
    if stored is not None and run is None:
        raise RunError(f"{stored.directory} is gone. `mslt fetch runs DIR` finds runs that were moved.")
    return run


def read_answers(run: Run) -> dict[str, RowAnswers]:
    """Which rows a run answered right, by the file of the predictions; of rows with one answer each.

    Raises: RunError: predictions are missing or were changed.
    """
    answers = {}
    for score in run.scores:
        if score["metric"] == "accuracy" and score.get("predictions"):  # those of the harness have none
            frame = run.predictions(score)
            if frame["gold"].dtype.is_integer():  # a list: of words, or of both orders of the choices
                right = (frame["gold"] == frame["predicted"]).to_list()
                items = frame[ITEM if ITEM in frame.columns else "id"].to_list()
                answers[score["predictions"]] = RowAnswers(pack_right(right), pack_items(items))
    return answers


@dataclass(frozen=True)
class Indexed:
    """What `index_runs` found."""

    runs: tuple[Run, ...]
    unfinished: tuple[Path, ...]
    refused: tuple[tuple[Path, str], ...]
    """Directories that were changed by hand, and what is wrong with each."""


def index_runs(store: Store, folders: Iterable[Path]) -> Indexed:
    """Take all runs under some folders into the store, wherever they were made; the same again changes nothing.

    Args:
        store: open to write.
        folders: run directories, or folders of them.

    Raises: UnknownNameError: there is no such folder.
    """
    runs, unfinished, refused = [], [], []
    for folder in folders:
        if not folder.is_dir():
            raise UnknownNameError("folder", str(folder), (), "Give the folder of a run, or one of many runs.")
        for directory in sorted({path.parent for name in (RUN, CONFIG) for path in folder.rglob(name)}):
            if directory.name in (MODEL, MERGED) or directory.name.startswith("."):
                continue
            try:
                if (run := read_run(directory)) is None:
                    unfinished.append(directory)
                    continue
                check_files(run)
            except RunError as error:
                refused.append((directory, str(error)))
                continue
            _save(store, run)
            runs.append(run)
    return Indexed(tuple(runs), tuple(unfinished), tuple(refused))
