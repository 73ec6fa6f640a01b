"""`--report-to`: trackers that show a training while it runs. What they get follows from metrics.jsonl, the truth.

Each start of a run begins anew at its tracker, and tells it the steps before a checkpoint out of the checkpoint's lines
of metrics.jsonl. So a run that goes on has every step once, whatever the tracker had got before.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from io import StringIO
from pathlib import Path
from typing import Any, Protocol

from mslt_cli.errors import UsageError
from mslt_cli.files import drop
from mslt_cli.progress import QUIET, Progress
from mslt_cli.runs.directory import TENSORBOARD

PROJECT = "mslt"
"""Where the tracker keeps runs together, unless its own variable (WANDB_PROJECT, TRACKIO_PROJECT) says otherwise."""


@dataclass(frozen=True)
class Reported:
    """A run, as a tracker knows it."""

    directory: Path
    run_id: str
    config: Mapping[str, Any]
    """What determines it."""


class _Tracker(Protocol):
    def __init__(self, run: Reported) -> None:
        """Begin; what this machine has of an earlier start is dropped."""

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Values of a step, by name."""

    def end(self, failed: bool) -> None:
        """All has been said."""


class _TensorBoard:
    """Event files in the run's directory: `tensorboard --logdir RUNS`."""

    def __init__(self, run: Reported) -> None:
        drop(run.directory / TENSORBOARD)
        self.writer: Any = import_module("torch.utils.tensorboard").SummaryWriter(run.directory / TENSORBOARD)
        self.writer.add_text("config", f"```json\n{json.dumps(run.config, indent=1)}\n```")

    def log(self, values: Mapping[str, float], step: int) -> None:
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)

    def end(self, failed: bool) -> None:
        self.writer.close()


class _Wandb:
    """Weights & Biases; its own variables hold (WANDB_MODE=offline, WANDB_DIR, …)."""

    def __init__(self, run: Reported) -> None:
        wandb: Any = import_module("wandb")
        for earlier in Path(os.environ.get("WANDB_DIR") or ".", "wandb").glob(f"*run-*-{run.run_id}"):
            drop(earlier)
        self.run = wandb.init(
            project=os.environ.get("WANDB_PROJECT") or PROJECT,
            name=run.directory.name,
            id=run.run_id,
            config=dict(run.config),
            settings=wandb.Settings(silent=True, console="off"),
        )

    def log(self, values: Mapping[str, float], step: int) -> None:
        self.run.log(dict(values), step=step)

    def end(self, failed: bool) -> None:
        self.run.finish(exit_code=int(failed))


class _Trackio:
    """Trackio: a database on this machine, unless its own variables name a server or a Space."""

    def __init__(self, run: Reported) -> None:
        self.trackio: Any = import_module("trackio")
        project = os.environ.get("TRACKIO_PROJECT") or PROJECT
        with redirect_stdout(StringIO()):  # stdout is for results
            try:
                earlier = [each for each in self.trackio.Api().runs(project) if each.name == run.directory.name]
            except ValueError:  # there is no such project yet
                earlier = []
            for each in earlier:
                each.delete()
            self.trackio.init(
                project=project,
                name=run.directory.name,
                config=dict(run.config),
                embed=False,
                auto_log_gpu=False,
                auto_log_cpu=False,
            )

    def log(self, values: Mapping[str, float], step: int) -> None:
        self.trackio.log(dict(values), step=step)

    def end(self, failed: bool) -> None:
        with redirect_stdout(StringIO()):
            self.trackio.finish()


TRACKERS: dict[str, type[_Tracker]] = {"trackio": _Trackio, "wandb": _Wandb, "tensorboard": _TensorBoard}
"""By name, which is that of the package as well."""


def require_tracker(name: str | None) -> None:
    """Raises: UsageError: the package is not installed."""
    try:
        if name is not None:
            version(name)  # not find_spec: wandb's own folder `wandb` would do for it
    except PackageNotFoundError as error:
        raise UsageError(f"--report-to {name} needs the package {name}. Run `pip install {name}`.") from error


class Reporter:
    """Tells a tracker what becomes of a run. A tracker that fails is told no more, and does not stop the run."""

    def __init__(self, name: str | None = None, run: Reported | None = None, progress: Progress = QUIET) -> None:
        self.name, self.progress = name, progress
        self.tracker: _Tracker | None = None
        self.last = 0
        if name is not None and run is not None:
            with self._unharmed():
                self.tracker = TRACKERS[name](run)

    def step(self, line: str) -> None:
        """A line of metrics.jsonl."""
        if self.tracker is not None:
            values = json.loads(line)
            self.last = values.pop("step")
            with self._unharmed():
                self.tracker.log({f"train/{name}": value for name, value in values.items()}, self.last)

    def scores(self, scores: Sequence[Mapping[str, Any]], means: Sequence[Mapping[str, Any]]) -> None:
        """The final scores and means, as run.json has them, at the last step; shares, 0..1."""
        parts = ("task", "split", "scoring", "metric", "target")
        values = {
            "/".join(["score", *(str(each[part]) for part in parts if each.get(part))]): each["value"]
            for each in [*({**mean, "target": "mean"} for mean in means), *scores]
        }
        if self.tracker is not None and values:
            with self._unharmed():
                self.tracker.log(values, self.last)

    def end(self, failed: bool) -> None:
        """All has been said."""
        if self.tracker is not None:
            with self._unharmed():
                self.tracker.end(failed)

    @contextmanager
    def _unharmed(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # of another's code: a server that does not answer, a full disk, …
            self.tracker = None
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            self.progress.note(f"{self.name} takes no more of this run ({reason}); metrics.jsonl has all of it.")


@contextmanager
def report(name: str | None, run: Reported, progress: Progress) -> Iterator[Reporter]:
    """Tell a tracker of a run in the block; None = nobody."""
    reporter, failed = Reporter(name, run, progress), True
    try:
        yield reporter
        failed = False
    finally:
        reporter.end(failed)
