"""PAWS-X: are two sentences paraphrases (Yang et al. 2019)? Train is machine-translated."""

from mslt_cli.tasks.task import HubFiles, ReadOther, Repair, Rows, Task, language_table


def drop_untranslated(rows: Rows, _: ReadOther) -> tuple[Rows, int]:
    """Drop rows with an empty side or upstream's mark NS (not translated), and those whose label is missing."""
    kept = rows.filter(rows["label"].is_in([0, 1]))
    for side in ("text", "text_pair"):
        kept = kept.filter(~kept[side].str.strip_chars().is_in(["", "NS"]))  # null is neither, and dropped as well
    return kept, rows.height - kept.height


UNTRANSLATED = Repair(
    "untranslated", "rows with an empty side, NS or no label are dropped", drop_untranslated, drops_incomplete=True
)

TASK = Task(
    name="pawsx",
    kind="sequence-classification",
    summary="paraphrases, two sentences",
    labels=("0", "1"),  # 0 = not a paraphrase, 1 = paraphrase; named as the data set names them
    columns={"text_pair": ("sentence2",)},
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
    repairs=(UNTRANSLATED,),
    aligned=True,
    cluster=("text", "text_pair"),  # a sentence is in several pairs
)
