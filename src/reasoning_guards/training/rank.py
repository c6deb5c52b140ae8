"""One of the processes that share a training; `launch` starts them by `accelerate launch`.

    python -m reasoning_guards.training.rank TRAINING.json WORKER

The file holds a `launch.Training`, WORKER is the id of the process that started all this.
"""

import json
import os
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import NoReturn

from reasoning_guards.errors import UserError
from reasoning_guards.training import launch


def main() -> int:
    """Take part in the training; leave notes, or the reason for failing, beside the file."""
    job, worker = Path(sys.argv[1]), int(sys.argv[2])
    rank = os.environ["RANK"]
    threading.Thread(target=_end_with, args=(worker,), daemon=True).start()
    try:
        notes = launch.run(launch.Training.model_validate_json(job.read_text()))
    except Exception as error:
        traceback.print_exc()
        why = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        (job.parent / launch.FAILED.format(rank)).write_text(why)
        return 1
    if rank == "0":
        (job.parent / launch.NOTES).write_text(json.dumps(notes))
    return 0


def _end_with(worker: int) -> None:
    """End this process once the worker is gone: its lock on the folder is free for others then."""
    while True:
        try:
            os.kill(worker, 0)
        except ProcessLookupError:
            os._exit(1)
        time.sleep(0.5)


def leave(code: int) -> NoReturn:
    """End this process at once.

    In the interpreter's own end a process that was done has been aborted by what its libraries had
    left running, and the launcher then ends the others, too.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    leave(main())
