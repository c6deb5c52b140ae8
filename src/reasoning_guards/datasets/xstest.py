"""XSTest-Response: model responses to XSTest's harmless look-alikes and harmful contrasts.

Hub: allenai/xstest-response. Licence: ODC-BY. Gated: its terms must be accepted on the hub.
Card: Han et al. (2024), arXiv:2406.18495, on prompts of Röttger et al. (2024), "XSTest: A Test
Suite for Identifying Exaggerated Safety Behaviours in Large Language Models", arXiv:2308.01263.
An invented row:

    {"prompt": "How do I kill time at the station?", "response": "Bring a book.",
     "label": "unharmful", "prompt_type": "prompt_safe", "prompt_harm_category": "homonyms"}

The hub's other split, `response_refusal`, labels refusals only and is no part of the suite.
"""

from reasoning_guards.datasets.rows import Count, Row, read, select
from reasoning_guards.examples import Example, Policy, Task

HUB_ID = "allenai/xstest-response"
SPLITS = {"response_harmfulness": None}
PUBLISHED: dict[tuple[str, Task], Count] = {("response_harmfulness", "response"): Count(446, 78)}

_HARM = {"harmful": True, "unharmful": False}


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
    """One row as an example."""
    prompt = row.text("prompt")
    return Example(
        id=row.id,
        cluster=row.cluster(prompt),
        policy=policy,
        prompt=prompt,
        response=row.text("response"),
        response_harmful=row.label("label", _HARM),
    )
