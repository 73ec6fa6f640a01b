"""The charts of a report by matplotlib: dots on lines, lines by number of sources; `foretold_figures` has others."""

from collections.abc import Callable
from itertools import pairwise
from textwrap import fill
from typing import Any

from mslt_cli.reports.cells import ReportTable
from mslt_cli.reports.charts import CurveChart, DotChart, HeatChart, LineChart, Panel, ScatterChart
from mslt_cli.show.drawing import ACROSS, GREY, LETTER, SHARES, add_legend, draw, look, make_fields, place_labels, plain
from mslt_cli.show.foretold_figures import draw_curves, draw_heat, draw_scatter

STYLE: Any = {"font.size": 8.5, "axes.spines.top": False, "axes.spines.right": False}
PANEL_WIDTH, LINE_HEIGHT = 4.2, 0.24
"""Inches."""
UNIT_LETTERS = 32
"""That fit under a field beside another."""


def draw_chart(table: ReportTable, suffix: str) -> tuple[bytes, list[str]]:
    """Draw a table's chart as the bytes of a .png, .svg or .pdf file, with what the user should know; see `draw`."""
    chart = table.chart
    assert chart is not None
    return draw(lambda: PAINTERS[type(chart)](chart), suffix, salt=table.name, style=STYLE)


def _lines(chart: LineChart) -> Any:
    from matplotlib.ticker import MaxNLocator

    figure, (axes,) = make_fields(1, 5.2, 3.6)
    labels: list[tuple[str, float, float]] = []
    drawn: list[tuple[float, float]] = []  # points of lines and intervals
    for i, (label, steps) in enumerate(chart.series):
        shift = 0.05 * (i - (len(chart.series) - 1) / 2)  # so that no interval hides another
        at, means = [step.x + shift for step in steps], [step.mean for step in steps]
        axes.errorbar(at, means, [step.sd for step in steps], capsize=3, label=plain(label), **look(i))
        labels += [(f"n = {step.n}", x, step.mean) for x, step in zip(at, steps, strict=True)]
        drawn += [
            (x, step.mean + (2 * share - 1) * step.sd) for x, step in zip(at, steps, strict=True) for share in SHARES
        ]
        for (x, mean), (x1, mean1) in pairwise(zip(at, means, strict=True)):
            drawn += [(x + share * (x1 - x), mean + share * (mean1 - mean)) for share in SHARES]
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel(chart.x_unit)
    axes.set_ylabel(chart.unit)
    axes.margins(x=0.12)
    add_legend(figure, [axes])
    place_labels(axes, labels, [(x, y) for _, x, y in labels], drawn)
    return figure


def _dots(chart: DotChart) -> Any:
    names = {tuple(name for name, _ in panel.lines) for panel in chart.panels}
    longest = LETTER * max([len(name) for lines in names for name in lines], default=0)
    alike = len(names) == 1  # then the names of the lines stand left of the first field alone
    series = list(dict.fromkeys(dot.series for panel in chart.panels for _, dots in panel.lines for dot in dots))
    figure, fields = make_fields(
        len(chart.panels),
        PANEL_WIDTH + (0 if alike else longest),
        max([len(panel.lines) for panel in chart.panels], default=1) * LINE_HEIGHT + 1.0,
        side=longest if alike else 0,
        sharey=alike,
    )
    for axes, panel in zip(fields, chart.panels, strict=True):
        _panel(axes, panel, series, joined=chart.joined)
    for axes in fields[-ACROSS:]:
        axes.set_xlabel(fill(chart.unit, 60 if len(fields) == 1 else UNIT_LETTERS))
    add_legend(figure, fields)
    return figure


def _panel(axes: Any, panel: Panel, series: list[str], *, joined: bool) -> None:
    for y, (_, dots) in enumerate(panel.lines):
        if panel.every:
            label = "all combinations" if y == 0 else None
            axes.plot(panel.every, [y] * len(panel.every), "|", color="#bbbbbb", markersize=9, zorder=0, label=label)
        if joined and len(dots) > 1:
            ends = [dot.value for dot in dots]
            axes.plot([min(ends), max(ends)], [y, y], color="#cccccc", zorder=1)
        for dot in dots:
            style = look(series.index(dot.series))
            if dot.low is not None and dot.high is not None:
                axes.plot([dot.low, dot.high], [y, y], color=style["color"], linewidth=1, zorder=2)
            label = dot.series if dot.series not in axes.get_legend_handles_labels()[1] else None
            axes.plot([dot.value], [y], linestyle="none", markersize=5, zorder=3, label=label, **style)
    for i, (name, value) in enumerate(panel.marks):
        axes.axvline(value, color=GREY, linestyle=("--", ":")[i % 2], linewidth=1, zorder=1.5, label=name)
    axes.set_yticks(range(len(panel.lines)), [plain(name) for name, _ in panel.lines])
    axes.set_ylim(-0.6, len(panel.lines) - 0.4)
    axes.set_title(plain(panel.title), fontsize=8.5)
    axes.locator_params(axis="x", nbins=6)
    axes.grid(axis="x", color="#eeeeee")
    axes.set_axisbelow(True)


PAINTERS: dict[type, Callable[[Any], Any]] = {
    LineChart: _lines,
    DotChart: _dots,
    ScatterChart: draw_scatter,
    HeatChart: draw_heat,
    CurveChart: draw_curves,
}
"""By kind of chart what makes its figure."""
