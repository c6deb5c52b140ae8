"""DeepSeek-R1-Distill-Llama-8B, zero-shot (paper, Table 1).

Its card asks for no system prompt, a temperature near 0.6 and an answer that is made to begin with
`<think>`; the chat template does the last itself, in the copy that TRL ships. Reasoning is long,
and so is the cap: an answer that reaches it has no verdict.
"""

from reasoning_guards.examples import Example, Task
from reasoning_guards.guards import llama_instruct, own
from reasoning_guards.guards.format import Asked, Guard
from reasoning_guards.recipes import Mode
from reasoning_guards.verdicts import ParseFailure, Verdict

THINKING = "<think>\n"


def ask(example: Example, task: Task, mode: Mode) -> Asked:
    """H.3 as the user's message, and the thinking begun."""
    return Asked(llama_instruct.ask(example, task, mode).messages, prefill=THINKING)


def parse(text: str, task: Task) -> Verdict | ParseFailure:
    """The thinking that the prompt began is part of the answer: without an end, no verdict."""
    return own.parse(THINKING + text, task) if text.strip() else ParseFailure("empty")


GUARD = Guard(
    label="DeepSeek-R1-Distill-Llama-8B, zero-shot",
    hub_id="deepseek-ai/DeepSeek-R1-Distill-Llama-8B",
    licence="MIT; Llama 3.1 Community License",
    source="https://huggingface.co/deepseek-ai/DeepSeek-R1-Distill-Llama-8B",
    modes=("reasoning",),
    max_new_tokens={"reasoning": 4096},
    reads_policy=True,
    judges_both=True,
    ask=ask,
    parse=parse,
    fields=own.FIELDS,
)
