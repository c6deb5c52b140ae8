"""Reasoning traces for training: one per example, from the teacher a recipe names."""

import random

from reasoning_guards.datasets import own, released_traces
from reasoning_guards.errors import UserError
from reasoning_guards.examples import Example
from reasoning_guards.recipes import TraceSpec
from reasoning_guards.synthetic import teacher as rule_teacher


class UnknownTeacherError(UserError):
    """No teacher of that name is known."""


def write(spec: TraceSpec, examples: list[Example], seed: int) -> list[str | None]:
    """One trace for each example, in order; None where the teacher has none to learn from.

    Args:
        spec: the teacher ("rule" for the embedded world, "own" for a set of your own that brings
            its traces, or one whose traces were released), the sentence budget, and whether the
            content is real or a control.
        examples: with the labels the traces must argue for.
        seed: draws the filler's words and the shuffle; real traces do not depend on it.

    Raises:
        UnknownTeacherError: if the spec names a teacher this package does not have.
        released_traces.NoReleasedTracesError, own.OwnSetError: if there are no traces of that
            length.
    """
    real = _real(spec, examples)
    if spec.content == "real":
        return real
    rng = random.Random(f"{spec.content}/{seed}")
    kept = [trace for trace in real if trace is not None]
    if spec.content == "filler":
        controls = [rule_teacher.filler(len(trace.split()), rng) for trace in kept]
    else:
        controls = _shuffled(kept, rng)
    in_turn = iter(controls)
    return [None if trace is None else next(in_turn) for trace in real]


def _real(spec: TraceSpec, examples: list[Example]) -> list[str | None]:
    if spec.teacher in released_traces.TEACHERS:
        return released_traces.traces(spec.teacher, spec.sentences, examples)
    if spec.teacher == "own":
        return own.traces(spec.sentences, examples)
    if spec.teacher == "rule":
        return [rule_teacher.trace(example, spec.sentences) for example in examples]
    raise UnknownTeacherError(
        f"The teacher {spec.teacher!r} has no traces here: set `teacher` to 'rule', which knows "
        "the embedded world's examples, to 'own' for the traces of a set of your own, or to one of "
        f"{', '.join(released_traces.TEACHERS)}."
    )


def _shuffled(traces: list[str], rng: random.Random) -> list[str]:
    """Each trace goes to another example; none stays where it was (a random cycle)."""
    order = list(range(len(traces)))
    rng.shuffle(order)
    moved = list(traces)
    for position, index in enumerate(order):
        moved[order[position - 1]] = traces[index]
    return moved
