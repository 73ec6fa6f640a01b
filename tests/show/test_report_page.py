"""The page of a report: its order, its notes and sources, and what it does in a real browser at three widths."""

import json
import math
import re
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest
from accessibility import colours_of, contrast, find_faults
from browser import CHROMIUM, REASON, opened_at

from mslt_cli.reports.cells import Cell, Column, Passage, ReportTable, columns_of
from mslt_cli.reports.charts import ScatterChart, Spot, WhatIf
from mslt_cli.show.pages import FOLDER, as_json, picture
from mslt_cli.show.report_page import save_report

WIDTHS = (390, 1280, 1920)
EVIL = "</script><img src=x onerror=\"alert(1)\"> 'q' \x85 \u2028"
NAMES = {"ar": "Arabic", "de": "German", "es": EVIL}
POOL = ("ar", "de", "en", "es", "fr", "ru", "zh")


def chooser(label, pool=POOL, n_targets=4, seed=0):
    rng = np.random.default_rng(seed)
    sets = list(combinations(pool, 3))
    means = (60 + rng.normal(scale=3, size=(len(sets), n_targets))).tolist()
    variance, spread = (rng.uniform(*ends, len(sets)).tolist() for ends in ((0.5, 1), (2, 5)))
    measured = ["62.64 (3 runs)", *[""] * (len(sets) - 1)]
    targets = [f"t{i}" for i in range(n_targets)]
    return WhatIf(label, "accuracy, %", NAMES, targets, sets, means, variance, spread, measured, len(sets))


def trained(series, sets, targets, shared="the same note"):
    """A map of what was trained: a cell's value is 40 + its row + its column / 10."""
    columns = [Column("series", label=True), Column("languages", label=True)]
    columns += [Column(target, right=True, shaded=True) for target in targets]
    rows = [
        {
            "series": Cell(name, name),
            "languages": Cell(",".join(x), ",".join(x), "measured", f"runs 4c44{i:04d}; seeds 0, 1, 2; 2026-11-27"),
            **{
                target: Cell(
                    40 + i + j / 10, f"{40 + i + j / 10:.1f}", "measured", f"{100 + j} items; 95 % interval {i}"
                )
                for j, target in enumerate(targets)
            },
        }
        for name in series
        for i, x in enumerate(sets)
    ]
    return ReportTable("trained", "What was trained", columns, rows, [shared, "of one table"], part="What was trained")


def small_report():
    answer = ReportTable("answer", "Which languages to take", columns_of("languages"), part="The answer")
    answer.rows = [{"languages": Cell("ar,en,zh", "ar,en,zh", "computed", "the model of 174 runs")}]
    cldr = Passage("cldr", ("Train on ar,en,zh. It is best.", "Then run `mslt train --seed 3`.", EVIL))
    answer.prose = [cldr, Passage(EVIL, ("Too little.",))]
    answer.what_if = (chooser(EVIL), chooser("other", seed=1)._replace(out_of=99))
    table1 = ReportTable("table1", f"Scores {EVIL}", [Column("method"), Column("paper", right=True), Column("own")])
    table1.part = "The paper's tables and figures"
    table1.rows = [
        {
            "method": Cell("size", "size"),
            "paper": Cell(x, f"{x:.2f}", "published", "Lim et al. 2024, Table 1"),
            "own": y,
        }
        for x, y in ((85.69, Cell(84.0, "84.00 (1)", "measured", "runs 4c44", marks=(1,))), (76.3, Cell(None, "–")))
    ]
    table1.footnotes = ["The paper says two things."]
    table1.columns[1] = Column("paper", right=True, marks=(1,))
    table1.notes, table1.commands = ["the same note"], ("mslt train --seed 0", "mslt train --seed 1")
    table2 = ReportTable("table2", "The same again", table1.columns, table1.rows, ["the same note"], table1.footnotes)
    table2.part, table2.commands = table1.part, ("mslt train --seed 1", f"mslt train --model '{EVIL}'")
    lacking = [
        ReportTable(name, name, [], notes=["There are no probes."], part=table1.part) for name in ("fig3", "fig4")
    ]
    return [answer, trained(("one", "two"), list(combinations(POOL, 3))[:12], ("t0", "t1")), table1, table2, *lacking]


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    save_report(path, small_report(), command="mslt report all --out report.html", figures=False)
    return path


@pytest.fixture(scope="module")
def page(page_file):
    return page_file.read_text(encoding="utf-8")


