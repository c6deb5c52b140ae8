"""A guard that goes on from another one: which trainer makes it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reasoning_guards import mining
from reasoning_guards.recipes import Recipe
from reasoning_guards.refinements import Continual, GroupRelative, Preference
from reasoning_guards.resources import Resources
from reasoning_guards.training import continual, dpo, grpo


def train(
    recipe: Recipe, start: Path, rows: Sequence[mining.Row], folder: Path, resources: Resources
) -> dict[str, Any]:
    """Train the guard that a recipe refines, and leave the new one in the folder.

    Args:
        recipe: of the new guard.
        start: checkpoint of the guard that it starts from.
        rows: that guard's answers to its training examples, from the mining.
        folder: may hold a killed run's state, which is gone on from.
        resources: what the machine gives.

    Returns:
        Notes for the manifest, as the trainer has them.
    """
    match recipe.refinement:
        case Continual() as second:
            return continual.train(recipe, second, start, rows, folder, resources)
        case Preference() as second:
            return dpo.train(recipe, second, start, rows, folder, resources)
        case GroupRelative() as second:
            return grpo.train(recipe, second, start, rows, folder, resources)
    raise ValueError("this recipe refines nothing")
