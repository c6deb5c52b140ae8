"""RQ2's study: how many examples does a reasoning guard need?"""

from reasoning_guards.chapters import benchmarks
from reasoning_guards.chapters.arms import changed, fewer, guards, repeating, traced
from reasoning_guards.params import Profile
from reasoning_guards.study import Study, Variant

NAMES = ("500", "1k", "2500", "5k")
"""The paper's sizes, which name the variants whatever a profile's `sizes` are."""


def rq2_data_efficiency(profile: Profile) -> Study:
    """RQ2: how many examples do reasoning guards need? (paper §5.2, Figure 2, Table 4)

    A seed draws a subset of its own, so that several seeds are several subsets. The paper trains
    reasoning guards alone, each for the same number of epochs, so that fewer examples are fewer
    steps as well; here non-reasoning guards stand beside them, and guards that repeat fewer
    examples for as many steps as the largest subset takes.
    """
    cells = benchmarks.scored(profile)
    few, full = fewer(profile), traced(profile)
    variants = [
        Variant("r_full", "R (full set)", guards(profile, full), "reasoning", cells),
        Variant("nr", "NR (full set)", guards(profile, None), "non-reasoning", cells),
    ]
    for name, size in zip(NAMES, profile.sizes, strict=True):
        learnt = guards(changed(profile, n_train=size), full)
        direct = guards(changed(few, n_train=size), None)
        variants += [
            Variant(f"r_{name}", f"R ({size})", learnt, "reasoning", cells),
            Variant(f"nr_{name}", f"NR ({size})", direct, "non-reasoning", cells),
        ]
    for name, size in list(zip(NAMES, profile.sizes, strict=True))[:-1]:
        repeated = repeating(few, size)
        label = f"R ({size}, equal steps)"
        variants.append(Variant(f"r_{name}_steps", label, repeated, "reasoning", cells))
    return Study("rq2_data_efficiency", profile, {variant.name: variant for variant in variants})


def lines(study: Study) -> dict[str, dict[float, str]]:
    """The lines of Figure 2: kind of guard → number of examples → variant."""
    sizes = dict(zip(study.profile.sizes, NAMES, strict=True))
    return {
        "R": {size: f"r_{name}" for size, name in sizes.items()},
        "R, equal steps": {
            size: f"r_{name}_steps" if name != NAMES[-1] else f"r_{name}"
            for size, name in sizes.items()
        },
        "NR": {size: f"nr_{name}" for size, name in sizes.items()},
    }
