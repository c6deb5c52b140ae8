"""ToxicChat: what users wrote to the Vicuna demo, annotated for toxicity.

Hub: lmsys/toxic-chat. Licence: CC-BY-NC-4.0. Not gated.
Card: Lin et al. (2023), "ToxicChat: Unveiling Hidden Challenges of Toxicity Detection in
Real-World User-AI Conversation", arXiv:2310.17389. An invented row:

    {"conv_id": "0f", "user_input": "Insult my teapot.", "model_output": "What a dull pot.",
     "human_annotation": true, "toxicity": 1, "jailbreaking": 0, "openai_moderation": "[]"}

The paper does not state its subset. Ours is a guess: the rows that people annotated, with
toxicity as the target (2,853 rows); all rows are the alternative.
"""

from typing import Literal

from reasoning_guards.datasets.rows import Count, Row, log_left_out, read, select
from reasoning_guards.examples import Example, Policy, Task

HUB_ID = "lmsys/toxic-chat"
SPLITS = {"test": "toxicchat0124"}
PUBLISHED: dict[tuple[str, Task], Count] = {("test", "prompt"): Count(2853, 362)}

_YES = {1: True, 0: False}


def examples(
    split: str,
    policy: Policy,
    task: Task | None,
    revision: str = "main",
    toxic_chat_rows: Literal["annotated", "all"] = "annotated",
) -> list[Example]:
    """The split's examples for a task, of human-annotated rows or of all; see `rows.for_task`.

    Raises:
        UserError: whatever `rows.read`, `Row` and `rows.select` raise.
    """
    found = list(read(HUB_ID, SPLITS, split, revision))
    if toxic_chat_rows == "all":  # of which no count was published
        return select([example(row, policy) for row in found], task, HUB_ID, split)
    annotated = [row for row in found if row.label("human_annotation", _YES)]
    log_left_out(len(found) - len(annotated), "a human annotation", HUB_ID, split)
    return select([example(row, policy) for row in annotated], task, HUB_ID, split, PUBLISHED)


def example(row: Row, policy: Policy) -> Example:
    """One row as an example; the model's output has no label and is left out."""
    prompt = row.text("user_input")
    return Example(
        id=row.id,
        cluster=row.cluster(prompt),
        policy=policy,
        prompt=prompt,
        prompt_harmful=row.label("toxicity", _YES),
    )
