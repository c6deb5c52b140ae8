"""Curves, spreads and lengths say what the judgements and traces say."""

import numpy as np
import pandas as pd
import pytest

from reasoning_guards import chapters, claims
from reasoning_guards.params import Profile
from reasoning_guards.report import curves, lengths, spreads

PROFILE = Profile(seeds=[0, 1, 2, 3], bootstrap_replicates=100)
STUDY = chapters.rq2_data_efficiency(PROFILE)


def judged(right, seeds=(0, 1, 2, 3), generations=1):
    """Ten harmful and ten harmless examples a cell; by seed, how many of the harmful are found."""
    rows = [
        (cell, f"{cell}/{number}", number, generation, number < 10, number < found, seed)
        for seed, found in zip(seeds, right, strict=True)
        for generation in range(generations)
        for cell in claims.cells("safety", "embedded")
        for number in range(20)
    ]
    frame = pd.DataFrame(
        rows,
        columns=["cell", "example", "cluster", "generation", "truth", "predicted", "seed"],
    )
    return frame.astype({"predicted": "boolean", "cluster": "string"})


def test_points_are_the_averages_of_their_variants():
    frames = {name: judged([5] * 4) for name in STUDY.variants} | {"r_5k": judged([10] * 4)}
    points = curves.points(STUDY, frames, chapters.data_efficiency.lines(STUDY))
    found = points.set_index(["Line", "At"])["F1"]
    largest = PROFILE.sizes[-1]
    assert found["R", largest] == pytest.approx(1)
    assert found["NR", largest] == pytest.approx(2 / 3)
    assert found["R, equal steps", largest] == pytest.approx(1)
    assert (points["Low"] <= points["F1"]).all()
    assert (points["F1"] <= points["High"]).all()
    shown = curves.shown(points)
    assert shown.loc[str(largest), "NR"].startswith("0.667 [")


def test_prompts_and_responses_have_lines_of_their_own():
    frame = judged([5] * 4)
    right = frame["cell"].str.endswith(":prompt")
    frame["predicted"] = frame["predicted"].where(~right, frame["truth"]).astype("boolean")
    points = curves.by_average(STUDY, {"r_5k": frame}, {1.0: "r_5k"}).set_index("Line")["F1"]
    assert points["Prompts"] == pytest.approx(1)
    assert points["Responses"] == pytest.approx(2 / 3)
    assert points["All nine cells"] == pytest.approx((5 + 4 * 2 / 3) / 9)


def test_a_figure_names_its_ticks_and_draws_every_line():
    frames = {name: judged([5] * 4) for name in STUDY.variants}
    points = curves.points(STUDY, frames, chapters.data_efficiency.lines(STUDY))
    axes = curves.figure(points, "Examples", ticks={PROFILE.sizes[0]: "few"}).light.axes[0]
    assert axes.get_xticklabels()[0].get_text() == "few"
    assert {text.get_text() for text in axes.get_legend().get_texts()} == set(points["Line"])


def test_spread_over_subsets_is_that_of_the_seeds_own_averages():
    frame = judged([5, 6, 8, 10])
    f1 = [2 * r / (10 + r) for r in (5, 6, 8, 10)]
    table = spreads.table(STUDY, {"r_500": frame}, ["r_500"])
    assert table["All, mean"].item() == f"{np.mean(f1):.3f}"
    assert table["All, std"].item() == f"{np.std(f1, ddof=1):.3f}"
    one = spreads.table(STUDY, {"r_500": judged([5], seeds=(0,))}, ["r_500"])
    assert one["All, std"].item() == "–"


def test_the_largest_subset_is_a_part_of_the_full_set_where_subsets_are_nested():
    assert spreads.nesting(STUDY) == {"full_to_largest": "1.25", "full_in_largest": "80%"}
    alone = PROFILE.model_copy(update={"subset": "independent"})
    found = spreads.nesting(chapters.rq2_data_efficiency(alone))
    assert found["full_to_largest"] == "1.25"
    assert int(found["full_in_largest"].rstrip("%")) < 40  # of a set four times as large or more


