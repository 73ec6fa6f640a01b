"""How foretold scores look in a selection: columns, JSON, and the lines that say how far they hold."""

from math import isnan
from typing import Any

from mslt_cli.criteria.forecast import Outlook
from mslt_cli.foretelling.signal import Signal
from mslt_cli.reports.cells import Cell, Column, plural
from mslt_cli.results.outlook import Grounds
from mslt_cli.selection import Selection

FEW = 8
"""Combinations of which a rank correlation says little, whatever it is."""


def forecast_columns() -> list[Column]:
    """Those beside the foretold score."""
    return [
        Column("low", csv_only=True),
        Column("high", csv_only=True),
        Column("p_best", right=True, header="P(best)"),
        Column("regret", csv_only=True),
        Column("trained", right=True),
        Column("measured", csv_only=True),
    ]


def forecast_cells(outlook: Outlook) -> dict[str, Cell]:
    """What is foretold of one combination."""
    chance = outlook.p_best
    trained = "" if outlook.measured is None else f"{outlook.measured:.2f} ({plural(outlook.runs, 'run')})"
    return {
        "low": Cell(round(outlook.low, 9)),
        "high": Cell(round(outlook.high, 9)),
        "p_best": Cell(chance, "" if chance is None else f"{100 * chance:.0f} %"),
        "regret": Cell(outlook.regret if outlook.regret is None else round(outlook.regret, 9)),
        "trained": Cell(outlook.runs, trained or "–"),
        "measured": Cell(outlook.measured if outlook.measured is None else round(outlook.measured, 9)),
    }


def forecast_as_dict(selection: Selection) -> dict[str, Any]:
    """What JSON says of the forecast beside the results."""
    assert selection.forecast is not None and selection.chances is not None
    chances, grounds = selection.chances, selection.chances.grounds
    return {
        **selection.forecast.facts,
        **{name: value for name, value in grounds._asdict().items() if name != "signal"},
        "signal": grounds.signal._asdict(),
        "verdict": grounds.verdict,
        "rivals": chances.rivals,
        "widest": chances.widest,
    }


def describe_forecast(selection: Selection) -> list[str]:
    """On what foretold scores rest, how well they hold, and whether combinations differ at all."""
    assert selection.chances is not None
    assert selection.forecast is not None
    chances, grounds = selection.chances, selection.chances.grounds
    lines = ["± is the 90 % interval of the true score, without the luck of any run."]
    first = selection.results[0].outlook
    if chances.rivals and first is not None:
        all_of = f"all {chances.rivals:,} combinations"
        among = all_of if chances.rivals == selection.combinations else f"the {chances.rivals:,} that are foretold best"
        lines[0] += f" P(best) is the chance to be the best of {among}"
        if first.regret is not None:
            lines[0] += f"; choosing the first costs {first.regret:.1f} points on average"
        lines[0] += "."
    if unseen := [selection.pool.labels[i] for i in selection.forecast.untrained]:
        lines.append(
            f"No run has {', '.join(unseen)}: what their relatives do is foretold of them, with wide intervals."
        )
    return [*lines, describe_left_out(grounds), *_verdict(selection, grounds)]


def describe_left_out(grounds: Grounds) -> str:
    """How well trained combinations are foretold from the others."""
    of_size = " of all sizes" if grounds.size is None else f" of {grounds.size}"
    order = "" if isnan(grounds.rho) else f"ρ = {grounds.rho:.2f} and "
    few = f", and of {grounds.combinations} that says little" if grounds.combinations < FEW else ""
    return (
        f"The {plural(grounds.combinations, 'trained combination')}{of_size}, each left out in turn: foretold with "
        f"{order}an error of {grounds.rmse:.1f} points (RMSE); {100 * grounds.coverage:.0f} % of the 90 % intervals "
        f"hold the measured mean{few}."
    )


def describe_signal(signal: Signal) -> str:
    """How much of the differences is no noise, where that is known."""
    p = "< 0.001" if signal.p < 0.001 else f"= {signal.p:.3f}"
    return (
        f"Of the variance between their means, {100 * signal.share:.0f} % is no noise (95 % interval "
        f"{100 * signal.low:.0f} to {100 * signal.high:.0f} %; all equal: p {p})."
    )


def _verdict(selection: Selection, grounds: Grounds) -> list[str]:
    assert selection.forecast is not None and selection.chances is not None
    signal, widest = grounds.signal, selection.chances.widest
    lines = [describe_signal(signal)] if signal.knows_noise else []
    unlike = ""
    if widest is not None:
        unlike = f"no choice is more than {widest:.1f} points better than another, with 95 % probability"
    if grounds.verdict == "they hardly differ":
        lines.append(f"They hardly differ{unlike and ': '}{unlike}. Take the cheapest.")
    elif grounds.verdict == "too few runs to tell":
        what = "whether combinations differ"
        if not signal.knows_noise:
            what = "what is noise, for none was trained twice: train some with another --seed"
            if "matrix" in selection.forecast.facts:
                what = "what is noise: a matrix has one score of each source"
        lines.append(f"Too few runs to tell {what}.{unlike and ' By the model, '}{unlike}{unlike and '.'}")
    return lines
