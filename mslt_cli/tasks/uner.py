"""Universal NER v1: named entities in treebanks of Universal Dependencies, annotated alike (Mayhew et al. 2024)."""

from mslt_cli.tasks.task import HubFiles, Task, language_table, size_table

TASK = Task(
    name="uner",
    kind="token-classification",
    summary="named entities (PER, ORG, LOC) in UD treebanks",
    labels=("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"),
    # Other entities are in files of some treebanks; the data set counts them as none (prepare_data.py of uner_code).
    label_spellings={"B-OTH": "O", "I-OTH": "O", "B-O": "O"},
    columns={"labels": ("ner_tags",)},
    # One treebank a language: the one with training data, else the largest. Chinese is GSD in Simplified script.
    languages=language_table(
        "ceb=ceb|ceb_gja dan=da|da_ddt deu=de|de_pud eng=en|en_ewt hrv=hr|hr_set por=pt|pt_bosque rus=ru|ru_pud "
        "slk=sk|sk_snk srp=sr|sr_set swe=sv|sv_talbanken tgl=tl|tl_trg zho=zh|zh_gsdsimp"
    ),
    left_out=("en_pud", "pt_pud", "sv_pud", "tl_ugnayan", "zh_gsd", "zh_pud"),
    further_metrics=("entity-f1",),
    # All that have training data; the targets have none.
    sources=("dan", "eng", "hrv", "por", "slk", "srp", "swe", "zho"),
    targets=("ceb", "deu", "rus", "tgl"),
    sizes=size_table(
        "dan=4383/564/565 eng=12543/2001/2077 hrv=6914/960/1136 por=7018/1172/1167 slk=8483/1060/1061 "
        "srp=3328/536/520 swe=4303/504/1219 zho=3997/500/500 ceb=0/0/188 deu=0/0/1000 rus=0/0/1000 tgl=0/0/128"
    ),
    licence="CC BY-SA 4.0",
    citation="Mayhew et al. 2024, Universal NER: A Gold-Standard Multilingual "
    "Named Entity Recognition Benchmark (NAACL)",
    hub=HubFiles("universalner/universal_ner", "{lang}/{split}/*.parquet", spelling=1, branch="refs/convert/parquet"),
    layouts=("{lang}-ud-{split}.iob2",),
)
