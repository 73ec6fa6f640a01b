import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from mslt_cli.cli import app
from website import reference_pages

ROOT = Path(__file__).parent.parent
MADE = [ROOT / "docs" / "reference" / name for name in reference_pages.PAGES]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted({*(ROOT / "docs").rglob("*.md")} - {*MADE})]
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]


def shown():
    """(command, output) of each `$ mslt ...` in the pages' console blocks; `...` alone on a line stands for any."""
    pages = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    for block in re.findall(r"```console\n(.*?)```", pages, re.S):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, output = part.partition("\n")
            if command.startswith("mslt "):
                yield command, output


@pytest.fixture(scope="module")
def environment(filled_store, e5_small, tmp_path_factory):
    """A filled store, and e5-small in the cache; a command of a page uses what another has fetched."""
    from mslt_cli.models.e5_small import PACKAGE_VERSION

    home = tmp_path_factory.mktemp("readme")
    models = home / "hf" / "mslt" / "models"
    models.mkdir(parents=True)
    (models / f"e5-small-{PACKAGE_VERSION}").symlink_to(e5_small)
    shutil.copy(filled_store, home / "store.db")
    return os.environ | {"MSLT_STORE": str(home / "store.db"), "HF_HOME": str(home / "hf"), "HF_HUB_OFFLINE": "1"}


@pytest.mark.parametrize(("command", "output"), list(shown()), ids=[command for command, _ in shown()])
def test_pages_show_what_their_commands_print(environment, command, output):
    words = [sys.executable, "-m", "mslt_cli", *shlex.split(command)[1:]]
    done = subprocess.run(words, capture_output=True, text=True, env=environment, check=True)
    printed = "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines())
    lines = [line.rstrip() for line in output.splitlines()]
    pattern = "".join("(?:.*\n)*" if line == "..." else re.escape(f"{line}\n") for line in lines)
    assert re.fullmatch(pattern, printed), f"{command} prints\n{printed}"


def test_the_python_of_the_readme_runs(environment, tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    words = [sys.executable, "-c", code + "print(frame.columns)"]
    done = subprocess.run(words, capture_output=True, text=True, env=environment, cwd=tmp_path, check=True)
    assert done.stdout == "('ar', 'en', 'zh')\n['id', 'text', 'text_pair', 'label']\n"


def test_the_page_of_commands_has_every_command_and_option():
    text = reference_pages.commands_page()
    group = typer.main.get_command(app)
    for name, command in group.commands.items():
        assert f"## `mslt {name}`" in text
        for sub in (command, *getattr(command, "commands", {}).values()):
            for parameter in sub.params:
                assert parameter.opts[-1].lower() in text.lower(), (name, parameter.opts)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" in target:  # elsewhere, and tests need no network
            continue
        found = page.parent / target
        assert found.exists() or found.resolve() in MADE, target


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_command_that_a_page_shows_exists_with_its_options(page):
    group = typer.main.get_command(app)
    for line in re.findall(r"(?:^\$ |^ {2,}|`)(mslt [^`\n]+)", page.read_text(encoding="utf-8"), re.M):
        words = line.split("|")[0].split()[1:]
        command = group
        while words and words[0] in getattr(command, "commands", {}):
            command = command.commands[words.pop(0)]
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        known |= {"-h", "--help", "--install-completion", "--show-completion"}
        for word in words:
            if re.match(r"--?[a-z]", word):
                assert word.split("=")[0] in known, line