def test_the_parts_stand_in_the_order_of_the_report_and_what_made_the_numbers_last(page):
    parts = ["The answer", "What was trained", "The paper&#x27;s tables and figures", "Notes"]
    parts.append("Where the numbers come from")
    assert re.findall(r"<h2[^>]*>(.*?)</h2>", page) == parts
    contents = re.search(r"<nav.*?</nav>", page, re.DOTALL)[0]
    assert all(f">{part}</a>" in contents for part in parts)


def test_each_passage_of_an_answer_begins_with_what_matters_and_its_commands_are_code(page):
    first, then = "<p><strong>Train on ar,en,zh.</strong> It is best.</p>", "<code>mslt train <b>--seed</b> 3</code>"
    assert f'<article class="prose"><h4>cldr</h4>{first}<p>Then run {then}.</p>' in page
    assert "<p><strong>Too little.</strong> </p></article>" in page


def test_each_note_source_and_command_is_said_once(page):
    assert page.count("the same note") == page.count("The paper says two things.") == 1
    # Two shared notes: of the runs, of three tables; of the paper, marked in two columns of two tables.
    back = re.findall(r'<li id="note-(\d)">.*?<small>(.*?)</small>', page)
    assert [(n, re.findall(r'#(\w+)"', links)) for n, links in back] == [
        ("1", ["trained", "table1", "table2"]),
        ("2", ["table1", "table2"]),
    ]
    assert page.count('<sup><a href="#note-2">2</a></sup>') == 4
    assert page.count("Lim et al. 2024, Table 1") == page.count("mslt train --seed 1") == 1
    assert page.count("There are no probes.") == 1  # both figures that lack them are named before it
    assert "Commands that made the runs (3)" in page


def test_published_columns_say_so_in_words_and_cells_of_a_map_are_shaded_by_series(page):
    assert re.search(r">paper</button><sup>.*?</sup><small>published</small></th>", page)
    assert ">own</button><small>measured</small></th>" in page
    # 40.0 is the lowest of its series, 51.1 the highest: the first and the last of nine shades.
    assert re.findall(r'class="n (s\d)"[^>]*>(?:40\.0|51\.1)<', page) == ["s0", "s8"] * 2
    assert len(re.findall(r'<h4 id="trained-\d">', page)) == 2


def test_nothing_that_anyone_wrote_becomes_markup_and_json_stays_whole(page):
    assert "<img src=x" not in page and page.count("<script") == page.count("</script>") == 2
    held = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])
    assert "Lim et al. 2024, Table 1" in held["pieces"] and len(held["whatIf"]) == 2
    assert json.loads(as_json([EVIL])) == [EVIL] and not re.search("[<\x85\u2028]", as_json([EVIL]))


def test_a_picture_is_a_data_uri_that_loses_nothing_but_digits():
    svg = b"""<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"><metadata>x</metadata>
        <style>*{a: b}</style><path d="M 1.23456 2.0 L 0.5 7" style="fill: #fff"/>
        <text style="fill: #fff">p &lt; 0.00123 it's 5 %</text></svg>"""
    made = picture(svg, 'of "a"')
    assert made.startswith('<img alt="of &quot;a&quot;" src=\'data:image/svg+xml,<svg') and made.count("'") == 2
    assert '<path d="M 1.23 2.0 L 0.5 7" class="c0"/><text class="c0">p &amp;lt; 0.00123 it%27s 5 %25</text>' in made
    assert ".c0{fill: %23fff}</style>" in made and "metadata" not in made


def test_text_is_readable_on_every_ground_in_light_and_in_dark():
    pairs = [*product(("text", "soft", "link", "measured", "published"), ("page", "stripe", "card"))]
    pairs += [("on-low" if i < 5 else "on-high", f"s{i}") for i in range(9)]
    for colours in colours_of((FOLDER / "pages.css").read_text(encoding="utf-8")):
        found = {(text, ground): contrast(colours[text], colours[ground]) for text, ground in pairs}
        assert {pair: ratio for pair, ratio in found.items() if ratio < 4.5} == {}


