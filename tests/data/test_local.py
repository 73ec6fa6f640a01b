"""Language and split of files, read from their paths alone: the files here are empty."""

from dataclasses import replace

import pytest
from made_files import lay_out, zipped

from mslt_cli.data.local import FromFolder
from mslt_cli.errors import DataError
from mslt_cli.tasks import TASKS, find_task


def found(root, task, language, split, only=None):
    folder = FromFolder(find_task(task), root, splits=[only] if only else [])
    return [source.inner.removeprefix(f"{root}/") for source in folder.find(language, split)]


@pytest.mark.parametrize(
    ("task", "language", "split", "path"),
    [
        # a folder, or a file, per language
        ("xnli", "deu", "test", "de/test.parquet"),
        ("xnli", "deu", "test", "deu/test.parquet"),
        ("xnli", "deu", "test", "DE/TEST.PARQUET"),
        ("xnli", "deu", "train", "data/de/xnli-training.jsonl.gz"),
        ("xnli", "deu", "validation", "de.dev.tsv"),
        ("xnli", "deu", "validation", "valid/xnli_de.csv"),
        ("xnli", "deu", "validation", "de/val-00000-of-00001.parquet"),
        ("xnli", "deu", "test", "hi/there/de/test.tsv"),  # the nearest part counts
        ("xnli", "deu", "test", "train/de/test.tsv"),
        ("xstorycloze", "ind", "eval", "id/dev.jsonl"),
        ("xstorycloze", "ind", "eval", "spring2016.val.id.tsv.split_20_80_eval.tsv"),
        ("xstorycloze", "ind", "train", "spring2016.val.id.tsv.split_20_80_train.tsv"),
        ("xwinograd", "jpn", "test", "test/jp.jsonl"),
        ("xwinograd", "jpn", "test", "ja/test.jsonl"),
        ("wikiann", "zho", "train", "wikiann/zh/train.tsv"),
        ("wikiann", "yue", "train", "wikiann/zh-yue/train.tsv"),
        ("wikiann", "nan", "train", "zh-min-nan.tar.gz/train"),
        ("wikiann", "gsw", "test", "als/test.tsv"),  # Alemannic, as Wikipedia has it
        ("wikiann", "deu", "test", "PAN-X.de/test-00000-of-00001.parquet"),
        ("wikiann", "deu", "validation", "panx/dev-de.tsv"),
        ("udpos", "deu", "train", "UD_German-HDT/de_hdt-ud-train-a-1.conllu"),
        ("udpos", "deu", "train", "udpos.German/train-00000-of-00001.parquet"),
        ("pud", "tha", "test", "th_pud-ud-test.conllu.gz"),
        ("pud", "tha", "test", "th_pud/test/0000.parquet"),
        ("pud", "tha", "test", "thai/th.conllu"),  # the only split there is
    ],
)
def test_a_path_names_language_and_split(tmp_path, task, language, split, path):
    lay_out(tmp_path, {path: b"", "readme.md": b"", "LICENSE": b""})
    assert found(tmp_path, task, language, split) == [path]
    assert FromFolder(find_task(task), tmp_path).languages_in_paths == [language]
    others = [s for s in find_task(task).splits if s != split]
    assert all(found(tmp_path, task, language, other) == [] for other in others)


@pytest.mark.parametrize("above", ["en/test", "data/train/fr", "xnli/de", "hi"])
def test_what_stands_above_the_folder_does_not_count(tmp_path, above):
    root = lay_out(tmp_path / above, {"ru/dev.tsv": b"", "stray.tsv": b""})
    folder = FromFolder(find_task("xnli"), root)
    assert folder.languages_in_paths == ["rus"]
    assert [source.path.name for source in folder.find(None, "test")] == []
    only = FromFolder(find_task("xnli"), root / "stray.tsv", splits=["dev"])
    assert [path for path, _ in only.files] == ["stray.tsv"]
    assert [source.path.name for source in only.find(None, "dev")] == ["stray.tsv"]


@pytest.mark.parametrize(
    "path",
    [
        *("zh-classical/train.tsv", "simple/train.tsv", "be-x-old.tar.gz/train"),  # left out of the task
        *("en-de/train.tsv", "end/train.tsv", "sende/train.tsv", "de/eval.tsv", "de/latest.tsv", "train/de/eval.tsv"),
    ],
)
def test_a_path_that_names_none_or_several_is_not_guessed(tmp_path, path):
    lay_out(tmp_path, {path: b"", "fr/train.tsv": b""})
    assert FromFolder(find_task("wikiann"), tmp_path).languages_in_paths == ["fra"]


