"""UDPOS: parts of speech, Universal Dependencies 2.5 as XTREME has it. Not used by the paper.

All treebanks of a language are put together, PUD included: the 1,000 sentences of the task pud are in these test sets.
"""

from __future__ import annotations

from mslt_cli.tasks.task import Hub, Task, spelt

_SIZES = {  # train, validation, test
    "ara": (6_075, 909, 1_680),
    "deu": (166_849, 19_233, 22_458),
    "eng": (21_253, 3_974, 5_440),
    "spa": (28_492, 3_054, 3_147),
    "fra": (47_308, 5_979, 9_465),
    "rus": (67_435, 9_960, 11_336),
    "zho": (18_998, 3_038, 5_528),
    "ind": (4_477, 559, 1_557),
    "ell": (28_152, 2_559, 2_809),
    "heb": (5_241, 484, 491),
    "fin": (27_198, 3_239, 4_422),
    "tur": (3_664, 988, 4_785),
    "jpn": (7_125, 511, 2_372),
    "kor": (27_410, 3_016, 4_276),
    "hin": (13_304, 1_659, 2_684),
    "vie": (1_400, 800, 800),
    "bul": (8_907, 1_115, 1_116),
    "est": (25_749, 3_125, 3_760),
    "eus": (5_396, 1_798, 1_799),
    "ita": (29_685, 2_278, 3_518),
    "por": (17_992, 1_770, 2_681),
    "tam": (400, 80, 120),
    "tel": (1_051, 131, 146),
    "urd": (4_043, 552, 535),
    "afr": (1_315, 194, 425),
    "nld": (18_051, 1_394, 1_471),
    "hun": (910, 441, 449),
    "fas": (4_798, 599, 600),
    "mar": (373, 46, 47),
    "tha": (0, 0, 1_000),
    "tgl": (0, 0, 55),
    "yor": (0, 0, 100),
    "kaz": (31, 0, 1_047),
}

TASK = Task(
    name="udpos",
    kind="token-classification",
    summary="parts of speech (17 UD tags)",
    labels=(
        *("ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "PART", "PRON", "PROPN", "PUNCT", "SCONJ"),
        *("SYM", "VERB", "X"),
    ),
    languages=spelt(
        "afr=af|Afrikaans ara=ar|Arabic eus=eu|Basque bul=bg|Bulgarian zho=zh|Chinese nld=nl|Dutch eng=en|English "
        "est=et|Estonian fin=fi|Finnish fra=fr|French deu=de|German ell=el|Greek heb=he|Hebrew hin=hi|Hindi "
        "hun=hu|Hungarian ind=id|Indonesian ita=it|Italian jpn=ja|Japanese kaz=kk|Kazakh kor=ko|Korean mar=mr|Marathi "
        "fas=fa|Persian por=pt|Portuguese rus=ru|Russian spa=es|Spanish tgl=tl|Tagalog tam=ta|Tamil tel=te|Telugu "
        "tha=th|Thai tur=tr|Turkish urd=ur|Urdu vie=vi|Vietnamese yor=yo|Yoruba"
    ),
    splits=("train", "validation", "test"),
    evaluation="test",
    metric="accuracy",
    sources=("ara", "deu", "eng", "fra", "rus", "spa", "zho"),
    targets=("ell", "fin", "heb", "hin", "ind", "jpn", "kor", "tha", "tur"),
    sizes={
        split: {iso: sizes[i] for iso, sizes in _SIZES.items() if sizes[i]}
        for i, split in enumerate(("train", "validation", "test"))
    },
    licence="by treebank",
    citation="Nivre et al. 2020, Universal Dependencies v2 (LREC); Hu et al. 2020, XTREME (ICML)",
    hub=Hub("google/xtreme", "udpos.{lang}/{split}-*.parquet", spelling=1),
    layouts=("{lang}_*-ud-{split}*.conllu",),  # treebanks have the sentences as .txt beside
)
