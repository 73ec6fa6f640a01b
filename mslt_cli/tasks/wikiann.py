"""WikiANN: named entities from Wikipedia's links (Pan et al. 2017), in the splits of Rahimi et al. 2019."""

from mslt_cli.tasks.task import HubFiles, Rows, Task, language_table, size_table


def without_prefix(rows: Rows) -> Rows:
    """Strip the language before each token of raw files (`en:rick`), up to the first colon: a token may hold others."""
    import polars as pl

    if "tags" not in rows.columns:  # not a raw file
        return rows
    tokens = rows["tokens"].explode(empty_as_null=False, keep_nulls=False)
    prefixes = tokens.str.extract(r"^([a-z]{2,3}(?:-[a-z]+){0,2}:)").drop_nulls()
    prefix = str(prefixes.mode().first()) if len(prefixes) else ""
    if 2 * (prefixes == prefix).sum() <= len(tokens):  # some tokens happen to look like that
        return rows
    return rows.with_columns(pl.col("tokens").list.eval(pl.element().str.strip_prefix(prefix)))


TASK = Task(
    name="wikiann",
    kind="token-classification",
    summary="named entities (PER, ORG, LOC) in Wikipedia",
    columns={"labels": ("labels", "ner_tags")},
    labels=("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"),
    # als is Alemannic here (a Wikipedia code), not Albanian.
    languages=language_table(
        "ace afr=af gsw=als amh=am arg=an ang ara=ar arc arz asm=as ast aym=ay aze=az bak=ba bar sgs=bat-smg "
        "bel=be bul=bg bho=bh ben=bn bod=bo bre=br bos=bs cat=ca cbk=cbk-zam cdo che=ce ceb ckb cos=co crh ces=cs "
        "csb chv=cv cym=cy dan=da deu=de diq div=dv ell=el eml eng=en epo=eo spa=es est=et eus=eu ext fas=fa "
        "fin=fi vro=fiu-vro fao=fo fra=fr frr fur fry=fy gle=ga gan gla=gd glg=gl grn=gn guj=gu hak heb=he hin=hi "
        "hrv=hr hsb hun=hu hye=hy ina=ia ind=id ibo=ig ilo ido=io isl=is ita=it jpn=ja jbo jav=jv kat=ka kaz=kk "
        "khm=km kan=kn kor=ko ksh kur=ku kir=ky lat=la ltz=lb lim=li lij lmo lin=ln lit=lt lav=lv bms=map-bms "
        "mlg=mg mhr mri=mi min mkd=mk mal=ml mon=mn mar=mr msa=ms mlt=mt mwl mya=my mzn nap nds nep=ne nld=nl "
        "nno=nn nor=no nov oci=oc ori=or oss=os pan=pa pdc pol=pl pms pnb pus=ps por=pt que=qu roh=rm ron=ro "
        "rus=ru kin=rw san=sa sah scn sco snd=sd hbs=sh sin=si slk=sk slv=sl som=so sqi=sq srp=sr sun=su swe=sv "
        "swa=sw szl tam=ta tel=te tgk=tg tha=th tuk=tk tgl=tl tur=tr tat=tt uig=ug ukr=uk urd=ur uzb=uz vec vep "
        "vie=vi vls vol=vo wln=wa war wuu xmf yid=yi yor=yo zea zho=zh nan=zh-min-nan yue=zh-yue"
    ),
    further_metrics=("entity-f1",),  # beside the accuracy of tokens, which the paper reports for every task
    sources=("ara", "deu", "eng", "fra", "rus", "spa", "zho"),
    targets=("ell", "fin", "heb", "ind", "jpn", "kor", "tha", "tur"),
    sizes=size_table(
        "ara,deu,eng,spa,fra,rus,zho,ind,ell,heb,fin,tha,tur,jpn,kor,vie,bul,ita,por=20000/10000/10000 "
        "urd=20000/1000/1000 est=15000/10000/10000 tam=15000/1000/1000 eus=10000/10000/10000 "
        "ben,aze,tgl=10000/1000/1000 hin=5000/1000/1000 swa,tel=1000/1000/1000 "
        "mya,que,amh,jav,kan,guj,sin,mlg,yor=100/100/100",
    ),
    licence="unknown",
    citation="Rahimi, Li and Cohn 2019, Massively Multilingual Transfer for NER (ACL)",
    hub=HubFiles("unimelb-nlp/wikiann", "{lang}/{split}-*.parquet"),
    # The last is that of google/xtreme.
    layouts=("{split}-{lang}.tsv", "{lang}.tar.gz/{split}", "{lang}/{split}", "PAN-X.{lang}/{split}-*.parquet"),
    without_iso={"bms": "Banyumasan"},
    left_out=("simple", "be-x-old", "zh-classical"),  # English, Belarusian and Chinese again
    parse=without_prefix,
)
