"""A user's own task, read from a TOML file. docs/tasks.md has a worked example."""

import difflib
import hashlib
import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path, PurePosixPath
from string import Formatter
from typing import Any, get_args

from mslt_cli.errors import DataError, UnknownNameError
from mslt_cli.languages.resolver import shipped
from mslt_cli.tasks import TASKS
from mslt_cli.tasks.task import COLUMNS, HubFiles, Kind, TableFormat, Task, is_archive

DEFAULTS: dict[str, Any] = {
    **dict.fromkeys(("name", "kind", "summary", "path", "evaluation", "metric", "prompt", "licence", "citation"), ""),
    **{key: [] for key in ("languages", "splits", "labels", "context", "sources", "targets")},
    **{key: {} for key in ("hub", "label_spellings", "columns", "sizes")},
    **dict.fromkeys(("quoting", "aligned"), False),
    "header": True,
    "first_label": 0,
}
"""Every key of a task's file, with its value where the file does not say; values have to be of the same type."""
HUB_DEFAULTS = dict.fromkeys(("repository", "path", "revision", "branch"), "")
AS_GIVEN = ("name", "kind", "licence", "citation", "label_spellings", "first_label", "sizes", "aligned")
"""Keys that are fields of the task as they are."""

TYPES = {str: "text", list: "a list", dict: "a table", bool: "true or false", int: "a whole number"}
METRICS = {"token-classification": ("accuracy", "entity-f1"), "instruction": ("loss",), "parallel": ("cka",)}
"""The metrics of each kind, the first of them the default; of the other kinds accuracy alone."""

NAME = re.compile(r"[\w-]{1,60}")
"""Names of tasks and splits: they name files in the cache."""


def read_task(path: str | Path) -> Task:
    """Read a task's file.

    Raises:
        DataError: it cannot be read, or a key is missing, unknown or of the wrong kind; names file and key.
    """
    file = _TaskFile(Path(path))
    given = file.given
    name, kind = given["name"], given["kind"]
    splits, labels, context = file.texts("splits"), file.texts("labels"), file.texts("context")
    file.require("kind", [kind], get_args(Kind))
    if not splits:
        raise file.wrong("splits", "is empty")
    for key, names in (("name", [name]), ("splits", splits)):
        if bad := [each for each in names if not NAME.fullmatch(each)]:
            raise file.wrong(key, f"holds {bad[0]!r}; it may hold letters, digits, - and _")
    if name in TASKS:
        raise file.wrong("name", f"is {name!r}, which is a task of mslt's; choose another")
    evaluation = given["evaluation"] or ("test" if "test" in splits else splits[-1])
    file.require("evaluation", [evaluation], splits)
    metrics = METRICS.get(kind, ("accuracy",))
    metric = given["metric"] or metrics[0]
    file.require("metric", [metric], metrics)
    if kind.endswith("classification") and len(labels) < 2:
        raise file.wrong("labels", f"has to name at least two labels for {kind}")
    file.require("label_spellings", given["label_spellings"].values(), labels)
    file.require("sizes", given["sizes"], splits)
    for split, rows in given["sizes"].items():
        if type(rows) is not int or rows < 1:
            raise file.wrong(f"sizes.{split}", "has to be a number of rows")
    if taken := [column for column in context if column in ("id", *COLUMNS[kind])]:
        raise file.wrong("context", f"holds {taken[0]!r}, which {kind} has anyway")
    languages = _languages(file)
    columns = _columns(file, ("id", "language", *COLUMNS[kind], *context))
    if not given["header"] and not columns and kind != "token-classification":
        raise file.wrong("header", "is false, so columns has to name the columns in their order")
    hub, folder, layouts = _location(file, languages, splits)
    return Task(
        **{key: given[key] for key in AS_GIVEN},
        summary=given["summary"] or f"your own task, {file.path.name}",
        languages=languages,
        splits=splits,
        evaluation=evaluation,
        metric=metric,
        labels=labels,
        columns={column: names for column, names in columns.items() if len(names) == 1 and column != "language"},
        choices=columns["choices"] if len(columns.get("choices", ())) > 1 else (),
        context=context,
        question=_question(file, kind, context),
        sources=_languages_of(file, "sources", languages),
        targets=_languages_of(file, "targets", languages),
        hub=hub,
        layouts=layouts,
        language_column=columns.get("language", Task.language_column),
        table=TableFormat(
            columns=() if given["header"] else tuple(name for names in columns.values() for name in names),
            header=given["header"],
            quoting=given["quoting"],
            commas=not given["header"],
        ),
        folder=folder,
        definition=file.sha256,
        file=str(path),
    )


