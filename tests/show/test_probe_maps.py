"""Figures and pages of a probe: what is in the files, not how they look."""

import json
import re
import struct
import subprocess
import sys

import numpy as np
import pytest
from browser import CHROMIUM, REASON, opened

from mslt_cli.errors import MissingPackageError, MsltError, UsageError
from mslt_cli.files import write_whole
from mslt_cli.measuring.sentence_maps import ModelMap, SentenceMaps
from mslt_cli.show import drawing
from mslt_cli.show.drawing import COLOURS, MARKERS, look, require_figure
from mslt_cli.show.probe_maps import draw_maps, save_page

pytest.importorskip("matplotlib")
NAMES = {"en": "English", "ar": "Arabic", "id": "Indonesian"}
PAIRS = {("en", "ar"): 0.8836, ("en", "id"): 0.92, ("ar", "id"): 0.1}


def maps(labels=("original", "MSLT(de,en,es)"), names=NAMES, pairs=PAIRS, n=12, about="pud, 12 sentences", texts=()):
    rng = np.random.default_rng(0)
    models = [ModelMap(label, tuple(rng.normal(size=(n, 2)) for _ in names), pairs) for label in labels]
    return SentenceMaps(about, tuple(names), tuple(names.values()), tuple(models), "CKA", texts)


def draw(path, *args, **kwargs):
    write_whole(path, draw_maps(maps(*args, **kwargs), path.suffix)[0])
    return path


def test_a_vector_figure_holds_labels_legend_and_values_as_text(tmp_path):
    text = draw(tmp_path / "f.svg").read_text()
    for word in ("original", "MSLT(de,en,es)", "English", "Arabic", "Indonesian", "0.884", "0.920", "0.100", "pud, 12"):
        assert word in text, word


def test_the_same_numbers_make_the_same_file(tmp_path):
    for suffix in ("png", "svg", "pdf"):
        one, other = (draw(tmp_path / f"{name}.{suffix}").read_bytes() for name in "ab")
        if suffix == "svg":  # matplotlib names its clips at random
            one, other = (re.sub(rb'(id="|url\(#|href="#)[\w-]+', b"", text) for text in (one, other))
        assert one == other, suffix


def test_a_panel_for_each_model_side_by_side(tmp_path):
    def width(path):
        return struct.unpack(">II", path.read_bytes()[16:24])[0]

    one = width(draw(tmp_path / "1.png", "a"))
    three = width(draw(tmp_path / "3.png", "abc"))
    assert three > 2.5 * one


def test_of_many_languages_there_is_a_matrix(tmp_path):
    codes = [f"l{i}" for i in range(13)]
    pairs = {(a, b): 0.37 for i, a in enumerate(codes) for b in codes[i + 1 :]} | {("l0", "l1"): 0.91}
    text = draw(tmp_path / "f.svg", "m", {code: code.upper() for code in codes}, pairs, n=5).read_text()
    assert len(re.findall(r">\.37<", text)) == 2 * 77
    assert len(re.findall(r">\.91<", text)) == 2
    assert "L12" in text


def test_every_language_has_its_own_colour_and_shape():
    assert len(set(COLOURS)) == len(COLOURS) == len(set(MARKERS)) == len(MARKERS) == 13
    assert len({tuple(look(i).values()) for i in range(169)}) == 169


def test_letters_of_other_scripts_come_from_the_fonts_that_have_them_and_what_none_has_is_told(tmp_path, monkeypatch):
    from matplotlib import font_manager

    plain = font_manager.findfont("DejaVu Sans")
    have = {plain: set("abc MSLT"), "/fonts/han.ttf": set("汤中"), "/fonts/thai.ttf": set("ไทย")}
    monkeypatch.setattr(drawing, "_letters", lambda path: have.get(path, set()))
    entries = [font_manager.FontEntry(fname=path, name=path[7:-4]) for path in have if path != plain]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", entries)
    assert drawing.fonts_for("abc") == (["DejaVu Sans"], [])
    assert drawing.fonts_for("abc 汤") == (["DejaVu Sans", "han"], [])
    assert drawing.fonts_for("ไทย 汤 中") == (["DejaVu Sans", "han", "thai"], [])
    assert drawing.fonts_for("မc") == (["DejaVu Sans"], ["မ"])


def test_a_label_is_text_whatever_is_in_it(tmp_path):
    label = r"./$x_1$ & <b> ^{"
    text = draw(tmp_path / "f.svg", [label]).read_text()
    assert "./$x_1$ &amp; &lt;b&gt; ^{" in text


def test_what_cannot_be_drawn_is_told_before_anything_is_computed(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match=r"f.gif ends in .gif; it can end in .png, .svg, .pdf"):
        require_figure(tmp_path / "f.gif")
    with pytest.raises(MsltError, match="cannot be written: "):
        (tmp_path / "file").write_text("")
        draw(tmp_path / "file" / "f.png")
    monkeypatch.setattr(drawing.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r"A figure needs matplotlib. Run `pip install 'mslt-cli\[probe\]'"):
        require_figure(tmp_path / "f.png")


EVIL = '</script><script>alert("1")</script>&amp; \x85'


@pytest.fixture
def page_file(tmp_path):
    texts = [[f"{EVIL} {i}" for i in range(12)], ["مرحبا"] * 12, ["汤"] * 12]
    made = maps([EVIL, "b"], about=f"pud {EVIL}", texts=texts)
    save_page(tmp_path / "p.html", made, [{"model": EVIL, "cka": "0.9"}])
    return tmp_path / "p.html"


@pytest.fixture
def page(page_file):
    return page_file.read_text(encoding="utf-8")


def test_a_page_holds_all_it_needs_and_loads_nothing(page):
    assert not re.search(r"https?://|src=|@import|url\(", page)
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.S)[1])
    assert data["languages"] == ["English", "Arabic", "Indonesian"]
    assert [len(some) for some in data["panels"][1]["points"]] == [12, 12, 12]
    assert data["texts"][0][3] == f"{EVIL} 3"
    assert data["texts"][1][0] == "مرحبا"


def test_nothing_that_a_user_or_a_corpus_writes_becomes_markup(page):
    assert EVIL not in page
    assert page.count("<script") == page.count("</script>") == 2
    assert "innerHTML" not in page


@pytest.mark.skipif(CHROMIUM is None, reason=REASON)
def test_in_a_browser_hovering_over_a_sentence_reads_it_in_all_languages(page_file, tmp_path):
    hover = """
        const canvas = document.querySelector("canvas"), box = canvas.getBoundingClientRect();
        for (let x = 0; x < box.width; x += 4) for (let y = 0; y < box.height; y += 4) {
          const at = {clientX: box.left + x, clientY: box.top + y};
          if (tip.hidden) canvas.dispatchEvent(new PointerEvent("pointermove", at));
        }
    """
    assert re.search(r'<div id="tip" hidden="">', opened(page_file, tmp_path))
    text = opened(page_file, tmp_path, hover)
    tip = re.search(r'<div id="tip">(.*?)</div>', text, re.S)[1]
    assert re.findall(r"<b[^>]*>(.*?) </b>", tip) == ["English", "Arabic", "Indonesian"]
    assert "مرحبا" in tip and "汤" in tip and "&lt;/script&gt;&lt;script&gt;alert" in tip
    assert text.count("<canvas") == 2


def test_no_figure_is_paid_for_at_the_start():
    code = "import sys, mslt_cli.commands.probe, mslt_cli.show.mixing_tables; print('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"
