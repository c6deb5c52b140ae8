"""Which GPUs each worker sees."""

import itertools
import os
import subprocess
from collections.abc import Sequence

from reasoning_guards.recipes import Recipe, Work, asked
from reasoning_guards.resources import Resources


def visible() -> list[str]:
    """GPUs that this process may use, as `CUDA_VISIBLE_DEVICES` names them.

    Without the variable all that the driver lists, and none where there is no driver to ask.
    """
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        listed = [name.strip() for name in named.split(",")]
        return list(itertools.takewhile(lambda name: name not in ("", "-1"), listed))
    try:
        done = subprocess.run(
            ["nvidia-smi", "--list-gpus"],  # noqa: S607
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return []
    gpus = [line for line in done.stdout.splitlines() if line.startswith("GPU ")]
    return list(map(str, range(len(gpus))))


def of_worker(value: Work, worker: int, visible: Sequence[str], resources: Resources) -> list[str]:
    """The GPUs that a worker sees while it makes a value.

    Each worker has as many of them to itself as the widest of its steps spans, in turn if there
    are too few for all. A training sees `gpus_per_training` of these, since the trainer would
    take all that it sees and multiply the batch by their number; a vLLM engine `tensor_parallel`,
    and any other step one.

    Args:
        worker: its number, from 0.
        visible: as from `visible`; there are at least as many as a step spans, or none.
    """
    span = resources.gpus_of_worker
    if isinstance(value, Recipe):
        wanted = resources.gpus_per_training
    else:
        served = any(one.engine == "vllm" for one in asked(value))
        wanted = resources.tensor_parallel if served else 1
    first = worker * span
    return [visible[(first + place) % len(visible)] for place in range(wanted) if visible]


def memories() -> list[float]:
    """GiB of each GPU that this process may use; none where the driver cannot be asked of them."""
    named = visible()
    try:
        done = subprocess.run(  # noqa: S603
            [  # noqa: S607
                "nvidia-smi", f"--id={','.join(named)}", "--query-gpu=memory.total",
                "--format=csv,noheader,nounits",
            ],
            capture_output=True,
            text=True,
            check=True,
        )  # fmt: skip
        return [float(line) / 1024 for line in done.stdout.split()] if named else []
    except (OSError, subprocess.CalledProcessError, ValueError):
        return []
