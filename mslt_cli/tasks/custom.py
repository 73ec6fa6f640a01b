"""A user's own task, read from a TOML file. docs/reference/tasks.md has a worked example."""

import difflib
import hashlib
import json
import os
import re
from collections.abc import Collection, Iterable, Mapping
from itertools import chain
from pathlib import Path, PurePosixPath
from string import Formatter
from typing import Any, get_args

from mslt_cli.errors import DataError, UnknownNameError
from mslt_cli.files import cache_home, new_file
from mslt_cli.foreign import UnreadableError, parse_json, parse_toml, read_text_file, why_no_path
from mslt_cli.languages.resolver import shipped
from mslt_cli.tasks import TASKS
from mslt_cli.tasks.task import COLUMNS, NUMBER, HubFiles, Kind, TableFormat, Task, is_archive

DEFAULTS: dict[str, Any] = {
    **dict.fromkeys(("name", "kind", "summary", "path", "evaluation", "metric", "prompt", "licence", "citation"), ""),
    **{key: [] for key in ("languages", "splits", "labels", "context", "cluster", "sources", "targets")},
    **{key: {} for key in ("hub", "label_spellings", "columns", "sizes")},
    **dict.fromkeys(("quoting", "aligned"), False),
    "header": True,
    "first_label": 0,
}
"""Every key of a task's file, with its value where the file does not say; values have to be of the same type."""
HUB_DEFAULTS = dict.fromkeys(("repository", "path", "revision", "branch"), "")
AS_GIVEN = ("name", "kind", "licence", "citation", "label_spellings", "first_label", "sizes", "aligned")
"""Keys that are fields of the task as they are."""

DESCRIPTION = (
    *("summary", "licence", "citation", "languages", "sources", "targets", "evaluation", "metric", "sizes", "cluster"),
)
"""Keys that do not say how a language's data are read: what is edited in them leaves the data what they are; and the
runs, but for `cluster`, which makes other intervals. All metrics of a task are measured, whichever comes first."""

TYPES = {str: "text", list: "a list", dict: "a table", bool: "true or false", int: "a whole number"}
TEXT = ("text", "text?")
"""What columns of one text hold, in COLUMNS."""
PLACES = ("language", "split")
"""Columns that say which language and split a row is in."""
METRICS = {"token-classification": ("accuracy", "entity-f1"), "instruction": ("loss",), "parallel": ("cka",)}
"""The metrics of each kind, the first of them the default; of the other kinds accuracy alone. Words whose labels name
no entities have accuracy alone as well."""

LARGEST_TASK_BYTES = 16 << 20
NAME = re.compile(r"[\w-]{1,60}")
"""Names of tasks and splits: they name files in the cache."""


def read_task(path: str | Path) -> Task:
    """Read a task's file. DataError: it cannot be read, or a key is missing, unknown or wrong; names file and key."""
    file = _TaskFile(Path(path))
    given = file.given
    name, kind, header = given["name"], given["kind"], given["header"]
    splits, labels, context = (file.texts(key, given[key]) for key in ("splits", "labels", "context"))
    file.require("kind", [kind], get_args(Kind))
    file.check("splits", splits, "is empty")
    for key, names in (("name", [name]), ("splits", splits)):
        for each in names:
            file.check(key, NAME.fullmatch(each), f"holds {each!r}; it may hold letters, digits, - and _")
    file.check("name", name not in TASKS, f"is {name!r}, which is a task of mslt's; choose another")
    evaluation = given["evaluation"] or ("test" if "test" in splits else splits[-1])
    file.require("evaluation", [evaluation], splits)
    metrics = METRICS.get(kind, ("accuracy",))
    if not any(label.startswith(("B-", "I-")) for label in labels):
        metrics = metrics[:1]
    metric = given["metric"] or metrics[0]
    file.require("metric", [metric], metrics)
    enough = len(labels) > 1 or not kind.endswith("classification")
    file.check("labels", enough, f"has to name at least two labels for {kind}")
    counted = [str(i) for i, _ in enumerate(labels, given["first_label"])]
    by_name = given["first_label"] and any(map(NUMBER.fullmatch, labels)) and list(labels) != counted
    file.check("first_label", not by_name, "is there, and labels that are numbers count by their names; leave it out")
    file.require("label_spellings", given["label_spellings"].values(), labels)
    file.require("sizes", given["sizes"], splits)
    for split, rows in given["sizes"].items():
        file.check(f"sizes.{split}", type(rows) is int and rows > 0, "has to be a number of rows")
    for column in context:
        file.check("context", column not in ("id", *COLUMNS[kind]), f"holds {column!r}, which {kind} has anyway")
    texts = [column for column, holds in (COLUMNS[kind] | dict.fromkeys(context, "text")).items() if holds in TEXT]
    cluster = file.texts("cluster", given["cluster"], texts)
    languages = _languages(file)
    spellings = {code: iso for iso, codes in languages.items() for code in (*codes, iso)}
    places = _token_and_tag(file)
    named = {column: names for column, names in given["columns"].items() if column not in places}
    file.require("columns", named, ("id", *PLACES, *COLUMNS[kind], *context))
    columns = {column: _column_names(file, column, names) for column, names in named.items()}
    can_tell = header or columns or kind == "token-classification"
    file.check("header", can_tell, "is false, so columns has to name the columns in their order")
    in_order = tuple(chain.from_iterable(columns.values()))
    hub, folder, layout = _location(file, languages, splits)
    return Task(
        **{key: given[key] for key in AS_GIVEN},
        summary=given["summary"] or f"your own task, {file.path.name}",
        languages=languages,
        splits=splits,
        evaluation=evaluation,
        metric=metric,
        further_metrics=tuple(other for other in metrics if other != metric),
        labels=labels,
        columns={column: names for column, names in columns.items() if len(names) == 1 and column not in PLACES},
        choices=columns["choices"] if len(columns.get("choices", ())) > 1 else (),
        context=context,
        cluster=cluster,
        question=_prompt(file, context),
        sources=tuple(dict.fromkeys(spellings[code] for code in file.texts("sources", given["sources"], spellings))),
        targets=tuple(dict.fromkeys(spellings[code] for code in file.texts("targets", given["targets"], spellings))),
        hub=hub,
        layouts=layout,
        language_column=columns.get("language", Task.language_column),
        split_column=columns.get("split", ("",))[0],
        table=TableFormat(
            () if header else in_order,
            header=header,
            quoting=given["quoting"],
            commas=not header,
            token=places.get("token", 0),
            tag=places.get("tag", 0),
        ),
        folder=folder,
        definition=file.checksum(),
        meaning=file.checksum(cluster=given["cluster"], path=layout[0] if _is_whole(given["path"]) else given["path"]),
        file=os.path.abspath(path),
    )


