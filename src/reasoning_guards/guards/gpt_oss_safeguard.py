"""gpt-oss-safeguard 20B (OpenAI): reasons about a policy that it is given as its system message.

OpenAI's guide leaves the policy's wording and the form of the answer to the user; both are ours
here, and the answer is that of H.3 without the refusal. The chat template of its tokenizer writes
the harmony format. Decoded without special tokens an answer is `analysis…assistantfinal…`: what
stands before the last `assistantfinal` is reasoning. With those tokens gone no verdict can be read
again after a reasoning, so there are no `fields`.
"""

from reasoning_guards import verdicts
from reasoning_guards.examples import Example, Task
from reasoning_guards.guards.format import Asked, Guard, template
from reasoning_guards.recipes import Mode
from reasoning_guards.verdicts import ParseFailure, Verdict

FINAL = "assistantfinal"


def ask(example: Example, task: Task, mode: Mode) -> Asked:
    """Policy and instructions as the system's message, the conversation as the user's."""
    del task, mode
    names = {"user": "Human user", "assistant": "AI assistant"}
    turns = [f"{names[turn.role]}: {turn.text}" for turn in example.dialogue]
    turns.append(f"Human user: {example.prompt}")
    turns.append(f"AI assistant: {'None' if example.response is None else example.response}")
    system = template("gpt_oss_safeguard").format(policy=example.policy.text)
    return Asked(
        messages=(
            {"role": "system", "content": system},
            {"role": "user", "content": "\n\n".join(turns)},
        ),
        options={"reasoning_effort": "medium"},
    )


def parse(text: str, task: Task) -> Verdict | ParseFailure:
    """The verdict lines of the final channel."""
    del task
    if not text.strip():
        return ParseFailure("empty")
    if FINAL not in text and text.lstrip().startswith("analysis"):
        return ParseFailure("unfinished thinking")
    return verdicts.parse(text.rpartition(FINAL)[2])


GUARD = Guard(
    label="gpt-oss-safeguard 20B",
    hub_id="openai/gpt-oss-safeguard-20b",
    licence="Apache-2.0",
    source="https://cookbook.openai.com/articles/gpt-oss-safeguard-guide",
    modes=("reasoning",),
    max_new_tokens={"reasoning": 2048},
    reads_policy=True,
    judges_both=True,
    ask=ask,
    parse=parse,
    fields={"prompt": (), "response": ()},
)
