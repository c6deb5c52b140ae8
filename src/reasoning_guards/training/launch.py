"""A training in this process, or in one for each of several devices, by `accelerate launch`.

All of them are given the same training and do the same steps; what they share by gloo or NCCL is
said by one of the configurations in `params/accelerate`. The first of them writes the folder.
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from reasoning_guards.errors import UserError
from reasoning_guards.recipes import Recipe
from reasoning_guards.resources import Resources

RANK = "reasoning_guards.training.rank"
NOTES, FAILED = "notes.json", "failed-{}.txt"
"""What a rank leaves in its launch's folder: the first its notes, any its reason for failing."""


class NoConfigurationError(UserError):
    """Several devices are to share a training, and nothing says how."""


class OutOfMemoryError(UserError):
    """A GPU's memory does not hold a training."""


class RankFailedError(UserError):
    """A process of a training that several share has failed."""


class Training(BaseModel):
    """What each process of a training is told.

    Attributes:
        recipe, resources: what to train, and on what.
        folder: where the result goes; it may hold a killed run's state, which is gone on from.
        start: checkpoint that a guard with a refinement goes on from.
        rows: that checkpoint's answers to its training examples, from the mining.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: Recipe
    resources: Resources
    folder: Path
    start: Path | None = None
    rows: list[dict[str, Any]] = []


def train(training: Training) -> dict[str, Any]:
    """Train the guard and leave it in the folder, on as many devices as the resources say.

    Returns:
        Notes for the manifest, as the trainer has them.

    Raises:
        DevicesError: if there are other devices than are asked for.
        NoConfigurationError: if several are, and the file that says how they share is missing.
        OutOfMemoryError: if a GPU is too small.
        RankFailedError: with the reason of the process that failed first.
    """
    from reasoning_guards.training import sft

    sft.require_devices(training.resources)  # before anything large is looked for or started
    if training.resources.gpus_per_training == 1:
        return run(training)
    with tempfile.TemporaryDirectory() as place:
        return _launch(training, Path(place))


def run(training: Training) -> dict[str, Any]:
    """This process's part of a training, which may be all of it."""
    import torch

    from reasoning_guards.training import refine, sft

    recipe, folder, resources = training.recipe, training.folder, training.resources
    try:
        if training.start is None:
            return sft.train(recipe, folder, resources)
        return refine.train(recipe, training.start, training.rows, folder, resources)
    except torch.OutOfMemoryError as error:
        raise OutOfMemoryError(
            "A GPU's memory does not hold this training: lower train_batch_per_device or "
            "max_length, raise gpus_per_training, or set lora_rank."
        ) from error


def configuration(resources: Resources) -> Path:
    """The file that says how several devices share a training.

    Raises:
        NoConfigurationError: if it is not there, or needs what is not.
    """
    path = Path(resources.accelerate_config).resolve()
    if not path.is_file():
        raise NoConfigurationError(
            f"There is no file {resources.accelerate_config}, which is to say how "
            f"{resources.gpus_per_training} GPUs share a training: set accelerate_config to one of "
            "params/accelerate, or gpus_per_training to 1."
        )
    needs_deepspeed = "distributed_type: DEEPSPEED" in path.read_text()
    if needs_deepspeed and importlib.util.find_spec("deepspeed") is None:
        raise NoConfigurationError(
            f"By {resources.accelerate_config} GPUs share a training with DeepSpeed, which is not "
            "installed here: install it, or set accelerate_config to params/accelerate/fsdp.yaml."
        )
    return path


def _launch(training: Training, place: Path) -> dict[str, Any]:
    job = place / "training.json"
    job.write_text(training.model_dump_json())
    options = {
        "config_file": configuration(training.resources),
        "num_processes": training.resources.gpus_per_training,
        "main_process_port": 0,  # any that is free: other trainings may run beside
    }
    code = subprocess.run(  # noqa: S603
        [
            sys.executable, "-m", "accelerate.commands.launch",
            *(f"--{name}={value}" for name, value in options.items()),
            "--module", RANK, str(job), str(os.getpid()),
        ],
        stdin=subprocess.DEVNULL,  # this process's own may be where it takes its jobs from
    ).returncode  # fmt: skip
    failures = sorted(place.glob(FAILED.format("*")), key=lambda path: path.stat().st_mtime_ns)
    if failures:  # those that come after it are of processes that missed the first
        raise RankFailedError(failures[0].read_text())
    if code or not (place / NOTES).is_file():
        raise RankFailedError(
            f"One of the {training.resources.gpus_per_training} processes of this training ended "
            "without a word, as happens when memory runs out; what there is to read is in the log."
        )
    notes: dict[str, Any] = json.loads((place / NOTES).read_text())
    return notes
