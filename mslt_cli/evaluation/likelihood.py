"""How likely a decoder finds the ends of texts: in batches, each item's common beginning computed once."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any

from mslt_cli.errors import ModelError
from mslt_cli.models.batching import NOT_FINITE, batch_tokens, compute_batches, inference
from mslt_cli.models.decoder import Decoder
from mslt_cli.progress import SILENT, Step

MOST_SCORES = {"cpu": 200_000_000, "cuda": 1_000_000_000}
"""Scores of ids that are computed at once, by type of device: rows × positions × size of the vocabulary."""
SHARED_FROM = 8
"""Tokens that the texts of an item must have in common before it pays to compute them separately."""
Likelihoods = dict[tuple[int, int], float]
"""log p(id | what comes before), in nats, by the position before the id and the id itself."""


@dataclass(frozen=True)
class Text:
    """A text as token ids, of which the end is scored: log p(ids[start:] | ids[:start])."""

    ids: tuple[int, ...]
    start: int
    """At least 1: nothing predicts the first token."""

    @property
    def scored(self) -> list[tuple[int, int]]:
        """The position before each scored id, and the id."""
        return [(t - 1, self.ids[t]) for t in range(self.start, len(self.ids))]


@dataclass(frozen=True)
class _Row:
    """What the model reads in one row of a batch."""

    ids: tuple[int, ...]
    offset: int
    """The position of the first id in its texts."""
    texts: tuple[Text, ...]
    """Those that read so."""

    def wanted(self) -> Iterable[tuple[int, list[int]]]:
        """Each position of the row before a scored id, and the ids that are scored there."""
        wanted: dict[int, set[int]] = {}
        for position, id_ in chain.from_iterable(text.scored for text in self.texts):
            if self.offset <= position < self.offset + len(self.ids):
                wanted.setdefault(position, set()).add(id_)
        return ((position, sorted(ids)) for position, ids in wanted.items())


@dataclass(frozen=True)
class _Item:
    """The texts of an item as a tree of two levels."""

    common: _Row
    """The tokens that all branches begin with; empty if there is one branch, or too little in common."""
    branches: tuple[_Row, ...]
    """The further tokens that the model reads. The last token of a text is never among them, since nothing follows it:
    texts that differ in the last token share a branch."""

    @property
    def tokens(self) -> int:
        return len(self.common.ids) + max(len(branch.ids) for branch in self.branches)


@dataclass(frozen=True)
class _Reading:
    """What the model made of the rows of a batch."""

    likelihoods: list[Likelihoods]
    """The wanted ones, by row."""
    cache: Any
    """The model's own, of all that it has read."""
    mask: Any
    """Attention mask of the same, shape (rows, columns)."""


def log_likelihoods(
    decoder: Decoder, items: Sequence[Sequence[Text]], *, precision: str = "fp32", step: Step = SILENT
) -> list[list[float]]:
    """The log-likelihood of each text's end, in nats, in the shape of `items`.

    The model reads once what the texts of an item have in common: their beginnings, and all but the last token of
    texts that differ in that alone. Texts of like length share a batch; padding is masked, and tokens keep the
    positions that they have without it.

    Args:
        items: texts that are compared with each other belong to one item.
        precision: fp32 or bf16.
        step: advances with each item.

    Raises:
        ModelError: the model gives no finite numbers, or not even one item fits into memory.
    """
    decoder.network.eval()
    trees = [_tree(texts) for texts in items]
    budget = batch_tokens(decoder.device)
    # A scored position weighs as many tokens as its scores take room.
    weight = budget * decoder.vocabulary / MOST_SCORES.get(decoder.device.type, MOST_SCORES["cpu"])

    def score(group: list[int], batch: list[int]) -> list[dict[Text, float]]:
        with inference(decoder.device, precision):
            return _score_items(decoder, [trees[group[j]] for j in batch])

    scores: list[list[float]] = [[] for _ in items]
    for shared in (False, True):
        group = [i for i, tree in enumerate(trees) if bool(tree.common.ids) == shared]
        sizes = []
        for i in group:
            scored = max(len(text.ids) - text.start for text in items[i])
            # Branches are rows of their own in the second pass: their tokens count as well.
            sizes.append(math.ceil(max(trees[i].tokens, scored * weight)) * len(trees[i].branches))
        for batch, values in compute_batches(partial(score, group), [trees[i].tokens for i in group], budget, sizes):
            for j, by_text in zip(batch, values, strict=True):
                scores[group[j]] = [by_text[text] for text in items[group[j]]]
            step.advance(len(batch))
    return scores


