import io
import random
import tarfile

import polars as pl
import pytest
from made_files import gz, jsonl, lay_out, lines, parquet, tarred, tsv, zipped

from mslt_cli.data.archives import DataFile, files_in
from mslt_cli.data.formats import is_readable, read_rows
from mslt_cli.data.token_lines import Tagging
from mslt_cli.errors import DataError
from mslt_cli.tasks.task import TableFormat

TWO = [{"a": "x", "b": "1"}, {"a": 'say "y", z', "b": "2"}]


def read(tmp_path, name, data, **options):
    (tmp_path / name).write_bytes(data)
    return read_rows(DataFile(tmp_path / name), **options).to_dicts()


@pytest.mark.parametrize(
    ("name", "data", "table"),
    [
        ("x.parquet", parquet(a=["x", 'say "y", z'], b=["1", "2"]), {}),
        ("x.jsonl", jsonl(*TWO), {}),
        ("x.ndjson", b"\n" + jsonl(TWO[0]) + b"\r\n" + jsonl(TWO[1]), {}),
        ("x.json", b" [" + jsonl(TWO[0]) + b"," + jsonl(TWO[1]) + b"]\n", {}),
        ("x.json.gz", gz(jsonl(*TWO)), {}),
        ("X.JSONL.GZ", gz(jsonl(*TWO)), {}),
        ("x.csv", lines("a,b", "x,1", '"say ""y"", z",2'), {}),
        ("x.csv", b"\xef\xbb\xbfa,b\r\nx,1\r\n\r\n" + b'"say ""y"", z",2', {}),
        ("x.tsv", tsv(("a", "b"), ("x", 1), ('say "y", z', 2)), {}),
        ("x.tsv", tsv(("a", "b"), ("x", 1)) + b'"say ""y"", z"\t2', {"quoting": True}),
        ("x.txt", tsv(("x", 1), ('say "y", z', 2)), {"columns": ("a", "b"), "header": False}),
        (
            "x.csv",
            lines("x,1", '"say ""y"", z",2'),
            {"columns": "ab", "header": False, "quoting": True, "commas": True},
        ),
        ("x.tsv", tsv(("other", "names"), ("x", 1), ('say "y", z', 2)), {"columns": ("a", "b")}),
    ],
)
def test_every_format_gives_the_same_rows(tmp_path, name, data, table):
    assert read(tmp_path, name, data, table=TableFormat(**table)) == TWO


def test_without_quoting_a_quotation_mark_is_text_and_with_it_a_field_may_hold_lines(tmp_path):
    assert read(tmp_path, "x.tsv", tsv("ab", ('"open', 1), ('shut"', 2)))[0] == {"a": '"open', "b": "1"}
    assert read(tmp_path, "x.csv", b'a,b\r\n"two\r\nlines",1\r\n') == [{"a": "two\r\nlines", "b": "1"}]


def test_of_a_single_column_an_empty_line_is_a_row_so_that_lines_stay_aligned(tmp_path):
    plain = TableFormat(columns=("text",), header=False)
    assert [row["text"] for row in read(tmp_path, "x.txt", b"one\n\nthree\n\n", table=plain)] == ["one", "", "three"]
    assert len(read(tmp_path, "x.csv", b"a\none\n\nthree\n")) == 3
    assert len(read(tmp_path, "x.tsv", b"a\tb\n1\t2\n\n3\t4\n")) == 2


CONLLU = lines(
    "# newdoc",
    "# sent_id = d1",
    "# text = Im Haus = gut",
    "1-2\tIm\t_\t_\t_\t_\t_\t_\t_\t_",
    "1\tin\tin\tADP\t_\t_\t0\t_\t_\t_",
    "2\tdem\tder\tDET\t_\t_\t0\t_\t_\t_",
    "3\tHaus\tHaus\tNOUN\t_\t_\t0\t_\t_\t_",
    "3.1\tist\tsein\tAUX\t_\t_\t_\t_\t0:x\t_",
    "4\t_\t_\tPUNCT\t_\t_\t0\t_\t_\t_",
    "5\t_\t_\t_\t_\t_\t0\t_\t_\t_",
    "",
    "",
    "# text = withheld",
    "1\t_\t_\tNOUN\t_\t_\t0\t_\t_\t_",
    "",
    "1\t#\t#\tSYM\t_\t_\t0\t_\t_\t_",
)


