"""NusaX: the sentiment of reviews and posts, the same in 12 languages of Indonesia and English (Winata et al. 2023)."""

from mslt_cli.tasks.task import HubFiles, Task, language_table

TASK = Task(
    name="nusax",
    kind="sequence-classification",
    summary="sentiment in languages of Indonesia, parallel",
    labels=("negative", "neutral", "positive"),
    languages=language_table(
        "ace=ace|acehnese ban=ban|balinese bbc=bbc|toba_batak bjn=bjn|banjarese bug=bug|buginese eng=eng|english "
        "ind=ind|indonesian jav=jav|javanese mad=mad|madurese min=min|minangkabau nij=nij|ngaju sun=sun|sundanese"
    ),
    # Those that multilingual encoders were trained on (mBERT has all five); all but English are near kin.
    sources=("eng", "ind", "jav", "min", "sun"),
    targets=("ace", "ban", "bbc", "bjn", "bug", "mad", "nij"),
    sizes={"train": 500, "validation": 100, "test": 400},
    licence="CC BY-SA 4.0",
    citation="Winata et al. 2023, NusaX: Multilingual Parallel Sentiment Dataset for "
    "10 Indonesian Local Languages (EACL)",
    hub=HubFiles("indonlp/NusaX-senti", "{lang}/{split}/*.parquet", branch="refs/convert/parquet"),
    layouts=("sentiment/{lang}/{split}.csv",),  # beside it, mt/ has translations
    aligned=True,
)
