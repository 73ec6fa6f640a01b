"""MASSIVE: what a user wants of a voice assistant, 60 intents (FitzGerald et al. 2023). English is that of SLURP; its
translations are by people, and adapted to the place (other songs, other towns)."""

from mslt_cli.tasks.task import HubFiles, Task, language_table

INTENTS = (
    "datetime_query iot_hue_lightchange transport_ticket takeaway_query qa_stock general_greet recommendation_events "
    "music_dislikeness iot_wemo_off cooking_recipe qa_currency transport_traffic general_quirky weather_query "
    "audio_volume_up email_addcontact takeaway_order email_querycontact iot_hue_lightup recommendation_locations "
    "play_audiobook lists_createoradd news_query alarm_query iot_wemo_on general_joke qa_definition social_query "
    "music_settings audio_volume_other calendar_remove iot_hue_lightdim calendar_query email_sendemail iot_cleaning "
    "audio_volume_down play_radio cooking_query datetime_convert qa_maths iot_hue_lightoff iot_hue_lighton "
    "transport_query music_likeness email_query play_music audio_volume_mute social_post alarm_set qa_factoid "
    "calendar_set play_game alarm_remove lists_remove transport_taxi recommendation_movies iot_coffee music_query "
    "play_podcasts lists_query"
)
"""In the order of their numbers in AmazonScience/massive, which other copies of the data keep."""

TASK = Task(
    name="massive",
    kind="sequence-classification",
    summary="intents of requests to an assistant, 60, parallel",
    labels=tuple(INTENTS.split()),
    columns={"text": ("text", "utt"), "label": ("label_text", "intent")},
    # Norwegian is Bokmål: what pretraining corpora call Norwegian. Catalan is in the archive 1.1 alone, not on the hub.
    languages=language_table(
        "afr=af|af-ZA amh=am|am-ET ara=ar|ar-SA aze=az|az-AZ ben=bn|bn-BD cat=ca|ca-ES cym=cy|cy-GB dan=da|da-DK "
        "deu=de|de-DE ell=el|el-GR eng=en|en-US spa=es|es-ES fas=fa|fa-IR fin=fi|fi-FI fra=fr|fr-FR heb=he|he-IL "
        "hin=hi|hi-IN hun=hu|hu-HU hye=hy|hy-AM ind=id|id-ID isl=is|is-IS ita=it|it-IT jpn=ja|ja-JP jav=jv|jv-ID "
        "kat=ka|ka-GE khm=km|km-KH kan=kn|kn-IN kor=ko|ko-KR lav=lv|lv-LV mal=ml|ml-IN mon=mn|mn-MN msa=ms|ms-MY "
        "mya=my|my-MM nor=nb|nb-NO|nob nld=nl|nl-NL pol=pl|pl-PL por=pt|pt-PT ron=ro|ro-RO rus=ru|ru-RU slv=sl|sl-SL "
        "sqi=sq|sq-AL swe=sv|sv-SE swa=sw|sw-KE tam=ta|ta-IN tel=te|te-IN tha=th|th-TH tgl=tl|tl-PH tur=tr|tr-TR "
        "urd=ur|ur-PK vie=vi|vi-VN zho=zh-CN"
    ),
    left_out=("zh-TW",),  # Chinese again, in Traditional script
    # The paper's pool and, as targets, other families and scripts: those of cldr and sib200, so that tasks compare.
    sources=("ara", "deu", "eng", "fra", "rus", "spa", "zho"),
    targets=("ell", "fin", "heb", "hin", "ind", "jpn", "kor", "swa", "tha", "tur"),
    sizes={"train": 11_514, "validation": 2_033, "test": 2_974},
    licence="CC BY 4.0",
    citation="FitzGerald et al. 2023, MASSIVE: A 1M-Example Multilingual Natural Language Understanding Dataset with "
    "51 Typologically-Diverse Languages (ACL)",
    hub=HubFiles(
        "mteb/amazon_massive_intent",
        "{split}/{lang}.json.gz",
        revision="4672e20407010da34463acc759c162ca9734bca6",
    ),
    layouts=("{lang}.jsonl",),  # the data set's own archive: all splits of a language in one file
    language_column=("language", "lang", "locale"),
    split_column="partition",
    aligned=True,
)
