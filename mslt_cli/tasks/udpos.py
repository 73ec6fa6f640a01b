"""UDPOS: parts of speech, Universal Dependencies 2.5 as XTREME has it. Not used by the paper.

All treebanks of a language are put together, PUD included: the 1,000 sentences of the task pud are in these test sets.
"""

from mslt_cli.tasks.task import HubFiles, Task, language_table, size_table

TAGS = (
    "ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "PART", "PRON", "PROPN", "PUNCT", "SCONJ",
    "SYM", "VERB", "X",
)  # fmt: skip

TASK = Task(
    name="udpos",
    kind="token-classification",
    summary="parts of speech (17 UD tags)",
    labels=TAGS,
    columns={"labels": ("labels", "upos", "pos_tags")},
    languages=language_table(
        "afr=af|Afrikaans ara=ar|Arabic eus=eu|Basque bul=bg|Bulgarian zho=zh|Chinese nld=nl|Dutch eng=en|English "
        "est=et|Estonian fin=fi|Finnish fra=fr|French deu=de|German ell=el|Greek heb=he|Hebrew hin=hi|Hindi "
        "hun=hu|Hungarian ind=id|Indonesian ita=it|Italian jpn=ja|Japanese kaz=kk|Kazakh kor=ko|Korean mar=mr|Marathi "
        "fas=fa|Persian por=pt|Portuguese rus=ru|Russian spa=es|Spanish tgl=tl|Tagalog tam=ta|Tamil tel=te|Telugu "
        "tha=th|Thai tur=tr|Turkish urd=ur|Urdu vie=vi|Vietnamese yor=yo|Yoruba"
    ),
    sources=("ara", "deu", "eng", "fra", "rus", "spa", "zho"),
    targets=("ell", "fin", "heb", "hin", "ind", "jpn", "kor", "tha", "tur"),
    sizes=size_table(
        "ara=6075/909/1680 deu=166849/19233/22458 eng=21253/3974/5440 spa=28492/3054/3147 fra=47308/5979/9465 "
        "rus=67435/9960/11336 zho=18998/3038/5528 ind=4477/559/1557 ell=28152/2559/2809 heb=5241/484/491 "
        "fin=27198/3239/4422 tur=3664/988/4785 jpn=7125/511/2372 kor=27410/3016/4276 hin=13304/1659/2684 "
        "vie=1400/800/800 bul=8907/1115/1116 est=25749/3125/3760 eus=5396/1798/1799 ita=29685/2278/3518 "
        "por=17992/1770/2681 tam=400/80/120 tel=1051/131/146 urd=4043/552/535 afr=1315/194/425 "
        "nld=18051/1394/1471 hun=910/441/449 fas=4798/599/600 mar=373/46/47 tha=0/0/1000 tgl=0/0/55 "
        "yor=0/0/100 kaz=31/0/1047",
    ),
    licence="by treebank",
    citation="Nivre et al. 2020, Universal Dependencies v2 (LREC); Hu et al. 2020, XTREME (ICML)",
    hub=HubFiles("google/xtreme", "udpos.{lang}/{split}-*.parquet", spelling=1),
    layouts=("{lang}_*-ud-{split}*.conllu",),  # treebanks have the sentences as .txt beside
)
