"""RQ4's study: one guard that can answer at once or reason first."""

from reasoning_guards.chapters import benchmarks
from reasoning_guards.chapters.arms import fewer, guards, traced
from reasoning_guards.params import Profile
from reasoning_guards.study import Study, Variant


def rq4_dual_mode(profile: Profile) -> Study:
    """RQ4: can one guard do both? (paper §5.4)

    A dual-mode guard sees half of its examples in each mode, and so half of what a guard of one
    mode sees in its own. The control sees each example in both modes, for twice the steps.
    """
    cells = benchmarks.scored(profile)
    few, full = fewer(profile), traced(profile)
    dual, both = guards(profile, full, dual=True), guards(few, full, dual="both")
    variants = [
        Variant("nr", "NR", guards(profile, None), "non-reasoning", cells),
        Variant("r_full", "R (full)", guards(profile, full), "reasoning", cells),
        Variant("dual_nr", "Dual, asked to answer at once", dual, "non-reasoning", cells),
        Variant("dual_r", "Dual, asked to reason", dual, "reasoning", cells),
        Variant("both_nr", "All data in both modes, at once", both, "non-reasoning", cells),
        Variant("both_r", "All data in both modes, reasoning", both, "reasoning", cells),
    ]
    return Study("rq4_dual_mode", profile, {variant.name: variant for variant in variants})
