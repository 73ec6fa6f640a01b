"""Finishes and checks the built site: `python -m website.finished_site site` (`make docs-site`).

Opened from a folder, a browser starts no worker out of a file, and so the search would be dead: its worker is put into
a script, which starts it from memory. Then each link and anchor must lead somewhere within the site, and no page may
load anything from a host.
"""

import json
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

WORKER = "assets/javascripts/workers/search.*.js"
STARTER = "assets/iframe-worker.js"
"""As zensical.toml names it: Zensical would load the library iframe-worker from a host if no script were called so."""
START = (
    "window.Worker = class extends Worker {{ constructor() {{ super(URL.createObjectURL(new Blob([{source}]))) }} }}"
)


class Page(HTMLParser):
    """What a page links to, what it loads, and the anchors that it has."""

    def __init__(self, path: Path) -> None:
        """Reads the file."""
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Sorts the attributes of an element."""
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "link" and "canonical" not in given.get("rel", ""):
            self.loads.append(given.get("href", ""))
        elif "src" in given:
            self.loads.append(given["src"])


def faults(site: Path) -> list[str]:
    """A sentence for each link or anchor that leads nowhere, and for each thing that a page loads from a host."""
    pages = {path.resolve(): Page(path) for path in sorted(site.rglob("*.html")) if path.name != "404.html"}
    found = []
    for path, page in pages.items():
        for address in [*page.links, *page.loads]:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                if address in page.loads and parts.scheme != "data":
                    found.append(f"{path.name} loads {address}.")
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file():
                found.append(f"{path.name} links to {address}, which is no file.")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                found.append(f"{path.name} links to {address}, and {target.name} has no such anchor.")
    return found


def main(site: Path) -> None:
    """Writes the starter of the search, and ends with the faults if there are any."""
    (worker,) = site.glob(WORKER)
    (site / STARTER).write_text(START.format(source=json.dumps(worker.read_text(encoding="utf-8"))), encoding="utf-8")
    if found := faults(site):
        sys.exit("\n".join(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
