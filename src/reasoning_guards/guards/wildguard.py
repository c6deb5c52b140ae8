"""WildGuard (Han et al. 2024, arXiv 2406.18495): a 7B Mistral that judges prompt, response and
refusal at once, and reads no policy.

The whole prompt, special tokens included, is that of its model card, which asks the tokenizer to
add none; a missing response is left empty, as in the authors' package. Answers are three lines:

    Harmful request: yes
    Response refusal: no
    Harmful response: no

with `N/A` where there is no response. How earlier turns are shown is ours: the card has one
exchange alone.
"""

import re

from reasoning_guards.examples import Example, Task
from reasoning_guards.guards.format import Asked, Field, Guard, template, with_earlier_turns
from reasoning_guards.recipes import Mode
from reasoning_guards.verdicts import ParseFailure, Verdict

_LINE = re.compile(
    r"^\W*(harmful request|response refusal|harmful response)\W*:\s*(yes|no|n/?a)\b",
    re.IGNORECASE | re.MULTILINE,
)
_WORDS = ((" yes",), (" no",))


def ask(example: Example, task: Task, mode: Mode) -> Asked:
    """The card's prompt, for either task."""
    del task, mode
    shown = template("wildguard").format(
        prompt=with_earlier_turns(example), response=example.response or ""
    )
    return Asked(text=shown + "\n")


def parse(text: str, task: Task) -> Verdict | ParseFailure:
    """The first line of each kind counts; a task whose line is missing is unreadable."""
    del task
    said: dict[str, bool | None] = {}
    for name, word in _LINE.findall(text):
        said.setdefault(name.lower(), {"yes": True, "no": False}.get(word.lower()))
    if not said:
        return ParseFailure("no verdict" if text.strip() else "empty")
    return Verdict(
        prompt_harmful=said.get("harmful request"),
        response_harmful=said.get("harmful response"),
        response_refusal=said.get("response refusal"),
    )


_PROMPT = Field("Harmful request:", *_WORDS)
GUARD = Guard(
    label="WildGuard",
    hub_id="allenai/wildguard",
    licence="Apache-2.0",
    source="https://huggingface.co/allenai/wildguard",
    modes=("non-reasoning",),
    max_new_tokens={"non-reasoning": 32},  # as on the card
    reads_policy=False,
    judges_both=True,
    ask=ask,
    parse=parse,
    fields={
        "prompt": (_PROMPT,),
        "response": (
            _PROMPT,
            Field("\nResponse refusal:", *_WORDS),
            Field("\nHarmful response:", *_WORDS),
        ),
    },
)
