"""Llama Guard 3 8B: judges the last message of a chat by fourteen hazards of its own.

The prompt is made by the chat template of its tokenizer, called as Meta's code calls it, without a
generation prompt. Answers are `safe`, or `unsafe` and on the next line the hazards, such as
`S1,S9`; two line ends come first.

Verified: answers, hazards and that the first token's probability is the score, against the model
card in meta-llama/PurpleLlama (Llama-Guard3/8B); the line ends, against answers that several public
repositories quote. Not verified: the template itself. Its categories are taken to be fixed, since
the card names no option (that of the 1B release does), so the guard reads no policy here.
"""

import re

from reasoning_guards.examples import Example, Task
from reasoning_guards.guards.format import Asked, Field, Guard, chat, verdict
from reasoning_guards.recipes import Mode
from reasoning_guards.verdicts import ParseFailure, Verdict

_FIRST = re.compile(r"\s*(safe|unsafe)\b", re.IGNORECASE)


def ask(example: Example, task: Task, mode: Mode) -> Asked:
    """The chat up to the message that is judged."""
    del mode
    return Asked(messages=chat(example, task), options={"add_generation_prompt": False})


def parse(text: str, task: Task) -> Verdict | ParseFailure:
    """The first word is the verdict."""
    if not text.strip():
        return ParseFailure("empty")
    first = _FIRST.match(text)
    return verdict(task, first[1].lower() == "unsafe" if first else None)


_FIELDS = (Field("\n\n", ("unsafe",), ("safe",)),)
GUARD = Guard(
    label="Llama Guard 3 8B",
    hub_id="meta-llama/Llama-Guard-3-8B",
    licence="Llama 3.1 Community License",
    source="https://www.llama.com/docs/model-cards-and-prompt-formats/llama-guard-3/",
    modes=("non-reasoning",),
    max_new_tokens={"non-reasoning": 32},
    reads_policy=False,
    judges_both=False,
    ask=ask,
    parse=parse,
    fields={"prompt": _FIELDS, "response": _FIELDS},
)
