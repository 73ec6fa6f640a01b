"""XWinograd: which of two candidates does a pronoun stand for (Tikhonov and Ryabinin 2021)? No training data."""

import json
import re
from collections.abc import Mapping
from typing import Any

from mslt_cli.tasks.task import HubFiles, RowError, Rows, TableFormat, Task, language_table

MOST_BLANKS = 2
"""Between a token and the next."""


def with_blank(rows: Rows) -> Rows:
    """Put `_` in the place of the pronoun, in rows of the original table."""
    import polars as pl

    if "pronoun" not in rows.columns:
        return rows
    items = []
    for i, row in enumerate(rows.iter_rows(named=True)):
        text = row["text"]
        try:
            pronoun, (start, end), _ = json.loads(row["pronoun"])
            first, last = place_of(text, json.loads(row["tokens"]), start, end, pronoun)
            (one, *_, one_right), (two, *_, two_right) = json.loads(row["candidates"])
            if bool(one_right) == bool(two_right):
                raise ValueError("not one of the two candidates is right")
        except (ValueError, IndexError, TypeError) as error:
            raise RowError(i, f"is no row of XWinograd's ({error}): {text[:60]!r}") from error
        items.append((f"{text[:first]}_{text[last:]}", [one, two], 1 if one_right else 2))
    return pl.DataFrame(items, {"sentence": pl.String, "choices": pl.List(pl.String), "label": pl.Int32}, orient="row")


def place_of(text: str, tokens: list[str], start: int, end: int, pronoun: str) -> tuple[int, int]:
    """The first and last character position (exclusive) of the tokens start..end; ValueError if they do not occur.

    The tokens are looked for one after the other, for the same word may occur more than once. In 29 of 3,961 rows they
    differ from the text (contractions); there, the pronoun is the one with as many equal words before it.
    """
    if not 0 <= start < end <= len(tokens):
        raise ValueError(f"there are no tokens {start} to {end}")
    blanks = rf"\s{{0,{MOST_BLANKS}}}"
    if match := re.match("".join(f"{blanks}({re.escape(token)})" for token in tokens[:end]), text):
        return match.start(start + 1), match.end()
    before = sum(token.casefold() == pronoun.casefold() for token in tokens[:start])
    words = list(re.finditer(rf"(?<!\w){re.escape(pronoun)}(?!\w)", text, re.IGNORECASE))
    words = words or list(re.finditer(re.escape(pronoun), text))
    if not words:
        raise ValueError(f"{pronoun!r} does not occur")
    return words[min(before, len(words) - 1)].span()


def before_and_after(row: Mapping[str, Any], code: str) -> list[tuple[str, str]]:
    """The text up to the blank, with each choice in its place, and the text after it, which alone is scored."""
    before, _, after = row["sentence"].partition("_")
    return [(before + choice, f" {after.strip()}") for choice in row["choices"]]


TASK = Task(
    name="xwinograd",
    kind="multiple-choice",
    summary="what a pronoun stands for, two candidates",
    languages=language_table("eng=en fra=fr jpn=jp|ja por=pt rus=ru zho=zh"),
    splits=("test",),
    first_label=1,  # the strings "1" and "2"
    columns={"label": ("label", "answer")},
    choices=("option1", "option2"),
    context=("sentence",),
    question='Answer the number of option which is more plausible for the blank. "{sentence}"',
    fill=before_and_after,
    targets=("jpn", "por"),
    sizes={"test": {"eng": 2_325, "fra": 83, "jpn": 959, "por": 263, "rus": 315, "zho": 504}},
    licence="CC BY 4.0",
    citation="Tikhonov and Ryabinin 2021, It's All in the Heads (Findings of ACL)",
    hub=HubFiles("Muennighoff/xwinograd", "{split}/{lang}.jsonl"),
    table=TableFormat(("lang", "set", "english", "text", "tokens", "pronoun", "candidates"), header=False),
    parse=with_blank,
)
