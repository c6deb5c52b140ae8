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
TeacherVersion = Literal["as_used", "as_printed"]
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
        dual: True for half the examples with their trace and half without, the mode token first
            (§5.4); "both" for each example in both modes.
        seed: of the order of the examples.
        decontamination: what is left out of the training split before the subset is drawn, and of
            the mix's before it is.
        mix: what else is learnt.
        kept_epochs: after which epochs the weights are kept as well, to be asked as they were then.
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
    dual: bool | Literal["both"] = False
    sft: SFT
    seed: int = 0
    kept_epochs: tuple[int, ...] = _unless(())
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

    @model_validator(mode="after")
    def _kept_epochs_are_trained(self) -> "Recipe":
        if any(not 0 < epoch < self.sft.epochs for epoch in self.kept_epochs):
            raise ValueError("kept epochs lie between the first and the last, which is kept anyway")
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
        epoch: one of the recipe's `kept_epochs`, or None for the end of training.
    """

    guard: Recipe | Backbone
    cell: Cell
    limit: Annotated[int, Field(ge=1)] | None = None
    mode: Mode
    decoding: Decoding
    engine: Engine
    epoch: int | None = _unless(None)

    @model_validator(mode="after")
    def _epoch_is_kept(self) -> "Generation":
        kept = self.guard.kept_epochs if isinstance(self.guard, Recipe) else ()
        if self.epoch is not None and self.epoch not in kept:
            raise ValueError(f"the guard keeps no weights of epoch {self.epoch}")
        return self

    @property
    def backbone(self) -> Backbone:
        """The backbone asked, trained or not."""
        return self.guard.backbone if isinstance(self.guard, Recipe) else self.guard


class Timing(Value):
    """How long several guards take for the same examples, in one run.

    Attributes:
        asked: each guard with its mode and decoding; all share cell, limit and engine.
        rounds: how often each is timed; they take turns.
    """

    asked: Annotated[tuple[Generation, ...], Field(min_length=1)]
    rounds: Annotated[int, Field(ge=2)]

    @model_validator(mode="after")
    def _alike_but_for_the_guard(self) -> "Timing":
        shared = {(one.cell.dataset, one.cell.task, one.limit, one.engine) for one in self.asked}
        if len(shared) > 1:
            raise ValueError("guards are timed on the same examples with the same engine")
        return self


Work = Recipe | Generation | Timing
"""What a child process makes."""


def asked(value: Work) -> tuple[Generation, ...]:
    """Who is asked what while a value is made; nobody while a guard is trained."""
    if isinstance(value, Recipe):
        return ()
    return value.asked if isinstance(value, Timing) else (value,)


def needed(value: Work) -> list[Recipe]:
    """The trainings that have to be done before a value can be made."""
    return [one.guard for one in asked(value) if isinstance(one.guard, Recipe)]
