"""Every word each rule can give, on intervals and on made-up judgements."""

import numpy as np
import pandas as pd
import pytest

from reasoning_guards import intervals
from reasoning_guards.claims import Claim, cells, load
from reasoning_guards.decisions import (
    Finding,
    Measured,
    assess,
    assess_measure,
    reasons,
    verdict,
)
from reasoning_guards.intervals import Interval
from reasoning_guards.scoring import average, f1_bounds, scores
from reasoning_guards.single_cells import cell_contrast

AVERAGE, ESPECIALLY = load()["rq1_average"], load()["rq1_especially"]
ABOVE, BELOW, AROUND = (
    Interval(sum(ends) / 2, *ends, se=0.01, level=0.95)
    for ends in [(0.01, 0.05), (-0.05, -0.01), (-0.01, 0.03)]
)
GAINS, LOSSES, MIXED = [0.02, 0.03], [-0.02, -0.03], [0.02, -0.01]
WORDS = {
    "hub": ("reproduced", "contradicted", "inconclusive"),
    "embedded": ("pattern seen", "opposite seen", "unclear"),
}
NO_DIRECTION = {**WORDS, "embedded": ("pattern seen", "not seen", "unclear")}


def world_of(accuracy_hard, accuracy_rest, unparsable=0.0, seeds=2):
    """Judgements in the embedded cells, right with the accuracy given; the same examples always."""
    rng = np.random.default_rng(0)
    frames = []
    for cell in cells("safety", "embedded"):
        accuracy = accuracy_hard if cell in cells("especially", "embedded") else accuracy_rest
        for seed in range(seeds):
            truth = np.arange(200) % 2 == 0
            right = rng.random(200) < accuracy
            predicted = pd.array(truth == right, dtype="boolean")
            predicted[rng.random(200) < unparsable] = pd.NA
            example = [f"{cell.split(':')[0]}/{i}" for i in range(200)]
            frame = {"cell": cell, "example": example, "cluster": example, "truth": truth}
            frames.append(pd.DataFrame({**frame, "predicted": predicted, "seed": seed}))
    return pd.concat(frames, ignore_index=True).assign(generation=0)


@pytest.mark.parametrize("world", ["hub", "embedded"])
@pytest.mark.parametrize(
    ("difference", "best", "worst", "seeds", "word"),
    [
        (ABOVE, ABOVE, ABOVE, GAINS, 0),
        (BELOW, BELOW, BELOW, LOSSES, 1),
        (AROUND, AROUND, AROUND, GAINS, 2),
        (ABOVE, ABOVE, AROUND, GAINS, 2),  # flips with the treatment of parse failures
        (ABOVE, ABOVE, BELOW, GAINS, 2),
        (BELOW, ABOVE, BELOW, LOSSES, 2),
        (AROUND, ABOVE, ABOVE, GAINS, 2),
        (ABOVE, ABOVE, ABOVE, [0.02], 2),  # one run cannot speak of training
        (ABOVE, ABOVE, ABOVE, MIXED, 2),
        (ABOVE, ABOVE, ABOVE, LOSSES, 2),
        (ABOVE, ABOVE, ABOVE, [0.02, 0.0, 0.03], 2),
        (ABOVE, ABOVE, ABOVE, [0.02, 0.03, 0.025, 0.03], 0),
        (ABOVE, ABOVE, ABOVE, [0.01, 0.09, 0.001, 0.002], 2),  # agree, but the t interval is wide
        (ABOVE, ABOVE, ABOVE, [0.05, 0.05, 0.05, 0.05, 0.05, -0.001], 0),  # t decides, not signs
        (BELOW, BELOW, BELOW, [-0.02, -0.03, -0.025, -0.03], 1),
        (ABOVE, ABOVE, ABOVE, [], 2),
    ],
)
def test_the_rule_of_direction(world, difference, best, worst, seeds, word):
    measured = Measured(difference, best, worst, tuple(seeds))
    assert verdict(AVERAGE, world, [measured]) == WORDS[world][word]


