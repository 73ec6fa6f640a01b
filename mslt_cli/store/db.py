"""Opens the store: where it is, whether it is ours, and what to tell the user where it is not."""

import json
import os
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeAlias, TypeVar, get_origin

from mslt_cli.errors import StoreError
from mslt_cli.foreign import require_path, why_no_file

Record = TypeVar("Record", bound=NamedTuple)
Row: TypeAlias = "NamedTuple | Mapping[str, Any]"
"""A record whose fields are columns, or column name → value."""

APPLICATION_ID = int.from_bytes(b"mslt")
SCHEMA = Path(__file__).with_name("schema.sql")
SCHEMA_VERSION = 9
"""Written into the file as `user_version`; a store of another schema is refused."""
SQLITE_HEADER = b"SQLite format 3\0"
BUSY_S = 30.0
"""How long a process waits for another one that writes."""

OTHER_STORE = "Give another --store, or set MSLT_STORE."
EXPLANATIONS = {
    sqlite3.SQLITE_BUSY: f"is being written by another process, for more than {BUSY_S:.0f} s. Try again later.",
    sqlite3.SQLITE_CANTOPEN: f"cannot be opened: it needs a folder that may be read and written. {OTHER_STORE}",
    sqlite3.SQLITE_CORRUPT: "is damaged. Move it away and run `mslt fetch` to make a new one.",
    sqlite3.SQLITE_FULL: "does not fit on the disk. Free some space, or give another --store; nothing was changed.",
    sqlite3.SQLITE_IOERR: "cannot be read or written: the disk is full or reports an error. Nothing was changed.",
    sqlite3.SQLITE_NOTADB: f"is not an SQLite database. {OTHER_STORE}",
    sqlite3.SQLITE_PERM: f"may not be opened. {OTHER_STORE}",
    sqlite3.SQLITE_PROTOCOL: f"cannot be locked on its file system. {OTHER_STORE}",
    sqlite3.SQLITE_READONLY: f"may not be written. {OTHER_STORE}",
}
"""By SQLite's primary result code."""
NO_ROOM_BESIDE = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL)
"""What SQLite reports where it cannot make its two files beside the store: no permission, no space."""
FROM_COLUMN: dict[Any, Callable[[Any], Any]] = {
    bool: bool,
    tuple: lambda text: tuple(json.loads(text)),
    Mapping: json.loads,
}
"""What makes a field's value of a column's, by the type of the field; lists and objects are JSON in the store."""


class Store:
    """An open store; closes itself at the end of a `with` block. The last process to close it leaves no file beside."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path, self.connection = path, connection

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.connection.close()

    @property
    def schema_version(self) -> int:
        """Number of the schema that the file has, 0 for a new one."""
        version: int = self.query("PRAGMA user_version")[0][0]
        return version

    def query(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a query; raises a StoreError if the file cannot be read, or has not been filled yet."""
        with explained(self.path):
            return self.connection.execute(sql, parameters).fetchall()

    def read(self, record: type[Record], source: str, parameters: Mapping[str, Any] = {}) -> list[Record]:
        """Return the rows of a source (`TABLE WHERE …`) as records, whose fields are columns; raises as `query`."""
        rows = self.query(f"SELECT {', '.join(record._fields)} FROM {source}", parameters)
        makers = [FROM_COLUMN.get(get_origin(kind) or kind) for kind in record.__annotations__.values()]
        if not any(makers):
            return list(map(record._make, rows))
        pairs = (zip(makers, row, strict=True) for row in rows)
        with self.decoding():
            return [record._make(make(value) if make else value for make, value in pair) for pair in pairs]

    @contextmanager
    def decoding(self) -> Iterator[None]:
        """Raise a StoreError for values that mslt never wrote, while the block makes arrays and lists of them."""
        try:
            yield
        except (ValueError, TypeError, IndexError, RecursionError, zlib.error) as error:
            raise StoreError(f"The store {self.path} {EXPLANATIONS[sqlite3.SQLITE_CORRUPT]}") from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write all or nothing, whatever ends the block, after other writers; StoreError: the file can't be written."""
        with explained(self.path):
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            finally:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")


def insert(connection: sqlite3.Connection, table: str, rows: Iterable[Row], *, conflict: str = "ABORT") -> int:
    """Write rows that have the same columns, lists and objects as JSON, and return how many were written.

    `conflict` is what happens to a row whose key is there: ABORT, IGNORE or REPLACE, as SQLite calls it.
    """
    values = [
        {name: _to_column(value) for name, value in (row if isinstance(row, Mapping) else row._asdict()).items()}
        for row in rows
    ]
    if not values:
        return 0
    sql = f"INSERT OR {conflict} INTO {table} ({', '.join(values[0])}) VALUES (:{', :'.join(values[0])})"
    return connection.executemany(sql, values).rowcount


def _to_column(value: Any) -> Any:
    return json.dumps(value, sort_keys=True, ensure_ascii=False) if isinstance(value, list | tuple | dict) else value


def store_path(given: Path | None = None) -> Path:
    """Return where the store is: as given, else MSLT_STORE, else in the user's data folder."""
    if given is not None:
        return require_path(given, "The store")
    if from_environment := os.environ.get("MSLT_STORE"):
        return require_path(Path(from_environment).expanduser(), "The store (MSLT_STORE)")
    from platformdirs import user_data_path

    return user_data_path("mslt", appauthor=False) / "store.db"


