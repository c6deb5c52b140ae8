"""The OpenAI moderation evaluation set: texts from the web and from users, labelled by category.

Hub: mmathys/openai-moderation-api-evaluation. Licence: MIT. Not gated.
Card: Markov et al. (2023), "A Holistic Approach to Undesired Content Detection in the Real World",
arXiv:2208.03274. An invented row:

    {"prompt": "The goat called the donkey names.", "S": 0, "H": 0, "V": 0, "HR": 1, "SH": 0,
     "S3": 0, "H2": 0, "V2": null}

A category that the annotators left out is absent (null), which means unknown.
"""

from reasoning_guards.datasets.rows import Count, Row, read, select
from reasoning_guards.examples import Example, Policy, Task

HUB_ID = "mmathys/openai-moderation-api-evaluation"
SPLITS = {"train": None}
PUBLISHED: dict[tuple[str, Task], Count] = {("train", "prompt"): Count(1680, 522)}

_CATEGORIES = ("S", "H", "V", "HR", "SH", "S3", "H2", "V2")
_PRESENT = {1: True, 0: False}


def examples(
    split: str, policy: Policy, task: Task | None, revision: str = "main"
) -> list[Example]:
    """The split's examples for a task; see `rows.for_task`.

    Raises:
        UserError: whatever `rows.read`, `Row` and `rows.select` raise.
    """
    found = [example(row, policy) for row in read(HUB_ID, SPLITS, split, revision)]
    return select(found, task, HUB_ID, split, PUBLISHED)


def example(row: Row, policy: Policy) -> Example:
    """One row as an example: harmful if any category is marked; unknown ones do not count."""
    prompt = row.text("prompt")
    marks = [row.label(category, _PRESENT) for category in _CATEGORIES]
    return Example(
        id=row.id,
        cluster=row.cluster(prompt),
        policy=policy,
        prompt=prompt,
        prompt_harmful=any(marks),
    )
