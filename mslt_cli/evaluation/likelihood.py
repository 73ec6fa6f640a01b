"""How likely a decoder finds the ends of texts: in batches, each item's common beginning computed once."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mslt_cli.errors import ModelError
from mslt_cli.models.batching import NOT_FINITE, batch_tokens, compute_batches, inference, length_batches
from mslt_cli.models.decoder import Decoder
from mslt_cli.progress import Step

MOST_SCORES = {"cpu": 200_000_000, "cuda": 2_000_000_000}
"""Scores of ids that are computed at once, by type of device: rows × positions × size of the vocabulary."""
SHARED_FROM = 8
"""Tokens that the texts of an item must have in common before it pays to compute them separately."""
_SILENT = Step()
Likelihoods = dict[int, dict[int, float]]
"""Of one row: log p(id | what comes before), in nats, by the position before the id and the id itself."""


@dataclass(frozen=True)
class Text:
    """A text as token ids, of which the end is scored: log p(ids[start:] | ids[:start])."""

    ids: tuple[int, ...]
    start: int
    """At least 1: nothing predicts the first token."""


@dataclass(frozen=True)
class _Item:
    """The texts of an item as a tree of two levels."""

    common: tuple[int, ...]
    """The tokens that all branches begin with; empty if there is one branch, or too little in common."""
    branches: tuple[tuple[int, ...], ...]
    """The further tokens that the model reads. The last token of a text is never among them: nothing follows it."""
    texts: tuple[tuple[int, Text], ...]
    """Each text, and its branch: texts that differ in the last token share one."""

    @property
    def tokens(self) -> int:
        return len(self.common) + max(map(len, self.branches))

    @property
    def scored(self) -> int:
        return max(len(text.ids) - text.start for _, text in self.texts)


def log_likelihoods(
    decoder: Decoder, items: Sequence[Sequence[Text]], *, precision: str = "fp32", step: Step = _SILENT
) -> list[list[float]]:
    """The log-likelihood of each text's end, in nats.

    The model reads once what the texts of an item have in common: their beginnings, and all but the last token of
    texts that differ in that alone. Texts of like length share a batch; padding is masked, and tokens keep the
    positions that they have without it.

    Args:
        decoder: with the weights that are to be judged.
        items: texts that are compared with each other belong to one item.
        precision: fp32 or bf16.
        step: advances with each item.

    Returns:
        A number for each text, in the shape of `items`.

    Raises:
        ModelError: the model gives no finite numbers, or not even one item fits into memory.
    """
    decoder.network.eval()
    trees = [_tree(texts) for texts in items]
    budget = batch_tokens(decoder.device)
    # A scored position weighs as many tokens as its scores take room.
    weight = budget * decoder.vocabulary / MOST_SCORES.get(decoder.device.type, MOST_SCORES["cpu"])
    batches: list[list[int]] = []
    for shared in (False, True):
        group = [i for i, tree in enumerate(trees) if bool(tree.common) == shared]
        # Branches are rows of their own in the second pass: their tokens count as well.
        sizes = [math.ceil(max(trees[i].tokens, trees[i].scored * weight)) * len(trees[i].branches) for i in group]
        batches += [[group[j] for j in batch] for batch in length_batches(sizes, budget)]

    def score(batch: list[int]) -> list[list[float]]:
        with inference(decoder.device, precision):
            return _score_items(decoder, [trees[i] for i in batch])

    scores: list[list[float]] = [[] for _ in items]
    for batch, values in compute_batches(batches, score, [tree.tokens for tree in trees]):
        for i, of_item in zip(batch, values, strict=True):
            scores[i] = of_item
        step.advance(len(batch))
    return scores


def _tree(texts: Sequence[Text]) -> _Item:
    rows = list(dict.fromkeys(text.ids[:-1] for text in texts))
    shared = 0
    if len(rows) > 1:
        limit = min(map(len, rows)) - 1  # each branch has a token of its own
        while shared < limit and len({row[shared] for row in rows}) == 1:
            shared += 1
        shared = shared if shared >= SHARED_FROM else 0
    return _Item(
        common=rows[0][:shared],
        branches=tuple(row[shared:] for row in rows),
        texts=tuple((rows.index(text.ids[:-1]), text) for text in texts),
    )


@dataclass(frozen=True)
class _Row:
    """What the model reads in one row of a batch, and which of its predictions are wanted."""

    ids: tuple[int, ...]
    offset: int
    """The position of the first id in its text."""
    wanted: dict[int, set[int]]
    """The ids whose likelihood is asked for, by the position before them."""


@dataclass(frozen=True)
class _Beginnings:
    """What the model keeps of the common beginnings that it has read, a row for each branch."""

    cache: Any
    mask: Any
    """Attention mask, shape (rows, columns)."""


def _score_items(decoder: Decoder, trees: Sequence[_Item]) -> list[list[float]]:
    """The log-likelihoods of some items, all of them with a common beginning or all without."""
    beginnings, of_common = None, [Likelihoods() for _ in trees]
    if trees[0].common:
        rows = [_Row(tree.common, 0, _wanted(tree.texts, 0, len(tree.common))) for tree in trees]
        of_common, cache, mask = _read(decoder, rows, keep=True)
        owners = mask.new_tensor([i for i, tree in enumerate(trees) for _ in tree.branches])
        cache.batch_select_indices(owners)
        beginnings = _Beginnings(cache, mask[owners])
    rows = []
    for tree in trees:
        for b, branch in enumerate(tree.branches):
            texts = [(of, text) for of, text in tree.texts if of == b]
            stop = len(tree.common) + len(branch)
            rows.append(_Row(branch, len(tree.common), _wanted(texts, len(tree.common), stop)))
    of_branches, _, _ = _read(decoder, rows, beginnings)
    scores, first = [], 0
    for tree, common in zip(trees, of_common, strict=True):
        branches = [common | of_branch for of_branch in of_branches[first : first + len(tree.branches)]]
        scores.append(
            [sum(branches[b][t - 1][text.ids[t]] for t in range(text.start, len(text.ids))) for b, text in tree.texts]
        )
        first += len(tree.branches)
    return scores


def _wanted(texts: Sequence[tuple[int, Text]], first: int, stop: int) -> dict[int, set[int]]:
    """The scored ids that follow the positions first..stop−1, by that position."""
    wanted: dict[int, set[int]] = {}
    for _, text in texts:
        for t in range(max(text.start, first + 1), min(len(text.ids), stop + 1)):
            wanted.setdefault(t - 1, set()).add(text.ids[t])
    return wanted


def _read(
    decoder: Decoder, rows: Sequence[_Row], beginnings: _Beginnings | None = None, *, keep: bool = False
) -> tuple[list[Likelihoods], Any, Any]:
    """Let the model read rows.

    Args:
        decoder: the model.
        rows: one batch.
        beginnings: what the model has read of each row before.
        keep: whether the cache is wanted.

    Returns:
        The wanted likelihoods of each row; the model's cache, and the attention mask of all that it has read.
    """
    import torch

    device, longest = decoder.device, max(len(row.ids) for row in rows)
    ids = torch.full((len(rows), longest), decoder.pad_id)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    positions = torch.zeros((len(rows), longest), dtype=torch.long)
    # A beginning is padded before it and what follows on the other side, so that no padding stands within a text:
    # some models (MPT) count columns. A whole text is padded before it, so that its end stands in the last column.
    starts = [0 if beginnings is not None else longest - len(row.ids) for row in rows]
    for i, (row, start) in enumerate(zip(rows, starts, strict=True)):
        columns = slice(start, start + len(row.ids))
        ids[i, columns] = torch.tensor(row.ids)
        mask[i, columns] = 1
        positions[i, columns] = torch.arange(row.offset, row.offset + len(row.ids))
    whole = mask.to(device) if beginnings is None else torch.cat([beginnings.mask, mask.to(device)], dim=1)
    # (row, column, position) of each prediction that is read off
    places = [(i, starts[i] + p - row.offset, p) for i, row in enumerate(rows) for p in row.wanted]
    first = min((column for _, column, _ in places), default=longest - 1)
    out = decoder.network(
        input_ids=ids.to(device),
        attention_mask=whole,
        past_key_values=beginnings.cache if beginnings is not None else None,
        use_cache=keep or beginnings is not None,
        logits_to_keep=longest - first,
        **({"position_ids": positions.to(device)} if decoder.takes_positions else {}),
    )
    likelihoods = [Likelihoods() for _ in rows]
    at_once = max(1, MOST_SCORES["cpu"] // decoder.vocabulary)
    for start in range(0, len(places), at_once):
        part = places[start : start + at_once]
        scores = torch.log_softmax(
            out.logits[[i for i, _, _ in part], [column - first for _, column, _ in part]].float(), dim=-1
        )
        asked = [(n, i, p, id_) for n, (i, _, p) in enumerate(part) for id_ in sorted(rows[i].wanted[p])]
        values = scores[[n for n, *_ in asked], [id_ for *_, id_ in asked]].tolist()
        for (_, i, position, id_), value in zip(asked, values, strict=True):
            if not math.isfinite(value):
                raise ModelError(NOT_FINITE)
            likelihoods[i].setdefault(position, {})[id_] = value
    return likelihoods, out.past_key_values, whole
