"""A selection for every format, and the reasons for its best combination."""

from __future__ import annotations

from dataclasses import asdict
from math import isnan
from typing import TYPE_CHECKING, Any

from mslt_cli.criteria import CRITERIA, OF_TARGETS, OWN_VECTORS
from mslt_cli.harmless import escape_markdown
from mslt_cli.reports.cells import Cell, Column, plural
from mslt_cli.search.covers import Coverage
from mslt_cli.selection import MOSTLY_IMPUTED, Result, Selection, Toward
from mslt_cli.show.rows import Output, show, show_rows
from mslt_cli.show.terminal import print_lines, remark

if TYPE_CHECKING:
    from mslt_cli.explanation import Explanation

JSON_KEYS: tuple[str, ...] = ("pool", "k", "include", "exclude", "by", "objective", "maximize", "combine", "targets")
JSON_KEYS += ("lambda", "combinations", "exact", "proof", "gap", "percentile", "results", "criteria", "measured_share")
JSON_KEYS += ("notes",)
"""What JSON has of a selection."""
MAY_LACK = ("toward", "outlook")
"""What JSON has of a result only where there is some."""
WHICH = (
    "--objective diverse is for languages that are not known in advance, cover for targets that are; which of them "
    "does better, the shipped runs cannot tell (docs/reference/select.md)."
)
"""Which objective fits which question, and the evidence."""
MOST_NAMED = 6
"""Languages that a line names before it says "and N more"."""


def show_selection(selection: Selection, form: str, explanation: Explanation | None = None) -> None:
    """Print a selection on stdout; tables, Markdown and JSON have its explanation with it."""
    first = selection.results[0]
    shown = next(iter(first.toward), "")  # people see the targets under the first criterion that has them
    columns = [
        Column("rank", right=True),
        Column("tied", csv_only=True),
        Column("languages"),
        *(Column(name, right=True) for name in first.scores),
        *(Column(f"rank_{name}", csv_only=True) for name in selection.by),
    ]
    if first.outlook is not None:
        from mslt_cli.show.forecasts import forecast_columns

        at = 3 + [*first.scores].index("runs") + 1
        columns[at:at] = forecast_columns()
    for name, targets in first.toward.items():
        for label in targets:
            header = f"→ {label}"
            columns.append(Column(f"{name}_to_{label}", right=True, header=header, csv_only=name != shown))
    rows = [_row(selection, result, form) for result in selection.results]
    whole = selection_as_dict(selection, explanation)
    footer = summarize(selection)
    best = [",".join(first.languages)]
    output = Output(
        columns, rows, whole, whole["results"], footer=footer, line="languages", piped=best, bold_first=True
    )
    show(output, form)
    if explanation is not None:
        if form in ("table", "md"):
            _print_explanation(selection, explanation, form)
        elif form != "json":
            remark(f"--explain has no place in --format {form}; table, md and json have it.")


def selection_as_dict(selection: Selection, explanation: Explanation | None = None) -> dict[str, Any]:
    """The JSON contract of `mslt select` (DESIGN.md), and what goes beyond it."""
    results = [
        {name: value for name, value in vars(result).items() if name != "names" and (value or name not in MAY_LACK)}
        for result in selection.results
    ]
    values = vars(selection) | {
        "pool": selection.pool.labels,
        "objective": "least" if selection.least else "most",
        "targets": [target.label for target in selection.aim.targets],
        "lambda": selection.aim.cover,
        "results": results,
        "criteria": {
            e.criterion.name: {"unit": e.unit, "facts": e.provenance, "source": e.criterion.source}
            for e in selection.evidence
        },
        "measured_share": _measured_shares(selection),
    }
    more: dict[str, Any] = {}
    if selection.forecast is not None:
        from mslt_cli.show.forecasts import forecast_as_dict

        more["foretold"] = forecast_as_dict(selection)
    if explanation is not None:
        more["explanation"] = asdict(explanation)
    rounded: dict[str, Any] = _rounded({name: values[name] for name in JSON_KEYS} | more)
    return rounded


def _rounded(value: Any) -> Any:
    """A value with nine decimals, as JSON holds it: what a tie means, and nothing of the machine's rounding.

    What is not known (NaN) is null.
    """
    value = value._asdict() if hasattr(value, "_asdict") else value
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(part) for part in value]
    if isinstance(value, float):
        return None if isnan(value) else round(value, 9) + 0.0
    return value


