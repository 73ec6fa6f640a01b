"""Several processes of one training, as torchrun and `accelerate launch` start them: each takes part of a batch."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

JOB = "MSLT_JOB"
"""Set for a helper, which takes a part of another process's plan: its number, from 1, and how many there are."""


@dataclass(frozen=True)
class World:
    """The processes that train together."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    """Rank of this process on its machine: the number of its GPU."""

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes and talks."""
        return self.rank == 0

    def add_up(self, tensors: Iterable[Any]) -> None:
        """Add up tensors over all processes, in place."""
        if self.size > 1:
            import torch.distributed as dist

            for work in [dist.all_reduce(tensor, async_op=True) for tensor in tensors]:
                work.wait()

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.size > 1:
            import torch.distributed as dist

            dist.barrier()

    def broadcast(self, value: Any) -> Any:
        """The value of the first process."""
        if self.size == 1:
            return value
        import torch.distributed as dist

        box = [value]
        dist.broadcast_object_list(box, src=0)
        return box[0]


ALONE = World()


def count_processes() -> int:
    """How many processes torchrun or `accelerate launch` started to train together, this one included."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_launched() -> bool:
    """Whether this process is one of several that train together."""
    return count_processes() > 1


def is_helper() -> bool:
    """Whether this process was started to take a part of another one's plan."""
    return JOB in os.environ


def is_first_process() -> bool:
    """Whether this process is alone, or the first of those that train together."""
    return int(os.environ.get("RANK", "0")) == 0 or not is_launched()


@contextmanager
def join_world() -> Iterator[World]:
    """The world that this process was launched into; it leaves at the end of the block."""
    if not is_launched():
        yield ALONE
        return
    import torch
    import torch.distributed as dist

    local = int(os.environ.get("LOCAL_RANK", "0"))
    if torch.cuda.is_available():
        torch.cuda.set_device(local)
    # The first process evaluates alone, and the others wait for it.
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo", timeout=timedelta(hours=12))
    try:
        yield World(dist.get_rank(), dist.get_world_size(), local)
    finally:
        dist.destroy_process_group()
