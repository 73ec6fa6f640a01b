"""Commands that write one store at once, and what has to be in it afterwards."""

import sqlite3
from contextlib import closing

FORCED = ["fetch", "langs", "--force"]
OTHERS = (
    ["select", "--pool", "en,de,fr,es", "-k", "2"],
    ["report", "runs"],
    ["report", "table1"],
    ["fetch", "vectors", "own.csv", "--name", "own"],
    ["fetch", "langs"],
)


def rows_of(store):
    """The number of rows by table, of a store that is whole."""
    with closing(sqlite3.connect(store)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for (name,) in tables}
