"""How a trained guard goes on: what is mined for it, and training on what it finds difficult.

A refinement is a field of the `Recipe` that it starts from, and so part of the new guard's key.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from reasoning_guards.values import SFT, Decoding, Engine, Value

PreferenceLoss = Literal["sigmoid", "hinge", "ipo", "robust", "apo_zero"]


class Mined(Value):
    """What a guard is asked so that its difficult examples are found (paper §5.6).

    Attributes:
        examples: how many of the training split, in the order in which the guard's own subset was
            drawn, whose head they are or which is theirs; None for the whole split.
        decoding: as many answers to each as it has generations (the paper: four).
        engine: part of the value, since sampled texts differ between engines.
    """

    examples: Annotated[int, Field(ge=1)] | None
    decoding: Decoding
    engine: Engine


class Refinement(Value):
    """What all refinements have in common.

    Attributes:
        mined: which answers of the guard decide what is difficult for it.
        least, most: how many of an example's answers may be right for it to be difficult (the
            paper: 2 and 3 of 4; its released model: 1 and 3).
        chosen: the difficult examples; or, as a control, as many of the mined ones at random.
    """

    mined: Mined
    least: Annotated[int, Field(ge=0)]
    most: int
    chosen: Literal["difficult", "random"] = "difficult"

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if not self.least <= self.most <= self.mined.decoding.generations:
            raise ValueError("least and most right answers are a range of what can be right")
        return self


class Continual(Refinement):
    """A second round of fine-tuning on the original set and the difficult examples (paper §5.6).

    Attributes:
        copies: how often each difficult example is added to the set.
        sft: the second round's settings; its schedule starts anew.
    """

    copies: Annotated[int, Field(ge=1)]
    sft: SFT

    def sequences(self, own: int, difficult: int) -> int:
        """What training passes over in all, given the sizes of the guard's set and of the chosen:
        to plan by."""
        return (own + difficult * self.copies) * self.sft.epochs


class Preference(Refinement):
    """Direct preference optimisation on pairs of the mined answers: right over wrong.

    Attributes:
        beta: how strongly the guard is held to its reference.
        loss: of TRL's `DPOTrainer`.
        reference: the guard that it starts from, or the backbone before any training.
        pairs_per_example: at most so many, drawn at random.
        sft: the settings of training, as fine-tuning has them.
    """

    beta: Annotated[float, Field(gt=0)]
    loss: PreferenceLoss = "sigmoid"
    reference: Literal["start", "backbone"] = "start"
    pairs_per_example: Annotated[int, Field(ge=1)]
    sft: SFT

    def sequences(self, own: int, difficult: int) -> int:
        """What training passes over in all: to plan by. The reference reads each pair as well."""
        return 3 * difficult * self.pairs_per_example * self.sft.epochs


class Reward(Value):
    """What an answer earns while a policy is optimised; `training.rewards` says how it is added up.

    Attributes:
        prompt, response: for stating the label of each.
        false_positive, false_negative: taken off for the wrong label, times the same weight; what
            cannot be read costs the greater of the two.
        form: for an answer in the very form that was taught.
        length: taken off in proportion to the tokens written, all of it from the longest allowed.
    """

    prompt: Annotated[float, Field(ge=0)]
    response: Annotated[float, Field(ge=0)]
    false_positive: Annotated[float, Field(ge=0)]
    false_negative: Annotated[float, Field(ge=0)]
    form: Annotated[float, Field(ge=0)]
    length: Annotated[float, Field(ge=0)]


class GroupRelative(Refinement):
    """Group-relative policy optimisation (GRPO) on difficult examples (paper Appendix F).

    Attributes:
        group: answers to one example, whose rewards are compared with each other.
        temperature: at which they are drawn, from the whole vocabulary.
        beta: how strongly the guard is held to the one that it starts from; 0 for not at all.
        reward: what an answer earns.
        engine: what writes them.
        sft: the settings of training, as fine-tuning has them; a sequence is an answer.
    """

    group: Annotated[int, Field(ge=2)]
    temperature: Annotated[float, Field(gt=0)]
    beta: Annotated[float, Field(ge=0)]
    reward: Reward
    engine: Engine
    sft: SFT

    @model_validator(mode="after")
    def _groups_are_whole(self) -> Self:
        if self.sft.batch_size % self.group:
            raise ValueError("a batch holds whole groups of answers")
        return self

    def sequences(self, own: int, difficult: int) -> int:
        """What training passes over in all: to plan by. Writing an answer costs about as much as
        learning from it, and the reference reads it as well."""
        return 3 * difficult * self.group * self.sft.epochs
