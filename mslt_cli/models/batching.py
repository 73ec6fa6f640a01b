"""Batches of texts of like length for inference; a batch that does not fit into the device's memory is halved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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


def compute_batches(
    compute: Callable[[list[int]], Result], lengths: Sequence[int], most: int, sizes: Sequence[float] | None = None
) -> Iterator[tuple[list[int], Result]]:
    """Compute texts in batches of like size, largest first, ties in their order; yield their positions and the result.

    A batch has at most `most` tokens once all of it is padded to its largest text; a larger text is a batch of its
    own, and a batch that does not fit into memory is halved. `sizes` are in tokens; None = the lengths. Raises
    ModelError where a single text does not fit into memory.
    """
    import torch

    sizes = lengths if sizes is None else sizes
    batches: list[list[int]] = []
    for i in sorted(range(len(sizes)), key=lambda i: -sizes[i]):
        if batches and (len(batches[-1]) + 1) * sizes[batches[-1][0]] <= most:
            batches[-1].append(i)
        else:
            batches.append([i])
    waiting = batches[::-1]
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
