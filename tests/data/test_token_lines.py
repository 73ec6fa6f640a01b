import pytest
from made_files import lines, tsv

from mslt_cli.data.archives import DataFile
from mslt_cli.data.columns import read_file
from mslt_cli.data.formats import read_rows
from mslt_cli.data.token_lines import Tagging
from mslt_cli.errors import DataError
from mslt_cli.tasks import find_task

TAGGING = Tagging(
    ("tokens",), ("ner_tags",), frozenset({"O", "B-PER", "I-PER", "B-LOC", "I-LOC"}), frozenset({"0", "1", "2"})
)


def read(tmp_path, data, name="x.txt", tagging=TAGGING, **options):
    (tmp_path / name).write_bytes(data)
    frame = read_rows(DataFile(tmp_path / name), tagging=tagging, **options)
    return [" ".join(f"{word}/{tag}" for word, tag in zip(*row, strict=True)) for row in frame.rows()]


def refusal(tmp_path, data, **options):
    with pytest.raises(DataError) as error:
        read(tmp_path, data, **options)
    return str(error.value).replace(f"{tmp_path}/", "")


USUAL = ["Mia/B-PER naps/O", "Oslo/B-LOC"]
FORMS = {
    "tabs": tsv(("Mia", "B-PER"), ("naps", "O"), (), ("Oslo", "B-LOC")),
    "blanks": b"Mia B-PER\nnaps O\n\nOslo B-LOC\n",
    "several blanks": b"Mia   B-PER\nnaps  O\n\nOslo  B-LOC\n",
    "Windows line ends": b"Mia B-PER\r\nnaps O\r\n\r\nOslo B-LOC\r\n",
    "blanks at the end": b"Mia B-PER \nnaps O\n   \nOslo B-LOC  \n",
    "tabs at the end": b"Mia\tB-PER\t\nnaps\tO\n\t\nOslo\tB-LOC\t\n",
    "a tab among blanks": b"Mia B-PER\nnaps\tO\n\nOslo B-LOC\n",
    "a blank among tabs": b"Mia\tB-PER\nnaps O\n\nOslo\tB-LOC\n",
    "two tabs for one": b"Mia\t\tB-PER\nnaps\tO\n\nOslo\tB-LOC\n",
    "CoNLL-2003": b"-DOCSTART- -X- -X- O\n\nMia NNP B-NP B-PER\nnaps VBZ B-VP O\n\nOslo NNP B-NP B-LOC\n",
    "comments": b"# newdoc\n\n# text = Mia naps\n#id=1\nMia B-PER\nnaps O\n\n# text = Oslo\nOslo B-LOC\n",
    "MultiCoNER": b"# id 77a\tdomain=no\nMia _ _ B-PER\nnaps _ _ O\n\n# id 77b\tdomain=no\nOslo _ _ B-LOC\n",
    "GermEval": tsv(
        ("#", "http://x.example [2010-01-01]"),
        *(("1", "Mia", "B-PER", "O"), ("2", "naps", "O", "O"), (), ("1", "Oslo", "B-LOC", "B-PER")),
    ),
    "Universal NER": tsv(
        ("# sent_id = a",),
        *(("1", "Mia", "B-PER", "-", "ida"), ("2", "naps", "O", "-", "ida"), (), ("1", "Oslo", "B-LOC", "O", "ida")),
    ),
    "ranges of words": tsv(
        *(("1-2", "Mianaps", "_"), ("1", "Mia", "B-PER"), ("2", "naps", "O"), ("2.1", "x", "O"), ()),
        ("1", "Oslo", "B-LOC"),
    ),
    "a name of each sentence": tsv(
        ("s1", "1", "Mia", "B-PER"), ("s1", "2", "naps", "O"), (), ("s2", "1", "Oslo", "B-LOC")
    ),
    "blanks around tabs": b"Mia \tB-PER\nnaps\t O\n\n Oslo\tB-LOC\n",
    "a header": tsv(("Word", "Tags"), ("Mia", "B-PER"), ("naps", "O"), (), ("Oslo", "B-LOC")),
    "an empty last column": tsv(("Mia", "B-PER", "seen"), ("naps", "O", ""), (), ("Oslo", "B-LOC", "seen")),
    "the tag first": tsv(("B-PER", "Mia"), ("O", "naps"), (), ("B-LOC", "Oslo")),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_usual_forms_of_tagged_words_give_the_same_sentences(tmp_path, form):
    assert read(tmp_path, FORMS[form]) == USUAL


def test_signs_that_might_be_comments_or_blanks_are_words(tmp_path):
    hashes = tsv(("#", "O"), ("#sun", "O"), ("C", "O"), ("#", "O"))
    assert read(tmp_path, hashes) == ["#/O #sun/O C/O #/O"]
    assert read(tmp_path, "10\xa0000 O\nn\u3000 O\n".encode()) == ["10\xa0000/O n\u3000/O"]
    assert read(tmp_path, tsv(("New York", "B-LOC"), ("a b c", "O"))) == ["New York/B-LOC a b c/O"]


def test_a_column_of_the_task_decides_where_two_could_be_the_tags(tmp_path):
    data = tsv(("Mia", "B-PER", "O"), ("Oslo", "O", "B-LOC"))
    assert "columns = {token = 1, tag = 2}" in refusal(tmp_path, data)
    chosen = Tagging(names=TAGGING.names, token=1, tag=3)
    assert read(tmp_path, data, tagging=chosen) == ["Mia/O Oslo/B-LOC"]
    assert "Line 1 of x.txt has 2 fields" in refusal(tmp_path, b"Mia B-PER\n", tagging=chosen)


WRONG = {
    "no tag": (b"Mia B-PER\nnaps\nin O\n", "Line 2 of x.txt has 'naps' and no tag, while"),
    "no tag in most lines": (b"Mia B-PER\nnaps\nin\nOslo\n", "Line 2 of x.txt has 'naps' and no tag, while"),
    "a hashtag without a tag": (b"Mia O\nin O\n\n#sun\nOslo O\n", "Line 4 of x.txt has '#sun' and no tag"),
    "a glued tag": (b"Mia O\nOsloB-LOC\nin O\n", "Line 2 of x.txt has 'OsloB-LOC' and no tag (B-LOC seems to be glued"),
    "an empty tag": (b"1\tMia\tO\tx\n2\tnaps\t\tx\n3\tin\tO\tx\n", "Line 2 of x.txt has 'naps' and no tag"),
    "no token": (b"Mia\tO\n\tB-LOC\n", "Line 2 of x.txt has a tag and no token"),
    "a comment within": (b"Mia O\n# that is all\nin O\n", "Line 2 of x.txt is a comment between the words"),
    "a word with a blank": (b"Mia O\nNew York B-LOC\nin O\n", "Line 2 of x.txt has 3 fields where most lines have 2"),
    "two lines in one": (b"Mia\tO\nin\tO Oslo\tB-LOC\nin\tO\n", "Line 2 of x.txt has 3 fields"),
    "a lost empty line": (
        b"1 Mia O\n2 naps O\n1 Oslo B-LOC\n2 in O\n3 in O\n\n" + b"".join(b"%d a O\n" % i for i in range(1, 30)),
        "Line 3 of x.txt has the number 1 after 2",
    ),
    "no tags at all": (b"a\nb\n\nc d\n", "x.txt has tokens and no tags"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_line_that_does_not_fit_is_refused_with_its_number(tmp_path, what):
    data, says = WRONG[what]
    assert says in refusal(tmp_path, data)


def test_a_header_tells_columns_and_lists_stay_rows(tmp_path):
    rows = [("tokens", "ner_tags"), ("Mia", "B-PER"), ("naps", "O"), (), ("Oslo", "B-LOC")]
    for name, sign in (("x.tsv", "\t"), ("x.csv", ",")):
        words = [sign.join(row) for row in rows]
        assert read(tmp_path, lines(*words), name) == USUAL
        assert "nothing between sentences" in refusal(tmp_path, lines(*filter(None, words)), name=name)
    (tmp_path / "x.tsv").write_bytes(tsv(rows[0], ("Mia naps", "B-PER O"), (), ("Oslo", "B-LOC")))
    frame = read_rows(DataFile(tmp_path / "x.tsv"), tagging=TAGGING)
    assert frame.rows() == [("Mia naps", "B-PER O"), ("Oslo", "B-LOC")]


def test_the_task_says_which_tags_there_are(tmp_path):
    (tmp_path / "x.tsv").write_bytes(tsv(("1", "sun", "NOUN", "NN"), ("2", "sets", "VERB", "VBZ")))
    assert read_file(find_task("udpos"), DataFile(tmp_path / "x.tsv")).rows() == [(["sun", "sets"], ["NOUN", "VERB"])]
