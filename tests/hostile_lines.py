"""Hostile command lines: strange values for every option of every command, and what must hold of each answer."""

import contextlib
import io
import os
import random
import re
import shutil
import sys
import traceback
from pathlib import Path
from unittest import mock

import typer
from in_process import run_command

from mslt_cli.cli import app

EVIL = "e\x1b]0;v\x07\x1b[31m\x9b2J\u202e[bold]`|\udcffl"
"""Escapes of terminals, a reversed direction, markup, and a byte that is not UTF-8."""
RAW = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What must not reach a terminal as it is."""
LONG = ("9" * 30, "9" * 5000, "x" * 300, "y/" * 3000)
TEXTS = (
    *LONG, EVIL, "@" + EVIL,
    "", " ", ",", ",,,", "-", "--", "-1", "nan", "inf", "-inf", "1e400", "0", "1..9", "9..1", "0..99999999999", "٣",
    "a\nb", "@", "../..", "%s{}", "en", "all", "en,de", "🙂", "/dev/null", "/dev/full", ".", "/", "no/such", "~nobody",
    "learning_rate=x", "=", "a=b", "task:", "xnli", "page.html", "out.svg", "out.csv", "task.toml", "table1", "runs",
    "json", "\ufeffen", "$HOME", "en+de", "NULL", "l2v-syntax",
)  # fmt: skip
NUMBERS = (*LONG, EVIL, "0", "1", "2", "3", "-1", "nan", "inf", "1e400", "1e-400", "0.5", "٣", "1_0", "")
GOOD = {"task": "cldr", "model": "no-such", "corpus": "cldr", "format_": "json", "pool": "en,de,fr", "k": "2"}
GOOD |= {"what": "table1", "by": "l2v-syntax", "langs": "en,de", "sources": "en", "target": "ko", "targets": "fi"}
GOOD |= {"seed": "1", "out": "p.html"}
"""By parameter: a value with which the other words matter."""
MOST_WORDS = 5


def every_command():
    """(words, parameters) of each command."""
    for name, command in typer.main.get_command(app).commands.items():
        for below, sub in getattr(command, "commands", {"": command}).items():
            yield [name, below] if below else [name], sub.params


def command_lines(seed, stores):
    """Endless lists of words, reproducible by their seed; some of the paths of stores are good ones."""
    rng = random.Random(seed)
    commands = [*every_command()]
    while True:
        words, parameters = rng.choice(commands)
        words = [*words]
        options = [p for p in parameters if p.param_type_name == "option" and p.name not in ("help", "store")]
        required = [p for p in options if p.required]
        for option in [*required, *rng.choices(options, k=rng.randrange(MOST_WORDS))]:
            words.append(rng.choice(option.opts))
            if not option.is_flag:
                words.append(_value(rng, option))
        for argument in (p for p in parameters if p.param_type_name == "argument"):
            words += [_value(rng, argument) for _ in range(rng.randrange(2) + argument.required)]
        if words[0] == "select":
            words += ["--time-limit", "0.1"]
        if any(option.name == "store" for option in parameters):
            words += ["--store", rng.choice(stores)]
        yield words


def _value(rng, parameter):
    if parameter.name in GOOD and rng.random() < 0.5:
        return GOOD[parameter.name]
    return rng.choice(NUMBERS if parameter.type.name in ("integer", "float", "integer range") else TEXTS)


def faults(done):
    """What is wrong with how a command ended, in words; none = nothing."""
    if isinstance(done, str):
        return [done]
    found = [] if done.returncode in (0, 1, 2, 130) else [f"exit code {done.returncode}"]
    found += [f"{name} has {raw[0]!r}" for name in ("stdout", "stderr") if (raw := RAW.search(getattr(done, name)))]
    if "Traceback" in done.stderr:
        found.append("traceback on stderr")
    ends = [line for line in done.stderr.splitlines() if line.startswith("mslt: ")]
    if done.returncode == 1 and not ends:
        found.append("fails without a word")
    return found


def answer(words, home):
    """How `mslt WORDS` ends in an empty folder; the last lines of a traceback if it does so by one."""
    folder = Path(home) / "here"
    folder.mkdir(exist_ok=True)
    try:
        with contextlib.chdir(folder), mock.patch.object(sys, "stdin", io.StringIO("en,de\n")):
            return run_command(*words, HF_HOME=str(home), PATH=os.environ["PATH"], MSLT_STORE=str(home / "store.db"))
    except BaseException as error:
        last = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in last if "mslt_cli" in frame.filename] or last
        where = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}"
        return f"{type(error).__name__} at {where}: {str(error)[:100]!r}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
