"""The schemas of the JSON that commands print: they hold of it, and refuse what is not it.

Whatever any other test asks for as JSON is checked as well (`in_process.py`): here are variants that need no model.
"""

import json
from itertools import combinations
from pathlib import Path

import pytest
from in_process import run_command
from json_schemas import FOLDER, require_schema, validator
from made_runs import PAPER, even, made_record, save_runs

from mslt_cli.reports.views import VIEWS

jsonschema = pytest.importorskip("jsonschema")

NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
WRONG = {"no such": "value"}
MAY_HOLD_MORE = ("$.identity", "$.environment", "$.origins", "$.data[0].origin.", "$.rows")
"""Paths of objects that may hold more than what is promised."""


@pytest.fixture(scope="module")
def made(filled_store, tmp_path_factory):
    """Environment with a store of the 10 triples of five languages, three of them with two seeds, and of each alone."""
    home = tmp_path_factory.mktemp("schemas")
    path = home / "store.db"
    path.write_bytes(filled_store.read_bytes())
    five = sorted(PAPER.values())[:5]
    records = [made_record(x, even(0.6 + i / 50)) for i, x in enumerate(combinations(five, 3))]
    records += [made_record(x, even(0.6 + i / 60), seed=1) for i, x in enumerate([*combinations(five, 3)][:3])]
    save_runs(path, records + [made_record([x], even(0.5 + i / 50)) for i, x in enumerate(five)])
    return {"MSLT_STORE": str(path), "HF_HOME": str(home / "hf")}


def parts(schema, value, root, path="$"):
    """(path, object, key, whether it is required) of each key of a value that its schema names."""
    while "$ref" in schema or "oneOf" in schema:
        if "$ref" in schema:
            schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
        else:
            whole = [{**one, "$defs": root.get("$defs", {})} for one in schema["oneOf"]]
            schema = next(one for one in whole if jsonschema.Draft202012Validator(one).is_valid(value))
    if isinstance(value, list):
        for i, item in enumerate(value):
            yield from parts(schema.get("items", {}), item, root, f"{path}[{i}]")
    elif isinstance(value, dict):
        named, rest = schema.get("properties", {}), schema.get("additionalProperties", True)
        for key in value:
            if key in named:
                yield f"{path}.{key}", value, key, key in schema.get("required", ())
            below = named.get(key, rest)
            yield from parts(below, value[key], root, f"{path}.{key}") if isinstance(below, dict) else ()


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_says_what_each_key_is(name):
    schema = validator(name).schema
    jsonschema.Draft202012Validator.check_schema(schema)
    assert (schema["$id"], bool(schema["title"]), bool(schema["description"])) == (f"{name}.json", True, True)

    def check(part, path):
        for key, below in part.get("properties", {}).items():
            assert below.get("description") or "$ref" in below or below["type"] == "object", f"{path}.{key}"
            check(below, f"{path}.{key}")
        for word in ("items", "additionalProperties"):
            below = part.get(word)
            if isinstance(below, dict):
                assert word == "items" or below.get("description") or "$ref" in below, path
                check(below, f"{path}.{word}")

    for part in (schema, *schema.get("$defs", {}).values(), *schema.get("oneOf", ())):
        check(part, name)


@pytest.mark.parametrize("name", NAMES)
def test_an_output_without_a_key_or_with_another_type_is_refused(name):
    checked = validator(name)
    (example,) = checked.schema["examples"]
    checked.validate(example)
    found = [*parts(checked.schema, example, checked.schema)]
    assert any(required for _, _, _, required in found)
    for path, holder, key, required in found:
        kept = dict(holder)
        changes = {"of another type": {**kept, key: [WRONG] if isinstance(kept[key], dict) else WRONG}}
        if required:
            changes["removed"] = {name: value for name, value in kept.items() if name != key}
        if not path.startswith(MAY_HOLD_MORE):
            changes["beside one that is unknown"] = {**kept, f"un{key}": WRONG}
        for change, changed in changes.items():
            holder.clear()
            holder.update(changed)
            assert not checked.is_valid(example), f"{name}: {path} {change}"
        holder.clear()
        holder.update(kept)


OWN = "language,a,b\nar,1,0\nde,0,1\nen,1,1\nzh,0,0.5\n"
SELECTIONS = [
    [],
    ["--least", "--include", "en", "--exclude", "ru", "--top", "2"],
    ["--by", "l2v-syn,l2v-fam,size,scripts,random", "--combine", "borda", "--explain"],
    ["--target", "id,ko", "--objective", "cover", "--explain", "--maximize", "sum"],
    ["--pool", "xlm-r", "-k", "4", "--distinct-scripts", "--max-per-family", "1", "--top", "2"],
    ["--pool", "xlm-r", "-k", "20", "--by", "l2v-fam", "--time-limit", "0.2", "--top", "1"],
    ["--maximize", "min", "--min-measured", "0.5"],
    ["--vectors", "own.csv", "--pool", "ar,de,en,zh", "-k", "2", "--explain"],
    ["--by", "runs", "--task", "xnli", "--source", "runs", "--explain"],
    ["--by", "transfer", "--matrix", "matrix.csv", "-k", "2", "--pool", "de,en,fr"],
    ["--by", "runs", "--matrix", "matrix.csv", "-k", "2", "--pool", "de,en,fr"],
]


@pytest.mark.parametrize("words", SELECTIONS, ids=" ".join)
def test_selections_of_all_kinds_keep_to_the_schema(made, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    Path("own.csv").write_text(OWN)
    Path("matrix.csv").write_text("source,target,score\n" + "".join(
        f"{source},{target},{50 + 3 * i + j}\n"
        for i, source in enumerate(("de", "en", "fr")) for j, target in enumerate(("fi", "tr"))
    ))  # fmt: skip
    done = run_command("select", *words, "--json", **made)
    assert done.returncode == 0, done.stderr


def test_reports_of_runs_keep_to_their_schemas(made):
    first, other, *_ = run_command("report", "runs", "--format", "lines", **made).stdout.split()
    lists = [["runs", "--source", "both"], ["runs", "--missing"], ["runs", "--unfinished"]]
    for words in (*lists, ["run", first], ["diff", first, other]):
        done = run_command("report", *words, "--json", **made)
        assert done.returncode == 0, done.stderr


def test_reports_keep_to_their_schema(made, few_replays):
    views = {*VIEWS} - {"criteria", "foretold"}  # seconds each, and with no cells of a kind of their own
    done = run_command("report", ",".join(sorted(views)), "--source", "runs", "--json", **made)
    assert views <= {table["report"] for table in json.loads(done.stdout)["reports"]}


@pytest.mark.parametrize("words", [["langs"], ["tasks"], ["vectors", "own.csv", "--name", "mine"]])
def test_what_fetch_says_without_a_model_keeps_to_its_schema(made, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    Path("own.csv").write_text(OWN)
    assert run_command("fetch", *words, "--json", **made).returncode == 0


def test_a_file_of_a_report_is_what_it_prints_as_json(made, tmp_path):
    path = tmp_path / "tables.json"
    assert run_command("report", "table1,table4", "--out", path, **made).returncode == 0
    require_schema(["report", "table1,table4"], path.read_text(encoding="utf-8"))
