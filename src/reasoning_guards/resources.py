"""What a machine has to give. Nothing here is part of an artifact's key."""

import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

# Of a GPU's memory, what vLLM may take to write GRPO's answers within the training; TRL's default.
ROLLOUT_SHARE = 0.3


class Resources(BaseModel):
    """How a step uses the machine it runs on; it must not change the step's result.

    Attributes:
        device: "cpu", or "cuda" for GPUs.
        train_batch_per_device: sequences per forward pass; accumulation makes up the batch.
        generate_batch: prompts per call of the transformers engine.
        gradient_checkpointing: recompute activations to save memory.
        gpu_memory: share of a GPU's memory that vLLM may take.
        tensor_parallel: GPUs one vLLM engine spans.
        gpus_per_training: GPUs that one training spans, a process on each; without GPUs, processes.
        accelerate_config: file that says how they share it, for `accelerate launch`.
        executor: "local", child processes of this machine, or "slurm", jobs of a cluster.
        slurm_minutes: time limit of a job; one that reaches it is queued again, three times.
        slurm_options: further options of `sbatch` by their names, such as `partition`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    device: Literal["cpu", "cuda"] = "cpu"
    train_batch_per_device: int = 16
    generate_batch: int = 64
    gradient_checkpointing: bool = False
    gpu_memory: float = 0.9
    tensor_parallel: int = 1
    gpus_per_training: int = 1
    accelerate_config: str = "params/accelerate/fsdp.yaml"
    executor: Literal["local", "slurm"] = "local"
    slurm_minutes: int = 240
    slurm_options: dict[str, bool | int | str] = {}

    @property
    def gpus_of_worker(self) -> int:
        """As many as the widest of its steps spans."""
        return max(self.tensor_parallel, self.gpus_per_training)


def cache_folder() -> Path:
    """`$REASONING_GUARDS_CACHE`, or this user's cache folder."""
    named = os.environ.get("REASONING_GUARDS_CACHE")
    if named:
        return Path(named).expanduser().resolve()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "reasoning-guards"
