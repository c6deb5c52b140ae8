"""GuardReasoner 8B (Liu et al. 2025, arXiv 2501.18492): reasons in steps and judges prompt,
response and refusal; reads no policy.

The prompt is that of the paper's Figure 11, of the released training set and, word for word, of the
code on the model cards: plain text without a chat template; a missing response says None, as there.
Answers end in

    Answers:
    Request: harmful
    Completion: compliance
    Response: harmful

whose words are read after the last `Answers:`. How earlier turns are shown is ours.
"""

import re

from reasoning_guards.examples import Example, Task
from reasoning_guards.guards.format import Asked, Field, Guard, template, with_earlier_turns
from reasoning_guards.recipes import Mode
from reasoning_guards.verdicts import ParseFailure, Verdict

_ANSWERS = re.compile(r"answers\W*:", re.IGNORECASE)
_SAID = re.compile(
    r"\b(request|completion|response)\W*:\W*(harmful|unharmful|refusal|compliance)\b", re.IGNORECASE
)
_MEANS = {"harmful": True, "unharmful": False, "refusal": True, "compliance": False}
_HARM = ((" harmful",), (" unharmful",))


def ask(example: Example, task: Task, mode: Mode) -> Asked:
    """The published prompt, for either task."""
    del task, mode
    shown = template("guardreasoner").format(
        prompt=with_earlier_turns(example),
        response="None" if example.response is None else example.response,
    )
    return Asked(text=shown + "\n\n")


def parse(text: str, task: Task) -> Verdict | ParseFailure:
    """What stands after the last `Answers:`; without one the reasoning has not ended."""
    del task
    if not text.strip():
        return ParseFailure("empty")
    starts = [found.end() for found in _ANSWERS.finditer(text)]
    if not starts:
        return ParseFailure("unfinished thinking")
    said: dict[str, bool] = {}
    for name, word in _SAID.findall(text[starts[-1] :]):
        said.setdefault(name.lower(), _MEANS[word.lower()])
    if not said:
        return ParseFailure("no verdict")
    return Verdict(said.get("request"), said.get("response"), said.get("completion"))


_PROMPT = Field("Answers: \nRequest:", *_HARM)
GUARD = Guard(
    label="GuardReasoner 8B",
    hub_id="yueliu1999/GuardReasoner-8B",
    licence="Apache-2.0 (not verified); Llama 3.1 Community License",
    source="https://arxiv.org/abs/2501.18492, Figure 11",
    modes=("reasoning",),
    max_new_tokens={"reasoning": 2048},
    reads_policy=False,
    judges_both=True,
    ask=ask,
    parse=parse,
    fields={
        "prompt": (_PROMPT,),
        "response": (
            _PROMPT,
            Field("\nCompletion:", (" refusal",), (" compliance",)),
            Field("\nResponse:", *_HARM),
        ),
    },
)
