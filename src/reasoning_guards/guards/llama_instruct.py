"""Llama-3.1-8B-Instruct, zero-shot: the paper's own prompt (H.3) and no training (paper, Table 1).

Whether the paper's row thinks first is not said; both modes are possible here.
"""

from reasoning_guards import prompts
from reasoning_guards.examples import Example, Task
from reasoning_guards.guards import own
from reasoning_guards.guards.format import Asked, Guard
from reasoning_guards.recipes import Mode


def ask(example: Example, task: Task, mode: Mode) -> Asked:
    """H.3 or its non-reasoning sibling, as used here, as the user's message."""
    del task
    content = prompts.guard_prompt(example, mode, "paper")
    return Asked(messages=({"role": "user", "content": content},))


GUARD = Guard(
    label="Llama-3.1-8B-Instruct, zero-shot",
    hub_id="meta-llama/Llama-3.1-8B-Instruct",
    licence="Llama 3.1 Community License",
    source="paper, section 4.3, Table 1 and Appendix H.3",
    modes=("non-reasoning", "reasoning"),
    max_new_tokens={"non-reasoning": 64, "reasoning": 2048},
    reads_policy=True,
    judges_both=True,
    ask=ask,
    parse=own.parse,
    fields=own.FIELDS,
)