def test_a_difference_of_deviations_is_found_at_its_nominal_rate():
    rng = np.random.default_rng(0)
    covered = 0
    for number in range(400):
        first, second = rng.normal(0, 0.016, 4), rng.normal(0, 0.005, 4)
        interval = spreads.sd_difference(list(first), list(second), seed=number)
        covered += interval.low <= 0.011 <= interval.high
    assert 0.92 <= covered / 400 <= 0.99


def test_two_subsets_say_nothing_about_a_deviation():
    two = chapters.rq2_data_efficiency(PROFILE.model_copy(update={"seeds": [0, 1]}))
    frame = judged([5, 6], seeds=(0, 1))
    assert spreads.over_subsets(two, {"r_500": frame, "r_5k": frame}) == {}
    four = judged([5, 6, 8, 10])
    found = spreads.over_subsets(STUDY, {"r_500": four, "r_5k": judged([7, 7, 7, 8])})
    assert set(found) == {"rq2_spread_overall", "rq2_spread_prompt", "rq2_spread_response"}
    assert found["rq2_spread_overall"].estimate > 0


def test_the_smallest_fall_is_that_of_the_line_and_step_that_falls_least():
    frames = {"r_500": [2, 5, 8, 10], "r_1k": [4, 6, 8, 10], "r_2500": [6, 7, 8, 9],
              "r_5k": [7, 7, 7, 8]}  # fmt: skip
    found = spreads.over_subsets(STUDY, {name: judged(right) for name, right in frames.items()})
    f1 = [np.std([2 * r / (10 + r) for r in right], ddof=1) for right in frames.values()]
    smallest = found["rq2_spread_steps"]
    assert smallest.estimate == pytest.approx(-max(np.diff(f1)))
    assert smallest.low < smallest.estimate < smallest.high
    narrow, wide = np.arange(60) * 1.0, np.arange(60) * 9.0
    fall, rise = [list(wide), list(narrow)], [list(narrow), list(wide)]
    assert spreads.smallest_fall([fall, fall]).side == 1
    assert spreads.smallest_fall([fall, rise]).side == -1
    assert spreads.smallest_fall([fall, [list(wide), list(wide)]]).side == 0


def test_decoding_noise_takes_two_generations():
    study = chapters.rq1_efficacy(PROFILE)
    assert spreads.over_generations(study, {"r_full": judged([5] * 4)}) == {}
    frame = judged([5] * 4, generations=2)
    noisy = frame["predicted"].where(frame["generation"] == 0, frame["example"].str.endswith("0"))
    found = spreads.over_generations(study, {"r_full": frame.assign(predicted=noisy)})
    interval = found["rq1_decoding_noise"]
    assert interval.low < interval.estimate < interval.high
    assert interval.estimate > 0.1


def test_lengths_count_sentences_words_and_tokens():
    frame = lengths._lengths(["the policy is plain . so it is fine .", "Well. Don't, e.g."], len)
    assert frame["sentences"].tolist() == [2, 2]
    assert frame["words"].tolist() == [8, 4]
    assert frame["tokens"].tolist() == [37, 17]


def test_what_the_claims_about_lengths_measure():
    rows = []
    for example in range(40):
        for budget in (1, 2, 3, 5):
            rows.append((f"e{example}", budget, budget, budget * (8 + budget), 2 * budget))
        rows.append((f"e{example}", np.nan, 14 + example % 3, 150, 300))
    taught = pd.DataFrame(rows, columns=["example", "budget", "sentences", "words", "tokens"])
    found = lengths.measures(taught)
    assert found["rq3_sentences"].estimate == pytest.approx(15, abs=0.1)
    assert found["rq3_tokens_full"].estimate == 300
    assert found["rq3_words_per_trace"].estimate == 11  # from one sentence to two
    assert found["rq3_words_per_sentence"].estimate == pytest.approx(1)
    assert found["rq3_words_linear"].estimate == pytest.approx(0, abs=1e-9)
    assert found["rq3_budgets_kept"].estimate == 1
    levels = {name: claims.load()[name].region().level for name in found if name in claims.load()}
    assert {name: found[name].level for name in levels} == levels