@pytest.mark.parametrize("name", ["x.conllu", "x.conllu.gz", "x.conll", "x.txt"])
def test_conllu_gives_syntactic_words_and_the_raw_sentence(tmp_path, name):
    rows = read(tmp_path, name, gz(CONLLU) if name.endswith("gz") else CONLLU.replace(b"\n", b"\r\n"))
    assert rows == [
        {
            "sent_id": "d1",
            "text": "Im Haus = gut",
            "tokens": ["in", "dem", "Haus", "_"],
            "upos": ["ADP", "DET", "NOUN", "PUNCT"],
        },
        {"sent_id": None, "text": "withheld", "tokens": [], "upos": []},
        {"sent_id": None, "text": None, "tokens": ["#"], "upos": ["SYM"]},
    ]


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("x.parquet", parquet(a=list("xyz"))[:-20], "x.parquet is truncated"),
        ("x.parquet", b'{"a": 1}', "x.parquet is not a parquet file, whatever its name says"),
        ("x.parquet", b"PAR1" + b"\0" * 40 + b"PAR1", "x.parquet is a damaged parquet file"),
        ("x.parquet", b"", "x.parquet is not a parquet file"),
        ("x.jsonl", parquet(a=[1]), "x.jsonl is a parquet file, whatever its name says"),
        ("x.tsv", gz(b"a\tb\n"), "x.tsv is gzipped, whatever its name says"),
        ("x.csv.gz", gz(b"a,b\n" * 500)[:-9], "x.csv.gz cannot be unpacked"),
        ("x.csv.gz", b"a,b\n", "x.csv.gz cannot be unpacked"),
        ("x.csv", "a,b\nä,1\n".encode("utf-16"), "x.csv is UTF-16"),
        ("x.csv", "a,b\nä,1\n".encode("utf-16-le"), "Line 2 of x.csv is not UTF-8"),
        ("x.csv", "a,b\nx,1\n".encode("utf-16-le"), "Line 1 of x.csv holds a zero byte"),
        ("x.csv", "a,b\nä,1\n".encode() + "ü,2\n".encode("latin1"), "Line 3 of x.csv is not UTF-8 text (byte 0xfc)"),
        (
            "x.csv",
            b"\xef\xbb\xbf" + b"a,b\n\n" + "ü,2\n".encode("latin1"),
            "Line 3 of x.csv is not UTF-8 text (byte 0xfc)",
        ),
        ("x.csv", b'a,b\n"x,1\n', "x.csv cannot be read (unexpected end of data)"),
        ("x.csv", b'a,b\n"x"y,1\n', "Line 2 of x.csv cannot be read"),
        ("x.csv", b"a,b\nx,1\ny\n", "Line 3 of x.csv has 1 fields where 2 are expected (a, b)"),
        ("x.tsv", b"a\tb\nx\t1\ty\n", "Line 2 of x.tsv has 3 fields where 2 are expected"),
        ("x.jsonl", b'{"a": 1}\n{"a": \n', "Line 2 of x.jsonl cannot be read: it is not JSON"),
        ("x.json", b'[{"a": 1},\n\n {"a" 2}]', "Line 3 of x.json cannot be read: it is not JSON"),
        ("x.json", b'[{"a": 1}, 7]', "Row 2 of x.json is not a JSON object"),
        ("x.jsonl", b'{"a": 1}\n\n[7]\n', "Line 3 of x.jsonl is not a JSON object"),
        (
            "x.jsonl",
            b'{"a": "x"}\n{"a": null}\n{"a": 7}\n',
            "Line 3 of x.jsonl has a number for a where others have text",
        ),
        ("x.jsonl", b'{"a": "\\ud800"}\n', "holds half a character (\\ud800)"),
        ("x.jsonl", b'{"a": ["x", 1]}\n', "mixes kinds of values"),
        ("x.json", b"[" * 100_000, "is nested too deeply"),
        ("x.conllu", CONLLU.replace(b"ADP\t", b""), "Line 5 of x.conllu has 9 fields; CoNLL-U has 10"),
        ("x.conllu", CONLLU.replace(b"2\tdem", b"b\tdem"), "Line 6 of x.conllu begins with 'b', not with a number"),
        ("x.conllu", CONLLU.replace(b"3\tHaus", b"1\tHaus"), "Line 7 of x.conllu has the number 1 after 2: an empty"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(tmp_path, name, data, says):
    with pytest.raises(DataError) as error:
        read(tmp_path, name, data)
    message = str(error.value).replace(f"{tmp_path}/", "")
    assert says in message
    assert name in message
    assert len(message) < 250


def test_stray_blanks_and_tabs_of_conllu_are_no_text_and_withheld_sentences_stay_rows_without_words(tmp_path):
    stray = b"1\tSun\tsun\tNOUN\t_\t_\t0\t_\t_\t_\t\n2 \tsets \tset\tVERB\t_\t_\t0\t_\t_\t_\n \t\n"
    rows = read(tmp_path, "x.conllu", stray + b"1\t_\t_\tNOUN\t_\t_\t0\t_\t_\t_\n")
    assert [(row["tokens"], row["upos"]) for row in rows] == [(["Sun", "sets"], ["NOUN", "VERB"]), ([], [])]


@pytest.mark.parametrize("name", ["x.jsonl", "x.csv", "x.tsv", "x.conllu", "train"])
def test_only_line_feeds_end_lines(tmp_path, name):
    odd = "a\u2028b\x85c\x0bd\u3000"  # what str.splitlines takes for ends of lines
    data = {
        "x.jsonl": jsonl({"a": odd}),
        "x.csv": lines("a,b", f"{odd},1"),
        "x.tsv": tsv(("a", "b"), (odd, 1)),
        "x.conllu": tsv((1, odd, "_", "NOUN", *"______")),
        "train": tsv((odd, "O")),
    }[name]
    [row] = read(tmp_path, name, data, tagging=Tagging(("tokens",), ("tags",)) if name == "train" else None)
    assert odd in (row.get("a"), *row.get("tokens", []))


def test_not_a_number_counts_as_missing(tmp_path):
    assert read(tmp_path, "x.jsonl", b'{"a": "x"}\n{"a": NaN}\n') == [{"a": "x"}, {"a": None}]


# -- archives --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.zip", zipped({"d/en.tsv": b"a\tb\n1\t2\n"})),
        ("A.ZIP", zipped({"d/en.tsv": b"a\tb\n1\t2\n"})),
        ("a.tar", tarred({"./d/en.tsv.gz": gz(b"a\tb\n1\t2\n")}, "w")),
        ("a.tar.gz", tarred({"d/en.tsv": b"a\tb\n1\t2\n"})),
        ("a.tgz", tarred({"d/en.tsv": b"a\tb\n1\t2\n"})),
        ("a.tar.xz", tarred({"d/en.tsv": b"a\tb\n1\t2\n"}, "w:xz")),
        ("a.tar.bz2", tarred({"d/en.tsv": b"a\tb\n1\t2\n"}, "w:bz2")),
        ("a.zip", zipped({"in/it.tar.gz": tarred({"d/en.tsv": b"a\tb\n1\t2\n"})})),
    ],
)
def test_members_of_archives_are_read_in_place(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    for given in (tmp_path, tmp_path / name):
        [file] = files_in(given)
        assert read_rows(file).to_dicts() == [{"a": "1", "b": "2"}]
        assert "/d/en.tsv" in file.inner


def test_only_data_files_are_looked_at(tmp_path):
    files = [
        "a.tsv",
        "b.JSONL.gz",
        "LICENSE",
        "train",
        "dev.gz",
        ".hidden.tsv",
        ".git/x.tsv",
        "x.pkl",
        "x.py",
        "y.tsv~",
    ]
    lay_out(tmp_path, dict.fromkeys(files, b"x"))
    inside = {"__MACOSX/._c.tsv": b"", "d/.DS_Store.txt": b"", "d/c.tsv": b"", "d/": b""}
    (tmp_path / "z.zip").write_bytes(zipped(inside))
    found = [file.inner.removeprefix(f"{tmp_path}/") for file in files_in(tmp_path) if is_readable(file)]
    assert found == ["a.tsv", "b.JSONL.gz", "dev.gz", "train", "z.zip/d/c.tsv"]


def test_nothing_is_written_outside_or_anywhere(tmp_path):
    evil = {"../../escaped.tsv": b"a\tb\n1\t2\n", "/etc/escaped.tsv": b"a\tb\n1\t2\n"}
    inner = tmp_path / "deep" / "er"
    lay_out(inner, {"x.zip": zipped(evil), "x.tar.gz": tarred(evil)})
    link = io.BytesIO()
    with tarfile.open(fileobj=link, mode="w") as archive:
        info = tarfile.TarInfo("link.tsv")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)
    (inner / "link.tar").write_bytes(link.getvalue())
    before = sorted(tmp_path.rglob("*"))
    files = files_in(tmp_path)
    assert len(files) == 4  # a link is no data file
    assert all(read_rows(file).to_dicts() == [{"a": "1", "b": "2"}] for file in files)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.zip", zipped({"x.tsv": b"a\tb\n" * 99})[:-30]),
        ("a.zip", b"no zip"),
        ("a.tar.gz", tarred({"x.tsv": bytes(range(256)) * 99})[:-30]),
        ("a.tar.xz", tarred({"x.tsv": bytes(range(256)) * 99}, "w:xz")[:200]),
        ("a.tar.bz2", tarred({"x.tsv": bytes(range(256)) * 99}, "w:bz2")[:-30]),
        ("a.tar", tarred({"x.tsv": b"a\tb\n" * 999}, "w")[:1500]),
        ("a.tar", tarred({"x.tsv": b"a\tb\n", "y.tsv": b"a\tb\n"}, "w")[:1300]),  # in the second file's header
        ("a.zip", zipped({"b.tar.gz": tarred({"x.tsv": b"x" * 999})[:-40]})),
    ],
)
def test_a_damaged_archive_is_a_sentence(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=rf"{name}.* cannot be (unpacked|read)"):
        [file.read() for file in files_in(tmp_path)]


