"""What probes measured: rows ↔ records."""

import json
from collections.abc import Iterable
from typing import NamedTuple

from mslt_cli.store.db import Store, insert


class StoredProbe(NamedTuple):
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
    """How sentences were pooled, and whatever else differs from the usual: see `Probe.how`."""
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


def save_probes(store: Store, probes: Iterable[StoredProbe]) -> None:
    """Write what was measured, in place of what was measured in the same way: all of it or nothing."""
    with store.transaction() as connection:
        rows = (probe._asdict() | {"languages": json.dumps(probe.languages)} for probe in probes)
        insert(connection, "probes", rows, conflict="REPLACE")


def read_probes(store: Store, *, corpus: str | None = None, metric: str | None = None) -> list[StoredProbe]:
    """What was measured, of one corpus and metric or of all; by model, layer and pair."""
    rows = store.read(
        StoredProbe._fields,
        "probes WHERE (:corpus IS NULL OR corpus = :corpus) AND (:metric IS NULL OR metric = :metric)"
        " ORDER BY label, weights_sha256, corpus, languages, metric, layer, a, b",
        {"corpus": corpus, "metric": metric},
    )
    return [StoredProbe(**row | {"languages": tuple(json.loads(row["languages"]))}) for row in rows]