def claim(kind, average="safety", **fields):
    return Claim.model_validate(
        {"id": "x", "chapter": "c", "section": "1", "statement": "s", "primary": False,
         "kind": kind, "contrast": {"treatment": "r_full", "control": "nr"}, "average": average,
         **fields}
    )  # fmt: skip


def part(kind, treatment="r_full", control="nr", **fields):
    contrast = {"treatment": treatment, "control": control}
    return {"kind": kind, "contrast": contrast, "average": "safety", **fields}


def around(estimate, reach=0.004, level=0.95):
    return Interval(estimate, estimate - reach, estimate + reach, reach / 2, level)


def alone(estimate, reach=0.004, level=0.95):
    return Measured.otherwise(around(estimate, reach, level))


def clear(estimate, reach=0.004):
    """Measured alike whatever is done with parse failures, and with both seeds."""
    interval = around(estimate, reach)
    return Measured(interval, interval, interval, (estimate, estimate))


@pytest.mark.parametrize("world", ["hub", "embedded"])
@pytest.mark.parametrize(
    ("fields", "estimate", "word"),
    [
        ({"kind": "magnitude", "band": (0.01, 0.03)}, 0.02, 0),
        ({"kind": "magnitude", "band": (0.01, 0.03)}, 0.002, 1),
        ({"kind": "magnitude", "band": (0.01, 0.03)}, 0.04, 1),
        ({"kind": "magnitude", "band": (0.01, 0.03)}, 0.028, 2),
        ({"kind": "non_inferiority", "margin": 0.03}, -0.02, 0),
        ({"kind": "non_inferiority", "margin": 0.03}, 0.2, 0),
        ({"kind": "non_inferiority", "margin": 0.03}, -0.04, 1),
        ({"kind": "non_inferiority", "margin": 0.03}, -0.028, 2),
        ({"kind": "equivalence", "margin": 0.01}, 0.005, 0),
        ({"kind": "equivalence", "margin": 0.01}, 0.02, 1),
        ({"kind": "equivalence", "margin": 0.01}, -0.02, 1),
        ({"kind": "equivalence", "margin": 0.01}, 0.008, 2),
    ],
)
def test_the_rules_of_magnitude_non_inferiority_and_equivalence(world, fields, estimate, word):
    assert verdict(claim(**fields), world, [clear(estimate)]) == NO_DIRECTION[world][word]


@pytest.mark.parametrize("world", ["hub", "embedded"])
@pytest.mark.parametrize(
    ("rise", "plateau", "word"),
    [
        (0.02, 0.0, 0),
        (-0.02, 0.0, 1),
        (0.02, 0.05, 1),
        (0.0, 0.0, 2),
        (0.02, 0.008, 2),
        (0.0, 0.05, 1),
    ],
)
def test_a_shape_needs_all_its_parts_and_falls_with_one(world, rise, plateau, word):
    shape = claim(
        "shape", contrast=None, parts=[part("direction"), part("equivalence", margin=0.01)]
    )
    assert verdict(shape, world, [clear(rise), clear(plateau)]) == NO_DIRECTION[world][word]


@pytest.mark.parametrize("kind", ["equivalence", "non_inferiority"])
def test_parse_failures_and_seeds_can_leave_any_rule_open(kind):
    judged, inside, across = claim(kind, margin=0.01), around(0.0), around(-0.01)
    for measured in (
        Measured(inside, inside, across, (0.0, 0.0)),
        Measured(inside, across, inside, (0.0, 0.0)),
        Measured(inside, inside, inside, (0.0, -0.02)),
    ):
        assert verdict(judged, "hub", [measured]) == "inconclusive"


