"""A rank whose training is sharded without any GPU, by FSDP or by DeepSpeed.

Accelerate shards by FSDP only over GPUs, though torch can without; and only there it starts
DeepSpeed's communication, which on a CPU would compile a part of its own beside gloo.

Started as `python -m sharding_on_cpu TRAINING.json WORKER`, in place of `training.rank`. With the
checkpoint of the step that `KILL_WORKER_AFTER` names it kills the worker, and goes no further.
"""

import os
import signal
import sys
import time

from accelerate import DistributedType, state
from transformers import TrainerCallback, trainer

from reasoning_guards.training import rank

_begin = state.PartialState.__init__


def _as_over_gpus(self, *given, **more):
    _begin(self, *given, **more)
    if self.distributed_type == DistributedType.MULTI_CPU:
        self.distributed_type = DistributedType.MULTI_GPU


class Killing(TrainerCallback):
    """Kills the worker, and waits for what then becomes of this process."""

    def on_save(self, args, state, control, **given):
        if str(state.global_step) == os.environ.get("KILL_WORKER_AFTER"):
            if args.process_index == 0:
                os.kill(int(sys.argv[2]), signal.SIGKILL)
            time.sleep(60)


def _start_deepspeed():
    import deepspeed.comm.torch

    deepspeed.comm.torch.build_shm_op = lambda: None
    deepspeed.init_distributed("gloo", auto_mpi_discovery=False, verbose=False)


if __name__ == "__main__":
    if os.environ.get("ACCELERATE_USE_DEEPSPEED") == "true":
        _start_deepspeed()
    else:
        state.PartialState.__init__ = _as_over_gpus
    trainer.DEFAULT_CALLBACKS.append(Killing)
    rank.leave(rank.main())
