"""Reasoning traces for training: one per example, from the teacher a recipe names."""

import random

from reasoning_guards.datasets import own, released_traces
from reasoning_guards.distil import releases
from reasoning_guards.errors import UserError
from reasoning_guards.examples import Example
from reasoning_guards.recipes import TraceSpec
from reasoning_guards.synthetic import corpora
from reasoning_guards.synthetic import teacher as rule_teacher

_RELEASED = ", ".join(map(repr, released_traces.TEACHERS))


class UnknownTeacherError(UserError):
    """No teacher of that name is known."""


class NoTracesError(UserError):
    """Reasoning guards are to be trained on a set for which there are no traces."""


def require_teacher(name: str) -> str:
    """The name, if it is that of a teacher.

    Raises:
        UnknownTeacherError: if this package does not have one of that name.
    """
    if name in ("rule", "own", *released_traces.TEACHERS) or name.startswith(releases.PREFIX):
        return name
    raise UnknownTeacherError(
        f"The teacher {name!r} has no traces: set `teacher` to 'rule' in the embedded world, to "
        f"'own' for a set of your own, and to one of {_RELEASED} for hub sets."
    )


def require(spec: TraceSpec, train_set: str) -> None:
    """Refuse what `write` could not give, before anything is loaded or trained.

    Raises:
        releases.NoDistilledTracesError: for a set that nothing was distilled for.
        NoTracesError: for a set that the teacher has written no traces for.
        own.OwnSetError: for a set of your own that names no column for traces of that length.
        UnknownTeacherError: if the spec names a teacher this package does not have.
    """
    require_teacher(spec.teacher)
    if spec.teacher == "rule":
        if train_set not in corpora.SETS:
            raise NoTracesError(
                f"The teacher 'rule' knows the embedded world alone, and {train_set} is not of it: "
                "set `teacher` to 'own' for a set of your own, or to one of "
                f"{_RELEASED}, whose traces were released."
            )
    elif spec.teacher.startswith(releases.PREFIX):
        releases.require(spec.teacher, train_set, spec.sentences)
    elif spec.teacher == "own":
        if not train_set.startswith(own.PREFIX):
            raise NoTracesError(
                "The teacher 'own' means the traces that a set of your own brings, and "
                f"{train_set} is none: set `teacher` to 'rule' in the embedded world, and to one "
                f"of {_RELEASED} for hub sets."
            )
        own.trace_column(train_set, spec.sentences)
    elif train_set not in released_traces.TRAINING_SETS:
        raise NoTracesError(
            f"There are no reasoning traces of {spec.teacher} for {train_set}, so no reasoning "
            "guard can be trained on it: set train_set to one of "
            f"{', '.join(released_traces.TRAINING_SETS)}, whose traces were released, or run a "
            "study of guards that do not reason."
        )


def write(spec: TraceSpec, examples: list[Example], seed: int) -> list[str | None]:
    """One trace for each example, in order; None where the teacher has none to learn from.

    Args:
        spec: the teacher ("rule" for the embedded world, "own" for a set of your own that brings
            its traces, one whose traces were released, or "distilled/…"), the sentence budget, and
            whether the content is real or a control.
        examples: with the labels the traces must argue for.
        seed: draws the filler's words and the shuffle; real traces do not depend on it.

    Raises:
        UnknownTeacherError: if the spec names a teacher this package does not have.
        released_traces.NoReleasedTracesError, own.OwnSetError, releases.NoDistilledTracesError: if
            there are no traces of that length.
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
    if spec.teacher.startswith(releases.PREFIX):
        return releases.traces(spec.teacher, spec.sentences, examples)
    if spec.teacher == "own":
        return own.traces(spec.sentences, examples)
    require_teacher(spec.teacher)
    return [rule_teacher.trace(example, spec.sentences) for example in examples]


def _shuffled(traces: list[str], rng: random.Random) -> list[str]:
    """Each trace goes to another example; none stays where it was (a random cycle)."""
    order = list(range(len(traces)))
    rng.shuffle(order)
    moved = list(traces)
    for position, index in enumerate(order):
        moved[order[position - 1]] = traces[index]
    return moved
