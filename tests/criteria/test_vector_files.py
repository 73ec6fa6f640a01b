import numpy as np
import pytest

from mslt_cli.criteria.vector_files import read_vector_file
from mslt_cli.errors import UsageError
from mslt_cli.languages.resolver import shipped

NAN = np.nan
DISTANCES = [[0, 3, 1], [3, 0, 2], [1, 2, 0]]  # of en, de, fr


@pytest.fixture
def read(tmp_path):
    def read(text, name="mine.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return read_vector_file(path, shipped())

    return read


@pytest.mark.parametrize(
    "text",
    [
        "x,en,de,fr\nen,0,3,1\nde,3,0,2\nfr,1,2,0\n",
        "x,fr,en,de\nen,1,0,3\nde,2,3,0\nfr,0,1,2\n",  # columns in another order
        "x,French,eng,deu\nen,1,0,3\nde,2,3,0\nfr,0,1,2\n",  # and other spellings
        "x\tstan1290\tstan1293\tstan1295\nen\t1\t0\t3\nde\t2\t3\t0\nfr\t0\t1\t2\n",
        "x;en;de;fr\nen;0,0;3,0;1,0\nde;3,0;0,0;2,0\nfr;1,0;2,0;0,0\n",
        "x,en,de,fr\nen,0,,\nde,3,0,\nfr,1,2,0\n",  # one triangle
        "x,en,de,fr\nen,0,3,1\nde,NaN,0,2\nfr,NaN,NaN,0\n",
        "en,de,fr\nen,0,3,1\nde,3,0,2\nfr,1,2,0\n",  # as R writes it
        "x,en,de,fr,\nen,0,3,1,\nde,3,0,2,\nfr,1,2,0,\n",  # a delimiter at the end
        "x,en,de,fr\n\nen,0,3,1\n\nde,3,0,2\nfr,1,2,0\n\n",
    ],
    ids=range(10),
)
def test_a_header_of_the_same_languages_makes_distances_in_the_order_of_the_rows(read, text):
    own = read(text)
    assert (own.kind, own.languages, own.notes) == ("distances", ("en", "de", "fr"), ())
    assert own.matrix.tolist() == DISTANCES


def test_a_diagonal_of_1_makes_similarities_which_are_turned_into_distances(read):
    own = read("x,de,en\nen,0.2,1\nde,1,0.2\n")
    assert own.kind == "distances"
    np.testing.assert_allclose(own.matrix, [[0, 0.8], [0.8, 0]])
    assert "the diagonal is 1, so these are similarities" in own.notes[0]
    own = read("x,de,en\nen,-0.5,1\nde,1,-0.5\n")  # as cosines can be
    np.testing.assert_allclose(own.matrix, [[0, 1.5], [1.5, 0]])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x,en,de\nen,0,1\nde,2,0", "must be symmetric: row en, column de is 1 and row de, column en is 2."),
        ("x,de,en\nen,1,5\nde,5,1", "0 on the diagonal (similarities: 1, and none above): row en, column en is 5"),
        ("x,en,de\nen,1,2\nde,2,1", "0 on the diagonal (similarities: 1, and none above): row en, column en is 1"),
        ("x,en,de\nen,0,-1\nde,-1,0", "must not be negative: row en, column de is -1"),
        ("x,en,de\nen,0,\nde,,0", "none may be missing: row en, column de is nan"),
        ("x,en,de,fr\nen,0,1,1\nde,1,0,1", "but the column 'fr' has no row"),
        ("x,en,de\nen,0,1\nde,1,0\nfr,1,1", "but the row 'fr' has no column"),
        ("x,en,de,grman\nen,0,1,1\nde,1,0,1\nfr,1,1,0", "but the row 'fr' has no column"),
        ("x,en,de,eng\nen,0,1,1\nde,1,0,1\nfr,1,1,0", "but the row 'fr' has no column"),
        ("x,en,de,eng\nen,0,1,0\nde,1,0,1", "but the columns 'en' and 'eng' are one language"),
        ("x,a\nen,1\neng,2", "two rows for one language, eng: 'en' (row 2) and 'eng' (row 3)"),
        ("x,a,b\nen,1,0\n\nde,one,1", "Row 4 of {path}, column 'a': 'one' is not a number."),
        ("x,a,b\nen,1,inf\nde,2,1", "Row 2 of {path}, column 'b': 'inf' is not a number."),
        ("x,a,b\nen,1,0\nde,1", "Row 3 of {path} needs 2 numbers after the language."),
        ("x,a,b\nen,1,0\nGerrman,1,1", "Row 3 of {path}: There is no language 'Gerrman'. Did you mean German"),
        ("en,0.5,1\nde,1,0", "has no header: its first line is 'en' and numbers."),
        ("aari1239x,a\n", "needs a header"),
        ("x,a,b\nabcd9999,1,0\n", "has no row of a language that URIEL knows."),
        ("x\ta\nen\t1,5\n", "Row 2 of {path}, column 'a': '1,5' is not a number."),
    ],
)  # fmt: skip
def test_what_can_be_read_in_two_ways_is_refused_with_file_and_place(read, tmp_path, text, said):
    with pytest.raises(UsageError) as error:
        read(text)
    assert said.format(path=tmp_path / "mine.csv") in str(error.value)
    assert str(tmp_path / "mine.csv") in str(error.value)


