"""Sentence embeddings: the mean of a layer's hidden states over a sentence's tokens."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from mslt_cli.errors import DataError, ModelError, UsageError
from mslt_cli.models.batching import batch_tokens, compute_batches, inference
from mslt_cli.models.folder import glues_words
from mslt_cli.progress import QUIET, Progress, Step

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

TOKENIZED_AT_ONCE = 1_000

Layers = Sequence[int] | Literal["last", "all"]
"""Numbers of layers: 0 is the output of the embedding layer, L that of the last of L layers."""
Texts = Sequence[str] | Sequence[list[str]]
"""Sentences, or lists of words. The tokenizer gets words as words, but joined by blanks where it would write them
together (byte-level tokenizers, as BLOOM's, do)."""
Batch = tuple[list[int], dict[int, NDArray[np.float32]]]
"""Positions of texts, and their embeddings by layer, shape (texts, d) each."""


@dataclass(frozen=True)
class EmbeddingOptions:
    """How sentences are embedded."""

    prefix: str = ""
    """Put before each sentence, and counted with it: "query: " for e5 models."""
    special_tokens: bool = True
    """Whether the mean includes `<s>` and its like. The model reads them in any case."""
    max_length: int = 512
    """Longest sentence in tokens, special ones included; a longer one is cut, and noted. Never more than the model has
    positions for."""
    batch_tokens: int | None = None
    """Most tokens in a batch, padding included; a single sentence may have more. None = as suits the device."""
    device: str | None = None
    """Where a model is loaded: cpu, cuda; None = the GPU if there is one."""

    @property
    def pooling(self) -> str:
        """The tokens that the mean is over: "mean", or "words" without special tokens."""
        return "mean" if self.special_tokens else "words"


def sentence_embeddings(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    texts: Texts,
    options: EmbeddingOptions = EmbeddingOptions(),
    *,
    layers: Layers = "last",
    progress: Progress = QUIET,
    what: str = "embed",
) -> dict[int, NDArray[np.float32]]:
    """Embed n sentences: for each layer, the mean of its hidden states over the tokens of a sentence, shape (n, d).

    The model has no head, as `load_encoder` gives it; a decoder works as well. The other texts of a batch change an
    embedding by rounding only (1e-5 in float32): padding takes no part. `what` names the work in `progress`, which
    also notes how many texts were cut.

    Raises:
        DataError: there are no texts, or one of them has no token of its own.
        ModelError: the model has no such layer, gives no finite numbers, or has too little memory for one sentence.

    Source:
        Lim et al. 2024, §5.3, for the last layer.
    """
    embeddings: dict[int, NDArray[np.float32]] = {}
    with progress.step(what, len(texts), "sentences") as step:
        for places, of_batch in embedding_batches(model, tokenizer, texts, options, layers, progress.note):
            for layer, rows in of_batch.items():
                if layer not in embeddings:
                    embeddings[layer] = np.empty((len(texts), rows.shape[1]), np.float32)
                embeddings[layer][places] = rows
            step.advance(len(places))
    return embeddings


def mean_embeddings(batches: Iterable[Batch], step: Step) -> dict[int, NDArray[np.float64]]:
    """The mean over all sentences of `embedding_batches`, by layer, shape (d,), float64; keeps one batch in memory."""
    sums: dict[int, NDArray[np.float64]] = {}
    n = 0
    for places, embeddings in batches:
        n += len(places)
        for layer, rows in embeddings.items():
            sums[layer] = sums.get(layer, 0.0) + rows.sum(axis=0, dtype=np.float64)
        step.advance(len(places))
    return {layer: total / n for layer, total in sums.items()}


def embedding_batches(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    texts: Texts,
    options: EmbeddingOptions = EmbeddingOptions(),
    layers: Layers = "last",
    note: Callable[[str], None] = QUIET.note,
) -> Iterator[Batch]:
    """Do what `sentence_embeddings` does, a batch at a time, so that not all embeddings are in memory.

    Texts of like length share a batch, the longest ones first: if memory does not suffice, that shows at once.
    """
    import torch

    last = int(model.config.num_hidden_layers)
    wanted = layer_numbers(layers, last)
    encoded = _encode(tokenizer, texts, options, _most_tokens(model, tokenizer, options.max_length), note)
    # Where there is no id to pad with any will do: padding is not attended to. XLM-R counts positions by it.
    candidates = (tokenizer.pad_token_id, getattr(model.config, "pad_token_id", None), 0)
    pad_id = next(pad for pad in candidates if pad is not None)
    network: Any = model
    network.eval()
    forward = {"output_hidden_states": wanted != (last,)}
    if "use_cache" in inspect.signature(model.forward).parameters:
        forward["use_cache"] = False  # a decoder would keep keys and values for a next token that nobody asks for

    def pad(rows: Iterable[Sequence[int]], value: int = 0) -> torch.Tensor:
        tensors = [torch.tensor(row) for row in rows]
        return torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=value).to(model.device)

    def embed(places: list[int]) -> dict[int, NDArray[np.float32]]:
        ids = pad((encoded[i][0] for i in places), pad_id)
        attended = pad([1] * len(encoded[i][0]) for i in places)
        counts = pad(encoded[i][1] for i in places)  # (texts, tokens), bool
        with inference(model.device):
            out = network(input_ids=ids, attention_mask=attended, **forward)
            ignored, total = ~counts.unsqueeze(-1), counts.sum(dim=1, keepdim=True)
            pooled = {}
            for layer in wanted:
                states = out.last_hidden_state if out.hidden_states is None else out.hidden_states[layer]
                sums = states.float().masked_fill(ignored, 0.0).sum(dim=1)
                pooled[layer] = (sums / total).cpu().numpy()
        return pooled

    lengths = [len(ids) for ids, _ in encoded]
    most = options.batch_tokens or batch_tokens(model.device)
    for places, pooled in compute_batches(embed, lengths, most):
        for layer, rows in pooled.items():
            if len(bad := np.flatnonzero(~np.isfinite(rows).all(axis=1))):
                raise ModelError(
                    f"The model gives no finite numbers for sentence {min(places[row] for row in bad) + 1} in layer"
                    f" {layer}. Its weights are damaged, or too large for the precision that it runs in."
                )
        yield places, pooled


