"""Sentence templates as Home Assistant writes them: `turn (on|off) [the] {name} <in> {area}`, read and filled.

`(a|b)` is one of several, `[a]` may be left out, `(a;b)` stands in any order, `<rule>` is a template of that name, and
`{list:slot}` is a value: one that the list names, a number of its range, or whatever the user says.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from mslt_cli.errors import DataError

ANYTHING = "…"
"""What stands for a value that the user is free to say: the name of a lamp or of a room."""
CLOSERS = {"(": ")", "[": "]"}

Part = Callable[[Random], str]
"""Fills a part of a template: takes what is drawn from, and gives the text."""


@dataclass(frozen=True)
class Grammar:
    """What templates of a language refer to: rules (templates) by name, and lists of values by name."""

    rules: Mapping[str, str]
    lists: Mapping[str, Mapping[str, Any]]

    def fill(self, template: str, seed: str) -> str:
        """A sentence of a template; the same seed gives the same one. DataError: the template cannot be read.

        Only `Random.random` is drawn from, which Python keeps the same from version to version.
        """
        rest, part = self._read(template, 0, "")
        if rest < len(template):
            raise DataError(f"The template {template!r} has a {template[rest]!r} that closes nothing.")
        return " ".join(part(Random(seed)).split())

    def _read(self, text: str, at: int, end: str) -> tuple[int, Part]:
        """Read alternatives up to a closing bracket, or to the end; give where it stands, and the part."""
        choices: list[list[Part]] = [[]]
        in_any_order = False
        while at < len(text) and text[at] != end and text[at] not in ")]":
            letter = text[at]
            if letter in "|;":
                in_any_order = letter == ";"
                choices.append([])
            elif letter in CLOSERS:
                at, inside = self._read(text, at + 1, CLOSERS[letter])
                if at >= len(text) or text[at] != CLOSERS[letter]:
                    raise DataError(f"The template {text!r} has a {letter!r} that is not closed.")
                choices[-1].append(_sometimes(inside) if letter == "[" else inside)
            elif letter in "{<":
                close = text.find("}" if letter == "{" else ">", at)
                if close < 0:
                    raise DataError(f"The template {text!r} has a {letter!r} that is not closed.")
                name, at = text[at + 1 : close], close
                choices[-1].append(self._value(name.partition(":")[0]) if letter == "{" else self._rule(name))
            else:
                at += letter == "\\"
                choices[-1].append(_said(text[at : at + 1]))
            at += 1
        parts = [_joined(choice) for choice in choices]
        return at, _joined(parts, shuffle=True) if in_any_order else _one_of(parts)

    def _rule(self, name: str) -> Part:
        if name not in self.rules:
            raise DataError(f"A template names the rule <{name}>, which there is not.")
        return self._read(self.rules[name], 0, "")[1]

    def _value(self, name: str) -> Part:
        found = self.lists.get(name, {})
        if span := found.get("range"):
            low, high, step = span["from"], span["to"], span.get("step", 1)
            return lambda draw: str(low + step * int(draw.random() * ((high - low) // step + 1)))
        if values := found.get("values"):
            return _one_of([self._read(value["in"], 0, "")[1] for value in values])
        return _said(ANYTHING)


def _said(text: str) -> Part:
    return lambda draw: text


def _sometimes(part: Part) -> Part:
    return lambda draw: part(draw) if draw.random() < 0.5 else ""


def _one_of(parts: list[Part]) -> Part:
    return parts[0] if len(parts) == 1 else lambda draw: parts[int(draw.random() * len(parts))](draw)


def _joined(parts: list[Part], shuffle: bool = False) -> Part:
    def fill(draw: Random) -> str:
        order = sorted(parts, key=lambda part: draw.random()) if shuffle else parts
        return (" " if shuffle else "").join(part(draw) for part in order)

    return fill
