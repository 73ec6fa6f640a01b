"""What makes the site of docs/: the made pages, and the check of the built one."""

import json
import re
import sqlite3
import tomllib
from pathlib import Path

import pytest

from mslt_cli.store.db import SCHEMA
from website import json_page, reference_pages, store_page
from website.finished_site import faults

ROOT = Path(__file__).parent.parent


def listed(nav):
    """The pages of a navigation, those of its sections as well."""
    for entry in nav:
        for target in entry.values() if isinstance(entry, dict) else [entry]:
            yield from [target] if isinstance(target, str) else listed(target)


def test_every_page_is_in_the_navigation():
    nav = tomllib.loads((ROOT / "zensical.toml").read_text())["project"]["nav"]
    there = {page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")}
    assert {*listed(nav)} == there | {f"reference/{name}" for name in reference_pages.PAGES}


def test_pages_that_are_made_are_kept_out_of_git():
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {f"/docs/reference/{name}" for name in reference_pages.PAGES} <= {*ignored}


@pytest.mark.parametrize("page", ["commands.md", "json.md", "tables.md"])
def test_nothing_in_a_made_page_is_taken_for_html(page):
    text = re.sub(r"```.*?```|`[^`\n]*`", "", reference_pages.PAGES[page](), flags=re.S)
    assert not re.search(r"<(?!br>)[a-z/]", text)


def test_a_schema_becomes_a_row_for_each_key():
    cell = {"type": "object", "properties": {"value": {"type": ["number", "null"], "description": "Points."}}}
    rows = {
        "type": "array",
        "description": "Lines.",
        "items": {"type": "object", "additionalProperties": {"$ref": "#/$defs/cell"}},
    }
    schema = {"type": "object", "properties": {"kind": {"enum": ["a", "b"]}, "rows": rows}, "required": ["rows"]}
    assert json_page.keys_of(schema, {"cell": cell}) == [
        ["`kind` ?", '`"a"` or `"b"`', ""],
        ["`rows`", "list of objects", "Lines."],
        ["`rows[].…`", "object", ""],
        ["`rows[].….value` ?", "number or null", "Points."],
    ]


def test_keys_of_a_definition_are_told_once():
    line = {"type": "object", "properties": {"n": {"type": "integer", "description": "Rows."}}, "required": ["n"]}
    lines = {"type": "array", "description": "Several.", "items": {"$ref": "#/$defs/line"}}
    several = {"type": "object", "properties": {"lines": lines}, "required": ["lines"]}
    assert json_page.keys_of({"oneOf": [{"$ref": "#/$defs/line"}, several]}, {"line": line}) == [
        ["`n`", "whole number", "Rows."],
        ["`lines`", "list of objects", "Several. Keys as above."],
    ]


def test_the_page_of_json_has_every_schema():
    page = json_page.json_page()
    for file in json_page.SCHEMAS.glob("*.json"):
        assert f"## {json.loads(file.read_text())['title']}\n" in page


def test_the_page_of_tables_has_every_table_and_column():
    page = store_page.tables_page()
    with sqlite3.connect(":memory:") as store:
        store.executescript(SCHEMA.read_text())
        for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            section = page.split(f"## {name}\n")[1].split("\n## ")[0]
            for column in store.execute("SELECT name FROM pragma_table_info(?)", (name,)):
                assert f"| `{column[0]}` |" in section, (name, column)


def test_links_that_lead_nowhere_and_what_is_loaded_from_a_host_are_found(tmp_path):
    (tmp_path / "b.html").write_text('<h1 id="there">b</h1>')
    (tmp_path / "a.html").write_text(
        '<link rel="canonical" href="https://example.org/a"> <a href="https://example.org">out</a>'
        '<a href="b.html#there">b</a> <a href="b.html#gone">b</a> <a href="c.html">c</a> <a href="#top">a</a>'
        '<script src="https://example.org/x.js"></script>'
    )
    assert faults(tmp_path) == [
        "a.html links to b.html#gone, and b.html has no such anchor.",
        "a.html links to c.html, which is no file.",
        "a.html links to #top, and a.html has no such anchor.",
        "a.html loads https://example.org/x.js.",
    ]
