"""A user's own task, out of a TOML file. docs/tasks.md has a worked example."""

from __future__ import annotations

import difflib
import hashlib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from mslt_cli.errors import DataError
from mslt_cli.tasks.base import COLUMNS, Hub, Kind, Table, Task

KEYS: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "kind": str,
    "summary": str,
    "path": str,
    "hub": dict,
    "languages": (list, dict),
    "splits": list,
    "evaluation": str,
    "metric": str,
    "labels": list,
    "label_spellings": dict,
    "first_label": int,
    "columns": dict,
    "context": list,
    "sources": list,
    "targets": list,
    "sizes": dict,
    "header": bool,
    "quoting": bool,
    "aligned": bool,
    "licence": str,
    "citation": str,
}
"""Every key of a task's file, and the type of its value."""

NEEDED = ("name", "kind", "languages", "splits")
HUB_KEYS = {"repository": str, "path": str, "revision": str, "branch": str}
METRICS = {"parallel": "cka", "instruction": "loss"}
"""Default metric of the kinds that have no labels; elsewhere it is accuracy."""


def read_task(path: str | Path) -> Task:
    """Read a task's file.

    Raises:
        DataError: it cannot be read, or a key is missing, unknown or of the wrong kind; names file and key.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        given = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise DataError(f"The task {path} cannot be read: {reason}.") from error
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"The task {path} is not TOML: {error}.") from error
    _Check(path, given, KEYS).all(NEEDED)
    kind = given["kind"]
    if kind not in get_args(Kind):
        raise _wrong(path, "kind", f"is {kind!r}; it can be {', '.join(get_args(Kind))}")
    if not str(given["name"]).replace("-", "").replace("_", "").isalnum():
        raise _wrong(path, "name", f"is {given['name']!r}; it may hold letters, digits, - and _")
    splits = _texts(path, "splits", given["splits"])
    evaluation = given.get("evaluation", "test" if "test" in splits else splits[-1])
    if evaluation not in splits:
        raise _wrong(path, "evaluation", f"is {evaluation!r}, which is none of the splits {', '.join(splits)}")
    labels = _texts(path, "labels", given.get("labels", []), empty=True)
    if kind.endswith("classification") and len(labels) < 2:
        raise _wrong(path, "labels", f"has to name at least two labels for {kind}")
    languages = _languages(path, given["languages"])
    context = _texts(path, "context", given.get("context", []), empty=True)
    columns = _columns(path, kind, context, given.get("columns", {}))
    spellings = given.get("label_spellings", {})
    for spelt, name in spellings.items():
        if name not in labels:
            raise _wrong(path, "label_spellings", f"gives {spelt!r} the label {name!r}, which labels does not name")
    return Task(
        name=given["name"],
        kind=kind,
        summary=given.get("summary", f"your own task, {path.name}"),
        languages=languages,
        splits=splits,
        evaluation=evaluation,
        metric=given.get("metric", METRICS.get(kind, "accuracy")),
        licence=given.get("licence", ""),
        citation=given.get("citation", ""),
        labels=labels,
        label_spellings=spellings,
        first_label=given.get("first_label", 0),
        columns=columns,
        context=context,
        sources=_chosen(path, "sources", given.get("sources", []), languages),
        targets=_chosen(path, "targets", given.get("targets", []), languages),
        sizes=_sizes(path, given.get("sizes", {}), splits),
        hub=_hub(path, given),
        layouts=(given["path"],) if "path" in given else (),
        table=Table(
            header=given.get("header", True),
            quoting=given.get("quoting", False),
            columns=() if given.get("header", True) else tuple(column[0] for column in columns.values()),
        ),
        aligned=given.get("aligned", False),
        folder=str(path.resolve().parent) if "path" in given else "",
        definition=hashlib.sha256(text.encode()).hexdigest(),
    )


def _wrong(path: Path, key: str, what: str) -> DataError:
    return DataError(f"{path}: key {key} {what}.")


class _Check:
    """The keys of a table: known ones, of the right kind."""

    def __init__(
        self, path: Path, given: Mapping[str, Any], keys: Mapping[str, type | tuple[type, ...]], table: str = ""
    ) -> None:
        self.path, self.given, self.keys, self.table = path, given, keys, f"{table}." if table else ""

    def all(self, needed: tuple[str, ...]) -> None:
        for key, value in self.given.items():
            if key not in self.keys:
                near = difflib.get_close_matches(key, self.keys, n=1)
                hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(self.keys)}"
                raise DataError(f"{self.path}: there is no key {self.table}{key}; {hint}")
            wanted = self.keys[key]
            if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
                names = {str: "text", list: "a list", dict: "a table", bool: "true or false", int: "a whole number"}
                kinds = wanted if isinstance(wanted, tuple) else (wanted,)
                raise _wrong(self.path, f"{self.table}{key}", f"has to be {' or '.join(names[k] for k in kinds)}")
        for key in needed:
            if key not in self.given:
                raise DataError(f"{self.path}: key {self.table}{key} is missing.")


def _texts(path: Path, key: str, values: list[Any], *, empty: bool = False) -> tuple[str, ...]:
    if not values and not empty:
        raise _wrong(path, key, "is empty")
    for value in values:
        if not isinstance(value, str) or not value:
            raise _wrong(path, key, f"has to hold texts, and holds {value!r}")
    if len(set(values)) < len(values):
        raise _wrong(path, key, "names something twice")
    return tuple(values)


def _languages(path: Path, given: list[Any] | dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """Codes as the data have them → ISO 639-3; `{in = "Indonesian"}` says what an unusual one means."""
    from mslt_cli.languages.codes import fold, parse_tag
    from mslt_cli.languages.facts import all_spellings, read_facts

    meanings: dict[str, str] = {}
    for spelling, code, _ in all_spellings(read_facts()):
        meanings.setdefault(fold(spelling), code)
    pairs = list(given.items()) if isinstance(given, dict) else [(code, code) for code in given]
    if not pairs:
        raise _wrong(path, "languages", "is empty")
    found: dict[str, tuple[str, ...]] = {}
    for code, meaning in pairs:
        if not isinstance(code, str) or not isinstance(meaning, str):
            raise _wrong(path, "languages", f"has to hold codes or names, and holds {meaning!r}")
        tag = parse_tag(meaning)
        iso = meanings.get(fold(meaning)) or (meanings.get(tag.language) if tag else None)
        if iso is None:
            raise _wrong(path, "languages", f"holds {meaning!r}, which is no language that mslt knows")
        if iso in found:
            raise _wrong(path, "languages", f"holds {found[iso][0]!r} and {code!r}, which are the same language")
        found[iso] = (code,)
    return found


def _chosen(path: Path, key: str, given: list[Any], languages: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    iso_of = {code: iso for iso, codes in languages.items() for code in (iso, *codes)}
    for code in _texts(path, key, given, empty=True):
        if code not in iso_of:
            raise _wrong(path, key, f"holds {code!r}, which is none of the languages")
    return tuple(iso_of[code] for code in given)


def _columns(path: Path, kind: str, context: tuple[str, ...], given: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    known = ["id", *COLUMNS[kind], *context]
    for name, spelt in given.items():
        if name not in known:
            raise DataError(f"{path}: there is no column columns.{name} for {kind}; it has {', '.join(known)}.")
        if not isinstance(spelt, str):
            raise _wrong(path, f"columns.{name}", "has to be the name of a column")
    return {name: (spelt,) for name, spelt in given.items()}


def _sizes(path: Path, given: dict[str, Any], splits: tuple[str, ...]) -> dict[str, int]:
    for split, rows in given.items():
        if split not in splits or not isinstance(rows, int) or isinstance(rows, bool) or rows < 1:
            raise _wrong(path, f"sizes.{split}", "has to give a split its number of rows")
    return given


def _hub(path: Path, given: Mapping[str, Any]) -> Hub | None:
    if "hub" not in given:
        if "path" not in given:
            raise DataError(f"{path}: key path is missing (a pattern with {{lang}} and {{split}}), or hub.")
        return None
    _Check(path, given["hub"], HUB_KEYS, "hub").all(("repository", "path"))
    return Hub(
        given["hub"]["repository"],
        given["hub"]["path"],
        branch=given["hub"].get("branch", "main"),
        revision=given["hub"].get("revision"),
    )
