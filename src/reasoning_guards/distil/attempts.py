"""From an example to its trace, or to the reasons why it has none: one question at a time.

`attempts` yields what has to be asked and is sent the answers. It knows nothing of where these come
from, so the same code asks an endpoint and, later, goes through what is on disk.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Literal

from reasoning_guards import prompts
from reasoning_guards.distil import filters, judge
from reasoning_guards.distil.answers import Answer, Question
from reasoning_guards.distil.filters import Candidate
from reasoning_guards.distil.spec import Distillation, Stage
from reasoning_guards.examples import Example

State = Literal["kept", "lost", "unlabelled", "unanswered", "unfinished"]


@dataclass(frozen=True)
class Item:
    """An example that is to have a trace.

    Attributes:
        template: which of the teacher's templates asks about it.
        full: its full trace, where that is to be rewritten to a budget.
    """

    example: Example
    template: prompts.TeacherTemplate
    full: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of one example.

    Attributes:
        state: "kept" with a trace, "lost" after the last round, "unlabelled" if it lacks a label
            that the teacher is to be told, "unanswered" if the endpoint gave no answer, or
            "unfinished" if the run stopped before.
        trace: what is learnt, if it was kept.
        rounds: the reasons of each answer, in turn; none for one that passed.
    """

    example: str
    state: State
    trace: str | None = None
    rounds: tuple[tuple[str, ...], ...] = ()


def attempts(
    spec: Distillation,
    stage: Stage,
    item: Item,
    reasons: Callable[[Candidate], tuple[str, ...]] = filters.reasons,
) -> Generator[Question, Answer, Outcome]:
    """Ask for a trace up to `spec.rounds` times, each time with another seed.

    Args:
        spec, stage, item: what is asked about what.
        reasons: why a candidate is rejected, as `filters.reasons` tells or remembers.
    """
    rounds: list[tuple[str, ...]] = []
    try:
        for attempt in range(spec.rounds):
            answer = yield question(spec, stage, item, attempt)
            candidate = as_candidate(stage, item, answer)
            why = reasons(candidate)
            if not why and spec.judge is not None:
                why = yield from _judged(spec, stage, item.example, candidate.trace, attempt)
            rounds.append(why)
            if not why:
                return Outcome(item.example.id, "kept", candidate.trace, tuple(rounds))
    except prompts.MissingLabelError:
        return Outcome(item.example.id, "unlabelled", None, tuple(rounds))
    return Outcome(item.example.id, "lost", None, tuple(rounds))


def question(spec: Distillation, stage: Stage, item: Item, attempt: int) -> Question:
    """What the teacher is asked for an example's trace.

    Raises:
        MissingLabelError: if the example lacks a label that the template shows.
    """
    drawn, example = spec.sampling, item.example
    if stage == "full":
        text = prompts.teacher_prompt(example, item.template, spec.prompt)
    else:
        text = prompts.rewrite_prompt(item.full or "", stage)
    return Question(
        model=spec.teacher,
        text=text,
        temperature=drawn.temperature,
        top_p=drawn.top_p,
        max_tokens=drawn.max_tokens,
        seed=spec.seed_of(str(stage), example.id, attempt),
        purpose="trace" if stage == "full" else "rewrite",
        example=example.id,
        attempt=attempt,
    )


def as_candidate(stage: Stage, item: Item, answer: Answer) -> Candidate:
    """An answer as a trace to be filtered: the thinking; of a rewrite, what follows it."""
    full = stage == "full"
    return Candidate(
        example=item.example,
        trace=answer.reasoning if full else answer.content,
        answer=answer.content if full else None,
        cut_off=answer.finish == "length" or answer.open_thinking,
        budget=None if stage == "full" else stage,
        refusal_line=item.template == "wildguard",
    )


def _judged(
    spec: Distillation, stage: Stage, example: Example, trace: str, attempt: int
) -> Generator[Question, Answer, tuple[str, ...]]:
    for turn in range(judge.TRIES):
        answer = yield judge.question(spec, example, trace, attempt, turn)
        why = judge.read(answer)
        if why is not None:
            return why
    return (judge.UNREADABLE,)
