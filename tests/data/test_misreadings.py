"""Files that could be read as something else without a word: refused, mended or said."""

import polars as pl
import pytest
from in_process import run_command

from mslt_cli.data.prepared import load, require_record
from mslt_cli.data.splits import fetch_data
from mslt_cli.errors import DataError
from mslt_cli.tasks import find_task


@pytest.fixture
def fetch(tmp_path, monkeypatch):
    """Write files, fetch them as a task's data, and give the rows of a language and split, and the notes."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))

    def fetch(task, files, language, split, **options):
        for name, text in files.items():
            path = tmp_path / "data" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        task = find_task(task)
        report = fetch_data(task, [language], [split], from_path=tmp_path / "data", **options)
        iso = task.language(language)
        return load(task, require_record(task, iso, split)), " ".join(report.notes)

    return fetch


HEADER = "index_id\tcategory\ttext\n"


def test_quotes_of_csv_are_no_part_of_a_text(fetch):
    text = HEADER + '1\tsports\t"He said ""yes"" to it"\n2\ttravel\tA 5" pipe\n'
    rows, _ = fetch("sib200", {"eng_Latn/test.tsv": text}, "en", "test")
    assert rows["text"].to_list() == ['He said "yes" to it', 'A 5" pipe']


def test_quotes_that_a_copy_kept_are_taken_off_and_counted(fetch, tmp_path):
    texts = ['"He said ""yes"" to it"', '"All of it is said."', 'A ""strange"" one', "plain"]
    frame = pl.DataFrame({"index_id": [1, 2, 3, 4], "category": ["sports"] * 4, "text": texts})
    (tmp_path / "data" / "eng_Latn").mkdir(parents=True)
    frame.write_parquet(tmp_path / "data" / "eng_Latn" / "test.parquet")
    rows, _ = fetch("sib200", {}, "en", "test")
    assert rows["text"].to_list() == ['He said "yes" to it', *texts[1:]]
    task = find_task("sib200")
    assert require_record(task, "eng", "test").repaired == {"quotes": 1}


@pytest.mark.parametrize(
    ("task", "name", "text"),
    [
        ("masakhaner", "hau/test.txt", b"Ali B-PER\rya O\r\rKano B-LOC\rne O\r"),
        ("masakhaner", "hau/test.txt", b"Ali B-PER\nya O\rKano B-LOC\nne O\n"),
        ("udpos", "de/test.conllu", b"1\ta\t_\tDET\t_\t_\t_\t_\t_\t_\r2\tb\t_\tNOUN\t_\t_\t_\t_\t_\t_\r"),
    ],
)
def test_line_ends_of_old_macs_do_not_make_one_line_of_all(fetch, task, name, text):
    with pytest.raises(DataError, match="has a carriage return in it"):
        fetch(task, {name: text}, (task == "masakhaner" and "hau") or name[:2], "test")


def test_a_stray_quote_swallows_no_rows(fetch):
    text = 'premise\thypothesis\tlabel\np\t"h one\t0\np2\th2"\t1\n'
    with pytest.raises(DataError, match="ends a quoted field that seems to hold whole rows"):
        fetch("afrixnli", {"ibo/test.tsv": text}, "ibo", "test")
    rows, _ = fetch("afrixnli", {"ibo/test.tsv": 'premise\thypothesis\tlabel\np\t"a\nb"\t1\n'}, "ibo", "test")
    assert rows["text_pair"].to_list() == ["a\nb"]


def test_a_folder_of_another_split_is_not_the_only_split(fetch):
    line = (
        '{"link": "a", "question_number": 1, "flores_passage": "p", "question": "q", "mc_answer1": "a", '
        '"mc_answer2": "b", "mc_answer3": "c", "mc_answer4": "d", "correct_answer_num": "1", "dialect": "deu_Latn"}\n'
    )
    with pytest.raises(DataError, match=r"has no data in de|no data"):
        fetch("belebele", {"train/deu_Latn.jsonl": line}, "de", "test")
    rows, notes = fetch("belebele", {"deu_Latn.jsonl": line}, "de", "test")
    assert rows.height == 1 and "left out: belebele has the split test alone" in notes


def test_languages_whose_ids_have_nothing_in_common_are_said(fetch, tmp_path):
    files = {"eng_Latn/test.tsv": HEADER + "1\tsports\tx\n2\ttravel\ty\n"}
    files["deu_Latn/test.tsv"] = HEADER + "1.0\ttravel\tx\n2.0\tsports\ty\n"
    fetch("sib200", files, "en", "test")
    _, notes = fetch("sib200", {}, "de", "test")
    assert "no id of de is one of en" in notes


def test_a_label_that_never_occurs_among_numbers_is_said(fetch):
    rows = "".join(f"p{i}\th{i}\t{i % 2}\n" for i in range(40))
    _, notes = fetch("afrixnli", {"ibo/test.tsv": "premise\thypothesis\tlabel\n" + rows}, "ibo", "test")
    assert "none of its 40 rows is contradiction" in notes
    named = rows.replace("\t0\n", "\tneutral\n").replace("\t1\n", "\tentailment\n")
    _, notes = fetch("afrixnli", {"ibo/test.tsv": "premise\thypothesis\tlabel\n" + named}, "ibo", "test")
    assert "none of its" not in notes


def test_words_that_all_have_one_label_are_said(fetch):
    sentence = "Ali O\nya O\n\n"
    _, notes = fetch("masakhaner", {"hau/test.txt": 30 * sentence}, "hau", "test")
    assert "all words of 30 sentences have one label. Its tags may be withheld" in notes
    _, notes = fetch("masakhaner", {"hau/test.txt": 30 * sentence + "Kano B-LOC\n"}, "hau", "test")
    assert "one label" not in notes


def test_news_without_a_text_is_refused(fetch, tmp_path):
    with pytest.raises(DataError, match="the file needs the columns headline and text"):
        fetch("masakhanews", {"hau/test.tsv": "category\theadline\turl\nhealth\th\tu\n"}, "hau", "test")
    done = run_command("fetch", "data", "--task", "intents", "--langs", "tr", HF_HOME=str(tmp_path / "hf"))
    assert "leaves tr out: a second set of a language that it has, or one with too little" in done.stderr
