"""The charts of what runs foretell, by matplotlib: scatters, heat maps, and curves with bands."""

from typing import Any

from mslt_cli.reports.charts import CurveChart, HeatChart, ScatterChart
from mslt_cli.show.drawing import GREY, handles_of, look, plain

FIELD = 3.6
"""Inches of a square field."""
MOST_NAMED = 12
"""Points of a scatter that are named: those whose interval misses the line, as far as they are few."""
COLOURS_OF_HEAT = "YlGnBu"
"""From light to dark, also where it is printed in grey."""


def draw_scatter(chart: ScatterChart) -> Any:
    """A point for each thing with the interval of its y, and the line on which x and y are equal."""
    from matplotlib import pyplot

    figure, grid = pyplot.subplots(
        1,
        len(chart.panels),
        figsize=(FIELD * len(chart.panels) + 0.8, FIELD + 0.9),
        squeeze=False,
        layout="constrained",
    )
    for axes, (title, spots) in zip(grid.flat, chart.panels, strict=True):
        ends = [value for spot in spots for value in (spot.x, spot.low, spot.high)]
        room = 0.04 * (max(ends) - min(ends)) or 1.0
        limits = (min(ends) - room, max(ends) + room)
        axes.plot(limits, limits, color=GREY, linestyle="--", linewidth=1, zorder=1, label="equal")
        held = {True: "interval holds the measured one", False: "misses it"}
        for i, (is_held, label) in enumerate(held.items()):
            shown = [spot for spot in spots if (spot.low <= spot.x <= spot.high) == is_held]
            x, y = [spot.x for spot in shown], [spot.y for spot in shown]
            sides = [[spot.y - spot.low for spot in shown], [spot.high - spot.y for spot in shown]]
            if shown:
                axes.errorbar(x, y, sides, linestyle="none", elinewidth=0.8, markersize=4, label=label, **look(i))
            for spot in shown if not is_held and len(shown) <= MOST_NAMED else ():
                axes.annotate(plain(spot.name), (spot.x, spot.y), (5, -8), textcoords="offset points", fontsize=7)
        axes.set_xlim(limits)
        axes.set_ylim(limits)
        axes.set_aspect("equal")
        axes.set_title(plain(title), fontsize=8.5)
        axes.set_xlabel(chart.x_unit)
        axes.set_ylabel(chart.unit)
    handles = handles_of(grid.flat)
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3, frameon=False)
    return figure


def draw_heat(chart: HeatChart) -> Any:
    """Maps below each other, the number in each cell; the darker, the higher."""
    from matplotlib import pyplot

    heights = [len(panel.rows) for panel in chart.panels]
    widest = max(len(panel.columns) for panel in chart.panels)
    size = (0.46 * widest + 2.2, 0.32 * sum(heights) + 1.0 * len(heights) + 0.2)
    figure, grid = pyplot.subplots(
        len(heights), 1, figsize=size, squeeze=False, layout="constrained", height_ratios=heights
    )
    known = [value for panel in chart.panels for row in panel.values for value in row if value is not None]
    low, high = min(known), max(known)
    for axes, panel in zip(grid.flat, chart.panels, strict=True):
        values = [[float("nan") if value is None else value for value in row] for row in panel.values]
        image = axes.imshow(values, cmap=COLOURS_OF_HEAT, vmin=low, vmax=high, aspect="auto")
        for y, row in enumerate(panel.values):
            for x, value in enumerate(row):
                dark = value is not None and high > low and (value - low) / (high - low) > 0.55
                text = "–" if value is None else f"{value:.0f}"
                colour = "white" if dark else "black"
                axes.text(x, y, text, ha="center", va="center", fontsize=7, color=colour)
        axes.axvline(len(panel.columns) - 1.5, color="white", linewidth=3)  # the last column is the mean
        axes.set_xticks(range(len(panel.columns)), [plain(name) for name in panel.columns])
        axes.set_yticks(range(len(panel.rows)), [plain(name) for name in panel.rows])
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_title(plain(panel.title), fontsize=8.5)
        axes.set_ylabel(chart.y_unit)
        axes.set_xlabel(chart.x_unit)
    figure.colorbar(image, ax=list(grid.flat), label=chart.unit, shrink=0.8)
    return figure


def draw_curves(chart: CurveChart) -> Any:
    """Curves with their bands, and a level line for what does not change along x."""
    from matplotlib import pyplot
    from matplotlib.ticker import FixedLocator, NullLocator, ScalarFormatter

    across = len(chart.panels)
    figure, grid = pyplot.subplots(1, across, figsize=(4.4 * across + 1.6, 3.8), squeeze=False, layout="constrained")
    names = list(dict.fromkeys(name for panel in chart.panels for name, _ in (*panel.series, *panel.levels)))
    for axes, panel in zip(grid.flat, chart.panels, strict=True):
        for name, points in panel.series:
            style, x = look(names.index(name)), [point.x for point in points]
            band = [point.low for point in points], [point.high for point in points]
            axes.fill_between(x, *band, color=style["color"], alpha=0.15, linewidth=0)
            axes.plot(x, [point.mean for point in points], markersize=5, label=plain(name), **style)
        for name, value in panel.levels:
            style = look(names.index(name))
            axes.axhline(value, color=style["color"], linestyle="--", linewidth=1, zorder=1, label=plain(name))
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator(sorted({point.x for _, points in panel.series for point in points})))
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_ylim(bottom=-0.03 * axes.get_ylim()[1])  # so that a curve or line at 0 is seen
        axes.set_title(plain(panel.title), fontsize=8.5)
        axes.set_xlabel(chart.x_unit)
        axes.set_ylabel(chart.unit)
    handles = handles_of(grid.flat)
    figure.legend(handles.values(), handles.keys(), loc="outside right upper", frameon=False)
    return figure
