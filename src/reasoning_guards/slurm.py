"""A Slurm job for each guard, submitted through submitit: the scheduler on many machines.

A job runs the scheduler on its node, with one worker, for all that is asked of its guard: training,
then answers. So a job that is killed goes on where it was when the work is submitted again, and one
that reaches its time limit is queued again by submitit. All nodes share the environment's folder
and the cache's, on a disk whose `flock` holds across machines.
"""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from graphlib import TopologicalSorter
from pathlib import Path

import submitit
from submitit.core.utils import FailedJobError
from submitit.helpers import Checkpointable

from reasoning_guards import artifacts
from reasoning_guards.board import Progress, WorkFailedError, describe, guard_of
from reasoning_guards.errors import UserError
from reasoning_guards.recipes import Timing, Value, Work, needed
from reasoning_guards.resources import Resources, cache_folder

POLL = 15.0
"""Seconds between two questions to Slurm, each about all jobs."""

# States that a job does not leave; whatever waits, runs or is queued again has another. What Slurm
# lists no more, some minutes after its end, is unknown.
_ENDED = {
    "BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY",
    "PREEMPTED", "TIMEOUT", "UNKNOWN",
}  # fmt: skip

Failures = list[tuple[str, str]]
Make = Callable[[Sequence[Work]], None]


class SlurmError(UserError):
    """There is no Slurm here, or it does not take a job."""


class OnNode(Checkpointable):
    """What a job does; called with the same arguments when it is queued again."""

    def __call__(self, make: Make, values: Sequence[Work]) -> Failures:
        """Make a guard's values; returns what failed and why."""
        try:
            make(values)
        except WorkFailedError as error:
            return error.failures
        except UserError as error:
            return [(describe(values[0]), str(error).rstrip("."))]
        return []


def run(
    missing: Mapping[str, Work], resources: Resources, make: Make, progress: Progress
) -> Failures:
    """Make values in Slurm jobs, and wait for these.

    An interrupt cancels the jobs. If this process ends in another way they go on, and jobs of the
    same guards that are submitted later wait in the queue until these have ended. A job that waited
    for another which failed makes what that one left, or fails of the same.

    Args:
        missing: what to make and all that it needs, by key.
        resources: GPUs of each job, its time limit, and further options for `sbatch`.
        make: makes values, and what they need, on the node that it is called on.
        progress: is told of each value that is made.

    Returns:
        What failed and why, the first failure first.

    Raises:
        SlurmError: before any job has run for long.
    """
    jobs: dict[submitit.Job[Failures], list[Work]] = {}
    try:
        for job, values in _submitted(missing, resources, make):
            jobs[job] = values
        return _wait(jobs, dict(missing), progress)
    except BaseException:
        if jobs:
            _asked("scancel", *(job.job_id for job in jobs))
        raise


def _submitted(
    missing: Mapping[str, Work], resources: Resources, make: Make
) -> Iterator[tuple[submitit.Job[Failures], list[Work]]]:
    """Submit a job for each guard, which waits for those of the guards it needs."""
    if shutil.which("sbatch") is None:
        raise SlurmError(
            "The executor is slurm, but there is no `sbatch` here: run where jobs are submitted "
            "from, or use -p executor local."
        )
    work: dict[Value, list[Work]] = {}
    for value in missing.values():
        work.setdefault(guard_of(value), []).append(value)
    waits_for = {
        guard: {guard_of(other) for value in values for other in needed(value)}
        & work.keys() - {guard}
        for guard, values in work.items()
    }
    executor = submitit.SlurmExecutor(_folder())
    ids: dict[Value, str] = {}
    for guard in TopologicalSorter(waits_for).static_order():
        after = [f"afterany:{ids[other]}" for other in waits_for[guard]]
        executor.update_parameters(
            # One job of a name runs at a time, so that none waits for another's locks on a node.
            job_name=f"guard-{artifacts.key(guard)}",
            dependency=",".join([*after, "singleton"]),
            time=resources.slurm_minutes,
            gpus_per_node=resources.gpus_of_worker if resources.device == "cuda" else None,
            exclusive=True if isinstance(guard, Timing) else None,  # nothing else on its node
            additional_parameters=resources.slurm_options,
        )
        try:
            on_node = OnNode()  # type: ignore[no-untyped-call]
            job = executor.submit(on_node, make, work[guard])
        except FailedJobError as error:
            said = "; ".join(str(error).split("\n"))
            raise SlurmError(
                f"Slurm does not take a job ({said}): see slurm_minutes and slurm_options."
            ) from None
        ids[guard] = job.job_id
        yield job, work[guard]


def _wait(
    jobs: dict[submitit.Job[Failures], list[Work]], unmade: dict[str, Work], progress: Progress
) -> Failures:
    """Wait until no job is left; takes from `jobs` those that have ended."""
    failures: Failures = []
    while jobs:
        time.sleep(POLL)
        ended = _ended(jobs)
        for folder in {_folder(), *(artifacts.folder(value).parent for value in unmade.values())}:
            folder.mkdir(parents=True, exist_ok=True)
            folder.touch()  # a network disk so looks anew for what the nodes wrote there
        for key in [key for key, value in unmade.items() if artifacts.is_cached(value)]:
            progress.done(key, describe(unmade.pop(key)))
        for job, state in ended.items():
            failures += _failures(job, jobs.pop(job), state)
    return failures


def _ended(jobs: Iterable[submitit.Job[Failures]]) -> dict[submitit.Job[Failures], str]:
    """Those that have ended, each with its state; none while Slurm does not answer."""
    done = _asked("squeue", "--me", "--states=all", "--noheader", "--format=%A %T")
    if done.returncode:
        return {}
    states = dict(line.split() for line in done.stdout.splitlines())
    found = {job: states.get(job.job_id, "UNKNOWN") for job in jobs}
    return {job: state for job, state in found.items() if state in _ENDED}


def _asked(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603


def _failures(job: submitit.Job[Failures], values: Sequence[Work], state: str) -> Failures:
    """What an ended job says has failed; if it could not say, what it was at."""
    if job.paths.result_pickle.exists() and job.exception() is None:
        return job.result()
    why = f"its Slurm job {job.job_id} ended as {state} (log: {job.paths.stderr})"
    return [(describe(value), why) for value in values if not artifacts.is_cached(value)][:1]


def _folder() -> Path:
    """For submitit's files: each job's script, values, result and logs."""
    return cache_folder() / "logs" / "slurm"