@pytest.mark.parametrize(
    ("measured", "why"),
    [
        (Measured(ABOVE, ABOVE, ABOVE, (0.02, 0.03), None, ABOVE), ""),
        (Measured(BELOW, BELOW, BELOW, (-0.02, -0.03), None, BELOW), ""),
        (Measured(AROUND, ABOVE, AROUND, (0.02, -0.03), None, AROUND), "interval"),
        (Measured(ABOVE, ABOVE, AROUND, (0.02, 0.03), None, ABOVE), "unparsable answers"),
        (Measured(ABOVE, AROUND, ABOVE, (0.02, 0.03), None, ABOVE), "unparsable answers"),
        (Measured(ABOVE, ABOVE, ABOVE, (0.02, 0.03), None, AROUND), "kappa"),
        (Measured(ABOVE, ABOVE, ABOVE, (0.02, -0.03), None, ABOVE), "seeds"),
        (Measured(ABOVE, ABOVE, ABOVE, (0.01, 0.09, 0.001, 0.002), None, ABOVE), "seeds"),
        (Measured(ABOVE, ABOVE, ABOVE, (0.02,), None, ABOVE), "one run"),
        (Measured(BELOW, BELOW, BELOW, (-0.02,), None, AROUND), "kappa, one run"),
    ],
)
def test_an_open_claim_names_what_left_it_open(measured, why):
    assert ", ".join(reasons(AVERAGE, [measured])) == why
    assert (verdict(AVERAGE, "embedded", [measured]) == "unclear") == bool(why)


def test_a_shape_names_the_reasons_of_its_open_parts_unless_one_part_failed():
    shape = claim(
        "shape", contrast=None, parts=[part("direction"), part("equivalence", margin=0.01)]
    )
    inside = around(0.0)
    one_run = Measured(inside, inside, inside, (0.0,))
    assert reasons(shape, [clear(0.002), one_run]) == ("interval", "one run")
    assert reasons(shape, [clear(0.02), one_run]) == ("one run",)
    assert reasons(shape, [clear(0.002), clear(0.05)]) == ()


def test_a_finding_shows_its_reasons_beside_its_verdict():
    one = {"r_full": world_of(0.9, 0.9, seeds=1), "nr": world_of(0.7, 0.7, seeds=1)}
    two = {"r_full": world_of(0.9, 0.9, seeds=2), "nr": world_of(0.7, 0.7, seeds=2)}
    assert assess(AVERAGE, "embedded", one, replicates=50).explained == "unclear (one run)"
    assert assess(AVERAGE, "hub", {}).explained == "not run"
    assert assess(AVERAGE, "embedded", two, replicates=50).explained == "pattern seen"
    wide = assess_measure(load()["time_full"], "embedded", alone(1.0, 1000.0))
    assert wide.explained == "unclear (interval)"


@pytest.mark.parametrize(
    ("world", "interval", "detectable", "word"),
    [
        ("hub", (-0.01, 0.03), 0.02, "underpowered"),
        ("hub", (-0.01, 0.03), 0.005, "inconclusive"),
        ("hub", (-0.01, 0.03), None, "inconclusive"),
        ("hub", (0.01, 0.03), 0.02, "reproduced"),
        ("hub", (-0.03, -0.01), 0.02, "contradicted"),
        ("embedded", (-0.01, 0.03), 0.02, "unclear"),
    ],
)
def test_only_an_open_claim_is_underpowered(world, interval, detectable, word):
    measured = claim(
        "direction", None, measure="seconds", stated={"low": 0.009, "high": 0.009, "unit": "F1"}
    )
    found = Measured.otherwise(Interval(sum(interval) / 2, *interval, se=0.01, level=0.95))
    assert assess_measure(measured, world, found, detectable).verdict == word


def test_a_measure_is_judged_by_the_same_rule():
    length = load()["rq3_sentences"]
    assert assess_measure(length, "hub", alone(15.2, 0.5)).verdict == "reproduced"
    assert assess_measure(length, "hub", alone(40, 0.5)).verdict == "contradicted"
    assert assess_measure(length, "embedded", alone(11, 0.5)).verdict == "unclear"
    found = assess_measure(load()["time_dual"], "hub", alone(0.01, 0.01, 0.90))
    assert (found.verdict, found.smallest_margin) == ("reproduced", pytest.approx(0.02))


