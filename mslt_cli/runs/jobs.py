"""Several processes that share one plan: each begins at another place, and locks keep them off each other's runs."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from mslt_cli.errors import UsageError
from mslt_cli.runs.plan import Experiment
from mslt_cli.stopping import passed_on, postponed
from mslt_cli.training.distributed import JOB, is_helper


def first_run(runs: int) -> int:
    """Which run of the plan this process begins with."""
    if not is_helper():
        return 0
    number, jobs = map(int, os.environ[JOB].split("/"))
    return runs * number // jobs


def write_runs(experiment: Experiment) -> str:
    """Runs that were chosen here, with their budget, for the helpers' standard input; its seeds are by combination."""
    assert isinstance(experiment.seeds, Mapping)
    lines = [f"{','.join(languages)} {' '.join(map(str, seeds))}" for languages, seeds in experiment.seeds.items()]
    return "\n".join([str(experiment.examples), *lines])


def read_runs(experiment: Experiment) -> Experiment:
    """The experiment with the runs that `write_runs` wrote, out of standard input."""
    examples, *lines = sys.stdin.read().splitlines()
    parts = [line.split() for line in lines]
    seeds = {tuple(languages.split(",")): [int(seed) for seed in numbers] for languages, *numbers in parts}
    return replace(experiment, sources=[*seeds], seeds=seeds, examples=int(examples))


@contextmanager
def start_helpers(jobs: int, device: str | None, stdin: str) -> Iterator[None]:
    """Start jobs − 1 processes with this one's own command line; they end with the block, or are ended.

    A signal to this process is passed on to them, and it waits until they have saved what they have. On GPUs each
    process has one of its own. `stdin` is what this process read, and they will.

    Raises: UsageError: there are fewer devices than jobs.
    """
    if jobs == 1:
        yield
        return
    gpus = _gpus(device)
    places = gpus or [""] * (os.cpu_count() or 1)
    if jobs > len(places):
        what = "GPUs" if gpus else "cores"
        raise UsageError(f"--jobs is {jobs}, and there are {len(places)} {what}. Give at most as many.")
    threads = {} if gpus else {"OMP_NUM_THREADS": str(max(1, len(places) // jobs))}
    words = [sys.executable, "-m", "mslt_cli", *sys.argv[1:]]
    helpers: list[subprocess.Popen[str]] = []
    told: list[subprocess.Popen[str]] = []

    def tell(number: int) -> None:
        told[:] = helpers
        for helper in helpers:
            helper.send_signal(number)

    try:
        with passed_on(tell):
            for number in range(1, jobs):
                device_of_its_own = {"CUDA_VISIBLE_DEVICES": places[number]} if gpus else {}
                environment = os.environ | threads | {JOB: f"{number}/{jobs}"} | device_of_its_own
                pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
                with postponed():
                    helpers.append(subprocess.Popen(words, stdin=pipe, stdout=nowhere, env=environment, text=True))
                assert helpers[-1].stdin is not None
                helpers[-1].stdin.write(stdin)
                helpers[-1].stdin.close()
            if gpus:
                os.environ["CUDA_VISIBLE_DEVICES"] = places[0]
            os.environ |= threads  # read when torch is imported
            yield
            for helper in helpers:
                helper.wait()
    finally:
        for helper in helpers:
            if helper not in told:
                helper.terminate()  # does nothing to one that has ended
        for helper in helpers:
            helper.wait()
        if gpus:  # for the next helpers; torch has read it here
            os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)


def _gpus(device: str | None) -> list[str]:
    """The GPUs that this process may use, by number."""
    if device == "cpu":
        return []
    if (visible := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return [gpu for gpu in visible.split(",") if gpu not in ("", "-1")]
    from mslt_cli.runs.session import has_gpu_driver

    if not has_gpu_driver():
        return []
    import torch  # in this process it counts all GPUs, and takes none yet

    return [str(i) for i in range(torch.cuda.device_count())]
