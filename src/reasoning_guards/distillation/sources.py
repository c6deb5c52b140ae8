"""What is to be distilled for a profile: the distillation as a value, and the examples."""

import random
from typing import NamedTuple

from reasoning_guards.chapters import CHAPTERS
from reasoning_guards.datasets import aegis2, topic_following, wildguardmix
from reasoning_guards.distil.spec import Distillation, Sampling, Stage
from reasoning_guards.errors import UserError
from reasoning_guards.examples import Example
from reasoning_guards.params import Profile
from reasoning_guards.prompts import TeacherTemplate
from reasoning_guards.recipes import Recipe
from reasoning_guards.training import data

_TEMPLATES: dict[str, TeacherTemplate] = {
    aegis2.HUB_ID: "aegis",
    wildguardmix.HUB_ID: "wildguard",
    topic_following.HUB_ID: "topic",
    "synthetic/lanes": "topic",
}


class NoExamplesWantedError(UserError):
    """A trial is to be of no examples at all."""


class Source(NamedTuple):
    """Examples of one set that guards learn from, and the lengths of the traces they need."""

    dataset: str
    examples: tuple[Example, ...]
    stages: tuple[Stage, ...]

    @property
    def template(self) -> TeacherTemplate:
        """Which of the teacher's templates asks about them."""
        return _TEMPLATES.get(self.dataset, "policy")


def spec(profile: Profile) -> Distillation:
    """The profile's distillation as a value."""
    return Distillation(
        teacher=profile.teacher_model,
        prompt=profile.teacher_prompt,
        sampling=Sampling(
            temperature=profile.teacher_temperature,
            top_p=profile.teacher_top_p,
            max_tokens=profile.teacher_max_tokens,
        ),
        rounds=profile.teacher_rounds,
        judge=profile.judge_model,
        failures=profile.teacher_failures,
    )


def sources(profile: Profile, limit: int | None = None, only: str | None = None) -> list[Source]:
    """What the profile's chapters learn from with traces, each set once.

    Args:
        profile: its chapters' guards decide sets, examples and budgets.
        limit: of each set only so many examples, drawn at random, for a trial.
        only: one set, where not all are wanted.

    Raises:
        NoExamplesWantedError: if the limit is not at least 1.
    """
    if limit is not None and limit < 1:
        raise NoExamplesWantedError(f"--examples is {limit}: give at least 1, or leave it out.")
    recipes = [
        recipe
        for chapter in CHAPTERS.values()
        for recipe in chapter(profile).recipes()
        if recipe.traces is not None and recipe.labels == "given"
    ]
    examples: dict[str, dict[str, Example]] = {}
    stages: dict[str, set[int]] = {}
    for recipe in recipes:
        for dataset, _ in recipe.sources:
            stages.setdefault(dataset, set()).add((recipe.traces and recipe.traces.sentences) or 0)
    for recipe in dict.fromkeys(map(_drawing, recipes)):
        if only in (None, recipe.train_set):
            examples.setdefault(recipe.train_set, {}).update((e.id, e) for e in data.subset(recipe))
        if recipe.mix and only in (None, recipe.mix.dataset):
            examples.setdefault(recipe.mix.dataset, {}).update(
                (e.id, e) for e in data.mixed(recipe)
            )
    found = []
    for dataset, by_id in examples.items():
        drawn = list(by_id.values())
        if limit is not None:
            drawn = random.Random(0).sample(drawn, min(limit, len(drawn)))
        budgets = sorted(stages[dataset] - {0})
        found.append(Source(dataset, tuple(drawn), ("full", *budgets)))
    return found


def _drawing(recipe: Recipe) -> Recipe:
    """The recipe with all that does not decide which examples it is given set to one value."""
    plain = recipe.sft.model_copy(update={"epochs": 1, "learning_rate": 0.1})
    backbone = recipe.backbone.model_copy(update={"name": "", "revision": ""})
    return recipe.model_copy(
        update={"traces": None, "dual": False, "seed": 0, "kept_epochs": (), "sft": plain,
                "backbone": backbone}
    )  # fmt: skip
