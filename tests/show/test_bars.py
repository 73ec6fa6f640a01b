import os
import pty
import subprocess
import sys

from mslt_cli.show import bars as progress
from mslt_cli.show.bars import Lines, amount


def test_amounts_are_read_in_their_unit():
    assert amount(1_234_567, "bytes") == "1.2 MB"
    assert amount(3400, "rows") == "3,400 rows"


def test_lines_say_how_far_it_is_and_how_fast(capsys, monkeypatch):
    now = iter([0.0, 5.0, 11.0, 20.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now))
    with Lines().step("embed pud", 100, "sentences") as step:
        step.advance(25)  # after 5 s: too early for a line
        step.advance(30)  # after 11 s: 55 done, 5 a second, 45 left: 9 s
    assert capsys.readouterr().err.splitlines() == [
        "mslt: embed pud: 55 of 100 sentences, 5/s, 9 s left",
        "mslt: embed pud: 55 of 100 sentences, 3/s, 16 s left, done in 20.0 s",
    ]


def test_short_work_says_nothing_in_a_pipe(capsys):
    with Lines().step("tokenize", 10, "rows") as step:
        step.advance(10)
    assert capsys.readouterr() == ("", "")


def test_a_terminal_shows_a_bar_on_stderr_alone():
    code = """
import time
from mslt_cli.show.bars import progress
with progress().step("embed [pud]", 4, "sentences") as step:
    for _ in range(4):
        step.advance()
        time.sleep(0.1)
print("done")
"""
    main, terminal = pty.openpty()
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=terminal, text=True, check=True)
    os.close(terminal)
    shown = b""
    while True:
        try:
            part = os.read(main, 4096)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.close(main)
    assert done.stdout == "done\n"
    assert b"of 4 sentences" in shown