def remember_own(task: Task) -> None:
    """Keep where the file of a user's own task is, so that the task is found by its name."""
    known, path = _known_files(task.name), str(Path(task.file).resolve())
    if path not in known:
        with new_file(cache_home() / "tasks" / f"{task.name}.json") as part:
            part.write_text(json.dumps([*known, path]), encoding="utf-8")


def find_own(name: str) -> Task | None:
    """The user's own task of that name; DataError: its file is gone, or there are several of that name."""
    known = _known_files(name) if NAME.fullmatch(name) else []
    there = [task for task in map(read_task, filter(os.path.exists, known)) if task.name == name]
    if known and len(there) != 1:
        what = f"was fetched from {' and '.join(known)}, and " + ("both are there" if there else "is not there now")
        raise DataError(f"The task {name} {what}. Name the file: --task FILE.toml.")
    return there[0] if there else None


def _known_files(name: str) -> list[str]:
    """The files of a user's own tasks of that name that were fetched; none if nothing is known of it."""
    try:
        known = parse_json(read_text_file(cache_home() / "tasks" / f"{name}.json", LARGEST_TASK_BYTES))
    except UnreadableError:
        return []
    return [path for path in known if isinstance(path, str)] if isinstance(known, list) else []


class _TaskFile:
    """A task's file as it was read, and the checks whose errors (DataError) name the file and the key."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            given = parse_toml(read_text_file(path, LARGEST_TASK_BYTES))
        except UnreadableError as error:
            raise DataError(f"The task {path} cannot be read: {error}.") from error
        self.given = DEFAULTS | given
        self._check_keys("", given, DEFAULTS, ("name", "kind", "languages", "splits"))
        self._check_keys("hub.", self.given["hub"], HUB_DEFAULTS, ("repository", "path") if "hub" in given else ())

    def checksum(self, **values: Any) -> str:
        """SHA-256 of all that the file sets but DESCRIPTION, with other values of some keys, or values of more keys."""
        told = {key: value for key, value in self.given.items() if key not in DESCRIPTION} | values
        stated = {key: value for key, value in told.items() if value != DEFAULTS[key]}
        return hashlib.sha256(json.dumps(stated, sort_keys=True, default=str).encode()).hexdigest()

    def _check_keys(
        self, table: str, given: Mapping[str, Any], defaults: Mapping[str, Any], needed: tuple[str, ...]
    ) -> None:
        for key, value in given.items():
            if key not in defaults:
                near = difflib.get_close_matches(key, defaults, n=1)
                hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(defaults)}."
                raise DataError(f"{self.path}: there is no key {table}{key}. {hint}")
            types = [list, dict] if key == "languages" else [type(defaults[key])]
            type_names = " or ".join(TYPES[kind] for kind in types)
            self.check(f"{table}{key}", type(value) in types, f"has to be {type_names}")
        for key in needed:
            self.check(f"{table}{key}", key in given, "is missing")

    def check(self, key: str, is_right: object, what: str) -> None:
        """Raise what is wrong with a key unless it is right."""
        if not is_right:
            raise DataError(f"{self.path}: key {key} {what}.")

    def require(self, key: str, values: Iterable[str], allowed: Collection[str]) -> None:
        """Check that the values of a key are among those that are allowed there."""
        for value in values:
            self.check(key, value in allowed, f"holds {value!r}; it may hold {', '.join(allowed) or 'nothing'}")

    def texts(self, key: str, values: list[Any], allowed: Collection[str] | None = None) -> tuple[str, ...]:
        """The texts of a list, each there once."""
        for value in values:
            self.check(key, value and isinstance(value, str), f"has to hold texts, and holds {value!r}")
        self.check(key, len(set(values)) == len(values), "names something twice")
        self.require(key, values, values if allowed is None else allowed)
        return tuple(values)


def _is_whole(path: str) -> bool:
    """Whether a path of data says where on one machine they are: runs on them are the same elsewhere."""
    return os.path.isabs(os.path.expanduser(path))


def _languages(file: _TaskFile) -> dict[str, tuple[str, ...]]:
    """ISO 639-3 code → the data's own; `{in = "Indonesian"}` says what an unusual code means."""
    given = file.given["languages"]
    meanings = given if isinstance(given, dict) else {str(code): code for code in given}
    file.check("languages", meanings, "is empty")
    languages: dict[str, tuple[str, ...]] = {}
    for code, meaning in meanings.items():
        file.check("languages", isinstance(meaning, str), f"has to hold codes or names, and holds {meaning!r}")
        try:
            iso = shipped().resolve(meaning).iso639_3
        except UnknownNameError as error:
            raise DataError(f"{file.path}: key languages holds {meaning!r}. {error}") from error
        (same,) = languages.setdefault(iso, (code,))
        file.check("languages", same == code, f"holds {same!r} and {code!r}, which are the same language")
    return languages