class _TaskFile:
    """A task's file as it was read, and the checks whose errors name the file and the key."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            text = path.read_text(encoding="utf-8")
            given = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise DataError(f"The task {path} is not TOML: {error}.") from error
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise DataError(f"The task {path} cannot be read: {reason}.") from error
        self.sha256 = hashlib.sha256(text.encode()).hexdigest()
        self.given = DEFAULTS | given
        self._check_keys("", given, DEFAULTS, ("name", "kind", "languages", "splits"))
        self._check_keys("hub.", self.given["hub"], HUB_DEFAULTS, ("repository", "path") if "hub" in given else ())

    def _check_keys(
        self, table: str, given: Mapping[str, Any], defaults: Mapping[str, Any], needed: tuple[str, ...]
    ) -> None:
        """Raises: DataError: a key of a table is unknown, missing, or has a value of another type."""
        for key, value in given.items():
            if key not in defaults:
                near = difflib.get_close_matches(key, defaults, n=1)
                hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(defaults)}."
                raise DataError(f"{self.path}: there is no key {table}{key}. {hint}")
            types = [list, dict] if key == "languages" else [type(defaults[key])]
            if type(value) not in types:
                raise self.wrong(f"{table}{key}", f"has to be {' or '.join(TYPES[kind] for kind in types)}")
        if missing := [key for key in needed if key not in given]:
            raise DataError(f"{self.path}: key {table}{missing[0]} is missing.")

    def wrong(self, key: str, what: str) -> DataError:
        return DataError(f"{self.path}: key {key} {what}.")

    def require(self, key: str, values: Iterable[str], allowed: Collection[str]) -> None:
        """Raises: DataError: the value of a key is none of those that are allowed there."""
        if other := [value for value in values if value not in allowed]:
            raise self.wrong(key, f"holds {other[0]!r}; it may hold {', '.join(allowed) or 'nothing'}")

    def texts(self, key: str, values: list[Any] | None = None) -> tuple[str, ...]:
        """The texts of a list, each there once; `values` is for a list that stands deeper in the file."""
        values = self.given[key] if values is None else values
        if others := [value for value in values if not isinstance(value, str) or not value]:
            raise self.wrong(key, f"has to hold texts, and holds {others[0]!r}")
        if len(set(values)) < len(values):
            raise self.wrong(key, "names something twice")
        return tuple(values)


def _languages(file: _TaskFile) -> dict[str, tuple[str, ...]]:
    """ISO 639-3 code → the data's own; `{in = "Indonesian"}` says what an unusual code means."""
    given = file.given["languages"]
    meanings = given if isinstance(given, dict) else {str(code): code for code in given}
    if not meanings:
        raise file.wrong("languages", "is empty")
    languages: dict[str, tuple[str, ...]] = {}
    for code, meaning in meanings.items():
        if not isinstance(meaning, str):
            raise file.wrong("languages", f"has to hold codes or names, and holds {meaning!r}")
        try:
            iso = shipped().resolve(meaning).iso639_3
        except UnknownNameError as error:
            raise DataError(f"{file.path}: key languages holds {meaning!r}. {error}") from error
        if iso in languages:
            raise file.wrong("languages", f"holds {languages[iso][0]!r} and {code!r}, which are the same language")
        languages[iso] = (code,)
    return languages


def _languages_of(file: _TaskFile, key: str, languages: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The ISO 639-3 codes of the languages that a key lists."""
    iso_of = {code: iso for iso, codes in languages.items() for code in (*codes, iso)}
    codes = file.texts(key)
    file.require(key, codes, iso_of)
    return tuple(dict.fromkeys(iso_of[code] for code in codes))


def _columns(file: _TaskFile, allowed: Collection[str]) -> dict[str, tuple[str, ...]]:
    """What the files call each column; `choices` may be several, one for each choice."""
    file.require("columns", file.given["columns"], allowed)
    columns: dict[str, tuple[str, ...]] = {}
    for name, spelling in file.given["columns"].items():
        if name == "choices" and isinstance(spelling, list) and len(spelling) > 1:
            columns[name] = file.texts("columns.choices", spelling)
        elif isinstance(spelling, str) and spelling:
            columns[name] = (spelling,)
        else:
            several = " or the names of two or more" if name == "choices" else ""
            raise file.wrong(f"columns.{name}", f"has to be the name of a column{several}")
    return columns


def _question(file: _TaskFile, kind: str, context: tuple[str, ...]) -> str:
    """What a decoder is asked; the numbered choices follow it."""
    prompt: str = file.given["prompt"]
    if prompt and kind != "multiple-choice":
        raise file.wrong("prompt", f"is for multiple-choice, and kind is {kind}")
    try:
        names = [name for _, name, _, _ in Formatter().parse(prompt) if name is not None]
    except ValueError as error:
        raise file.wrong("prompt", f"cannot be read ({error}); a brace that is text is written twice") from error
    file.require("prompt", names, context)
    return prompt


def _location(
    file: _TaskFile, languages: Collection[str], splits: Collection[str]
) -> tuple[HubFiles | None, str, tuple[str, ...]]:
    """Where the data are: on the hub, or in a folder with a pattern of the paths from there on."""
    path, hub = file.given["path"], file.given["hub"]
    if bool(path) == bool(hub):
        what = "both path and hub are there; keep one" if hub else "key path is missing, or hub"
        raise DataError(f"{file.path}: {what}.")
    key, pattern = ("hub.path", hub["path"]) if hub else ("path", path)
    file.require(key, re.findall(r"\{[^}]*\}?", pattern), ("{lang}", "{split}"))
    if len(splits) > 1 and "{split}" not in pattern:
        raise file.wrong(key, "has to hold {split}, for there are several")
    if hub:
        if len(languages) > 1 and "{lang}" not in pattern:
            raise file.wrong(key, "has to hold {lang}, for there are several")
        return HubFiles(**hub), "", ()
    parts = PurePosixPath(pattern).parts
    if not parts:
        raise file.wrong(key, "names no file")
    # What comes before the first placeholder is a folder; the rest is a pattern of the files in it.
    open_ends = [i for i, part in enumerate(parts) if "{" in part or "*" in part or is_archive(part)]
    fixed = min([*open_ends, len(parts) - 1])
    folder = file.path.resolve().parent / Path(*parts[:fixed]).expanduser()
    return None, str(folder.resolve()), ("/".join(parts[fixed:]),)