def _row(selection: Selection, result: Result, form: str) -> dict[str, Any]:
    tied = selection.exact if result.tied is None else result.tied > 1
    languages = zip(result.languages, result.names, strict=True)
    if form == "md":
        named = [f"{label} ({name})" for label, name in languages]
    else:
        named = [label if label == name else f"{label} {name}" for label, name in languages]
    foretold = {}
    if result.outlook is not None:
        from mslt_cli.show.forecasts import forecast_cells

        foretold = forecast_cells(result.outlook)
    return {
        "rank": Cell(result.rank, f"{result.rank}=" if tied else str(result.rank)),
        "tied": result.tied,
        "languages": Cell(",".join(result.languages), ", ".join(named)),
        **{name: Cell(_rounded(value), _score_text(selection, result, name)) for name, value in result.scores.items()},
        **{f"rank_{name}": result.ranks[name] for name in selection.by},
        **foretold,
        **{
            f"{name}_to_{label}": _toward_cell(to)
            for name, targets in result.toward.items()
            for label, to in targets.items()
        },
    }


def _score_text(selection: Selection, result: Result, name: str) -> str:
    """A score under a criterion, and unless the criterion alone ranks, the rank that it gives."""
    kinds = {e.criterion.name: e.criterion.kind for e in selection.evidence}
    kind = kinds.get(name, "")
    decimals = {"writing": 0, "pretraining": 1, "foretold": 2, "transfer": 2}.get(kind, 4)
    text = f"{result.scores[name]:.{decimals}f}"
    if kind == "foretold" and result.outlook is not None:
        text += f" ±{result.outlook.high - result.outlook.score:.2f}"
    rank = result.ranks.get(name)
    alone = name == selection.by[0] and selection.combine is None
    return text if alone or rank is None else f"{text} ({rank})"


def _toward_cell(to: Toward) -> Cell:
    """How near a target is; CSV has the nearest source in a column of its own."""
    if to.nearest is None:
        return Cell(_rounded(to.value), f"{100 * to.value:.1f} %")
    return Cell(_rounded(to.value), f"{to.value:.3f} {to.nearest}", more={"nearest": to.nearest})


def summarize(selection: Selection) -> list[str]:
    """What was ranked, with which facts, how sure, and what to beware of."""
    parts = [_ranked(selection), *dict.fromkeys(e.provenance for e in selection.evidence), _certainty(selection)]
    if selection.percentile is not None:
        drawn = "" if selection.proof == "enumerated" else f"{selection.drawn:,} "
        share = f"{selection.percentile:.1f}"
        share = "more than 99.9" if share == "100.0" and selection.percentile < 100 else share
        parts.append(f"the first beats {share} % of {drawn}random combinations")
    lines = ["; ".join(parts) + "."]
    if selection.forecast is not None:
        from mslt_cli.show.forecasts import describe_forecast

        lines += describe_forecast(selection)
    return [*lines, *_about_targets(selection), *_hidden_ties(selection), *_imputed(selection)]


def _ranked(selection: Selection) -> str:
    first = selection.evidence[0]
    what = "mean rank under all criteria" if selection.combine else f"{first.criterion.name} ({first.unit})"
    order = "least" if selection.least else "most"
    held = f", each with {' and '.join(selection.include)}" if selection.include else ""
    count = plural(selection.combinations, "combination")
    count += " (before the quotas)" if selection.quotas and selection.proof != "enumerated" else ""
    return f"{count} of {selection.k} out of {len(selection.pool):,} languages{held}, {order} {what} first"


def _about_targets(selection: Selection) -> list[str]:
    for name, targets in selection.results[0].toward.items():
        for to in targets.values():
            if name == "transfer":
                return ["→ target: score of the best source by itself, %."]
            if CRITERIA.get(name, OWN_VECTORS).kind in OF_TARGETS:
                return [f"→ target: {name} with the nearest source."]
            what = "share of the target's token ids that the sources have"
            what = what if to.nearest is None else f"{name} cosine with the nearest source"
            return [f"→ target: {what}{'' if selection.aim.cover else '; --objective cover ranks by it'}.", WHICH]
    return []


