"""How much memory a training takes, before anything is loaded."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mslt_cli.data.examples import Example, padded_length
from mslt_cli.models.adapter import Adapter
from mslt_cli.models.shape import ModelShape
from mslt_cli.training.settings import Settings

FLOAT, HALF, MASK = 4, 2, 1
"""Bytes of a number in float32 and in bfloat16, and of a mask of dropout on a GPU."""
NF4 = 0.516
"""Bytes of a weight in 4 bits: half, and the constants of its blocks (64 weights), which are quantised as well."""


@dataclass(frozen=True)
class Memory:
    """Bytes that a training takes at most, by what they are for."""

    weights: int
    gradients: int
    optimizer: int
    activations: int
    total: int
    """The most at one time: where a batch is one part, activations go as gradients come."""


def _add_up(weights: float, trained: int, activations: int, settings: Settings) -> Memory:
    """With gradients and AdamW's two moments in float32 of so many trained parameters."""
    gradients, optimizer = FLOAT * trained, 2 * FLOAT * trained
    one_part = settings.at_once() >= settings.batch_size
    both = max(gradients, activations) if one_part else gradients + activations
    return Memory(round(weights), gradients, optimizer, activations, round(weights) + optimizer + both)


@dataclass(frozen=True)
class LargestPart:
    """The examples that take most memory of those that go through a model at once."""

    rows: int
    length: int
    """Tokens of each, with padding."""
    labels: int
    """Most tokens of one that have a label."""
    used: int
    """Different token ids in the whole training."""


def largest_part(examples: Sequence[Example], at_once: int, *, on_gpu: bool) -> LargestPart:
    """Of all examples of a training."""
    rows = min(at_once, len(examples))
    length = padded_length(examples, 8 if on_gpu else 1)
    used = len(np.unique(np.concatenate([example.ids for example in examples])))
    return LargestPart(rows, length, max(len(example.labels) for example in examples), used)


def estimate_memory(shape: ModelShape, settings: Settings, part: LargestPart, *, on_gpu: bool) -> Memory:
    """Bytes of weights, gradients, moments and activations; without what a GPU's driver takes (about half a GB).

    Activations are what a layer keeps for the backward pass, for each token: in an encoder the inputs of two norms and
    of six linear layers, queries, keys, values, and masks of dropout: in float32 (8 h + 2 f) numbers and 2 h masks, h
    wide and f inside. On a CPU dropout in attention also keeps three weights for each head and pair of tokens.

    Args:
        settings: with a decided precision.

    Source:
        Counted with `torch.autograd.graph.saved_tensors_hooks` in transformers 5; `tests/training/test_memory.py`
        counts again. Korthikanti et al. 2023 (arXiv:2205.05198, §4.1) have 34 h bytes for 16 bits throughout.
    """
    if settings.adapter is not None:
        return _of_adapter(shape, settings, settings.adapter, part, on_gpu)
    p, width, words = shape.parameters, shape.width, shape.in_vocabulary
    half = settings.precision == "bf16"
    trims = not settings.compile and settings.choose != "best" and 2 * part.used < shape.vocabulary
    weights, trained = FLOAT * p, p
    if settings.freeze_embeddings:
        trained -= words
    elif trims:  # beside the whole embedding there are its rows that occur
        weights += FLOAT * part.used * width
        trained += part.used * width - words
    weights += HALF * (p - words) if half else 0  # autocast's copies
    weights += 0 if on_gpu else FLOAT * p  # the pretrained ones, for the next run
    return _add_up(weights, trained, _of_encoder(shape, settings, part, on_gpu), settings)


def _of_encoder(shape: ModelShape, settings: Settings, part: LargestPart, on_gpu: bool) -> int:
    """Bytes that the backward pass needs."""
    half = settings.precision == "bf16"
    size = HALF if half else FLOAT
    drops = (shape.dropout if settings.dropout is None else settings.dropout) > 0
    numbers = (8 if half else 6) * shape.width + 2 * shape.inner  # in bfloat16 queries, keys, values have an input each
    each = 2 * FLOAT * shape.width + size * numbers
    if drops:
        each += 2 * (MASK if on_gpu else size) * shape.width
    if drops and not on_gpu:
        each += 3 * FLOAT * shape.heads * part.length
    else:
        each += size * part.length + FLOAT * shape.heads  # the mask of padding; sums of the attention
    return part.rows * part.length * (shape.layers * each + 3 * FLOAT * shape.width)


def _of_adapter(shape: ModelShape, settings: Settings, adapter: Adapter, part: LargestPart, on_gpu: bool) -> Memory:
    """Of a decoder: only what the adapter's gradient needs is kept, and the scores of all token ids."""
    size = HALF if settings.precision == "bf16" else FLOAT
    words, layers = shape.in_vocabulary, shape.adapted(adapter)
    numbers = sum(adapter.rank * sum(layer) for layer in layers)
    weights = size * words + (NF4 if adapter.four_bit else size) * (shape.parameters - words) + FLOAT * numbers
    width = shape.width
    each = 2 * (FLOAT if shape.is_gated else size) * width  # norms; those with a gate compute in float32
    each += size * (3 if shape.is_gated else 1) * shape.inner
    if shape.kind == "bloom":  # it keeps the attention of each pair of tokens, in float32 and as it goes on
        each += size * 3 * width + (FLOAT + (size if size == HALF else 0)) * shape.heads * part.length
    else:
        each += size * (4 * width + part.length) + FLOAT * shape.heads
    kept = FLOAT + (MASK if on_gpu else FLOAT)
    adapters = sum(kept * layer[1] + FLOAT * adapter.rank for layer in layers)  # of all layers together
    scores = part.rows * part.labels * shape.vocabulary * (2 * size + 3 * FLOAT)
    activations = part.rows * part.length * (shape.layers * each + adapters) + scores
    return _add_up(weights, numbers, activations, settings)
