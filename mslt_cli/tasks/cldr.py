"""CLDR: is a name that of a territory, language, script, currency or unit? Made from the PyPI package Babel, offline.

The names are those of the Unicode Common Locale Data Repository, a few words long: an easy task for a test of the whole
pipeline. Its scores say little about longer texts, and many names are the same in several languages (Gabon, Latn).

Nothing leaks from train to test: all names of an entity (Japan), in all languages, are in one split, as are entities
that share a name (Kanada: Canada in Czech, the script Kannada in Venetian). A name of several kinds in its language
(Thai) has no right label and is left out.
"""

import hashlib
from functools import cache

from mslt_cli.errors import DataError, needs
from mslt_cli.hub.packages import PyPackage
from mslt_cli.languages.resolver import fold
from mslt_cli.tasks.task import Rows, Task, language_table

FIELDS = {
    "territory": "territories",
    "language": "languages",
    "script": "scripts",
    "currency": "currency_names",
    "unit": "unit_display_names",
}
"""Label → Babel's field."""

FEWEST_NAMES = 900
"""Fewest names of its own that a locale needs: those that inherit from another (Haitian from French) have few."""


def own_names(locale: str) -> dict[str, str]:
    """Entity ("territory:JP") → name in a locale, without inherited names, sorted; DataError if there are too few."""
    with needs("The task cldr", "Babel", "offline"):
        from babel import localedata

    # Babel's own files in its own format: part of an installed package, as its code is.
    data = localedata.load(locale, merge_inherited=False) if localedata.exists(locale) else {}
    names = {}
    for kind, key in FIELDS.items():
        for code, value in (data.get(key) or {}).items():
            text = value.get("long") if isinstance(value, dict) else value
            if isinstance(text, str) and text.strip():
                names[f"{kind}:{code}"] = text.strip()
    if len(names) < FEWEST_NAMES:
        raise DataError(f"CLDR's locale {locale!r} has only {len(names)} names of its own; it inherits the others.")
    return dict(sorted(names.items()))


@cache
def splits_by_entity() -> dict[str, str]:
    """The split of each entity: the same for all entities that share a name, in one language or in two.

    A group's split follows from a hash of its first entity: a tenth of all groups each for validation and test.
    """
    leader: dict[str, str] = {}

    def first_of(entity: str) -> str:
        while leader.setdefault(entity, entity) != entity:
            entity = leader[entity]
        return entity

    seen: dict[str, str] = {}
    for language in TASK.languages:
        for entity, name in own_names(TASK.code(language)).items():
            one, other = first_of(seen.setdefault(fold(name), entity)), first_of(entity)
            leader[max(one, other)] = min(one, other)
    hashes = {entity: hashlib.sha256(first_of(entity).encode()).digest() for entity in leader}
    shares = {entity: int.from_bytes(digest[:8]) / 2**64 for entity, digest in hashes.items()}
    return {
        entity: "test" if share < 0.1 else "validation" if share < 0.2 else "train" for entity, share in shares.items()
    }


def build(locale: str, split: str) -> Rows:
    """The names of one locale in one split; columns id, text, label."""
    import polars as pl

    names = own_names(locale)
    frame = pl.DataFrame({"id": list(names), "text": list(names.values()), "name": list(map(fold, names.values()))})
    frame = frame.with_columns(pl.col("id").str.split(":").list.first().alias("label"))
    split_of = splits_by_entity()
    in_split = pl.Series([split_of[entity] == split for entity in names])
    return frame.filter(in_split & (pl.col("label").n_unique().over("name") == 1)).select("id", "text", "label")


TASK = Task(
    name="cldr",
    kind="sequence-classification",
    summary="is it a territory, language, script, currency or unit?",
    labels=tuple(FIELDS),
    # All languages of Babel 2.18 with so many names of their own; zh is Simplified, sr Cyrillic.
    languages=language_table(
        "afr=af amh=am ara=ar asm=as ast aze=az bel=be ben=bn bew bos=bs bre=br brx bul=bg cat=ca ccp ces=cs che=ce "
        "chr chv=cv cym=cy dan=da deu=de dsb ell=el eng=en epo=eo est=et eus=eu ewe=ee fao=fo fas=fa fil fin=fi fra=fr "
        "frr fry=fy gla=gd gle=ga glg=gl gsw guj=gu hau=ha heb=he hin=hi hrv=hr hsb hun=hu hye=hy ibo=ig ina=ia ind=id "
        "isl=is ita=it jav=jv jpn=ja kab kan=kn kas=ks kat=ka kaz=kk kgp khm=km kir=ky kok kor=ko kur=ku lao=lo "
        "lav=lv lij lit=lt ltz=lb mal=ml mar=mr mkd=mk mon=mn mri=mi msa=ms mya=my nep=ne nld=nl nor=no nqo ori=or "
        "pan=pa pcm pol=pl por=pt pus=ps que=qu roh=rm ron=ro rus=ru sat sin=si slk=sk slv=sl snd=sd som=so spa=es "
        "sqi=sq srd=sc srp=sr swa=sw swe=sv tam=ta tel=te tha=th tir=ti ton=to tuk=tk tur=tr uig=ug ukr=uk urd=ur "
        "uzb=uz vec vie=vi xnr yor=yo yrl yue zho=zh zul=zu"
    ),
    sources=("ara", "deu", "eng", "fra", "rus", "spa", "zho"),
    targets=("ell", "fin", "heb", "hin", "ind", "jpn", "kor", "swa", "tha", "tur"),
    licence="Unicode License v3",
    citation="Unicode Consortium, Common Locale Data Repository, through Babel",
    build=build,
    packages=(PyPackage("Babel", "2.18.0"),),
    aligned=True,
)
