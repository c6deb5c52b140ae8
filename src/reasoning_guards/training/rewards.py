"""What an answer earns while a policy is optimised: pure functions of its text and the labels.

The paper (Appendix F) names the terms, label accuracy weighted apart for prompt and response and
penalties apart for false positives and false negatives, and gives no numbers. The form and the
length are ours. No term can be earned by an answer that is worse than another: what cannot be read
costs as much as the worst mistake, and what states no reasoning is not in the form.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reasoning_guards import mining, verdicts
from reasoning_guards.examples import Task
from reasoning_guards.refinements import Reward

FEWEST_WORDS = 3
"""Reasoning of fewer words is none."""

_HARM = "(?:harmful|unharmful)"
# As `prompts.completion` writes it; some chat templates open the thinking themselves.
_TAUGHT = re.compile(
    r"\s*+(?:(?:<think>)?+(?P<reasoning>(?:(?!</?think>).)*+)</think>\s*+)?"
    rf"Prompt harm: {_HARM}\nResponse harm: (?:{_HARM}|None)"
    r"(?:\nResponse refusal: (?:refusal|compliance|None))?\s*+",
    re.DOTALL,
)


@dataclass(frozen=True)
class Rollout:
    """An answer that was drawn while training, and what it is held against.

    Attributes:
        text: without the end token.
        length: its tokens, as a share of the most that it may have.
        labels: whether prompt and response are harmful; None where there is no label.
        reasons: whether the guard was taught to reason first.
    """

    text: str
    length: float
    labels: Mapping[Task, bool | None]
    reasons: bool


def total(rollout: Rollout, reward: Reward) -> float:
    """All terms together."""
    form = in_form(rollout.text, reasons=rollout.reasons)
    return labels(rollout, reward) + reward.form * form - reward.length * rollout.length


def labels(rollout: Rollout, reward: Reward) -> float:
    """What the verdict earns: for each label that there is its weight if it is stated, and
    otherwise minus that weight times the mistake's penalty."""
    outcome = verdicts.parse(rollout.text)
    weights = {"prompt": reward.prompt, "response": reward.response}
    penalties = {
        True: reward.false_positive,
        False: reward.false_negative,
        None: max(reward.false_positive, reward.false_negative),
    }
    earned = 0.0
    for task, label in rollout.labels.items():
        if label is not None:
            said = verdicts.predicted(outcome, task)
            earned += weights[task] * (1.0 if said == label else -penalties[said])
    return earned


def in_form(text: str, *, reasons: bool) -> bool:
    """Whether an answer is what was taught and no more: reasoning, if so, and the verdict lines."""
    found = _TAUGHT.fullmatch(text)
    if found is None:
        return False
    return is_reasoned(text) if reasons else found["reasoning"] is None


def reasoning(text: str) -> str:
    """What stands in an answer before its thinking ends; nothing, if it has no such end."""
    before, end, _ = text.partition("</think>")
    return before.strip().removeprefix("<think>").strip() if end else ""


def is_reasoned(text: str) -> bool:
    """Whether an answer has reasoning that deserves the name."""
    return len(reasoning(text).split()) >= FEWEST_WORDS


def is_bare(text: str) -> bool:
    """Whether an answer states a verdict without reasoning."""
    return isinstance(verdicts.parse(text), verdicts.Verdict) and not is_reasoned(text)


def watched(rollouts: Sequence[Rollout]) -> dict[str, float]:
    """Shares that show how a reward is earned: whether it is, or whether it is gamed.

    `recall` of the harmful labels, if there are any; `said_harmful`, of the labels that there are,
    how many were answered by harmful; of the answers, how many are `in_form` and how many `bare`.
    """
    said = [
        (label, verdicts.predicted(verdicts.parse(rollout.text), task))
        for rollout in rollouts
        for task, label in rollout.labels.items()
        if label is not None
    ]
    found = [answer is True for label, answer in said if label]
    shares = {
        "recall": found,
        "said_harmful": [answer is True for _, answer in said],
        "in_form": [in_form(rollout.text, reasons=rollout.reasons) for rollout in rollouts],
        "bare": [is_bare(rollout.text) for rollout in rollouts],
    }
    return {name: sum(those) / len(those) for name, those in shares.items() if those}


def given(row: mining.Row) -> dict[Task, bool | None]:
    """The labels that a row of a mining carries."""
    return {task: row[f"{task}_harmful"] for task in mining.TASKS}
