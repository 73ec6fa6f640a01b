"""Sentence embeddings: the mean of a layer's hidden states over a sentence's tokens."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from mslt_cli.errors import DataError, ModelError, UsageError
from mslt_cli.progress import QUIET, Progress

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

BATCH_TOKENS = {"cpu": 1024, "cuda": 16_384}
"""Tokens in a batch, padding included, by type of device, if not given otherwise."""
TOKENIZED_AT_ONCE = 1_000

Layers = Sequence[int] | Literal["last", "all"]
Batch = tuple[list[int], dict[int, NDArray[np.float32]]]
"""Which texts (counted from 0), and their embeddings by layer, shape (texts, d) each."""


@dataclass(frozen=True)
class _Encoded:
    """A text as the model takes it."""

    ids: list[int]
    counts: list[bool]
    """Whether the mean takes the token in."""


def sentence_embeddings(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str] | Sequence[list[str]],
    *,
    layers: Layers = "last",
    prefix: str = "",
    special_tokens: bool = True,
    max_length: int = 512,
    batch_tokens: int | None = None,
    progress: Progress = QUIET,
    called: str = "embed",
) -> dict[int, NDArray[np.float32]]:
    """Embed sentences: for each layer, the mean of its hidden states over the tokens of a sentence.

    Args:
        model: without a head, as `load_encoder` gives it; a decoder does as well.
        tokenizer: its own.
        texts: n sentences, or n lists of words. Words get to the tokenizer as words, but joined by blanks where it
            would write them together (the byte-level ones, as BLOOM's, do).
        layers: which ones: 0 is what the embedding layer gives, L what the last of L layers gives.
        prefix: put before each text, and counted with it: "query: " for e5 models.
        special_tokens: whether the mean takes in `<s>` and its like. The model sees them in any case.
        max_length: longest text in tokens, special ones included; what is longer is cut, and noted. Never more
            than the model has positions for.
        batch_tokens: most tokens in a batch, padding included; a single text may have more.
        progress: hears of it.
        called: what progress calls it.

    Returns:
        By layer, shape (n, d), rows in the order of the texts. What else is in a batch does not change a text's
        embedding but for rounding (1e-5 in float32): padding takes no part.

    Raises:
        DataError: there are no texts, or one of them has no token of its own.
        ModelError: the model has no such layer, gives no finite numbers, or runs out of GPU memory.

    Source:
        Lim et al. 2024, §5.3, for the last layer.
    """
    out: dict[int, NDArray[np.float32]] = {}
    batches = embedding_batches(
        *(model, tokenizer, texts),
        layers=layers,
        prefix=prefix,
        special_tokens=special_tokens,
        max_length=max_length,
        batch_tokens=batch_tokens,
        progress=progress,
        called=called,
    )
    for indices, embeddings in batches:
        for layer, rows in embeddings.items():
            if layer not in out:
                out[layer] = np.empty((len(texts), rows.shape[1]), np.float32)
            out[layer][indices] = rows
    return out


def embedding_batches(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str] | Sequence[list[str]],
    *,
    layers: Layers = "last",
    prefix: str = "",
    special_tokens: bool = True,
    max_length: int = 512,
    batch_tokens: int | None = None,
    progress: Progress = QUIET,
    called: str = "embed",
) -> Iterator[Batch]:
    """Do what `sentence_embeddings` does, a batch at a time, so that not all of them are in memory.

    Texts of like length share a batch, the longest ones first: if memory does not suffice, that shows at once.
    """
    import torch

    wanted = _layers(model, layers)
    encoded = _encode(tokenizer, texts, prefix, special_tokens, _most_tokens(model, tokenizer, max_length), progress)
    network: Any = model
    network.eval()
    device = model.device
    most = batch_tokens or BATCH_TOKENS.get(device.type, BATCH_TOKENS["cpu"])
    forward = {"output_hidden_states": wanted != (model.config.num_hidden_layers,)}
    if "use_cache" in inspect.signature(model.forward).parameters:
        forward["use_cache"] = False  # a decoder would keep keys and values for a next token that nobody asks for
    with progress.step(called, len(encoded), "sentences") as step:
        for indices in length_batches([len(text.ids) for text in encoded], most):
            ids, attended, counts = _padded([encoded[i] for i in indices], _pad_id(model, tokenizer))
            try:
                with torch.inference_mode():
                    out = network(
                        input_ids=torch.from_numpy(ids).to(device),
                        attention_mask=torch.from_numpy(attended).to(device),
                        **forward,
                    )
                    pooled = _pool(out, wanted, torch.from_numpy(counts).to(device))
            except torch.OutOfMemoryError as error:
                raise ModelError(
                    f"The GPU has too little memory for a batch of {len(indices)} sentences of {ids.shape[1]} tokens."
                    " Make the batches smaller (batch_tokens), or use the CPU."
                ) from error
            _require_finite(pooled, indices)
            yield indices, pooled
            step.advance(len(indices))


def mean_embedding(embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
    """The mean over sentences, in float64.

    Args:
        embeddings: shape (n, d).

    Returns:
        Shape (d,).
    """
    mean: NDArray[np.float64] = embeddings.mean(axis=0, dtype=np.float64)
    return mean


def mean_of_batches(batches: Iterable[Batch]) -> dict[int, NDArray[np.float64]]:
    """The mean over all sentences of `embedding_batches`, by layer, shape (d,) each; keeps one batch in memory."""
    sums: dict[int, NDArray[np.float64]] = {}
    n = 0
    for indices, embeddings in batches:
        n += len(indices)
        for layer, rows in embeddings.items():
            sums[layer] = sums.get(layer, 0.0) + rows.sum(axis=0, dtype=np.float64)
    return {layer: total / n for layer, total in sums.items()}


def length_batches(lengths: Sequence[int], most: int) -> Iterator[list[int]]:
    """Put texts of like length together, longest first, ties in the order of the texts.

    Args:
        lengths: in tokens, one a text.
        most: tokens in a batch once all of it is padded to its longest; a longer text is a batch of its own.

    Yields:
        Positions of the texts in `lengths`.
    """
    batch: list[int] = []
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if batch and (len(batch) + 1) * lengths[batch[0]] > most:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def _layers(model: PreTrainedModel, layers: Layers) -> tuple[int, ...]:
    last = int(model.config.num_hidden_layers)
    if layers == "last":
        return (last,)
    if layers == "all":
        return tuple(range(last + 1))
    for layer in layers:
        if layer not in range(last + 1):
            raise ModelError(f"The model has no layer {layer}. Its layers are 0 (the embeddings) to {last}.")
    return tuple(int(layer) for layer in layers)


def _most_tokens(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, max_length: int) -> int:
    """The longest text that is wanted and that the model has positions for."""
    most = min(max_length, tokenizer.model_max_length)
    positions = getattr(model.config, "max_position_embeddings", None)  # BLOOM has none: its positions have no end
    if positions is not None:
        # XLM-R counts positions from the one after that of its padding: 514 rows of the table are 512 positions.
        table = getattr(getattr(model, "embeddings", None), "position_embeddings", None)
        padding = getattr(table, "padding_idx", None)
        most = min(most, positions - (0 if padding is None else padding + 1))
    if most <= tokenizer.num_special_tokens_to_add():
        raise UsageError(f"At most {most} tokens leave no room for a sentence. Give a greater length.")
    return most


def _encode(
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str] | Sequence[list[str]],
    prefix: str,
    special_tokens: bool,
    most: int,
    progress: Progress,
) -> list[_Encoded]:
    if not len(texts):
        raise DataError("There are no sentences to embed.")
    words = not isinstance(texts[0], str)
    given: Any = texts
    if words and _glues_words(tokenizer):
        given, words = [" ".join(text) for text in given], False
    before: Any = [prefix.strip()] if words else prefix
    prefix_tokens = len(tokenizer(prefix, add_special_tokens=False)["input_ids"]) if prefix else 0
    encoded: list[_Encoded] = []
    cut = 0
    for start in range(0, len(given), TOKENIZED_AT_ONCE):
        some = list(given[start : start + TOKENIZED_AT_ONCE])
        out = tokenizer(
            [before + text for text in some] if prefix else some,
            is_split_into_words=words,
            truncation=True,
            max_length=most,
            return_special_tokens_mask=True,
            return_attention_mask=False,
        )
        cut += sum(bool(encoding.overflowing) for encoding in out.encodings or ())
        for i, (ids, special) in enumerate(zip(out["input_ids"], out["special_tokens_mask"], strict=True)):
            # No more tokens than the prefix alone has: either the text has none, or its own grew together with those.
            if len(ids) - sum(special) <= prefix_tokens and not _has_tokens(tokenizer, some[i], words):
                raise DataError(
                    f"Sentence {start + i + 1} has no tokens: it is empty, or holds nothing that the model's tokenizer"
                    " keeps. Remove it."
                )
            encoded.append(_Encoded(ids, [special_tokens or not mask for mask in special]))
    if cut:
        progress.note(f"{cut:,} of {len(texts):,} sentences are longer than {most} tokens: the rest of them is cut.")
    return encoded


def _has_tokens(tokenizer: PreTrainedTokenizerBase, text: Any, words: bool) -> bool:
    return bool(tokenizer(text, is_split_into_words=words, add_special_tokens=False)["input_ids"])


def _glues_words(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether words that are given one by one come out as one: no token of theirs stands for the blank between."""
    ids = tokenizer([["a", "b"]], is_split_into_words=True, add_special_tokens=False)["input_ids"][0]
    return str(tokenizer.decode(ids)).strip() == "ab"


def _pad_id(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> int:
    """The id to pad with. Where there is none any will do: padding is not attended to. XLM-R counts by it."""
    known = (tokenizer.pad_token_id, getattr(model.config, "pad_token_id", None))
    return next((int(pad) for pad in known if pad is not None), 0)


def _padded(texts: Sequence[_Encoded], pad_id: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Token ids, attention mask and what counts, shape (texts, longest) each; padded at the end."""
    shape = (len(texts), max(len(text.ids) for text in texts))
    ids, attended, counts = np.full(shape, pad_id), np.zeros(shape, np.int64), np.zeros(shape, np.bool_)
    for row, text in enumerate(texts):
        length = len(text.ids)
        ids[row, :length] = text.ids
        attended[row, :length] = 1
        counts[row, :length] = text.counts
    return ids, attended, counts


def _pool(out: Any, layers: Sequence[int], counts: Any) -> dict[int, NDArray[np.float32]]:
    """Mean of the hidden states over the tokens that count, in float32, by layer."""
    last = out.last_hidden_state  # (texts, tokens, d)
    leave = ~counts.unsqueeze(-1)
    total = counts.sum(dim=1, keepdim=True)
    pooled = {}
    for layer in layers:
        states = out.hidden_states[layer] if out.hidden_states is not None else last
        mean = states.float().masked_fill(leave, 0.0).sum(dim=1) / total
        pooled[layer] = mean.cpu().numpy()
    return pooled


def _require_finite(pooled: dict[int, NDArray[np.float32]], indices: Sequence[int]) -> None:
    for layer, rows in pooled.items():
        bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
        if len(bad):
            first = min(indices[row] for row in bad.tolist())
            raise ModelError(
                f"The model gives no finite numbers for sentence {first + 1} in layer {layer}. Its weights are damaged,"
                " or too large for the precision that it runs in."
            )
