"""What a probe found: a row for each model, layer and metric, a column for each pair; and who mixes most."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from mslt_cli.measuring.mixing import PROBE_METRICS, Measure, ModelDifference, Probe
from mslt_cli.show.rows import Column, show_rows

EVEN = 1.5
"""How much further one end of an interval may be from its value than the other for ± to say it."""
MOST_PAIRS = 6
"""Pairs that a table has a column for; of more it has the mean alone, and the other forms have them all."""


def show_probe(found: Probe, form: str) -> None:
    """Print what a probe measured."""
    sentences = found.sentences
    code = sentences.corpus.code
    if form in ("json", "jsonl", "csv"):
        rows: list[dict[str, Any]] = [as_dict(found, m) for m in found.measures]
        columns = [Column(name) for name in (rows[0] if rows else ())]
        differences = [{name: _known(value) for name, value in asdict(d).items()} for d in found.differences]
        show_rows(columns, rows, form, key="measures", further={"differences": differences})
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
    show_rows(columns, rows, form, key="measures", footer=_footer(found))


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
        "low": _known(m.low),
        "high": _known(m.high),
        "n": m.n,
    }


def _known(value: Any) -> Any:
    """JSON has no nan."""
    return None if isinstance(value, float) and math.isnan(value) else value


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
    """ "0.781 ±0.020", or both ends where they lie at different distances."""
    if math.isnan(m.low):
        return f"{m.value:.3f}"
    below, above = m.value - m.low, m.high - m.value
    if max(below, above) > EVEN * min(below, above) + 0.001:
        return f"{m.value:.3f} [{m.low:.3f}, {m.high:.3f}]"
    return f"{m.value:.3f} ±{(m.high - m.low) / 2:.3f}"


def summary(found: Probe) -> list[str]:
    """Of each metric: which model mixes the languages most, and from which of the others it can be told."""
    lines = []
    for name in dict.fromkeys(m.metric for m in found.measures):
        metric = PROBE_METRICS[name]
        values = {
            m.label: m.value
            for m in found.measures
            if m.metric == name and not m.a and m.layer == found.last_layer(m.label)
        }
        if len(values) < 2:
            continue
        best = (max if metric.higher_is_mixed else min)(values, key=values.__getitem__)
        others = [_against(d, best) for d in found.differences if d.metric == name and best in (d.label, d.less)]
        lines.append(f"{name}: {best} mixes the languages most; {'; '.join(others)}.")
    return lines


def _against(d: ModelDifference, best: str) -> str:
    """ "it less SSLT(en) +0.030 [+0.021, +0.039]"."""
    sign, other = (1, d.less) if d.label == best else (-1, d.label)
    said = f"it less {other} {sign * d.value:+.3f}"
    if math.isnan(d.low):
        return said
    low, high = sorted((sign * d.low, sign * d.high))
    return f"{said} [{low:+.3f}, {high:+.3f}]" + ("" if low > 0 or high < 0 else ", which can't be told from none")


def _footer(found: Probe) -> list[str]:
    sentences = found.sentences
    guesses = {"retrieval": 1 / len(sentences.ids), "langid": 1 / len(sentences.languages)}
    names = [
        PROBE_METRICS[name].summary + (f" (a guess: {guesses[name]:.3f})" if name in guesses else "")
        for name in dict.fromkeys(m.metric for m in found.measures)
    ]
    codes = ", ".join(sentences.corpus.code(language) for language in sentences.languages)
    about = f"{sentences.corpus.name} {sentences.split}, {len(sentences.ids):,} sentences in {codes}"
    about += f" ({found.how})" if found.how != "mean" else ""
    layers = {m.layer for m in found.measures}
    about += f"; layer {layers.pop()}" if len(layers) == 1 else ""
    sure = "95 % intervals over sentences." if any(not math.isnan(m.low) for m in found.measures) else ""
    lost = not sure and found.resamples
    sure = f"No intervals: of {len(sentences.ids)} sentences resamples say too little." if lost else sure
    return [f"{about}; {'; '.join(names)}. {sure}".rstrip(), *summary(found)]


def text_rows(found: Probe) -> list[Mapping[str, str]]:
    """The table of a page."""
    return [{name: str(value) for name, value in row.items()} for row in table_rows(found, [])]
