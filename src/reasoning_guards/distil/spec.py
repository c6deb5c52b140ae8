"""What a distillation is: everything that decides which traces come out of it."""

import hashlib
import json
from typing import Annotated, Literal

from pydantic import Field

from reasoning_guards.distil import filters, sentences
from reasoning_guards.recipes import TeacherVersion, Value


class Sampling(Value):
    """How a model's answers are drawn.

    Attributes:
        max_tokens: of thinking and answer together.
    """

    temperature: Annotated[float, Field(ge=0)] = 0.6
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.95
    max_tokens: Annotated[int, Field(ge=1)] = 4096


class Distillation(Value):
    """Traces of one teacher, filtered and judged (paper §4.1).

    Attributes:
        teacher: as the endpoint names the model; "rule" rehearses in the embedded world.
        prompt: the templates of Appendix H as we mend them, or as the paper prints them.
        sampling: of the teacher.
        rounds: how often a trace is asked for at most; each round has a seed of its own.
        judge: the model that judges, as its endpoint names it, or None for filters alone.
        judging: its sampling.
        failures: with which rate the rule teacher makes each failure.
        seed: of all questions.
    """

    teacher: str
    prompt: TeacherVersion = "as_used"
    sampling: Sampling = Sampling()
    rounds: Annotated[int, Field(ge=1)] = 4
    judge: str | None = None
    judging: Sampling = Sampling(temperature=0.0, top_p=1.0, max_tokens=1024)
    failures: Annotated[float, Field(ge=0, le=1)] = 0.0
    seed: int = 0

    def seed_of(self, purpose: str, example: str, attempt: int) -> int:
        """A seed of its own for each question, below 2**31."""
        text = f"{self.seed}/{purpose}/{example}/{attempt}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


Stage = Literal["full"] | int
"""Full traces, or a budget of sentences that these are rewritten to."""


def identity(spec: Distillation) -> str:
    """Twelve digits that name the distillation with everything that judges its traces: the values,
    the filters' version, and the sentence splitter's."""
    described = [spec.model_dump(mode="json"), filters.VERSION, sentences.version()]
    canonical = json.dumps(described, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]