@pytest.mark.parametrize(
    ("seeds", "explained"),
    [
        ((), "pattern seen"),
        ((0.2,), "unclear (one run)"),
        ((0.3, 0.1), "pattern seen"),
        ((0.5, -0.1), "unclear (seeds)"),
        ((0.19, 0.2, 0.2, 0.21), "pattern seen"),
        ((0.0, 0.0, 0.0, 0.8), "unclear (seeds)"),
    ],
)
def test_a_measure_of_training_runs_has_to_be_borne_out_by_their_seeds(seeds, explained):
    found = Measured.otherwise(around(0.2, 0.1), seeds)
    assert assess_measure(load()["rq6_grpo_recall"], "embedded", found).explained == explained


def test_an_equivalence_reports_the_margin_that_the_worst_parse_policy_would_pass():
    judgements = {"r_full": world_of(0.8, 0.8, 0.02), "nr": world_of(0.8, 0.8)}
    found = assess(claim("equivalence", margin=0.01), "embedded", judgements, replicates=200)
    [measured] = found.measured
    assert measured.difference.level == 0.90
    ends = [
        abs(end)
        for each in (measured.difference, measured.best_case, measured.worst_case)
        for end in (each.low, each.high)
    ]
    assert found.smallest_margin == max(ends)
    assert found.verdict == "unclear"
    wide = claim("equivalence", margin=max(ends) + 0.02)
    assert assess(wide, "embedded", judgements, replicates=200).verdict == "pattern seen"
    assert assess(AVERAGE, "embedded", judgements, replicates=50).smallest_margin is None


def test_a_guard_is_equivalent_to_itself():
    same = world_of(0.8, 0.8)
    found = assess(
        claim("equivalence", margin=0.01), "embedded", {"r_full": same, "nr": same}, replicates=50
    )
    assert (found.verdict, found.smallest_margin, found.p_value) == ("pattern seen", 0, 0)


def test_growth_is_seen_where_every_step_is_a_gain_and_nowhere_else():
    growth = load()["rq2_growth"]
    sizes = dict(zip(("r_500", "r_1k", "r_2500", "r_5k"), (0.55, 0.65, 0.78, 0.92), strict=True))
    rising = {name: world_of(accuracy, accuracy) for name, accuracy in sizes.items()}
    found = assess(growth, "embedded", rising, replicates=200)
    assert found.verdict == "pattern seen"
    assert len(found.measured) == 3
    assert found.difference is None
    assert found.p_value == max(
        test.region().p_value(each)
        for test, measured in zip(growth.tests, found.measured, strict=True)
        for each in (
            measured.difference,
            measured.best_case,
            measured.worst_case,
            measured.beyond_chance,
        )
    )
    dented = {**rising, "r_2500": rising["r_500"]}
    assert assess(growth, "embedded", dented, replicates=200).verdict == "not seen"


def test_beside_the_safety_average_stands_the_one_without_the_all_harmful_set():
    judgements = {"r_full": world_of(0.9, 0.8), "nr": world_of(0.7, 0.7)}
    [found] = assess(AVERAGE, "embedded", judgements, replicates=50).measured
    eight = cells("safety_without_all_positive", "embedded")
    expected = intervals.bootstrap_difference(judgements["r_full"], judgements["nr"], eight, 50)
    assert found.beside.estimate == pytest.approx(expected.estimate)
    assert found.beside.estimate != found.difference.estimate


@pytest.mark.parametrize("fields", [{"beyond": "custom"}, {"average": "response"}])
def test_beside_a_contrast_of_averages_or_another_average_stands_nothing(fields):
    # The first is no claim of the paper, but could be one.
    judged = world_of(0.8, 0.7)
    suites = [
        judged[judged["cell"] == cells("jbb", "embedded")[0]].assign(cell=cell)
        for cell in cells("custom", "embedded")
    ]
    both = dict.fromkeys(("r_full", "nr"), pd.concat([judged, *suites], ignore_index=True))
    test = claim("direction", **{"average": "safety", **fields})
    [found] = assess(test, "embedded", both, replicates=20).measured
    assert found.beside is None


