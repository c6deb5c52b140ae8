"""What values are made of: their base, and the settings that several kinds of them share."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Mode = Literal["reasoning", "non-reasoning"]
Template = Literal["paper", "compact"]
Engine = Literal["transformers", "vllm"]
Precision = Literal["float32", "bfloat16"]


class Value(BaseModel):
    """Base of everything that can be part of an artifact's key: frozen, closed, canonical JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def unless(default: object) -> Any:
    """A field that is left out of the value's JSON, and so of its key, while it has its default."""
    return Field(default=default, exclude_if=lambda value: value == default)


class SFT(Value):
    """Supervised fine-tuning (paper §4.2, Appendix B); the loss is on the completion only.

    Attributes:
        learning_rate: peak, reached after warm-up, then cosine decay to zero.
        batch_size: sequences per optimiser step over all devices and accumulation together.
        warmup_ratio: share of the steps spent warming up.
        max_length: tokens of prompt and completion together; judged text is shortened to fit.
        precision: of the forward and backward pass; trained weights and optimiser stay in float32.
        lora_rank: of the adapters that are trained in place of all weights (Hu et al. 2022), or
            None for full fine-tuning; what else there is to them, `training.lora` says.
    """

    epochs: Annotated[int, Field(ge=1)]
    learning_rate: Annotated[float, Field(gt=0, lt=1)]
    batch_size: Annotated[int, Field(ge=1)]
    warmup_ratio: Annotated[float, Field(ge=0, lt=1)]
    weight_decay: Annotated[float, Field(ge=0)]
    max_length: Annotated[int, Field(ge=64)]
    precision: Precision
    lora_rank: Annotated[int, Field(ge=1)] | None = unless(None)


class Decoding(Value):
    """How answers are drawn (paper §4.2: temperature 0.6, top-p 0.95, four generations).

    Temperature 0 is greedy decoding, for which only one generation makes sense.

    Attributes:
        max_new_tokens: cap on an answer; answers that reach it are counted.
        max_length: tokens of prompt and answer together; judged text is shortened to fit.
        precision: of the weights that answer.
    """

    temperature: Annotated[float, Field(ge=0)]
    top_p: Annotated[float, Field(gt=0, le=1)]
    generations: Annotated[int, Field(ge=1)]
    max_new_tokens: Annotated[int, Field(ge=1)]
    max_length: Annotated[int, Field(ge=64)]
    precision: Precision = "float32"
    seed: int = 0

    @model_validator(mode="after")
    def _greedy_repeats_itself(self) -> "Decoding":
        if self.temperature == 0 and self.generations > 1:
            raise ValueError(
                "greedy decoding (temperature 0) gives the same answer each time; "
                "set generations to 1"
            )
        return self