@pytest.mark.parametrize("missing", ["", "NaN", "NA", "-1", "-1.0", "-99", "?"])
def test_a_missing_feature_is_nan(read, missing):
    own = read(f"x,f,g\nen,1,{missing}\nde,0,1\n")
    np.testing.assert_array_equal(own.matrix, [[1, NAN], [0, 1]])
    assert own.kind == "vectors"
    assert [f"{float(missing):g} is read as missing, 25.0 % of the values" in note for note in own.notes] == (
        [True] if missing.startswith("-") else []
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [("x,f,g\nen,1,-1\nde,-1,1\n", "the others are all 1"), ("x,f,g\nen,1,-1\nde,-0.5,1\n", "other numbers below 0")],
)
def test_minus_one_among_other_numbers_is_a_number_and_said_to_be_one(read, text, why):
    own = read(text)
    assert not np.isnan(own.matrix).any()
    assert why in own.notes[0]


def test_features_keep_their_values_and_no_note_is_made_of_them(read):
    own = read("language,a,b\nen,0.5,-2\nde,3,0\n")
    assert own == own._replace(kind="vectors", notes=())
    assert own.matrix.tolist() == [[0.5, -2], [3, 0]]
    assert read(",0,1,2\nen,1,0,1\n").matrix.tolist() == [[1, 0, 1]]  # as pandas numbers columns


def test_a_feature_that_is_called_like_a_language_is_a_feature(read):
    own = read("x,ton,fin,stress,is\nen,0,1,1,0\nfi,1,0,1,1\nde,1,1,1,1\n")  # fin is the Finnish of the rows
    assert (own.kind, own.notes) == ("vectors", ())


def test_similarities_to_other_languages_are_features_and_said_to_be(read):
    own = read("x,fr,it\nen,0.5,1\nde,3,0\n")
    assert own.kind == "vectors"
    assert "the header names other languages than the rows" in own.notes[0]


def test_rows_may_be_glottocodes_and_dialects_are_left_out_with_a_note(read):
    # stan1293 is English, mand1415 Mandarin; indi1279 is no language of URIEL
    own = read(",0,1\nstan1293,1,0\nabcd9999,1,1\nmand1415,-1,1\n")
    assert own.languages == ("stan1293", "mand1415")
    np.testing.assert_array_equal(own.matrix, [[1, 0], [NAN, 1]])
    assert "left out 1 of 3 rows" in own.notes[0]
    assert "abcd9999" in own.notes[0]
    square = read("x,abcd9999,mand1415,stan1293\nstan1293,9,2,0\nabcd9999,0,9,9\nmand1415,9,0,2\n")
    assert square.kind == "distances"
    assert square.matrix.tolist() == [[0, 2], [2, 0]]
