"""Child processes on this machine that make values, side by side."""

import os
import platform
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from reasoning_guards import devices, memory
from reasoning_guards.board import Board, Progress, describe, guard_of
from reasoning_guards.errors import UserError
from reasoning_guards.recipes import Recipe, Work
from reasoning_guards.resources import Resources, cache_folder
from reasoning_guards.worker import Job, Reply

# glibc gives every large tensor that is freed back to the kernel and asks for the next one anew,
# which took up to two fifths of a training's time on a CPU. Kept, it is there: a threshold of 1 GiB
# for what has a mapping of its own, and of 2 GiB for what is returned. Read when a process starts.
_KEEPING_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(2 << 30),
}


class TooFewDevicesError(UserError):
    """There is no GPU to be seen, or fewer than one vLLM engine or training is to span."""


class Worker:
    """A long-lived child process; starts when first asked, so that a warm study starts none."""

    def __init__(self, python: str, log: Path, seen: str | None = None) -> None:
        self._python = python
        self._log = log
        self._added = _KEEPING_MEMORY if seen is None else {"CUDA_VISIBLE_DEVICES": seen}
        self._process: subprocess.Popen[str] | None = None

    def make(self, values: Sequence[Work], resources: Resources) -> Iterator[str | None]:
        """Make values; for each in turn, None when it is made or a sentence saying why it is not.

        If the process ends over several of them, what is left is tried one by one: else one of them
        that no process survives would keep the others from being made.
        """
        if self._process is None:
            try:
                self._process = self._start()
            except OSError as error:
                yield from [f"{self._python} cannot be started ({error.strerror})"] * len(values)
                return
        assert self._process.stdin is not None  # noqa: S101
        assert self._process.stdout is not None  # noqa: S101
        with suppress(BrokenPipeError):
            self._process.stdin.write(
                Job(values=tuple(values), resources=resources).model_dump_json() + "\n"
            )
            self._process.stdin.flush()
        for made in range(len(values)):
            line = self._process.stdout.readline()
            if not line.endswith("\n"):
                why = self._ended()
                if len(values) == 1:
                    yield why
                else:
                    for value in values[made:]:
                        yield from self.make([value], resources)
                return
            yield Reply.model_validate_json(line).failed

    def _ended(self) -> str:
        """Why the process has ended; the next one is started when it is asked for."""
        assert self._process is not None  # noqa: S101
        code = self._process.wait()
        self._process = None
        if code == -signal.SIGKILL:
            return "its process was killed, as happens when memory runs out"
        return f"its process ended with code {code}"

    def _start(self) -> "subprocess.Popen[str]":
        with self._log.open("a") as log:
            return subprocess.Popen(  # noqa: S603
                [self._python, "-m", "reasoning_guards.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=os.environ | self._added,
            )

    def close(self) -> None:
        """End the process, if it was started."""
        if self._process is not None:
            assert self._process.stdin is not None  # noqa: S101
            self._process.stdin.close()
            self._process.wait()


def run(
    missing: Mapping[str, Work],
    pythons: Mapping[str, str],
    resources: Resources,
    workers: int,
    progress: Progress,
) -> list[tuple[str, str]]:
    """Make values in child processes on this machine.

    Args:
        missing: what to make and all that it needs, by key.
        pythons: each value's interpreter, by key.
        resources: what the machine gives each worker.
        workers: child processes at once; one core or one set of GPUs each.
        progress: is told of each value that is made.

    Returns:
        What failed and why, the first failure first.

    Raises:
        TooFewDevicesError, TooLittleMemoryError: before anything starts.
    """
    visible = devices.visible() if resources.device == "cuda" else []
    if resources.device == "cuda" and not visible:
        raise TooFewDevicesError(
            "The device is cuda, but no GPU is to be seen: see what nvidia-smi and "
            "CUDA_VISIBLE_DEVICES say, or use -p device cpu."
        )
    for name in ("tensor_parallel", "gpus_per_training"):
        if 0 < len(visible) < (span := getattr(resources, name)):
            raise TooFewDevicesError(
                f"{name} is {span}, but there are only {len(visible)} GPUs to be seen: set it to "
                f"{len(visible)} or less."
            )
    if resources.device == "cuda":
        gpus = devices.memories()
        for need in memory.of_all(missing.values(), resources):
            memory.require(need, gpus)
    board = Board(missing)
    logs = cache_folder() / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    # Nodes of a cluster that share a disk may start processes of one number in one second.
    log = logs / f"{time.strftime('%Y%m%d-%H%M%S')}-{platform.node()}-{os.getpid()}.log"
    with ThreadPoolExecutor(workers) as pool:
        try:
            threads = [
                pool.submit(_work, board, pythons, resources, (number, visible), log, progress)
                for number in range(min(workers, len(missing)))
            ]
            for thread in threads:
                thread.result()
        except KeyboardInterrupt:
            board.stop()
            raise
    return board.failures


def _work(
    board: Board,
    pythons: Mapping[str, str],
    resources: Resources,
    place: tuple[int, list[str]],
    log: Path,
    progress: Progress,
) -> None:
    workers: dict[tuple[str, str | None], Worker] = {}
    last: Work | None = None
    try:
        while taken := board.take(last):
            values = list(taken.values())
            if resources.device == "cuda" and last and _step(values[0]) != _step(last):
                _close(workers)  # a GPU's memory is surely free only once its process has ended
            last = values[-1]
            python = pythons[next(iter(taken))]
            seen = ",".join(devices.of_worker(last, *place, resources)) or None
            worker = workers.setdefault((python, seen), Worker(python, log, seen))
            for (key, value), why in zip(
                taken.items(), worker.make(values, resources), strict=True
            ):
                if why is None:
                    board.made(key)
                    progress.done(key, describe(value))
                else:
                    board.failed(key, value, f"{why} (log: {log})")
    except BaseException:
        board.stop()  # others may wait for the value this thread took
        raise
    finally:
        _close(workers)


def _step(value: Work) -> tuple[bool, object]:
    """What may share a process on a GPU: one training, or the answers of one guard."""
    return isinstance(value, Recipe), guard_of(value)


def _close(workers: dict[tuple[str, str | None], Worker]) -> None:
    while workers:
        workers.popitem()[1].close()
