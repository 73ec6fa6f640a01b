"""What a probe found: a row for each model, layer and metric, a column for each pair; and who mixes most."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from mslt_cli.probing.probe import PROBE_METRICS, Measure, Probe
from mslt_cli.reporting.rows import Column, show_rows

MOST_PAIRS = 6
"""Pairs that a table has a column for; of more it has the mean alone, and the other forms have them all."""


def show_probe(found: Probe, form: str) -> None:
    """Print what a probe measured."""
    sentences = found.sentences
    code = sentences.corpus.code
    if form in ("json", "jsonl", "csv"):
        rows: list[dict[str, Any]] = [as_dict(found, m) for m in found.measures]
        show_rows([Column(name) for name in (rows[0] if rows else ())], rows, form, whole="measures")
        return
    pairs = sorted({(m.a, m.b) for m in found.measures if m.a}, key=lambda pair: (code(pair[0]), code(pair[1])))
    pairs = pairs if len(pairs) <= MOST_PAIRS else []
    rows = table_rows(found, pairs)
    layers, metrics = ({row[name] for row in rows} for name in ("layer", "metric"))
    columns = [Column("model")]
    columns += [Column("layer", right=True)] if len(layers) > 1 else []
    columns += [Column("metric")] if len(metrics) > 1 else []
    columns += [Column("all", right=True, header="mean" if pairs else "all")]
    columns += [Column(f"{code(a)}–{code(b)}", right=True) for a, b in pairs]
    show_rows(columns, rows, form, whole="measures", footer=_footer(found))


def as_dict(found: Probe, m: Measure) -> dict[str, Any]:
    """A value as JSON; languages are the corpus's own codes, null = all together."""
    code = found.sentences.corpus.code
    return {
        "model": m.label,
        "base": m.model,
        "run_id": m.run_id,
        "layer": m.layer,
        "metric": m.metric,
        "a": code(m.a) if m.a else None,
        "b": code(m.b) if m.b else None,
        "value": m.value,
        "low": None if math.isnan(m.low) else m.low,
        "high": None if math.isnan(m.high) else m.high,
        "n": m.n,
    }


def table_rows(found: Probe, pairs: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """A row for each model, layer and metric, as text."""
    code = found.sentences.corpus.code
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for m in found.measures:
        row = rows.setdefault(
            (m.label, m.run_id, m.layer, m.metric), {"model": m.label, "layer": str(m.layer), "metric": m.metric}
        )
        if not m.a:
            row["all"] = _with_interval(m)
        elif (m.a, m.b) in pairs:
            row[f"{code(m.a)}–{code(m.b)}"] = f"{m.value:.3f}"
    return [
        row | {name: row.get(name, "") for name in (f"{code(a)}–{code(b)}" for a, b in pairs)} for row in rows.values()
    ]


def _with_interval(m: Measure) -> str:
    return f"{m.value:.3f}" if math.isnan(m.low) else f"{m.value:.3f} ±{(m.high - m.low) / 2:.3f}"


def summary(found: Probe) -> list[str]:
    """Of each metric: which model mixes the languages most, and whether the first model can be told from it."""
    lines = []
    last = {probed.label: max(m.layer for m in found.measures if m.label == probed.label) for probed in found.probed}
    for name in dict.fromkeys(m.metric for m in found.measures):
        metric = PROBE_METRICS[name]
        values = {m.label: m.value for m in found.measures if m.metric == name and not m.a and m.layer == last[m.label]}
        if len(values) < 2:
            continue
        best = (max if metric.higher_is_mixed else min)(values, key=values.__getitem__)
        parts = [f"{name}: {best} mixes the languages most"]
        for d in found.differences:
            if d.metric == name:
                sure = (
                    "" if math.isnan(d.low) else ("" if d.low > 0 or d.high < 0 else ", which can't be told from none")
                )
                around = "" if math.isnan(d.low) else f" [{d.low:+.3f}, {d.high:+.3f}]"
                parts.append(f"{d.label} less {d.first} {d.value:+.3f}{around}{sure}")
        lines.append("; ".join(parts) + ".")
    return lines


def _footer(found: Probe) -> list[str]:
    sentences = found.sentences
    names = [PROBE_METRICS[name].summary for name in dict.fromkeys(m.metric for m in found.measures)]
    codes = ", ".join(sentences.corpus.code(language) for language in sentences.languages)
    about = f"{sentences.corpus.name} {sentences.split}, {len(sentences.ids):,} sentences in {codes}"
    layers = {m.layer for m in found.measures}
    about += f"; layer {layers.pop()}" if len(layers) == 1 else ""
    return [f"{about}; {'; '.join(names)}. 95 % intervals over sentences.", *summary(found)]


def text_rows(found: Probe) -> list[Mapping[str, str]]:
    """The table of a page."""
    return [{name: str(value) for name, value in row.items()} for row in table_rows(found, [])]
