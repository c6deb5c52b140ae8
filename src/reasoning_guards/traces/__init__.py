"""Reasoning traces for training: one per example, from the teacher a recipe names."""

import random

from reasoning_guards.errors import UserError
from reasoning_guards.examples import Example
from reasoning_guards.recipes import TraceSpec
from reasoning_guards.synthetic import corpora
from reasoning_guards.synthetic import teacher as rule_teacher


class UnknownTeacherError(UserError):
    """No teacher of that name is known."""


class NoTracesError(UserError):
    """Reasoning guards are to be trained on a set for which there are no traces."""


def require(spec: TraceSpec, train_set: str) -> None:
    """Refuse what `write` could not give, before anything is loaded or trained.

    Raises:
        NoTracesError: for a set outside the embedded world, whoever the teacher.
        UnknownTeacherError: if the spec names a teacher this package does not have.
    """
    if train_set not in corpora.SETS:
        raise NoTracesError(
            f"There are no reasoning traces for {train_set}, by {spec.teacher} or any other "
            "teacher, so no reasoning guard can be trained on it yet: run a profile of the "
            "embedded world, such as cpu, or a study of guards that do not reason."
        )
    if spec.teacher != "rule":
        raise UnknownTeacherError(
            f"The teacher {spec.teacher!r} has no traces for {train_set}: set `teacher` to 'rule', "
            "the embedded world's own."
        )


def write(spec: TraceSpec, examples: list[Example], seed: int) -> list[str]:
    """One trace for each example, in order.

    Args:
        spec: the teacher, the sentence budget and whether the content is real or a control.
        examples: with the labels the traces must argue for.
        seed: draws the filler's words and the shuffle; real traces do not depend on it.

    Raises:
        UnknownTeacherError: if the spec names a teacher this package does not have.
    """
    if spec.teacher != "rule":
        raise UnknownTeacherError(
            f"The teacher {spec.teacher!r} has no traces here: 'rule' is the only one, and knows "
            "the embedded world's examples alone."
        )
    real = [rule_teacher.trace(example, spec.sentences) for example in examples]
    if spec.content == "real":
        return real
    rng = random.Random(f"{spec.content}/{seed}")
    if spec.content == "filler":
        return [rule_teacher.filler(len(trace.split()), rng) for trace in real]
    return _shuffled(real, rng)


def _shuffled(traces: list[str], rng: random.Random) -> list[str]:
    """Each trace goes to another example; none stays where it was (a random cycle)."""
    order = list(range(len(traces)))
    rng.shuffle(order)
    moved = list(traces)
    for position, index in enumerate(order):
        moved[order[position - 1]] = traces[index]
    return moved
