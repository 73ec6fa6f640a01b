"""MasakhaNEWS: the topic of a news article in 14 African languages, English and French (Adelani et al. 2023)."""

from mslt_cli.tasks.task import HubFiles, RowError, Rows, TableFormat, Task, language_table, size_table


def headline_and_text(rows: Rows) -> Rows:
    """The headline, then the article, as `headline_text` has it on the hub. In Luganda all is in the headline."""
    import polars as pl

    if not {"headline", "text"} <= {*rows.columns}:
        raise RowError(0, "is not whole, for both are read together: the file needs the columns headline and text")
    both = pl.concat_str("headline", "text", separator=" ", ignore_nulls=True)
    return rows.with_columns(both.str.strip_chars().alias("text"))


TASK = Task(
    name="masakhanews",
    kind="sequence-classification",
    summary="topics of African news, seven",
    labels=("business", "entertainment", "health", "politics", "religion", "sports", "technology"),
    columns={"label": ("category",)},
    languages=language_table("amh eng fra hau ibo lin lug orm pcm run sna som swa tir xho yor"),
    # Those with much text elsewhere, of three families; the targets are all others, near (Tigrinya to Amharic, Pidgin
    # to English, Oromo to Somali, six Bantu languages to Swahili, Igbo to Yoruba).
    sources=("amh", "eng", "fra", "hau", "som", "swa", "yor"),
    targets=("ibo", "lin", "lug", "orm", "pcm", "run", "sna", "tir", "xho"),
    # Not all languages have all topics. Of Oromo copies differ: 1,015 to train on by the paper.
    sizes=size_table(
        "amh=1311/188/376 eng=3309/472/948 fra=1476/211/422 hau=2219/317/637 ibo=1356/194/390 lin=608/87/175 "
        "lug=771/110/223 orm=1128/0/325 pcm=1060/152/305 run=1117/159/322 sna=1288/185/369 som=1021/148/294 "
        "swa=1658/237/476 tir=947/137/272 xho=1032/147/297 yor=1433/206/411"
    ),
    licence="CC BY-NC-SA 4.0",
    citation="Adelani et al. 2023, MasakhaNEWS: News Topic Classification for African Languages (IJCNLP-AACL)",
    hub=HubFiles(
        "masakhane/masakhanews", "data/{lang}/{split}.tsv", revision="8ccc72e69e65f40c70e117d8b3c08306bb788b60"
    ),
    table=TableFormat(quoting=True),  # headlines and texts hold line breaks
    parse=headline_and_text,
)