def test_a_hundred_combinations_on_twenty_targets_are_less_than_a_megabyte(tmp_path):
    pytest.importorskip("matplotlib")
    sets = list(combinations("abcdefghi", 4))[:100]
    made = trained(("xnli",), sets, [f"t{i:02d}" for i in range(20)])
    spots = [Spot(",".join(x), 50 + i / 10, 50 + i / 9, 48 + i / 9, 52 + i / 9) for i, x in enumerate(sets)]
    made.what_if = (chooser("xnli", "abcdefghi", 20),)
    scatter = ScatterChart("x", "y", [("xnli", spots)])
    each = ReportTable("foretold_each", "Each of them", made.columns, made.rows, chart=scatter)
    each.columns = [Column(c.name, c.text, c.right, label=c.label) for c in made.columns]
    each.commands = tuple(f"mslt train --task xnli --sources a,b,c,d --examples 1000 --seed {i}" for i in range(300))
    save_report(tmp_path / "r.html", [made, each], command="mslt report all", figures=True)
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert text.count("data:image/svg+xml,") == 1 and text.count("<td") >= 4000
    assert len(text.encode()) < 700_000  # which leaves room for the figures of the other views


# -- in a browser -----------------------------------------------------------------------------------


def foretold(model, chosen, held=(), without=()):
    """Expected mean and reach, in points, by languages: the formula of WhatIf."""
    size, rows = len(chosen), {}
    for i, x in enumerate(model.combinations):
        if set(held) <= set(x) and not set(without) & set(x):
            variance = model.variance[i] + (1 / size - 1 / len(model.targets)) * model.spread[i]
            rows[",".join(x)] = (sum(model.means[i][t] for t in chosen) / size, 1.645 * math.sqrt(variance))
    return rows


def assert_ranked(shown, expected):
    """Rows of languages and "62.5 ±1.6", best first, are these to within the rounding."""
    assert len(shown) == len(expected)
    numbers = {languages: [float(x) for x in text.split(" ±")] for languages, text in shown}
    assert all(numbers[x] == pytest.approx(both, abs=0.0502) for x, both in expected.items())
    means = [numbers[languages][0] for languages, _ in shown]
    assert means == sorted(means, reverse=True)


SCRIPT = Path(__file__).with_name("report_page_check.js").read_text(encoding="utf-8")


@pytest.mark.skipif(CHROMIUM is None, reason=REASON)
def test_in_a_browser_at_three_widths(page_file, tmp_path):
    found_at = opened_at(page_file, tmp_path, SCRIPT, WIDTHS)
    assert find_faults(found_at[390]["page"]) == []  # with all that its script has made
    first, other = chooser(EVIL), chooser("other", seed=1)
    for width, found in found_at.items():
        assert found["overflow"] == 0, (width, found["wide"])
        assert found["menu"] == found["beside"] == (width >= 1280)
        assert found["font"] >= 18
        assert (found["stops"], found["at"]) == (1, "41.0")  # ar,de,es on t0: one right, one down of ar,de,en
        assert found["told"][:2] == ["ar,de,es · t0", "100 items; 95 % interval 1"]
        assert found["told"][2] == "runs 4c440001; seeds 0, 1, 2; 2026-11-27" and found["described"] == "tip"
        assert found["inside"] and found["clear"] and found["closed"] is None and found["away"] is None
        assert found["note"] == ["The paper says two things."]
        assert (found["up"], found["sort"], found["last"]) == ("76.30 85.69", "ascending", "84.00 (1) –")
        assert found["rows"] == [f"ar,de,{x}" for x in ("en", "es", "fr", "ru", "zh")] * 2
        assert found["count"] == "10 of 24 rows"
        assert_ranked(found["first"], foretold(first, range(4)))
        assert found["measured"].count("62.64 (3 runs)") == 1 and found["measured"].count("–") == 34
        assert_ranked(found["chosen"], foretold(first, (1, 3), ["zh"], ["en"]))
        assert found["said"] == f"10 combinations; best: {', '.join(found['chosen'][0])} (accuracy, %)"
        assert [found[name][:37] for name in ("part", "others")] == ["", "This page has 35 of the 99 combinatio"]
        assert found["freed"] == 0 and found["none"] == "Choose at least one target."
        assert_ranked(found["other"], foretold(other, range(4)))


def test_the_check_of_accessibility_finds_faults():
    bad = (
        '<html><h1>a</h1><h3 id="x">b</h3><h1 id="x">c</h1><button></button><input><img>'
        '<table><tr><th>h</th></tr></table><a href="#y">z</a>'
    )
    faults = " | ".join(find_faults(bad))
    wanted = ("no main", "2 h1", "no language", "h3 follows h1", "stands twice", "no scope", "no alt", "leads nowhere")
    for what in wanted:
        assert what in faults, what
    assert faults.count("has no name") == 2 and faults.count("not named by a heading") == 1
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
