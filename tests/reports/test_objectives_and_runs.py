"""What docs/reference/select.md says of the evidence for --objective diverse and cover."""

import json
from itertools import permutations

import numpy as np
import pytest

from mslt_cli.inference.correlation import average_ranks
from mslt_cli.selection import select
from mslt_cli.store.db import open_store
from mslt_cli.store.languages import resolver
from mslt_cli.store.results import fill_results

TARGETS = "el,fi,he,hi,id,ja,ko,sw,th,tr"
OF_PAIRS = (
    "SELECT sources, avg(value) FROM runs JOIN scores USING (run_id, origin) WHERE origin = 'shipped'"
    " AND kind = 'train' AND runs.task = 'cldr' AND examples = 300"
    " AND unseen = 1 AND metric = 'accuracy' AND json_array_length(sources) = 3 GROUP BY sources"
)


@pytest.mark.parametrize(
    ("objective", "rho", "share", "score"), [("diverse", 0.37, 0.32, 61.4), ("cover", 0.17, 0.65, 62.1)]
)
def test_the_order_of_an_objective_and_the_accuracy_of_the_shipped_runs(own_store, objective, rho, share, score):
    fill_results(own_store)
    with open_store(own_store) as store:
        accuracy = {frozenset(json.loads(sources)): value for sources, value in store.query(OF_PAIRS)}
        chosen = select(store, "paper", 3, target=TARGETS, objective=objective, top=35)
        code = {label: resolver(store).resolve(label).iso639_3 for label in chosen.pool.labels}
    value = {frozenset(code[x] for x in row.languages): row.scores["l2v-syntax"] for row in chosen.results}
    assert len(value) == len(accuracy) == 35
    scores = average_ranks([accuracy[sources] for sources in value])
    criterion = average_ranks(list(value.values()))
    measured = np.corrcoef(criterion, scores)[0, 1]
    place = {sources: i for i, sources in enumerate(value)}
    relabelled = [
        [place[frozenset(map(dict(zip(code.values(), others, strict=True)).get, sources))] for sources in value]
        for others in permutations(code.values())
    ]
    drawn = np.array([np.corrcoef(criterion[places], scores)[0, 1] for places in relabelled])
    assert measured == pytest.approx(rho, abs=0.006)
    assert np.mean(np.abs(drawn) >= abs(measured) - 1e-12) == pytest.approx(share, abs=0.006)
    first = frozenset(code[x] for x in chosen.results[0].languages)
    assert 100 * accuracy[first] == pytest.approx(score, abs=0.05)
    assert 100 * np.mean(list(accuracy.values())) == pytest.approx(58.8, abs=0.05)  # of a random combination
