"""How long a training takes before any of its kind has run: how much it computes, and how fast a machine does."""

import time
from functools import cache

import numpy as np

from mslt_cli.models.shape import ModelShape
from mslt_cli.training.settings import Settings

CPU_SHARE, GPU_SHARE = 0.6, 0.35
"""Of what a CPU does in one large product and of a GPU's peak, what a training reaches: e5-small's batches of 16 × 64
tokens on two AVX2 cores, and what is usual on GPUs (Chowdhery et al. 2022, arXiv:2204.02311, Table 3: 21 to 46 %)."""
A100 = 312e12
"""Operations a second in bfloat16 of the GPU that estimates are for (NVIDIA's data sheet, without sparsity)."""
STEP_S = 0.03
"""What a step takes on a GPU at least, however small: it is told of some thousand operations, one by one."""


def count_operations(shape: ModelShape, settings: Settings, tokens: float, labels: float, length: float) -> float:
    """Multiplications and additions of a training.

    Two for each weight and token on the way forward, as many for the gradient of what came in, and again for that of
    the weight if it is trained; attention multiplies each token with all of its text, and a decoder the tokens that are
    learned with the whole vocabulary. Embeddings are looked up.

    Args:
        tokens: of the whole training, padding included.
        labels: those of them that have a label.
        length: tokens of a text on average.

    Source:
        Kaplan et al. 2020, arXiv:2001.08361, §2.1.
    """
    passes = 3 if settings.adapter is None else 2
    weights = shape.parameters - shape.in_vocabulary
    attention = 2 * shape.layers * shape.width * length  # forward: queries by keys, and weights by values
    head = shape.vocabulary * shape.width if settings.adapter is not None else 0
    return passes * 2 * ((weights + attention) * tokens + head * labels)


def estimate_seconds(
    operations: float, settings: Settings, steps: int, *, on_gpu: bool, processes: int = 1
) -> float | None:
    """Seconds of so many operations in so many steps: on an A100, or as fast as this CPU multiplies.

    It is right within a factor of two or three. None = not known: a CPU may be fast or very slow in bfloat16.

    Args:
        settings: with a decided precision.
        processes: that share the work; those of a CPU share its cores as well.
    """
    if on_gpu:
        peak = A100 if settings.precision == "bf16" else A100 / 16  # float32 without TF32
        return max(operations / (GPU_SHARE * peak * processes), STEP_S * steps)
    return operations / (CPU_SHARE * _measure_cpu()) if settings.precision == "fp32" else None


@cache
def _measure_cpu(size: int = 768, times: int = 5) -> float:
    """Operations a second in float32 of the fastest of some products of matrices; takes a tenth of a second."""
    square = np.ones((size, size), np.float32)
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        square @ square
        taken.append(time.perf_counter() - start)
    return float(2 * size**3 / min(taken))
