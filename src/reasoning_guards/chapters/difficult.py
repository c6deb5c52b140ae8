"""RQ6's study: what guards learn from the examples that they find difficult."""

from reasoning_guards.chapters import benchmarks
from reasoning_guards.chapters.arms import fewer, guards, traced
from reasoning_guards.params import Profile
from reasoning_guards.recipes import SFT, Decoding, Recipe
from reasoning_guards.refinements import Continual, Mined, Preference, Refinement
from reasoning_guards.study import Study, Variant

PAIRS = {
    "Difficult minus before": ("continual_sft", "r_full"),
    "Random minus before": ("continual_random", "r_full"),
    "Difficult minus random": ("continual_sft", "continual_random"),
    "DPO minus before": ("dpo", "r_full"),
}
"""Whose averages are compared, beside what the claims compare."""


def rq6_difficult_samples(profile: Profile) -> Study:
    """RQ6: does it help to learn from difficult samples again? (paper §5.6)

    Beside the paper's second round stands one with as many random samples for the same steps,
    which tells what is difficult about the gain; and preference optimisation, which the paper
    names as missing (§9).
    """
    cells = benchmarks.scored(profile)
    full = guards(profile, traced(profile))
    second = continual(profile)
    variants = [
        Variant("nr", "NR", guards(profile, None), "non-reasoning", cells),
        Variant("r_full", "R (full)", full, "reasoning", cells),
        Variant(
            "continual_sft", "R (full), difficult again", refined(full, second), "reasoning", cells
        ),
        Variant(
            "continual_random", "R (full), random again",
            refined(
                guards(fewer(profile), traced(profile)),
                second.model_copy(update={"chosen": "random"}),
            ),
            "reasoning", cells,
        ),
        Variant(
            "dpo", "R (full), DPO",
            refined(guards(fewer(profile), traced(profile)), preference(profile)),
            "reasoning", cells,
        ),
    ]  # fmt: skip
    return Study("rq6_difficult_samples", profile, {variant.name: variant for variant in variants})


def mined(profile: Profile) -> Mined:
    """What guards are asked so that their difficult examples are found."""
    return Mined(
        examples=profile.n_mined,
        decoding=Decoding(
            temperature=profile.mining_temperature,
            top_p=profile.top_p,
            generations=profile.mining_generations,
            max_new_tokens=profile.max_new_tokens_reasoning,
            max_length=profile.max_length,
            precision=profile.precision,
        ),
        engine=profile.engine,
    )


def continual(profile: Profile) -> Continual:
    """The profile's second round of fine-tuning on difficult examples."""
    return Continual(
        mined=mined(profile),
        least=profile.difficult_least,
        most=profile.difficult_most,
        copies=profile.difficult_copies,
        sft=settings(profile, profile.epochs_continual, profile.learning_rate_continual),
    )


def preference(profile: Profile) -> Preference:
    """The profile's preference optimisation on answers to difficult examples."""
    return Preference(
        mined=mined(profile),
        least=profile.difficult_least,
        most=profile.difficult_most,
        beta=profile.dpo_beta,
        loss=profile.dpo_loss,
        reference=profile.dpo_reference,
        pairs_per_example=profile.dpo_pairs,
        sft=settings(profile, profile.epochs_dpo, profile.learning_rate_dpo),
    )


def settings(profile: Profile, epochs: int, learning_rate: float) -> SFT:
    """The settings of the profile's reasoning guards, but for these two."""
    (first, *_) = guards(profile, traced(profile)).values()
    return first.sft.model_copy(update={"epochs": epochs, "learning_rate": learning_rate})


def refined(guards: dict[int, Recipe], refinement: Refinement) -> dict[int, Recipe]:
    """Each seed's guard, trained on."""
    return {
        seed: guard.model_copy(update={"refinement": refinement}) for seed, guard in guards.items()
    }