def _hidden_ties(selection: Selection) -> list[str]:
    last = selection.results[-1]
    shown = sum(result.rank == last.rank for result in selection.results)
    if not selection.exact or (last.tied is not None and last.tied <= shown):
        return []
    if last.tied is None:
        return [f"More combinations tie at rank {last.rank} than can be counted; the first in order are shown."]
    return [f"{last.tied:,} combinations tie at rank {last.rank}; {shown} of them are shown."]


def _certainty(selection: Selection) -> str:
    if selection.exact:
        return "exact: " + ("all were ranked" if selection.proof == "enumerated" else "proved without listing them")
    stopped = f"not proved: stopped at the time limit, none can be more than {100 * selection.gap:.2f} % better"
    if isinstance(selection.evidence[0].objective, Coverage) and not selection.quotas and not selection.least:
        stopped += " (and no less than 1 − 1/e = 63.2 % of the largest, which a greedy choice has)"
    return stopped


def _imputed(selection: Selection) -> list[str]:
    """A warning for each criterion that shows languages of which URIEL has measured less than half."""
    lines = []
    for name, shares in _measured_shares(selection).items():
        low = sorted((label for label in shares if shares[label] < MOSTLY_IMPUTED), key=shares.__getitem__)
        if low:
            named = ", ".join(f"{label} ({100 * shares[label]:.0f} % measured)" for label in low[:MOST_NAMED])
            more = f" and {len(low) - MOST_NAMED} more" if len(low) > MOST_NAMED else ""
            lines.append(f"Warning: {name} is mostly imputed, not measured, for {named}{more}.")
    return lines


def _measured_shares(selection: Selection) -> dict[str, dict[str, float]]:
    """By criterion that has imputed vectors: the measured share of the vector of each shown language and target."""
    shown = {label for result in selection.results for label in result.languages}
    shares = {}
    for evidence in selection.evidence:
        if evidence.measured_share is not None:
            of_sources = dict(zip(selection.pool.labels, evidence.measured_share.tolist(), strict=True))
            targets = [target.label for target in selection.aim.targets]
            shares[evidence.criterion.name] = {
                **{label: share for label, share in of_sources.items() if label in shown},
                **dict(zip(targets, evidence.measured_targets.tolist(), strict=True)),
            }
    return shares


def _print_explanation(selection: Selection, why: Explanation, form: str) -> None:
    def say(*lines: str) -> None:
        print_lines(*(lines if form == "table" else (f"\n{escape_markdown(line)}" for line in lines if line)))

    names = (selection.pool.members[i].language.name for i in selection.best)
    say("", f"Why {', '.join(names)}:")
    for name, matrix in why.similarities.items():
        columns = [Column("cosine", header=f"{name}: cosine")]
        columns += [Column(label, ".3f", right=True) for label in why.languages]
        lines = [
            {"cosine": label} | dict(zip(why.languages, cosines, strict=True)) | {label: Cell(text="·")}
            for label, cosines in zip(why.languages, matrix, strict=True)
        ]
        if name in why.measured_share:
            columns.append(Column("measured", lambda share: f"{100 * share:.0f} %", right=True))
            for line, measured in zip(lines, why.measured_share[name], strict=True):
                line["measured"] = measured
        if form == "md":
            print_lines("")
        show_rows(columns, lines, form, key=name)
        if name in why.share_of_maximum:
            share = f"{100 * why.share_of_maximum[name]:.0f} %"
            say(f"{share} of what {selection.k} unrelated vectors would score.")
        say("")
    for name, counts in why.token_ids.items():
        pairs = zip(why.languages, counts, strict=True)
        each = ", ".join(f"{label} {ids['all']:,} ({ids['alone']:,} of them alone)" for label, ids in pairs)
        share = f"{100 * why.share_of_maximum[name]:.1f} %"
        say(f"{name}: token ids of {each}; together {share} of the pool's.", "")
    say(f"Scripts: {', '.join(why.scripts)}. Families: {', '.join(why.families)}.")
    if why.one_more:
        more = (f"{new.language} {new.name} → {new.score:.4f} ({new.adds:+.4f})" for new in why.one_more)
        criterion = selection.evidence[0].criterion.name
        say(f"One more language (k = {selection.k + 1}), {criterion}: {'; '.join(more)}.")
