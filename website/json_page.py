"""The page of JSON: the keys of every command's `--json`, out of docs/schema/."""

import json
from pathlib import Path
from textwrap import indent
from typing import Any

from website.markdown_tables import table

SCHEMAS = Path(__file__).parent.parent / "docs" / "schema"
TYPES = {"string": "text", "integer": "whole number", "boolean": "true or false", "array": "list"}
INTRODUCTION = """# JSON of the commands

Keys do not change within a major version; new ones may be added. In the first column `[]` stands for each object of a
list, `…` for a key out of your own data, and `?` for a key that may be absent. The schemas are JSON Schema (2020-12):
a program can check what it reads by them.
"""

Schema = dict[str, Any]


def referred(schema: Schema, definitions: Schema) -> Schema:
    """The schema itself, or the definition that it refers to."""
    found: Schema = definitions[schema["$ref"].removeprefix("#/$defs/")] if "$ref" in schema else schema
    return found


def kind_of(schema: Schema, definitions: Schema) -> str:
    """What a value can be, in words: "number or null", "list of text"."""
    schema = referred(schema, definitions)
    if "enum" in schema:
        return " or ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    names: str | list[str] = schema.get("type", "object")
    words = " or ".join(TYPES.get(name, name) for name in ([names] if isinstance(names, str) else names))
    if "array" not in names or "items" not in schema:
        return words
    inner = kind_of(schema["items"], definitions)
    return f"{words} of {inner}{'s' if inner in ('number', 'object', 'whole number') else ''}"


def keys_of(
    schema: Schema, definitions: Schema, path: str = "", shown: frozenset[str] = frozenset()
) -> list[list[str]]:
    """A row for each key, those within it after it: path, kind, meaning. A definition in `shown` is not told again."""
    if schema.get("$ref") in shown:
        return []
    shown |= {schema.get("$ref", "")}
    schema = referred(schema, definitions)
    rows: list[list[str]] = []
    for branch in schema.get("oneOf") or schema.get("anyOf") or []:
        rows += [row for row in keys_of(branch, definitions, path, shown) if row not in rows]
        shown |= {branch.get("$ref", "")}
    named = dict(schema.get("properties", {}))
    if isinstance(schema.get("additionalProperties"), dict):
        named["…"] = schema["additionalProperties"]
    for key, inner in named.items():
        here = f"{path}.{key}" if path else key
        absent = "" if key in schema.get("required", []) or key == "…" else " ?"
        meaning = inner.get("description") or referred(inner, definitions).get("description", "")
        again = inner.get("$ref") in shown or inner.get("items", {}).get("$ref") in shown
        rows.append(
            [f"`{here}`{absent}", kind_of(inner, definitions), f"{meaning} Keys as above." if again else meaning]
        )
        rows += keys_of(inner, definitions, here, shown)
    if "items" in schema:
        rows += keys_of(schema["items"], definitions, f"{path}[]", shown)
    return rows


def json_page() -> str:
    """A section for each schema: what it is, a table of its keys, and its first example."""
    parts = [INTRODUCTION]
    for file in sorted(SCHEMAS.glob("*.json")):
        schema = json.loads(file.read_text(encoding="utf-8"))
        about = f"{schema.get('description', '')} [{file.name}](../schema/{file.name})".strip()
        rows = keys_of(schema, schema.get("$defs", {}))
        parts += [f"## {schema.get('title', file.stem)}\n\n{about}\n", table(["key", "value", "meaning"], rows)]
        for example in schema.get("examples", [])[:1]:
            fenced = f"```json\n{json.dumps(example, ensure_ascii=False, indent=1)}\n```\n"
            parts.append(f'??? example "Example"\n\n{indent(fenced, "    ")}')
    return "\n".join(parts)
