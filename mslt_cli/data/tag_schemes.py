"""Tags of entities in other schemes → IOB2, the one in which each entity begins with B-."""
# ruff: noqa: TID253

from collections.abc import Collection, Sequence

import numpy as np
import polars as pl

BEGIN, SINGLE, INSIDE, END = "B", "SUW", "IM", "EL"
"""The first letters of tags: BIOES and BMES have S and E, BILOU has U and L, BMEWO has W and E."""


def all_schemes(tags: Collection[str]) -> set[str]:
    """The names that tags in IOB2 have in any scheme."""
    kinds = {tag[2:] for tag in tags if tag[:2] in ("B-", "I-")}
    return {*tags, *(f"{letter}-{kind}" for kind in kinds for letter in BEGIN + SINGLE + INSIDE + END)}


def from_other_scheme(lists: pl.Series, known: Collection[str]) -> tuple[pl.Series, str]:
    """Lists of tags in IOB2 and the scheme that they are in, if they have tags that only such a scheme has, else "".

    `known` are the tags of the task, which is left alone if it has them itself.
    """
    there = set(lists.explode(empty_as_null=False, keep_nulls=False).drop_nulls().unique())
    others = {tag for tag in (all_schemes(known) - {*known}) & there if tag[0] in SINGLE + END + "M"}
    if not others:
        return lists, ""
    letters = {tag[0] for tag in others}
    scheme = "BILOU" if letters & {*"UL"} else "BMES" if letters & {*"MW"} else "BIOES"
    return pl.Series(lists.name, [_to_iob2(tags) for tags in lists], dtype=lists.dtype), scheme


def _to_iob2(tags: Sequence[str | None]) -> list[str | None]:
    out: list[str | None] = []
    open_kind = ""
    for tag in tags:
        letter, dash, kind = (tag or "").partition("-")
        if not dash or letter not in [*BEGIN, *SINGLE, *INSIDE, *END]:
            out.append(tag)
            open_kind = ""
            continue
        begins = letter in BEGIN + SINGLE or kind != open_kind
        out.append(f"{'B' if begins else 'I'}-{kind}")
        open_kind = "" if letter in SINGLE + END else kind
    return out


def from_iob1(numbers: pl.Series, labels: Sequence[str]) -> tuple[pl.Series, bool]:
    """Lists of places of labels in IOB2, and whether they are in IOB1, where B- only parts two entities of a kind.

    They are if the tag of no entity's first word is B-, save after another of its kind. Some I- at the beginning of
    entities are usual in IOB2 (WikiANN has them).
    """
    begins = {label[2:]: place for place, label in enumerate(labels) if label.startswith("B-")}
    kinds = {kind: i for i, kind in enumerate(begins, start=1)}
    kind = np.array([kinds.get(label[2:], 0) if label[:2] in ("B-", "I-") else 0 for label in labels] or [0])
    is_inside = np.array([label.startswith("I-") and label[2:] in begins for label in labels] or [False])
    flat = numbers.explode(empty_as_null=False, keep_nulls=False).to_numpy()
    lengths = numbers.list.len().to_numpy()
    if not begins or not len(flat):
        return numbers, False
    before = np.concatenate([[0], kind[flat[:-1]]])
    starts_of_rows = (np.cumsum(lengths) - lengths)[lengths > 0]
    before[starts_of_rows] = 0
    starts = (kind[flat] > 0) & (kind[flat] != before)
    inside = starts & is_inside[flat]
    if not inside.any() or (starts & ~is_inside[flat]).any():
        return numbers, False
    begin_of = np.array([begins.get(label[2:], 0) for label in labels])
    flat = np.where(inside, begin_of[flat], flat)
    rows = np.split(flat, np.cumsum(lengths)[:-1])
    return pl.Series(numbers.name, [row.tolist() for row in rows], dtype=numbers.dtype), True