def test_diminishing_returns_are_seen_where_the_second_step_is_the_smaller_one():
    steps = load()["rq2_diminishing"]
    for accuracies, word in (
        ((0.55, 0.80, 0.88, 0.88), "pattern seen"),
        ((0.55, 0.60, 0.85, 0.85), "not seen"),
    ):
        named = zip(("r_1k", "r_2500", "r_5k", "r_full"), accuracies, strict=True)
        judgements = {name: world_of(accuracy, accuracy) for name, accuracy in named}
        found = assess(steps, "embedded", judgements, replicates=200)
        assert found.verdict == word
        f1 = [average(scores(frame), cells("safety", "embedded")) for frame in judgements.values()]
        assert found.measured[0].difference.estimate == pytest.approx(2 * f1[1] - f1[0] - f1[2])
        assert np.mean(found.measured[0].seed_differences) == pytest.approx(
            2 * f1[1] - f1[0] - f1[2]
        )
    del judgements["r_5k"]
    assert assess(steps, "embedded", judgements, replicates=20) == Finding("not run")


def test_the_extreme_cases_of_one_gain_over_another_go_by_each_variants_sign():
    shares = {"r_1k": 0.1, "r_2500": 0.3, "r_5k": 0.2}
    judgements = {name: world_of(0.8, 0.8, share) for name, share in shares.items()}
    bounds = {name: f1_bounds(frame).mean() for name, frame in judgements.items()}
    first = claim("direction", **load()["rq2_diminishing"].parts[0].model_dump(exclude={"kind"}))
    [found] = assess(first, "embedded", judgements, replicates=20).measured
    most = 2 * bounds["r_2500"]["best"] - bounds["r_1k"]["worst"] - bounds["r_5k"]["worst"]
    least = 2 * bounds["r_2500"]["worst"] - bounds["r_1k"]["best"] - bounds["r_5k"]["best"]
    assert found.best_case.estimate == pytest.approx(most)
    assert found.worst_case.estimate == pytest.approx(least)


def test_a_claim_about_a_single_cell_has_an_interval_where_nobody_errs():
    perfect = world_of(1.0, 1.0)
    both = {"grpo": perfect, "r_5k": perfect}
    [found] = assess(load()["rq6_grpo_jbb"], "embedded", both).measured
    expected = cell_contrast([perfect, perfect], [1, -1], cells("jbb", "embedded"))
    assert found.difference == found.best_case == found.worst_case == expected
    assert found.difference.low < 0 < found.difference.high
    one = perfect.copy()
    one.loc[one.index[one["cell"] == cells("jbb", "embedded")[0]][:1], "predicted"] = pd.NA
    [found] = assess(load()["rq6_grpo_jbb"], "embedded", {"grpo": perfect, "r_5k": one}).measured
    assert found.worst_case == expected
    assert found.difference.estimate > 0


def test_a_gain_is_found_and_its_mirror_image_is_its_opposite():
    good, poor = world_of(0.9, 0.9, seeds=2), world_of(0.7, 0.7, seeds=2)
    seen = assess(AVERAGE, "embedded", {"r_full": good, "nr": poor}, replicates=200)
    [measured] = seen.measured
    assert seen.verdict == "pattern seen"
    assert measured.best_case == measured.worst_case == seen.difference == measured.difference
    assert len(measured.seed_differences) == 2
    swapped = assess(AVERAGE, "embedded", {"r_full": poor, "nr": good}, replicates=200)
    assert swapped.verdict == "opposite seen"
    assert swapped.difference.estimate == pytest.approx(-seen.difference.estimate)


GOOD, POOR = world_of(0.9, 0.9), world_of(0.7, 0.7)
GAIN = sum(
    sign * average(scores(frame), cells("safety", "embedded"))
    for frame, sign in ((GOOD, 1), (POOR, -1))
)


