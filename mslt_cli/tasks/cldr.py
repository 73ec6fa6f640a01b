"""CLDR: is a name that of a territory, language, script, currency or unit? Made from the PyPI package Babel, offline.

The names are those of the Unicode Common Locale Data Repository in 123 languages. They are a few words long, so this is
an easy task for a test of the whole pipeline: its scores say little about longer texts, and many names are the same in
several languages (Gabon, Bitcoin, Latn).

Nothing leaks from train to test: the split is by entity (all names of Japan, in all languages, are in one split), and
entities that share a name, even in two languages (Kanada: Canada in Czech, the script Kannada in Venetian), are in the
same split. A name of several kinds in its language (Thai) has no right label and is left out.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import TYPE_CHECKING

from mslt_cli.errors import DataError, MissingPackageError
from mslt_cli.languages.codes import fold
from mslt_cli.tasks.task import Task, language_table

if TYPE_CHECKING:
    import polars as pl

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
    """Entity ("territory:JP") → its name in a locale, without inherited names; sorted.

    Raises:
        MissingPackageError: Babel is not installed.
        DataError: the locale has too few names of its own.
    """
    try:
        from babel import localedata
    except ImportError:
        raise MissingPackageError("The task cldr", "Babel", "offline") from None
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


def build(locale: str, split: str) -> pl.DataFrame:
    """The names of one locale in one split; columns id, text, label."""
    import polars as pl

    rows = [(entity, name, entity.partition(":")[0]) for entity, name in own_names(locale).items()]
    kinds: dict[str, set[str]] = {}
    for _, name, kind in rows:
        kinds.setdefault(fold(name), set()).add(kind)
    split_of = splits_by_entity()
    rows = [row for row in rows if len(kinds[fold(row[1])]) == 1 and split_of[row[0]] == split]
    return pl.DataFrame(rows, dict.fromkeys(("id", "text", "label"), pl.String), orient="row")


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
    package="Babel",
    aligned=True,
)
