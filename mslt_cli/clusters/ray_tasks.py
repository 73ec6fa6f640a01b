"""Ray: each element is a task that waits for its resources; a keeper owns them, and outlives the command that submits.

Ray pickles what it sends to its own workers: here the words of command lines, which is all that a task executes.
"""

import logging
import math
import os
import subprocess
import threading
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from mslt_cli.clusters.submissions import Alive, ClusterError, Submission
from mslt_cli.errors import UsageError, needs
from mslt_cli.stopping import PREEMPTED

NAMESPACE = "mslt"
PASSED_ON = ("HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "OMP_NUM_THREADS")
"""Variables that the tasks get from the command that submits."""
MOST_STOPS = 100


class RayCluster:
    """The cluster that RAY_ADDRESS names, or that runs on this machine.

    Args:
        options: "num_gpus=1,num_cpus=4,memory=8e9,accelerator_type=A100"; other names are the cluster's own resources.

    Raises: UsageError: an amount is no number.
    """

    name = "ray"

    def __init__(self, options: Sequence[str] = ()) -> None:
        self.options: dict[str, Any] = {"num_cpus": 1.0, "max_retries": -1}  # of a node that dies; not of what fails
        self.resources: dict[str, float] = {}
        for part in (part for text in options for part in text.split(",")):
            name, _, value = part.strip().partition("=")
            if name == "accelerator_type":
                self.options[name] = value
                continue
            try:
                amount = float(value)
            except ValueError:
                amount = math.nan
            if not (name and 0 <= amount < math.inf):
                raise UsageError(f"--ray {part!r} is no amount of a resource. Give num_gpus=1, say.")
            (self.options if name in ("num_cpus", "num_gpus", "memory") else self.resources)[name] = amount

    @property
    def wants_gpu(self) -> bool:
        """Whether its tasks ask for a GPU."""
        return bool(self.options.get("num_gpus"))

    def largest(self) -> None:
        """Any number of elements."""

    def script(self, submission: Submission) -> str:
        """The command lines, one a run."""
        return "".join(f"{i}: {run.line}\n" for i, element in enumerate(submission.elements) for run in element)

    def submit(self, submission: Submission) -> str:
        """Start a keeper. Raises: ClusterError: there is no cluster."""
        ray = self._connect()
        keeper = ray.remote(Keeper).options(name=submission.name, lifetime="detached", num_cpus=0, get_if_exists=False)
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        elements = [
            ([run.command for run in element], str(submission.log(i))) for i, element in enumerate(submission.elements)
        ]
        options = self.options | ({"resources": self.resources} if self.resources else {})
        ray.get(keeper.remote().begin.remote(elements, environment, options))
        return submission.name

    def alive(self, submissions: Collection[Submission]) -> Mapping[tuple[str, int], Alive]:
        """As `Engine.alive`; a task that waits for its resources has no log yet."""
        ray = self._connect()
        states: dict[tuple[str, int], Alive] = {}
        for submission in submissions:
            with suppress(ValueError, ray.exceptions.RayActorError):  # its keeper has ended
                for i in ray.get(ray.get_actor(submission.name).unfinished.remote()):
                    states[submission.name, i] = "running" if submission.log(i).exists() else "queued"
        return states

    def _connect(self) -> Any:
        with needs("Submitting to Ray", "ray", "ray"):
            import ray
        if not ray.is_initialized():
            address = os.environ.get("RAY_ADDRESS", "auto")
            quiet = {"log_to_driver": False, "configure_logging": False, "logging_level": logging.ERROR}
            try:
                ray.init(address=address, namespace=NAMESPACE, **quiet)
            except ConnectionError as error:
                raise ClusterError(
                    "There is no Ray cluster to be reached. Run this on one of its machines, or set RAY_ADDRESS."
                ) from error
        return ray


class Keeper:
    """Owns the tasks of a submission, and ends when they have."""

    def begin(
        self, elements: Sequence[tuple[Any, str]], environment: Mapping[str, str], options: Mapping[str, Any]
    ) -> None:
        """Give Ray a task for each element: its command lines, and its log."""
        import ray

        task = ray.remote(**options)(carry_out_element)
        self.tasks = {task.remote(commands, log, environment): i for i, (commands, log) in enumerate(elements)}
        keeper = ray.get_runtime_context().current_actor

        def end() -> None:
            ray.wait(list(self.tasks), num_returns=len(self.tasks))
            ray.kill(keeper)

        threading.Thread(target=end, daemon=True).start()

    def unfinished(self) -> list[int]:
        """The places of the elements that have not ended."""
        import ray

        _, left = ray.wait(list(self.tasks), num_returns=len(self.tasks), timeout=0)
        return [self.tasks[task] for task in left]


def carry_out_element(commands: Sequence[Sequence[str]], log: str, environment: Mapping[str, str]) -> None:
    """Execute command lines one after another, each again while it is stopped with its state saved."""
    with Path(log).open("a", encoding="utf-8") as file:
        for words in commands:
            for _ in range(MOST_STOPS):
                done = subprocess.run(words, stdout=file, stderr=file, env=os.environ | environment, check=False)
                if done.returncode != PREEMPTED:
                    break
