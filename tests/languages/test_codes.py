import pytest

from mslt_cli.languages.resolver import Tag, fold, parse_tag


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("de", Tag("de", None)),
        ("zh-Hans", Tag("zh", "Hans")),
        ("ZH_hant_TW", Tag("zh", "Hant", "TW")),
        ("pt-BR", Tag("pt", None, "BR")),
        ("es-419", Tag("es", None, "419")),
        ("de-CH-1996", Tag("de", None, "CH")),
        ("ar-arz", Tag("arz", None)),
        ("zh-yue-Hant-HK", Tag("yue", "Hant", "HK")),
    ],
)
def test_a_tag_is_its_language_and_its_script(tag, expected):
    assert parse_tag(tag) == expected


@pytest.mark.parametrize("spelling", ["German", "Alumu-Tesu", "e", "en-", "en--US", "zh-Hans-Hant", "", "d3"])
def test_what_is_not_a_tag_is_not_split(spelling):
    assert parse_tag(spelling) is None


def test_case_composition_and_blanks_do_not_count():
    assert fold(" Franc\u0327ais ") == fold("FRANÇAIS")
