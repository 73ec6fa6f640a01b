"""The page of the store's tables: their columns with the comments of schema.sql."""

import re

from mslt_cli.store.db import SCHEMA
from website.markdown_tables import table

INTRODUCTION = """# Tables of the store

[The store](store.md) is one SQLite file, which carries the comments below in its own schema (`.schema`). NULL means
unknown, never 0; languages are ISO 639-3 codes as URIEL has them; times are UTC; hashes are SHA-256.
"""
STATEMENT = re.compile(r"CREATE (TABLE|VIEW) (\w+) (?:\(|AS) -- ([^\n]*)\n(.*?);\n", re.S)
COLUMN = re.compile(r"^    ([a-z_0-9]+) ([A-Z].*?),?(?: -- (.*))?$", re.M)


def tables_page() -> str:
    """A section for each table and view: what a row of it is, and what each column holds."""
    parts = [INTRODUCTION]
    for kind, name, about, body in STATEMENT.findall(SCHEMA.read_text(encoding="utf-8")):
        parts.append(f"## {name}\n\n{'A row is ' if kind == 'TABLE' else 'A view; a row is '}{about}.\n")
        if kind == "VIEW":
            parts.append(f"```sql\n{body}\n```\n")
            continue
        columns = [[f"`{column}`", f"`{declared}`", meaning] for column, declared, meaning in COLUMN.findall(body)]
        parts.append(table(["column", "declared as", "meaning"], columns))
        parts += [f"`{key}`\n" for key in re.findall(r"^    (PRIMARY KEY \(.*?\))", body, re.M)]
    return "\n".join(parts)
