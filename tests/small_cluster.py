"""A Slurm of one node on this machine, in a folder of its own: munged, slurmctld, slurmd.

Debian has them as `munge slurmctld slurmd slurm-client`; `make test-slurm` installs these.
"""

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import time

DAEMONS = ("munged", "slurmctld", "slurmd", "sbatch")

# They stand for GPUs, which have to be devices: Slurm tells each job the numbers of its own.
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random")

# No cgroups and no accounting, and as many cores as we like.
CONFIGURATION = """
ClusterName=small
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
KillWait=5
SchedulerParameters=batch_sched_delay=0,sched_min_interval=100000,sched_interval=1,bf_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs=8 RealMemory=64000 Gres=gpu:4
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
PartitionName=small Nodes={host} MaxTime=10 State=UP
"""


def lacking():
    """The first of the daemons that is not installed, or None."""
    return next((name for name in DAEMONS if _found(name) is None), None)


@contextlib.contextmanager
def running(folder):
    """A cluster that takes jobs; gives the environment in which Slurm's commands reach it."""
    host = socket.gethostname().split(".")[0]
    with socket.socket() as one, socket.socket() as other:
        for bound in (one, other):
            bound.bind(("127.0.0.1", 0))
        ports = [bound.getsockname()[1] for bound in (one, other)]
    settings = {"host": host, "user": getpass.getuser(), "ports": ports, "folder": folder}
    (folder / "slurm.conf").write_text(CONFIGURATION.format(**settings))
    (folder / "gres.conf").write_text("".join(f"Name=gpu File={device}\n" for device in DEVICES))
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    folder.chmod(0o755)
    environment = os.environ | {"SLURM_CONF": str(folder / "slurm.conf")}
    commands = [
        ["munged", "--foreground", "--force", f"--key-file={key}",
         *(f"--{name}-file={folder}/munged.{name}" for name in ("pid", "seed", "log")),
         f"--socket={folder}/munge.socket"],
        ["slurmctld", "-D", "-i"],
        ["slurmd", "-D"],
    ]  # fmt: skip
    with contextlib.ExitStack() as stack:
        for name, *options in commands:
            process = subprocess.Popen(
                [_found(name), *options],
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=(folder / f"{name}.err").open("w"),
            )
            stack.callback(process.wait)
            stack.callback(process.terminate)
            if name == "munged":
                _until(lambda: (folder / "munge.socket").exists(), "munged")
        _until(lambda: "idle" in _said(["sinfo", "-h", "-o", "%T"], environment), "the node")
        yield environment


def _found(name):
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


def _said(command, environment):
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.stdout


def _until(condition, what):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, f"{what} did not come up in half a minute"
        time.sleep(0.1)
