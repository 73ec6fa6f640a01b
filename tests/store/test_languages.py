import pytest

from mslt_cli.errors import UnknownNameError
from mslt_cli.languages.resolver import shipped
from mslt_cli.store import languages
from mslt_cli.store.db import open_store
from mslt_cli.store.languages import resolver


@pytest.fixture(scope="module")
def store(filled_store):
    with open_store(filled_store) as store:
        yield store


def test_the_store_and_the_files_understand_every_spelling_alike(store):
    stored, files = resolver(store), shipped()
    for (folded,) in store.query("SELECT spelling_folded FROM spellings"):
        assert stored.find(folded) == files.find(folded)
    assert set(stored.list_spellings()) == set(files.list_spellings())


def codes(store, pool):
    return [language.iso639_3 for language in languages.pool(store, pool)]


def test_a_pool_is_its_languages(store):
    assert codes(store, "paper") == ["ara", "deu", "eng", "fra", "rus", "spa", "zho"]
    assert languages.pool_names(store)[:4] == ["all", "bloom", "mbert", "mt5"]
    assert "task:xnli" in languages.pool_names(store)
    with pytest.raises(UnknownNameError, match="Did you mean task:wikiann"):
        languages.pool(store, "wikiann")


def test_a_models_languages_are_those_with_data(store):
    assert languages.model_names(store) == ("bloom", "mbert", "mt5", "xglm", "xlm-r")
    xlm_r = codes(store, "xlm-r")
    assert "deu" in xlm_r
    assert "que" not in xlm_r  # its row of 0 says that it was looked for
    assert "mal" in codes(store, "mt5")  # tokens unknown, share known


def test_pretraining_sizes_keep_unknown_apart_from_zero(store):
    sizes = {row.iso639_3: row for row in languages.pretraining_sizes(store, "xlm-r")}
    assert sizes["que"].size_gib == 0
    assert {row.size_gib for row in languages.pretraining_sizes(store, "mt5")} == {None}
    with pytest.raises(UnknownNameError, match="There is no model 'xlmr'. Did you mean xlm-r"):
        languages.pretraining_sizes(store, "xlmr")


def test_every_language_is_listed(store):
    all_languages = languages.pool(store, "all")
    assert len(all_languages) == 7970
    assert all_languages == sorted(all_languages, key=lambda language: language.iso639_3)


def test_every_name_and_code_means_what_the_tables_say(store):
    # A name may lose to a code (Dan), a code to lang2vec's reading of it (alb, gre); nothing else may differ.
    lost = store.query(
        "SELECT l.iso639_3 FROM languages l LEFT JOIN spellings s ON s.spelling_folded = l.iso639_3"
        " WHERE s.iso639_3 IS NOT l.iso639_3 ORDER BY 1"
    )
    assert lost == [("alb",), ("gre",)]
