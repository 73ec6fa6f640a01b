"""A selection as a table, JSON, JSON lines, CSV, Markdown or plain lines; and the reasons for its best."""

from __future__ import annotations

import csv
import io
import json
import sys
from typing import Any

from mslt_cli.criteria.evidence import Evidence
from mslt_cli.search.covers import Coverage
from mslt_cli.selection import MOSTLY_IMPUTED, RANDOM_SAMPLE, Result, Selection, Toward
from mslt_cli.show.explanation import Explanation

SHOWN = 6
"""Languages that a line names before it says "and N more"."""


def show(found: Selection, form: str, explanation: Explanation | None = None) -> None:
    """Print a selection on stdout."""
    if form == "table":
        _table(found, explanation)
        return
    text = {"json": _json, "jsonl": _jsonl, "csv": _csv, "md": _markdown, "lines": _lines}[form](found, explanation)
    sys.stdout.write(text)
    sys.stdout.flush()


# -- for programs ----------------------------------------------------------------------------------


def as_dict(found: Selection, explanation: Explanation | None = None) -> dict[str, Any]:
    """The JSON contract of `mslt select` (DESIGN.md), and what goes beyond it."""
    whole: dict[str, Any] = {
        "pool": found.pool.labels,
        "k": found.k,
        "include": list(found.include),
        "exclude": list(found.exclude),
        "by": list(found.by),
        "objective": "least" if found.least else "most",
        "maximize": found.maximize,
        "combine": found.combine,
        "targets": [target.label for target in found.aim.targets],
        "lambda": _rounded(found.aim.cover),
        "combinations": found.combinations,
        "exact": found.exact,
        "proof": found.proof,
        "gap": _rounded(found.gap),
        "percentile": None if found.percentile is None else _rounded(found.percentile),
        "results": [_result(result) for result in found.results],
        "criteria": {
            e.criterion.name: {"unit": e.unit, "facts": e.provenance, "source": e.criterion.source}
            for e in found.evidence
        },
        "measured_share": {
            e.criterion.name: {found.pool.labels[i]: _rounded(float(e.measured[i])) for i in _shown_items(found)}
            for e in found.evidence
            if e.measured is not None
        },
        "notes": list(found.notes),
    }
    if explanation is not None:
        whole["explanation"] = {
            "languages": list(explanation.languages),
            "similarities": {k: [[_rounded(v) for v in row] for row in m] for k, m in explanation.similarities.items()},
            "share_of_maximum": {k: _rounded(v) for k, v in explanation.share_of_maximum.items()},
            "scripts": list(explanation.scripts),
            "families": list(explanation.families),
            "token_ids": {
                name: [{"all": each, "alone": alone} for each, alone in row] for name, row in explanation.tokens.items()
            },
            "measured_share": {k: [_rounded(v) for v in row] for k, row in explanation.measured.items()},
            "one_more": [
                {"language": label, "name": name, "score": _rounded(value), "adds": _rounded(added)}
                for label, name, value, added in explanation.one_more
            ],
        }
    return whole


def _result(result: Result) -> dict[str, Any]:
    toward = {
        name: {label: {"value": _rounded(to.value), "nearest": to.nearest} for label, to in targets.items()}
        for name, targets in result.toward.items()
    }
    return {
        "rank": result.rank,
        "tied": result.tied,
        "languages": list(result.languages),
        "scores": {name: _rounded(value) for name, value in result.scores.items()},
        "ranks": dict(result.ranks),
    } | ({"toward": toward} if toward else {})


def _rounded(value: float) -> float:
    """Nine decimals: what a tie means, and nothing of the machine's rounding."""
    return round(value, 9) + 0.0


def _json(found: Selection, explanation: Explanation | None) -> str:
    return json.dumps(as_dict(found, explanation), ensure_ascii=False, indent=2) + "\n"


def _jsonl(found: Selection, explanation: Explanation | None) -> str:
    return "".join(json.dumps(_result(result), ensure_ascii=False) + "\n" for result in found.results)


def _lines(found: Selection, explanation: Explanation | None) -> str:
    return "".join(",".join(result.languages) + "\n" for result in found.results)


def _columns(found: Selection) -> list[str]:
    return list(found.results[0].scores)


