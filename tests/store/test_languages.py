import time

import pytest

from mslt_cli.errors import UnknownNameError
from mslt_cli.store import languages
from mslt_cli.store.db import open_store


@pytest.fixture(scope="module")
def store(filled_store):
    with open_store(filled_store) as store:
        yield store


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
def test_a_spelling_means_one_language(store, spelling, code, script):
    language = languages.resolve(store, spelling)
    assert (language.iso639_3, language.script) == (code, script)


def test_a_script_that_is_asked_for_is_remembered(store):
    assert languages.resolve(store, "hi-Latn").script_asked == "Latn"
    assert languages.resolve(store, "hi").script_asked is None


def test_all_facts_come_with_the_language(store):
    assert languages.resolve(store, "tr") == languages.Language("tur", "tr", "Turkish", "Latn", "Turkic")
    assert languages.resolve(store, "aaa").iso639_1 is None


@pytest.mark.parametrize(
    ("spelling", "suggested"),
    [("Germn", "German"), ("Swaheli", "Swahili"), ("Ghotu", "Ghotuo")],
)
def test_an_unknown_language_gets_the_nearest_names(store, spelling, suggested):
    started = time.perf_counter()
    with pytest.raises(UnknownNameError, match=f"There is no language '{spelling}'. Did you mean {suggested}"):
        languages.resolve(store, spelling)
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize("spelling", ["xx", "qqqqqq", "", "xx-Latn", "zh-Hans-Hant"])
def test_what_is_near_to_nothing_is_still_explained(store, spelling):
    with pytest.raises(UnknownNameError, match=f"There is no language '{spelling}'"):
        languages.resolve(store, spelling)


def test_a_pool_is_its_languages(store):
    assert languages.pool(store, "paper") == ("ara", "deu", "eng", "fra", "rus", "spa", "zho")
    assert "task:xnli" in languages.pool_names(store)
    with pytest.raises(UnknownNameError, match="Did you mean task:wikiann"):
        languages.pool(store, "wikiann")


def test_a_models_languages_are_those_with_data(store):
    assert languages.model_names(store) == ("bloom", "mbert", "mt5", "xglm", "xlm-r")
    xlm_r = languages.models_languages(store, "xlm-r")
    assert "deu" in xlm_r
    assert "que" not in xlm_r  # its row of 0 says that it was looked for
    assert "mal" in languages.models_languages(store, "mt5")  # tokens unknown, share known


def test_pretraining_sizes_keep_unknown_apart_from_zero(store):
    sizes = {row.iso639_3: row for row in languages.pretraining_sizes(store, "xlm-r")}
    assert sizes["que"].size_gib == 0
    assert {row.size_gib for row in languages.pretraining_sizes(store, "mt5")} == {None}
    with pytest.raises(UnknownNameError, match="There is no model 'xlmr'. Did you mean xlm-r"):
        languages.pretraining_sizes(store, "xlmr")


def test_every_code_is_listed(store):
    codes = languages.all_codes(store)
    assert len(codes) == 7970
    assert list(codes) == sorted(codes)


def test_every_name_and_code_means_what_the_tables_say(store):
    # A name may lose to a code (Dan), a code to lang2vec's reading of it (alb, gre); nothing else may differ.
    lost = store.query(
        "SELECT l.iso639_3 FROM languages l LEFT JOIN spellings s ON s.spelling_folded = l.iso639_3"
        " WHERE s.iso639_3 IS NOT l.iso639_3 ORDER BY 1"
    )
    assert lost == [("alb",), ("gre",)]
