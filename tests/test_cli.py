import os
import subprocess
import sys

import pytest

import mslt_cli
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
def test_help_goes_to_stdout_without_escape_codes_in_a_pipe(words):
    done = subprocess.run([*MSLT, *words], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage:" in done.stdout
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize("words", [["selekt"], ["--polo"], ["fetch", "nothing"], ["select", "ar,de"], ["select", "-k"]])
def test_what_does_not_parse_is_exit_code_2_on_stderr(words):
    done = subprocess.run([*MSLT, *words], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    assert done.stderr


def test_every_criterion_completes():
    environment = {"_MSLT_COMPLETE": "complete_bash", "COMP_WORDS": "mslt select --by ", "COMP_CWORD": "3"}
    code = "import sys; sys.argv[0] = 'mslt'; from mslt_cli.cli import app; app(prog_name='mslt')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | environment)
    assert set(done.stdout.split()) == set(CRITERIA)
