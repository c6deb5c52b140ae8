"""Appendix F's study: what guards learn from what their own answers earn."""

from reasoning_guards.chapters import benchmarks, difficult
from reasoning_guards.chapters.arms import changed, fewer, guards, traced
from reasoning_guards.params import TRIED, Profile
from reasoning_guards.recipes import Recipe
from reasoning_guards.refinements import GroupRelative, Reward
from reasoning_guards.study import Study, Variant

WORDS = dict(zip(TRIED, ("temperature", "learning rate", "KL", "group"), strict=True))
"""What tables call the parameters that are tried with several values."""


def appendix_grpo(profile: Profile) -> Study:
    """Does GRPO on difficult examples improve a guard? (paper Appendix F)

    It starts from the guard of 5000 examples, as the paper's best run did. The settings that it
    tried are varied one at a time.
    """
    cells = benchmarks.scored(profile)
    full = traced(profile)
    variants = [
        Variant("nr", "NR", guards(profile, None), "non-reasoning", cells),
        Variant("r_full", "R (full set)", guards(profile, full), "reasoning", cells),
        Variant("r_5k", f"R ({profile.sizes[-1]})", start(profile), "reasoning", cells),
    ]
    for name, (label, setting) in tried(profile).items():
        guard = difficult.refined(start(setting), group_relative(setting))
        variants.append(Variant(name, label, guard, "reasoning", cells))
    return Study("appendix_grpo", profile, {variant.name: variant for variant in variants})


def tried(profile: Profile) -> dict[str, tuple[str, Profile]]:
    """Each run of GRPO by its variant: what tables call it, and the profile with its settings.

    The first has as many seeds as the profile gives GRPO, the others as many as controls have.
    """
    first = {name: getattr(profile, name)[:1] for name in TRIED}
    first["seeds"] = profile.seeds[: profile.grpo_seeds]
    runs = {"grpo": ("GRPO", changed(profile, **first))}
    for name in TRIED:
        for value in getattr(profile, name)[1:]:
            label = f"{WORDS[name]} {value:g}"
            setting = fewer(changed(profile, **first | {name: [value]}))
            runs[f"grpo_{label.replace(' ', '_')}"] = f"GRPO, {label}", setting
    return runs


def pairs(profile: Profile) -> dict[str, tuple[str, str]]:
    """Whose averages are compared: each run of GRPO with the guard that it starts from."""
    return {f"{label} minus before": (name, "r_5k") for name, (label, _) in tried(profile).items()}


def group_relative(profile: Profile) -> GroupRelative:
    """The profile's policy optimisation, with the first of each setting."""
    rate, temperature, beta, group = (
        getattr(profile, name)[0]
        for name in ("learning_rates_grpo", "grpo_temperatures", "grpo_betas", "grpo_groups")
    )
    sft = difficult.settings(profile, profile.epochs_grpo, rate)
    return GroupRelative(
        mined=difficult.mined(profile),
        least=profile.difficult_least,
        most=profile.difficult_most,
        group=group,
        temperature=temperature,
        beta=beta,
        reward=Reward(**{term: getattr(profile, f"grpo_{term}") for term in Reward.model_fields}),
        engine=profile.grpo_engine,
        sft=sft.model_copy(update={"batch_size": profile.grpo_batch_size}),
    )


def start(profile: Profile) -> dict[int, Recipe]:
    """The guards that GRPO goes on from: those of the paper's 5000 examples."""
    return guards(changed(profile, n_train=profile.sizes[-1]), traced(profile))
