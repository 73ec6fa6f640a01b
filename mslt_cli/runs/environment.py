"""What computed a run, and when: versions, device, processes, commit, times. Nothing here determines the run."""

import platform
import subprocess
import time
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from mslt_cli import __version__
from mslt_cli.models.classifier import Classifier
from mslt_cli.models.decoder import Decoder


def describe_environment(learner: Classifier | Decoder, processes: int = 1) -> dict[str, Any]:
    """The environment as run.json keeps it; so many processes trained together."""
    import numpy
    import torch
    import transformers

    device = learner.device
    adapter = learner.adapter if isinstance(learner, Decoder) else None
    packages = [*(["peft"] if adapter else []), *(["bitsandbytes"] if adapter and adapter.four_bit else [])]
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "numpy": numpy.__version__,
        "mslt": __version__,
        **{package: version(package) for package in packages},
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "processes": processes,
        "threads": torch.get_num_threads(),
        "host": platform.node(),
        "git_commit": _git_commit(),
    }


class Stopwatch:
    """The times of a run."""

    def __init__(self) -> None:
        self.started, self.clock = datetime.now(UTC), time.monotonic()

    def as_record(self) -> dict[str, Any]:
        """What run.json keeps if the run ends now."""
        return {
            "started_at": self.started.isoformat(timespec="seconds"),
            "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "wall_s": round(time.monotonic() - self.clock, 3),
            "mslt_version": __version__,
        }


def _git_commit() -> str | None:
    """The commit of the folder that the user works in, if it is a repository."""
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
