"""Fields of records that users set: what each one is, said once for its option, its check and its default."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from math import inf
from typing import Any

from mslt_cli.errors import UsageError

NUMBER = re.compile(r"(0|[1-9][0-9]*)(\.[0-9]+)?(e[+-]?[0-9]+)?")
"""As TOML has it as well."""


@dataclass(frozen=True)
class About:
    """What a field says of itself."""

    default: Any
    what: str
    """What it is, with its unit; no full stop."""
    unset: str = ""
    """What holds where it is None or empty."""
    metavar: str = "N"
    option: str = ""
    """Name of the option without dashes; empty = as the field is called."""
    field: str = ""
    """Its name."""
    choices: tuple[str, ...] = ()
    least: float = -inf
    above: float = -inf
    below: float = inf


def described(default: Any, what: str, **details: Any) -> Any:
    """A dataclass field that describes itself with the fields of `About`.

    The option of a bool is a flag that turns it into the opposite; that of a field with choices takes a NAME.
    """
    if "choices" in details:
        details["metavar"] = "NAME"
    return field(default=default, metadata={"about": About(default, what, **details)})


def options_of(record: Any) -> dict[str, About]:
    """The described fields of a record or of its class, by name of the option, without dashes."""
    abouts = [replace(f.metadata["about"], field=f.name) for f in fields(record) if "about" in f.metadata]
    return {about.option or about.field.replace("_", "-"): about for about in abouts}


def help_of(about: About) -> str:
    """What an option is, and its default: "Examples in one optimizer step. Default: 16."."""
    if isinstance(about.default, bool):
        return f"{about.what}."
    default = about.unset or (f"{about.default:g}" if isinstance(about.default, float) else str(about.default))
    return f"{about.what}. Default: {default}."


def check_fields(record: Any) -> None:
    """Raises: UsageError: a value is out of its range, or none of its choices."""
    for option, about in options_of(record).items():
        value = getattr(record, about.field)
        if about.choices and value is not None and value not in about.choices:
            raise UsageError(f"--{option} is {value!r}; it can be {', '.join(about.choices)}.")
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or (about.least <= value < about.below and about.above < value):
            continue
        limits = [f"at least {about.least:g}"] if about.least > -inf else []
        limits += [f"greater than {about.above:g}"] if about.above > -inf else []
        limits += [f"less than {about.below:g}"] if about.below < inf else []
        raise UsageError(f"--{option} is {value:g}; it has to be {' and '.join(limits) or 'a finite number'}.")


def values_given(record: type, options: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a record that a command line sets.

    `options` has what was given by parameter of the command (`lora_rank`); None, and False for a flag = not given.
    """
    values: dict[str, Any] = {}
    for option, about in options_of(record).items():
        value = options.get(option.replace("-", "_"))
        if value is None or value is False:
            continue
        if isinstance(about.default, bool):
            value = not about.default
        elif isinstance(about.default, tuple):
            value = tuple(part.strip() for part in value.split(",") if part.strip())
        values[about.field] = value
    return values


def words_for(record: Any, default: Any) -> list[str]:
    """The command-line options that give a record's values where those of `default` are others."""
    words: list[str] = []
    for option, about in options_of(record).items():
        value = getattr(record, about.field)
        if value is None or value == getattr(default, about.field):
            continue
        short = f"{value:g}" if isinstance(value, float) else str(value)
        exact = repr(value) if isinstance(value, float) and float(short) != value else short
        text = ",".join(value) if isinstance(value, tuple) else exact
        words += [f"--{option}"] if isinstance(value, bool) else [f"--{option}", text]
    return words


def words_as_toml(words: Sequence[str]) -> str:
    """Options of a command line as lines of TOML, for `--config`: of `--seed 0 --force` "seed = 0" and "force = true".

    An option with several words, or there several times, is a list.
    """
    values: dict[str, list[str]] = {}
    for word in words:
        if word.startswith("--"):
            texts = values.setdefault(word.removeprefix("--"), [])
        else:
            texts.append(word if NUMBER.fullmatch(word) else json.dumps(word, ensure_ascii=False))
    shown = {option: f"[{', '.join(texts)}]" if len(texts) > 1 else "".join(texts) for option, texts in values.items()}
    return "".join(f"{option} = {text or 'true'}\n" for option, text in shown.items())
