"""Makes every value of a study that is not there yet, each once, in child processes."""

import importlib.util
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from reasoning_guards import artifacts, devices, traces
from reasoning_guards.errors import UserError
from reasoning_guards.recipes import (
    Generation,
    Mining,
    Probability,
    Recipe,
    Timing,
    Work,
    asked,
    needed,
)
from reasoning_guards.resources import Resources, cache_folder
from reasoning_guards.training import launch
from reasoning_guards.worker import Job, Reply


class WorkFailedError(UserError):
    """Some values could not be made; the others are kept."""


class NoVLLMError(UserError):
    """The vLLM engine is asked for, and no Python that has it is known."""


class TooFewDevicesError(UserError):
    """One vLLM engine or training is to span more GPUs than can be seen."""


class Progress:
    """How much is done, weighted by expected cost, and how long the rest should take."""

    def __init__(self, costs: dict[str, float], report: Callable[[str], None]) -> None:
        self._costs = costs
        self._left = set(costs)
        self._started = time.monotonic()
        self._report = report

    def done(self, key: str, what: str) -> None:
        """Report that a value is made, with the time left at the rate so far."""
        self._left.discard(key)
        total = sum(self._costs.values())
        left = sum(self._costs[key] for key in self._left)
        elapsed = time.monotonic() - self._started
        remaining = elapsed * left / (total - left) if total > left else 0.0
        made = len(self._costs) - len(self._left)
        self._report(
            f"[{made}/{len(self._costs)}] {what}; {elapsed:.0f} s so far, "
            f"about {remaining:.0f} s left"
        )


