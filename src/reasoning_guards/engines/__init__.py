"""Inference engines: token ids in, answers out, the same for each engine."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from reasoning_guards import backbones
from reasoning_guards.recipes import Backbone, Decoding, Engine, Precision
from reasoning_guards.resources import Resources


@dataclass(frozen=True)
class Request:
    """One prompt as token ids; the id names its example, which several cells may ask about."""

    id: str
    prompt: list[int]

    def seed(self, decoding: Decoding, generation: int = 0) -> int:
        """A seed of its own for each example and generation, below 2**31.

        One seed for all would give every prompt the same random numbers, and so correlated errors.
        """
        text = f"{decoding.seed}/{generation}/{self.id}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


@dataclass(frozen=True)
class Answer:
    """What the model wrote: text without the end token, its tokens, and why it stopped."""

    text: str
    tokens: int
    finish: Literal["stop", "length"]


@dataclass(frozen=True)
class Question:
    """A place in an answer, and the tokens whose probability there is asked for.

    Attributes:
        prompt: token ids; questions about one prompt follow each other, so that it is read once.
        lead: what is taken to stand between the prompt and the place.
        tokens: which.
    """

    prompt: tuple[int, ...]
    lead: tuple[int, ...]
    tokens: tuple[int, ...]


class InferenceEngine(Protocol):
    """A loaded model with its tokenizer."""

    tokenizer: Any

    def answer(
        self, requests: list[Request], decoding: Decoding
    ) -> Iterator[tuple[Request, list[Answer]]]:
        """Yield each request, the very object, once, in any order, with an answer a generation."""

    def read(self, questions: list[Question]) -> list[list[float]]:
        """The log-probability of each token of each question, in their order.

        Of the model's own distribution over its whole vocabulary, whatever the decoding.
        """

    def forget(self) -> None:
        """Drop what is kept of the prompts that were read: the next are read as if the first."""


def load(
    engine: Engine,
    backbone: Backbone,
    checkpoint: Path | None,
    max_length: int,
    resources: Resources,
    precision: Precision = "float32",
) -> InferenceEngine:
    """The engine with the checkpoint's weights, or the backbone's own where there is none.

    Args:
        engine: which one.
        backbone: what was trained, or is asked as it is.
        checkpoint: folder of trained weights and tokenizer.
        max_length: tokens of prompt and answer together to make room for.
        resources: device and batch.
        precision: of the weights.
    """
    source, revision = (str(checkpoint), None) if checkpoint else backbones.source(backbone)
    if engine == "vllm":
        from reasoning_guards.engines.vllm import VLLMEngine

        return VLLMEngine(source, revision, max_length, resources, precision)
    from reasoning_guards.engines.transformers import TransformersEngine

    return TransformersEngine(source, revision, resources, precision)
