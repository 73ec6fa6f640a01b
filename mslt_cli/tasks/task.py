"""What a task is: its kind, labels, columns, languages and splits, where its data are, and what is repaired in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from mslt_cli.errors import DataError, UnknownNameError
from mslt_cli.languages.resolver import Resolver, fold, resolve_each, shipped
from mslt_cli.languages.subtags import meaning

if TYPE_CHECKING:
    import polars as pl

    from mslt_cli.hub.packages import NpmPackage, PyPackage

Rows: TypeAlias = "pl.DataFrame"
"""Rows of a data set. Polars is imported where they are worked on, and not with a task."""
ReadOther: TypeAlias = "Callable[[str], pl.DataFrame | None]"
"""Reads the same split in another language (by its code in the data set); None if there is none."""
Kind = Literal["token-classification", "sequence-classification", "multiple-choice", "instruction", "parallel"]

COLUMNS: dict[str, dict[str, str]] = {
    "token-classification": {"tokens": "texts", "labels": "labels"},
    "sequence-classification": {"text": "text", "text_pair": "text?", "label": "label"},
    "multiple-choice": {"choices": "texts", "label": "label"},
    "instruction": {"instruction": "text", "input": "text?", "output": "text"},
    "parallel": {"text": "text"},
}
"""The columns that every task of a kind has, beside `id`. `texts` and `labels` are lists, `?` may be null."""

SPELLINGS: dict[str, tuple[str, ...]] = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "eval": ("eval", "dev", "validation", "val"),
    "test": ("test",),
}
"""How files spell a split; other splits are spelt as they are named."""
NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
"""The name of a label that is a number: in files, numbers then are such names."""


def is_archive(name: str) -> bool:
    """Whether a file is an archive, by its name; data files are looked for in it."""
    return name.lower().endswith((".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz"))


class RowError(Exception):
    """A raw row (index from 0) that a task's `parse` cannot read, and what is wrong ("has no pronoun")."""

    def __init__(self, row: int, what: str) -> None:
        super().__init__(what)
        self.row, self.what = row, what


@dataclass(frozen=True)
class HubFiles:
    """Where a data set is on the hub."""

    repository: str
    path: str
    """Pattern of its files, with {lang} and {split}; `*` stands for anything but a slash."""
    spelling: int = 0
    """Which of the task's spellings of a language the paths use, from 0."""
    branch: str = "main"
    """Script-only repositories are read from `refs/convert/parquet`, or from their raw files."""
    revision: str | None = None
    """Commit; None = the head of `branch` at the first fetch, which is recorded and kept from then on."""


@dataclass(frozen=True)
class TableFormat:
    """How tab-separated files of a data set are written."""

    columns: tuple[str, ...] = ()
    """By position; empty = the header names them."""
    header: bool = True
    quoting: bool = False
    """Whether double quotes are quoting; otherwise they are text."""
    commas: bool = False
    """Whether .csv files are written like this as well; otherwise they have a header and quoting."""
    token: int = 0
    tag: int = 0
    """Lines of tokens and tags: the columns of both, from 1; 0 = the content tells."""
    tokenless: bool = False
    """Whether a line may have a tag alone, which then is read as that of an empty token; otherwise it is refused."""


@dataclass(frozen=True)
class Repair:
    """An error in the data as published, which is repaired unless the user switches the repair off."""

    name: str
    summary: str
    apply: Callable[[Rows, ReadOther], tuple[Rows, int]]
    """Returns the repaired rows, and the number of rows that it changed or dropped."""
    drops_incomplete: bool = False
    """Whether it drops rows without a text or label, so that such rows are read and not refused."""


