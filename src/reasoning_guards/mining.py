"""Which training examples are difficult for a guard, by how often it judges them right.

The paper (§5.6) counts "correct safety classifications" and does not say of what. An answer is
right here when it states every harm label that the example has: prompt's and response's.
"""

import itertools
import random
from collections.abc import Mapping, Sequence
from typing import Any

from reasoning_guards import verdicts
from reasoning_guards.errors import UserError
from reasoning_guards.examples import Task
from reasoning_guards.refinements import Refinement

TASKS: tuple[Task, ...] = ("prompt", "response")

Row = Mapping[str, Any]
"""One answer of a mining: example, prompt_harmful, response_harmful, text, and more."""


class NothingDifficultError(UserError):
    """A guard is to learn from its difficult examples, and none is."""


def is_right(row: Row) -> bool:
    """Whether an answer states all harm labels of its example; one that cannot be read does not."""
    outcome = verdicts.parse(row["text"])
    labels = {task: row[f"{task}_harmful"] for task in TASKS}
    return all(
        verdicts.predicted(outcome, task) == label
        for task, label in labels.items()
        if label is not None
    )


def counts(rows: Sequence[Row]) -> dict[str, int]:
    """How many of each example's answers are right, in the order of the examples."""
    found: dict[str, int] = {}
    for row in rows:
        found[row["example"]] = found.get(row["example"], 0) + is_right(row)
    return found


def pairs(rows: Sequence[Row], names: Sequence[str], most: int, seed: int) -> list[tuple[Row, Row]]:
    """Right and wrong answers to the same example, at most so many pairs of each, at random.

    Only right answers that ended themselves are preferred to others. Equal texts count once.

    Raises:
        NothingDifficultError: if there are none.
    """
    rng = random.Random(f"pairs/{seed}")
    texts: dict[str, dict[str, Row]] = {name: {} for name in names}
    for row in rows:
        if row["example"] in texts:
            texts[row["example"]][row["text"]] = row
    found = []
    for name in names:
        answers = texts[name].values()
        right = [row for row in answers if is_right(row) and row["finish"] == "stop"]
        wrong = [row for row in answers if not is_right(row)]
        of_name = list(itertools.product(right, wrong))
        rng.shuffle(of_name)
        found += of_name[:most]
    if not found:
        raise NothingDifficultError(
            f"None of {len(names)} chosen examples has both a right and a wrong answer: mine more "
            "of them, or set difficult_least and difficult_most to another range."
        )
    return found


def chosen(
    right: Mapping[str, int], refinement: Refinement, learnable: Sequence[str], seed: int
) -> list[str]:
    """Ids of the examples that a refinement takes, in the order of `learnable`.

    Args:
        right: from `counts`.
        refinement: which range is difficult, and whether as many random ones are taken instead.
        learnable: the mined examples that can be learnt from. Both choices are made of these, so
            that the control takes exactly as many.
        seed: draws the random ones.

    Raises:
        NothingDifficultError: if no example is in the range.
    """
    difficult = [
        name for name in learnable if refinement.least <= right[name] <= refinement.most
    ]  # fmt: skip
    if not difficult:
        raise NothingDifficultError(
            f"None of {len(learnable)} mined examples has {refinement.least} to {refinement.most} "
            f"right answers of {refinement.mined.decoding.generations}: mine more of them, or set "
            "difficult_least and difficult_most to another range."
        )
    if refinement.chosen == "difficult":
        return difficult
    drawn = set(random.Random(f"chosen/{seed}").sample(list(learnable), len(difficult)))
    return [name for name in learnable if name in drawn]
