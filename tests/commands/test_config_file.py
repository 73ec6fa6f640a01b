"""`--config FILE.toml`: options out of a file."""

import json
import os
import sys
from pathlib import Path

import pytest
from in_process import run_command

from mslt_cli.fields import words_as_toml
from mslt_cli.foreign import parse_toml

sys.path.insert(0, str(Path(__file__).parent.parent / "runs"))
from tiny_experiments import home, moods, tiny_folder  # noqa: F401


@pytest.fixture
def mslt(own_store, home, monkeypatch):  # noqa: F811
    """Runs a command with a store and runs of its own, in a folder with a file of these lines, if there are any."""
    monkeypatch.setenv("MSLT_STORE", str(own_store))
    monkeypatch.chdir(home)

    def run(*words, lines="", code=0):
        Path("c.toml").write_text(lines)
        done = run_command(*words, *(["--config", "c.toml"] if lines else []), HF_HOME=os.environ["HF_HOME"])
        assert done.returncode == code, done.stderr
        return done

    return run


def test_options_of_a_command_line_are_read_back_from_toml():
    words = ["--seed", "0", "--lr", "1e-05", "--force", "--evaluate", "a", "--evaluate", 'b"\\', "--runs", "é x"]
    expected = {"seed": 0, "lr": 1e-5, "force": True, "evaluate": ["a", 'b"\\'], "runs": "é x"}
    assert parse_toml(words_as_toml(words)) == expected


def test_select_reads_a_file_and_the_command_line_counts_more(mslt):
    lines = 'pool = ["ar", "de", "en", "es"]\nk = 2\ninclude = ["en"]\nformat = "lines"\ntop = 1\n'
    assert mslt("select", lines=lines).stdout == "ar,en\n"
    assert mslt("select", "--include", "es", "-k", "3", lines=lines).stdout == "ar,de,es\n"
    assert json.loads(mslt("select", "--json", lines=lines).stdout)["k"] == 2  # takes the place of the file's format
    assert "json is true" not in mslt("select", "--format", "csv", lines="json = true\n").stdout


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("lerning-rate = 1", "c.toml: There is no option 'lerning-rate'. Did you mean learning-rate or head-learning"),
        ("config = 'c.toml'", "c.toml: There is no option 'config'"),
        ("lr = 1\nlearning_rate = 1", "c.toml: learning_rate is there twice"),
        ("epochs = '3'", 'c.toml: epochs is "3"; it has to be a number.'),
        ("epochs = true", "c.toml: epochs is true; it has to be a number."),
        ("steps = 1.5", "c.toml: steps is 1.5; it has to be a whole number."),
        ("steps = [1]", "c.toml: steps is [1]; it has to be a whole number."),
        ("force = 1", "c.toml: force is 1; it has to be true or false."),
        ("targets = []", "c.toml: targets is []; it has to be a text or a whole number, or a list of them."),
        ("sources = [['en', 1.5]]", "c.toml: sources is"),
        ("runs = ['a']", "c.toml: runs is"),
        ("examples = 0", "c.toml: examples is 0. 0 is not in the range"),
        ("format = 'xml'", "c.toml: format is \"xml\". 'xml' is not one of 'table'"),
        ("epochs = 0", "--epochs is 0; it has to be greater than 0."),
        ("epochs", "--config c.toml cannot be read: it is not TOML"),
    ],
)
def test_what_is_no_option_or_of_another_type_is_refused(mslt, line, said):
    done = mslt("train", "--task", "cldr", "--model", "e5-small", "-s", "en", "--dry-run", lines=line, code=1)
    assert f"mslt: {said}" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_run_is_repeated_by_the_file_in_its_directory(mslt, moods, tiny_folder, own_store):  # noqa: F811
    lines = f"""
        task = "moods.toml"
        model = "{tiny_folder}"
        sources = ["en", ["de", "en", "fr"]]
        examples = 12
        steps = 3
        learning_rate = 0.0123456789
        seed = [0]
    """
    done = mslt("train", "--format", "lines", lines=lines)
    ids = done.stdout.split()
    assert len(ids) == 2
    root = own_store.parent / "runs"
    (file,) = root.glob(f"*{ids[1]}/config.toml")
    assert done.stderr.endswith(f"to repeat the last: mslt train --config {file}\n")
    again = mslt("train", "--config", file, "--format", "lines")
    assert (again.stdout.split(), again.stderr) == ([ids[1]], "")

    def planned(*words):
        return json.loads(mslt("train", "--config", file, "--dry-run", "--json", *words).stdout)["plan"]

    assert [row["steps"] for row in planned("--epochs", "1")] == [1]  # in place of the file's steps
    assert {row["sources"] for row in planned("--design", "singles")} == {"de", "en", "es", "fr"}
    assert [row["state"] for row in planned()] == ["done"]


def test_probe_reads_a_file(mslt):
    refused = mslt("probe", "e5-small", lines="metric = ['cka']\nresamples = -1", code=1).stderr
    assert "c.toml: resamples is -1. -1 is not in the range x>=0." in refused
