"""Which guards' traces are examined: other chapters' own, so that nothing is trained for it."""

from collections.abc import Iterable

from reasoning_guards.chapters.budgets import rq3_reasoning_budgets
from reasoning_guards.chapters.efficacy import rq1_efficacy
from reasoning_guards.params import Profile
from reasoning_guards.recipes import Backbone, Recipe
from reasoning_guards.study import Study


def trace_quality(profile: Profile) -> Study:
    """RQ3's guards that reason, and RQ1's with the traces that say nothing of their examples."""
    variants = rq3_reasoning_budgets(profile).variants | rq1_efficacy(profile).variants
    learnt = {name: one for name, one in variants.items() if _traced(one.guards.values())}
    return Study("data_and_traces", profile, learnt)


def _traced(guards: Iterable[Recipe | Backbone]) -> bool:
    """Whether guards learnt from traces, and those for the labels that were given."""
    return all(isinstance(g, Recipe) and g.traces and g.labels == "given" for g in guards)
