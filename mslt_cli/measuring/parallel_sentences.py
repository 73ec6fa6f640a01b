"""The sentences that a probe compares: those that all languages of a corpus have, in one order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mslt_cli.data.prepared import Record, load
from mslt_cli.data.splits import ensure_data
from mslt_cli.errors import DataError, UsageError
from mslt_cli.progress import QUIET, Progress
from mslt_cli.tasks.task import Task

PARALLEL = ("parallel", "sequence-classification")
"""Kinds of task with one text in a row."""


@dataclass(frozen=True)
class Sentences:
    """Aligned sentences."""

    corpus: Task
    split: str
    languages: tuple[str, ...]
    """ISO 639-3 codes."""
    ids: tuple[str, ...]
    """Ids of the n sentences."""
    records: dict[str, Record]
    texts: dict[str, list[str]]
    """By language, all rows of its data."""
    rows: dict[str, NDArray[np.int64]]
    """By language, the places of the n sentences among its rows."""

    @property
    def codes(self) -> list[str]:
        """The corpus's own codes of the languages."""
        return [self.corpus.code(language) for language in self.languages]

    def text(self, language: str) -> list[str]:
        """The n sentences in a language."""
        return [self.texts[language][row] for row in self.rows[language].tolist()]


def aligned_sentences(
    corpus: Task, languages: Sequence[str], split: str, *, limit: int | None = None, progress: Progress = QUIET
) -> Sentences:
    """The sentences that all languages have, in the order of the first language, at most `limit` of them.

    Args:
        corpus: a task whose equal ids are the same sentence.
        languages: two or more, in any spelling; missing data are fetched.
        progress: shows downloads, and notes how many sentences were left out.

    Raises:
        UsageError: there is one language, or the task is not parallel.
        DataError: the data of a language cannot be had, or there is no sentence that all have.
    """
    if not corpus.aligned or corpus.kind not in PARALLEL:
        raise UsageError(f"{corpus.name} has no sentences that are translations of each other. Take pud.")
    languages = tuple(dict.fromkeys(corpus.language(language) for language in languages))
    if len(languages) < 2:
        raise UsageError("A probe compares languages: name two or more with --langs.")
    records = {record.language: record for record in ensure_data(corpus, languages, split, progress=progress)}
    frames = {language: load(corpus, records[language]) for language in languages}
    places = {language: {id_: row for row, id_ in enumerate(frame["id"])} for language, frame in frames.items()}
    common = set.intersection(*map(set, places.values()))
    kept = [id_ for id_ in places[languages[0]] if id_ in common][:limit]
    if not kept:
        codes = ", ".join(corpus.code(language) for language in languages)
        raise DataError(f"No sentence of {corpus.name} {split} is in all of {codes}.")
    lost = {corpus.code(language): len(own) - len(common) for language, own in places.items()}
    if dropped := ", ".join(f"{n:,} in {code}" for code, n in lost.items() if n):
        progress.note(f"{corpus.name}: {len(common):,} sentences are in all languages; dropped {dropped}")
    return Sentences(
        corpus=corpus,
        split=split,
        languages=languages,
        ids=tuple(kept),
        records=records,
        texts={language: frame["text"].to_list() for language, frame in frames.items()},
        rows={language: np.array([place[id_] for id_ in kept]) for language, place in places.items()},
    )
