"""One model variant as a frozen value: equal values are the same experiment."""

from collections.abc import Callable, Iterable
from typing import Annotated, Literal

from pydantic import Field, model_validator

from reasoning_guards.examples import Task
from reasoning_guards.refinements import Continual, GroupRelative, Mined, Preference
from reasoning_guards.values import (
    SFT,
    Decoding,
    Engine,
    Mode,
    Precision,
    Template,
    Value,
    unless,
)

__all__ = [  # with what is handed on from `values`
    "SFT", "Backbone", "Cell", "Decoding", "Decontamination", "Engine", "Generation", "Mining",
    "Mix", "Mode", "Precision", "Reading", "Recipe", "Template", "Timing", "TraceSpec", "Value",
    "Work", "asked", "engines", "mining", "needed", "with_needed",
]  # fmt: skip

TeacherVersion = Literal["as_used", "as_printed"]

_MAIN = unless("main")
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


class Backbone(Value):
    """A model as it was released, asked with the guard's prompt and not trained on it.

    Attributes:
        name: hub id, or "synthetic/<name>" for a backbone that ships with this package.
        revision: branch, tag or commit on the hub.
        template, refusal_line: how it is asked; see `prompts.guard_prompt`.
        format: the released guard, by its name in `guards.GUARDS`, as which it is asked and read
            instead.
        dual: whether it is told its mode by a token, as dual-mode guards are that are trained here.
    """

    name: str
    revision: str = "main"
    template: Template = "paper"
    refusal_line: bool = True
    format: str = unless("")
    dual: bool = unless(False)


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

    redacted: Literal["drop", "keep"] = unless("drop")
    toxic_chat_rows: Literal["annotated", "all"] = unless("annotated")
    jailbreakbench_prompt: Literal["prompt", "goal"] = unless("prompt")
    cosapien_partial: Literal["harmful", "unharmful"] = unless("harmful")
    prompt_task_response: Literal["empty", "given"] = unless("empty")


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
    reading: Reading = unless(Reading())

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
        refinement: what comes after; the guard then goes on from the one without it.
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
    kept_epochs: tuple[int, ...] = unless(())
    decontamination: Decontamination | None = unless(None)
    mix: Mix | None = unless(None)
    reading: Reading = unless(Reading())
    subset: Literal["nested", "independent"] = unless("nested")
    stratified: bool = unless(False)
    unlabelled_refusals: Literal["drop", "none"] = unless("drop")
    refinement: Continual | Preference | GroupRelative | None = unless(None)

    @property
    def start(self) -> "Recipe":
        """The guard that a refinement starts from; without one, the guard itself."""
        return self.model_copy(update={"refinement": None})

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
        if self.kept_epochs and self.refinement:
            raise ValueError("a guard that is refined keeps no weights on its way")
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
    epoch: int | None = unless(None)

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


class Mining(Value):
    """A trained guard's answers to examples of its own training split (paper §5.6)."""

    guard: Recipe
    mined: Mined

    @property
    def epoch(self) -> None:
        """It is asked as it was at the end of its training."""

    @property
    def backbone(self) -> Backbone:
        """The backbone asked."""
        return self.guard.backbone

    @property
    def mode(self) -> Mode:
        """As the guard was trained; a dual-mode guard reasons."""
        return "non-reasoning" if self.guard.traces is None else "reasoning"

    @property
    def decoding(self) -> Decoding:
        """How its answers are drawn."""
        return self.mined.decoding

    @property
    def engine(self) -> Engine:
        """What writes them."""
        return self.mined.engine


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


class Probability(Value):
    """How probable a guard finds it that what it judges is harmful; see `probability`.

    Attributes:
        answers: after whose reasonings the verdict is read. A guard that answers at once is read
            after its prompt, whatever it would have answered; `of` gives all its answers one value.
    """

    answers: Generation

    @classmethod
    def of(cls, answers: Generation) -> "Probability":
        """The probabilities that belong to a guard's answers."""
        if answers.mode == "non-reasoning":
            greedy = {"temperature": 0.0, "top_p": 1.0, "generations": 1, "seed": 0}
            decoding = answers.decoding.model_copy(update=greedy)
            answers = answers.model_copy(update={"decoding": decoding})
        return cls(answers=answers)


class Baseline(Value):
    """What a classifier of words says of a cell's examples; see `baselines`.

    Attributes:
        taught: it learns from what this guard does.
        limit: as a generation's.
    """

    taught: Recipe
    cell: Cell
    limit: Annotated[int, Field(ge=1)] | None = None


Work = Recipe | Generation | Mining | Timing | Probability
"""What a child process makes."""


def asked(value: Work) -> tuple[Generation | Mining, ...]:
    """Who is asked what while a value is made; nobody while a guard is trained."""
    if isinstance(value, Recipe):
        return ()
    if isinstance(value, Probability):
        return (value.answers,)
    return value.asked if isinstance(value, Timing) else (value,)


def asked_alike(value: Work, other: Work) -> bool:
    """Whether both are answers of one guard of ours that differ in the cell alone."""
    return (
        isinstance(value, Generation)
        and isinstance(other, Generation)
        and not value.backbone.format
        and value == other.model_copy(update={"cell": value.cell, "limit": value.limit})
    )


def engines(value: Work) -> set[Engine]:
    """What writes answers while a value is made, those that a policy is optimised by as well."""
    if isinstance(value, Recipe) and isinstance(value.refinement, GroupRelative):
        return {value.refinement.engine}
    return {one.engine for one in asked(value)}


def needed(value: Work) -> list[Recipe | Mining]:
    """What has to be made right before a value can be made; that may need something in turn."""
    if isinstance(value, Recipe):
        return [value.start, mining(value)] if value.refinement else []
    return [one.guard for one in asked(value) if isinstance(one.guard, Recipe)]


def with_needed(
    values: Iterable[Work], counts: Callable[[Work], bool] = lambda _: True
) -> list[Work]:
    """Those of the values that count, and of what they wait for in turn; each once."""
    found: dict[Work, None] = {}
    left = list(values)
    while left:
        step = left.pop()
        if step not in found and counts(step):
            found[step] = None
            left += needed(step)
    return list(found)


def mining(refined: Recipe) -> Mining:
    """The answers that decide what is difficult for the guard that a refinement starts from."""
    assert refined.refinement is not None  # noqa: S101
    return Mining(guard=refined.start, mined=refined.refinement.mined)
