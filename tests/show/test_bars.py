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


def test_slow_work_says_seconds_of_a_step_and_counts_what_this_process_did(capsys, monkeypatch):
    now = iter([0.0, 12.0, 240.0, 900.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now))
    with Lines().step("MSLT(de,en)", 36, "steps", done=14) as step:
        step.advance(8)  # after 12 s: 1.5 s each, 14 left: 21 s
        step.advance(12)  # after 240 s: 20 in 240 s, 2 left: 24 s
    assert capsys.readouterr().err.splitlines() == [
        "mslt: MSLT(de,en) goes on at 15 of 36 steps",
        "mslt: MSLT(de,en): 22 of 36 steps, 1.5 s a step, 21 s left",
        "mslt: MSLT(de,en): 34 of 36 steps, 12 s a step, 24 s left",
        "mslt: MSLT(de,en): 34 of 36 steps, 45 s a step, 2 min left, done in 900.0 s",  # 20 in 900 s
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
with progress().step("train", 9, "steps", done=4) as step:
    for _ in range(2):
        step.advance()
        time.sleep(1.1)
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
    assert b"train goes on at 5 of 9 steps" in shown
    assert b"6 of 9 steps, 1.1 s a step" in shown and b"0:00:04" in shown
