"""Emoji: of which group is the one that a name and keywords describe? Out of npm packages, in 114 languages.

A text is what the Unicode Common Locale Data Repository says of an emoji: its name, then its other keywords ("skunk,
animal, stink"). The group is that of Unicode's emoji test: 😀 is a smiley, 🦨 an animal. Flags have no names there.

Nothing leaks from train to test: an emoji is in one split in all languages, and so are those that differ only in the
person (a man, a woman, a person who climbs). The same emoji are in all languages, so that items are parallel.
"""

import hashlib
from functools import cache

from mslt_cli.foreign import parse_json
from mslt_cli.hub.packages import NpmPackage
from mslt_cli.tasks.task import Rows, Task, language_table

NAMES = NpmPackage(
    "cldr-annotations-full",
    "48.2.0",
    "sha512-DV7A+rEcgUSNTRsVGNGqBZRmAkGfwhGHO5Q1dRwzBoBnVrHWp804JP7/QJdEc66iHmx3+zLWVIMCFLm0lW7PUQ==",
    6_537_823,
)
GROUPS = NpmPackage(
    "unicode-emoji-json",
    "0.9.0",
    "sha512-HdrQW/7SdbXUsTd8uTATv7LvQJkCSgbAgRCDCtOhQ6xn3EAx+xZHQtRniOXWJK3ywIqPegkNhP4U4EbuFsiQng==",
    71_855,
)
LABELS = {
    "Smileys & Emotion": "smileys",
    "People & Body": "people",
    "Animals & Nature": "animals",
    "Food & Drink": "food",
    "Travel & Places": "travel",
    "Activities": "activities",
    "Objects": "objects",
    "Symbols": "symbols",
}
"""Unicode's group → label."""
PERSONS = dict.fromkeys(map(ord, "👨👩🧑♀♂\u200d\ufe0f🏻🏼🏽🏾🏿"))
"""What tells apart emoji of one kind: the person, the colour of the skin, and what joins them to the rest."""
# All locales with 1,000 names and more, but those that TASK leaves out; zh is Simplified, sr Cyrillic.
LANGUAGES = language_table(
    "afr=af aka=ak amh=am ara=ar asm=as aze=az bak=ba bel=be ben=bn bos=bs bre=br bul=bg cat=ca ces=cs chr chv=cv "
    "cym=cy dan=da deu=de dsb ell=el eng=en est=et eus=eu fao=fo fas=fa fil fin=fi fra=fr gla=gd gle=ga glg=gl "
    "guj=gu hau=ha heb=he hin=hi hrv=hr hsb hun=hu hye=hy ibo=ig ind=id isl=is ita=it jav=jv jpn=ja kan=kn kat=ka "
    "kaz=kk khm=km kin=rw kir=ky kok kor=ko lao=lo lav=lv lit=lt ltz=lb mal=ml mar=mr mkd=mk mlt=mt mon=mn mri=mi "
    "msa=ms mya=my nep=ne nld=nl nor=no nso ori=or orm=om pan=pa pcm pol=pl por=pt pus=ps quc que=qu roh=rm ron=ro "
    "rus=ru shn sin=si slk=sk slv=sl snd=sd som=so spa=es sqi=sq srd=sc srp=sr swa=sw swe=sv tam=ta tel=te tgk=tg "
    "tha=th tir=ti ton=to tsn=tn tuk=tk tur=tr uig=ug ukr=uk urd=ur uzb=uz vie=vi wol=wo xho=xh yor=yo yue zho=zh "
    "zul=zu"
)
FEWER = language_table(
    "asm bak bre fao gla hau hin kin lao ltz mar mlt mri nso orm quc que roh shn slv srd swa tgk ton tsn uig wol xho"
)
"""The languages that lack some of the emoji."""


def split_of(emoji: str) -> str:
    """The split of an emoji, by a hash of what is left without the person: a fifth are test, a tenth validation."""
    kind = emoji.translate(PERSONS) or "person"
    share = int.from_bytes(hashlib.sha256(kind.encode()).digest()[:8]) / 2**64
    return "test" if share < 0.2 else "validation" if share < 0.3 else "train"


@cache
def label_by_emoji() -> dict[str, str]:
    """The labels of all emoji that have a group, in Unicode's order; without the mark of their form (U+FE0F)."""
    entries = parse_json(GROUPS.read("data-by-emoji.json")["data-by-emoji.json"])
    known = {emoji: LABELS.get(entry["group"]) for emoji, entry in entries.items()}
    return {emoji.replace("\ufe0f", ""): label for emoji, label in known.items() if label}


def build(locale: str, split: str) -> Rows:
    """The emoji of one split with a name in a locale; columns id (code points: 1f468-200d-1f3ed), text, label."""
    import polars as pl

    path = f"annotations/{locale}/annotations.json"
    said = parse_json(NAMES.read("annotations/*/annotations.json")[path])["annotations"]["annotations"]
    said = {emoji.replace("\ufe0f", ""): entry for emoji, entry in said.items()}
    rows = []
    for emoji, label in label_by_emoji().items():
        entry = said.get(emoji, {})
        if split_of(emoji) == split and (name := " ".join(entry.get("tts", []))):
            words = [word for word in entry.get("default", []) if word.casefold() != name.casefold()]
            rows.append(("-".join(f"{ord(part):x}" for part in emoji), ", ".join([name, *words]), label))
    return pl.DataFrame(rows, ["id", "text", "label"], orient="row")


TASK = Task(
    name="emoji",
    kind="sequence-classification",
    summary="of which of eight groups is the emoji that is described?",
    labels=tuple(LABELS.values()),
    languages=LANGUAGES,
    sources=("ara", "deu", "eng", "fra", "rus", "spa", "zho"),
    targets=("ell", "fin", "heb", "hin", "ind", "jpn", "kor", "swa", "tha", "tur"),
    sizes={
        split: dict.fromkeys((iso for iso in LANGUAGES if iso not in FEWER), rows)
        for split, rows in {"train": 1_088, "validation": 163, "test": 329}.items()
    },
    licence="Unicode License v3",
    citation="Unicode Consortium, Common Locale Data Repository 48, through the npm packages cldr-annotations-full "
    "and unicode-emoji-json",
    build=build,
    packages=(NAMES, GROUPS),
    # A second script or region of a language that is there; and Greenlandic, whose names are Danish, 81 % of them.
    left_out=("kk-Arab", "kl", "pa-Arab", "pt-PT", "sr-Latn", "yo-BJ", "yue-Hans", "zh-Hant"),
    aligned=True,
)