def _csv(found: Selection, explanation: Explanation | None) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    columns = _columns(found)
    toward = [(name, label) for name, targets in found.results[0].toward.items() for label in targets]
    beside = [f"{name}_to_{label}" for name, label in toward]
    writer.writerow(["rank", "tied", "languages", *columns, *(f"rank_{name}" for name in found.by), *beside])
    for r in found.results:
        values = [_rounded(r.scores[name]) for name in columns]
        tied = "" if r.tied is None else r.tied
        ranks = [_blank(r.ranks[n]) for n in found.by]
        near = [_rounded(r.toward[name][label].value) for name, label in toward]
        writer.writerow([r.rank, tied, ",".join(r.languages), *values, *ranks, *near])
    return out.getvalue()


def _blank(value: int | None) -> str:
    return "" if value is None else str(value)


def _markdown(found: Selection, explanation: Explanation | None) -> str:
    columns = _columns(found)
    head = ["rank", "languages", *columns, *_target_heads(found)]
    rows = [
        [
            _rank(found, r),
            ", ".join(f"{label} ({name})" for label, name in _pairs(r)),
            *(_score(found, r, c) for c in columns),
            *_target_cells(found, r),
        ]
        for r in found.results
    ]
    lines = [head, ["--:", ":--", *("--:" for _ in head[2:])], *rows]
    table = "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in lines)
    return table + "\n" + "\n\n".join(_summary(found)) + "\n"


# -- for people ------------------------------------------------------------------------------------


def _pairs(result: Result) -> list[tuple[str, str]]:
    return list(zip(result.languages, result.names, strict=True))


def _rank(found: Selection, result: Result) -> str:
    tied = found.exact if result.tied is None else result.tied > 1
    return f"{result.rank}=" if tied else str(result.rank)


def _score(found: Selection, result: Result, column: str) -> str:
    value = result.scores[column]
    evidence = {e.criterion.name: e for e in found.evidence}.get(column)
    whole = evidence is not None and evidence.criterion.reads == "scripts"
    text = (
        f"{value:.0f}"
        if whole
        else f"{value:.1f}"
        if evidence is not None and evidence.criterion.reads == "sizes"
        else f"{value:.4f}"
    )
    if column == found.by[0] and found.combine is None:
        return text
    place = result.ranks.get(column)
    return f"{text} ({place})" if place is not None else text


def _target_heads(found: Selection) -> list[str]:
    """A column for each target, under the first criterion that can say something of it."""
    return [f"→ {label}" for label in _first_toward(found.results[0])]


def _target_cells(found: Selection, result: Result) -> list[str]:
    return [
        f"{100 * to.value:.1f} %" if to.nearest is None else f"{to.value:.3f} {to.nearest}"
        for to in _first_toward(result).values()
    ]


def _first_toward(result: Result) -> dict[str, Toward]:
    return next(iter(result.toward.values()), {})


def _languages(result: Result) -> str:
    same = all(label == name for label, name in _pairs(result))
    return ", ".join(label if same or label == name else f"{label} {name}" for label, name in _pairs(result))


def _table(found: Selection, explanation: Explanation | None) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from mslt_cli.show.terminal import results

    console = results()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("rank", justify="right", no_wrap=True)
    table.add_column("languages", overflow="fold")
    for column in (*_columns(found), *_target_heads(found)):
        table.add_column(column, justify="right", overflow="fold")
    for number, result in enumerate(found.results):
        scores = [_score(found, result, c) for c in _columns(found)]
        cells = [_rank(found, result), _languages(result), *scores, *_target_cells(found, result)]
        table.add_row(*map(Text, cells), style="bold" if number == 0 else "")
    console.print(table)
    console.print()
    for line in _summary(found):
        console.print(Text(line), soft_wrap=not console.is_terminal)
    if explanation is not None:
        _explain(console, found, explanation)


def _summary(found: Selection) -> list[str]:
    """What was ranked, with which facts, how sure, and what to beware of."""
    first = found.evidence[0]
    what = "mean rank under all criteria" if found.combine else f"{first.criterion.name} ({first.unit})"
    order = "least" if found.least else "most"
    held = f", each with {' and '.join(found.include)}" if found.include else ""
    noun = "combination" if found.combinations == 1 else "combinations"
    if found.quotas and found.proof != "enumerated":
        noun += " (before the quotas)"
    ranked = (
        f"{found.combinations:,} {noun} of {found.k} out of {len(found.pool):,} languages{held}, {order} {what} first"
    )
    parts = [ranked, "; ".join(dict.fromkeys(e.provenance for e in found.evidence)), _certainty(found)]
    if found.percentile is not None:
        drawn = "" if found.proof == "enumerated" else f"{RANDOM_SAMPLE:,} "
        parts.append(f"the first beats {_percent(found.percentile)} of {drawn}random combinations")
    lines = ["; ".join(parts) + "."]
    if found.results[0].toward:
        name, to = next((name, to) for name, targets in found.results[0].toward.items() for to in targets.values())
        what = (
            "share of the target's token ids that the sources have"
            if to.nearest is None
            else f"{name} cosine with the nearest source"
        )
        ranked_by = "" if found.aim.cover else "; --objective cover ranks by it"
        lines.append(f"→ target: {what}{ranked_by}.")
    if any(r.tied is None or r.tied > 1 for r in found.results) and found.exact:
        last = found.results[-1]
        if last.tied is None:
            lines.append(
                f"More combinations tie at rank {last.rank} than can be counted; the first in order are shown."
            )
        else:
            shown = sum(r.rank == last.rank for r in found.results)
            if last.tied > shown:
                lines.append(f"{last.tied:,} combinations tie at rank {last.rank}; {shown} of them are shown.")
    lines += _imputed(found)
    return lines


