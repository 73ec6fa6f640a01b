"""MasakhaNER 2.0: named entities in news in 20 African languages (Adelani et al. 2022), annotated by speakers."""

from mslt_cli.tasks.task import HubFiles, ReadOther, Repair, Rows, TableFormat, Task, language_table, size_table


def drop_tokenless(rows: Rows, _: ReadOther) -> tuple[Rows, int]:
    """Drop tokens that are empty, with their tags: two lines of xho/train.txt have a tag alone."""
    import polars as pl

    words = rows.explode("tokens", "labels")
    empty = words.filter(words["tokens"].str.strip_chars() == "")
    kept = words.join(empty, on=["id", "tokens"], how="anti", maintain_order="left")
    kept = kept.group_by("id", maintain_order=True).agg(pl.exclude("id"))
    return kept.select(rows.columns), empty["id"].n_unique()


TASK = Task(
    name="masakhaner",
    kind="token-classification",
    summary="named entities (PER, ORG, LOC, DATE) in African news",
    labels=("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC", "B-DATE", "I-DATE"),
    columns={"labels": ("ner_tags",)},
    languages=language_table("bam bbj ewe fon hau ibo kin lug luo mos nya pcm sna swa tsn twi wol xho yor zul"),
    further_metrics=("entity-f1",),
    # One of each group that has much text: Chadic, Igboid, English creole, two branches of Bantu, Atlantic, Yoruboid.
    # The targets are all others; Bambara (Mande), Luo (Nilotic) and Mossi (Gur) have no near kin among the sources.
    sources=("hau", "ibo", "pcm", "swa", "wol", "yor", "zul"),
    targets=("bam", "bbj", "ewe", "fon", "kin", "lug", "luo", "mos", "nya", "sna", "tsn", "twi", "xho"),
    sizes=size_table(
        "bam=4463/638/1274 bbj=3384/483/966 ewe=3505/501/1001 fon=4343/621/1240 hau=5716/816/1633 ibo=7634/1090/2181 "
        "kin=7825/1118/2235 lug=4942/706/1412 luo=5161/737/1474 mos=4532/648/1613 pcm=5646/806/1294 nya=6250/893/1785 "
        "sna=6207/887/1773 swa=6593/942/1883 tsn=3289/499/996 twi=4240/605/1211 wol=4593/656/1312 xho=5718/817/1633 "
        "yor=6877/983/1964 zul=5848/836/1670"
    ),
    licence="CC BY-NC 4.0",
    citation="Adelani et al. 2022, MasakhaNER 2.0: Africa-centric Transfer Learning "
    "for Named Entity Recognition (EMNLP)",
    hub=HubFiles(
        "masakhane/masakhaner2",
        "{lang}/masakhaner2-{split}.parquet",
        revision="e7200e23e246db84e930e390abe727dc011ebb17",  # of refs/convert/parquet: the repository is a script
    ),
    layouts=("MasakhaNER2.0/data/{lang}/{split}.txt", "{lang}/{split}.txt"),  # beside it, data/ is MasakhaNER 1
    table=TableFormat(tokenless=True),
    repairs=(Repair("tokenless", "tags without a token are dropped", drop_tokenless),),
)
