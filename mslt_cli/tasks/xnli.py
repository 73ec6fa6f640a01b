"""XNLI: does a premise entail a hypothesis (Conneau et al. 2018)? Train is MultiNLI, machine-translated."""

from mslt_cli.tasks.task import HubFiles, Task, language_table

LANGUAGES = language_table(
    "ara=ar bul=bg deu=de ell=el eng=en spa=es fra=fr hin=hi rus=ru swa=sw tha=th tur=tr urd=ur vie=vi zho=zh"
)

TASK = Task(
    name="xnli",
    kind="sequence-classification",
    summary="natural language inference, premise and hypothesis",
    labels=("entailment", "neutral", "contradiction"),
    label_spellings={"contradictory": "contradiction"},  # upstream's train files
    languages=LANGUAGES,
    columns={"text": ("premise", "sentence1"), "text_pair": ("hypothesis", "hypo", "sentence2")},
    sources=("ara", "deu", "eng", "fra", "rus", "spa", "zho"),
    # The languages outside the pool: the paper's "all except the one employed as the source" can also be read as
    # twelve that differ from triple to triple, which would rank combinations on different languages.
    targets=("bul", "ell", "hin", "swa", "tha", "tur", "urd", "vie"),
    literal_targets=tuple(sorted(LANGUAGES)),
    sizes={"train": 392_702, "validation": 2_490, "test": 5_010},
    licence="CC BY-NC 4.0",
    citation="Conneau et al. 2018, XNLI: Evaluating Cross-lingual Sentence Representations (EMNLP)",
    hub=HubFiles("facebook/xnli", "{lang}/{split}-*.parquet", revision="b8dd5d7af51114dbda02c0e3f6133f332186418e"),
    layouts=("multinli.{split}.{lang}.tsv", "xnli.{split}.tsv"),
    aligned=True,
    cluster=("text",),  # three hypotheses of each premise
)
