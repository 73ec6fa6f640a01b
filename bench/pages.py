"""What the page of a report costs, and how it is read: bytes, requests, load time, faults, at three widths.

Run: python bench/pages.py [REPORT.html]    (default: the page of the shipped runs; it takes half a minute to make)
"""

from __future__ import annotations

import importlib
import json
import re
import statistics
import subprocess
import sys
import tempfile
from html import unescape
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
browser: Any = importlib.import_module("browser")
accessibility: Any = importlib.import_module("accessibility")

WIDTHS = (390, 1280, 1920)
TIMES = """<script>addEventListener("load", () => {
    const [page] = performance.getEntriesByType("navigation");
    const paint = performance.getEntriesByName("first-contentful-paint")[0];
    document.body.dataset.times = JSON.stringify([
        page.domContentLoadedEventEnd, performance.now(), paint && paint.startTime,
        performance.getEntriesByType("resource").filter(one => !one.name.startsWith("data:")).length,
        document.getElementsByTagName("*").length]);
})</script>"""
LOOK = """
    const root = document.documentElement;
    found.overflow = root.scrollWidth - root.clientWidth; found.height = root.scrollHeight;
    found.first = [...document.querySelectorAll("h2")].map(heading => heading.textContent.slice(0, 60))[0];
"""


def times(page: Path, folder: Path) -> list[float]:
    """Milliseconds to DOMContentLoaded, load and the first text; requests; elements."""
    copy = folder / "timed.html"
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page.read_text(encoding="utf-8"))
    copy.write_text(text + TIMES, encoding="utf-8")
    flags = [flag for flag in browser.FLAGS if "virtual-time" not in flag]
    words = [browser.CHROMIUM, *flags, "--timeout=30000", f"--user-data-dir={folder / 'timed'}", "--dump-dom"]
    done = subprocess.run([*words, copy.as_uri()], capture_output=True, text=True, check=True).stdout
    found = re.search(r'data-times="([^"]*)"', done)
    assert found is not None, "the page did not load"
    return [float(x or 0) for x in json.loads(unescape(found[1]))]


def main() -> None:
    """Print what is measured."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        page = Path(sys.argv[1]) if len(sys.argv) > 1 else folder / "report.html"
        if len(sys.argv) == 1:
            words = [sys.executable, "-m", "mslt_cli", "report", "all", "--source", "shipped", "--out", str(page)]
            subprocess.run([*words, "--store", str(folder / "store.db")], check=True, capture_output=True)
        print(f"{page.stat().st_size:,} bytes")
        rounds = [times(page, folder) for _ in range(3)]
        ready, loaded, painted, requests, elements = map(statistics.median, zip(*rounds, strict=True))
        print(
            f"{requests:.0f} requests; {elements:,.0f} elements; DOMContentLoaded {ready:.0f} ms, load {loaded:.0f} ms"
        )
        print(f"first text after {painted:.0f} ms")
        for width, found in browser.opened_at(page, folder, LOOK, WIDTHS).items():
            print(f"  {width:5} px: {found['overflow']} px sideways, {found['height']:,} px high")
        faults = accessibility.find_faults(browser.opened(page, folder))
        print(f"{len(faults)} faults of accessibility (tests/accessibility.py)", *dict.fromkeys(faults[:8]), sep="\n  ")


if __name__ == "__main__":
    main()
