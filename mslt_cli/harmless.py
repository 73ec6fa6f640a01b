"""Text of others, where it is shown: it commands no terminal and opens no Markdown."""

import re

UNSAFE = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters but tab and line end, marks that turn the direction of text, and bytes that were no UTF-8."""


def clean(text: str) -> str:
    """Text that a terminal shows as it is: a letter that would command it is written out, as \\x1b or \\u202e."""
    return UNSAFE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def escape_markdown(text: str) -> str:
    """Text that Markdown shows as it is, on one line; code between two single backticks stays code."""
    parts = re.split(r"(?<![`\\])(`[^`]+`)(?!`)", text.replace("\n", " "))  # code stands at the odd places
    for i in range(0, len(parts), 2):
        for letter, written in (("\\", r"\\"), ("`", r"\`"), ("&", "&amp;"), ("<", "&lt;"), ("*", r"\*"), ("~", r"\~")):
            parts[i] = parts[i].replace(letter, written)
        parts[i] = re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\_", parts[i])  # within a word it is not emphasis
        parts[i] = re.sub(r"\](?=[(\[:])", r"\]", parts[i])  # else brackets would be a link
    return "".join(parts).replace("|", "\\|")
