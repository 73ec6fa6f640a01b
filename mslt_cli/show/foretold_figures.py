"""The charts of what runs foretell, by matplotlib: scatters, heat maps, and curves with bands."""

from typing import Any

from mslt_cli.reports.charts import CurveChart, HeatChart, ScatterChart
from mslt_cli.show.drawing import GREY, SHARES, add_legend, look, make_fields, place_labels, plain

FIELD = 4.7
"""Inches of a square field."""
MOST_NAMED = 12
"""Points of a scatter that are named: those whose interval misses the line by most, where there is room."""
COLOURS_OF_HEAT = "viridis_r"
"""From light to dark in even steps, for the colour-blind as well, and in grey."""
CELL = (0.36, 0.22)
"""Inches of a cell of a heat map."""
MOST_NUMBERED = 800
"""Cells of a heat map that have their number in them; of more, colours alone are shown."""
DASHES = ("--", ":", "-.", (0, (7, 1.5)), (0, (1, 3)), (0, (4, 1, 1, 1, 1, 1)), (0, (8, 4)))
"""Level lines differ in their dashes as well as in colour."""


def draw_scatter(chart: ScatterChart) -> Any:
    """A point for each thing with the interval of its y, and the line on which x and y are equal."""
    figure, fields = make_fields(len(chart.panels), FIELD, FIELD if len(chart.panels) == 1 else 0.7 * FIELD)
    for axes, (title, spots) in zip(fields, chart.panels, strict=True):
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
        axes.set_xlim(limits)
        axes.set_ylim(limits)
        axes.set_aspect("equal")
        axes.set_title(plain(title), fontsize=8.5)
        axes.set_xlabel(chart.x_unit)
        axes.set_ylabel(chart.unit)
    add_legend(figure, fields)
    for axes, (_, spots) in zip(fields, chart.panels, strict=True):
        missed = [spot for spot in spots if not spot.low <= spot.x <= spot.high]
        missed.sort(key=lambda spot: -max(spot.low - spot.x, spot.x - spot.high))
        labels = [(spot.name, spot.x, spot.y) for spot in missed[:MOST_NAMED]]
        intervals = [(spot.x, spot.low + share * (spot.high - spot.low)) for spot in spots for share in SHARES]
        place_labels(axes, labels, [(spot.x, spot.y) for spot in spots], intervals)
    return figure


def draw_heat(chart: HeatChart) -> Any:
    """Maps below each other, the number in each cell; the darker, the higher."""
    from matplotlib import pyplot

    width, height = CELL
    heights = [len(panel.rows) for panel in chart.panels]
    widest = max(len(panel.columns) for panel in chart.panels)
    names = [name for panel in chart.panels for name in panel.rows]
    size = (
        width * widest + 0.07 * max(map(len, names)) + 0.6,
        height * sum(heights) + 0.95 * len(heights) + 0.8,
    )
    figure, grid = pyplot.subplots(
        len(heights), 1, figsize=size, squeeze=False, layout="constrained", height_ratios=heights
    )
    known = [value for panel in chart.panels for row in panel.values for value in row if value is not None]
    numbered = widest * sum(heights) <= MOST_NUMBERED
    for axes, panel in zip(grid.flat, chart.panels, strict=True):
        values = [[float("nan") if value is None else value for value in row] for row in panel.values]
        image = axes.imshow(values, cmap=COLOURS_OF_HEAT, vmin=min(known), vmax=max(known), aspect="auto")
        for y, row in enumerate(panel.values if numbered else ()):
            for x, value in enumerate(row):
                text = "–" if value is None else f"{value:.0f}"
                red, green, blue, _ = image.cmap(image.norm(min(known) if value is None else value))
                bright = 0.2126 * red + 0.7152 * green + 0.0722 * blue
                colour = "black" if bright > 0.46 else "white"
                number = axes.text(x, y, text, ha="center", va="center", fontsize=7, color=colour)
                number.set_in_layout(False)  # it is within its cell; to lay out thousands takes a minute
        axes.axvline(len(panel.columns) - 1.5, color="white", linewidth=3)  # the last column is the mean
        turned = 90 if max(map(len, panel.columns)) > 4 else 0
        axes.set_xticks(range(len(panel.columns)), [plain(name) for name in panel.columns], rotation=turned)
        axes.set_yticks(range(len(panel.rows)), [plain(name) for name in panel.rows])
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_title(plain(panel.title), fontsize=8.5)
        axes.set_ylabel(chart.y_unit)
        axes.set_xlabel(chart.x_unit)
    figure.colorbar(
        image, ax=list(grid.flat), label=chart.unit, location="top", aspect=30, shrink=0.8, pad=0.2 / size[1]
    )
    return figure


def draw_curves(chart: CurveChart) -> Any:
    """Curves with their bands, and a level line for what does not change along x."""
    from matplotlib.ticker import FixedLocator, NullLocator, ScalarFormatter

    figure, fields = make_fields(len(chart.panels), 5.0, 3.4 if len(chart.panels) == 1 else 2.8)
    names = list(dict.fromkeys(name for panel in chart.panels for name, _ in (*panel.series, *panel.levels)))
    for axes, panel in zip(fields, chart.panels, strict=True):
        for name, points in panel.series:
            style, x = look(names.index(name)), [point.x for point in points]
            band = [point.low for point in points], [point.high for point in points]
            axes.fill_between(x, *band, color=style["color"], alpha=0.15, linewidth=0)
            axes.plot(x, [point.mean for point in points], markersize=5, label=plain(name), **style)
        for name, value in panel.levels:
            i = names.index(name)
            dashes: Any = DASHES[i % len(DASHES)]
            axes.axhline(value, color=look(i)["color"], linestyle=dashes, linewidth=1.2, zorder=1, label=plain(name))
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator(sorted({point.x for _, points in panel.series for point in points})))
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_ylim(bottom=-0.03 * axes.get_ylim()[1])  # so that a curve or line at 0 is seen
        axes.set_title(plain(panel.title), fontsize=8.5)
        axes.set_xlabel(chart.x_unit)
        axes.set_ylabel(chart.unit)
    add_legend(figure, fields)
    return figure
