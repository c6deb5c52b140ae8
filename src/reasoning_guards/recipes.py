"""One model variant as a frozen value: equal values are the same experiment."""

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

from reasoning_guards.examples import Task

Mode = Literal["reasoning", "non-reasoning"]
Template = Literal["paper", "compact"]
Engine = Literal["transformers", "vllm"]
Precision = Literal["float32", "bfloat16"]


class Value(BaseModel):
    """Base of everything that can be part of an artifact's key: frozen, closed, canonical JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _unless(default: object) -> Any:
    """A field that is left out of the value's JSON, and so of its key, while it has its default."""
    return Field(default=default, exclude_if=lambda value: value == default)


_MAIN = _unless("main")
"""A dataset's revision; which commit it was stands in the artifact's manifest."""


class TraceSpec(Value):
    """Where the reasoning a guard is trained on comes from.

    Attributes:
        teacher: name of the teacher ("rule" in the embedded world).
        sentences: sentence budget (paper §5.3), or None for the full trace.
        content: "real"; or a control of equal length: "filler" says nothing about the example,
            "shuffled" is another example's trace.
    """

    teacher: str
    sentences: Annotated[int, Field(ge=1, le=10)] | None = None
    content: Literal["real", "filler", "shuffled"] = "real"


class SFT(Value):
    """Supervised fine-tuning (paper §4.2, Appendix B); the loss is on the completion only.

    Attributes:
        learning_rate: peak, reached after warm-up, then cosine decay to zero.
        batch_size: sequences per optimiser step over all devices and accumulation together.
        warmup_ratio: share of the steps spent warming up.
        max_length: tokens of prompt and completion together; judged text is shortened to fit.
        precision: of the forward and backward pass; weights and optimiser stay in float32.
    """

    epochs: Annotated[int, Field(ge=1)]
    learning_rate: Annotated[float, Field(gt=0, lt=1)]
    batch_size: Annotated[int, Field(ge=1)]
    warmup_ratio: Annotated[float, Field(ge=0, lt=1)]
    weight_decay: Annotated[float, Field(ge=0)]
    max_length: Annotated[int, Field(ge=64)]
    precision: Precision


class Backbone(Value):
    """A model as it was released, asked with the guard's prompt and not trained on it.

    Attributes:
        name: hub id, or "synthetic/<name>" for a backbone that ships with this package.
        revision: branch, tag or commit on the hub.
        template, refusal_line: how it is asked; see `prompts.guard_prompt`.
    """

    name: str
    revision: str = "main"
    template: Template = "paper"
    refusal_line: bool = True


class Reading(Value):
    """How rows become examples where the paper leaves it open; each default is said why on the
    book's page of deviations.

    Attributes:
        redacted: what becomes of Aegis 2.0's rows whose prompt is the word REDACTED.
        toxic_chat_rows: the rows of ToxicChat that people annotated, or all of them.
        jailbreakbench_prompt: the column that is paired with JailbreakBench's responses.
        cosapien_partial: what a request of CoSApien is that may be answered in part.
        prompt_task_response: what the guard reads as the response when the prompt is scored:
            nothing, or the row's own.
    """

    redacted: Literal["drop", "keep"] = _unless("drop")
    toxic_chat_rows: Literal["annotated", "all"] = _unless("annotated")
    jailbreakbench_prompt: Literal["prompt", "goal"] = _unless("prompt")
    cosapien_partial: Literal["harmful", "unharmful"] = _unless("harmful")
    prompt_task_response: Literal["empty", "given"] = _unless("empty")


class Cell(Value):
    """One number of a results table: a labelled set and the task it is scored on.

    Attributes:
        split: named, so that settings are chosen on validation data with the same code.
        policy: the taxonomy a set without a policy of its own is judged by (the one the guard was
            trained on), or None where each example brings its policy.
        labels: "random" in the null world.
        revision: branch, tag or commit of a hub set.
        reading: how its rows are read.
    """

    dataset: str
    task: Task
    split: str = "test"
    policy: str | None = None
    labels: Literal["given", "random"] = "given"
    revision: str = _MAIN
    reading: Reading = _unless(Reading())

    @property
    def name(self) -> str:
        """`<dataset>:<task>`, the spelling used in every table."""
        return f"{self.dataset}:{self.task}"


