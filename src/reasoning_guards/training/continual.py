"""A second round of fine-tuning, from the trained checkpoint (paper §5.6)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reasoning_guards import mining
from reasoning_guards.recipes import Recipe
from reasoning_guards.refinements import Continual
from reasoning_guards.resources import Resources
from reasoning_guards.training import data, sft


def train(
    recipe: Recipe,
    second: Continual,
    start: Path,
    rows: Sequence[mining.Row],
    folder: Path,
    resources: Resources,
) -> dict[str, Any]:
    """Fine-tune the trained guard on its set and on the chosen examples beside.

    Args:
        recipe: the refined guard's.
        second: its refinement.
        start: the checkpoint to go on from.
        rows: its answers, from the mining.
        folder, resources: as in `sft.train`, which says what is left in the folder and noted.

    Returns:
        With the notes of `sft.train`: chosen, how many examples were added to the set.

    Raises:
        mining.NothingDifficultError: if no example is in the range.
    """
    lessons = {lesson.example.id: lesson for lesson in data.mined_lessons(recipe, second.mined)}
    names = mining.chosen(mining.counts(rows), second, list(lessons), recipe.seed)
    again = [lessons[name] for name in names for _ in range(second.copies)]
    round_two = recipe.model_copy(update={"sft": second.sft})
    notes = sft.fit(round_two, (str(start), None), folder, resources, again)
    return {**notes, "chosen": len(names)}
