"""How likely a decoder finds the ends of texts: in batches, each item's common beginning computed once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mslt_cli.errors import ModelError
from mslt_cli.evaluation.predict import NOT_FINITE
from mslt_cli.models.decoder import Decoder
from mslt_cli.probing.embeddings import length_batches
from mslt_cli.progress import Step

BATCH_TOKENS = {"cpu": 1024, "cuda": 16_384}
"""Tokens in a batch, padding included, by type of device."""
MOST_SCORES = {"cpu": 200_000_000, "cuda": 2_000_000_000}
"""Scores of ids that are made at once: rows × positions × size of the vocabulary."""
SHARED_FROM = 8
"""Tokens that the texts of an item have to have in common before it pays to compute them by themselves."""
_SILENT = Step()


@dataclass(frozen=True)
class Text:
    """A text as token ids, of which the end is scored: log p(ids[start:] | ids[:start])."""

    ids: tuple[int, ...]
    start: int
    """At least 1: nothing foretells the first token."""


@dataclass(frozen=True)
class _Item:
    """The texts of an item as a tree of two levels."""

    common: tuple[int, ...]
    """What all branches begin with; none if there is one branch, or too little in common."""
    branches: tuple[tuple[int, ...], ...]
    """What is put in behind it; the last token of a text never is, for nothing comes after it."""
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

    What the texts of an item have in common goes through the model once: their beginnings, and all but the last token
    of texts that differ in that alone. Batches are of like length; padding is masked, and tokens keep the positions
    that they have without it.

    Args:
        decoder: as it is to be judged.
        items: texts that are compared with each other stand in one item.
        precision: fp32 or bf16.
        step: is told of each item.

    Returns:
        As `items` has them.

    Raises:
        ModelError: the model gives no finite numbers, or not even one item fits into memory.
    """
    import torch

    decoder.network.eval()
    trees = [_tree(texts) for texts in items]
    out: list[list[float]] = [[0.0] * len(texts) for texts in items]
    kind = decoder.device.type if decoder.device.type in BATCH_TOKENS else "cpu"
    budget = BATCH_TOKENS[kind]
    # A scored position weighs as many tokens as its scores take room.
    weight = budget * decoder.vocabulary / MOST_SCORES[kind]
    shared = [i for i, tree in enumerate(trees) if tree.common]
    waiting = []
    for group in ([i for i in range(len(trees)) if not trees[i].common], shared):
        # Branches are rows of their own in the second pass: count their tokens as well.
        sizes = [math.ceil(max(trees[i].tokens, trees[i].scored * weight)) * len(trees[i].branches) for i in group]
        waiting += [[group[j] for j in batch] for batch in length_batches(sizes, budget)]
    waiting.reverse()
    while waiting:
        chosen = waiting.pop()
        try:
            with (
                torch.inference_mode(),
                torch.autocast(decoder.device.type, torch.bfloat16, enabled=precision == "bf16"),
            ):
                scored = _batch(decoder, [trees[i] for i in chosen])
        except torch.OutOfMemoryError as error:
            if len(chosen) == 1:
                raise ModelError(
                    f"The device has too little memory for a text of {trees[chosen[0]].tokens} tokens. Use the CPU."
                ) from error
            half = len(chosen) // 2
            waiting += [chosen[half:], chosen[:half]]
            continue
        for i, values in zip(chosen, scored, strict=True):
            out[i] = values
        step.advance(len(chosen))
    return out


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


def _batch(decoder: Decoder, trees: Sequence[_Item]) -> list[list[float]]:
    """The log-likelihoods of some items, all of them with a common beginning or all without."""
    cache, before = None, None
    known: list[dict[int, dict[int, float]]] = [{} for _ in trees]
    owners = [i for i, tree in enumerate(trees) for _ in tree.branches]
    if trees[0].common:
        # What is wanted of the common part: the tokens that it foretells and that are scored.
        wanted = [_wanted(tree.texts, 0, len(tree.common), branch=None) for tree in trees]
        cache, before = _pass(decoder, [tree.common for tree in trees], wanted, known, keep=True)
        cache.batch_select_indices(before.new_tensor(owners))
        before = before[before.new_tensor(owners)]
    rows = [branch for tree in trees for branch in tree.branches]
    places = [(i, b) for i, tree in enumerate(trees) for b in range(len(tree.branches))]
    wanted = [
        _wanted(trees[i].texts, len(trees[i].common), len(trees[i].common) + len(trees[i].branches[b]), branch=b)
        for i, b in places
    ]
    found: list[dict[int, dict[int, float]]] = [{} for _ in rows]
    _pass(decoder, rows, wanted, found, cache=cache, before=before, offsets=[len(trees[i].common) for i, _ in places])
    by_place = dict(zip(places, found, strict=True))
    out = []
    for i, tree in enumerate(trees):
        values = []
        for branch, text in tree.texts:
            said = known[i] | by_place[i, branch]
            values.append(sum(said[t - 1][text.ids[t]] for t in range(text.start, len(text.ids))))
        out.append(values)
    return out


