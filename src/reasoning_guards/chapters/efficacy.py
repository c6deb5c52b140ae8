"""RQ1's study: do reasoning guards beat non-reasoning ones?"""

from collections.abc import Mapping

import pandas as pd

from reasoning_guards.chapters import benchmarks, released
from reasoning_guards.chapters.arms import backbones_by_seed, fewer, guards, traced
from reasoning_guards.params import Profile
from reasoning_guards.recipes import Recipe
from reasoning_guards.study import Study, Variant

CONTROLS = ("r_filler", "r_shuffled")
"""The controls of equal length, which the embedded world alone has."""


def rq1_efficacy(profile: Profile) -> Study:
    """RQ1: do reasoning guard models beat non-reasoning ones? (paper §5.1, Tables 1, 5, 6)

    Beside the paper's arms stand controls of equal length that hold nothing about the example (a
    filler trace, another example's trace), and a null world in which labels are random.
    """
    cells = benchmarks.scored(profile)
    few = fewer(profile)
    null = tuple(cell.model_copy(update={"labels": "random"}) for cell in cells)
    one, full = traced(profile, 1), traced(profile)
    filler = one.model_copy(update={"content": "filler"})
    shuffled = one.model_copy(update={"content": "shuffled"})
    variants = [
        Variant(
            "backbone", "Backbone, not trained", backbones_by_seed(profile), "reasoning", cells
        ),
        Variant("nr", "NR", guards(profile, None), "non-reasoning", cells),
        Variant("r_full", "R (full)", guards(profile, full), "reasoning", cells),
        Variant("r_1", "R (1 sentence)", guards(profile, one), "reasoning", cells),
    ]
    variants += released.variants(profile, cells)
    if profile.world == "embedded":
        variants += [
            Variant("r_filler", "R (filler)", guards(few, filler), "reasoning", cells),
            Variant("r_shuffled", "R (shuffled)", guards(few, shuffled), "reasoning", cells),
            Variant("null_nr", "NR, null", _null(guards(few, None)), "non-reasoning", null),
            Variant("null_r", "R (full), null", _null(guards(few, full)), "reasoning", null),
        ]
    return Study("rq1_efficacy", profile, {variant.name: variant for variant in variants})


def rows(study: Study) -> list[str]:
    """The variants that RQ1's tables show: all but the null world's, whose F1 is no score."""
    return [name for name in study.variants if not name.startswith("null_")]


def null_world(judged: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """RQ1's two arms as taught and judged by random labels, under the names its claims use.

    Empty in the hub world, which has no such arms.
    """
    arms = {"nr": "null_nr", "r_full": "null_r"}
    return {name: judged[null] for name, null in arms.items() if null in judged}


def _null(guards: dict[int, Recipe]) -> dict[int, Recipe]:
    """The same guards taught random labels."""
    return {seed: guard.model_copy(update={"labels": "random"}) for seed, guard in guards.items()}
