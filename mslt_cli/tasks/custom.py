"""A user's own task, out of a TOML file. docs/tasks.md has a worked example."""

from __future__ import annotations

import difflib
import hashlib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, get_args

from mslt_cli.data.formats import is_archive
from mslt_cli.errors import DataError
from mslt_cli.tasks import TASKS
from mslt_cli.tasks.prompts import placeholders
from mslt_cli.tasks.task import COLUMNS, Hub, Kind, Table, Task

KEYS: dict[str, tuple[type, ...]] = {
    "name": (str,),
    "kind": (str,),
    "summary": (str,),
    "path": (str,),
    "hub": (dict,),
    "languages": (list, dict),
    "splits": (list,),
    "evaluation": (str,),
    "metric": (str,),
    "labels": (list,),
    "label_spellings": (dict,),
    "first_label": (int,),
    "columns": (dict,),
    "context": (list,),
    "prompt": (str,),
    "sources": (list,),
    "targets": (list,),
    "sizes": (dict,),
    "header": (bool,),
    "quoting": (bool,),
    "aligned": (bool,),
    "licence": (str,),
    "citation": (str,),
}
"""Every key of a task's file, and the type of its value."""

HUB_KEYS = dict.fromkeys(("repository", "path", "revision", "branch"), (str,))
TYPES = {str: "text", list: "a list", dict: "a table", bool: "true or false", int: "a whole number"}
METRICS: dict[str, tuple[str, ...]] = {
    "token-classification": ("accuracy", "entity-f1"),
    "sequence-classification": ("accuracy",),
    "multiple-choice": ("accuracy",),
    "instruction": ("loss",),
    "parallel": ("cka",),
}
"""By kind; the first is the default."""

NAME = re.compile(r"[\w-]{1,60}")
"""Of tasks and splits: they name files in the cache."""


def read_task(path: str | Path) -> Task:
    """Read a task's file.

    Raises:
        DataError: it cannot be read, or a key is missing, unknown or of the wrong kind; names file and key.
    """
    written, path = str(path), Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        given = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise DataError(f"The task {path} cannot be read: {reason}.") from error
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"The task {path} is not TOML: {error}.") from error
    _check(path, given, KEYS, needed=("name", "kind", "languages", "splits"))
    kind, name = given["kind"], given["name"]
    if kind not in get_args(Kind):
        raise _wrong(path, "kind", f"is {kind!r}; it can be {', '.join(get_args(Kind))}")
    if not NAME.fullmatch(name):
        raise _wrong(path, "name", f"is {name!r}; it may hold letters, digits, - and _")
    if name in TASKS:
        raise _wrong(path, "name", f"is {name!r}, which is a task of mslt's; choose another")
    splits = _texts(path, "splits", given["splits"])
    for split in splits:
        if not NAME.fullmatch(split):
            raise _wrong(path, "splits", f"holds {split!r}; a split may hold letters, digits, - and _")
    evaluation = given.get("evaluation", "test" if "test" in splits else splits[-1])
    if evaluation not in splits:
        raise _wrong(path, "evaluation", f"is {evaluation!r}, which is none of the splits {', '.join(splits)}")
    metric = given.get("metric", METRICS[kind][0])
    if metric not in METRICS[kind]:
        raise _wrong(path, "metric", f"is {metric!r}; for {kind} it can be {', '.join(METRICS[kind])}")
    labels = _texts(path, "labels", given.get("labels", []), empty=True)
    if kind.endswith("classification") and len(labels) < 2:
        raise _wrong(path, "labels", f"has to name at least two labels for {kind}")
    spellings = given.get("label_spellings", {})
    for spelt, label in spellings.items():
        if label not in labels:
            raise _wrong(path, "label_spellings", f"gives {spelt!r} the label {label!r}, which labels does not name")
    languages = _languages(path, given["languages"])
    context = _texts(path, "context", given.get("context", []), empty=True)
    if taken := [column for column in context if column in ("id", *COLUMNS[kind])]:
        raise _wrong(path, "context", f"holds {taken[0]!r}, which {kind} has anyway")
    columns = _columns(path, kind, context, given.get("columns", {}))
    headless = not given.get("header", True)
    if headless and not columns and kind != "token-classification":
        raise _wrong(path, "header", "is false, so columns has to name the columns in their order")
    folder, layouts, hub = _place(path, given, many_languages=len(languages) > 1, many_splits=len(splits) > 1)
    return Task(
        name=name,
        kind=kind,
        summary=given.get("summary", f"your own task, {path.name}"),
        languages=languages,
        splits=splits,
        evaluation=evaluation,
        metric=metric,
        licence=given.get("licence", ""),
        citation=given.get("citation", ""),
        labels=labels,
        label_spellings=spellings,
        first_label=given.get("first_label", 0),
        columns={column: names for column, names in columns.items() if len(names) == 1 and column != "language"},
        choices=columns["choices"] if len(columns.get("choices", ())) > 1 else (),
        context=context,
        question=_question(path, kind, context, given.get("prompt", "")),
        sources=_chosen(path, "sources", given.get("sources", []), languages),
        targets=_chosen(path, "targets", given.get("targets", []), languages),
        sizes=_sizes(path, given.get("sizes", {}), splits),
        hub=hub,
        layouts=layouts,
        language_column=columns.get("language", Task.language_column),
        table=Table(
            columns=tuple(name for names in columns.values() for name in names) if headless else (),
            header=not headless,
            quoting=given.get("quoting", False),
            commas=headless,
        ),
        aligned=given.get("aligned", False),
        folder=folder,
        definition=hashlib.sha256(text.encode()).hexdigest(),
        file=written,
    )


