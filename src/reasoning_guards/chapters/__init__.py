"""The variants and cells of each chapter, known without executing its notebook."""

import difflib
from collections.abc import Callable

from reasoning_guards.chapters.budgets import rq3_reasoning_budgets
from reasoning_guards.chapters.custom_policies import rq8_custom_policies
from reasoning_guards.chapters.data_efficiency import rq2_data_efficiency
from reasoning_guards.chapters.difficult import rq6_difficult_samples
from reasoning_guards.chapters.distribution import rq7_prompt_distribution
from reasoning_guards.chapters.diversity import rq5_sample_diversity
from reasoning_guards.chapters.dual_mode import rq4_dual_mode
from reasoning_guards.chapters.efficacy import rq1_efficacy
from reasoning_guards.chapters.equal_rates import verdict_probabilities
from reasoning_guards.chapters.grpo import appendix_grpo
from reasoning_guards.chapters.inference_time import inference_time
from reasoning_guards.chapters.released import released_guards
from reasoning_guards.chapters.second_backbone import second_backbone
from reasoning_guards.errors import UserError
from reasoning_guards.params import Profile
from reasoning_guards.study import Study

CHAPTERS: dict[str, Callable[[Profile], Study]] = {
    chapter.__name__: chapter
    for chapter in (
        rq1_efficacy,
        rq2_data_efficiency,
        rq3_reasoning_budgets,
        rq4_dual_mode,
        rq5_sample_diversity,
        rq6_difficult_samples,
        rq7_prompt_distribution,
        rq8_custom_policies,
        inference_time,
        second_backbone,
        verdict_probabilities,
        appendix_grpo,
    )
}


def studies(profile: Profile, *, evaluate: bool = False) -> list[Study]:
    """What `run` and `book` make of a profile: all chapters' studies; or what `evaluate` does.

    Raises:
        NoReleasedGuardsError: if released guards are to be evaluated, and there are none.
    """
    if evaluate:
        return [released_guards(profile)]
    return [chapter(profile) for chapter in CHAPTERS.values()]


class UnknownStudyError(UserError):
    """No chapter of that name has a study."""


def named(name: str) -> Callable[[Profile], Study]:
    """A chapter's function.

    Raises:
        UnknownStudyError: naming the nearest there is, or all if none is near.
    """
    if name not in CHAPTERS:
        near = difflib.get_close_matches(name, CHAPTERS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"name one of {', '.join(CHAPTERS)}."
        raise UnknownStudyError(f"No chapter {name!r} has guards of its own: {hint}")
    return CHAPTERS[name]