@pytest.mark.parametrize(
    ("fields", "treatment", "control", "word"),
    [
        ({"kind": "direction"}, GOOD, POOR, 0),
        ({"kind": "direction"}, POOR, GOOD, 1),
        ({"kind": "direction"}, GOOD, GOOD, 2),
        ({"kind": "magnitude", "band": (GAIN - 0.05, GAIN + 0.05)}, GOOD, POOR, 0),
        ({"kind": "magnitude", "band": (GAIN + 0.05, GAIN + 0.1)}, GOOD, POOR, 1),
        ({"kind": "magnitude", "band": (GAIN, GAIN + 0.1)}, GOOD, POOR, 2),
        ({"kind": "non_inferiority", "margin": 0.01}, GOOD, POOR, 0),
        ({"kind": "non_inferiority", "margin": 0.01}, POOR, GOOD, 1),
        ({"kind": "non_inferiority", "margin": GAIN}, POOR, GOOD, 2),
        ({"kind": "equivalence", "margin": GAIN + 0.05}, GOOD, POOR, 0),
        ({"kind": "equivalence", "margin": 0.01}, GOOD, POOR, 1),
        ({"kind": "equivalence", "margin": GAIN}, GOOD, POOR, 2),
    ],
)
def test_each_rule_gives_each_word_on_answers_whose_verdict_is_known(
    fields, treatment, control, word
):
    judged = claim(**fields, stated={"low": 0.0, "high": 0.0, "unit": "F1"})
    given = {"r_full": treatment, "nr": control}
    found = assess(judged, "embedded", given, replicates=200)
    words = WORDS if judged.kind == "direction" else NO_DIRECTION
    assert found.verdict == words["embedded"][word]
    assert verdict(judged, "hub", found.measured) == words["hub"][word]
    parts = [fields | {"average": "safety", "contrast": judged.contrast.model_dump()}] * 2
    shape = claim("shape", contrast=None, parts=parts)
    assert verdict(shape, "embedded", found.measured * 2) == NO_DIRECTION["embedded"][word]


def test_labels_that_mean_nothing_show_no_pattern():
    chance = {"r_full": world_of(0.5, 0.5), "nr": world_of(0.5, 0.5).iloc[::-1]}
    chance["nr"] = chance["nr"].assign(
        predicted=chance["nr"]["predicted"]
        .sample(frac=1, random_state=1, ignore_index=True)
        .to_numpy()
    )
    assert assess(AVERAGE, "embedded", chance, replicates=200).verdict == "unclear"


def guess(how_often, seed):
    """Judgements of a guard that says "harmful" so often, whatever it reads."""
    judged = world_of(0.5, 0.5)
    said = np.random.default_rng(seed).random(len(judged)) < how_often
    return judged.assign(predicted=pd.array(said, dtype="boolean"))


@pytest.mark.parametrize(("more", "less"), [("r_full", "nr"), ("nr", "r_full")])
def test_to_say_harmful_more_often_is_no_gain(more, less):
    judgements = {more: guess(0.8, 1), less: guess(0.3, 2)}
    found = assess(AVERAGE, "embedded", judgements, replicates=200)
    [measured] = found.measured
    assert measured.difference.side == (1 if more == "r_full" else -1)
    assert measured.beyond_chance.side == 0
    assert found.verdict == "unclear"
    assert found.p_value > 0.05


def test_the_difference_follows_the_parse_policy_and_its_bounds_do_not():
    judgements = {"r_full": world_of(0.8, 0.8, unparsable=0.2), "nr": world_of(0.8, 0.8)}
    wrong, dropped = (
        assess(AVERAGE, "embedded", judgements, replicates=50, policy=policy).measured[0]
        for policy in ("wrong", "dropped")
    )
    assert wrong.difference.estimate < dropped.difference.estimate
    assert np.mean(wrong.seed_differences) < np.mean(dropped.seed_differences)
    assert wrong.beyond_chance.estimate < dropped.beyond_chance.estimate
    assert (wrong.best_case, wrong.worst_case) == (dropped.best_case, dropped.worst_case)


def test_no_noise_at_all_bears_out_that_there_is_little():
    noise = load()["rq1_decoding_noise"]
    assert assess_measure(noise, "hub", alone(0, 0)).verdict == "reproduced"


