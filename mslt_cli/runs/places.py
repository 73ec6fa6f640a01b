"""Where runs are: in the folder of runs under whatever name, and wherever else the store knows them."""

from contextlib import suppress
from pathlib import Path

from mslt_cli.errors import StoreError
from mslt_cli.runs.directory import Run, RunError, read_run
from mslt_cli.store.db import open_store, store_exists
from mslt_cli.store.runs import known_directories


class Places:
    """The directories of runs by their ids, as they are when this is made."""

    def __init__(self, root: Path, store: Path) -> None:
        self.root = root
        self._known: dict[str, list[Path]] = {}
        with suppress(OSError):  # it is made with its first run
            for path in sorted(root.iterdir()):
                self._known.setdefault(path.name.rpartition("_")[2], []).append(path)
        with suppress(StoreError):  # an index that cannot be read is said where it is written
            if store_exists(store):
                with open_store(store) as opened:
                    for run_id, directory in known_directories(opened).items():
                        self._known.setdefault(run_id, []).append(Path(directory))

    def of(self, run_id: str, usual_name: str) -> list[Path]:
        """Where a run may be: first where it would be made, then where its id was found."""
        return list(dict.fromkeys([self.root / usual_name, *self._known.get(run_id, ())]))


def finished_run(directory: Path) -> Run | None:
    """The run in a directory; None if it has not ended, or its run.json cannot be used."""
    try:
        return read_run(directory)
    except RunError:
        return None
