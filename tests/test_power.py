"""Made-up studies against formulas: standard errors, what is detectable, what intervals cover."""

from dataclasses import astuple, replace
from math import asin, inf, pi
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest

from reasoning_guards import claims
from reasoning_guards.hypotheses import Region
from reasoning_guards.intervals import (
    bootstrap_average,
    bootstrap_difference,
    fewest_clusters,
    paired_seed_interval,
    percentile,
)
from reasoning_guards.power import effects, studies, variance
from reasoning_guards.power.coverage import COVERED
from reasoning_guards.power.shapes import PUBLISHED, Correlations, shapes
from reasoning_guards.power.variance import Design
from reasoning_guards.resampling import replicate
from reasoning_guards.scoring import average, scores

DIRECTION = Region(low=0.0)


def weights_of(average):
    cells = claims.cells(average, "hub")
    return dict.fromkeys(cells, 1 / len(cells))


def judgements(study, guard):
    """One guard's answers as a chapter has them."""
    frames = []
    for cell in study:
        rows, runs, generations = cell.right.shape[1:]
        example, run, generation = np.indices((rows, runs, generations)).reshape(3, -1)
        source = example % cell.shape.clusters
        truth = cell.truth[example]
        frames.append(
            pd.DataFrame(
                {
                    "cell": cell.shape.name,
                    "example": [f"e{i:05}" for i in example],
                    "cluster": [f"{cell.shape.set}/{i:05}" for i in source],
                    "generation": generation,
                    "seed": run,
                    "truth": truth,
                    "predicted": pd.array(
                        np.where(cell.right[guard].ravel(), truth, ~truth), dtype="boolean"
                    ),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def simulated(weights, count, limit=None, seed=0, **how):
    """The weighted sums of `count` studies, (count, guards)."""
    rng, cells = np.random.default_rng(seed), shapes(weights, limit)
    drawn = (studies.draw(cells, rng, **how) for _ in range(count))
    return np.array([replicate(studies.counted(study, weights), 0, 0)[:, 0] for study in drawn])


def intervals(cells, weights, count, replicates, levels=(0.95,), generations=4):
    """Of each made-up study: the treatment's interval, and the difference's at each level."""
    for number in range(count):
        study = studies.draw(cells, np.random.default_rng([1, number]), generations=generations)
        groups = studies.counted(study, weights)
        ours, theirs = replicate(groups, replicates, number)
        fewest = fewest_clusters(groups)
        yield (
            percentile(ours, 0.95, fewest),
            *(percentile(ours - theirs, level, fewest) for level in levels),
        )


def test_a_made_up_study_is_bootstrapped_as_its_judgements_are():
    weights = weights_of("response")
    study = studies.draw(shapes(weights, 60), np.random.default_rng(0), generations=2, runs=2)
    treatment, control = judgements(study, 0), judgements(study, 1)
    ours, theirs = replicate(studies.counted(study, weights), 50, seed=3)
    found = bootstrap_difference(treatment, control, weights, 50, seed=3)
    fewest = min(cell.clusters for cell in shapes(weights, 60))
    assert astuple(percentile(ours - theirs, 0.95, fewest)) == pytest.approx(astuple(found))
    alone = bootstrap_average(treatment, weights, 50, seed=3)
    assert astuple(percentile(ours, 0.95, fewest)) == pytest.approx(astuple(alone))
    assert ours[0] == pytest.approx(average(scores(treatment), list(weights)))


def test_cells_have_the_published_sizes_and_share_their_prompts():
    (wg_prompt, wg_response, jbb, simple, cosa) = shapes(
        [
            "allenai/wildguardmix:prompt",
            "allenai/wildguardmix:response",
            "JailbreakBench/JBB-Behaviors:response",
            "Bertievidgen/SimpleSafetyTests:prompt",
            "microsoft/CoSApien/language_learning:prompt",
        ]
    )
    assert (wg_prompt.rows, wg_prompt.clusters) == (1699, 1709)
    assert (wg_response.rows, wg_response.set) == (1709, wg_prompt.set)
    assert wg_response.harmful == pytest.approx(284 / 1709)
    assert (jbb.rows, jbb.clusters) == (300, 150)
    assert (simple.harmful, simple.f1) == (1, (0.990, 0.995))
    recall = simple.right[:, 1]
    assert 2 * recall / (1 + recall) == pytest.approx(simple.f1)  # no false alarms there
    assert cosa.rows == 40
    assert cosa.name not in PUBLISHED


def test_a_limit_cuts_large_cells_and_leaves_small_ones():
    cells = shapes(weights_of("safety"), limit=200)
    assert {cell.rows for cell in cells} == {100, 200}
    assert max(cell.clusters for cell in cells) == 200


def test_each_guard_has_the_printed_f1_in_the_population():
    weights = weights_of("safety")
    large = [replace(cell, rows=20_000, clusters=20_000) for cell in shapes(weights)]
    for cell in studies.draw(large, np.random.default_rng(1), generations=1):
        (scored,) = studies.counted([cell], {cell.shape.name: 1.0})
        assert replicate([scored], 0, 0)[:, 0] == pytest.approx(cell.shape.f1, abs=0.012)


def test_labels_are_drawn_as_often_harmful_as_the_set_is():
    (cell,) = shapes(["lmsys/toxic-chat:prompt"])
    (drawn,) = studies.draw([cell], np.random.default_rng(2))
    assert drawn.truth.mean() == pytest.approx(362 / 2853, abs=0.02)


def test_two_normals_are_both_below_zero_as_often_as_their_angle_says():
    zero = np.array(0.0)
    for correlation in (0.0, 0.5, 0.97):
        covariance = variance._covariance(zero, zero, np.array(correlation))
        assert covariance == pytest.approx(asin(correlation) / (2 * pi), abs=1e-9)
    same = variance._covariance(np.array(1.0), np.array(1.0), np.array(1 - 1e-9))
    assert same == pytest.approx(0.841345 * 0.158655, abs=1e-4)


@pytest.mark.parametrize("average", ["safety", "custom", "jbb", "wg_prompt"])
def test_the_standard_error_is_the_spread_of_made_up_studies(average):
    weights = weights_of(average)
    found = simulated(weights, 600, limit=400)
    design = Design(limit=400)
    of_difference = (found[:, 0] - found[:, 1]).std(ddof=1)
    assert variance.sample_error(weights, design) == pytest.approx(of_difference, rel=0.08)
    assert variance.sample_error(weights, design, (1, 0)) == pytest.approx(
        found[:, 0].std(ddof=1), rel=0.08
    )
    assert variance.sample_error(weights, design, (0, 1)) == pytest.approx(
        found[:, 1].std(ddof=1), rel=0.08
    )


def test_the_standard_error_holds_where_prompts_weigh_much():
    shared = Correlations(generations=0.9, guards=0.2, prompt=1.0)
    weights = weights_of("wg_prompt") | weights_of("wg_response")
    weights = dict.fromkeys(weights, 0.5)
    found = simulated(weights, 600, limit=300, correlations=shared, generations=1)
    design = Design(limit=300, correlations=shared, generations=1)
    assert variance.sample_error(weights, design) == pytest.approx(
        (found[:, 0] - found[:, 1]).std(ddof=1), rel=0.08
    )
    apart = replace(design, correlations=replace(shared, prompt=0.0))
    assert variance.sample_error(weights, apart) < 0.9 * variance.sample_error(weights, design)


def test_decoding_noise_is_the_spread_of_generations():
    weights = weights_of("response")
    cells = shapes(weights, 200)
    found = []
    for number in range(100):
        study = studies.draw(cells, np.random.default_rng(number), generations=8)
        noise = [
            sum(
                weights[cell.shape.name]
                * replicate(
                    studies.counted(
                        [replace(cell, right=cell.right[..., [g]])], {cell.shape.name: 1.0}
                    ),
                    0,
                    0,
                )[0, 0]
                for cell in study
            )
            for g in range(8)
        ]
        found.append(np.var(noise, ddof=1))
    expected = variance.decoding_sd(weights, Design(limit=200))
    assert np.mean(found) ** 0.5 == pytest.approx(expected, rel=0.08)


def test_the_assumed_decoding_noise_is_near_what_table_3_prints():
    assert variance.decoding_sd(weights_of("safety"), Design()) == pytest.approx(0.002, abs=0.0005)
    assert variance.decoding_sd(weights_of("response"), Design()) == pytest.approx(0.005, abs=0.001)


def test_the_share_of_same_verdicts_is_that_of_made_up_answers():
    (cell,) = shapes(["allenai/wildguardmix:prompt"])
    large = replace(cell, rows=40_000, clusters=40_000)
    (drawn,) = studies.draw([large], np.random.default_rng(3), generations=1)
    first, second = drawn.right[:, drawn.truth, 0, 0]
    expected = variance.agreement(cell.name, Correlations())
    assert (first == second).mean() == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(
    ("more", "less"),
    [
        (Design(), Design(limit=400)),
        (Design(limit=400), Design(limit=100)),
        (Design(), Design(generations=1)),
        (Design(correlations=Correlations(guards=0.9)), Design()),
        (Design(), Design(correlations=Correlations(prompt=0.9))),
        (Design(), Design(training_sd=0.005)),
        (Design(training_sd=0.005), Design(training_sd=0.01)),
        (Design(training_sd=0.005, runs=4), Design(training_sd=0.005)),
    ],
)
def test_a_better_design_detects_less(more, less):
    ours, theirs = effects.detectable_effects(more), effects.detectable_effects(less)
    assert ours["rq1_average"] < theirs["rq1_average"]
    assert all(ours[claim] <= theirs[claim] for claim in ours)


def test_training_adds_the_variance_of_two_guards():
    weights = weights_of("safety")
    of_examples = variance.standard_error(weights, Design())
    total = variance.standard_error(weights, Design(training_sd=0.01, runs=4))
    assert total**2 - of_examples**2 == pytest.approx(2 * 0.01**2 / 4)


def test_every_claim_about_f1_has_a_detectable_effect_and_no_other():
    found = effects.detectable_effects()
    assert list(found) == [c.id for c in claims.load().values() if c.measure is None]
    assert "time_full" not in found
    assert min(found.values()) > 0


def test_a_direction_takes_the_two_quantiles():
    assert effects.detectable_room(DIRECTION, 0.01) == pytest.approx(0.0280159, rel=1e-5)
    assert effects.power_at(DIRECTION, 0.01, 0.0280159) == pytest.approx(0.80, abs=1e-4)
    assert effects.power_at(DIRECTION, 0.01, 0.0) == pytest.approx(0.025)


@pytest.mark.parametrize("region", [Region(-0.01, 0.01, 0.90), Region(0.005, 0.035)])
def test_a_region_of_two_ends_asks_for_what_gives_the_power(region):
    se = (region.high - region.low) / 7
    room = effects.detectable_room(region, se)
    assert room > effects.detectable_room(Region(low=region.low, level=region.level), se)
    assert effects.power_at(region, se, room) == pytest.approx(effects.POWER)
    assert effects.power_at(region, se, 0.9 * room) < effects.POWER


def test_ends_that_are_far_apart_do_not_matter_to_each_other():
    wide, one = Region(-1, 1, 0.90), Region(low=-1, level=0.90)
    assert effects.detectable_room(wide, 0.01) == pytest.approx(effects.detectable_room(one, 0.01))


def test_nothing_is_detectable_in_a_region_that_is_too_narrow():
    se = 0.01
    margin = effects.smallest_provable_margin(se)
    assert effects.detectable_room(Region(-0.99 * margin, 0.99 * margin, 0.90), se) == inf
    assert effects.detectable_room(
        Region(-1.001 * margin, 1.001 * margin, 0.90), se
    ) == pytest.approx(margin, rel=0.1)
    assert effects.detectable_room(Region(-0.06, 0.06, 0.90), 0.05) == inf


def test_a_shape_asks_more_than_any_of_its_parts():
    found = effects.detectable_effects()
    assert found["rq4_either_mode"] == inf  # two equivalences that cannot be shown
    assert found["rq2_plateau"] < inf  # a direction and a non-inferiority
    assert found["rq2_growth"] > found["rq1_average"]
    assert found["rq8_topic_following"] > found["rq8_average"]


def test_power_as_printed_is_that_of_the_papers_number():
    ledger, design = claims.load(), Design()
    found = effects.power_as_printed(ledger["rq1_average"], design)
    se = variance.standard_error(weights_of("safety"), design)
    assert found == pytest.approx(effects.power_at(DIRECTION, se, 0.009))
    steps = effects.power_as_printed(ledger["rq2_growth"], design)
    assert steps == pytest.approx(effects.power_at(DIRECTION, se, 0.012))
    assert effects.power_as_printed(ledger["rq7_released"], design) < 0.025
    assert effects.power_as_printed(ledger["rq5_overfitting"], design) is None


def test_one_contrast_over_another_varies_as_three_guards_do():
    weights = weights_of("safety")
    twice = claims.load()["rq2_diminishing"].tests[0]
    se = variance.sample_error(weights, Design())
    assert effects.error_of(twice, Design()) == pytest.approx(3**0.5 * se)
    assert effects.error_of(claims.load()["rq1_average"], Design()) == pytest.approx(se)
    varying = effects.error_of(twice, Design(training_sd=0.01))
    assert varying**2 == pytest.approx(3 * se**2 + 6 * 0.01**2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("average", "limit", "generations", "count"),
    [("safety", 400, 4, 1000), ("custom", 100, 4, 3000), ("safety", 40, 1, 2000)],
)
def test_bootstrap_intervals_cover_the_true_value(average, limit, generations, count):
    """Cells uncut do the same in more time. The last is of the smoke profile's size.

    Of these studies, 94.4 %, 95.0 % and 94.9 % of averages were covered, and 96.1 %, 95.3 % and
    96.3 % of differences.
    """
    weights = weights_of(average)
    cells = shapes(weights, limit)
    true = [sum(weights[cell.name] * cell.f1[guard] for cell in cells) for guard in (0, 1)]
    covered = [
        (alone.low <= true[0] <= alone.high, gain.low <= true[0] - true[1] <= gain.high)
        for alone, gain in intervals(cells, weights, count, 500, generations=generations)
    ]
    low, high = COVERED
    assert (low <= np.mean(covered, axis=0)).all()
    assert (np.mean(covered, axis=0) <= high).all()


def test_the_t_interval_covers_what_training_yields_on_these_examples():
    weights = weights_of("response")
    cells = shapes(weights, 60)
    covered = []
    for number in range(500):
        study = studies.draw(
            cells, np.random.default_rng(number), generations=1, runs=104, training=0.1
        )
        by_run = [
            sum(
                weights[cell.shape.name] * f1_of(cell.truth[:, None], cell.right[guard, :, :, 0])
                for cell in study
            )
            for guard in (0, 1)
        ]
        gains = by_run[0] - by_run[1]
        found = paired_seed_interval(gains[:4].tolist())
        covered.append(found.low <= gains[4:].mean() <= found.high)
    assert 0.93 <= np.mean(covered) <= 0.97


def f1_of(truth, right):
    hits, wrong = (truth & right).sum(axis=0), (~right).sum(axis=0)
    return 2 * hits / (2 * hits + wrong)


def test_an_interval_over_examples_covers_as_little_as_the_formula_says_if_training_varies():
    weights = weights_of("safety")
    cells = shapes(weights, 100)
    same = [replace(cell, f1=(cell.f1[1], cell.f1[1])) for cell in cells]
    gains, covered = [], []
    for number in range(500):
        study = studies.draw(same, np.random.default_rng(number), training=0.15)
        ours, theirs = replicate(studies.counted(study, weights), 200, number)
        found = percentile(ours - theirs, 0.95, 100)
        gains.append(found.estimate)
        covered.append(found.low <= 0 <= found.high)
    se = variance.sample_error(weights, Design(limit=100))
    total = np.std(gains)
    assert total > 1.3 * se
    expected = 2 * NormalDist().cdf(1.96 * se / total) - 1
    assert np.mean(covered) == pytest.approx(expected, abs=0.04)


@pytest.mark.slow
def test_what_is_called_detectable_is_detected_in_four_of_five_studies():
    weights = weights_of("safety")
    design = Design(limit=400)
    level = shapes(weights, 400)
    raised = [replace(cell, f1=(cell.f1[0], cell.f1[0])) for cell in level]
    se = variance.sample_error(weights, design)
    effect = effects.detectable_room(DIRECTION, se)
    lowered = [replace(cell, f1=(cell.f1[0], cell.f1[0] - effect)) for cell in level]
    found = [gain.side == 1 for _, gain in intervals(lowered, weights, 500, 300)]
    assert np.mean(found) == pytest.approx(0.80, abs=0.06)
    margin = effects.smallest_provable_margin(se)
    equal = [
        -margin < gain.low and gain.high < margin
        for _, gain in intervals(raised, weights, 500, 300, levels=(0.90,))
    ]
    assert np.mean(equal) == pytest.approx(0.80, abs=0.06)
