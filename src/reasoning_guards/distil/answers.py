"""What a teacher is asked and what it answers, however it is reached."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

Purpose = Literal["trace", "rewrite", "judge", "blind"]

_OPEN, _CLOSE = "<think>", "</think>"


@dataclass(frozen=True)
class Question:
    """One request to a model; equal questions have one answer, which is paid for once.

    Attributes:
        model: as the endpoint names it.
        text: the user's message.
        temperature, top_p, max_tokens, seed: how the answer is drawn.
        purpose, example, attempt: what it is for; the example's id and the attempt are no part of
            the key, since only what is sent decides the answer.
    """

    model: str
    text: str
    temperature: float
    top_p: float
    max_tokens: int
    seed: int
    purpose: Purpose
    example: str
    attempt: int

    @cached_property
    def key(self) -> str:
        """The first 32 hexadecimal digits of a SHA-256 over everything that is sent."""
        sent = [
            self.model, self.text, self.temperature, self.top_p, self.max_tokens, self.seed
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(sent).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        reasoning: the thinking, without tags; empty if there was none.
        content: what was said after it.
        finish: "stop", "length" for an answer that was cut off, or what else the server says.
        open_thinking: whether the thinking never ended.
        prompt_tokens, completion_tokens: as the server counts them.
    """

    reasoning: str
    content: str
    finish: str
    open_thinking: bool
    prompt_tokens: int
    completion_tokens: int


def read(
    message: Mapping[str, Any], finish: str, prompt_tokens: int, completion_tokens: int
) -> Answer:
    """A chat message as an answer.

    The thinking is what the server put into `reasoning` (vLLM now) or `reasoning_content`
    (DeepSeek, and vLLM before); else what the text has between its tags, of which the first may be
    missing, since chat templates write it themselves.
    """
    content = message.get("content") or ""
    apart = message.get("reasoning") or message.get("reasoning_content") or ""
    open_thinking = False
    if not apart and (_CLOSE in content or content.lstrip().startswith(_OPEN)):
        apart, closed, content = content.partition(_CLOSE)
        open_thinking = not closed
    return Answer(
        reasoning=apart.replace(_OPEN, "").replace(_CLOSE, "").strip(),
        content=content.strip(),
        finish=finish,
        open_thinking=open_thinking,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
    )
