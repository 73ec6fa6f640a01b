"""Token ids with their labels, and how they are padded into a batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mslt_cli.data.encoding import Encoded

IGNORED = -100
"""The label of a token that carries none; torch's cross-entropy passes over it."""


@dataclass(frozen=True)
class Example:
    """One segment with its labels."""

    ids: NDArray[np.int32]
    types: NDArray[np.uint8]
    positions: NDArray[np.int32]
    """Token classification and instructions: where the labels go; else empty."""
    labels: NDArray[np.int64]
    """One label for each position, or a single one for the whole segment."""


def labelled_examples(encoded: Encoded, labels: Sequence[Any] | None, segments: Sequence[int]) -> list[Example]:
    """Examples of segments; `labels` has for each row a number or those of its words, and is None if unknown."""
    examples = []
    for s in segments:
        ids, types, positions, words = encoded.segment(s)
        if labels is None:
            positions, own = positions[:0], np.empty(0, np.int64)
        else:
            of_row = np.asarray(labels[encoded.row[s]], np.int64)
            own = of_row[words] if of_row.ndim else of_row[None]
        examples.append(Example(ids, types, positions, own))
    return examples


def next_token_examples(encoded: Encoded, segments: Sequence[int]) -> list[Example]:
    """Examples of instructions, where each position before a token of the answer has that token's id as its label."""
    return [
        Example(ids, types, positions, ids[positions + 1].astype(np.int64))
        for ids, types, positions, _ in map(encoded.segment, segments)
    ]


def padded_length(examples: Sequence[Example], multiple: int = 1) -> int:
    """Tokens of each example of a padded batch: as many as the longest has, or the next `multiple` of them."""
    return -(-max(len(example.ids) for example in examples) // multiple) * multiple


def collate(examples: Sequence[Example], pad_id: int, *, multiple: int = 1) -> dict[str, NDArray[np.int64]]:
    """Pad a batch of n to its longest example, or to the next `multiple` of tokens: 8 suits GPUs.

    Returns:
        `input_ids`, `attention_mask` and `token_type_ids`, shape (n, longest) each; `labels`, shape (n,), or
        (n, longest) with IGNORED where a token carries none.
    """
    shape = (len(examples), padded_length(examples, multiple))
    ids, attended, types = np.full(shape, pad_id, np.int64), np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    by_token = any(len(example.positions) for example in examples)
    labels = np.full(shape if by_token else len(examples), IGNORED, np.int64)
    for i, example in enumerate(examples):
        size = len(example.ids)
        ids[i, :size], attended[i, :size], types[i, :size] = example.ids, 1, example.types
        if by_token:
            labels[i, example.positions] = example.labels
        elif len(example.labels):
            labels[i] = example.labels[0]
    return {"input_ids": ids, "attention_mask": attended, "token_type_ids": types, "labels": labels}
