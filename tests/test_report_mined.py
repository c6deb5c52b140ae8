"""What a mined guard's right answers show, counted by hand."""

import pandas as pd
import pytest

from reasoning_guards import chapters
from reasoning_guards.params import Profile
from reasoning_guards.report import mined

STUDY = chapters.rq6_difficult_samples(
    Profile(
        seeds=[0, 1], mining_generations=4, difficult_least=2, difficult_most=3,
        bootstrap_replicates=200,
    )
)  # fmt: skip


def found(right, noisy=None, cluster=None):
    """A row per example and seed, with how many of its four answers are right."""
    runs = [
        pd.DataFrame(
            {
                "seed": seed,
                "example": [f"e{n}" for n in range(len(each))],
                "cluster": cluster or [f"c{n}" for n in range(len(each))],
                "right": each,
                "noisy": noisy or [None] * len(each),
            }
        )
        for seed, each in enumerate(right)
    ]
    return pd.concat(runs, ignore_index=True)


def test_the_share_that_is_always_right_is_a_mean_over_seeds_that_keeps_each_one_s():
    share = mined.share_always_right(STUDY, found([[4, 4, 4, 0], [4, 0, 3, 2]]))
    assert share.difference.estimate == pytest.approx(0.5)
    assert share.seed_differences == (0.75, 0.25)
    assert share.difference.low < 0.5 < share.difference.high


def test_examples_of_one_source_are_drawn_together():
    right = [[4] * 20 + [0] * 20] * 2
    apart = mined.share_always_right(STUDY, found(right)).difference
    together = mined.share_always_right(STUDY, found(right, cluster=["a"] * 20 + ["b"] * 20))
    assert together.difference.high - together.difference.low > 2 * (apart.high - apart.low)


def test_what_is_always_wrong_is_held_against_the_labels_that_are_wrong():
    rows = found([[0, 0, 2, 4], [0, 3, 4, 4]], noisy=[True, False, True, False])
    told = mined.separation(STUDY, rows)
    assert told == {
        "always_right": "37.5%", "difficult": "25.0%", "always_wrong": "37.5%",
        "noise": "50.0%", "noise_precision": "66.7%", "noise_recall": "50.0%",
        "noise_in_difficult": "50.0%", "mined": "4",
    }  # fmt: skip
    unknown = mined.separation(STUDY, found([[0, 4], [4, 4]]))
    assert unknown["always_wrong"] == "25.0%"
    assert {unknown[name] for name in unknown if name.startswith("noise")} == {"not known"}
