"""What is still to be made: in which order, how much of it there is, and what has failed."""

import threading
import time
from collections.abc import Callable, Mapping

from reasoning_guards import artifacts
from reasoning_guards.errors import UserError
from reasoning_guards.recipes import (
    Backbone,
    Generation,
    Mining,
    Probability,
    Recipe,
    Timing,
    Work,
    asked_alike,
    needed,
)


class WorkFailedError(UserError):
    """Some values could not be made; the others are kept.

    Attributes:
        failures: what was not made and why, the first failure first.
    """

    def __init__(self, failures: list[tuple[str, str]], steps: int) -> None:
        self.failures = failures
        what, why = failures[0]
        super().__init__(
            f"{len(failures)} of {steps} steps failed; the first was {what}: {why}. "
            "What was made is kept: mend that and run again."
        )


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


class Board:
    """What is still to do, shared by the threads; a value is ready when all it needs is made."""

    def __init__(self, missing: Mapping[str, Work]) -> None:
        self._todo = dict(sorted(missing.items(), key=lambda item: -cost(item[1])))
        self._waiting_for = {
            key: {artifacts.key(other) for other in needed(value)} for key, value in missing.items()
        }
        self._unmade = set(missing)
        self._changed = threading.Condition()
        self.failures: list[tuple[str, str]] = []

    def take(self, last: Work | None) -> dict[str, Work]:
        """What is ready next, of the last one's guard if possible; nothing when nothing is left.

        One value, or all the answers that can be written together with it: a guard's are one
        worker's, even where others have nothing left to do.
        """
        with self._changed:
            while self._todo:
                ready = [key for key in self._todo if not self._waiting_for[key] & self._unmade]
                if ready:
                    same = [
                        key for key in ready if last and guard_of(self._todo[key]) == guard_of(last)
                    ]
                    first = self._todo[(same or ready)[0]]
                    return {
                        key: self._todo.pop(key)
                        for key in ready
                        if self._todo[key] is first or asked_alike(self._todo[key], first)
                    }
                self._changed.wait()
            return {}

    def made(self, key: str) -> None:
        """What waits for this value need not wait for it any longer."""
        with self._changed:
            self._unmade.discard(key)
            self._changed.notify_all()

    def failed(self, key: str, value: Work, why: str) -> None:
        """Record a failure and drop what cannot be made without it."""
        with self._changed:
            self.failures.append((describe(value), why))
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


def guard_of(value: Work) -> Recipe | Backbone | Timing:
    """The guard that a value is, or is of; a timing, of several, stands for itself."""
    if isinstance(value, Probability):
        value = value.answers
    return value.guard if isinstance(value, Generation | Mining) else value


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
