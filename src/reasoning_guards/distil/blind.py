"""A judge who reads a trace alone, without policy, interaction and labels: what does it amount to?

A trace that leads a stranger to the verdict that it goes with holds the reasons for it. What the
trace leaves open is an answer too, and no agreement.
"""

from collections.abc import Generator
from dataclasses import dataclass

from reasoning_guards import prompts, verdicts
from reasoning_guards.distil import judge
from reasoning_guards.distil.answers import Answer, Question
from reasoning_guards.distil.spec import Distillation
from reasoning_guards.verdicts import Verdict


@dataclass(frozen=True)
class Reading:
    """What the judge took a trace to say; no verdict if none of its answers could be read."""

    verdict: Verdict | None

    @property
    def state(self) -> str:
        """In a word."""
        return "unreadable" if self.verdict is None else "read"


def read(spec: Distillation, trace: str) -> Generator[Question, Answer, Reading]:
    """Ask about one trace, again with another seed while the answer is no verdict.

    Nothing but the trace decides a question, so that equal traces are paid for once.
    """
    drawn = spec.judging
    for turn in range(judge.TRIES):
        answer = yield Question(
            model=spec.judge or "",
            text=prompts.blind_prompt(trace),
            temperature=drawn.temperature,
            top_p=drawn.top_p,
            max_tokens=drawn.max_tokens,
            seed=spec.seed_of("blind", "", turn),
            purpose="blind",
            example="",
            attempt=turn,
        )
        said = verdicts.parse(answer.content)
        if answer.finish != "length" and isinstance(said, Verdict):
            return Reading(said)
    return Reading(None)