class Worker:
    """A long-lived child process; starts when first asked, so that a warm study starts none."""

    def __init__(self, python: str, log: Path, seen: str | None = None) -> None:
        self._python = python
        self._log = log
        self._seen = {} if seen is None else {"CUDA_VISIBLE_DEVICES": seen}
        self._process: subprocess.Popen[str] | None = None

    def make(self, value: Work, resources: Resources) -> str | None:
        """Make one value; None when made, else a sentence saying why not."""
        if self._process is None:
            try:
                self._process = self._start()
            except OSError as error:
                return f"{self._python} cannot be started ({error.strerror})"
        assert self._process.stdin is not None  # noqa: S101
        assert self._process.stdout is not None  # noqa: S101
        line = ""
        try:
            self._process.stdin.write(
                Job(values=(value,), resources=resources).model_dump_json() + "\n"
            )
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            pass
        if not line.endswith("\n"):
            code = self._process.wait()
            self._process = None
            if code == -signal.SIGKILL:
                return "its process was killed, as happens when memory runs out"
            return f"its process ended with code {code}"
        return Reply.model_validate_json(line).failed

    def _start(self) -> "subprocess.Popen[str]":
        with self._log.open("a") as log:
            return subprocess.Popen(  # noqa: S603
                [self._python, "-m", "reasoning_guards.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=os.environ | self._seen,
            )

    def close(self) -> None:
        """End the process, if it was started."""
        if self._process is not None:
            assert self._process.stdin is not None  # noqa: S101
            self._process.stdin.close()
            self._process.wait()


def run(
    values: Sequence[Work],
    resources: Resources,
    workers: int,
    report: Callable[[str], None] = lambda _: None,
) -> None:
    """Make what is not cached; a failure leaves everything else made and kept.

    Timings are made last, one at a time, while nothing else runs.

    Args:
        values: in any order; the recipes that they need do not have to be listed.
        resources: what the machine gives each worker.
        workers: child processes at once; one core or one set of GPUs each.
        report: takes a line of progress each time a value is made.

    Raises:
        NoTracesError, UnknownTeacherError: before anything starts, if a guard is to learn from
            traces that there are not.
        NoVLLMError, TooFewDevicesError, NoConfigurationError: before anything starts.
        WorkFailedError: naming the first failure, once everything that could be made is made.
    """
    timed = [value for value in values if isinstance(value, Timing)]
    if timed:
        others = [value for value in values if not isinstance(value, Timing)]
        lacking = [value for value in timed if artifacts.find(value) is None]
        run([*others, *(r for value in lacking for r in needed(value))], resources, workers, report)
        workers = 1
    missing = _missing(timed or values)
    if not missing:
        return
    for value in missing.values():
        if isinstance(value, Recipe) and value.traces:
            for dataset, _ in value.sources:
                traces.require(value.traces, dataset)
    pythons = {key: _python(value) for key, value in missing.items()}
    visible = devices.visible() if resources.device == "cuda" else []
    for name in ("tensor_parallel", "gpus_per_training"):
        if 0 < len(visible) < (span := getattr(resources, name)):
            raise TooFewDevicesError(
                f"{name} is {span}, but there are only {len(visible)} GPUs to be seen: set it to "
                f"{len(visible)} or less."
            )
    if resources.gpus_per_training > 1 and any(isinstance(v, Recipe) for v in missing.values()):
        launch.configuration(resources)
    progress = Progress({key: cost(value) for key, value in missing.items()}, report)
    board = _Board(missing)
    logs = cache_folder() / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
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
    if board.failures:
        what, why = board.failures[0]
        raise WorkFailedError(
            f"{len(board.failures)} of {len(missing)} steps failed; the first was "
            f"{what}: {why} (log: {log}). What was made is kept: mend that and run again."
        )


def cost(value: Work) -> float:
    """Rough cost, comparable between steps: forward passes over a token, a backward counting two.

    Only orders the work and weighs the progress; `plan` says what a run would cost.
    """
    if isinstance(value, Recipe):
        tokens = 100 if value.traces is None else 170
        examples = (value.n_train or 5000) + (value.mix.examples or 1000 if value.mix else 0)
        if value.refinement:
            difficult = (value.refinement.mined.examples or 5000) // 5
            return 3.0 * value.refinement.sequences(examples, difficult) * tokens
        return 3.0 * examples * value.sft.epochs * tokens
    if isinstance(value, Timing):
        return sum(map(cost, value.asked)) * value.rounds
    if isinstance(value, Probability):  # less than its answers, which are so made before it
        return (value.answers.limit or 300) * 60.0
    answer = 15 if value.mode == "non-reasoning" else 80
    examples = value.mined.examples or 5000 if isinstance(value, Mining) else value.limit or 300
    return examples * (60 + 4 * value.decoding.generations * answer)


def describe(value: Work) -> str:
    """A value in a few words, for progress and failures."""
    if isinstance(value, Recipe):
        spec = value.traces
        kind = "no traces" if spec is None else f"{spec.content} traces"
        if spec is not None:
            kind += ", full" if spec.sentences is None else f", {spec.sentences} sentences"
        sets = " and ".join(dataset for dataset, _ in value.sources)
        if value.refinement:
            how = type(value.refinement).__name__
            return f"{how} on {value.refinement.chosen} examples of {sets} (seed {value.seed})"
        return f"training on {sets} ({kind}, seed {value.seed})"
    if isinstance(value, Timing):
        return f"timing of {len(value.asked)} guards"
    if isinstance(value, Mining):
        return f"answers to training examples of {value.guard.train_set}"
    if isinstance(value, Probability):
        return f"verdict probabilities of {value.answers.cell.name}"
    return f"answers to {value.cell.name}"


class _Board:
    """What is still to do, shared by the threads; a value is ready when all it needs is made."""

    def __init__(self, missing: dict[str, Work]) -> None:
        self._todo = dict(sorted(missing.items(), key=lambda item: -cost(item[1])))
        self._waiting_for = {
            key: {artifacts.key(other) for other in needed(value)} for key, value in missing.items()
        }
        self._unmade = set(missing)
        self._changed = threading.Condition()
        self.failures: list[tuple[str, str]] = []

    def take(self, last: Work | None) -> tuple[str, Work] | None:
        """The next ready value, of the last one's guard if possible; None when none is left."""
        with self._changed:
            while self._todo:
                ready = [key for key in self._todo if not self._waiting_for[key] & self._unmade]
                if ready:
                    same = [key for key in ready if _guard(self._todo[key]) == _guard(last)]
                    key = (same or ready)[0]
                    return key, self._todo.pop(key)
                self._changed.wait()
            return None

    def made(self, key: str) -> None:
        with self._changed:
            self._unmade.discard(key)
            self._changed.notify_all()

    def failed(self, key: str, what: str, why: str) -> None:
        """Record a failure and drop what cannot be made without it."""
        with self._changed:
            self.failures.append((what, why))
            lost = {key}
            while lost:  # and what waits for that in turn
                self._unmade -= lost
                lost = {k for k in self._todo if self._waiting_for[k] & lost}
                for waiting in lost:
                    del self._todo[waiting]
            self._changed.notify_all()

    def stop(self) -> None:
        """Leave the rest undone; the threads end once they have finished what they hold."""
        with self._changed:
            self._todo.clear()
            self._changed.notify_all()


def _guard(value: Work | None) -> object:
    if isinstance(value, Probability):
        value = value.answers
    return value.guard if isinstance(value, Generation | Mining) else value


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


def _work(
    board: _Board,
    pythons: dict[str, str],
    resources: Resources,
    place: tuple[int, list[str]],
    log: Path,
    progress: Progress,
) -> None:
    workers: dict[tuple[str, str | None], Worker] = {}
    last: Work | None = None
    try:
        while (taken := board.take(last)) is not None:
            key, value = taken
            if resources.device == "cuda" and _step(value) != _step(last):
                _close(workers)  # a GPU's memory is surely free only once its process has ended
            seen = ",".join(devices.of_worker(value, *place, resources)) or None
            kind = (pythons[key], seen)
            worker = workers.setdefault(kind, Worker(pythons[key], log, seen))
            why = worker.make(value, resources)
            if why is None:
                board.made(key)
                progress.done(key, describe(value))
            else:
                board.failed(key, describe(value), why)
            last = value
    except BaseException:
        board.stop()  # others may wait for the value this thread took
        raise
    finally:
        _close(workers)


def _step(value: Work | None) -> tuple[bool, object]:
    """What may share a process on a GPU: one training, or the answers of one guard."""
    return isinstance(value, Recipe), _guard(value)


def _close(workers: dict[tuple[str, str | None], Worker]) -> None:
    while workers:
        workers.popitem()[1].close()


def _python(value: Work) -> str:
    """The interpreter for a value: vLLM may live in an environment of its own."""
    if any(one.engine == "vllm" for one in asked(value)):
        named = os.environ.get("REASONING_GUARDS_VLLM_PYTHON")
        if named:
            return named
        if importlib.util.find_spec("vllm") is None:
            raise NoVLLMError(
                "The engine is vllm, which is not installed here: install it, set "
                "REASONING_GUARDS_VLLM_PYTHON to the Python of an environment that has it "
                "(`make vllm` makes one), or use -p engine transformers."
            )
    return sys.executable