@pytest.mark.parametrize(
    ("task", "language", "path"),
    [
        *(
            ("wikiann", "deu", path)
            for path in ("de.train.txt", "de_train.csv", "deu-train-2.jsonl", "train/de.txt.gz")
        ),
        *(
            ("wikiann", "deu", path)
            for path in ("wikiann-de/train.csv", "wikiann_de_train.tsv", "train/data-de-v2.jsonl")
        ),
        *(("wikiann", "deu", path) for path in ("de-DE/train.csv", "train/de-at.csv", "train/de_deu.csv")),
        *(("wikiann", "por", path) for path in ("pt-BR/train.csv", "train/pt_BR.csv")),  # br is Breton
        *(("wikiann", "zho", path) for path in ("zh-Hans/train.csv", "zh_hant/train.csv", "train/zho_Hans-CN.csv")),
        *(
            ("wikiann", "hin", path)
            for path in ("hi/train.txt", "train.hi.txt", "wikiann-hi-train.txt", "train/hi.csv")
        ),
        *(("wikiann", "deu", path) for path in ("de/no-dup/train.txt", "de/my_train.txt", "de/so-far/my-train.txt")),
        ("wikiann", "deu", "de/train_fr_final.txt"),
        *(("xnli", "hin", path) for path in ("my-data/hi/train.csv", "nli_train_hi.csv")),
        ("xnli", "hin", "XNLI/hi/my-train.csv"),
    ],
)
def test_a_code_that_stands_for_itself_is_a_language(tmp_path, task, language, path):
    assert FromFolder(find_task(task), lay_out(tmp_path, {path: b""})).languages_in_paths == [language]


@pytest.mark.parametrize(
    "path",
    [
        *("my_train.tsv", "no-train.tsv", "so-far-train.tsv", "id_test.csv", "is-it-test.tsv", "my-data-train.tsv"),
        *("no-dup/train.txt", "train/no-go.txt", "data-as-train.txt", "train-in-it.txt", "el-nino-train.tsv"),
        *("de-dup/train.tsv", "train_en_final.tsv", "ext-test.tsv", "en-de/train.tsv"),
    ],
)
def test_a_code_that_may_be_a_word_is_not_taken_for_a_language(tmp_path, path):
    root = lay_out(tmp_path / "data", {path: b"a\tO\n"})
    assert FromFolder(find_task("wikiann"), root).languages_in_paths == []
    with pytest.raises(DataError, match=r"does not say which language.*may be a mere word.*--langs"):
        FromFolder(find_task("wikiann"), root).languages  # noqa: B018
    asked = FromFolder(find_task("wikiann"), root, ["sqi"])
    assert asked.languages == ["sqi"]
    assert FromFolder(find_task("wikiann"), lay_out(root, {"fr/train.tsv": b""})).languages == ["fra"]


def test_the_name_of_an_archive_may_be_a_language(tmp_path):
    for name in ("hi.zip", "DE.ZIP"):
        lay_out(tmp_path, {name: zipped({"train.csv": b""})})
    assert FromFolder(find_task("xnli"), tmp_path).languages_in_paths == ["deu", "hin"]


def test_files_that_are_called_alike_but_for_a_code_are_in_these_languages(tmp_path):
    names = ["my_train.tsv", "de_test.tsv", "train_fr_final.tsv", "test_it_final.tsv", "en-dup/train.tsv"]
    folder = FromFolder(find_task("wikiann"), lay_out(tmp_path, dict.fromkeys([*names, "no-dup/train.tsv"], b"")))
    assert folder.languages_in_paths == ["deu", "fra", "ita", "mya"]


def test_a_code_that_may_be_a_word_is_a_language_if_it_is_asked_for(tmp_path):
    root = lay_out(tmp_path, {"my_train.tsv": b"a\tO\n", "de/train.tsv": b"a\tO\n", "de/is-it-test.tsv": b"a\tO\n"})
    both = FromFolder(find_task("wikiann"), root, ["mya", "deu"])
    assert both.languages_in_paths == ["deu", "mya"]
    assert both.has("mya", "train")
    one = FromFolder(find_task("wikiann"), root)
    assert not one.has("mya", "train")
    assert one.notes == [f"{root}/my_train.tsv was left out: its path names no language for certain, as others do."]


