"""What a recipe trains on: token ids of prompt and completion, and which of them carry the loss."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reasoning_guards import prompts, traces
from reasoning_guards.errors import UserError
from reasoning_guards.examples import Example, with_random_labels
from reasoning_guards.recipes import Mode, Recipe
from reasoning_guards.refinements import Mined
from reasoning_guards.training import splits


class TooFewExamplesError(UserError):
    """A recipe asks for more training examples than its set has."""


class NoNullTracesError(UserError):
    """Random labels are to be argued for by a teacher that has written its traces already."""


@dataclass(frozen=True)
class Lesson:
    """One training sequence before tokenisation: an example, how it is asked, what to answer."""

    example: Example
    mode: Mode
    trace: str | None


@dataclass(frozen=True)
class TrainingData:
    """What is trained on.

    Attributes:
        input_ids, completion_mask: per sequence, one entry per token.
        shortened: sequences whose judged text was shortened.
        unlabelled: examples of the whole split left out for want of a refusal label.
        drawn: ids of the examples that were drawn, in the order of the draw, those of a mix last.
        untraced: those of them that are not learnt from, since the teacher has no trace for them.
    """

    input_ids: list[list[int]]
    completion_mask: list[list[int]]
    shortened: int
    unlabelled: int
    drawn: list[str]
    untraced: list[str]


def lessons(recipe: Recipe) -> list[Lesson]:
    """The recipe's examples in a fixed order, each with its trace or without.

    A dual-mode guard reasons on a random half and answers directly on the other (paper §5.4), or
    does both on all of them.
    Examples that the teacher has no trace for are left out, of reasoning guards alone.

    Raises:
        NoNullTracesError: for random labels, unless the teacher writes its traces to order.
        UserError: whatever `subset` and `traces.write` raise.
    """
    return _lessons(recipe, *_drawn(recipe)[:2])


def _lessons(recipe: Recipe, examples: list[Example], mixed: list[Example]) -> list[Lesson]:
    taught = _taught(recipe, recipe.train_set, examples, recipe.subset_seed)
    if recipe.mix:
        added = _taught(recipe, recipe.mix.dataset, mixed, recipe.mix.seed)
        if recipe.mix.order == "appended":  # nothing shuffles them later
            for part in (taught, added):
                random.Random(f"order/{recipe.seed}").shuffle(part)
        taught += added
    if not recipe.dual:
        return taught
    if recipe.dual == "both":
        return taught + [Lesson(lesson.example, "non-reasoning", None) for lesson in taught]
    half = len(taught) // 2
    direct = set(random.Random(f"dual/{recipe.seed}").sample(range(len(taught)), half))
    return [
        Lesson(lesson.example, "non-reasoning", None) if index in direct else lesson
        for index, lesson in enumerate(taught)
    ]


def _taught(recipe: Recipe, dataset: str, examples: list[Example], seed: int) -> list[Lesson]:
    """The examples of one set with their traces, or without."""
    if recipe.traces:
        traces.require(recipe.traces, dataset)
    if recipe.labels == "random":
        examples = [with_random_labels(example) for example in examples]
    if recipe.traces is None:
        return [Lesson(example, "non-reasoning", None) for example in examples]
    if recipe.labels == "random" and recipe.traces.teacher != "rule":
        raise NoNullTracesError(
            f"The traces of {recipe.traces.teacher} argue for the given labels, so there are none "
            "for random ones: run the null world with the teacher 'rule'."
        )
    written = traces.write(recipe.traces, examples, seed)
    return [
        Lesson(example, "reasoning", trace)
        for example, trace in zip(examples, written, strict=True)
        if trace is not None
    ]


def subset(recipe: Recipe) -> list[Example]:
    """The random subset of the training set, the same whatever else varies; no mix is in it.

    Subsets of one seed are nested, the smaller the head of the larger, unless the recipe has them
    independent. A guard that is asked for the refusal line learns from no answered example without
    a refusal label, unless the recipe has it answered by `None`.

    Raises:
        TooFewExamplesError: if the training split, or what is left of it, is smaller than
            `n_train`.
        NoRefusalLabelsError: if the refusal line is asked for and no response has its label.
    """
    return _subset(recipe, recipe.n_train)[0]


def mixed(recipe: Recipe) -> list[Example]:
    """The examples of the recipe's mix, drawn as a subset is; none without a mix.

    Raises:
        UserError: as `subset`.
    """
    return _drawn(recipe)[1]


def _drawn(recipe: Recipe) -> tuple[list[Example], list[Example], int]:
    """Subset, mix, and how many examples of either had no label for the refusal line."""
    examples, unlabelled = _subset(recipe, recipe.n_train)
    mix = recipe.mix
    if mix is None:
        return examples, [], unlabelled
    wanted = mix.examples if mix.ratio is None else round(mix.ratio * len(examples))
    seed = None if wanted is None else f"mix/{mix.seed}"
    found, more = splits.learnable(recipe, mix.dataset, mix.revision, seed)
    if wanted is not None and wanted > len(found):
        raise TooFewExamplesError(
            f"The mix is to have {wanted} examples, but the training split of {mix.dataset} has "
            f"{len(found)}: ask for at most that many, or for all."
        )
    return examples, found[:wanted], unlabelled + more


def _subset(recipe: Recipe, count: int | None) -> tuple[list[Example], int]:
    """So many of the split, in the order of the recipe's own subset; and how many had no label.

    Without a label for the refusal line, that is. All of the split if the count is None.
    """
    seed = f"subset/{recipe.subset_seed}"
    if recipe.subset == "independent":
        seed += f"/{recipe.n_train}"
    examples, unlabelled = splits.learnable(
        recipe, recipe.train_set, recipe.train_revision, seed if count else None
    )
    if count and recipe.stratified:
        examples = splits.stratified(examples)
    if count is not None and count > len(examples):
        name = "n_train" if count == recipe.n_train else "n_mined"
        without = f" ({unlabelled} more have no refusal label)" if unlabelled else ""
        raise TooFewExamplesError(
            f"{name} is {count}, but the training split of {recipe.train_set} has "
            f"{len(examples)} examples{without}: ask for at most that many, or None for all."
        )
    return examples[:count], unlabelled


def mined_lessons(recipe: Recipe, mined: Mined) -> list[Lesson]:
    """A lesson for each example that is mined for a guard and can be learnt from, in their order.

    Raises:
        UserError: as `lessons`.
    """
    examples = mined_examples(recipe, mined)
    return _taught(recipe, recipe.train_set, examples, recipe.subset_seed)


def mined_examples(recipe: Recipe, mined: Mined) -> list[Example]:
    """The examples of its training split that a guard is asked when it is mined, as it was taught.

    Raises:
        UserError: as `subset`.
    """
    examples, _ = _subset(recipe, mined.examples)
    if recipe.labels == "random":
        examples = [with_random_labels(example) for example in examples]
    return examples


def mined_prompts(recipe: Recipe, mined: Mined, tokenizer: Any) -> dict[str, list[int]]:
    """The token ids that a guard is asked each mined example with, by the example's id.

    Raises:
        UserError: as `subset`.
    """
    return {
        example.id: prompts.encode(
            tokenizer,
            example,
            mode="non-reasoning" if recipe.traces is None else "reasoning",
            template=recipe.backbone.template,
            mode_token=bool(recipe.dual),
            refusal_line=recipe.backbone.refusal_line,
            max_tokens=mined.decoding.max_length - mined.decoding.max_new_tokens,
        ).ids
        for example in mined_examples(recipe, mined)
    }


def tokenise(recipe: Recipe, tokenizer: Any, again: Sequence[Lesson] = ()) -> TrainingData:
    """The recipe's sequences as token ids, and those of lessons that are learnt beside.

    The prompt's ids are those the engines will be given; the completion's ids follow them and end
    in the tokenizer's end token. Only the completion carries loss. A sequence longer than
    `max_length` has its judged text shortened: trace, verdict and end token always stay whole.
    """
    input_ids: list[list[int]] = []
    completion_mask: list[list[int]] = []
    shortened = 0
    examples, added, unlabelled = _drawn(recipe)
    taught = [*_lessons(recipe, examples, added), *again]
    for lesson in taught:
        completion = prompts.completion(
            lesson.example,
            lesson.trace,
            refusal_line=recipe.backbone.refusal_line,
            unlabelled_refusals=recipe.unlabelled_refusals,
        )
        answer = [*prompts.plain_tokens(tokenizer, completion), tokenizer.eos_token_id]
        prompt = prompts.encode(
            tokenizer,
            lesson.example,
            mode=lesson.mode,
            template=recipe.backbone.template,
            mode_token=bool(recipe.dual),
            refusal_line=recipe.backbone.refusal_line,
            max_tokens=recipe.sft.max_length - len(answer),
        )
        shortened += prompt.shortened
        input_ids.append(prompt.ids + answer)
        completion_mask.append([0] * len(prompt.ids) + [1] * len(answer))
    drawn = [example.id for example in [*examples, *added]]
    learnt = {lesson.example.id for lesson in taught}
    untraced = [name for name in drawn if name not in learnt]
    return TrainingData(input_ids, completion_mask, shortened, unlabelled, drawn, untraced)
