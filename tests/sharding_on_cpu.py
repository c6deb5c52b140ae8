"""A rank whose training is sharded without any GPU: accelerate shards only over GPUs, torch can.

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
    self.distributed_type = DistributedType.MULTI_GPU


class Killing(TrainerCallback):
    """Kills the worker, and waits for what then becomes of this process."""

    def on_save(self, args, state, control, **given):
        if str(state.global_step) == os.environ.get("KILL_WORKER_AFTER"):
            if args.process_index == 0:
                os.kill(int(sys.argv[2]), signal.SIGKILL)
            time.sleep(60)


if __name__ == "__main__":
    state.PartialState.__init__ = _as_over_gpus
    trainer.DEFAULT_CALLBACKS.append(Killing)
    sys.exit(rank.main())
