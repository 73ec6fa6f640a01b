"""Strange words on the command line, strange letters in names, readers that go away, and Ctrl-C at any moment."""

import os
import shutil
import signal
import subprocess
import sys
import time
from itertools import islice

import pytest
from hostile_lines import EVIL, RAW, answer, command_lines, faults

from mslt_cli.harmless import clean, escape_markdown
from mslt_cli.reports.cells import Column
from mslt_cli.show.rows import WRITERS, Output, show
from mslt_cli.store.results import fill_results

MSLT = [sys.executable, "-m", "mslt_cli"]


def test_every_command_line_ends_in_a_result_or_a_sentence(own_store, tmp_path):
    fill_results(own_store)
    shutil.copy(own_store, evil := tmp_path / f"{EVIL}.db")
    stores = [str(own_store), str(own_store), str(evil), "/dev/null", "/", "x" * 300, ""]
    wrong = [
        (words, found) for words in islice(command_lines(16, stores), 40) if (found := faults(answer(words, tmp_path)))
    ]
    assert wrong == []


@pytest.mark.parametrize("form", ["table", *WRITERS])
def test_no_format_commands_the_terminal(form, capsys):
    title = "" if form == "table" else EVIL
    row = {"run": EVIL, EVIL: EVIL}
    show(Output([Column("run"), Column(EVIL)], [row], {"runs": [row]}, title=title, footer=[EVIL]), form)
    shown = capsys.readouterr().out
    assert ("31m" in shown) == (form != "quiet")
    assert RAW.search(shown) is None


def test_what_commands_a_terminal_is_written_out_and_letters_stay():
    assert clean("a\x1b[31m\x9b\u202e\udcff") == r"a\x1b[31m\x9b\u202e\udcff"
    assert clean("naïve 中文 שלום\t🙂\n") == "naïve 中文 שלום\t🙂\n"


def test_a_name_opens_nothing_in_markdown():
    assert escape_markdown("a`b") == r"a\`b"
    assert escape_markdown("``a` <b>") == r"\`\`a\` &lt;b>"
    assert escape_markdown("[x](http://y) [1] a\nb") == r"[x\](http://y) [1] a b"
    assert escape_markdown("\\`<b>`") == r"\\\`&lt;b>\`"


@pytest.mark.parametrize(
    "words",
    [
        ["select"], ["select", "--json"], ["select", "--format", "csv"], ["report", "all"], ["report", "all", "--json"],
        ["report", "runs"], ["fetch", "tasks"], ["--help"], ["select", "--help"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_whoever_reads_may_go_away(words, own_store):
    fill_results(own_store)
    reader, writer = os.pipe()
    os.close(reader)
    environment = os.environ | {"MSLT_STORE": str(own_store)}
    done = subprocess.run([*MSLT, *words], stdout=writer, stderr=subprocess.PIPE, env=environment)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("wait_s", [0, 0.1, 0.3, 0.6])
def test_ctrl_c_twice_ends_without_a_traceback(wait_s, filled_store):
    # Python itself takes a moment before the first line of ours runs, and a busy machine makes it a long one.
    code = "import signal, sys; from mslt_cli import __main__ as process\n"
    code += "signal.signal(signal.SIGINT, process.end_at_once); print('there', flush=True); process.start()"
    words = ["select", "--store", filled_store, "--pool", "all", "-k", "6", "--time-limit", "60"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen([sys.executable, "-c", code, *words], **pipes)
    assert process.stdout.readline() == b"there\n"
    time.sleep(wait_s)
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.005)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"Traceback" not in err
    assert b"Exception ignored" not in err


def test_a_word_that_is_not_used_is_refused(own_store, tmp_path):
    from in_process import run_command

    done = run_command("report", "runs", "EXTRA", "--store", own_store, HF_HOME=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr == "mslt: `mslt report runs` takes no further names; 'EXTRA' is one.\n"
