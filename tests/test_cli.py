import os
import re
import subprocess
import sys

import pytest
import typer
from in_process import run_command
from typer.testing import CliRunner

import mslt_cli
from mslt_cli.cli import app
from mslt_cli.criteria import CRITERIA

MSLT = [sys.executable, "-m", "mslt_cli"]


def test_the_version_is_that_of_the_package():
    done = subprocess.run([*MSLT, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"mslt {mslt_cli.__version__}\n"


def test_help_has_examples():
    done = subprocess.run([*MSLT, "select", "--help"], capture_output=True, text=True, check=True)
    assert "mslt select --pool ar,de,en,es,fr,ru,zh -k 3 --include en" in done.stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("mslt select --pool ar,de,sw", "ar,de,sw"),
        ("mslt select --pool xlm", "xlm-r"),
        ("mslt select --by l2v-s", "l2v-syntax"),
        ("mslt select --include Ger", "German"),
        ("mslt select --model blo", "bloom"),
    ],
)
def test_the_shell_completes_languages_pools_criteria_and_models(words, expected):
    environment = {"_MSLT_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    code = "import sys; sys.argv[0] = 'mslt'; from mslt_cli.cli import app; app(prog_name='mslt')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | environment)
    assert expected in done.stdout.splitlines()


def test_a_filled_store_is_read_without_anything_heavy(filled_store):
    # Start-up is part of the product: what select imports is what it runs.
    heavy = ["torch", "transformers", "sklearn", "pandas", "matplotlib", "scipy", "polars", "sqlite_utils", "lang2vec"]
    code = f"""
import sys
sys.argv = ["mslt", "select", "--store", {str(filled_store)!r}, "--by", "l2v-syn,size,scripts", "--explain"]
from mslt_cli.cli import app
try:
    app()
except SystemExit:
    pass
print([name for name in {heavy} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"
    assert "ar Arabic, de German, zh Chinese" in done.stdout


def test_the_library_is_what_the_command_calls(filled_store):
    with mslt_cli.open_store(filled_store) as store:
        found = mslt_cli.select(store, "ar,de,en,es,fr,ru,zh", k=3, include="en")
    assert found.results[0].languages == ("ar", "en", "zh")
    assert found.combinations == 15


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["select", "-h"], ["fetch", "--help"], ["fetch", "langs", "-h"]])
def test_help_goes_to_stdout_without_escape_codes_in_a_pipe(words, tmp_path):
    done = run_command(*words, HF_HOME=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage:" in done.stdout
    assert "\x1b" not in done.stdout


def test_no_option_is_cut_in_the_help_of_80_columns():
    for name, command in typer.main.get_command(app).commands.items():
        below = getattr(command, "commands", {})
        for words, sub in [([name], command), *(([name, other], sub) for other, sub in below.items())]:
            text = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "80"}).stdout
            assert max(map(len, text.splitlines())) <= 80
            panels = text[text.index("╭") :]  # not the examples above them
            options = [option for each in sub.params for option in (*each.opts, *each.secondary_opts)]
            for option in (option for option in options if option.startswith("--")):
                assert re.search(re.escape(option) + r"(?![\w-])", panels), (words, option)


def test_train_leads_with_what_people_set():
    text = CliRunner().invoke(app, ["train", "--help"], env={"COLUMNS": "80"}).stdout
    first_panel = text.partition("╭─ Options")[2].partition("╰")[0]
    options = ["--task", "--model", "--sources", "--examples", "--targets", "--seed", "--help"]
    assert re.findall(r"(--[\w-]+) ", first_panel) == options


@pytest.mark.parametrize("words", [["selekt"], ["--polo"], ["fetch", "nothing"], ["select", "ar,de"], ["select", "-k"]])
def test_what_does_not_parse_is_exit_code_2_on_stderr(words, tmp_path):
    done = run_command(*words, HF_HOME=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    assert done.stderr


def test_every_criterion_completes_and_own_sets_of_vectors_do(own_store, tmp_path):
    environment = {"_MSLT_COMPLETE": "complete_bash", "COMP_WORDS": "mslt select --by ", "COMP_CWORD": "3"}
    code = "import sys; sys.argv[0] = 'mslt'; from mslt_cli.cli import app; app(prog_name='mslt')"
    path = tmp_path / "mine.csv"
    path.write_text("x,a,b\nen,1,0\nde,0,1\n")
    run_command("fetch", "vectors", path, "--name", "mine", "--store", own_store, HF_HOME=str(tmp_path))
    for store, own in ((own_store, {"mine"}), (tmp_path / "none.db", set())):
        settings = os.environ | environment | {"MSLT_STORE": str(store)}
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=settings)
        assert set(done.stdout.split()) == set(CRITERIA) | own