@dataclass(frozen=True)
class Task:
    """One row of `TASKS`, or a user's own task.

    Languages are ISO 639-3 codes (URIEL's); `languages` maps each to the data set's own spellings, its code first.
    """

    name: str
    kind: Kind
    summary: str
    languages: Mapping[str, tuple[str, ...]]
    licence: str
    citation: str
    splits: tuple[str, ...] = ("train", "validation", "test")
    evaluation: str = "test"
    """The split that scores are taken on."""
    metric: str = "accuracy"
    further_metrics: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    """Names of the labels; the data hold their positions."""
    label_spellings: Mapping[str, str] = field(default_factory=dict)
    """Other spellings of labels in raw files: "contradictory" → "contradiction"."""
    first_label: int = 0
    """Its number in raw files."""
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The names of columns in raw files; the first that is there is read."""
    choices: tuple[str, ...] = ()
    """Columns of raw files that hold one choice each, if no column holds a list of them."""
    context: tuple[str, ...] = ()
    """Further text columns (multiple choice: the premise, the question, …)."""
    codes: tuple[str, ...] = ()
    """Context columns that hold a code word (XCOPA's `question` is "cause" or "effect"), not text of the language."""
    question: str = ""
    """Multiple choice: what a decoder is asked, with context columns in braces; the numbered choices follow it."""
    fill: Callable[[Mapping[str, Any], str], list[tuple[str, str]]] | None = None
    """Multiple choice: takes a row and the data set's language code; gives for each choice the text before the part
    that is scored, and that part."""
    sources: tuple[str, ...] = ()
    """The languages that the paper trains on; its pool for tasks that it does not use."""
    targets: tuple[str, ...] = ()
    literal_targets: tuple[str, ...] = ()
    """The languages that the paper evaluates on, and those that its "all but the sources" means if it says so."""
    sizes: Mapping[str, int | Mapping[str, int]] = field(default_factory=dict)
    """Rows of each split: one number for all languages, or by language where they differ and are known."""
    aligned: bool = False
    """Whether equal ids in two languages are the same item."""
    cluster: tuple[str, ...] = ()
    """Text columns: rows with an equal text in them are one item, and err together."""
    hub: HubFiles | None = None
    layouts: tuple[str, ...] = ()
    """Path patterns of raw upstream files, tried before the file's name is read for language and split."""
    left_out: tuple[str, ...] = ()
    """Codes of the data set that name no language of the task: files in them are skipped."""
    without_iso: Mapping[str, str] = field(default_factory=dict)
    """Names of languages that no ISO 639-3 code means, by the code that they stand under: facts and vectors of that
    code are another language's."""
    language_column: tuple[str, ...] = ("language", "lang")
    """Names of the column that says which language a row is in, for files that hold several."""
    split_column: str = ""
    """The column that says which split a row is in, for files that hold all splits."""
    table: TableFormat = TableFormat()
    parse: Callable[[Rows], Rows] | None = None
    """Converts rows in the data set's original format into its columns, one to one; may raise RowError."""
    build: Callable[[str, str], Rows] | None = None
    packages: tuple[PyPackage | NpmPackage, ...] = ()
    """Data out of packages: `build` makes those of a language (the data set's code) and a split once they are there."""
    repairs: tuple[Repair, ...] = ()
    without: tuple[str, ...] = ()
    """Names of the repairs that are switched off."""
    file: str = ""
    definition: str = ""
    meaning: str = ""
    folder: str = ""
    """A user's own task: the whole path of its file, the SHA-256 of what determines its prepared data, that of what
    determines runs on it, wherever the data lie, and where its `layouts` begin."""

    @property
    def package(self) -> str:
        """The name of the package that its data are made of; empty if they are not."""
        return self.packages[0].name if self.packages else ""

    @property
    def variant(self) -> str:
        """The name under which measurements on its data are stored: `xcopa-no-question` without that repair."""
        return "-".join([self.name, *(f"no-{name}" for name in self.without)])

    @property
    def key(self) -> str:
        """Name of the folder of its prepared data, which depend on nothing else."""
        return f"{self.variant}-{self.definition[:8]}" if self.definition else self.variant

    @property
    def options(self) -> str:
        """The options that name this task on a command line: `--task xcopa --no-repair question`."""
        return " ".join(
            [f"--task {shlex.quote(self.file or self.name)}", *(f"--no-repair {name}" for name in self.without)]
        )

    @property
    def training(self) -> str:
        """The split to train on and to count a vocabulary in: `train`, or else the first."""
        return "train" if "train" in self.splits else self.splits[0]

    @property
    def column_kinds(self) -> dict[str, str]:
        """Its data's columns beside `id` and what they hold: those of its kind (COLUMNS) and its context.

        A second text is needed in every row if the task says what files call it.
        """
        kinds = COLUMNS[self.kind] | dict.fromkeys(self.context, "text")
        return kinds | {"text_pair": "text"} if "text_pair" in self.columns else kinds

    def code(self, language: str) -> str:
        """The data set's own code of a language (ISO 639-3)."""
        return self.languages[language][0]

    def codes_of(self, languages: Iterable[str]) -> str:
        """The data set's own codes of languages, sorted, for messages: "de, en"."""
        return ", ".join(sorted(self.code(language) for language in languages))

    def language(self, spelling: str, resolver: Resolver | None = None) -> str:
        """The ISO 639-3 code of one of the task's languages, from any spelling: de, deu, German, de-AT.

        The data set's own code comes first: `als` is Alemannic in WikiANN, and Albanian elsewhere. The resolver (None =
        that of the tables that ship) knows other spellings. UnknownNameError: the spelling means no language.
        DataError: the task has no data in that language, or leaves them out (zh-TW of MASSIVE).
        """
        if fold(spelling) in map(fold, self.left_out):
            why = "a second set of a language that it has, or one with too little (docs/reference/tasks.md)"
            raise DataError(f"{self.name} leaves {spelling} out: {why}.")
        language = self._own(spelling) or (resolver or shipped()).resolve(spelling).iso639_3
        if language not in self.languages:
            raise DataError(f"{self.name} has no data in {spelling!r}. It has {self.codes_of(self.languages)}.")
        return language

    def languages_named(self, spellings: Iterable[str], resolver: Resolver | None = None) -> list[str]:
        """The same of several spellings; an UnknownNameError names all that mean no language."""
        return resolve_each(lambda spelling: self.language(spelling, resolver), spellings)

    def note_on(self, spelling: str) -> str:
        """What to tell whoever wrote a spelling: that it is an old code, or means another language elsewhere; or ""."""
        code, own = fold(spelling), self._own(spelling)
        if own == code and own in self.without_iso:
            meant = f"{self.without_iso[own]} ({self.code(own)})"
            return f"{spelling} is {meant} in {self.name}, and {shipped().resolve(own).name} elsewhere."
        if own and code != own and (usual := shipped().find(code)) and usual.iso639_3 != own:
            return f"{spelling} is {shipped().resolve(own).name} ({own}) in {self.name}, and {usual.name} elsewhere."
        return shipped().resolve(spelling).note if not own and meaning("replaced", code) else ""

    def _own(self, spelling: str) -> str | None:
        """The language that has this spelling in the data set."""
        own = {fold(code): iso for iso, codes in self.languages.items() for code in (iso, *codes)}
        return own.get(fold(spelling))

    def sentences(self, frame: pl.DataFrame) -> list[str] | list[list[str]]:
        """Every single text of the rows that is neither empty nor a code word; lists of words if the data are words."""
        return [text for _, text in self.sentences_by_row(frame)]

    def sentences_by_row(self, frame: pl.DataFrame) -> list[tuple[int, Any]]:
        """The same, each text with the number of its row, column by column."""
        if self.kind == "token-classification":
            return [(row, words) for row, words in enumerate(frame["tokens"].to_list()) if words]
        texts: list[tuple[int, str]] = []
        for name, kind in (dict.fromkeys(self.context, "text") | COLUMNS[self.kind]).items():
            if kind.startswith("text") and name not in self.codes:
                values = enumerate(frame[name].to_list())
                texts += [(row, text) for row, own in values for text in (own or () if kind == "texts" else (own,))]
        return [(row, text) for row, text in texts if text and not text.isspace()]

    def spellings_of(self, split: str) -> tuple[str, ...]:
        """How files may spell a split; a word that could mean two splits of the task means neither."""
        others = {word for other in self.splits if other != split for word in (other, *self._split_words(other))}
        return (split, *(word for word in self._split_words(split) if word != split and word not in others))

    def _split_words(self, split: str) -> tuple[str, ...]:
        """SPELLINGS of a split; of one that is called by another spelling (val), if no other split of the task is."""
        if split in SPELLINGS:
            return SPELLINGS[split]
        return next((words for words in SPELLINGS.values() if [s for s in self.splits if s in words] == [split]), ())

    def expected_rows(self, split: str, language: str) -> int | None:
        """Number of rows that a split should have in a language, before repairs; None = unknown."""
        size = self.sizes.get(split)
        return size.get(language) if isinstance(size, Mapping) else size

    def require_split(self, split: str) -> None:
        """Raises: UnknownNameError: the task has no such split."""
        if split not in self.splits:
            raise UnknownNameError(f"split of {self.name}", split, self.splits)

    def without_repairs(self, names: tuple[str, ...]) -> Task:
        """The task with these repairs switched off. Raises: UnknownNameError, DataError: it has no such repair."""
        own = [repair.name for repair in self.repairs]
        for name in names:
            if not own:
                raise DataError(f"Nothing is repaired in {self.name}, so {name!r} cannot be switched off.")
            if name not in own:
                raise UnknownNameError(f"repair of {self.name}", name, own)
        return replace(self, without=tuple(sorted({*self.without, *names})))

    @property
    def active_repairs(self) -> tuple[Repair, ...]:
        return tuple(repair for repair in self.repairs if repair.name not in self.without)

    @property
    def drops_incomplete(self) -> bool:
        """Whether rows may lack a value, since a repair drops such rows."""
        return any(repair.drops_incomplete for repair in self.active_repairs)


def language_table(text: str) -> dict[str, tuple[str, ...]]:
    """A task's languages: `ara=ar deu=de|German ace` is ISO 639-3 code = the data set's spellings, or the same."""
    return {iso: tuple((codes or iso).split("|")) for iso, _, codes in (pair.partition("=") for pair in text.split())}


def size_table(text: str) -> dict[str, dict[str, int]]:
    """Rows of train, validation and test by language: `ara,deu=20000/100/100 tha=0/0/1000`; 0 = unknown."""
    pairs = [pair.partition("=") for pair in text.split()]
    rows = {iso: numbers.split("/") for isos, _, numbers in pairs for iso in isos.split(",")}
    return {
        split: {iso: int(numbers[i]) for iso, numbers in rows.items() if numbers[i] != "0"}
        for i, split in enumerate(Task.splits)
    }
