"""RQ8's study: policies that a guard meets for the first time when it is asked."""

from reasoning_guards.chapters import benchmarks, released
from reasoning_guards.chapters.arms import changed, fewer, guards, on_other_set, traced
from reasoning_guards.params import Profile
from reasoning_guards.study import Study, Variant

VARIED = "synthetic/commons"
"""Like the embedded training set, but with a policy for each example."""


def rq8_custom_policies(profile: Profile) -> Study:
    """RQ8: do reasoning guards generalise to new policies? (paper §6, Tables 2, 7 and 8)

    Topic-following dialogues bring more than dialogues: each has a policy of its own. Guards that
    learn from the training set's kind of prompts under policies that vary tell the two apart, in
    the embedded world, where labels under any policy are known.
    """
    few, full, one = fewer(profile), traced(profile), traced(profile, 1)
    cells = benchmarks.scored(profile) + benchmarks.custom_cells(profile)
    custom = benchmarks.custom_cells(profile)
    size = profile.sizes[-1]
    sized, other = changed(few, n_train=size), changed(on_other_set(few), n_train=size)
    dual = guards(profile, full, dual=True)
    variants = [
        Variant("nr", "NR", guards(profile, None), "non-reasoning", cells),
        Variant("r_full", "R (full)", guards(profile, full), "reasoning", cells),
        Variant("r_1", "R (1 sentence)", guards(profile, one), "reasoning", custom),
        Variant("dual_nr", "Dual, asked to answer at once", dual, "non-reasoning", cells),
        Variant("dual_r", "Dual, asked to reason", dual, "reasoning", cells),
        Variant("r_5k", f"R ({size})", guards(sized, full), "reasoning", custom),
        Variant(
            "tf_r", f"R ({size}) + dialogues", guards(sized, full, dialogues=True),
            "reasoning", custom,
        ),
        Variant(
            "tf_nr", f"NR ({size}) + dialogues", guards(sized, None, dialogues=True),
            "non-reasoning", custom,
        ),
        Variant(
            "tf_r_1", "R (1 sentence) + dialogues", guards(few, one, dialogues=True),
            "reasoning", custom,
        ),
        Variant(
            "aegis_r_5k", f"R ({size}), other set", guards(other, full), "reasoning", custom
        ),
        Variant(
            "aegis_tf_r", f"R ({size}) + dialogues, other set", guards(other, full, dialogues=True),
            "reasoning", custom,
        ),
    ]  # fmt: skip
    variants += released.variants(profile, cells)
    if profile.world == "embedded":
        varied = changed(sized, train_set=VARIED)
        variants += [
            Variant(
                "varied_r", f"R ({size}), varied policies", guards(varied, full),
                "reasoning", custom,
            ),
            Variant(
                "varied_nr", f"NR ({size}), varied policies", guards(varied, None),
                "non-reasoning", custom,
            ),
        ]  # fmt: skip
    return Study("rq8_custom_policies", profile, {variant.name: variant for variant in variants})
