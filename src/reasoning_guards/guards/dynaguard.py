"""DynaGuard 8B (Hoover et al. 2025, arXiv 2509.02563): a Qwen3 that checks a transcript against
rules in words, with or without reasoning first.

System prompt and tags are those of the authors' code and cards; the answer is made to begin with
`<think>` or `<answer>`, and ends in `<answer>PASS</answer>` or `FAIL`. The rules are for the agent;
that FAIL for a transcript of the user's message alone means a harmful prompt is our reading of it.
"""

import re

from reasoning_guards.examples import Example, Task
from reasoning_guards.guards.format import Asked, Field, Guard, template, verdict
from reasoning_guards.recipes import Mode
from reasoning_guards.verdicts import ParseFailure, Verdict

_THINKING = re.compile(r"<(think|explanation)>.*?(</\1>|\Z)", re.DOTALL)
_ANSWER = re.compile(r"\b(PASS|FAIL)\b")


def ask(example: Example, task: Task, mode: Mode) -> Asked:
    """Rules and transcript, up to the message that is judged."""
    names = {"user": "User", "assistant": "Agent"}
    turns = [f"{names[turn.role]}: {turn.text}" for turn in example.dialogue]
    turns.append(f"User: {example.prompt}")
    if task == "response":
        turns.append(f"Agent: {example.response or ''}")
    transcript = "\n".join(turns)
    content = f"<rules>\n{example.policy.text}\n</rules>\n<transcript>\n{transcript}\n</transcript>"
    return Asked(
        messages=(
            {"role": "system", "content": template("dynaguard")},
            {"role": "user", "content": content},
        ),
        options={"enable_thinking": mode == "reasoning"},
        prefill="<think>" if mode == "reasoning" else "",
    )


def parse(text: str, task: Task) -> Verdict | ParseFailure:
    """The first PASS or FAIL outside thinking, which the prompt may have begun."""
    if not text.strip():
        return ParseFailure("empty")
    if "</think>" in text and "<think>" not in text:
        text = f"<think>{text}"
    outside = _THINKING.sub("", text)
    if not outside.strip():
        return ParseFailure("unfinished thinking")
    found = _ANSWER.search(outside)
    return verdict(task, found[1] == "FAIL" if found else None)


_FIELDS = (Field("<answer>\n", ("FAIL",), ("PASS",)),)
GUARD = Guard(
    label="DynaGuard 8B",
    hub_id="tomg-group-umd/DynaGuard-8B",
    licence="Apache-2.0",
    source="https://huggingface.co/tomg-group-umd/DynaGuard-8B",
    modes=("non-reasoning", "reasoning"),
    max_new_tokens={"non-reasoning": 64, "reasoning": 1024},
    reads_policy=True,
    judges_both=False,
    ask=ask,
    parse=parse,
    fields={"prompt": _FIELDS, "response": _FIELDS},
)
