"""The Aegis 2.0 guard (Ghosh et al. 2025), released as Llama 3.1 NemoGuard 8B ContentSafety and
renamed Llama Nemotron Safety Guard V2.

The prompt is that of NVIDIA's pages on its prompt template; the policy stands where the list of
categories does, which those pages say may be one's own. Answers are JSON:

    {"User Safety": "unsafe", "Response Safety": "safe", "Safety Categories": "Violence"}

The hub's repository of that name holds low-rank adapters to Llama-3.1-8B-Instruct, which is gated;
`backbones` merges them into its weights. What the repository has of a tokenizer could not be
looked at; where it has none, the base's is used. Which of its releases the
paper's row AEGIS 2.0 is, the paper does not say. Its own list has a 23rd category, "Other", that
Appendix H.1 and so our policy `aegis2` lack.
"""

import re

from reasoning_guards.examples import Example, Task
from reasoning_guards.guards.format import Asked, Field, Guard, template
from reasoning_guards.recipes import Mode
from reasoning_guards.verdicts import ParseFailure, Verdict

_SAID = re.compile(r"\"?(User|Response) Safety\"?\s*:\s*\"?(safe|unsafe)\b", re.IGNORECASE)
_WORDS = (("unsafe",), ("safe",))


def ask(example: Example, task: Task, mode: Mode) -> Asked:
    """The published prompt, for either task."""
    del task, mode
    names = {"user": "user", "assistant": "response: agent"}
    turns = [f"{names[turn.role]}: {turn.text}" for turn in example.dialogue]
    turns.append(f"user: {example.prompt}")
    if example.response is not None:
        turns.append(f"response: agent: {example.response}")
    content = template("nemoguard").format(
        policy=example.policy.text, conversation="\n\n".join(turns)
    )
    return Asked(messages=({"role": "user", "content": content},))


def parse(text: str, task: Task) -> Verdict | ParseFailure:
    """Reads the two ratings wherever they stand; the first of each counts."""
    del task
    said: dict[str, bool] = {}
    for whose, word in _SAID.findall(text):
        said.setdefault(whose.lower(), word.lower() == "unsafe")
    if not said:
        return ParseFailure("no verdict" if text.strip() else "empty")
    return Verdict(said.get("user"), said.get("response"), None)


_PROMPT = Field('{"User Safety": "', *_WORDS)
GUARD = Guard(
    label="Aegis 2.0 guard (NemoGuard 8B)",
    hub_id="nvidia/llama-3.1-nemoguard-8b-content-safety",
    licence="NVIDIA Open Model License; Llama 3.1 Community License",
    source="https://docs.nvidia.com/nim/llama-3-1-nemoguard-8b-contentsafety/1.0.0/prompt-template.html",
    modes=("non-reasoning",),
    max_new_tokens={"non-reasoning": 100},
    reads_policy=True,
    taxonomy="aegis2",
    judges_both=True,
    ask=ask,
    parse=parse,
    fields={
        "prompt": (_PROMPT,),
        "response": (_PROMPT, Field('", "Response Safety": "', *_WORDS)),
    },
)
