"""RQ5's study: few examples, seen many times."""

from reasoning_guards.chapters import benchmarks
from reasoning_guards.chapters.arms import changed, equal_steps, fewer, guards, repeating, traced
from reasoning_guards.params import Profile
from reasoning_guards.study import Study, Variant


def rq5_sample_diversity(profile: Profile) -> Study:
    """RQ5: do a few examples do, if they are repeated? (paper §5.5)

    500 examples for 50 epochs take as many steps as 5000 for five. The guard's weights are kept on
    the way, so that overfitting would show.
    """
    cells = benchmarks.scored(profile)
    few, full = fewer(profile), traced(profile)
    smallest, largest = profile.sizes[0], profile.sizes[-1]
    repeated = repeating(profile, smallest)
    one = repeated[profile.seeds[0]]
    epochs, kept = one.sft.epochs, one.kept_epochs
    first = {seed: repeated[seed] for seed in few.seeds}
    once = guards(changed(profile, n_train=smallest), full)
    variants = [
        Variant("nr", "NR (full set)", guards(profile, None), "non-reasoning", cells),
        Variant("r_full", "R (full set)", guards(profile, full), "reasoning", cells),
        Variant(
            "r_5k", f"R ({largest})", guards(changed(profile, n_train=largest), full),
            "reasoning", cells,
        ),
        Variant("r_500", f"R ({smallest})", once, "reasoning", cells),
        Variant("r_500x50", f"R ({smallest}, {epochs} epochs)", repeated, "reasoning", cells),
        *(
            Variant(
                f"r_500x50_{epoch}", f"R ({smallest}, after {epoch} epochs)", first,
                "reasoning", cells, epoch,
            )
            for epoch in kept
        ),
    ]  # fmt: skip
    return Study("rq5_sample_diversity", profile, {variant.name: variant for variant in variants})


def lines(study: Study) -> dict[str, dict[float, str]]:
    """F1 by epoch: kind of guard → epochs → variant."""
    asked = {
        float(variant.epoch): name
        for name, variant in study.variants.items()
        if variant.epoch is not None
    }
    epochs = equal_steps(study.profile, study.profile.sizes[0]).epochs_reasoning
    return {"R, repeating its examples": asked | {float(epochs): "r_500x50"}}
