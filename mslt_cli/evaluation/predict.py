"""What a classifier says of a split: needs the model; what its answers are worth needs numpy only (metrics.py)."""

from __future__ import annotations

from typing import Any

import numpy as np

from mslt_cli.errors import ModelError
from mslt_cli.models.classifier import Classifier
from mslt_cli.probing.embeddings import length_batches
from mslt_cli.progress import Step
from mslt_cli.training.batches import collate, examples_of
from mslt_cli.training.encoding import Encoded

BATCH_TOKENS = {"cpu": 1024, "cuda": 32_768}
"""Tokens in a batch, padding included, by type of device."""
NOT_FINITE = "The model gives no finite numbers: its weights are damaged, or the training diverged."
NO_LABEL = -1
"""Of a word that has no token, so that the model says nothing of it."""
_SILENT = Step()


def predict(
    classifier: Classifier,
    encoded: Encoded,
    words: list[int] | None,
    *,
    precision: str = "fp32",
    step: Step = _SILENT,
) -> list[Any]:
    """The most likely label of each row, or of each of its words.

    Args:
        classifier: as it is to be judged.
        encoded: the split.
        words: words of each row, for token classification; None where whole rows are classified.
        precision: fp32 or bf16.
        step: is told of each row.

    Returns:
        By row: a label, or a list of one label a word, with NO_LABEL for words without a token.

    Raises:
        ModelError: the model gives no finite numbers, or not even one row fits into memory.
    """
    import torch

    classifier.network.eval()
    out: list[Any] = [[NO_LABEL] * n for n in words] if words is not None else [NO_LABEL] * len(encoded.row)
    lengths = encoded.lengths.tolist()
    begins = np.zeros(len(lengths), bool)
    begins[encoded.first_segments()] = True
    most = BATCH_TOKENS.get(classifier.device.type, BATCH_TOKENS["cpu"])
    waiting = list(length_batches(lengths, most))[::-1]
    while waiting:
        segments = waiting.pop()
        try:
            best = _best_labels(classifier, encoded, segments, precision)
        except torch.OutOfMemoryError as error:
            if len(segments) == 1:
                raise ModelError(
                    f"The device has too little memory for an example of {lengths[segments[0]]} tokens. Use the CPU."
                ) from error
            half = len(segments) // 2
            waiting += [segments[half:], segments[:half]]
            continue
        for i, s in enumerate(segments):
            row = int(encoded.row[s])
            if words is None:
                out[row] = int(best[i])
                continue
            first, last = encoded.word_starts[s], encoded.word_starts[s + 1]
            labels = best[i, encoded.positions[first:last]]
            for word, label in zip(encoded.words[first:last].tolist(), labels.tolist(), strict=True):
                out[row][word] = label
        step.advance(int(begins[segments].sum()))
    return out


def _best_labels(classifier: Classifier, encoded: Encoded, segments: list[int], precision: str) -> Any:
    """The label with the highest score: shape (segments,), or (segments, tokens) for words."""
    import torch

    made = collate(examples_of(encoded, None, segments), classifier.pad_id)
    device = classifier.device
    batch = {name: torch.from_numpy(made[name]).to(device) for name in made if name != "labels"}
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
        logits = classifier.logits(batch)
        finite = bool(torch.isfinite(logits).all())
        best = logits.argmax(dim=-1).cpu().numpy()
    if not finite:
        raise ModelError(NOT_FINITE)
    return best.astype(np.int64)
