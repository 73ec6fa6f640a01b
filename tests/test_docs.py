import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from in_process import run_command

from mslt_cli.cli import app
from website import reference_pages

ROOT = Path(__file__).resolve().parent.parent
DOCS = (ROOT / "docs").resolve()
MADE = [DOCS / "reference" / name for name in reference_pages.PAGES]
SKILL = ROOT / ".agents" / "skills" / "mslt" / "SKILL.md"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", SKILL, *sorted({*DOCS.rglob("*.md")} - {*MADE})]
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]


PROGRAMS = ("mslt", "make", "python", "python3", "pip", "uvx", "pipx", "docker", "torchrun", "sqlite3", "export")
NEEDS = "a GPU|a hub|a cluster|a network|your own files|your own runs|sqlite3|uv or pipx|docker"
MARK = re.compile(rf"takes [a-z]+ minutes|takes minutes|takes a minute|needs ({NEEDS})( and ({NEEDS}))?")
"""What a block says that no test runs; readers see it as the block's title."""


def blocks():
    """(page, mark, lines) of each block of code: what its title says is needed, empty without one; None if indented."""
    for page, name in zip(PAGES, NAMES, strict=True):
        text = page.read_text(encoding="utf-8")
        for indent, info, code in re.findall(r"^( *)```(.*)\n((?:.*\n)*?)\1```$", text, re.M):
            lines = [line.removeprefix(indent) for line in code.splitlines()]
            title = re.fullmatch(r'console(?: title="(.*)")?', info)
            yield name, title and (title[1] or ""), lines
        outside = re.sub(r"^( *)```.*\n(?:.*\n)*?\1```$", "", text, flags=re.M)
        yield name, None, [line.strip() for line in re.findall(r"^(?: {4}|\t).*", outside, re.M)]


def commands_of(lines):
    """(command, output) of each line that begins with `$ `; a backslash at the end of a command goes on."""
    parts = re.split(r"^\$ ", "\n".join(lines).replace("\\\n", " ") + "\n", flags=re.M)[1:]
    return [(command, output) for command, _, output in (part.partition("\n") for part in parts)]


def shown():
    """(command, output) of what the tests run: console blocks without a mark. `...` alone on a line stands for any."""
    found = [command for _, mark, lines in blocks() if mark == "" for command in commands_of(lines)]
    return list(dict.fromkeys(found))  # what two pages show alike is run once


def parsed(command):
    """The words of a command line, parsed by the app as if it were run, each part of a pipe for itself."""
    for part in re.split(r"\||&&", command):
        words = shlex.split(part, comments=True)
        if words[:1] == ["make"]:
            assert all(re.search(rf"^{word}:", (ROOT / "Makefile").read_text(), re.M) for word in words[1:]), command
        if words[:1] != ["mslt"]:
            continue
        found, words = typer.main.get_command(app), words[1:]
        while words and words[0] in getattr(found, "commands", {}):
            found = found.commands[words.pop(0)]
        found.make_context(command, words)


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
    done = run_command(*shlex.split(command)[1:], **environment)
    assert done.returncode == 0, done.stderr
    printed = "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines())
    lines = [line.rstrip() for line in output.splitlines()]
    pattern = "".join("(?:.*\n)*" if line == "..." else f"{re.escape(line)}[ \n]" for line in lines)  # may be folded
    assert re.fullmatch(pattern, printed), f"{command} prints\n{printed}"


def test_every_command_line_is_run_or_says_what_it_needs():
    for page, mark, lines in blocks():
        for line in lines:
            if line.removeprefix("$ ").split(" ")[0] in PROGRAMS:
                assert line.startswith("$ "), f"{page}: {line}: not in a console block, after `$ `"
        for command, _ in commands_of(lines):
            assert mark is not None, f"{page}: {command}: not in a console block"
            assert command.startswith("mslt ") if mark == "" else MARK.fullmatch(mark), f"{page}: {command}: {mark}"


@pytest.mark.parametrize(
    ("command", "page"),
    [(command, page) for page, mark, lines in blocks() if mark for command, _ in commands_of(lines)],
    ids=str,
)
def test_what_is_not_run_parses(command, page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in re.findall(r"--config (\S+)", command):
        (config,) = re.findall(r"```toml\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.S)
        Path(name).write_text(config, encoding="utf-8")
    parsed(command)


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
        assert DOCS not in page.parents or DOCS in found.resolve().parents, f"{target} is not in the site"


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


def test_agents_find_the_skill_by_its_name_and_what_it_is_for():
    import yaml

    _, front, body = SKILL.read_text(encoding="utf-8").split("---\n", 2)
    about = yaml.safe_load(front)
    assert about["name"] == SKILL.parent.name and 100 < len(about["description"]) <= 1024  # agentskills.io's limits
    for page in (SKILL, ROOT / "docs" / "how-to" / "programs.md"):
        assert len(page.read_text(encoding="utf-8").splitlines()) <= 90
    assert body.lstrip().startswith("# ")
