"""The labels that a classifier gives to a split: needs the model; metrics.py scores them with numpy alone."""

from typing import Any

import numpy as np

from mslt_cli.data.encoding import Encoded
from mslt_cli.data.examples import collate, labelled_examples
from mslt_cli.errors import ModelError
from mslt_cli.models.batching import NOT_FINITE, batch_tokens, compute_batches, inference
from mslt_cli.models.classifier import Classifier
from mslt_cli.progress import SILENT, Step

GPU_BATCH_TOKENS = 32_768
"""Tokens in a batch, padding included: a classifier gives few numbers back, so more of them fit than elsewhere."""
NO_LABEL = -1
"""Of a word that has no token, so that the model gives it no label."""


def predict(
    classifier: Classifier,
    encoded: Encoded,
    words: list[int] | None,
    *,
    precision: str = "fp32",
    step: Step = SILENT,
) -> list[Any]:
    """The most likely label of each row, or of each of its words.

    Args:
        words: number of words in each row, for token classification; None where whole rows are classified.
        step: advances with each row.

    Returns:
        By row: a label, or a list of one label a word, with NO_LABEL for words without a token.

    Raises:
        ModelError: the model gives no finite numbers, or not even one row fits into memory.
    """
    import torch

    classifier.network.eval()

    def best_labels(segments: list[int]) -> Any:
        """The label with the highest score: shape (segments,), or (segments, tokens) for words."""
        arrays = collate(labelled_examples(encoded, None, segments), classifier.pad_id)
        batch = {name: torch.from_numpy(arrays[name]).to(classifier.device) for name in arrays if name != "labels"}
        with inference(classifier.device, precision):
            logits = classifier.logits(batch)
            if not torch.isfinite(logits).all():
                raise ModelError(NOT_FINITE)
            return logits.argmax(dim=-1).cpu().numpy()

    labels: list[Any] = [[NO_LABEL] * n for n in words] if words is not None else [NO_LABEL] * len(encoded.row)
    lengths = encoded.lengths.tolist()
    begins = np.zeros(len(lengths), bool)
    begins[encoded.first_segments()] = True
    most = GPU_BATCH_TOKENS if classifier.device.type == "cuda" else batch_tokens(classifier.device)
    for segments, best in compute_batches(best_labels, lengths, most):
        for i, s in enumerate(segments):
            row = int(encoded.row[s])
            if words is None:
                labels[row] = int(best[i])
                continue
            first, last = encoded.word_starts[s], encoded.word_starts[s + 1]
            of_words = best[i, encoded.positions[first:last]].tolist()
            for word, label in zip(encoded.words[first:last].tolist(), of_words, strict=True):
                labels[row][word] = label
        step.advance(int(begins[segments].sum()))
    return labels
