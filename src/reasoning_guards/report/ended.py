"""What the command line says when asking a teacher, or a judge, has ended."""

from reasoning_guards.distil.budget import Budget
from reasoning_guards.distillation.asking import Distilled
from reasoning_guards.distillation.examining import Examined


def distilled(done: Distilled) -> str:
    """How many traces are there, what was rejected, what it cost, and what to train with."""
    lines = []
    for (dataset, stage), counted in done.tallies.items():
        states = ", ".join(f"{count:,} {state}" for state, count in counted.states.items())
        lines.append(f"{dataset}, {stage}: {states or 'nothing to do'}")
        for (number, reason), count in sorted(counted.rejected.items()):
            lines.append(f"  round {number + 1}: {count:,} rejected: {reason}")
    end = f"Train with `teacher: {done.name}`." if done.name else _stopped(done.stopped)
    return "\n".join([*lines, _spent(done.asked, done.budget), end])


def examined(done: Examined) -> str:
    """How many traces the judge read alone, and what it cost."""
    states = ", ".join(f"{count:,} {state}" for state, count in done.run.states.items())
    end = [_stopped(done.run.stopped)] if done.run.stopped else []
    said = f"{done.traces:,} traces: {states or 'none is there to read'}"
    return "\n".join([said, _spent(done.run.asked, done.budget), *end])


def _spent(asked: int, spent: Budget) -> str:
    return (
        f"{asked:,} questions asked now; {spent.answers:,} answers used, "
        f"{spent.spent_tokens:,} tokens, {spent.spent:,.2f} spent in all."
    )


def _stopped(why: str | None) -> str:
    return f"Stopped: {why}. What was answered is kept: run again to go on."
