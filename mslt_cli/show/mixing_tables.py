"""Results of a probe: a row for each model, layer and metric, a column for each pair; and which model mixes most."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from mslt_cli.measuring.mixing import PROBE_METRICS, Measure, ModelDifference, Probe
from mslt_cli.reports.cells import Column, columns_of
from mslt_cli.show.rows import Output, show, show_rows

EVEN = 1.5
"""How much further one end of an interval may be from its value than the other for ± to say it."""
MEASURED = ("run_id", "layer", "metric", "a", "b", "value", "low", "high", "n", "how")
"""What JSON has of a value beside its model."""
MOST_PAIRS = 6
"""Pairs that a table has a column for; of more it has the mean alone, and the other forms have them all."""


def show_probe(probe: Probe, form: str) -> None:
    """Print what a probe measured; in JSON and CSV a language is null where all are measured together."""
    code = probe.sentences.corpus.code
    if form in ("json", "jsonl", "csv"):
        rows = []
        for m in probe.measures:
            row = {"model": m.label, "base": m.model} | {name: getattr(m, name) for name in MEASURED}
            rows.append(_without_nan(row | {end: code(row[end]) if row[end] else None for end in ("a", "b")}))
        differences = [_without_nan(vars(difference)) for difference in probe.differences]
        value = {"measures": rows, "differences": differences}
        show(Output(columns_of(*(rows[0] if rows else ())), rows, value), form)
        return
    pairs = sorted({(m.a, m.b) for m in probe.measures if m.a}, key=lambda pair: (code(pair[0]), code(pair[1])))
    pairs = pairs if len(pairs) <= MOST_PAIRS else []
    texts = text_rows(probe, pairs)
    columns = [Column("model")]
    columns += [Column("layer", right=True)] if len({row["layer"] for row in texts}) > 1 else []
    columns += [Column("metric")] if len({row["metric"] for row in texts}) > 1 else []
    columns += [Column("all", right=True, header="mean" if pairs else "all")]
    columns += [Column(f"{code(a)}–{code(b)}", right=True) for a, b in pairs]
    footer = [_about(probe), *_compare_models(probe)]
    show_rows(columns, texts, form, key="measures", footer=footer, piped=[m.value for m in probe.measures if not m.a])


def _without_nan(row: Mapping[str, Any]) -> dict[str, Any]:
    """JSON has no nan."""
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in row.items()}


def text_rows(probe: Probe, pairs: Sequence[tuple[str, str]] = ()) -> list[dict[str, str]]:
    """The table of a probe as text, a row for each model, layer and metric; a column for each of the pairs."""
    code = probe.sentences.corpus.code
    rows: dict[tuple[Any, ...], dict[str, str]] = {}
    for m in probe.measures:
        empty = {"model": m.label, "layer": str(m.layer), "metric": m.metric, "all": ""}
        empty |= {f"{code(a)}–{code(b)}": "" for a, b in pairs}
        row = rows.setdefault((m.label, m.run_id, m.layer, m.metric), empty)
        if not m.a:
            row["all"] = _with_interval(m)
        elif (m.a, m.b) in pairs:
            row[f"{code(m.a)}–{code(m.b)}"] = f"{m.value:.3f}"
    return list(rows.values())


def _with_interval(m: Measure) -> str:
    """ "0.781 ±0.020", or both ends where they lie at different distances."""
    if math.isnan(m.low):
        return f"{m.value:.3f}"
    below, above = m.value - m.low, m.high - m.value
    if max(below, above) > EVEN * min(below, above) + 0.001:
        return f"{m.value:.3f} [{m.low:.3f}, {m.high:.3f}]"
    return f"{m.value:.3f} ±{(m.high - m.low) / 2:.3f}"


def _compare_models(probe: Probe) -> list[str]:
    """For each metric, which model mixes the languages most, and from which of the others it can be told."""
    lines = []
    for name in dict.fromkeys(m.metric for m in probe.measures):
        overall = [m for m in probe.measures if m.metric == name and not m.a]
        values = {m.label: m.value for m in overall if m.layer == probe.last_layer(m.label)}
        if len(values) > 1 and PROBE_METRICS[name].higher_is_mixed is not None:
            best = (max if PROBE_METRICS[name].higher_is_mixed else min)(values, key=values.__getitem__)
            others = [_against(d, best) for d in probe.differences if d.metric == name and best in (d.label, d.less)]
            lines.append(f"{name}: {best} mixes the languages most; {'; '.join(others)}.")
    if lines and any(m.run_id for m in probe.measures):
        lines.append(
            "This speaks of these runs: intervals are over sentences, and another seed of the same sources may differ."
        )
    return lines


def _against(difference: ModelDifference, best: str) -> str:
    """ "it less SSLT(en) +0.030 [+0.021, +0.039]"."""
    sign, other = (1, difference.less) if difference.label == best else (-1, difference.label)
    text = f"it less {other} {sign * difference.value:+.3f}"
    if math.isnan(difference.low):
        return text
    low, high = sorted((sign * difference.low, sign * difference.high))
    return f"{text} [{low:+.3f}, {high:+.3f}]" + ("" if low > 0 or high < 0 else ", which can't be told from none")


def _about(probe: Probe) -> str:
    """Which sentences, which metrics, and how sure."""
    sentences = probe.sentences
    guesses = {"retrieval": 1 / len(sentences.ids), "langid": 1 / len(sentences.languages)}
    metrics = []
    for name, how in dict.fromkeys((m.metric, m.how) for m in probe.measures):
        form = how.removeprefix(probe.how).removeprefix(", ")
        about = f"{form} " if form and form not in PROBE_METRICS[name].what else ""
        guess = f" (a guess: {guesses[name]:.3f})" if name in guesses else ""
        metrics.append(f"{about}{PROBE_METRICS[name].summary}{guess}")
    codes = ", ".join(sentences.corpus.code(language) for language in sentences.languages)
    about = f"{sentences.corpus.name} {sentences.split}, {len(sentences.ids):,} sentences in {codes}"
    about += f" ({probe.how})" if probe.how != "mean" else ""
    layers = {m.layer for m in probe.measures}
    about += f"; layer {layers.pop()}" if len(layers) == 1 else ""
    about += f"; {'; '.join(metrics)}."
    if any(not math.isnan(m.low) for m in probe.measures):
        return f"{about} 95 % intervals over sentences."
    if probe.resamples:
        about += f" No intervals: of {len(sentences.ids)} sentences resamples say too little."
    return about
