"""Makes every value of a study that is not there yet, each once, in other processes."""

import importlib.util
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from reasoning_guards import artifacts, datasets, local, traces
from reasoning_guards.board import Progress, WorkFailedError, cost
from reasoning_guards.datasets import own
from reasoning_guards.errors import UserError
from reasoning_guards.examples import Task
from reasoning_guards.recipes import Generation, Recipe, Timing, Work, asked, engines, needed
from reasoning_guards.resources import Resources
from reasoning_guards.training import launch


class NoVLLMError(UserError):
    """The vLLM engine is asked for, and no Python that has it is known."""


def run(
    values: Sequence[Work],
    resources: Resources,
    workers: int,
    report: Callable[[str], None] = lambda _: None,
) -> None:
    """Make what is not cached; a failure leaves everything else made and kept.

    Timings are made last, one at a time, while nothing else runs; on Slurm each has its node to
    itself.

    Args:
        values: in any order; the recipes that they need do not have to be listed.
        resources: what the machine gives each worker, and whether these run here or on Slurm.
        workers: child processes at once; one core or one set of GPUs each. On Slurm a job has one,
            and Slurm decides how many jobs run.
        report: takes a line of progress each time a value is made.

    Raises:
        NoTracesError, UnknownTeacherError: before anything starts, if a guard is to learn from
            traces that there are not.
        OwnSetError, NoExamplesError: before anything starts, if a set of the user's own lacks a
            split that is read, or has no row there with the labels that it takes.
        NoVLLMError, TooFewDevicesError, TooLittleMemoryError, NoConfigurationError,
            SlurmError: before anything starts; what a GPU has is only seen on its node.
        WorkFailedError: naming the first failure, once everything that could be made is made.
    """
    timed = [value for value in values if isinstance(value, Timing)]
    if not timed or resources.executor != "local":
        _make(values, resources, workers, report)
        return
    others = [value for value in values if not isinstance(value, Timing)]
    lacking = [value for value in timed if artifacts.find(value) is None]
    guards = [guard for value in lacking for guard in needed(value)]
    failed = None
    try:
        _make([*others, *guards], resources, workers, report)
    except WorkFailedError as error:
        failed = error  # of something that no timing may need
    ready = [value for value in lacking if not _missing(needed(value))]
    try:
        _make(ready, resources, 1, report)
    except WorkFailedError as error:
        failed = failed or error
    if failed:
        raise failed


def _make(
    values: Sequence[Work], resources: Resources, workers: int, report: Callable[[str], None]
) -> None:
    missing = _missing(values)
    if not missing:
        return
    for value in missing.values():
        if isinstance(value, Recipe) and value.traces:
            for dataset, _ in value.sources:
                traces.require(value.traces, dataset)
    for name, split, task in _own_sets(missing.values()):
        datasets.load(name, split, task)
    pythons = {key: _python(value, resources) for key, value in missing.items()}
    if resources.gpus_per_training > 1 and any(isinstance(v, Recipe) for v in missing.values()):
        launch.configuration(resources)
    progress = Progress({key: cost(value) for key, value in missing.items()}, report)
    if resources.executor == "slurm":
        from reasoning_guards import slurm

        here = resources.model_copy(update={"executor": "local"})
        failures = slurm.run(missing, resources, partial(run, resources=here, workers=1), progress)
    else:
        failures = local.run(missing, pythons, resources, workers, progress)
    if failures:
        raise WorkFailedError(failures, len(missing))


def _missing(values: Sequence[Work]) -> dict[str, Work]:
    wanted: dict[str, Work] = {}
    open_ = list(values)
    while open_:
        value = open_.pop(0)
        key = artifacts.key(value)
        if key not in wanted and artifacts.find(value) is None:
            wanted[key] = value
            open_ += needed(value)
    return wanted


def _own_sets(values: Iterable[Work]) -> dict[tuple[str, str, Task | None], None]:
    """Each split of the user's own sets that is learnt from (task None) or asked about, once."""
    read: dict[tuple[str, str, Task | None], None] = {}
    for value in values:
        if isinstance(value, Recipe):
            read |= {(name, "train", None): None for name, _ in value.sources}
        cells = [one.cell for one in asked(value) if isinstance(one, Generation)]
        read |= {(cell.dataset, cell.split, cell.task): None for cell in cells}
    return {one: None for one in read if one[0].startswith(own.PREFIX)}


def _python(value: Work, resources: Resources) -> str:
    """The interpreter for a value: vLLM may live in an environment of its own."""
    if "vllm" in engines(value):
        named = os.environ.get("REASONING_GUARDS_VLLM_PYTHON")
        if named:
            return named
        if importlib.util.find_spec("vllm") is None:
            parameter = "grpo_engine" if isinstance(value, Recipe) else "engine"
            has = "`make vllm` makes one, for CPUs"
            if resources.device == "cuda":
                has = "environment.yml makes one, with the versions in constraints/gpu.txt"
            raise NoVLLMError(
                f"The {parameter} is vllm, which is not installed here: set "
                "REASONING_GUARDS_VLLM_PYTHON to the Python of an environment that has it "
                f"({has}), or use -p {parameter} transformers."
            )
    return sys.executable
