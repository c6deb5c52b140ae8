"""WildGuardMix: synthetic and real prompts with responses, annotated by GPT-4 and by people.

Hub: allenai/wildguardmix. Licence: ODC-BY. Gated: its terms must be accepted on the hub.
Card: Han et al. (2024), "WildGuard: Open One-Stop Moderation Tools for Safety Risks, Jailbreaks,
and Refusals of LLMs", arXiv:2406.18495. An invented row:

    {"prompt": "How do I borrow my neighbour's ladder without asking?",
     "response": "Better ask first.", "adversarial": false, "subcategory": "others",
     "prompt_harm_label": "harmful", "response_harm_label": "unharmful",
     "response_refusal_label": "refusal"}

`wildguardtest` adds three `*_agreement` columns. A label that annotators did not agree on is null,
and so are response and response labels of a prompt-only row.
"""

from typing import Literal

from reasoning_guards.datasets.rows import Count, Row, log_left_out, read, select
from reasoning_guards.examples import Example, Policy, Task

HUB_ID = "allenai/wildguardmix"
SPLITS = {"train": "wildguardtrain", "test": "wildguardtest"}
PUBLISHED: dict[tuple[str, Task], Count] = {
    ("test", "prompt"): Count(1699, 754),
    ("test", "response"): Count(1709, 284),
}

_HARM = {"harmful": True, "unharmful": False}
_REFUSAL = {"refusal": True, "compliance": False}


def examples(
    split: str,
    policy: Policy,
    task: Task | None,
    revision: str = "main",
    prompt_task_response: Literal["empty", "given"] = "empty",
) -> list[Example]:
    """The split's examples for a task, or for training (None); see `rows.for_task`.

    Rows without a prompt have nothing to judge and are left out.

    Raises:
        UserError: whatever `rows.read`, `Row` and `rows.select` raise.
    """
    found = list(read(HUB_ID, SPLITS, split, revision))
    whole = [row for row in found if row.text_or_none("prompt") is not None]
    log_left_out(len(found) - len(whole), "a prompt", HUB_ID, split)
    judged = [example(row, policy) for row in whole]
    return select(judged, task, HUB_ID, split, PUBLISHED, prompt_task_response)


def example(row: Row, policy: Policy) -> Example:
    """One row as an example."""
    prompt, response = row.text("prompt"), row.text_or_none("response")
    response_harmful = row.label("response_harm_label", _HARM)
    response_refusal = row.label("response_refusal_label", _REFUSAL)
    return Example(
        id=row.id,
        cluster=row.cluster(prompt),
        policy=policy,
        prompt=prompt,
        response=response,
        prompt_harmful=row.label("prompt_harm_label", _HARM),
        response_harmful=None if response is None else response_harmful,
        response_refusal=None if response is None else response_refusal,
    )
