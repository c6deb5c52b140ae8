"""An LLM that judges traces by a rubric (paper §4.1), knowing what they are about.

The judge answers five lines, each `<point>: yes` or `<point>: no`, and nothing else; any other
answer is unreadable and is asked for again, never guessed at.
"""

from reasoning_guards import prompts
from reasoning_guards.distil.answers import Answer, Question
from reasoning_guards.distil.spec import Distillation
from reasoning_guards.examples import Example

RUBRIC = {
    "grounded": "not grounded",
    "policy": "not by the policy",
    "conclusion": "another conclusion",
    "independent": "label shows",
    "focused": "not focused",
}
"""Point of the rubric → what is said of a trace that fails it."""

TRIES = 3
"""How often the judge is asked about one trace while its answers are unreadable."""

UNREADABLE = "judge: unreadable"


def question(spec: Distillation, example: Example, trace: str, attempt: int, turn: int) -> Question:
    """What the judge is asked about one trace.

    Raises:
        MissingLabelError: if the example lacks a label that the rubric shows.
    """
    drawn = spec.judging
    tried = attempt * TRIES + turn
    return Question(
        model=spec.judge or "",
        text=prompts.judge_prompt(example, trace),
        temperature=drawn.temperature,
        top_p=drawn.top_p,
        max_tokens=drawn.max_tokens,
        seed=spec.seed_of("judge", example.id, tried),
        purpose="judge",
        example=example.id,
        attempt=tried,
    )


def read(answer: Answer) -> tuple[str, ...] | None:
    """Why the judge rejects a trace; none if it does not, and None if its answer is unreadable."""
    lines = [line.strip().lower() for line in answer.content.splitlines() if line.strip()]
    if answer.finish == "length" or len(lines) != len(RUBRIC):
        return None
    found = []
    for line, (point, reason) in zip(lines, RUBRIC.items(), strict=True):
        if line not in (f"{point}: yes", f"{point}: no"):
            return None
        if line.endswith("no"):
            found.append(f"judge: {reason}")
    return tuple(found)