class Decontamination(Value):
    """Training examples that overlap with what guards are scored on, to be left out.

    Attributes:
        cells: what they are held against.
        near: whether near duplicates are left out as well; see `datasets.overlap`.
    """

    cells: tuple[Cell, ...]
    near: bool = False


class Mix(Value):
    """Examples of a second set, learnt along with the training set's (paper §6.2, +TF).

    They are judged as they come, dialogues by the policy of each; their traces are by the teacher
    of the recipe. Neither `examples` nor `ratio` takes the whole training split.

    Attributes:
        dataset: hub id or "synthetic/<name>".
        revision: branch, tag or commit of a hub set.
        examples: how many, drawn at random.
        ratio: or how many for each example of the training set.
        seed: draws them.
        order: "interleaved", all in one random order, another in each epoch; or "appended", in
            each epoch after the training set's, both in one random order for all epochs.
    """

    dataset: str
    revision: str = _MAIN
    examples: Annotated[int, Field(ge=1)] | None = None
    ratio: Annotated[float, Field(gt=0)] | None = None
    seed: int = 0
    order: Literal["interleaved", "appended"] = "interleaved"

    @model_validator(mode="after")
    def _one_size(self) -> "Mix":
        if self.examples is not None and self.ratio is not None:
            raise ValueError("a mix has a number of examples or a ratio, not both")
        return self


class Recipe(Value):
    """A trained guard: everything that decides its weights, and nothing else.

    Attributes:
        backbone: where training starts, and how the guard is asked.
        train_set: hub id or "synthetic/<name>".
        train_revision: branch, tag or commit of a hub set.
        n_train: size of the random subset, or None for the whole training split.
        subset_seed: draws the subset.
        subset: "nested", a smaller subset of one seed is the head of a larger one; or
            "independent", drawn anew for each size.
        stratified: whether each subset has the whole split's shares of labels, to within an
            example or two, where chance would miss them.
        labels: "given"; or "random", the null world in which there is nothing to learn.
        traces: None trains a non-reasoning guard.
        dual: half the examples with their trace, half without, the mode token first (§5.4).
        seed: of the order of the examples.
        decontamination: what is left out of the training split before the subset is drawn, and of
            the mix's before it is.
        mix: what else is learnt.
        reading: how rows are read that are learnt from.
        unlabelled_refusals: what becomes of answered examples without a refusal label where the
            refusal line is asked for: left out, or taught the word `None` for it.
    """

    backbone: Backbone
    train_set: str
    train_revision: str = _MAIN
    n_train: Annotated[int, Field(ge=1)] | None = None
    subset_seed: int = 0
    labels: Literal["given", "random"] = "given"
    traces: TraceSpec | None = None
    dual: bool = False
    sft: SFT
    seed: int = 0
    decontamination: Decontamination | None = _unless(None)
    mix: Mix | None = _unless(None)
    reading: Reading = _unless(Reading())
    subset: Literal["nested", "independent"] = _unless("nested")
    stratified: bool = _unless(False)
    unlabelled_refusals: Literal["drop", "none"] = _unless("drop")

    @property
    def sources(self) -> tuple[tuple[str, str], ...]:
        """The sets that are learnt from, each with its revision; the training set first."""
        own = (self.train_set, self.train_revision)
        return (own, (self.mix.dataset, self.mix.revision)) if self.mix else (own,)

    @model_validator(mode="after")
    def _dual_needs_traces(self) -> "Recipe":
        if self.dual and self.traces is None:
            raise ValueError("a dual-mode guard needs traces for its reasoning half")
        return self


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


class Generation(Value):
    """A guard's answers to one cell's examples.

    Attributes:
        limit: only the first examples of the cell, or None for all.
        engine: part of the value, since sampled texts differ between engines.
    """

    guard: Recipe | Backbone
    cell: Cell
    limit: Annotated[int, Field(ge=1)] | None = None
    mode: Mode
    decoding: Decoding
    engine: Engine

    @property
    def backbone(self) -> Backbone:
        """The backbone asked, trained or not."""
        return self.guard.backbone if isinstance(self.guard, Recipe) else self.guard
