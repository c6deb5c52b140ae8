"""What a released guard's module says of it: how it is asked, and how its answers are read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from reasoning_guards.examples import Example, Task
from reasoning_guards.recipes import Mode
from reasoning_guards.verdicts import ParseFailure, Verdict


@dataclass(frozen=True)
class Asked:
    """A guard's prompt about one example, in strings.

    Attributes:
        messages: what the chat template of the guard's own tokenizer is given; or
        text: the whole prompt, special tokens included, where the guard is asked without one.
        options: what else the chat template takes.
        prefill: how the answer is made to begin, unless the chat template begins it so already.
    """

    messages: tuple[Mapping[str, str], ...] = ()
    text: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    prefill: str = ""


@dataclass(frozen=True)
class Field:
    """One decision in a guard's answer: the text that leads to it, and the words it can be.

    Attributes:
        lead: what stands before the word; of the second field on, from the end of the word before.
        yes: words that mean harmful (or refusal).
        no: words that mean unharmful (or compliance).
    """

    lead: str
    yes: tuple[str, ...]
    no: tuple[str, ...]


@dataclass(frozen=True)
class Guard:
    """A released guard.

    Attributes:
        label: what tables call it.
        hub_id: on the hub.
        licence: of its weights, as its card names it.
        source: where its format is published.
        modes: those it can be asked in.
        max_new_tokens: cap on an answer, by mode.
        reads_policy: whether the prompt holds the example's policy.
        taxonomy: the shipped policy it was trained with, which it reads in place of the training
            set's where examples bring none of their own.
        judges_both: whether one answer judges prompt and response; else the last message alone.
        ask: the prompt about an example, for a task and mode.
        parse: the verdict in an answer to a task.
        fields: the decisions in an answer up to the one about the task, in order.
    """

    label: str
    hub_id: str
    licence: str
    source: str
    modes: tuple[Mode, ...]
    max_new_tokens: Mapping[Mode, int]
    reads_policy: bool
    judges_both: bool
    ask: Callable[[Example, Task, Mode], Asked]
    parse: Callable[[str, Task], Verdict | ParseFailure]
    fields: Mapping[Task, tuple[Field, ...]]
    taxonomy: str | None = None


@cache
def template(name: str) -> str:
    """The text of `templates/<name>.txt`."""
    text = files(__package__).joinpath(f"templates/{name}.txt").read_text("utf-8")
    return text.removesuffix("\n")


def chat(example: Example, task: Task) -> tuple[Mapping[str, str], ...]:
    """The dialogue as messages, up to the one that the task is about."""
    said = [{"role": turn.role, "content": turn.text} for turn in example.dialogue]
    said.append({"role": "user", "content": example.prompt})
    if task == "response":
        said.append({"role": "assistant", "content": example.response or ""})
    return tuple(said)


def with_earlier_turns(example: Example, user: str = "User", assistant: str = "Assistant") -> str:
    """The prompt, below the dialogue that leads to it where there is one: our rendering, for guards
    whose published format has room for one message."""
    names = {"user": user, "assistant": assistant}
    turns = [f"{names[turn.role]}: {turn.text}" for turn in example.dialogue]
    return "\n\n".join([*turns, f"{user}: {example.prompt}"]) if turns else example.prompt


def verdict(task: Task, harmful: bool | None) -> Verdict | ParseFailure:
    """The verdict of a guard that says one thing about the task; None is an unreadable one."""
    if harmful is None:
        return ParseFailure("unreadable verdict")
    return Verdict(
        prompt_harmful=harmful if task == "prompt" else None,
        response_harmful=harmful if task == "response" else None,
        response_refusal=None,
    )
