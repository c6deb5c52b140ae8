"""NVIDIA Nemotron-Content-Safety-Reasoning-4B: a Gemma-3-4B that the paper's authors released, with
a switch between reasoning and answering at once.

The prompt follows the example on NVIDIA's pages: H.3 without the line for refusals, and `/think` or
`/no_think` at its end. Where a response is missing it says None. Earlier turns are ours.
"""

from reasoning_guards import prompts
from reasoning_guards.examples import Example, Task
from reasoning_guards.guards import own
from reasoning_guards.guards.format import Asked, Guard, template, with_earlier_turns
from reasoning_guards.recipes import Mode


def ask(example: Example, task: Task, mode: Mode) -> Asked:
    """The published prompt, for either task."""
    del task
    content = template("nemotron_reasoning").format(
        policy=example.policy.text,
        prompt=with_earlier_turns(example),
        response="None" if example.response is None else example.response,
        switch=prompts.MODE_TOKENS[mode],
    )
    return Asked(messages=({"role": "user", "content": content},))


GUARD = Guard(
    label="Nemotron-Content-Safety-Reasoning-4B",
    hub_id="nvidia/Nemotron-Content-Safety-Reasoning-4B",
    licence="NVIDIA Open Model License; Gemma Terms of Use",
    source="https://huggingface.co/nvidia/Nemotron-Content-Safety-Reasoning-4B",
    modes=("non-reasoning", "reasoning"),
    max_new_tokens={"non-reasoning": 32, "reasoning": 1024},
    reads_policy=True,
    taxonomy="aegis2",
    judges_both=True,
    ask=ask,
    parse=own.parse,
    fields=own.FIELDS,
)