def test_a_member_whose_checksum_is_wrong_or_that_has_a_password_is_a_sentence(tmp_path):
    data = bytearray(zipped({"x.tsv": b"a\tb\n" + bytes(range(32, 127)) * 3}))
    damaged, locked = bytearray(data), bytearray(data)
    damaged[60] ^= 255
    locked[6] |= 1  # the flag of encryption, in the file's header and in the list at the end
    locked[data.index(b"PK\x01\x02") + 8] |= 1
    for change, says in ((damaged, "cannot be unpacked"), (locked, "password required")):
        (tmp_path / "a.zip").write_bytes(change)
        with pytest.raises(DataError, match=says):
            read_rows(files_in(tmp_path)[0])


def test_categories_of_parquet_are_kept_for_the_columns_to_read(tmp_path):
    frame = pl.DataFrame({"a": ["x", "y"]}, schema={"a": pl.Categorical})
    out = io.BytesIO()
    frame.write_parquet(out)
    assert read(tmp_path, "x.parquet", out.getvalue()) == [{"a": "x"}, {"a": "y"}]


@pytest.mark.parametrize("name", ["x.parquet", "x.jsonl.gz", "x.csv", "x.conllu", "x.zip", "x.tar"])
def test_whatever_is_damaged_gives_rows_or_a_sentence(tmp_path, name):
    texts = [f"text {i} äöü" for i in range(60)]
    whole = {
        "x.parquet": parquet(a=texts, b=[[i, 1] for i in range(60)]),
        "x.jsonl.gz": gz(jsonl(*({"a": text, "b": [1]} for text in texts))),
        "x.csv": lines("a,b", *(f'"{text}",1' for text in texts)),
        "x.conllu": CONLLU,
        "x.zip": zipped({"a.tsv": tsv(("a",), *((text,) for text in texts))}),
        "x.tar": tarred({"a.tsv": tsv(("a",), *((text,) for text in texts))}, "w"),
    }[name]
    rng = random.Random(7)
    refused = 0
    for _ in range(150):
        data = bytearray(whole)
        at = rng.randrange(len(data))
        data[at : at + rng.choice((0, 1, 40))] = rng.randbytes(rng.choice((0, 1, 8)))
        (tmp_path / name).write_bytes(data)
        try:
            [read_rows(file) for file in files_in(tmp_path / name)]
        except DataError:
            refused += 1
    assert refused > 10
