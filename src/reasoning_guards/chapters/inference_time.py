"""Section 7's study: what reasoning costs when a guard is asked."""

from reasoning_guards.chapters import benchmarks, released
from reasoning_guards.chapters.arms import fewer, guards, on_other_set, traced
from reasoning_guards.params import Profile
from reasoning_guards.recipes import Timing
from reasoning_guards.study import Study, Variant

ROUNDS = 4


def inference_time(profile: Profile) -> Study:
    """What an answer costs: at once, after a sentence, after full reasoning (paper §7, Figure 4).

    All guards are timed in one run with one engine, on the examples of the first cell, each asked
    once; their F1 is that of the other chapters. Released guards come last.
    """
    variants = []
    for prefix, said, own in (("", "", profile), ("aegis_", ", other set", on_other_set(profile))):
        few, full, one = fewer(own), traced(own), traced(own, 1)
        cells = benchmarks.scored(own)
        dual = guards(few, full, dual=True)
        variants += [
            Variant(f"{prefix}nr", f"NR{said}", guards(few, None), "non-reasoning", cells),
            Variant(f"{prefix}dual_nr", f"Dual, at once{said}", dual, "non-reasoning", cells),
            Variant(f"{prefix}r_1", f"R (1 sentence){said}", guards(few, one), "reasoning", cells),
            Variant(f"{prefix}r_full", f"R (full){said}", guards(few, full), "reasoning", cells),
        ]
    variants += released.variants(profile, benchmarks.scored(profile))
    study = Study("inference_time", profile, {variant.name: variant for variant in variants})
    return Study("inference_time", profile, study.variants, _timing(study))


def _timing(study: Study) -> Timing:
    asked = []
    for variant in study.variants.values():
        value = study.generation(variant, variant.guards[study.profile.seeds[0]], variant.cells[0])
        once = value.decoding.model_copy(update={"generations": 1})
        asked.append(value.model_copy(update={"decoding": once}))
    return Timing(asked=tuple(asked), rounds=ROUNDS)
