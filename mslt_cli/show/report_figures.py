"""The charts of a report by matplotlib: dots on lines, lines by number of sources; `foretold_figures` has others."""

import math
from collections.abc import Callable
from typing import Any

from mslt_cli.reports.cells import ReportTable
from mslt_cli.reports.charts import CurveChart, DotChart, HeatChart, LineChart, Panel, ScatterChart
from mslt_cli.show.drawing import GREY, draw, handles_of, look, plain
from mslt_cli.show.foretold_figures import draw_curves, draw_heat, draw_scatter

PANEL_WIDTH, LINE_HEIGHT = 3.4, 0.24
"""Inches."""
MOST_ACROSS = 5


def draw_chart(table: ReportTable, suffix: str) -> tuple[bytes, list[str]]:
    """Draw a table's chart as the bytes of a .png, .svg or .pdf file, with what the user should know; see `draw`."""
    chart = table.chart
    assert chart is not None
    style = {"font.size": 8.5, "axes.spines.top": False, "axes.spines.right": False}
    return draw(lambda: PAINTERS[type(chart)](chart), suffix, salt=table.name, style=style)


def _lines(chart: LineChart) -> Any:
    from matplotlib import pyplot
    from matplotlib.ticker import MaxNLocator

    figure, axes = pyplot.subplots(figsize=(5.6, 3.8), constrained_layout=True)
    for i, (label, steps) in enumerate(chart.series):
        shift = 0.05 * (i - (len(chart.series) - 1) / 2)  # so that no interval hides another
        at, means = [step.x + shift for step in steps], [step.mean for step in steps]
        axes.errorbar(at, means, [step.sd for step in steps], capsize=3, label=plain(label), **look(i))
        for x, step in zip(at, steps, strict=True):
            place = (x, step.mean)
            axes.annotate(f"n = {step.n}", place, (6, -11), textcoords="offset points", fontsize=7, color=GREY)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel(chart.x_unit)
    axes.set_ylabel(chart.unit)
    axes.margins(x=0.12)
    axes.legend(frameon=False, loc="lower right")
    return figure


def _dots(chart: DotChart) -> Any:
    from matplotlib import pyplot

    down = math.ceil(len(chart.panels) / MOST_ACROSS)
    across = math.ceil(len(chart.panels) / down)
    longest = max([len(name) for panel in chart.panels for name, _ in panel.lines], default=0) * 0.07
    height = max([len(panel.lines) for panel in chart.panels], default=1) * LINE_HEIGHT + 1.1
    series = list(dict.fromkeys(dot.series for panel in chart.panels for _, dots in panel.lines for dot in dots))
    figure, grid = pyplot.subplots(
        down,
        across,
        figsize=(longest + PANEL_WIDTH * across if across > 1 else longest + 5, down * height + 0.3),
        squeeze=False,
        constrained_layout=True,
        sharey=len({tuple(name for name, _ in panel.lines) for panel in chart.panels}) == 1,
    )
    for axes, panel in zip(grid.flat, chart.panels, strict=False):
        _panel(axes, panel, series, joined=chart.joined)
        axes.set_xlabel(chart.unit)
    for axes in list(grid.flat)[len(chart.panels) :]:
        axes.set_visible(False)
    handles = handles_of(grid.flat)
    if len(handles) > 1 or "" not in handles:
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4, frameon=False)
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
