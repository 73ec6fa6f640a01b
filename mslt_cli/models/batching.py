"""Batches of texts of like length for inference; a batch that does not fit into the device's memory is halved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from mslt_cli.errors import ModelError

if TYPE_CHECKING:
    import torch

Result = TypeVar("Result")
BATCH_TOKENS = {"cpu": 1024, "cuda": 16_384}
"""Tokens in a batch, padding included, by type of device."""
NOT_FINITE = "The model gives no finite numbers: its weights are damaged, or the training diverged."


def batch_tokens(device: torch.device) -> int:
    """Tokens in a batch, padding included, that suit a device."""
    return BATCH_TOKENS.get(device.type, BATCH_TOKENS["cpu"])


def length_batches(lengths: Sequence[int], most: int) -> Iterator[list[int]]:
    """Put texts of like length together, longest first, ties in the order of the texts; yield their positions.

    A batch has at most `most` tokens once all of it is padded to its longest; a longer text is a batch of its own.
    """
    batch: list[int] = []
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if batch and (len(batch) + 1) * lengths[batch[0]] > most:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def compute_batches(
    batches: Iterable[list[int]], compute: Callable[[list[int]], Result], lengths: Sequence[int]
) -> Iterator[tuple[list[int], Result]]:
    """Compute batch after batch, as `length_batches` yields them; one that does not fit into memory is halved.

    Raises:
        ModelError: a single text does not fit into memory.
    """
    import torch

    waiting = [*batches][::-1]
    while waiting:
        batch = waiting.pop()
        try:
            result = compute(batch)
        except torch.OutOfMemoryError as error:
            if len(batch) == 1:
                what = f"The device has too little memory for a text of {lengths[batch[0]]} tokens."
                raise ModelError(f"{what} Use the CPU.") from error
            half = len(batch) // 2
            waiting += [batch[half:], batch[:half]]
        else:
            yield batch, result


@contextmanager
def inference(device: torch.device, precision: str = "fp32") -> Iterator[None]:
    """Compute without gradients, in fp32, or in bf16 where torch takes it to be safe."""
    import torch

    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
        yield
