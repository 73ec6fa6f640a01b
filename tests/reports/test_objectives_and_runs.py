"""What docs/select.md says of the evidence for --objective diverse and cover."""

import json

import pytest

from mslt_cli.reports.statistics import spearman
from mslt_cli.selection import select
from mslt_cli.store.db import open_store
from mslt_cli.store.languages import resolver
from mslt_cli.store.results import fill_results

TARGETS = "el,fi,he,hi,id,ja,ko,sw,th,tr"
OF_PAIRS = (
    "SELECT sources, avg(value) FROM runs JOIN scores USING (run_id) WHERE origin = 'shipped' AND kind = 'train'"
    " AND unseen = 1 AND metric = 'accuracy' AND json_array_length(sources) = 3 GROUP BY sources"
)


@pytest.mark.parametrize(
    ("objective", "rho", "low", "high"), [("diverse", 0.44, 0.11, 0.68), ("cover", 0.19, -0.16, 0.49)]
)
def test_the_order_of_an_objective_and_the_accuracy_of_the_shipped_runs(own_store, objective, rho, low, high):
    fill_results(own_store)
    with open_store(own_store) as store:
        accuracy = {tuple(json.loads(sources)): value for sources, value in store.query(OF_PAIRS)}
        found = select(store, "paper", 3, target=TARGETS, objective=objective, top=35)
        code = {label: resolver(store).resolve(label).iso639_3 for label in found.pool.labels}
    scored = [(r.scores["l2v-syntax"], accuracy[tuple(sorted(code[x] for x in r.languages))]) for r in found.results]
    assert len(scored) == 35
    measured = spearman(*zip(*scored, strict=True))
    assert (measured.value, measured.low, measured.high) == pytest.approx((rho, low, high), abs=0.006)
    assert 100 * scored[0][1] == pytest.approx(61.4, abs=0.05)  # of the first choice
    assert 100 * sum(accuracy.values()) / 35 == pytest.approx(58.7, abs=0.05)  # of a random one
