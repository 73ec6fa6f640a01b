"""Slurm of this machine's own: one node on loopback, with all its files in one folder; for tests."""

import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager

PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch", "scontrol")
CONFIG = """
ClusterName=here
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={daemon}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
MpiDefault=none
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
SlurmUser=root
ReturnToService=2
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmdSpoolDir={folder}/spool
StateSaveLocation={folder}/state
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
KillWait=2
MinJobAge=2
MaxArraySize={most}
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=1,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
NodeName=here NodeHostname={host} NodeAddr=127.0.0.1 CPUs={cores} State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def why_not():
    """Why Slurm cannot be started here; empty if it can."""
    os.environ["PATH"] += ":/usr/sbin"  # where Debian has the daemons
    if missing := [program for program in PROGRAMS if shutil.which(program) is None]:
        return f"{', '.join(missing)} not installed: apt-get install slurm-wlm munge"
    return "" if os.geteuid() == 0 else "Slurm's daemons need root"


@contextmanager
def start_slurm(folder, *, most, cores=8):
    """Run a cluster of one node, whose arrays have at most so many elements; gives the environment of its clients."""
    for name in ("spool", "state"):
        (folder / name).mkdir()
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.bind(("127.0.0.1", 0))
        ports = {"controller": one.getsockname()[1], "daemon": other.getsockname()[1]}
    config, key = folder / "slurm.conf", folder / "munge.key"
    config.write_text(CONFIG.format(folder=folder, most=most, cores=cores, host=socket.gethostname(), **ports))
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    environment = {"SLURM_CONF": str(config)}
    munge = ["munged", "--foreground", "--force", f"--key-file={key}", f"--socket={folder}/munge.socket"]
    munge += [f"--{name}-file={folder}/munged.{name}" for name in ("pid", "log", "seed")]
    daemons = []
    try:
        for words in (munge, ["slurmctld", "-D", "-c"], ["slurmd", "-D", "-N", "here"]):
            with (folder / f"{words[0]}.out").open("w") as out:
                daemons.append(subprocess.Popen(words, env=os.environ | environment, stdout=out, stderr=out))
            time.sleep(0.3)
        until = time.monotonic() + 20
        while "idle" not in ask("sinfo", "-h", "-o", "%T", **environment):
            assert time.monotonic() < until, [(folder / f"{x}.out").read_text()[-900:] for x in ("slurmctld", "slurmd")]
            time.sleep(0.2)
        yield environment
        ask("scancel", "--user", "root", **environment)
    finally:
        for daemon in reversed(daemons):
            daemon.terminate()
            daemon.wait(20)


def ask(*words, **environment):
    """What a client of Slurm prints."""
    done = subprocess.run(words, capture_output=True, text=True, env=os.environ | environment)
    return done.stdout + done.stderr