def test_a_folder_above_whose_name_may_be_a_word_gives_way_to_what_is_asked_for(tmp_path):
    root = lay_out(tmp_path / "my", {"train.tsv": b"a\tO\n"})
    assert FromFolder(find_task("wikiann"), root, ["deu"]).languages == ["deu"]
    folder = FromFolder(find_task("wikiann"), root)
    assert folder.languages == ["mya"]
    assert folder.notes[0] == f"{root}/train.tsv was taken for my, for its folder is called so. If not, give --langs."


def test_one_file_without_a_split_in_its_name_serves_the_only_split_that_is_asked_for(tmp_path):
    lay_out(tmp_path, {"de/all.tsv": b"", "fr/train.tsv": b""})
    assert found(tmp_path, "xnli", "deu", "test") == []
    assert found(tmp_path, "xnli", "deu", "test", only="test") == ["de/all.tsv"]
    assert found(tmp_path, "xnli", "fra", "test", only="test") == []  # its name says train
    assert FromFolder(find_task("xnli"), tmp_path / "fr" / "train.tsv", splits=["test"]).find(None, "test") == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("de/test.tsv", "de/test.tsv.gz"),
        ("de/test.parquet", "de/test.jsonl"),
        ("data/et/val.et.jsonl", "data-gmt/et/val.et.jsonl"),  # XCOPA's repository has a translation beside the data
    ],
)
def test_two_files_that_seem_to_hold_the_same_are_refused(tmp_path, one, other):
    task, language = ("xcopa", "est") if "et" in one.split("/") else ("xnli", "deu")
    lay_out(tmp_path, {one: b"", other: b""})
    with pytest.raises(DataError, match="seem to hold the same. Keep one, or point --from at one.") as error:
        [FromFolder(find_task(task), tmp_path).find(language, split) for split in find_task(task).splits]
    assert one in str(error.value)
    assert other in str(error.value)


def test_shards_and_several_files_of_one_language_go_together(tmp_path):
    shards = ["de/train-00000-of-00002.parquet", "de/train-00001-of-00002.parquet"]
    lay_out(tmp_path / "xnli", dict.fromkeys(shards, b""))
    assert found(tmp_path / "xnli", "xnli", "deu", "train") == shards
    assert FromFolder(find_task("xnli"), tmp_path).path == tmp_path / "xnli"  # the task's folder, if there is one
    several = ["de/alpaca.jsonl.gz", "de/mlqa_dev.jsonl.gz", "de/seed_tasks.json"]
    lay_out(tmp_path / "instruct", dict.fromkeys(several, b""))
    assert found(tmp_path / "instruct", "bactrian", "deu", "train") == several


def test_files_beside_data_are_passed_over(tmp_path):
    beside = [
        "LICENSES/de.txt",
        "de/LICENSE.txt",
        "readme.txt",
        "dataset_infos.json",
        "de/state.json",
        "MANIFEST.jsonl",
    ]
    lay_out(tmp_path, dict.fromkeys([*beside, "citations/de/train.jsonl"], b""))
    assert [path for path, _ in FromFolder(find_task("xnli"), tmp_path).files] == ["citations/de/train.jsonl"]


def test_a_folder_without_data_or_that_is_not_there_is_a_sentence(tmp_path):
    lay_out(tmp_path, {"weights.pkl": b"", "LICENSE.txt": b""})
    for path in (tmp_path, tmp_path / "weights.pkl"):
        with pytest.raises(DataError, match=f"--from {path} has no data file: none ends in .parquet, "):
            FromFolder(find_task("xnli"), path)
    with pytest.raises(DataError, match="--from .*nowhere does not exist"):
        FromFolder(find_task("xnli"), tmp_path / "nowhere")


def test_a_word_that_could_stand_for_two_splits_stands_for_neither():
    xnli = find_task("xnli")
    assert xnli.spellings_of("validation") == ("validation", "valid", "val", "dev")
    assert replace(xnli, splits=("validation", "dev")).spellings_of("validation") == ("validation", "valid", "val")
    assert replace(xnli, splits=("validation", "dev")).spellings_of("dev") == ("dev",)
    assert replace(xnli, splits=("validation", "eval")).spellings_of("validation") == ("validation", "valid")


@pytest.mark.parametrize("name", TASKS)
def test_no_spelling_of_a_language_is_anothers_code(name):
    task = find_task(name)
    meaning: dict[str, str] = {}
    for iso, codes in task.languages.items():
        for word in {iso, *codes}:
            assert meaning.setdefault(word.casefold(), iso) == iso, word
    assert not set(task.left_out) & set(meaning)
