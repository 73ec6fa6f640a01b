"""Tables in terminals of 40 to 80 columns: whatever a wide one shows is there, and no word is broken."""

import io
import re
import shutil

import pytest
from made_runs import even, made_record, save_runs, triples

from mslt_cli.cli import main
from mslt_cli.reports.cells import Column
from mslt_cli.show.layout import lay_out

RUN, NAME, SCORE, SPARE = Column("run"), Column("name"), Column("score", right=True), Column("spare", spare=True)


def widths(texts, room):
    return [{column.name: width for column, width in block.items()} for block in lay_out(texts, room)]


def test_what_does_not_fit_is_left_out_then_wrapped_then_moved_below():
    texts = {RUN: ["run", "0123abcd"], NAME: ["name", "one two six"], SCORE: ["score", "1.0 ±2"], SPARE: ["x", "y"]}
    assert widths(texts, 35) == [{"run": 8, "name": 11, "score": 6, "spare": 1}]  # 26, and three gaps of 3
    assert widths(texts, 34) == [{"run": 8, "name": 11, "score": 6}]
    assert widths(texts, 26) == [{"run": 8, "name": 6, "score": 6}]
    assert widths(texts, 22) == [{"run": 8, "name": 11}, {"run": 8, "score": 6}]  # a number is not wrapped
    assert widths(texts, 8) == [{"run": 2, "name": 2}, {"run": 2, "score": 2}]  # nothing helps


def test_a_table_with_labels_is_cut_before_it_is_wrapped():
    label, other = Column("label", label=True), Column("other", right=True)
    texts = {label: ["label", "a b c d e f"], SCORE: ["score", "1.0"], other: ["two words", "3"]}
    assert widths(texts, 31) == [{"label": 11, "score": 5, "other": 9}]
    assert widths(texts, 30) == [{"label": 11, "score": 5}, {"label": 11, "other": 9}]


class Screen(io.StringIO):
    """A terminal, as far as rich asks."""

    def isatty(self):
        return True


@pytest.fixture(scope="module")
def store(filled_store, tmp_path_factory):
    path = shutil.copy(filled_store, tmp_path_factory.mktemp("layout") / "store.db")
    runs = [*triples([0.5 + i / 100 for i in range(35)]), made_record((), even(0.4))]
    save_runs(path, [*runs, made_record(("deu", "eng"), even(0.6), model="./models/of my own", examples=60)])
    return path


@pytest.fixture
def shown(store, monkeypatch):
    def shown(words, width):
        screen = Screen()
        monkeypatch.setattr("sys.argv", ["mslt", *words.split(), "--store", str(store)])
        monkeypatch.setattr("sys.stdout", screen)
        for name, value in {"COLUMNS": str(width), "TERM": "xterm", "NO_COLOR": "1"}.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code
        return re.sub(r"\x1b\[[\d;]*m", "", screen.getvalue())

    return shown


FIRST, OTHER = (made_record(x, even(0.5))["run_id"] for x in (("ara", "deu", "eng"), ("ara", "deu", "spa")))
SELECTS = (
    "--top 3",
    "--by l2v-syntax --by l2v-geography --by scripts --by l2v-family --target id,sw --explain --top 3",
    "--pool cle,kvq,yux,kxf,jkm,zh-Hant,sr-Cyrl --distinct-scripts --explain --include zh-Hant",
    "--by runs --by l2v-syntax --task xnli --model e5-small --source runs --top 4",
    "--pool xlm-r -k 2 --by size --by l2v-phonology --combine borda --top 2 --least",
)
WIDTHS = {SELECTS[0]: (40, 50, 60, 70, 80), SELECTS[3]: (40,)}
"""Where not at 40 and 60."""


def assert_whole(wide, narrow, width):
    """Whatever the wide screen has is in the narrow one, word by word."""
    assert max(map(len, narrow.splitlines())) <= width
    assert not {word for word in wide.split() if "─" not in word} - {*narrow.split()}


@pytest.mark.parametrize("words", SELECTS)
def test_select_breaks_no_word(shown, words):
    wide = shown(f"select {words}", 500)
    for width in WIDTHS.get(words, (40, 60)):
        assert_whole(wide, shown(f"select {words}", width), width)


@pytest.mark.parametrize("words", [f"report diff {FIRST} {OTHER}", "report best --source runs"])
def test_reports_break_no_word(shown, words):
    assert_whole(shown(words, 500), shown(words, 50), 50)


@pytest.mark.parametrize("width", [60, 80])
def test_ids_of_runs_are_whole(shown, width):
    wide, narrow = shown("report runs", 500), shown("report runs", width)
    ids = re.findall(r"^[0-9a-f]{12} ", wide, re.MULTILINE)
    assert len(ids) == 37 and {text.strip() for text in ids} <= {*narrow.split()}
    assert FIRST in shown(f"report run {FIRST}", width).split()
