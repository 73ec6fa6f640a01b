"""SIB-200: the topic of a sentence, the same sentences in 197 languages (Adelani et al. 2024; text of FLORES-200)."""

from mslt_cli.tasks.task import HubFiles, ReadOther, Repair, Rows, TableFormat, Task, language_table


def take_off_quotes(rows: Rows, other: ReadOther) -> tuple[Rows, int]:
    """Read texts as CSV has them where a copy kept its quotes: "He said ""yes"" to it" is: He said "yes" to it."""
    import polars as pl

    text = pl.col("text")
    inner = text.str.slice(1, text.str.len_chars() - 2)
    quoted = text.str.contains(r'^"(?:[^"]|"")*"$') & inner.str.contains('""', literal=True)
    number = int(rows.select(quoted.sum()).item())
    unquoted = inner.str.replace_all('""', '"', literal=True)
    return rows.with_columns(pl.when(quoted).then(unquoted).otherwise(text).alias("text")), number


TASK = Task(
    name="sib200",
    kind="sequence-classification",
    summary="topics of sentences, seven, parallel",
    labels=("science/technology", "travel", "politics", "sports", "health", "entertainment", "geography"),
    columns={"id": ("index_id",), "label": ("category",)},
    # FLORES names the member of a macrolanguage (swh) that other data sets call by the macrolanguage (swa), as here.
    languages=language_table(
        "ace=ace|ace_Latn acm=acm|acm_Arab acq=acq|acq_Arab aeb=aeb|aeb_Arab afr=af|afr_Latn ajp=ajp|ajp_Arab "
        "aka=ak|aka_Latn amh=am|amh_Ethi apc=apc|apc_Arab ara=ar|arb_Arab ars=ars|ars_Arab ary=ary|ary_Arab "
        "arz=arz|arz_Arab asm=as|asm_Beng ast=ast|ast_Latn awa=awa|awa_Deva aym=ay|ayr_Latn azb=azb|azb_Arab "
        "aze=az|azj_Latn bak=ba|bak_Cyrl bam=bm|bam_Latn ban=ban|ban_Latn bel=be|bel_Cyrl bem=bem|bem_Latn "
        "ben=bn|ben_Beng bho=bho|bho_Deva bjn=bjn|bjn_Latn bod=bo|bod_Tibt bos=bs|bos_Latn bug=bug|bug_Latn "
        "bul=bg|bul_Cyrl cat=ca|cat_Latn ceb=ceb|ceb_Latn ces=cs|ces_Latn cjk=cjk|cjk_Latn ckb=ckb|ckb_Arab "
        "crh=crh|crh_Latn cym=cy|cym_Latn dan=da|dan_Latn deu=de|deu_Latn dik=dik|dik_Latn dyu=dyu|dyu_Latn "
        "dzo=dz|dzo_Tibt ell=el|ell_Grek eng=en|eng_Latn epo=eo|epo_Latn est=et|est_Latn eus=eu|eus_Latn "
        "ewe=ee|ewe_Latn fao=fo|fao_Latn fas=fa|pes_Arab fij=fj|fij_Latn fin=fi|fin_Latn fon=fon|fon_Latn "
        "fra=fr|fra_Latn fur=fur|fur_Latn fuv=fuv|fuv_Latn gla=gd|gla_Latn gle=ga|gle_Latn glg=gl|glg_Latn "
        "grn=gn|grn_Latn guj=gu|guj_Gujr hat=ht|hat_Latn hau=ha|hau_Latn heb=he|heb_Hebr hin=hi|hin_Deva "
        "hne=hne|hne_Deva hrv=hr|hrv_Latn hun=hu|hun_Latn hye=hy|hye_Armn ibo=ig|ibo_Latn ilo=ilo|ilo_Latn "
        "ind=id|ind_Latn isl=is|isl_Latn ita=it|ita_Latn jav=jv|jav_Latn jpn=ja|jpn_Jpan kab=kab|kab_Latn "
        "kac=kac|kac_Latn kam=kam|kam_Latn kan=kn|kan_Knda kas=ks|kas_Arab kat=ka|kat_Geor kaz=kk|kaz_Cyrl "
        "kbp=kbp|kbp_Latn kea=kea|kea_Latn khm=km|khm_Khmr kik=ki|kik_Latn kin=rw|kin_Latn kir=ky|kir_Cyrl "
        "kmb=kmb|kmb_Latn knc=knc|knc_Latn kon=kg|kon_Latn kor=ko|kor_Hang kur=ku|kmr_Latn lao=lo|lao_Laoo "
        "lav=lv|lvs_Latn lij=lij|lij_Latn lim=li|lim_Latn lin=ln|lin_Latn lit=lt|lit_Latn lmo=lmo|lmo_Latn "
        "ltg=ltg|ltg_Latn ltz=lb|ltz_Latn lua=lua|lua_Latn lug=lg|lug_Latn luo=luo|luo_Latn lus=lus|lus_Latn "
        "mag=mag|mag_Deva mai=mai|mai_Deva mal=ml|mal_Mlym mar=mr|mar_Deva min=min|min_Latn mkd=mk|mkd_Cyrl "
        "mlg=mg|plt_Latn mlt=mt|mlt_Latn mni=mni|mni_Beng mon=mn|khk_Cyrl mos=mos|mos_Latn mri=mi|mri_Latn "
        "msa=ms|zsm_Latn mya=my|mya_Mymr nep=ne|npi_Deva nld=nl|nld_Latn nno=nn|nno_Latn nor=no|nob_Latn "
        "nqo=nqo|nqo_Nkoo nso=nso|nso_Latn nus=nus|nus_Latn nya=ny|nya_Latn oci=oc|oci_Latn ori=or|ory_Orya "
        "orm=om|gaz_Latn pag=pag|pag_Latn pan=pa|pan_Guru pap=pap|pap_Latn pol=pl|pol_Latn por=pt|por_Latn "
        "prs=prs|prs_Arab pus=ps|pbt_Arab que=qu|quy_Latn ron=ro|ron_Latn run=rn|run_Latn rus=ru|rus_Cyrl "
        "sag=sg|sag_Latn san=sa|san_Deva sat=sat|sat_Olck scn=scn|scn_Latn shn=shn|shn_Mymr sin=si|sin_Sinh "
        "slk=sk|slk_Latn slv=sl|slv_Latn smo=sm|smo_Latn sna=sn|sna_Latn snd=sd|snd_Arab som=so|som_Latn "
        "sot=st|sot_Latn spa=es|spa_Latn sqi=sq|als_Latn srd=sc|srd_Latn srp=sr|srp_Cyrl ssw=ss|ssw_Latn "
        "sun=su|sun_Latn swa=sw|swh_Latn swe=sv|swe_Latn szl=szl|szl_Latn tam=ta|tam_Taml taq=taq|taq_Latn "
        "tat=tt|tat_Cyrl tel=te|tel_Telu tgk=tg|tgk_Cyrl tgl=tl|tgl_Latn tha=th|tha_Thai tir=ti|tir_Ethi "
        "tpi=tpi|tpi_Latn tsn=tn|tsn_Latn tso=ts|tso_Latn tuk=tk|tuk_Latn tum=tum|tum_Latn tur=tr|tur_Latn "
        "twi=tw|twi_Latn tzm=tzm|tzm_Tfng uig=ug|uig_Arab ukr=uk|ukr_Cyrl umb=umb|umb_Latn urd=ur|urd_Arab "
        "uzb=uz|uzn_Latn vec=vec|vec_Latn vie=vi|vie_Latn war=war|war_Latn wol=wo|wol_Latn xho=xh|xho_Latn "
        "yid=yi|ydd_Hebr yor=yo|yor_Latn yue=yue|yue_Hant zho=zh|zho_Hans zul=zu|zul_Latn"
    ),
    sources=("ara", "deu", "eng", "fra", "rus", "spa", "zho"),
    targets=("ell", "fin", "heb", "hin", "ind", "jpn", "kor", "swa", "tha", "tur"),
    sizes={"train": 701, "validation": 99, "test": 204},
    licence="CC BY-SA 4.0",
    citation="Adelani et al. 2024, SIB-200: A Simple, Inclusive, and Big Evaluation Dataset for Topic Classification "
    "in 200+ Languages and Dialects (EACL)",
    hub=HubFiles("Davlan/sib200", "data/{lang}/{split}.tsv", spelling=1),
    layouts=("{lang}/{split}.*",),
    table=TableFormat(quoting=True),
    repairs=(Repair("quotes", "CSV's quotes around a text, and doubled in it, are taken off", take_off_quotes),),
    # A second script of a language that is there.
    left_out=("ace_Arab", "arb_Latn", "bjn_Arab", "kas_Deva", "knc_Arab", "min_Arab", "taq_Tfng", "zho_Hant"),
    aligned=True,
)
