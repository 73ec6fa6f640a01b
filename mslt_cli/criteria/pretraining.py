"""How much text of a language a model has seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mslt_cli.languages.facts import PretrainingSize
from mslt_cli.search.objective import ItemSum


def size_unit(rows: Sequence[PretrainingSize]) -> str:
    """Unit in which a model's table can be compared: GiB where it has them.

    Token counts of Chinese, Japanese and Thai are of unsegmented text, so they come second.
    """
    return "GiB of text" if any(row.size_gib is not None for row in rows) else "million tokens"


def size_of(rows: Sequence[PretrainingSize], iso639_3: str, script: str | None = None) -> float | None:
    """Pretraining data of one language: the sum of its rows in its own scripts; None = not in the table.

    Romanised rows (Latin script, of a language that has a row in another script) count only where that
    script is asked for; a script asked for counts its rows alone. Chinese is Hans + Hant.

    Args:
        rows: a model's table.
        iso639_3: the language.
        script: ISO 15924 code that the user named (zh-Hant, hi-Latn), else None.
    """
    own = [row for row in rows if row.iso639_3 == iso639_3]
    native = {row.script for row in own} - {"Latn"}
    if script is not None:
        own = [row for row in own if row.script == script]
    elif native:
        own = [row for row in own if row.script in native]
    in_gib = size_unit(rows).startswith("GiB")
    amounts = [row.size_gib if in_gib else row.tokens_millions for row in own]
    known = [amount for amount in amounts if amount is not None]
    return float(sum(known)) if known else None


def pretraining_size(amounts: Sequence[float]) -> ItemSum:
    """Sum of the languages' pretraining data, in the unit of `size_unit`; higher = more seen.

    Source:
        Lim et al. 2024, §5.3.1.
    """
    return ItemSum(np.array(amounts, dtype=np.float64))