def _wanted(texts: Sequence[tuple[int, Text]], first: int, stop: int, branch: int | None) -> dict[int, set[int]]:
    """By position first..stop−1: the ids whose likelihood at the next position is asked for.

    `branch` None = of every branch; the last common token is the one that the branches' first tokens follow.
    """
    out: dict[int, set[int]] = {}
    for b, text in texts:
        if branch is None or b == branch:
            for t in range(max(text.start, first + 1), min(len(text.ids), stop + 1)):
                out.setdefault(t - 1, set()).add(text.ids[t])
    return out


def _pass(
    decoder: Decoder,
    rows: Sequence[Sequence[int]],
    wanted: Sequence[dict[int, set[int]]],
    found: list[dict[int, dict[int, float]]],
    *,
    cache: Any = None,
    before: Any = None,
    offsets: Sequence[int] | None = None,
    keep: bool = False,
) -> tuple[Any, Any]:
    """Put rows through the model and read off the wanted log-likelihoods; positions count from the text's beginning.

    Args:
        decoder: the model.
        rows: token ids.
        wanted: of each row, by position, the ids that may follow.
        found: is filled likewise.
        cache: what the model keeps of what came before.
        before: its attention mask, shape (rows, columns).
        offsets: tokens that came before each row.
        keep: whether a cache is wanted.

    Returns:
        Cache and attention mask, where they are to be kept.
    """
    import torch

    device, longest = decoder.device, max(map(len, rows))
    offsets = offsets or [0] * len(rows)
    ids = torch.full((len(rows), longest), decoder.pad_id)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    positions = torch.zeros((len(rows), longest), dtype=torch.long)
    # A beginning is padded before it and what follows on the other side, so that no padding stands within a text:
    # some models (MPT) count columns. A whole text is padded before it, so that its end stands in the last column.
    starts = [0 if cache is not None else longest - len(row) for row in rows]
    for i, row in enumerate(rows):
        there = slice(starts[i], starts[i] + len(row))
        ids[i, there] = torch.tensor(row)
        mask[i, there] = 1
        positions[i, there] = torch.arange(offsets[i], offsets[i] + len(row))
    columns = [{p: starts[i] + p - offsets[i] for p in wanted[i]} for i in range(len(rows))]
    asked = [column for by_position in columns for column in by_position.values()]
    first = min(asked, default=longest - 1)
    whole = mask.to(device) if before is None else torch.cat([before, mask.to(device)], dim=1)
    given: dict[str, Any] = {"input_ids": ids.to(device), "attention_mask": whole, "past_key_values": cache}
    if decoder.takes_positions:
        given["position_ids"] = positions.to(device)
    out = decoder.network(**given, use_cache=keep or cache is not None, logits_to_keep=longest - first)
    pairs = [(i, position) for i, by_position in enumerate(wanted) for position in by_position]
    at_once = max(1, MOST_SCORES["cpu"] // decoder.vocabulary)
    for start in range(0, len(pairs), at_once):
        some = pairs[start : start + at_once]
        rows_of, columns_of = [i for i, _ in some], [columns[i][position] - first for i, position in some]
        scores = torch.log_softmax(out.logits[rows_of, columns_of].float(), dim=-1)
        asked_for = [(n, i, p, id_) for n, (i, p) in enumerate(some) for id_ in sorted(wanted[i][p])]
        values = scores[[n for n, *_ in asked_for], [id_ for *_, id_ in asked_for]].tolist()
        for (_, i, position, id_), value in zip(asked_for, values, strict=True):
            if not math.isfinite(value):
                raise ModelError(NOT_FINITE)
            found[i].setdefault(position, {})[id_] = value
    return (out.past_key_values, whole) if keep else (None, None)
