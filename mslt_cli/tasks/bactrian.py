"""Bactrian-X: instructions, machine-translated, with answers by gpt-3.5-turbo (Li et al. 2023)."""

from mslt_cli.tasks.task import HubFiles, Rows, Task, language_table


def empty_answers(rows: Rows) -> Rows:
    """Some answers are empty (restored in version 1.0.1 of the data set): null and "" are the same."""
    return rows.with_columns(rows["output"].fill_null("")) if "output" in rows.columns else rows


TASK = Task(
    name="bactrian",
    kind="instruction",
    summary="instructions and answers, for tuning decoders",
    languages=language_table(
        "afr=af ara=ar aze=az ben=bn ces=cs deu=de eng=en spa=es est=et fas=fa fin=fi fra=fr glg=gl guj=gu heb=he "
        "hin=hi hrv=hr ind=id ita=it jpn=ja kat=ka kaz=kk khm=km kor=ko lit=lt lav=lv mkd=mk mal=ml mon=mn mar=mr "
        "mya=my nep=ne nld=nl pol=pl pus=ps por=pt ron=ro rus=ru sin=si slv=sl swe=sv swa=sw tam=ta tel=te tha=th "
        "tgl=tl tur=tr ukr=uk urd=ur vie=vi xho=xh zho=zh"
    ),
    splits=("train",),
    evaluation="train",  # there is no other: models tuned on it are evaluated on xcopa, xwinograd and xstorycloze
    metric="loss",
    sources=("ara", "deu", "eng", "fra", "rus", "spa", "zho"),
    sizes={"train": 67_017},
    licence="CC BY-NC 4.0",
    citation="Li et al. 2023, Bactrian-X: Multilingual Replicable Instruction-Following Models (arXiv:2305.15011)",
    hub=HubFiles("MBZUAI/Bactrian-X", "data/{lang}.json.gz"),
    parse=empty_answers,
    aligned=True,
)
