"""RQ7's study: does it matter whose prompts a guard learns from?"""

from reasoning_guards.chapters import benchmarks, released
from reasoning_guards.chapters.arms import changed, fewer, guards, on_other_set, traced
from reasoning_guards.params import Profile
from reasoning_guards.study import Study, Variant


def rq7_prompt_distribution(profile: Profile) -> Study:
    """RQ7: adversarial prompts or plain ones? (paper §5.7)

    Beside the paper's arms stand non-reasoning guards, and pairs of equal size. Guards of either
    set are scored on the same cells; on the hub each is shown the taxonomy it was trained on.
    """
    variants = []
    for prefix, said, own in (("", "", profile), ("aegis_", ", other set", on_other_set(profile))):
        own_few, cells = fewer(own), benchmarks.scored(own)
        size = profile.sizes[-1]
        full, one = traced(profile), traced(profile, 1)
        variants += [
            # Of the profile's own set other chapters have it with all seeds.
            Variant(
                f"{prefix}nr", f"NR{said}", guards(own_few if prefix else own, None),
                "non-reasoning", cells,
            ),
            Variant(f"{prefix}r_full", f"R (full){said}", guards(own, full), "reasoning", cells),
            Variant(
                f"{prefix}nr_5k", f"NR ({size}){said}",
                guards(changed(own_few, n_train=size), None), "non-reasoning", cells,
            ),
            Variant(
                f"{prefix}r_5k", f"R ({size}){said}",
                guards(changed(own_few, n_train=size), full), "reasoning", cells,
            ),
            Variant(
                f"{prefix}r_1", f"R (1 sentence){said}", guards(own_few, one), "reasoning", cells
            ),
        ]  # fmt: skip
    variants += released.variants(profile, benchmarks.scored(profile))
    return Study(
        "rq7_prompt_distribution", profile, {variant.name: variant for variant in variants}
    )
