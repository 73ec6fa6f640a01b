"""Run records that no model made: what a report is made of, with scores that a reader can work out."""

from itertools import combinations
from pathlib import Path

from mslt_cli.runs.directory import id_of
from mslt_cli.store.db import open_store
from mslt_cli.store.results import fill_results
from mslt_cli.store.runs import save_run

PAPER = {"ar": "ara", "de": "deu", "en": "eng", "es": "spa", "fr": "fra", "ru": "rus", "zh": "zho"}
TARGETS = ("fin", "hin", "tur", "swa")
TRIPLES = list(combinations(sorted(PAPER.values()), 3))


def made_record(
    sources,
    values,
    *,
    seed=0,
    examples=300,
    task="xnli",
    model="e5-small",
    metric="accuracy",
    rows=400,
    most=None,
    **settings,
):
    """What run.json holds of a run on these sources (ISO 639-3), with a value for each target.

    Args:
        values: by target, 0..1; a target may be one of the sources.
        most: by target, how many rows have the most frequent answer; None: as earlier versions, which did not count.
        settings: of the training, beside the usual ones.
    """
    n = len(sources)
    shares = {x: examples // n + (i < examples % n) for i, x in enumerate(sorted(sources))}
    identity = {
        "format": 1,
        "kind": "train" if sources else "eval",
        "task": {"name": task, "definition": "", "labels": ["a", "b", "c"]},
        "model": {"name": model, "revision": None, "weights_sha256": "w", "tokenizer_sha256": "t"},
        "shares": shares,
        "unequal": False,
        "pairing": "disjoint" if n > 1 else None,
        "oversample": False,
        "seed": seed,
        "data_seed": seed,
        "settings": {"steps": 3 * examples // 16, "learning_rate": 1e-4, "batch_size": 16, **settings},
        "data": {x: f"data of {x}" for x in shares},
    }
    if not sources:
        identity = {"format": 1, "kind": "eval", "task": identity["task"], "model": identity["model"]}
    scores = [
        {
            **{"task": task, "split": "test", "scoring": "", "target": target, "metric": metric, "value": value},
            **{"low": value - 0.05, "high": value + 0.05, "counts": {"correct": round(rows * value), "n": rows}},
            **({} if most is None else {"counts": {"correct": 0, "n": rows, "majority": most[target]}}),
            **{"rows": rows, "unseen": target not in sources, "data_sha256": f"rows of {target}"},
        }
        for target, value in values.items()
    ]
    codes = ",".join(sorted(code for code, iso in PAPER.items() if iso in sources))
    return {
        **{"run_id": id_of(identity), "identity": identity, "scores": scores, "wall_s": 12.5, "mslt_version": "0.1.0"},
        "name": f"{'MSLT' if n > 1 else 'SSLT'}({codes})" if sources else model,
        "environment": {"device": "cpu", "torch": "2.13.0"},
        "finished_at": f"2026-11-25T10:00:{seed:02d}+00:00",
        "command": f"mslt train --task {task} --model {model} --sources {codes} --examples {examples} --seed {seed}",
    }


def save_runs(path: Path, records):
    """Put records into a store."""
    fill_results(path)
    with open_store(path, write=True) as store:
        for record in records:
            save_run(store, path.parent / "runs" / record["run_id"], record)


def even(value, targets=TARGETS):
    """The same value on all targets but for ±1 point, so that their mean is the value."""
    return {target: value + (0.01 if i % 2 else -0.01) for i, target in enumerate(targets)}


def triples(values, **given):
    """A record for each of the 35 triples, in their order."""
    return [made_record(x, even(value), **given) for x, value in zip(TRIPLES, values, strict=True)]


def ramp(n=35):
    """0.50, 0.51, …: number i is the (n − i)-th best."""
    return [0.5 + i / 100 for i in range(n)]
