"""The tasks: data sets that models are trained, evaluated and probed on; one file each."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from mslt_cli.errors import UnknownNameError

if TYPE_CHECKING:
    from mslt_cli.tasks.task import Task

TASKS = (
    *("wikiann", "xnli", "pawsx", "udpos", "xcopa", "xwinograd", "xstorycloze", "bactrian", "pud", "cldr", "sib200"),
    *("massive", "masakhaner", "masakhanews", "afrixnli", "nusax", "uner", "belebele", "globalmmlu"),
    *("emoji", "intents", "udhr"),
)
"""The paper's tasks for encoders and decoders, instructions and parallel sentences, then those of later years, then
those that need no hub, as cldr."""


def find_task(name: str) -> Task:
    """The task of that name, one of a user's own by its name if it was fetched, or the one that a TOML file defines.

    Raises:
        UnknownNameError: there is none.
        DataError: the file is not a task's; names the key.
    """
    folded = name.strip().casefold().replace("-", "")
    if folded not in TASKS:
        from mslt_cli.tasks.custom import find_own, read_task

        if name.endswith(".toml"):
            return read_task(name)
        if own := find_own(name):
            return own
        raise UnknownNameError("task", name, (*TASKS, "./yours.toml"))
    task: Task = import_module(f"mslt_cli.tasks.{folded}").TASK
    return task
