"""Faults of a page that keep people from reading it: headings, names, table scopes, contrast."""

import re
from html.parser import HTMLParser
from itertools import pairwise

FOCUSABLE = ("a", "button", "input", "select", "summary")
VOID = ("br", "hr", "img", "input", "link", "meta")


class _Reader(HTMLParser):
    """Elements with their attributes, the text in them, and whether they stand in a label."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.open = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        element = {"tag": tag, "text": "", "labelled": any(e["tag"] == "label" for e in self.open), **dict(attributes)}
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag):
        while self.open and self.open.pop()["tag"] != tag:
            pass

    def handle_data(self, data):
        for element in self.open:
            element["text"] += data


def find_faults(text):
    """The faults of a page's text, as sentences; none is what one wants."""
    elements = _Reader(text).elements
    tags = [element["tag"] for element in elements]
    ids = [element["id"] for element in elements if "id" in element]
    faults = [f"id {x} stands twice" for x in sorted({x for x in ids if ids.count(x) > 1})]
    faults += [f"there is no {tag}" for tag in ("header", "nav", "main", "footer", "title") if tag not in tags]
    faults += [f"there are {tags.count('h1')} h1"] * (tags.count("h1") != 1)
    faults += ["the page names no language"] * (not elements[0].get("lang"))
    levels = [int(tag[1]) for tag in tags if re.fullmatch("h[1-6]", tag)]
    faults += [f"h{b} follows h{a}" for a, b in pairwise(levels) if b > a + 1]
    for element in elements:
        tag, named_by = element["tag"], (element.get("aria-labelledby") or "").split()
        name = element["text"].strip() or element.get("aria-label") or named_by
        about = {key: value for key, value in element.items() if key != "text"}
        if tag in FOCUSABLE and not (name or element["labelled"]):
            faults.append(f"{about} has no name")
        if tag == "table" and not (element.get("aria-label") or (named_by and set(named_by) <= set(ids))):
            faults.append(f"{about} is not named by a heading")
        if tag == "th" and element.get("scope") not in ("col", "row"):
            faults.append(f"{about} has no scope")
        if tag == "img" and not element.get("alt"):
            faults.append("a picture has no alt")
        if tag == "fieldset" and not element["text"].strip():
            faults.append("a fieldset has no legend")
        if tag == "a" and element.get("href", "").startswith("#") and element["href"][1:] not in ids:
            faults.append(f"{element['href']} leads nowhere")
    return faults


def colours_of(style):
    """The variables of a style that are colours: for light, for dark."""
    blocks = re.findall(r":root\s*\{([^}]*--page[^}]*)\}", style)
    assert len(blocks) == 2
    return [dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{6})", block)) for block in blocks]


def contrast(one, other):
    """By WCAG 2: 1 (the same) to 21 (black on white)."""
    a, b = sorted((_luminance(one), _luminance(other)))
    return (b + 0.05) / (a + 0.05)


def _luminance(colour):
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
    return sum(weight * x for weight, x in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
