"""What of a training split can be learnt from, and in which order subsets are drawn of it."""

import logging
import random
from collections.abc import Sequence

from reasoning_guards import datasets
from reasoning_guards.datasets import overlap
from reasoning_guards.errors import UserError
from reasoning_guards.examples import Example
from reasoning_guards.recipes import Recipe

_log = logging.getLogger(__name__)


class NoRefusalLabelsError(UserError):
    """Guards are to learn the refusal line from a set that labels no refusals."""


def learnable(
    recipe: Recipe, dataset: str, revision: str, seed: str | None
) -> tuple[list[Example], int]:
    """What the recipe can learn from a set's training split, and how many lack a refusal label.

    They are shuffled by the seed, if there is one, and else in the set's own order.
    """
    split = list(datasets.load(dataset, "train", None, revision=revision, reading=recipe.reading))
    if seed is not None:
        # Before any is left out: what leaves some out then changes which are there, and not their
        # order.
        random.Random(seed).shuffle(split)
    split = _clean(recipe, dataset, split)
    needed = recipe.backbone.refusal_line and recipe.unlabelled_refusals == "drop"
    examples = [e for e in split if not needed or _teaches_refusal(e)]
    unlabelled = len(split) - len(examples)
    if unlabelled and all(example.response is None for example in examples):
        raise NoRefusalLabelsError(
            f"The training split of {dataset} labels no refusals, so the line "
            "`Response refusal` cannot be learnt from it: set refusal_line: false, or "
            "unlabelled_refusals: none to have it answered by `None`."
        )
    return examples, unlabelled


def stratified(examples: Sequence[Example]) -> list[Example]:
    """The examples in an order any head of which has about the whole's share of each label.

    Those of equal labels of prompt and response stay in their order, spread evenly over the whole.
    """
    strata: dict[object, list[Example]] = {}
    for example in examples:
        strata.setdefault((example.prompt_harmful, example.response_harmful), []).append(example)
    placed = [
        ((number + 0.5) / len(stratum), example)
        for stratum in strata.values()
        for number, example in enumerate(stratum)
    ]
    return [example for _, example in sorted(placed, key=lambda one: one[0])]


def _teaches_refusal(example: Example) -> bool:
    """Whether the refusal line has an answer: its label, or that there is no response."""
    return example.response is None or example.response_refusal is not None


def _clean(recipe: Recipe, dataset: str, examples: list[Example]) -> list[Example]:
    """The examples without those that the recipe's decontamination leaves out."""
    if recipe.decontamination is None:
        return examples
    scored: list[Example] = []
    for cell in recipe.decontamination.cells:
        policy = datasets.policy(cell.policy) if cell.policy else None
        scored += datasets.load(
            cell.dataset, cell.split, cell.task, policy, cell.revision, cell.reading
        )
    kinds = overlap.find(examples, scored)
    left_out = {
        name for name, kind in kinds.items() if recipe.decontamination.near or kind == "exact"
    }
    _log.info(
        "%s: left out %d of %d training examples that overlap with what is scored",
        dataset,
        len(left_out),
        len(examples),
    )
    return [example for example in examples if example.id not in left_out]
