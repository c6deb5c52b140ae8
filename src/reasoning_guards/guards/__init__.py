"""Guards that others released: how each is asked, and how its answers are read.

One module each, which says where its format is published and what could not be verified. A
`Backbone` names its format; without one it is asked and read as the guards that are trained here.
"""

import difflib
import re
from collections.abc import Mapping
from typing import Any

from reasoning_guards import chat, prompts
from reasoning_guards.errors import UserError
from reasoning_guards.examples import Example, Policy, Task
from reasoning_guards.guards import (
    deepseek_distill,
    dynaguard,
    gpt_oss_safeguard,
    granite_guardian,
    guardreasoner,
    llama_guard,
    llama_instruct,
    nemoguard,
    nemotron_reasoning,
    own,
    qwen3guard,
    shieldgemma,
    wildguard,
)
from reasoning_guards.guards.format import Asked, Field, Guard
from reasoning_guards.prompts import EncodedPrompt
from reasoning_guards.recipes import Mode
from reasoning_guards.verdicts import ParseFailure, Verdict

GUARDS: dict[str, Guard] = {
    "wildguard": wildguard.GUARD,
    "aegis": nemoguard.GUARD,
    "llama_instruct": llama_instruct.GUARD,
    "deepseek_distill": deepseek_distill.GUARD,
    "nemotron_reasoning": nemotron_reasoning.GUARD,
    "llama_guard": llama_guard.GUARD,
    "guardreasoner": guardreasoner.GUARD,
    "dynaguard": dynaguard.GUARD,
    "granite_guardian": granite_guardian.GUARD,
    "qwen3guard_strict": qwen3guard.STRICT,
    "qwen3guard_loose": qwen3guard.LOOSE,
    "gpt_oss_safeguard": gpt_oss_safeguard.GUARD,
    "shieldgemma": shieldgemma.GUARD,
}
"""By name; claims call the first two so."""


class UnknownGuardError(UserError):
    """No released guard of that name is known."""


class ModeError(UserError):
    """A guard is asked in a mode that it does not have."""


def named(name: str) -> Guard:
    """The guard of a name.

    Raises:
        UnknownGuardError: naming the nearest there is.
    """
    if name not in GUARDS:
        near = difflib.get_close_matches(name, GUARDS, n=1, cutoff=0)[0]
        raise UnknownGuardError(
            f"There is no released guard {name!r}: did you mean {near!r}? "
            f"(known: {', '.join(GUARDS)})"
        )
    return GUARDS[name]


def parse(format_name: str, text: str, task: Task) -> Verdict | ParseFailure:
    """The verdict in an answer of a format; of this project's own where the name is empty."""
    return named(format_name).parse(text, task) if format_name else own.parse(text, task)


def fields(format_name: str, task: Task) -> tuple[Field, ...]:
    """The decisions in an answer of a format, up to the one about the task."""
    return (named(format_name).fields if format_name else own.FIELDS)[task]


def encode(
    tokenizer: Any, example: Example, name: str, *, task: Task, mode: Mode, max_tokens: int
) -> EncodedPrompt:
    """A released guard's prompt as token ids, up to its answer; see `prompts.encode`.

    Special tokens that are written in a judged text or a policy are read as plain text.

    Raises:
        UnknownGuardError, ModeError, prompts.PromptTooLongError, chat.NoChatTemplateError: as
            their names say.
    """
    guard = named(name)
    if mode not in guard.modes:
        raise ModeError(
            f"{guard.label} cannot be asked in mode {mode}: it has {' and '.join(guard.modes)}."
        )
    if task == "prompt" and not guard.judges_both:
        example = example.model_copy(update={"response": None})
    texts = prompts.judged_texts(example)
    slots = [f"\ue000{index}\ue001" for index in range(len(texts) + 1)]
    slotted = prompts.with_judged_texts(example, slots[:-1]).model_copy(
        update={"policy": Policy(name=example.policy.name, text=slots[-1])}
    )
    frame = _rendered(tokenizer, guard.ask(slotted, task, mode))

    def ids(shown: Example) -> list[int]:
        filling = [*prompts.judged_texts(shown), shown.policy.text]
        return _ids(tokenizer, frame, dict(zip(slots, filling, strict=True)))

    return prompts.fit(tokenizer, example, ids, max_tokens)


def _rendered(tokenizer: Any, asked: Asked) -> str:
    """The whole prompt as text, special tokens included, with one BOS if the tokenizer has it."""
    if asked.messages:
        text = chat.rendered(tokenizer, asked.messages, **asked.options)
    else:
        text = chat.with_bos(tokenizer, asked.text)
    return text if text.rstrip().endswith(asked.prefill.rstrip()) else text + asked.prefill


def _ids(tokenizer: Any, frame: str, filling: Mapping[str, str]) -> list[int]:
    """The frame's ids with its slots filled, in which a filling's special tokens are plain text."""
    whole = _filled(frame, filling)
    special = [str(token) for token in tokenizer.added_tokens_decoder.values() if token.special]
    if not any(token in text for text in filling.values() for token in special):
        ids: list[int] = tokenizer(whole, add_special_tokens=False, verbose=False)["input_ids"]
        return ids
    found: list[int] = []
    for piece in _pieces(frame, special):
        if piece in special:
            found.append(tokenizer.convert_tokens_to_ids(piece))
        else:
            found += prompts.plain_tokens(tokenizer, _filled(piece, filling))
    return found


def _pieces(frame: str, special: list[str]) -> list[str]:
    """The frame cut at its special tokens, which are pieces of their own."""
    longest_first = sorted(map(re.escape, special), key=len, reverse=True)
    return [piece for piece in re.split(f"({'|'.join(longest_first)})", frame) if piece]


def _filled(frame: str, filling: Mapping[str, str]) -> str:
    """The frame with every slot filled, once: a slot that a text holds stays as it is."""
    return re.sub("\ue000\\d+\ue001", lambda slot: filling.get(slot[0], slot[0]), frame)
