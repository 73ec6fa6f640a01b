"""PUD: 1,000 sentences in 21 languages (Zeman et al. 2017), for probing. They are in UDPOS's test sets as well."""

from mslt_cli.tasks.task import HubFiles, Task, language_table

TASK = Task(
    name="pud",
    kind="parallel",
    summary="1,000 parallel sentences, for embeddings",
    # Chinese is in Traditional script.
    languages=language_table(
        "ara=ar ces=cs deu=de eng=en spa=es fin=fi fra=fr glg=gl hin=hi ind=id isl=is ita=it jpn=ja kor=ko pol=pl "
        "por=pt rus=ru swe=sv tha=th tur=tr zho=zh"
    ),
    splits=("test",),
    metric="cka",
    # The raw sentence, not the words: Arabic ones are split into clitics.
    columns={"id": ("id", "sent_id", "idx"), "text": ("text",)},
    sizes={"test": 1_000},
    licence="CC BY-SA 3.0",
    citation="Zeman et al. 2017, CoNLL 2017 Shared Task: Multilingual Parsing (CoNLL)",
    hub=HubFiles(
        "universal-dependencies/universal_dependencies", "{lang}_pud/{split}/*.parquet", branch="refs/convert/parquet"
    ),
    layouts=("{lang}_pud-ud-{split}.conllu",),
    aligned=True,
)
