"""The task cldr: real names, split so that nothing leaks."""

import csv
import hashlib
from collections import defaultdict

import pytest

pytest.importorskip("babel")

from mslt_cli.errors import DataError
from mslt_cli.shipped import results_path
from mslt_cli.tasks import cldr

SPLITS = cldr.TASK.splits


@pytest.fixture(scope="module")
def built():
    """{(language, split): frame} of all languages; about two seconds."""
    return {(iso, split): cldr.build(cldr.TASK.code(iso), split) for iso in cldr.TASK.languages for split in SPLITS}


def test_no_entity_and_no_name_is_in_two_splits_over_all_languages(built):
    places = defaultdict(set)
    for (_, split), frame in built.items():
        for entity in frame["id"]:
            places["entity", entity].add(split)
        for text in frame["text"]:
            places["name", text.casefold()].add(split)
    assert [what for what, splits in places.items() if len(splits) > 1] == []
    assert len(places) > 100_000


def test_a_name_has_one_label_in_its_language(built):
    for iso in cldr.TASK.languages:
        labels = defaultdict(set)
        for split in SPLITS:
            for text, label in built[iso, split].select("text", "label").iter_rows():
                labels[text.casefold()].add(label)
        assert all(len(kinds) == 1 for kinds in labels.values())


def test_ambiguous_names_are_left_out(built):
    english = {text for split in SPLITS for text in built["eng", split]["text"]}
    names = cldr.own_names("en")
    assert names["language:th"] == names["script:Thai"] == "Thai"
    assert "Thai" not in english
    assert "Japanese" not in english  # a language and a script
    assert {"Japan", "Japanese Yen"} <= english


def test_sizes_and_the_balance_of_labels(built):
    total = {split: sum(built[iso, split].height for iso in cldr.TASK.languages) for split in SPLITS}
    assert total == {"train": 121_468, "validation": 14_495, "test": 15_913}
    for iso in cldr.TASK.languages:
        frames = [built[iso, split] for split in SPLITS]
        rows = [frame.height for frame in frames]
        assert 848 <= sum(rows) <= 1_590  # Chechen, Czech
        for frame, lowest, highest in zip(frames, (0.78, 0.07, 0.07), (0.83, 0.12, 0.13), strict=True):
            assert lowest < frame.height / sum(rows) < highest
            counts = frame["label"].value_counts()
            assert counts.height >= 3  # few or no names of units in some languages, of currencies or scripts in others
            assert counts["count"].max() < 0.6 * frame.height


def test_scores_that_ship_say_how_many_rows_have_the_most_frequent_label(built):
    with results_path("scores.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["task"] == "cldr"]
        shipped = {(row["iso639_3"], row["counts"].partition(", ")[2], row["rows"]) for row in rows}
    frames = {iso: built[iso, "test"] for iso in cldr.TASK.targets}
    most = {iso: frame["label"].value_counts()["count"].max() for iso, frame in frames.items()}
    assert shipped == {
        (iso, f'"majority": {most[iso]}, "n": {frame.height}}}', str(frame.height)) for iso, frame in frames.items()
    }


def test_the_split_follows_from_the_first_of_all_entities_that_share_names():
    sharing = defaultdict(set)
    for iso in cldr.TASK.languages:
        for entity, name in cldr.own_names(cldr.TASK.code(iso)).items():
            sharing[name.casefold()].add(entity)
    near = defaultdict(set)
    for entities in sharing.values():
        for entity in entities:
            near[entity] |= entities
    for entity in near:
        group, reached = set(), {entity}  # spread from the entity until nothing is new
        while reached:
            group |= reached
            reached = {other for one in reached for other in near[one]} - group
        # SHA-256, since Python's own hash differs from process to process. A tenth is test, a tenth validation.
        share = int(hashlib.sha256(min(group).encode()).hexdigest()[:16], 16) / 2**64
        expected = "test" if share < 0.1 else "validation" if share < 0.2 else "train"
        assert cldr.splits_by_entity()[entity] == expected


@pytest.mark.parametrize("locale", ["ht", "root", "en_AU", "gv", "zz_nowhere"])
def test_locales_without_names_of_their_own_are_refused(locale):
    with pytest.raises(
        DataError, match=f"CLDR's locale '{locale}' has only .* names of its own; it inherits the others"
    ):
        cldr.own_names(locale)


def test_the_languages_are_all_locales_with_names_of_their_own():
    from babel import localedata

    bare = [name for name in localedata.locale_identifiers() if "_" not in name]
    own = set()
    for locale in bare:
        try:
            cldr.own_names(locale)
        except DataError:
            continue
        own.add(locale)
    listed = {cldr.TASK.code(iso) for iso in cldr.TASK.languages}
    assert listed == own
    assert len(listed) == 123
    assert "ht" not in own
