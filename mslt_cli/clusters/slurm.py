"""SLURM: a submission is one job array, and its script says all that happens.

There is no submitit here. It hands over pickles, which nobody can read and which are executed, and it knows no limit of
arrays; sbatch, squeue and scontrol are all that it calls, and all that is needed.
"""

import math
import re
import shlex
import subprocess
from collections.abc import Collection, Mapping, Sequence

from mslt_cli.clusters.submissions import Alive, ClusterError, Element, Submission
from mslt_cli.errors import UsageError
from mslt_cli.files import write_whole

OURS = ("array", "error", "job-name", "no-requeue", "open-mode", "output", "parsable", "test-only", "wrap")
WAITING = {"PENDING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESV_DEL_HOLD", "SPECIAL_EXIT"}
"""States of a job that has no node."""
BODY = r"""

# A run that is told to stop saves its state and ends with 75 (or with a signal's number, before it had any). Then its
# element is queued again and goes on from there, unless it was cancelled.
element=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
worst=0
trap : TERM USR1 USR2  # the run gets the signal itself; wait for what it does
[ -z "$SLURM_CPUS_PER_TASK" ] || export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK
run() {
    srun --ntasks=1 "$@"
    code=$?
    case $code in 75 | 129 | 138 | 140 | 143)
        if [ "${SLURM_RESTART_COUNT:-0}" -lt 100 ] && [ "$(squeue -h -j "$element" -o %T)" = RUNNING ]; then
            scontrol requeue "$element"
        fi
        exit 75
        ;;
    esac
    [ $code = 0 ] || worst=$code
}

case $SLURM_ARRAY_TASK_ID in
"""


class Slurm:
    """The cluster that this machine submits to.

    Args:
        options: "time=02:00:00,gres=gpu:1,exclusive": what sbatch knows, without dashes; commas in brackets are kept.

    Raises: UsageError: an option is one that mslt sets, or what it says can't be meant.
    """

    name = "slurm"

    def __init__(self, options: Sequence[str] = ()) -> None:
        self.options = {"requeue": "", "signal": "USR1@120"}
        self.at_once = ""
        for text in options:
            for part in re.split(r",(?![^\[]*\])", text):
                name, stated, value = part.strip().partition("=")
                name = name.lstrip("-").replace("_", "-")
                is_whole = "\n" not in value and value.count("[") == value.count("]") and bool(value) == bool(stated)
                if name == "array" and re.fullmatch(r"%[1-9]\d*", value):
                    self.at_once = value
                elif name in OURS or not re.fullmatch(r"[a-z][a-z0-9-]+", name) or not is_whole:
                    hint = " array=%10 says how many run at once." if name == "array" else ""
                    raise UsageError(f"--slurm {part!r} is nothing that sbatch can be given here.{hint} Leave it out.")
                else:
                    self.options[name] = value
        limit, lead = _seconds(self.options.get("time", "")), _lead(self.options["signal"])
        if limit <= lead:
            raise UsageError(
                f"--slurm time={self.options['time']} leaves no time to work: a run is told to stop {lead} s before "
                "its end. Give it more time, or a later signal: signal=USR1@20, say."
            )

    @property
    def wants_gpu(self) -> bool:
        """Whether its jobs ask for a GPU."""
        return any("gpu" in name or "gpu" in value for name, value in self.options.items() if name != "partition")

    def largest(self) -> int | None:
        """MaxArraySize; any number where there is no SLURM to ask."""
        try:
            found = re.search(r"MaxArraySize\s*=\s*(\d+)", _ask("scontrol", "show", "config"))
        except ClusterError:
            return None
        return int(found[1]) if found else None

    def script(self, submission: Submission) -> str:
        """The script for sbatch. Raises: UsageError: its logs would lie where sbatch can't be told to write."""
        if "\n" in str(submission.root):
            raise UsageError(
                f"The folder of runs {str(submission.root)!r} has a line break in it. Give --runs another."
            )
        ours = {
            "job-name": submission.name,
            "array": f"0-{len(submission.elements) - 1}{self.at_once}",
            "output": f"{str(submission.path('')).replace('%', '%%')}_%a.log",
            "open-mode": "append",
        }
        lines = [
            f"#SBATCH --{name}{'=' if value else ''}{_quote(value)}" for name, value in (ours | self.options).items()
        ]
        cases = [_case(i, element) for i, element in enumerate(submission.elements)]
        return "\n".join(["#!/bin/bash", *lines]) + BODY + "".join(cases) + "esac\nexit $worst\n"

    def submit(self, submission: Submission) -> str:
        """Give the script to sbatch; the id of the job. Raises: ClusterError: it is not taken."""
        script = submission.path(".sh")
        write_whole(script, self.script(submission).encode())
        try:
            return _ask("sbatch", "--parsable", str(script)).strip().partition(";")[0]
        except ClusterError:
            script.unlink()
            raise

    def alive(self, submissions: Collection[Submission]) -> Mapping[tuple[str, int], Alive]:
        """As `Engine.alive`: what squeue shows."""
        names = ",".join(submission.name for submission in submissions)
        shown = _ask("squeue", "--noheader", "--array", f"--name={names}", "--format=%j %K %T")
        rows = [line.split() for line in shown.splitlines() if line.strip()]
        return {(name, int(i)): "queued" if state in WAITING else "running" for name, i, state in rows if i.isdigit()}


def _seconds(time: str) -> float:
    """A time limit as sbatch reads it: 90 (minutes), 90:00, 1:30:00, 0-1, 0-1:30, 0-1:30:00; others have no end."""
    days, dash, rest = time.rpartition("-")
    parts = [*(days and [days]), *rest.split(":")]
    if not all(part.isdecimal() for part in parts) or bool(dash) > bool(days):
        return math.inf
    hours, minutes, seconds = 3600, 60, 1
    units = [24 * hours, hours, minutes, seconds] if dash else [hours, minutes, seconds][-max(2, len(parts)) :]
    return sum(int(part) * unit for part, unit in zip(parts, units, strict=False))


def _lead(signal: str) -> int:
    """Seconds between a signal and the end, as sbatch reads "B:USR1@120"."""
    lead = signal.rpartition("@")[2]
    return int(lead) if "@" in signal and lead.isdecimal() else 60


def _case(place: int, element: Element) -> str:
    lines = "".join(f"    run {run.line}\n" for run in element)
    return f"{place})\n{lines}    ;;\n"


def _quote(value: str) -> str:
    """A value in a line of #SBATCH, where `%a` and the like have to stay as they are."""
    return shlex.quote(value) if value else ""


def _ask(*words: str) -> str:
    """What a program of SLURM prints. Raises: ClusterError: there is no such program, or it fails; says why."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    except FileNotFoundError as error:
        raise ClusterError(
            f"There is no {words[0]} on this machine. Run this where jobs are submitted; --dry-run shows the script."
        ) from error
    except subprocess.TimeoutExpired as error:
        raise ClusterError(f"{words[0]} gave no answer for two minutes. Run the same command again later.") from error
    if done.returncode:
        said = [line.removeprefix(f"{words[0]}: ").removeprefix("error: ") for line in done.stderr.splitlines()]
        raise ClusterError(f"{words[0]} refuses: {'; '.join(said) or f'exit code {done.returncode}'}.")
    return done.stdout
