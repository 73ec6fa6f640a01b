"""What a search among combinations came to, for every format."""

import math
import shlex
from typing import Any

from mslt_cli.foretelling.observations import equal_shares
from mslt_cli.inference.distributions import NORMAL
from mslt_cli.reports.cells import Column, plural
from mslt_cli.results.outlook import Grounds, grounds_of
from mslt_cli.runs.search_runs import Found
from mslt_cli.show.forecasts import describe_left_out, describe_signal
from mslt_cli.show.rows import Output, show

SHOWN = 10
"""Combinations in the table."""
WHY = {
    "certain": "the chance that any other combination is more than {within:g} points better is under 5 %",
    "alike": "the combinations hardly differ",
    "runs": "no run is left",
}


def show_search(found: Found, form: str) -> None:
    """Print the choice and those next to it on stdout, with what is left uncertain and the runs that it rests on."""
    grounds = grounds_of(found.standing.model, len(found.standing.weighed[0]))
    whole = search_as_dict(found, grounds)
    columns = [
        Column("languages"),
        Column("score", ".2f", right=True),
        Column("low", ".1f", right=True, header="from"),
        Column("high", ".1f", right=True, header="to"),
        Column("p_best", lambda share: f"{100 * share:.0f} %", right=True, header="P(best)"),
        Column("regret", ".2f", right=True, header="expected loss"),
        Column("measured", ".2f", right=True),
        Column("runs", right=True),
    ]
    rows, footer = whole["combinations"], _footer(found, whole, grounds)
    chosen = [whole["chosen"]]
    show(Output(columns, rows, {"search": whole}, rows, footer=footer, piped=chosen, bold_first=True), form)


def search_as_dict(found: Found, grounds: Grounds) -> dict[str, Any]:
    """The JSON contract of `mslt train --search`; scores are percent, what is lost and behind is points."""
    recipe, standing = found.recipe, found.standing
    decision, model, task = standing.decision, standing.model, recipe.planned[0].spec.task
    predicted = model.predict(equal_shares(standing.weighed, len(recipe.pool)))
    order = sorted(range(len(standing.weighed)), key=lambda i: (i != decision.chosen, -predicted.mean[i]))
    runs: list[dict[str, Any]] = [
        {
            "run_id": run.run_id,
            "languages": recipe.name(tuple(recipe.pool.index(source) for source in run.sources)),
            "seed": run.seed,
            "score": 100 * float(score),
            "new": run.run_id not in found.known,
        }
        for run, score in zip(
            standing.observed.runs, standing.observed.observations.scores @ model.weights, strict=True
        )
    ]
    combinations: list[dict[str, Any]] = []
    for i in order[:SHOWN]:
        name, half = recipe.name(standing.weighed[i]), NORMAL[90] * float(predicted.sd[i])
        measured = [run["score"] for run in runs if run["languages"] == name]
        combinations.append(
            {
                "languages": name,
                "score": 100 * float(predicted.mean[i]),
                "low": 100 * (float(predicted.mean[i]) - half),
                "high": 100 * (float(predicted.mean[i]) + half),
                "p_best": float(decision.p_best[i]),
                "regret": float(decision.regret[i]),
                "measured": sum(measured) / len(measured) if measured else None,
                "runs": len(measured),
            }
        )
    pool, k = ",".join(sorted(map(task.code, recipe.pool))), len(standing.weighed[0])
    words = ["mslt", "select", "--by", "runs", "--source", "runs", "--task", task.file or task.name]
    words += ["--model", recipe.planned[0].spec.model.name, "--pool", pool, "-k", str(k)]
    return {
        "chosen": combinations[0]["languages"],
        "reason": standing.reason,
        "p_better": decision.p_better,
        "stop_within": found.stop_within,
        "any_behind": decision.of_any,
        "any_behind_at_most": decision.at_most,
        "pool": pool,
        "k": k,
        "counted": standing.counted,
        "runs_at_most": found.runs_at_most,
        "targets": [task.code(target) for target in recipe.targets],
        "combinations": combinations,
        "runs": runs,
        "signal": {name: _known(value) for name, value in grounds.signal._asdict().items()},
        "left_out": {name: _known(getattr(grounds, name)) for name in ("combinations", "rho", "rmse", "coverage")},
        "command": shlex.join(words),
    }


def _known(value: float) -> float | None:
    """None for what is not known."""
    return None if math.isnan(value) else value


def _footer(found: Found, whole: dict[str, Any], grounds: Grounds) -> list[str]:
    within, at_most = found.stop_within, whole["any_behind_at_most"]
    why = WHY[whole["reason"]].format(within=within)
    new = sum(run["new"] for run in whole["runs"])
    lines = [
        f"Choose {whole['chosen']}. The search ended after {plural(whole['counted'], 'run')} of at most "
        f"{found.runs_at_most}: {why}.",
        f"{found.recipe.label}; mean over {plural(len(whole['targets']), 'target')}, %, as the runs foretell it, with "
        "its 90 % interval. expected loss: points by which the best one is better, on average.",
    ]
    if whole["reason"] != "certain":
        lines.append(
            f"Another combination is better by more than {within:g} points with probability {whole['p_better']:.2f}. "
            f"Whichever is taken, the best is at most {at_most:.1f} points better, with 95 % probability"
            + ("; take the cheapest." if whole["reason"] == "alike" else ".")
        )
    if grounds.signal.knows_noise:
        lines.append(describe_signal(grounds.signal))
    else:
        lines.append("Too few combinations were trained twice to tell how much of their differences is noise.")
    lines.append(describe_left_out(grounds))
    return [*lines, f"It rests on {plural(len(whole['runs']), 'run')}, {new} of them new. More: {whole['command']}"]
