"""What probes measured: rows ↔ records."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mslt_cli import __version__
from mslt_cli.store.db import Store

if TYPE_CHECKING:
    from mslt_cli.measuring.mixing import Probe

PROBES_SCHEMA = 6
"""The schema that has this table: an older store knows no probes."""


@dataclass(frozen=True)
class StoredProbe:
    """One row of probes."""

    weights_sha256: str
    label: str
    """As it was called: "MSLT(de,en,es)"."""
    model: str
    run_id: str
    """Empty for a model as it is."""
    corpus: str
    split: str
    languages: tuple[str, ...]
    """ISO 639-3, sorted: those whose common sentences were looked at."""
    pooling: str
    """See `Probe.how`."""
    layer: int
    metric: str
    a: str
    """ISO 639-3; empty = all languages together."""
    b: str
    value: float
    low: float | None
    high: float | None
    n: int
    """Sentences."""
    data_sha256: str
    mslt_version: str
    measured_at: str


def save_probe(store: Store, found: Probe) -> None:
    """Write what a probe measured, in place of what was measured in the same way.

    Args:
        store: open to write.
        found: by `probe`.
    """
    sentences = found.sentences
    languages = json.dumps(sorted(sentences.languages))
    data = "\n".join(f"{lang} {sentences.records[lang].content_sha256}" for lang in sorted(sentences.languages))
    about = (hashlib.sha256(data.encode()).hexdigest(), __version__, datetime.now(UTC).isoformat(timespec="seconds"))
    rows = [
        (
            *(m.weights_sha256, m.label, m.model, m.run_id or "", sentences.corpus.variant, sentences.split, languages),
            *(found.how, m.layer, m.metric, min(m.a, m.b), max(m.a, m.b), m.value),
            *(None if math.isnan(x) else x for x in (m.low, m.high)),
            *(m.n, *about),
        )
        for m in found.measures
    ]
    names = ", ".join(_COLUMNS)
    with store.transaction() as connection:
        connection.executemany(
            f"INSERT OR REPLACE INTO probes ({names}) VALUES ({', '.join('?' * len(_COLUMNS))})", rows
        )


def read_probes(store: Store, *, corpus: str | None = None, metric: str | None = None) -> list[StoredProbe]:
    """What was measured, of one corpus and metric or of all; by model, layer and pair."""
    if store.schema_version < PROBES_SCHEMA:
        return []
    rows = store.query(
        f"SELECT {', '.join(_COLUMNS)} FROM probes WHERE (:corpus IS NULL OR corpus = :corpus)"
        " AND (:metric IS NULL OR metric = :metric)"
        " ORDER BY label, weights_sha256, corpus, languages, metric, layer, a, b",
        {"corpus": corpus, "metric": metric},
    )
    found = []
    for row in rows:
        values = dict(zip(_COLUMNS, row, strict=True))
        values["languages"] = tuple(json.loads(values["languages"]))
        found.append(StoredProbe(**values))
    return found


_COLUMNS = tuple(StoredProbe.__dataclass_fields__)