def store_exists(path: Path) -> bool:
    """Return whether there is anything at a path; a file of no bytes is as good as none."""
    return os.path.isdir(path) or (os.path.exists(path) and os.path.getsize(path) > 0)


def open_store(path: Path | None = None, *, write: bool = False) -> Store:
    """Open the store at `store_path(path)`.

    To read it changes nothing and works in places that may not be written. To write it makes the
    file and its folder where they are missing.

    Raises:
        StoreError: there is no store (to read), or the file is not one, is of another mslt, or cannot be opened.
    """
    path = store_path(path)
    if os.path.isdir(path):  # unlike Path.is_dir, False rather than an error where we may not look
        raise StoreError(f"The store {path} is a folder, not a file. {OTHER_STORE}")
    if reason := why_no_file(path):  # a pipe, which would be waited for, or a device
        raise StoreError(f"The store {path} cannot be read: {reason}. {OTHER_STORE}")
    # SQLite itself takes a file of a few bytes for an empty database.
    with suppress(OSError), open(path, "rb") as file:  # missing, or not ours to read: the next step says so
        if file.read(len(SQLITE_HEADER)) not in (b"", SQLITE_HEADER):
            raise StoreError(f"The store {path} {EXPLANATIONS[sqlite3.SQLITE_NOTADB]}")
    if write:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"Cannot make the folder {path.parent}: {error.strerror}. {OTHER_STORE}") from None
    elif not store_exists(path):
        raise StoreError(f"There is no store {path}. Run `mslt fetch` to make it.")
    uri = path.absolute().as_uri()
    if not write:
        _require_whole(path)
    with explained(path), ExitStack() as closing_on_error:
        store = closing_on_error.enter_context(Store(path, _connect(uri) if write else _connect_to_read(uri)))
        _require_ours(store)
        if write and not store.schema_version:
            _use_wal(store.connection)
            _make_tables(store)
        closing_on_error.pop_all()
    return store


def _require_whole(path: Path) -> None:
    """Refuse a store with newer rows beside it (-wal) where SQLite cannot make the file by which it finds them."""
    wal, index = (path.with_name(path.name + ending) for ending in ("-wal", "-shm"))
    with suppress(OSError):
        if wal.stat().st_size and not index.exists() and not os.access(path.parent, os.W_OK | os.X_OK):
            raise StoreError(
                f"The store {path} has newer rows in {wal.name}, which cannot be read in a folder that may not be "
                "written. Copy both files to a folder of yours, and give the copy as --store."
            )


def _connect_to_read(uri: str) -> sqlite3.Connection:
    # SQLite keeps two files beside a store in WAL mode. Where it can make none it still reads if it is told that
    # nobody writes the file.
    connection = _connect(f"{uri}?mode=ro")
    try:
        connection.execute("PRAGMA user_version")  # SQLite opens the file at the first query
    except sqlite3.Error as error:
        connection.close()
        if _primary_code(error) in NO_ROOM_BESIDE:
            return _connect(f"{uri}?mode=ro&immutable=1")
        raise
    return connection


def _connect(uri: str) -> sqlite3.Connection:
    # isolation_level=None: transactions begin and end where we say so.
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_S, isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _require_ours(store: Store) -> None:
    """Refuse other programs' files and those of another mslt; a file without any table may become ours."""
    # Tables first, then the id: asked the other way round, tables that another process makes in between look foreign.
    if store.query("SELECT 1 FROM sqlite_master") and store.query("PRAGMA application_id") != [(APPLICATION_ID,)]:
        raise StoreError(f"{store.path} is another program's SQLite database. {OTHER_STORE}")
    if (version := store.schema_version) not in (0, SCHEMA_VERSION):
        age, advice = "a newer", "Upgrade mslt, or give another --store."
        if version < SCHEMA_VERSION:
            age = "an older"
            advice = "Move it away; `mslt fetch langs` makes a new one, and `mslt fetch runs DIR` adds your runs."
        schemas = f"(schema {version}, here {SCHEMA_VERSION})"
        raise StoreError(f"The store {store.path} was written by {age} mslt {schemas}. {advice}")


def _use_wal(connection: sqlite3.Connection) -> None:
    """Let readers and a writer work at once. SQLite does not wait for its turn at this, so we do."""
    deadline = time.monotonic() + BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if _primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _make_tables(store: Store) -> None:
    """Make all tables of the schema, in one transaction; another process may have been faster."""
    with store.transaction() as connection:
        if store.schema_version:
            return
        for statement in SCHEMA.read_text(encoding="utf-8").split(";\n"):  # executescript would end the transaction
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what SQLite reports about a file into a StoreError; a fault in our SQL stays what it is."""
    try:
        yield
    except sqlite3.Error as error:
        if "no such table" in str(error):
            raise StoreError(f"The store {path} is not filled yet. Run `mslt fetch`.") from error
        if "Could not decode to UTF-8" in str(error):
            raise StoreError(f"The store {path} {EXPLANATIONS[sqlite3.SQLITE_CORRUPT]}") from error
        if (explanation := EXPLANATIONS.get(_primary_code(error))) is None:
            raise
        raise StoreError(f"The store {path} {explanation}") from error
    except UnicodeEncodeError as error:  # half a character, as in a name that is not UTF-8
        raise StoreError(f"{ascii(error.object)[:80]} cannot be kept in the store {path}: it is not UTF-8.") from error


def _primary_code(error: sqlite3.Error) -> int:
    """Return SQLite's result code without the detail in its higher bits, 0 where Python itself complains."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