def common_length(rows: Sequence[tuple[int, ...]]) -> int:
    """How many tokens all rows begin with."""
    columns = zip(*rows, strict=False)
    return next((i for i, column in enumerate(columns) if len(set(column)) > 1), min(map(len, rows)))


def _tree(texts: Sequence[Text]) -> _Item:
    rows: dict[tuple[int, ...], list[Text]] = {}
    for text in texts:
        rows.setdefault(text.ids[:-1], []).append(text)
    shared = min(common_length([*rows]), min(map(len, rows)) - 1)  # each branch has a token of its own
    if len(rows) == 1 or shared < SHARED_FROM:
        shared = 0
    return _Item(
        common=_Row(texts[0].ids[:shared], 0, tuple(texts)),
        branches=tuple(_Row(row[shared:], shared, tuple(of_row)) for row, of_row in rows.items()),
    )


def _score_items(decoder: Decoder, trees: Sequence[_Item]) -> list[dict[Text, float]]:
    """The log-likelihoods of some items' texts, all items with a common beginning or all without."""
    before, of_common = None, [Likelihoods() for _ in trees]
    if trees[0].common.ids:
        read = _read(decoder, [tree.common for tree in trees], keep=True)
        owners = read.mask.new_tensor([i for i, tree in enumerate(trees) for _ in tree.branches])
        read.cache.batch_select_indices(owners)
        of_common, before = read.likelihoods, replace(read, mask=read.mask[owners])
    of_branches = iter(_read(decoder, [row for tree in trees for row in tree.branches], before).likelihoods)
    scores = []
    for tree, common in zip(trees, of_common, strict=True):
        by_text: dict[Text, float] = {}
        for branch in tree.branches:
            likelihoods = common | next(of_branches)
            by_text |= {text: sum(likelihoods[key] for key in text.scored) for text in branch.texts}
        scores.append(by_text)
    return scores


def _read(decoder: Decoder, rows: Sequence[_Row], before: _Reading | None = None, *, keep: bool = False) -> _Reading:
    """Let the model read the rows of a batch.

    Args:
        before: what the model has read of each row before.
        keep: whether the cache is wanted.
    """
    import torch

    device, longest = decoder.device, max(len(row.ids) for row in rows)
    ids = torch.full((len(rows), longest), decoder.pad_id)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    positions = torch.zeros((len(rows), longest), dtype=torch.long)
    # A beginning is padded before it and what follows on the other side, so that no padding stands within a text:
    # some models (MPT) count columns. A whole text is padded before it, so that its end stands in the last column.
    starts = [0 if before is not None else longest - len(row.ids) for row in rows]
    for i, (row, start) in enumerate(zip(rows, starts, strict=True)):
        columns = slice(start, start + len(row.ids))
        ids[i, columns] = torch.tensor(row.ids)
        mask[i, columns] = 1
        positions[i, columns] = torch.arange(row.offset, row.offset + len(row.ids))
    whole = mask.to(device) if before is None else torch.cat([before.mask, mask.to(device)], dim=1)
    # (row, column, position, ids) of each prediction that is read off
    places = [(i, starts[i] + p - row.offset, p, wanted) for i, row in enumerate(rows) for p, wanted in row.wanted()]
    first = min((column for _, column, *_ in places), default=longest - 1)
    out = decoder.network(
        input_ids=ids.to(device),
        attention_mask=whole,
        past_key_values=before.cache if before is not None else None,
        use_cache=keep or before is not None,
        logits_to_keep=longest - first,
        **({"position_ids": positions.to(device)} if decoder.takes_positions else {}),
    )
    likelihoods = [Likelihoods() for _ in rows]
    at_once = max(1, MOST_SCORES["cpu"] // decoder.vocabulary)
    for start in range(0, len(places), at_once):
        part = places[start : start + at_once]
        scores = torch.log_softmax(
            out.logits[[i for i, *_ in part], [column - first for _, column, *_ in part]].float(), dim=-1
        )
        asked = [(n, i, (p, id_)) for n, (i, _, p, wanted) in enumerate(part) for id_ in wanted]
        values = scores[[n for n, *_ in asked], [id_ for *_, (_, id_) in asked]].tolist()
        for (_, i, key), value in zip(asked, values, strict=True):
            if not math.isfinite(value):
                raise ModelError(NOT_FINITE)
            likelihoods[i][key] = value
    return _Reading(likelihoods, out.past_key_values, whole)
