"""What a search among combinations came to, for every format."""

import math
import shlex
from typing import Any

from mslt_cli.foretelling.observations import equal_shares
from mslt_cli.reports.cells import Column, percent, plural
from mslt_cli.runs.search_runs import Found
from mslt_cli.show.rows import Output, show

SHOWN = 10
"""Combinations in the table."""
WHY = {
    "certain": "the chance that any other combination is more than {within:g} points better is under 5 %",
    "alike": "the combinations hardly differ",
    "runs": "its runs are used up",
}


def show_search(found: Found, form: str) -> None:
    """Print the choice and those next to it on stdout, with what is left uncertain and the runs that it rests on."""
    whole = search_as_dict(found)
    columns = [
        Column("languages"),
        Column("predicted", lambda value: percent(value), right=True),
        Column("half_width", lambda value: f"±{100 * value:.1f}", right=True, header="95 %"),
        Column("p_best", ".2f", right=True, header="P(best)"),
        Column("regret", ".2f", right=True, header="expected loss"),
        Column("runs", right=True),
        Column("measured", percent, right=True),
    ]
    rows = whole["combinations"]
    show(
        Output(columns, rows, {"search": whole}, rows, footer=_footer(found, whole), line="languages", bold_first=True),
        form,
    )


def search_as_dict(found: Found) -> dict[str, Any]:
    """The JSON contract of `mslt train --search`; scores and shares are 0..1, what is lost is in points."""
    recipe, standing = found.recipe, found.standing
    verdict, observed, spec = standing.verdict, standing.observed, found.recipe.planned[0].spec
    size = len(recipe.pool)
    predicted = standing.model.predict(equal_shares(standing.weighed, size))
    order = sorted(range(len(standing.weighed)), key=lambda i: (i != verdict.chosen, -predicted.mean[i]))
    of_runs = observed.observations.scores @ standing.model.weights
    runs: list[dict[str, Any]] = [
        {
            "run_id": run.run_id,
            "languages": recipe.name(tuple(recipe.pool.index(x) for x in run.sources)),
            "seed": run.seed,
            "score": float(score),
            "new": run.run_id in found.trained,
        }
        for run, score in zip(observed.runs, of_runs, strict=True)
    ]
    combinations: list[dict[str, Any]] = []
    for i in order[:SHOWN]:
        name = recipe.name(standing.weighed[i])
        scores = [run["score"] for run in runs if run["languages"] == name]
        combinations.append(
            {
                "languages": name,
                "predicted": float(predicted.mean[i]),
                "half_width": float(1.96 * predicted.sd[i]),
                "p_best": float(verdict.p_best[i]),
                "regret": float(verdict.regret[i]),
                "runs": len(scores),
                "measured": sum(scores) / len(scores) if scores else None,
            }
        )
    signal, left_out = standing.model.signal, standing.model.left_out()
    task, model = spec.task.file or spec.task.name, spec.model.name
    pool = ",".join(sorted(map(spec.task.code, recipe.pool)))
    k = len(standing.weighed[0])
    words = ["mslt", "select", "--by", "runs", "--source", "runs", "--task", task, "--model", model]
    return {
        "chosen": combinations[0]["languages"],
        "reason": standing.reason,
        "p_better": verdict.p_better,
        "stop_within": found.stop_within,
        "at_most_behind": verdict.at_most,
        "of_any_behind": verdict.of_any,
        "pool": pool,
        "k": k,
        "counted": standing.counted,
        "runs_at_most": found.runs_at_most,
        "targets": [recipe.planned[0].evaluations[0].task.code(target) for target in recipe.targets],
        "combinations": combinations,
        "runs": runs,
        "signal": {name: _known(value) for name, value in signal._asdict().items()},
        "left_out": {name: _known(getattr(left_out, name)) for name in ("rho", "rmse", "coverage")},
        "command": shlex.join([*words, "--pool", pool, "-k", str(k)]),
    }


def _known(value: float) -> float | None:
    """None for what is not known."""
    return None if math.isnan(value) else value


def _footer(found: Found, whole: dict[str, Any]) -> list[str]:
    chosen, signal, left_out = whole["combinations"][0], whole["signal"], whole["left_out"]
    within, at_most = found.stop_within, whole["at_most_behind"]
    why = WHY[whole["reason"]].format(within=within)
    lines = [
        f"Choose {chosen['languages']}. The search ended after {plural(whole['counted'], 'run')} of at most "
        f"{found.runs_at_most}: {why}.",
        f"{found.recipe.label}; mean over {plural(len(whole['targets']), 'target')}, %, as the runs foretell it.",
        "expected loss: points by which the best one is better, on average.",
    ]
    if whole["reason"] != "certain":
        lines.append(
            f"Another combination is more than {within:g} points better with probability {whole['p_better']:.2f}. "
            f"Whichever is taken, the best is at most {at_most:.1f} points better, with 95 % probability"
            + ("; take the cheapest." if whole["reason"] == "alike" else ".")
        )
    if signal["share"] is None:
        lines.append("Too few combinations were trained twice to tell how much of their differences is noise.")
    else:
        share, low, high = (round(100 * signal[name]) for name in ("share", "low", "high"))
        lines.append(
            f"{share} % of the variance between the trained combinations is not noise (95 % interval {low} to {high} "
            f"%, p {signal['p']:.3f})."
        )
    if left_out["rho"] is not None:
        lines.append(
            f"Each combination foretold from the runs of the others: ρ {left_out['rho']:.2f}, error "
            f"{left_out['rmse']:.1f} points, {100 * left_out['coverage']:.0f} % within their 90 % intervals."
        )
    new = sum(run["new"] for run in whole["runs"])
    return [*lines, f"It rests on {plural(len(whole['runs']), 'run')}, {new} of them new.", f"More: {whole['command']}"]
