"""A real headless browser for pages that we write: what is in the page once its scripts have run."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
from html import escape, unescape

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
REASON = "there is no chromium here to open pages with"
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--virtual-time-budget=3000"),
)


WATCH = """const tell = e => document.documentElement.dataset.error =
    e.message || `${e.violatedDirective}, line ${e.lineNumber}: ${e.sample}`;"""
WATCH = f"{{ {WATCH} addEventListener('error', tell); addEventListener('securitypolicyviolation', tell); }}"


def opened(page, tmp_path, script=""):
    """The page's text as a browser has it after its scripts and then `script` have run; an error of theirs fails."""
    text = _dump(_watched(page, script), tmp_path)
    found = re.search(r'data-error="([^"]*)"', text.split("<title>")[0])
    assert found is None, found and found[1]
    return text


def opened_at(page, tmp_path, script, widths):
    """What `script` puts into `found`, by width of the window, in one start; an error or a refused load fails.

    Each window is a frame: headless Chromium makes none of its own narrower than 500.
    """
    kept = "document.documentElement.dataset.found = JSON.stringify(found);"
    held = _watched(page, f"{{ const found = {{}};\n{script}\n{kept} }}")
    tell = """addEventListener("load", () => setTimeout(() => {
        const roots = [...document.querySelectorAll("iframe")].map(frame => frame.contentDocument.documentElement);
        document.body.textContent = JSON.stringify(roots.map(root => [root.dataset.error, root.dataset.found]));
    }, 500))"""
    frames = (f'<iframe style="width:{x}px;height:900px" srcdoc="{escape(held)}"></iframe>' for x in widths)
    text = _dump(f"<!doctype html><title>frames</title><body>{''.join(frames)}<script>{tell}</script>", tmp_path)
    of_frames = json.loads(unescape(re.search(r"<body>(.*?)</body>", text, re.DOTALL)[1]))
    errors = [error for error, _ in of_frames if error]
    assert not errors, errors
    return {width: json.loads(found) for width, (_, found) in zip(widths, of_frames, strict=True)}


def _watched(page, script):
    """The text of a page with a script of the test in it, and a watch for errors; its policy allows the two."""
    text = page.read_text(encoding="utf-8").replace("<title>", f"<script>{WATCH}</script><title>", 1)
    digests = (base64.b64encode(hashlib.sha256(own.encode()).digest()).decode() for own in (WATCH, script))
    text = text.replace("script-src ", "script-src " + "".join(f"'sha256-{digest}' " for digest in digests), 1)
    return f"{text}<script>{script}</script>"


def _dump(text, tmp_path):
    copy = tmp_path / "opened.html"
    copy.write_text(text, encoding="utf-8")
    words = [CHROMIUM, *FLAGS, f"--user-data-dir={tmp_path / 'browser'}", "--window-size=1200,900", "--dump-dom"]
    done = subprocess.run([*words, copy.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout, done.stderr
    return done.stdout
