"""RQ3's study: how long does reasoning have to be?"""

from reasoning_guards.chapters import benchmarks
from reasoning_guards.chapters.arms import fewer, guards, traced
from reasoning_guards.params import Profile
from reasoning_guards.study import Study, Variant


def rq3_reasoning_budgets(profile: Profile) -> Study:
    """RQ3: does a budget on the sentences of a trace cost anything? (paper §5.3, Figures 3, 5)"""
    cells = benchmarks.scored(profile)
    variants = [
        Variant("nr", "NR", guards(profile, None), "non-reasoning", cells),
        Variant("r_full", "R (full)", guards(profile, traced(profile)), "reasoning", cells),
    ]
    for budget in profile.budgets:
        seeds = profile if budget == 1 else fewer(profile)
        learnt = guards(seeds, traced(profile, budget))
        variants.append(Variant(f"r_{budget}", _label(budget), learnt, "reasoning", cells))
    return Study("rq3_reasoning_budgets", profile, {variant.name: variant for variant in variants})


def _label(budget: int) -> str:
    return f"R ({budget} sentence{'s' if budget > 1 else ''})"


def line(study: Study) -> dict[float, str]:
    """From no reasoning over the budgets to full traces: place on the axis → variant."""
    names = ["nr", *(f"r_{budget}" for budget in study.profile.budgets), "r_full"]
    return {float(place): name for place, name in enumerate(names)}


def ticks(study: Study) -> dict[float, str]:
    """How the places of `line` are called."""
    called = ["none", *map(str, study.profile.budgets), "full"]
    return {float(place): name for place, name in enumerate(called)}
