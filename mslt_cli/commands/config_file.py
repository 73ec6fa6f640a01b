"""`--config FILE.toml`: options out of a file, each by its long name. Typer checks them as it does a command line."""

import json
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand

from mslt_cli.errors import UnknownNameError, UsageError
from mslt_cli.foreign import UnreadableError, parse_toml, read_text_file

ALTERNATIVES = (
    (("epochs",), ("steps",)),
    (("sources",), ("all_combinations",), ("design",), ("search", "runs_at_most")),
    (("format_",), ("json_",)),
)
"""Parameters that take each other's place: of what the command line gives, the file's alternatives do not count."""
LARGEST_BYTES = 1 << 20
KINDS: dict[str, tuple[str, tuple[type, ...]]] = {
    "bool": ("true or false", (bool,)),
    "int": ("a whole number", (int,)),
    "float": ("a number", (int, float)),
}
"""What a value has to be, and its types in TOML, by the first letters of the option's type."""
TEXT: tuple[str, tuple[type, ...]] = ("a text or a whole number", (str, int))
"""Of all other options: seeds are 0 or "0..4"."""


class ConfiguredCommand(TyperCommand):
    """A command whose option --config, where it has one, names a file with values for its other options."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        given = self.make_parser(ctx).parse_args(args=list(args))[0]
        path = None if ctx.resilient_parsing else given.get("config")  # the shell completes half a command line
        if path is None:
            return super().parse_args(ctx, args)
        path = Path(path)
        ctx.default_map = read_config(path, self.params, {name for name, value in given.items() if value is not None})
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            name = error.param.name if error.param else None
            if name not in ctx.default_map or name in given:
                raise
            raise UsageError(
                f"{path}: {_key(error.param)} is {_shown(ctx.default_map[name])}. {error.message}"
            ) from error


def read_config(path: Path, params: Iterable[Any], given: Collection[str]) -> dict[str, Any]:
    """The options that a file sets, by name of the parameter, as Click's `default_map` takes them.

    Paths in it are read as on the command line: from the working directory.

    Args:
        params: those of the command.
        given: names of those that the command line has: the file's alternatives to these are left out.

    Raises: UsageError: the file cannot be read, or a key is unknown, there twice, or of the wrong type; names the file.
    """
    try:
        table = parse_toml(read_text_file(path, LARGEST_BYTES))
    except UnreadableError as error:
        raise UsageError(f"--config {path} cannot be read: {error}.") from error
    known = {
        option.lstrip("-"): param
        for param in params
        if param.param_type_name == "option" and param.name != "config"
        for option in param.opts
        if option.startswith("--") or len(param.opts) == 1
    }
    values: dict[str, Any] = {}
    for key, value in table.items():
        name = key.replace("_", "-")
        if name not in known:
            raise UsageError(f"{path}: {UnknownNameError('option', key, known, 'See --help.')}")
        param = known[name]
        if param.name in values:
            raise UsageError(f"{path}: {key} is there twice, once by another name. Leave one out.")
        values[param.name] = _value(path, key, value, param)
    return {name: value for name, value in values.items() if not _has_alternative(name, given)}


def _has_alternative(name: str, given: Collection[str]) -> bool:
    """Whether the command line has something that takes the place of a parameter."""
    for group in ALTERNATIVES:
        if any(name in way for way in group):
            return any(other in given for way in group if name not in way for other in way)
    return False


def _value(path: Path, key: str, value: Any, param: Any) -> Any:
    """A value as Click takes it: texts of a list are joined by comma where the option does not repeat."""
    what, types = next((kind for start, kind in KINDS.items() if param.type.name.startswith(start)), TEXT)
    takes_list = param.type.name == "str"
    parts = value if isinstance(value, list) and takes_list else [value]
    if param.multiple:  # a combination of sources may be a list as well
        parts = [",".join(map(str, part)) if _are(part, types) else part for part in parts]
    if not _are(parts, types):
        what += ", or a list of them" if takes_list else ""
        raise UsageError(f"{path}: {key} is {_shown(value)}; it has to be {what}.")
    if param.multiple:
        return [str(part) for part in parts]
    return ",".join(map(str, parts)) if types == TEXT[1] else value


def _are(parts: Any, types: tuple[type, ...]) -> bool:
    return isinstance(parts, list) and bool(parts) and all(type(part) in types for part in parts)


def _key(param: Any) -> str:
    return str(max(param.opts, key=len)).lstrip("-")


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)[:60]
