"""XWinograd: which of two candidates does a pronoun stand for (Tikhonov and Ryabinin 2021)? No training data."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from mslt_cli.errors import DataError
from mslt_cli.tasks.base import Hub, Table, Task, spelt

if TYPE_CHECKING:
    import polars as pl

_BLANKS = 2
"""White space that may stand between a token and the next."""


def options(rows: pl.DataFrame) -> pl.DataFrame:
    """Put the two options into one column; of the original table, put `_` in the place of the pronoun."""
    import polars as pl

    if "pronoun" in rows.columns:
        made = [_item(row) for row in rows.iter_rows(named=True)]
        return pl.DataFrame(made, schema={"sentence": pl.String, "choices": pl.List(pl.String), "label": pl.Int32})
    if "choices" in rows.columns or not {"option1", "option2"} <= set(rows.columns):
        return rows
    return rows.with_columns(pl.concat_list("option1", "option2").alias("choices"))


def _item(row: dict[str, str]) -> dict[str, object]:
    try:
        tokens = json.loads(row["tokens"])
        pronoun, (start, end), _ = json.loads(row["pronoun"])
        candidates = json.loads(row["candidates"])
        texts = [candidate[0] for candidate in candidates]
        right = [bool(candidate[3]) for candidate in candidates].index(True)
    except (ValueError, IndexError, TypeError) as error:
        raise DataError(f"An XWinograd row is not as it should be ({error}): {row['text'][:60]!r}.") from error
    first, last = place_of(row["text"], tokens, start, end, pronoun)
    return {"sentence": row["text"][:first] + "_" + row["text"][last:], "choices": texts, "label": right + 1}


def place_of(text: str, tokens: list[str], start: int, end: int, pronoun: str) -> tuple[int, int]:
    """Where the tokens start..end stand in a text, as character positions.

    The tokens are walked through the text, for the same word may occur more than once. In 29 of 3,961 rows they
    differ from the text (contractions); there the pronoun is the one with as many equal words before it.
    """
    at, first = 0, 0
    for i, token in enumerate(tokens[:end]):
        found = text.find(token, at)
        if found < 0 or found - at > _BLANKS or text[at:found].strip():
            break
        first = found if i == start else first
        at = found + len(token)
    else:
        return first, at
    before = sum(token.casefold() == pronoun.casefold() for token in tokens[:start])
    words = list(re.finditer(rf"(?<!\w){re.escape(pronoun)}(?!\w)", text, re.IGNORECASE))
    words = words or list(re.finditer(re.escape(pronoun), text))
    if not words:
        raise DataError(f"The pronoun {pronoun!r} does not occur in {text[:80]!r}.")
    match = words[min(before, len(words) - 1)]
    return match.start(), match.end()


TASK = Task(
    name="xwinograd",
    kind="multiple-choice",
    summary="what a pronoun stands for, two candidates",
    languages=spelt("eng=en fra=fr jpn=jp|ja por=pt rus=ru zho=zh"),
    splits=("test",),
    evaluation="test",
    metric="accuracy",
    first_label=1,  # the strings "1" and "2"
    columns={"label": ("label", "answer")},
    context=("sentence",),
    targets=("jpn", "por"),
    sizes={"test": {"eng": 2_325, "fra": 83, "jpn": 959, "por": 263, "rus": 315, "zho": 504}},
    licence="CC BY 4.0",
    citation="Tikhonov and Ryabinin 2021, It's All in the Heads (Findings of ACL)",
    hub=Hub("Muennighoff/xwinograd", "{split}/{lang}.jsonl"),
    table=Table(("lang", "set", "english", "text", "tokens", "pronoun", "candidates"), header=False),
    parse=options,
)
