"""Figures of the runs that ship and of the paper: labels that can be read, files that are small and sharp."""

import re
import shutil
import struct
import warnings
from itertools import combinations

import pytest

from mslt_cli.reports.charts import LineChart, ScatterChart, SizePoint, Spot
from mslt_cli.reports.views import report
from mslt_cli.show.drawing import draw
from mslt_cli.show.report_figures import PAINTERS, STYLE, draw_chart
from mslt_cli.store.db import open_store
from mslt_cli.store.results import fill_results

matplotlib = pytest.importorskip("matplotlib")

SHIPPED = ("trained", "best", "foretold", "fig4", "fig5")


@pytest.fixture(scope="module")
def tables(filled_store, tmp_path_factory):
    """The shipped grid of sib200, and what the paper prints, as tables with charts."""
    path = tmp_path_factory.mktemp("figures") / "store.db"
    shutil.copy(filled_store, path)
    fill_results(path)
    with open_store(path) as store:
        made = report(store, SHIPPED, source="shipped", tasks=["sib200"], k=2)
        made += report(store, ["fig6"], source="published")
    return {table.name: table for table in made if table.chart is not None}


def boxes(chart):
    """The boxes of all texts of a chart's figure, with the texts."""
    from matplotlib import pyplot

    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.simplefilter("error")  # of a letter without a glyph, of a layout that does not fit
        figure = PAINTERS[type(chart)](chart)
        figure.draw_without_rendering()
    renderer, texts = figure.canvas.get_renderer(), []
    for axes in (axes for axes in figure.axes if axes.get_visible()):
        texts += [*axes.texts, axes.title, axes.xaxis.label, axes.yaxis.label]
        for tick in (tick for axis in (axes.xaxis, axes.yaxis) for tick in axis._update_ticks()):
            texts += [label for label in (tick.label1, tick.label2) if label.get_visible()]
    texts += [text for legend in figure.legends for text in legend.get_texts()]
    found = [(text.get_text(), text.get_window_extent(renderer)) for text in texts if text.get_text()]
    page = figure.bbox.padded(1)
    pyplot.close(figure)
    return found, page


@pytest.mark.parametrize("name", ["best", "foretold", "fig4", "fig6"])
def test_no_two_labels_meet_and_none_leaves_the_figure(tables, name):
    found, page = boxes(tables[name].chart)
    assert len(found) > 5
    met = [(a, b) for (a, one), (b, other) in combinations(found, 2) if one.padded(-0.5).overlaps(other.padded(-0.5))]
    assert not met
    assert all(page.containsx(end) for _, box in found for end in (box.x0, box.x1))


def test_close_points_get_labels_that_do_not_meet_or_none():
    spots = [Spot(f"name{i}", 50 + i % 3 / 10, 60 + i // 3 / 10, 59, 61 + i / 10) for i in range(9)]
    found, _ = boxes(ScatterChart("x", "y", [("all at one place", [*spots, Spot("far", 70, 70, 69, 71)])]))
    named = [(text, box) for text, box in found if text.startswith("name")]
    assert 0 < len(named) < 9
    assert not any(one.overlaps(other) for (_, one), (_, other) in combinations(named, 2))


def test_lines_that_cross_keep_their_numbers_apart():
    series = [(f"series {i}", [SizePoint(k, 50 + k * i / 9, 3, 10 * k + i) for k in (1, 2, 3)]) for i in range(3)]
    found, _ = boxes(LineChart("k", "score", series))
    numbers = [(text, box) for text, box in found if text.startswith("n = ")]
    assert len(numbers) >= 6
    assert not any(one.overlaps(other) for (_, one), (_, other) in combinations(numbers, 2))


def test_a_file_is_sharp_as_png_and_holds_its_fonts_as_pdf(tables):
    data, notes = draw_chart(tables["fig5"], ".png")
    at = data.index(b"pHYs") + 4
    assert struct.unpack(">IIB", data[at : at + 9]) == (7874, 7874, 1)  # dots a metre: 200 an inch
    assert not notes
    assert b"/FontFile2" in draw_chart(tables["fig5"], ".pdf")[0]


@pytest.mark.parametrize(("name", "kilobytes"), [("fig6", 50), ("trained", 100)])
def test_an_svg_is_small_and_fits_a_phone(tables, name, kilobytes):
    svg = draw_chart(tables[name], ".svg")[0]
    assert len(svg) < 1000 * kilobytes
    assert b"<!--" not in svg and b"sans-serif" in svg
    # On 390 px letters of 8.5 points are 7 px.
    assert float(re.search(rb'width="([\d.]+)pt"', svg)[1]) < 72 * 6.5


def test_letters_that_no_font_has_are_question_marks_in_pictures_and_text_in_svg():
    from matplotlib import pyplot

    def make():
        figure, axes = pyplot.subplots()
        axes.set_title("a\U0010fffdb")
        return figure

    data, notes = draw(make, ".svg", salt="s", style={})
    assert "a\U0010fffdb".encode() in data and not notes
    _, notes = draw(make, ".png", salt="s", style={})
    assert notes == ["no font of this machine has \U0010fffd, and the figure shows ? there. Install Noto fonts."]
