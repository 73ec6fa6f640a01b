"""A real headless browser for pages that we write: what is in the page once its scripts have run."""

import base64
import hashlib
import re
import shutil
import subprocess

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
REASON = "there is no chromium here to open pages with"
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--virtual-time-budget=3000"),
)


def opened(page, tmp_path, script="", width=1200):
    """The page's text as a browser has it after its scripts and then `script` have run; an error of theirs fails."""
    copy = tmp_path / "opened.html"
    watch = "const tell = e => document.documentElement.dataset.error = e.message || e.violatedDirective;"
    watch = f"{{ {watch} addEventListener('error', tell); addEventListener('securitypolicyviolation', tell); }}"
    text = page.read_text(encoding="utf-8").replace("<title>", f"<script>{watch}</script><title>", 1)
    digests = (base64.b64encode(hashlib.sha256(own.encode()).digest()).decode() for own in (watch, script))
    text = text.replace("script-src ", "script-src " + "".join(f"'sha256-{digest}' " for digest in digests), 1)
    copy.write_text(f"{text}<script>{script}</script>", encoding="utf-8")
    words = [CHROMIUM, *FLAGS, f"--user-data-dir={tmp_path / 'browser'}", f"--window-size={width},900", "--dump-dom"]
    done = subprocess.run([*words, copy.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout, done.stderr
    found = re.search(r'data-error="([^"]*)"', done.stdout.split("<title>")[0])
    assert found is None, found and found[1]
    return done.stdout
