"""Pools: the languages that may be chosen, in one fixed order."""

import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Self

from mslt_cli.errors import UsageError
from mslt_cli.foreign import UnreadableError, read_text_file
from mslt_cli.languages.resolver import Language


class Member(NamedTuple):
    """A language of a pool."""

    label: str
    """As the user wrote it; a code where it comes out of a named pool."""
    language: Language
    named: bool = False
    """Whether it comes out of a named pool, so that the user did not ask for it in particular."""


@dataclass(frozen=True)
class Pool:
    """Candidate languages, sorted by label: the order of every array that a criterion takes."""

    members: tuple[Member, ...]

    def __len__(self) -> int:
        return len(self.members)

    @cached_property
    def labels(self) -> list[str]:
        return [member.label for member in self.members]

    @cached_property
    def codes(self) -> list[str]:
        """ISO 639-3 codes."""
        return [member.language.iso639_3 for member in self.members]

    @classmethod
    def of(cls, members: Iterable[Member]) -> Self:
        """A pool of these members, each by itself at most once (else a UsageError), or again out of named pools."""
        by_code: dict[str, Member] = {}
        for member in members:
            language = member.language
            first = by_code.setdefault(language.iso639_3, member)
            if first is member or member.named:
                continue
            if not first.named:
                same = f"{first.label!r} and {member.label!r} are the same language"
                same = f"{first.label!r} is given twice: it is" if first.label == member.label else same
                raise UsageError(f"{same} {language.name} ({language.iso639_3}). Give it once.")
            by_code[language.iso639_3] = member
        return cls(tuple(sorted(by_code.values(), key=lambda member: member.label)))

    def without(self, positions: Sequence[int]) -> "Pool":
        """The pool less the members at these positions."""
        left_out = set(positions)
        return Pool(tuple(member for i, member in enumerate(self.members) if i not in left_out))


def split_names(text: str) -> list[str]:
    """Names out of a list by comma, or a file by line or comma; `#` starts a comment. Names may hold spaces."""
    lines = [line.split("#", 1)[0] for line in text.splitlines()] or [""]
    return [name.strip() for line in lines for name in re.split(r"[,;\t]", line) if name.strip()]


def names_in(given: str | Sequence[str] | None) -> list[str]:
    """Names out of one list by comma, or several."""
    return [name for text in ([given] if isinstance(given, str) else given or ()) for name in split_names(text)]


def languages_in(given: str | Sequence[str] | None) -> list[str]:
    """Names of languages out of lists by comma, `@file` and `-`."""
    return expand_files(names_in(given))


def expand_files(names: Iterable[str]) -> list[str]:
    """Replace `@file` by the names in it, and `-` by those on standard input; UsageError: a file cannot be read."""
    out: list[str] = []
    for name in names:
        if name == "-":
            out += split_names(sys.stdin.read())
        elif name == "@":
            raise UsageError("@ stands for the languages in a file, and needs its name: --pool @languages.txt.")
        elif name.startswith("@"):
            try:
                out += split_names(read_text_file(Path(name[1:])))
            except UnreadableError as error:
                raise UsageError(f"The list of languages {name[1:]} cannot be read: {error}.") from error
        else:
            out.append(name)
    return out