def _wrong(path: Path, key: str, what: str) -> DataError:
    return DataError(f"{path}: key {key} {what}.")


def _check(
    path: Path,
    given: Mapping[str, Any],
    keys: Mapping[str, tuple[type, ...]],
    *,
    needed: tuple[str, ...],
    table: str = "",
) -> None:
    """The keys of a table: known ones, of the right kind."""
    for key, value in given.items():
        if key not in keys:
            near = difflib.get_close_matches(key, keys, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(keys)}."
            raise DataError(f"{path}: there is no key {table}{key}. {hint}")
        if type(value) not in keys[key]:
            raise _wrong(path, f"{table}{key}", f"has to be {' or '.join(TYPES[kind] for kind in keys[key])}")
    for key in needed:
        if key not in given:
            raise DataError(f"{path}: key {table}{key} is missing.")


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
            near = difflib.get_close_matches(fold(meaning), meanings, n=1)
            hint = f" (did you mean {near[0]}?)" if near and len(meaning) > 3 else ""
            raise _wrong(path, "languages", f"holds {meaning!r}, which is no language that mslt knows{hint}")
        if iso in found:
            raise _wrong(path, "languages", f"holds {found[iso][0]!r} and {code!r}, which are the same language")
        found[iso] = (code,)
    return found


def _chosen(path: Path, key: str, given: list[Any], languages: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    iso_of = {iso: iso for iso in languages} | {code: iso for iso, codes in languages.items() for code in codes}
    for code in _texts(path, key, given, empty=True):
        if code not in iso_of:
            codes = ", ".join(codes[0] for codes in languages.values())
            raise _wrong(path, key, f"holds {code!r}, which is none of the languages {codes}")
    return tuple(dict.fromkeys(iso_of[code] for code in given))


def _columns(path: Path, kind: str, context: tuple[str, ...], given: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """What the files call each column; `choices` may be several, one a choice."""
    known = ["id", "language", *COLUMNS[kind], *context]
    found: dict[str, tuple[str, ...]] = {}
    for name, spelt in given.items():
        if name not in known:
            raise DataError(f"{path}: there is no column columns.{name} for {kind}; it has {', '.join(known)}.")
        if name == "choices" and isinstance(spelt, list) and len(spelt) > 1:
            found[name] = _texts(path, "columns.choices", spelt)
        elif isinstance(spelt, str) and spelt:
            found[name] = (spelt,)
        else:
            several = " or the names of two or more" if name == "choices" else ""
            raise _wrong(path, f"columns.{name}", f"has to be the name of a column{several}")
    return found


def _question(path: Path, kind: str, context: tuple[str, ...], prompt: str) -> str:
    """What a decoder is asked; the numbered choices follow it."""
    if prompt and kind != "multiple-choice":
        raise _wrong(path, "prompt", f"is for multiple-choice, and kind is {kind}")
    try:
        unknown = [name for name in placeholders(prompt) if name not in context]
    except ValueError as error:
        raise _wrong(path, "prompt", f"cannot be read ({error}); a brace that is text is written twice") from error
    if unknown:
        raise _wrong(path, "prompt", f"holds {{{unknown[0]}}}; what it may hold is {', '.join(context) or 'no column'}")
    return prompt


def _sizes(path: Path, given: dict[str, Any], splits: tuple[str, ...]) -> dict[str, int]:
    for split, rows in given.items():
        if split not in splits:
            raise _wrong(path, f"sizes.{split}", f"names none of the splits {', '.join(splits)}")
        if type(rows) is not int or rows < 1:
            raise _wrong(path, f"sizes.{split}", "has to be a number of rows")
    return given


def _place(
    path: Path, given: Mapping[str, Any], *, many_languages: bool, many_splits: bool
) -> tuple[str, tuple[str, ...], Hub | None]:
    """Where the data are: a folder and the pattern of the files in it, or a place on the hub."""
    if ("path" in given) == ("hub" in given):
        what = "both path and hub are there; keep one" if "path" in given else "key path is missing, or hub"
        raise DataError(f"{path}: {what}.")
    hub = given.get("hub", {})
    if hub:
        _check(path, hub, HUB_KEYS, needed=("repository", "path"), table="hub.")
    key, pattern = ("hub.path", hub["path"]) if hub else ("path", given["path"])
    if unknown := set(re.findall(r"\{[^}]*\}?", pattern)) - {"{lang}", "{split}"}:
        raise _wrong(path, key, f"holds {min(unknown)}; what it may hold is {{lang}} and {{split}}")
    if many_splits and "{split}" not in pattern:
        raise _wrong(path, key, "has to hold {split}, for there are several")
    if hub:
        if many_languages and "{lang}" not in pattern:
            raise _wrong(path, key, "has to hold {lang}, for there are several")
        return "", (), Hub(hub["repository"], pattern, branch=hub.get("branch", "main"), revision=hub.get("revision"))
    parts = PurePosixPath(pattern).parts
    if not parts:
        raise _wrong(path, key, "is empty")
    # What comes before the first placeholder is a folder; the rest is looked for in it.
    open_ends = [i for i, part in enumerate(parts) if "{" in part or "*" in part or is_archive(part)]
    fixed = min([*open_ends, len(parts) - 1])
    folder = path.resolve().parent / Path(*parts[:fixed]).expanduser()
    return str(folder.resolve()), ("/".join(parts[fixed:]),), None
