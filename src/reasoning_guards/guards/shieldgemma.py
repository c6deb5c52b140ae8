"""ShieldGemma 9B (Google): says Yes or No to whether the last message breaks a guideline.

The prompt is made by the chat template of its tokenizer, which takes the guideline and is called as
the card calls it, without a generation prompt; the card reads the probability of Yes against No at
the first token, and so do verdict probabilities here. The card asks about one guideline at a time;
that the whole policy is given as one is ours, and costs it.

Verified: the pattern of the prompt and the answer's first word, against the model card on
ai.google.dev; `guideline`, the messages of prompts and of responses, and the two words' places,
against code in public repositories that follows the card. Not verified: the template itself. The
card words its guidelines anew for responses ("The chatbot shall not ..."); policies here are not.
"""

import re

from reasoning_guards.examples import Example, Task
from reasoning_guards.guards.format import Asked, Field, Guard, chat, verdict
from reasoning_guards.recipes import Mode
from reasoning_guards.verdicts import ParseFailure, Verdict

_FIRST = re.compile(r"\W*(yes|no)\b", re.IGNORECASE)


def ask(example: Example, task: Task, mode: Mode) -> Asked:
    """The chat up to the message that is judged, and the policy as the guideline."""
    del mode
    return Asked(
        messages=chat(example, task),
        options={"guideline": example.policy.text, "add_generation_prompt": False},
    )


def parse(text: str, task: Task) -> Verdict | ParseFailure:
    """The first word is the verdict."""
    if not text.strip():
        return ParseFailure("empty")
    first = _FIRST.match(text)
    return verdict(task, first[1].lower() == "yes" if first else None)


_FIELDS = (Field("", ("Yes",), ("No",)),)
GUARD = Guard(
    label="ShieldGemma 9B",
    hub_id="google/shieldgemma-9b",
    licence="Gemma Terms of Use",
    source="https://huggingface.co/google/shieldgemma-9b",
    modes=("non-reasoning",),
    max_new_tokens={"non-reasoning": 8},
    reads_policy=True,
    judges_both=False,
    ask=ask,
    parse=parse,
    fields={"prompt": _FIELDS, "response": _FIELDS},
)
