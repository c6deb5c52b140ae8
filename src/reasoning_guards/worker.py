"""The child process that trains and generates: one JSON job in, one verified folder out.

    python -m reasoning_guards.worker             serves jobs, one JSON object a line, as long as
                                                  the process that started it is there
    python -m reasoning_guards.worker JOB.json    does one job and ends

A job is {"values": [...], "resources": {...}} as `Job` describes it. For each value a line of JSON
comes back: {"made": <folder>} or {"failed": <one sentence>}. All other output goes to stderr.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

import sys
import threading
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from reasoning_guards import artifacts
from reasoning_guards.errors import UserError
from reasoning_guards.recipes import (
    Generation,
    Mining,
    Probability,
    Recipe,
    Timing,
    Work,
    asked_alike,
    mining,
)
from reasoning_guards.resources import Resources


class Job(BaseModel):
    """Values to make, one after the other; answers of one guard share its loaded engine.

    They are written in the same batches if they are all asked for alike.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    values: tuple[Work, ...]
    resources: Resources


class Reply(BaseModel):
    """What became of one value: the folder made, or a sentence saying why it was not."""

    made: str | None = None
    failed: str | None = None


class Builder:
    """Makes one value after another, keeping the last guard loaded."""

    def __init__(self) -> None:
        self._loaded: tuple[Any, Any] | None = None

    def make_together(self, values: Sequence[Work], resources: Resources) -> None:
        """Answers that are asked for alike, written in the same batches."""
        from reasoning_guards import generation

        answers: list[Generation | Mining] = [v for v in values if isinstance(v, Generation)]
        artifacts.make_together(
            answers,
            lambda folders: generation.generate_together(
                folders, self._engine(answers[0], resources)
            ),
        )

    def make(self, value: Work, resources: Resources) -> Path:
        """The value's artifact, built unless it is there."""
        if isinstance(value, Recipe):
            return artifacts.make(value, lambda folder: _train(value, folder, resources))
        if isinstance(value, Timing):
            from reasoning_guards import timing

            def load(asked: Generation | Mining) -> Any:
                return self._engine(asked, resources)

            return artifacts.make(value, lambda folder: timing.measure(value, load, folder))
        if isinstance(value, Probability):
            from reasoning_guards import probability

            asked = value.answers
            # If the answers are made elsewhere just now, their lock is waited for.
            answers = self.make(asked, resources) if asked.mode == "reasoning" else None

            def measure(folder: Path) -> dict[str, Any]:
                return probability.measure(value, self._engine(asked, resources), answers, folder)

            return artifacts.make(value, measure)
        from reasoning_guards import generation

        return artifacts.make(
            value,
            lambda folder: generation.generate(value, self._engine(value, resources), folder),
        )

    def _engine(self, value: Generation | Mining, resources: Resources) -> Any:
        from reasoning_guards import engines

        asked = value.decoding
        wanted = (
            value.engine, value.guard, value.epoch, asked.max_length, asked.precision, resources
        )  # fmt: skip
        if self._loaded is None or self._loaded[0] != wanted:
            checkpoint = None
            if isinstance(value.guard, Recipe):
                checkpoint = _made(value.guard)
                if value.epoch is not None:
                    from reasoning_guards.training.sft import epoch_folder

                    checkpoint = epoch_folder(checkpoint, value.epoch)
            self._loaded = None  # frees the last guard before the next is loaded
            self._loaded = (
                wanted,
                engines.load(
                    value.engine,
                    value.backbone,
                    checkpoint,
                    asked.max_length,
                    resources,
                    asked.precision,
                ),
            )
        return self._loaded[1]


def _train(recipe: Recipe, folder: Path, resources: Resources) -> dict[str, Any]:
    """Train a guard; one that refines another goes on from that, whose answers are there."""
    from reasoning_guards.generation import ROWS, read_rows
    from reasoning_guards.training import launch

    training = launch.Training(recipe=recipe, resources=resources, folder=folder)
    if recipe.refinement:
        rows = read_rows(_made(mining(recipe)) / ROWS)
        training = training.model_copy(update={"start": _made(recipe.start), "rows": rows})
    return launch.train(training)


def _made(value: Recipe | Mining) -> Path:
    found = artifacts.find(value)
    if found is None:
        raise UserError("A guard is asked or refined before it is trained: make that guard first.")
    return found


def serve(jobs: Any, replies: Any) -> bool:
    """Do each line's job; answer each value with a line. Returns whether all succeeded."""
    builder = Builder()
    succeeded = True
    for line in jobs:
        job = Job.model_validate_json(line)
        if len(job.values) > 1 and all(asked_alike(value, job.values[0]) for value in job.values):
            try:
                builder.make_together(job.values, job.resources)
            except Exception:  # they are made one by one then, and what fails of one is reported
                traceback.print_exc()
        for value in job.values:
            try:
                reply = Reply(made=str(builder.make(value, job.resources)))
            except UserError as error:
                reply = Reply(failed=str(error))
            except Exception as error:
                traceback.print_exc()
                reply = Reply(failed=f"{type(error).__name__}: {error}")
            succeeded &= reply.failed is None
            replies.write(reply.model_dump_json() + "\n")
            replies.flush()
    return succeeded


def _end_with(parent: int) -> None:
    """End this process, whatever it is doing, once its parent is gone.

    A parent that is killed cannot close anything, and an hour of training would go on without it,
    its lock and its memory held. What was begun is gone on from by the next run.
    """
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def main() -> int:
    """Keep stdout for replies alone: whatever a library prints goes to stderr."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    if len(sys.argv) > 1:
        return 0 if serve([Path(sys.argv[1]).read_text()], replies) else 1
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    serve(sys.stdin, replies)
    return 0


if __name__ == "__main__":
    sys.exit(main())
