"""Appendix C's study: do the findings hold with another backbone?"""

from reasoning_guards.chapters import benchmarks
from reasoning_guards.chapters.arms import backbones_by_seed, changed, fewer, guards, traced
from reasoning_guards.params import Profile
from reasoning_guards.study import Study, Variant


def second_backbone(profile: Profile) -> Study:
    """The seven rows of Table 9 with the profile's second backbone (paper, Appendix C)."""
    other = changed(
        profile,
        backbone=profile.second_backbone,
        backbone_revision=profile.second_backbone_revision,
    )
    few, full = fewer(other), traced(profile)
    cells = benchmarks.scored(profile) + benchmarks.custom_cells(profile)
    dual = guards(few, full, dual=True)
    variants = [
        Variant("backbone", "Backbone, not trained", backbones_by_seed(few), "reasoning", cells),
        Variant("nr", "NR", guards(other, None), "non-reasoning", cells),
        Variant("r_full", "R (full)", guards(other, full), "reasoning", cells),
        Variant("dual_nr", "Dual, asked to answer at once", dual, "non-reasoning", cells),
        Variant("dual_r", "Dual, asked to reason", dual, "reasoning", cells),
        Variant(
            "tf_r", "R (full) + dialogues", guards(few, full, dialogues=True), "reasoning", cells
        ),
        Variant("r_1", "R (1 sentence)", guards(few, traced(profile, 1)), "reasoning", cells),
    ]
    return Study("second_backbone", other, {variant.name: variant for variant in variants})
