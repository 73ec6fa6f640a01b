"""How much text of a language a model has seen."""

from collections.abc import Sequence

import numpy as np

from mslt_cli.criteria.evidence import Evidence, Question, Reader
from mslt_cli.errors import MissingFactsError, UnknownNameError
from mslt_cli.languages.facts import PretrainingSize
from mslt_cli.languages.resolver import Language
from mslt_cli.models import MODELS
from mslt_cli.search.objective import ItemSum
from mslt_cli.store.db import Store
from mslt_cli.store.languages import model_names, pretraining_sizes

DEFAULT_MODEL = "xlm-r"
"""Whose pretraining data `size` means if no model is named."""


def size_unit(rows: Sequence[PretrainingSize]) -> str:
    """Unit in which a model's table can be compared: GiB where it has them.

    Token counts of Chinese, Japanese and Thai are of unsegmented text, so they come second.
    """
    return "GiB of text" if any(row.size_gib is not None for row in rows) else "million tokens"


def size_of(rows: Sequence[PretrainingSize], iso639_3: str, script: str | None = None) -> float | None:
    """Pretraining data of one language: the sum of its rows in its own scripts; None = not in the table.

    Romanised rows (Latin script, of a language that has a row in another script) count only where that
    script is asked for; a script that the user named (zh-Hant, hi-Latn) counts its rows alone. Chinese is Hans + Hant.
    """
    own = [row for row in rows if row.iso639_3 == iso639_3]
    native = {row.script for row in own} - {"Latn"}
    if script is not None:
        own = [row for row in own if row.script == script]
    elif native:
        own = [row for row in own if row.script in native]
    in_gib = size_unit(rows).startswith("GiB")
    amounts = [row.size_gib if in_gib else row.tokens_millions for row in own]
    stated = [amount for amount in amounts if amount is not None]
    return float(sum(stated)) if stated else None


def find_table(store: Store, model: str) -> str:
    """Return the name of a model's pretraining table, `xlm-r` for xlm-r-base; an error if it is not known."""
    tables = model_names(store)
    name = model.strip().casefold()
    if name in tables:
        return name
    if name not in MODELS:
        raise UnknownNameError("model", model, tables)
    table = MODELS[name].pretraining
    if table is None:
        raise MissingFactsError(f"What {name} was trained on is not in our tables; they have {', '.join(tables)}.")
    return table


class PretrainingReader(Reader):
    """Reads a model's table of pretraining data; a combination has the sum over its languages.

    Source: Lim et al. 2024, §5.3.1.
    """

    def __post_init__(self) -> None:
        self.model = find_table(self.store, self.measured.model or DEFAULT_MODEL)
        self.table = pretraining_sizes(self.store, self.model)
        self.lack = f"no size in the pretraining table of {self.model}"

    def size(self, language: Language) -> float | None:
        """Pretraining data of a language; None = not in the table."""
        return size_of(self.table, language.iso639_3, language.script_asked)

    def knows(self, language: Language) -> bool:
        return self.size(language) is not None

    def evidence(self, question: Question) -> Evidence:
        self.refuse_cover(question.aim)
        amounts = np.array([self.size(member.language) or 0.0 for member in question.pool.members])
        unit = size_unit(self.table)
        return Evidence(self.criterion, ItemSum(amounts), unit, f"pretraining table of {self.model}")
