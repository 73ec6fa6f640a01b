"""PAWS-X: are two sentences paraphrases (Yang et al. 2019)? Train is machine-translated."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mslt_cli.tasks.task import HubFiles, Repair, Task, language_table

if TYPE_CHECKING:
    import polars as pl


def drop_untranslated(rows: pl.DataFrame, other: Callable[[str], pl.DataFrame | None]) -> tuple[pl.DataFrame, int]:
    """Drop rows with an empty side or upstream's mark NS (not translated), and those whose label is missing."""
    import polars as pl

    def missing(name: str) -> pl.Expr:
        return pl.col(name).is_null() | pl.col(name).str.strip_chars().is_in(["", "NS"])

    bad = missing("text") | missing("text_pair") | ~pl.col("label").is_in([0, 1])
    kept = rows.filter(~bad)
    return kept, rows.height - kept.height


TASK = Task(
    name="pawsx",
    kind="sequence-classification",
    summary="paraphrases, two sentences",
    labels=("0", "1"),  # 0 = not a paraphrase, 1 = paraphrase; named as the data set names them
    languages=language_table("deu=de eng=en spa=es fra=fr jpn=ja kor=ko zho=zh"),
    sources=("deu", "eng", "fra", "spa", "zho"),
    targets=("jpn", "kor"),
    sizes={"train": 49_401, "validation": 2_000, "test": 2_000},
    licence="free for any purpose",
    citation="Yang et al. 2019, PAWS-X: A Cross-lingual Adversarial Dataset for Paraphrase Identification (EMNLP)",
    hub=HubFiles(
        "google-research-datasets/paws-x",
        "{lang}/{split}-*.parquet",
        revision="4cd8187c404bda33cb1f62b49b001115862acf37",
    ),
    layouts=(
        "{lang}/translated_{split}.tsv",
        "{lang}/{split}_2k.tsv",
        "{lang}/{split}.tsv",
        "PAWS-X.{lang}/{split}-*.parquet",  # of google/xtreme, which lost some rows
    ),
    repairs=(
        Repair(
            "untranslated",
            "rows with an empty side, NS or no label are dropped",
            drop_untranslated,
            drops_incomplete=True,
        ),
    ),
    aligned=True,
)