def test_a_measure_of_another_level_is_refused():
    with pytest.raises(ValueError, match=r"time_dual asks for an interval of level 0\.9"):
        assess_measure(load()["time_dual"], "hub", alone(0.01, 0.01))


def test_especially_needs_more_than_a_gain_everywhere():
    control = world_of(0.7, 0.7)
    everywhere = {"r_full": world_of(0.85, 0.85), "nr": control}
    assert assess(ESPECIALLY, "embedded", everywhere, replicates=200).verdict == "unclear"
    there = {"r_full": world_of(0.9, 0.7), "nr": control}
    assert assess(ESPECIALLY, "embedded", there, replicates=200).verdict == "pattern seen"


@pytest.mark.parametrize("claim", [AVERAGE, ESPECIALLY])
def test_the_extreme_cases_grant_parse_failures_to_the_one_side_of_the_claim_or_the_other(claim):
    judgements = {"r_full": world_of(0.9, 0.8, 0.2), "nr": world_of(0.8, 0.8, 0.1)}
    treatment, control = f1_bounds(judgements["r_full"]), f1_bounds(judgements["nr"])
    weights = pd.Series(claim.weights("embedded"))
    most = (treatment["best"] - control["worst"]).where(
        weights > 0, treatment["worst"] - control["best"]
    )
    least = (treatment["worst"] - control["best"]).where(
        weights > 0, treatment["best"] - control["worst"]
    )
    [found] = assess(claim, "embedded", judgements, replicates=50).measured
    assert found.best_case.estimate == pytest.approx((most * weights).sum())
    assert found.worst_case.estimate == pytest.approx((least * weights).sum())
    assert found.worst_case.estimate < found.difference.estimate < found.best_case.estimate


def test_a_gain_that_rests_on_the_controls_parse_failures_is_unclear():
    judgements = {"r_full": world_of(0.8, 0.8), "nr": world_of(0.8, 0.8, unparsable=0.3)}
    found = assess(AVERAGE, "embedded", judgements, replicates=200)
    assert found.difference.side == 1
    assert found.verdict == "unclear"


@pytest.mark.parametrize("given", [{}, {"r_full": None}, {"nr": None}])
def test_a_claim_without_both_variants_was_not_run(given):
    assert assess(AVERAGE, "hub", given) == Finding("not run")


def test_an_arm_with_fewer_seeds_is_compared_over_those_that_both_have():
    full, few = world_of(0.9, 0.9, seeds=3), world_of(0.7, 0.7, seeds=3)
    few = few[few["seed"] != 1]
    found, backwards = (
        assess(AVERAGE, "embedded", {"r_full": one, "nr": other}, replicates=50)
        for one, other in ((full, few), (few, full))
    )
    same = {"r_full": full[full["seed"] != 1], "nr": few}
    assert found == assess(AVERAGE, "embedded", same, replicates=50)
    assert len(found.measured[0].seed_differences) == 2
    assert backwards.verdict == "opposite seen"
    strangers = {"r_full": full[full["seed"] == 1], "nr": few}
    with pytest.raises(intervals.UnpairedError):
        assess(AVERAGE, "embedded", strangers, replicates=50)


def test_a_claim_whose_cells_were_not_judged_was_not_run():
    judged = world_of(0.8, 0.8)
    fewer = judged[judged["cell"] != "synthetic/burr:response"]
    for pair in ({"r_full": judged, "nr": fewer}, {"r_full": fewer, "nr": judged}):
        assert assess(AVERAGE, "embedded", pair) == Finding("not run")
    assert assess(load()["rq8_average"], "embedded", {"r_full": judged, "nr": judged}) == Finding(
        "not run"
    )


def test_a_claim_about_another_measure_is_not_judged_by_f1():
    judged = dict.fromkeys(("r_500", "r_5k"), world_of(0.8, 0.8))
    assert assess(load()["rq2_spread_overall"], "embedded", judged) == Finding("not run")