def _column_names(file: _TaskFile, column: str, names: Any) -> tuple[str, ...]:
    """What the files call a column; `choices` may be several, one for each choice."""
    if column == "choices" and isinstance(names, list) and len(names) > 1:
        return file.texts("columns.choices", names)
    several = " or the names of two or more" if column == "choices" else ""
    file.check(f"columns.{column}", names and isinstance(names, str), f"has to be the name of a column{several}")
    return (names,)


def _token_and_tag(file: _TaskFile) -> dict[str, int]:
    """The columns, from 1, that hold the token and the tag of each line; none = the content tells."""
    places = {key: file.given["columns"][key] for key in ("token", "tag") if key in file.given["columns"]}
    if places:
        kind = file.given["kind"]
        file.check("columns", kind == "token-classification", f"holds {next(iter(places))!r}, and kind is {kind}")
        numbers = [place for place in places.values() if type(place) is int and place > 0]
        what = "has to hold two numbers of columns, from 1: token = 2, tag = 3"
        file.check("columns", len(numbers) == len(set(numbers)) == 2, what)
    return places


def _prompt(file: _TaskFile, context: tuple[str, ...]) -> str:
    """What a decoder is asked; the numbered choices follow it."""
    prompt, kind = file.given["prompt"], file.given["kind"]
    file.check("prompt", not prompt or kind == "multiple-choice", f"is for multiple-choice, and kind is {kind}")
    try:
        names = [name for _, name, _, _ in Formatter().parse(prompt) if name is not None]
    except ValueError as error:
        what = f"cannot be read ({error}); a brace that is text is written twice"
        raise DataError(f"{file.path}: key prompt {what}.") from error
    file.require("prompt", names, context)
    return str(prompt)


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
    in_column = "split" in file.given["columns"]
    what = "has to hold {split}, for there are several, or columns.split has to name the column that tells them apart"
    file.check(key, len(splits) == 1 or in_column or "{split}" in pattern, what)
    file.check(key, not (in_column and "{split}" in pattern), "holds {split}, and columns.split is there; keep one")
    if hub:
        file.check(key, len(languages) == 1 or "{lang}" in pattern, "has to hold {lang}, for there are several")
        return HubFiles(**hub), "", ()
    parts = PurePosixPath(pattern).parts
    file.check(key, parts, "names no file")
    if reason := why_no_path(path):
        raise DataError(f"{file.path}: key path cannot be used: {reason}.")
    # What comes before the first placeholder is a folder; the rest is a pattern of the files in it.
    open_ends = [i for i, part in enumerate(parts) if "{" in part or "*" in part or is_archive(part)]
    fixed = min([*open_ends, len(parts) - 1])
    folder = file.path.resolve().parent / Path(*parts[:fixed]).expanduser()
    return None, str(folder.resolve()), ("/".join(parts[fixed:]),)
