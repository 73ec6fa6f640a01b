"""The schemas of docs/schema, and which one the JSON of a command keeps to."""

import json
from functools import cache
from itertools import pairwise
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "docs" / "schema"
OF_FIRST_KEY = {"pool": "select", "measures": "probe", "report": "report", "reports": "report"}
OF_FIRST_KEY |= {"store": "fetch_langs", "holdings": "report_overview"}
"""Schema of an output by its first key, where it has another name; and of `runs`, by command, below."""


@cache
def validator(name):
    """What checks values against a schema; None where jsonschema is not installed."""
    try:
        from jsonschema import Draft202012Validator
    except ImportError:
        return None
    return Draft202012Validator(json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")))


def schema_of(words, value):
    """The name of the schema that the output of `mslt WORDS` keeps to."""
    command, *rest = map(str, words)
    first = next(iter(value))
    if command == "fetch":
        done = rest[0] == "runs" and {"--prune", "--discard"} & {*rest}
        return "run_places" if done else f"fetch_{rest[0]}"
    if command == "report" and rest[0] in ("runs", "run", "diff"):
        return "run_places" if "--missing" in rest else "unfinished" if "--unfinished" in rest else f"report_{rest[0]}"
    return OF_FIRST_KEY.get(first, first)


def require_schema(words, text):
    """Fail if the JSON that `mslt WORDS` printed, or a file of a run in it, is not what its schema says."""
    printed = json.loads(text)
    values = [(schema_of(words, printed), printed)]
    if values[0][0] == "runs":
        folders = [Path(run["directory"]) for run in printed["runs"]]
        values += [("run_directory", json.loads((path / "run.json").read_text(encoding="utf-8"))) for path in folders]
        lines = [
            line for path in folders for file in path.glob("metrics.jsonl") for line in file.read_text().splitlines()
        ]
        values += [("run_metrics", json.loads(line)) for line in lines[:100]]
    for name, value in values:
        checked = validator(name)
        for error in checked.iter_errors(value) if checked else ():
            raise AssertionError(f"mslt {' '.join(map(str, words))}: {error.json_path}: {error.message[:300]}")


def asks_for_json(words):
    """Whether a command line asks for JSON on stdout."""
    words = [*map(str, words)]
    return "--json" in words or ("--format", "json") in pairwise(words)
