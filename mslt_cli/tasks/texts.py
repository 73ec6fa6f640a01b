"""The sentences of a task's data, for vocabularies and embeddings of languages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mslt_cli.tasks.task import COLUMNS, Task

if TYPE_CHECKING:
    import polars as pl


def sentences(task: Task, frame: pl.DataFrame) -> list[str] | list[list[str]]:
    """Every text of the rows, one after the other; lists of words if the data are split into words.

    A premise and its hypothesis are two sentences, as are the choices of an item. Code words and empty texts are left
    out.
    """
    if task.kind == "token-classification":
        words: list[list[str]] = frame["tokens"].to_list()
        return [sentence for sentence in words if sentence]
    texts: list[str] = []
    for name, kind in (dict.fromkeys(task.context, "text") | COLUMNS[task.kind]).items():
        if name in task.codes:
            continue
        if kind == "texts":
            texts += frame[name].explode(empty_as_null=False, keep_nulls=False).to_list()
        elif kind.startswith("text"):
            texts += frame[name].drop_nulls().to_list()
    return [text for text in texts if text and not text.isspace()]
