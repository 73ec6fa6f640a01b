"""The page of the Python library: the names of `mslt_cli.__all__`, with signatures, arguments and errors."""

from dataclasses import fields, is_dataclass
from typing import Any

import griffe

import mslt_cli
from website.markdown_tables import table

INTRODUCTION = """# The Python library

`import mslt_cli` is quick: each name below is imported when it is first used. A function raises an `MsltError`
(`mslt_cli.errors`), whose text says what to do, where what it was given can't be done. What is not on this page may
change without notice.
"""
HEADERS = {"parameters": "argument", "returns": "returns", "raises": "raises"}


def signature(name: str, found: griffe.Function) -> str:
    """The call as it is written, an argument a line."""
    lines: list[str] = []
    starred = False
    for parameter in found.parameters:
        if parameter.kind is griffe.ParameterKind.keyword_only and not starred:
            lines, starred = [*lines, "    *,"], True
        default = "" if parameter.default is None else f" = {parameter.default}"
        lines.append(f"    {parameter.name}: {parameter.annotation}{default},")
    return "\n".join([f"{name}(", *lines, f") -> {found.returns}"])


def described(text: griffe.Docstring | None) -> list[str]:
    """A docstring as paragraphs and tables."""
    parts = []
    for section in text.parse("google", returns_named_value=False, warnings=False) if text else []:
        kind = section.kind.value
        if kind == "text":
            parts.append(f"{section.value}\n")
        elif kind == "admonition":
            parts.append(f"{section.title}: {section.value.contents}\n")
        elif kind in HEADERS:
            names = [getattr(item, "name", "") or str(item.annotation or "") for item in section.value]
            rows = [
                [f"`{name}`" if name else "", item.description] for name, item in zip(names, section.value, strict=True)
            ]
            parts.append(table([HEADERS[kind], ""], rows))
    return parts


def record_fields(found: griffe.Class, record: Any) -> list[str]:
    """The fields of a record: type, default, and what they mean, which stands below or within them."""
    meanings = {f.name: f.metadata["about"].what for f in fields(record) if "about" in f.metadata}
    rows = []
    for name, member in found.members.items():
        if isinstance(member, griffe.Attribute) and "property" not in member.labels and not name.startswith("_"):
            about = meanings.get(name) or (member.docstring.value if member.docstring else "")
            default = "" if member.value is None or name in meanings else f"`{member.value}`"
            rows.append([f"`{name}`", f"`{member.annotation}`", default, about])
    return [table(["field", "type", "default", "meaning"], rows)]


def python_page() -> str:
    """A section for each public name, functions first."""
    package = griffe.load("mslt_cli", docstring_parser="google")
    parts = [INTRODUCTION, *described(package.docstring)[1:]]
    targets = {name: package[name].final_target for name in sorted(mslt_cli.__all__, key=str.swapcase)}
    for name, found in targets.items():
        parts.append(f"## {name}\n")
        if isinstance(found, griffe.Function):
            parts += [f"```python\n{signature(name, found)}\n```\n", *described(found.docstring)]
        elif isinstance(found, griffe.Class) and is_dataclass(record := getattr(mslt_cli, name)):
            parts += [*described(found.docstring), *record_fields(found, record)]
    return "\n".join(parts)
