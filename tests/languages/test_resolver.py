import time

import pytest

from mslt_cli.errors import UnknownNameError
from mslt_cli.languages.resolver import Language, shipped
from mslt_cli.languages.subtags import macrolanguage, standard
from mslt_cli.store import languages
from mslt_cli.store.db import open_store


@pytest.fixture(scope="module", params=["shipped", "stored"])
def resolver(request, filled_store):
    """The one rule over both of its sources."""
    if request.param == "shipped":
        yield shipped()
        return
    with open_store(filled_store) as store:
        yield languages.resolver(store)


@pytest.mark.parametrize(
    ("spelling", "code", "script"),
    [
        ("en", "eng", "Latn"),
        ("ENG", "eng", "Latn"),
        ("English", "eng", "Latn"),
        ("ar", "ara", "Arab"),
        ("zh", "zho", "Hans"),
        ("zh-Hans", "zho", "Hans"),
        ("zh-Hant-TW", "zho", "Hant"),
        ("zh-min-nan", "nan", "Latn"),
        ("zh_min_nan", "nan", "Latn"),
        ("zh-yue", "yue", "Hant"),
        ("ar-arz", "arz", "Arab"),
        ("hi-Latn", "hin", "Latn"),
        ("pt-BR", "por", "Latn"),
        ("en_US", "eng", "Latn"),
        (" German ", "deu", "Latn"),
        ("Deutsch", "deu", "Latn"),
        ("DEUTSCH", "deu", "Latn"),
        ("iw", "heb", "Hebr"),
        ("alb", "sqi", "Latn"),  # URIEL has rows alb and gre too, but lang2vec looks at its letter codes first
        ("gre", "ell", "Grek"),
        ("Dan", "dan", "Latn"),  # a code goes before a name: Dan is also a language of the Ivory Coast
    ],
)
def test_a_spelling_means_one_language(resolver, spelling, code, script):
    language = resolver.resolve(spelling)
    assert (language.iso639_3, language.script) == (code, script)


def test_a_script_that_is_asked_for_is_remembered(resolver):
    assert resolver.resolve("hi-Latn").script_asked == "Latn"
    assert resolver.resolve("hi").script_asked is None


def test_all_facts_come_with_the_language(resolver):
    assert resolver.resolve("tr") == Language("tur", "tr", "Turkish", "Latn", "Turkic")
    assert resolver.resolve("aaa").iso639_1 is None


@pytest.mark.parametrize(
    ("spelling", "suggested"),
    [("Germn", "German"), ("Swaheli", "Swahili"), ("Ghotu", "Ghotuo")],
)
def test_an_unknown_language_gets_the_nearest_names(resolver, spelling, suggested):
    started = time.perf_counter()
    with pytest.raises(UnknownNameError, match=f"There is no language '{spelling}'. Did you mean {suggested}"):
        resolver.resolve(spelling)
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize("spelling", ["xx", "qqqqqq", "", "xx-Latn", "zh-Hans-Hant"])
def test_what_is_near_to_nothing_is_still_explained(resolver, spelling):
    with pytest.raises(UnknownNameError, match=f"There is no language '{spelling}'"):
        resolver.resolve(spelling)


def test_a_language_remembers_how_it_was_written(resolver):
    assert resolver.resolve(" zh-Hant").given == " zh-Hant"
    assert resolver.resolve("zho").given == "zho"
    assert resolver.resolve("zh") == resolver.resolve("zho")  # one language, however it is written


@pytest.mark.parametrize(
    ("spelling", "code", "script"),
    [
        ("en-NZL", "eng", "Latn"),
        ("ara-MAR", "ara", "Arab"),
        ("ms-BRN", "msa", "Latn"),
        ("sw_KEN", "swa", "Latn"),
        ("ar-ary", "ary", "Arab"),  # registered under ar
        ("zho-wuu", "wuu", "Hans"),
        ("zh-gan-Hant-TWN", "gan", "Hant"),
        ("zh-MO", "zho", "Hant"),
        ("zh-HKG", "zho", "Hant"),
        ("zh-SG", "zho", "Hans"),
        ("zh-Hans-TW", "zho", "Hans"),  # what is said goes before what is usual
        ("uz-AF", "uzb", "Arab"),
        ("fiu-vro", "vro", "Latn"),
        ("roa-rup", "rup", "Latn"),
        ("zh_classical", "lzh", "Hant"),
        ("cbk-zam", "cbk", "Latn"),
        ("nds-nl", "nds", "Latn"),
    ],
)
def test_three_letters_are_an_extension_where_registered_and_else_a_region(resolver, spelling, code, script):
    language = resolver.resolve(spelling)
    assert (language.iso639_3, language.script) == (code, script)


@pytest.mark.parametrize("spelling", ["en-QQQ", "de-bar", "map-bms", "en-yue", "yue-zh-cmn"])
def test_an_extension_under_another_prefix_that_is_no_region_is_refused(resolver, spelling):
    with pytest.raises(UnknownNameError, match=f"There is no language '{spelling}'"):
        resolver.resolve(spelling)


@pytest.mark.parametrize(
    ("spelling", "note"),
    [
        ("iw", "iw is an old code, today it is he; it is read as Hebrew (heb)."),
        ("scc", "scc is an old code, today it is sr; it is read as Serbian (srp)."),
        ("ais", "ais is an old code, today it is ami or szy; it is read as Nataoran Amis (ais)."),
        ("als", "als is Tosk Albanian here; among Wikipedia's codes, as in WikiANN, it is Alemannic German (gsw)."),
        ("pa-PK", "pa-PK is read as pa-Arab, the script of that region."),
        ("zh-CN", ""),
        ("tl", ""),
        ("gsw", ""),
    ],
)
def test_a_code_that_was_replaced_or_means_two_things_comes_with_a_note(resolver, spelling, note):
    assert resolver.resolve(spelling).note == note


def test_all_that_are_misspelt_are_named_at_once(resolver):
    with pytest.raises(UnknownNameError, match="'Germn'. Did you mean German.* 'Swaheli'. Did you mean Swahili"):
        resolver.resolve_all(["en", "Germn", "Swaheli"])


def test_two_codes_of_one_language_share_a_standard_and_the_other_members_do_not():
    assert [standard(code) for code in ("cmn", "zho", "swh", "nob", "fil", "yue", "ind")] == [
        *("zho", "zho", "swa", "nor", "tgl", "yue", "ind")
    ]
    assert [macrolanguage(code) for code in ("yue", "ind", "msa", "deu")] == ["zho", "msa", None, None]
