import os
import subprocess
import sys

import pytest

import mslt_cli

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