def _percent(value: float) -> str:
    """Never 100 % where it is not."""
    text = f"{value:.1f}"
    return "more than 99.9 %" if text == "100.0" and value < 100 else f"{text} %"


def _certainty(found: Selection) -> str:
    if found.proof == "enumerated":
        return "exact: all were ranked"
    if found.exact:
        return "exact: proved without listing them"
    stopped = f"not proved: stopped at the time limit, none can be more than {100 * found.gap:.2f} % better"
    if isinstance(found.evidence[0].objective, Coverage) and not found.quotas and not found.least:
        stopped += " (and no less than 1 − 1/e = 63.2 % of the largest, which a greedy choice has)"
    return stopped


def _shown_items(found: Selection) -> list[int]:
    """Positions of the languages that occur in the results."""
    labels = {label for result in found.results for label in result.languages}
    return [i for i, label in enumerate(found.pool.labels) if label in labels]


def _imputed(found: Selection) -> list[str]:
    """A warning for each criterion that shows languages of which URIEL has measured less than half."""
    lines = []
    for evidence in found.evidence:
        if evidence.measured is None:
            continue
        low = [i for i in _shown_items(found) if evidence.measured[i] < MOSTLY_IMPUTED]
        low.sort(key=lambda i: float(evidence.measured[i]) if evidence.measured is not None else 0.0)
        if low:
            named = ", ".join(_share(found, evidence, i) for i in low[:SHOWN])
            more = f" and {len(low) - SHOWN} more" if len(low) > SHOWN else ""
            lines.append(f"Warning: {evidence.criterion.name} is mostly imputed, not measured, for {named}{more}.")
    return lines


def _share(found: Selection, evidence: Evidence, i: int) -> str:
    share = 0.0 if evidence.measured is None else float(evidence.measured[i])
    return f"{found.pool.labels[i]} ({100 * share:.0f} % measured)"


def _explain(console: Any, found: Selection, why: Explanation) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    def line(text: str) -> None:
        console.print(Text(text), soft_wrap=not console.is_terminal)

    console.print()
    line(f"Why {', '.join(why.names)}:")
    for name, matrix in why.similarities.items():
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        table.add_column(f"{name}: cosine", overflow="fold")
        for label in why.languages:
            table.add_column(label, justify="right", overflow="fold")
        shares = why.measured.get(name)
        if shares is not None:
            table.add_column("measured", justify="right", overflow="fold")
        for i, label in enumerate(why.languages):
            row = ["·" if i == j else f"{matrix[i][j]:.3f}" for j in range(len(matrix))]
            extra = [f"{100 * shares[i]:.0f} %"] if shares is not None else []
            table.add_row(Text(label), *row, *extra)
        console.print(table)
        if name in why.share_of_maximum:
            line(f"{100 * why.share_of_maximum[name]:.0f} % of what {found.k} unrelated vectors would score.")
        console.print()
    for name, counts in why.tokens.items():
        pairs = zip(why.languages, counts, strict=True)
        each = ", ".join(f"{label} {has:,} ({alone:,} of them alone)" for label, (has, alone) in pairs)
        line(f"{name}: token ids of {each}; together {100 * why.share_of_maximum[name]:.1f} % of the pool's.")
        console.print()
    line(f"Scripts: {', '.join(why.scripts)}. Families: {', '.join(why.families)}.")
    if why.one_more:
        first = found.evidence[0].criterion.name
        more = "; ".join(f"{label} {name} → {value:.4f} ({added:+.4f})" for label, name, value, added in why.one_more)
        line(f"One more language (k = {found.k + 1}), {first}: {more}.")
