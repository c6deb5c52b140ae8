"""DynaGuardrail: prompts to judge by one of four custom policies (paper §4.2 and Table 7).

Hub: dynamofl/DynaGuardrail. Licence: not known here. Gated: its terms must be accepted on the hub.
Source: Neill et al. (2025), "Unified Multi-Task Learning & Model Fusion for Efficient Language
Model Guardrailing", arXiv:2504.19333. An invented row:

    {"prompt": "Which shares should my goat buy?", "label": "unsafe", "dataset_type": "finance",
     "trickiness": "easy"}

Guesses: that the paper used this dataset, the name of its split, and the wording of the policies,
which its rows do not carry; ours are in `policies/dynaguardrail-<part>.txt`.
"""

from reasoning_guards import policies
from reasoning_guards.datasets.rows import Row, read, select
from reasoning_guards.examples import Example, Policy, Task

HUB_ID = "dynamofl/DynaGuardrail"
SPLITS = {"test": None}
PARTS = ("finance", "safety", "injection", "tax")
"""The values of `dataset_type`, in the order of the paper's Table 7."""

_HARM = {"unsafe": True, "safe": False}


def examples(part: str, split: str, task: Task | None, revision: str = "main") -> list[Example]:
    """The split's examples of one part, judged by that part's policy.

    Raises:
        UserError: whatever `rows.read`, `Row` and `rows.select` raise.
    """
    policy = policies.load(f"dynaguardrail-{part}")
    is_part = {known: known == part for known in PARTS}
    found = [
        row for row in read(HUB_ID, SPLITS, split, revision) if row.label("dataset_type", is_part)
    ]
    return select([example(row, policy) for row in found], task, f"{HUB_ID}/{part}", split)


def example(row: Row, policy: Policy) -> Example:
    """One row as an example."""
    prompt = row.text("prompt")
    return Example(
        id=row.id,
        cluster=row.cluster(prompt),
        policy=policy,
        prompt=prompt,
        prompt_harmful=row.label("label", _HARM),
    )