def layer_numbers(layers: Layers, last: int, model: str = "The model") -> tuple[int, ...]:
    """The numbers of layers of a model whose last one is number `last`. Raises: ModelError: it has no such layer."""
    numbers = [last] if layers == "last" else range(last + 1) if layers == "all" else layers
    for layer in numbers:
        if layer not in range(last + 1):
            raise ModelError(f"{model} has no layer {layer}. Its layers are 0 (the embeddings) to {last}.")
    return tuple(numbers)


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
    tokenizer: PreTrainedTokenizerBase, texts: Texts, options: EmbeddingOptions, most: int, note: Callable[[str], None]
) -> list[tuple[list[int], list[bool]]]:
    """Of each text its token ids, and whether the mean includes each of them."""
    if not len(texts):
        raise DataError("There are no sentences to embed.")
    prefix, inputs = options.prefix, list[Any](texts)
    words = not isinstance(texts[0], str)
    if words and glues_words(tokenizer.backend_tokenizer):
        inputs, words = [" ".join(text) for text in inputs], False
    before: Any = [prefix.strip()] if words else prefix
    prefix_tokens = len(tokenizer(prefix, add_special_tokens=False)["input_ids"]) if prefix else 0
    encoded: list[tuple[list[int], list[bool]]] = []
    cut = 0
    for start in range(0, len(inputs), TOKENIZED_AT_ONCE):
        part = inputs[start : start + TOKENIZED_AT_ONCE]
        out = tokenizer(
            [before + text for text in part] if prefix else part,
            is_split_into_words=words,
            truncation=True,
            max_length=most,
            return_special_tokens_mask=True,
            return_attention_mask=False,
        )
        cut += sum(bool(encoding.overflowing) for encoding in out.encodings or ())
        for text, ids, special in zip(part, out["input_ids"], out["special_tokens_mask"], strict=True):
            # No more tokens than the prefix alone has: either the text has none, or its own grew together with those.
            if len(ids) - sum(special) <= prefix_tokens:
                alone = tokenizer(text, is_split_into_words=words, add_special_tokens=False)
                if not alone["input_ids"]:
                    raise DataError(
                        f"Sentence {len(encoded) + 1} has no tokens: it is empty, or holds nothing that the model's"
                        " tokenizer keeps. Remove it."
                    )
            encoded.append((ids, [options.special_tokens or not mask for mask in special]))
    if cut:
        note(f"{cut:,} of {len(texts):,} sentences are longer than {most} tokens: the rest of them is cut.")
    return encoded
